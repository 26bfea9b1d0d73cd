"""Keeping two applies of one app apart: on this machine, or wherever OKTA_PLAN_SHARED is set."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipeline.errors import ErrorCode, InputError, StoppedError
from pipeline.plan.model import Plan
from pipeline.run.lease import Lease, LeasePlace, LeaseText, Owner, hold_lease
from pipeline.run.lease_file import FileLease, lease_path
from pipeline.run.lease_s3 import S3Lease
from pipeline.run.process import process_start, this_host
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Leased:
    """A lease that is held, and of what."""

    lease: Lease
    org_id: str
    app_id: str


@asynccontextmanager
async def app_lease(
    desk: Desk, tenant: Tenant, plan: Plan, *, run_id: str, wait_s: float, stop: asyncio.Event
) -> AsyncIterator[Leased]:
    """One live apply at a time for each org and app. ``stop`` is set when the lease is lost.

    Raises RefusedError, naming the owner, where another apply holds it for longer than ``wait_s``; InputError
    where the place of leases cannot be used; TenantError where a label is that of no app, or of several.
    """
    org_id = await tenant.reads.organization()
    app_id = plan.okta_app.id or (await tenant.reads.okta_app(plan.okta_app)).id
    owner = Owner(
        pid=os.getpid(), process_started=process_start(os.getpid()), host=this_host(), run_id=run_id
    )
    place = _place(desk, org_id, app_id)
    clock, rng = desk.runtime.clock, desk.runtime.rng
    async with hold_lease(place, owner, clock, rng, stop=stop, wait_s=wait_s) as lease:
        yield Leased(lease, org_id, app_id)


def lease_lost(lease: Lease) -> StoppedError | None:
    """Why the run had to stop, where its lease was lost."""
    if not lease.lost:
        return None
    return StoppedError(
        ErrorCode.LEASE_LOST,
        "The lease was lost",
        f"{lease.lost} Nothing more was sent.",
        next_step="See with `okta-plan runs` what was done; go on when no other apply is under way.",
    )


async def lease_of(desk: Desk, org_id: str, app_id: str, run_id: str) -> LeaseText | None:
    """The lease of that run; None where nobody holds one for it. Raises InputError as ``app_lease`` does."""
    for place in (_own_place(desk, org_id, app_id), _place(desk, org_id, app_id)):
        found = await place.holder()
        if found is not None and found.run_id == run_id:
            return found
    return None


def _own_place(desk: Desk, org_id: str, app_id: str) -> LeasePlace:
    return FileLease(lease_path(desk.runtime.runs_dir, org_id, app_id), process_start)


def _place(desk: Desk, org_id: str, app_id: str) -> LeasePlace:
    """An embedded emulator is of this workspace alone, and so is its lease."""
    if desk.org_file is not None or not desk.settings.shared:
        return _own_place(desk, org_id, app_id)
    from pipeline.use_cases.s3 import s3_objects

    bucket, prefix = shared_place(desk.settings.shared)
    key = f"{prefix}leases/{org_id}-{app_id}.json"
    objects = s3_objects(desk.settings, bucket)
    return S3Lease(objects, key, desk.runtime.clock, process_start, shown=f"s3://{bucket}/{key}")


def shared_place(url: str) -> tuple[str, str]:
    """Bucket and prefix of OKTA_PLAN_SHARED; a prefix that is there ends with ``/``. Raises InputError."""
    parts = urlsplit(url.strip())
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise InputError(
            ErrorCode.SETTINGS_INVALID,
            "The shared place cannot be used",
            "OKTA_PLAN_SHARED is not of the form s3://bucket/prefix.",
            next_step="Set it to a bucket and a prefix, e.g. OKTA_PLAN_SHARED=s3://acme-okta-plan/prod.",
        )
    prefix = parts.path.strip("/")
    return parts.netloc, f"{prefix}/" if prefix else ""
