"""Small questions to a tenant: what an app offers, who somebody is, how much of the limits is left."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipeline.changes.snapshot import OktaApp, OktaEntitlement
from pipeline.errors import ErrorCode, InputError, TenantError
from pipeline.okta.budget import BucketStatus
from pipeline.okta.pages import require
from pipeline.okta.wire import UserBody
from pipeline.plan.model import OktaAppRef
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.generating import app_reference
from pipeline.use_cases.tenant import Tenant, open_tenant

PAGES_MAX = 5
"""Of one search: 1,000 people."""
PLANS_LOOKED_AT = 5
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_APP = re.compile(r"^okta_app:(?=\s).*(?:\n[ \t]+.*)*", re.MULTILINE)
START_BYTES = 4096
"""Of a plan, in which its app is named."""
_ID = re.compile(r"[A-Za-z0-9]{10,64}")


@dataclass(frozen=True, slots=True)
class FoundUser:
    id: str
    login: str
    email: str
    first_name: str
    last_name: str
    status: str


@dataclass(frozen=True, slots=True)
class Found:
    """What one search found. ``is_whole`` is False where there are more than were read."""

    attribute: str
    value: str
    users: tuple[FoundUser, ...]
    is_whole: bool = True
    failed: bool = False


async def app_entitlements(desk: Desk, app_text: str) -> tuple[OktaApp, tuple[OktaEntitlement, ...]]:
    """The app and all its entitlements with all values. Raises TenantError where a listing is incomplete."""
    async with open_tenant(desk) as tenant:
        okta_app = await tenant.reads.okta_app(app_reference(app_text))
        entitlements, listings = await tenant.reads.entitlements(okta_app.id)
        require(listings)
        return okta_app, entitlements


async def one_entitlement(desk: Desk, entitlement_id: str) -> OktaEntitlement:
    """One entitlement with all its values. Raises InputError where the id is none or there is none."""
    if not _ID.fullmatch(entitlement_id):
        raise not_an_id("entitlementId")
    async with open_tenant(desk) as tenant:
        found = await tenant.reads.entitlement(entitlement_id)
    if found is None:
        raise InputError(
            ErrorCode.USAGE, "There is no such entitlement", "Okta knows no entitlement of this id."
        )
    return found


async def find_users(desk: Desk, wanted: Sequence[tuple[str, str]]) -> list[Found]:
    """What a search for each (attribute, value) finds; ``id`` and profile attributes, exact values only.
    Raises InputError where an attribute is none, CredentialError where people may not be read.
    """
    for attribute, _ in wanted:
        if not _ATTRIBUTE.fullmatch(attribute):
            raise not_an_id("attribute")
    async with open_tenant(desk) as tenant:
        return list(await asyncio.gather(*(_find(tenant, *each) for each in wanted)))


async def _find(tenant: Tenant, attribute: str, value: str) -> Found:
    key = "id" if attribute == "id" else f"profile.{attribute}"
    escaped = value.strip().replace("\\", "\\\\").replace('"', '\\"')
    listed = await tenant.reads.users_listed(f'{key} eq "{escaped}"', pages_max=PAGES_MAX)
    users = tuple(_user(each) for each in listed.items)
    failed = not listed.listing.complete and listed.listing.pages < PAGES_MAX
    return Found(attribute, value, users, listed.listing.complete, failed)


def _user(body: UserBody) -> FoundUser:
    profile = body.profile
    first, last = profile.first_name or "", profile.last_name or ""
    return FoundUser(body.id, profile.login, profile.email or "", first, last, body.status)


async def rates_of_workspace(desk: Desk) -> list[BucketStatus]:
    """The buckets of people, and of the app of the newest plan in ``plans/`` whose app is there."""
    folder = desk.workspace / "plans"
    plans = sorted(folder.glob("*.yaml"), key=lambda path: -path.stat().st_mtime) if folder.is_dir() else []
    return await rates(desk, apps_of(plans[:PLANS_LOOKED_AT]))


def apps_of(plans: Iterable[Path]) -> list[OktaAppRef]:
    """The apps that these plan files name near their beginning, each once; the rest of them is not read."""
    found = dict.fromkeys(each for path in plans if (each := _app_of(path)) is not None)
    return list(found)


def _app_of(plan: Path) -> OktaAppRef | None:
    with plan.open("rb") as file:
        start = file.read(START_BYTES).decode("utf-8", "replace")
    named = _APP.search(start)
    try:
        return OktaAppRef.model_validate(yaml.safe_load(named[0])["okta_app"]) if named else None
    except (yaml.YAMLError, ValueError, RecursionError):  # no plan, or one that a person is at
        return None


async def rates(desk: Desk, okta_apps: Iterable[OktaAppRef]) -> list[BucketStatus]:
    """Limit and rest of every bucket that a few cheap reads show: of people, and of the first of
    ``okta_apps`` that is there. Raises TenantError where nothing can be read.
    """
    async with open_tenant(desk) as tenant:
        await tenant.reads.probe()
        if tenant.client.service_app is None:
            await tenant.reads.me()
        for each in okta_apps:
            if await _read_an_app(tenant, each):
                break
        return tenant.budget.status(desk.runtime.clock.now())


async def _read_an_app(tenant: Tenant, ref: OktaAppRef) -> bool:
    try:
        okta_app = await tenant.reads.okta_app(ref)
        await tenant.reads.entitlements(okta_app.id)
        await tenant.reads.grants_of(okta_app.id, NOBODY)
    except TenantError:
        return False
    return True


NOBODY = "00u00000000000000000"
"""An id of nobody: asking for their grants shows the limits and reads no one's access."""


def not_an_id(argument: str) -> InputError:
    """The error of an argument that names nothing."""
    return InputError(
        ErrorCode.USAGE,
        "An argument names nothing of Okta",
        f"{argument} holds letters and digits only.",
    )
