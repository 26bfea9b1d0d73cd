"""From an org file to rows. Ids the file gives are kept, all others are made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING

from pipeline.emulator.ids import number_of
from pipeline.emulator.operations import seed_operations
from pipeline.emulator.risk_rule_rows import Criterion, RiskRule, add_risk_rule
from pipeline.emulator.times import parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.emulator.orgfile import Grant, OktaApp, User
    from pipeline.emulator.tenant import Tenant

ValueIds = dict[tuple[str, str], str]
"""(external value of the entitlement, external value) -> id of the value."""


@dataclass(frozen=True, slots=True)
class _Names:
    """Ids by the names the org file uses."""

    user_ids: dict[str, str]
    value_ids: ValueIds
    bundle_ids: dict[str, str]


_MANAGEMENT: dict[bool | str, str] = {True: "ENABLED", False: "NONE"}
"""The org file's word -> emOptInStatus (okta-api.md 2.1), where the two differ."""


def seed_org(tenant: Tenant) -> str:
    """Fill the empty tables and return the org's id. Runs inside the caller's transaction."""
    org = tenant.org
    tenant.last_number = max((number_of(given) for given in org.given_ids()), default=0)
    org_id = org.org.id or tenant.new_id("00o")
    user_ids = _add_users(tenant, org.users)
    for okta_app in org.okta_apps:
        _add_app(tenant, okta_app, user_ids)
    seed_operations(tenant, org.operations)
    return org_id


def _add_users(tenant: Tenant, users: Iterable[User]) -> dict[str, str]:
    """Their ids by folded login."""
    now = tenant.now()
    user_ids: dict[str, str] = {}

    def rows() -> Iterator[tuple[object, ...]]:
        for user in users:
            user_id = user_ids[user.login.casefold()] = user.id or tenant.new_id("00u")
            yield _user_row(user, user_id, now)

    tenant.db.executemany("INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows())
    return user_ids


def _user_row(user: User, user_id: str, now: float) -> tuple[object, ...]:
    key = user.login.casefold()
    email = user.email or user.login
    # In whole seconds, as it is shown: a search must find what a client has read.
    created = float(int(parse_instant(user.created) if user.created else now))
    row = (user_id, user.status, user.login, key, key.split("@")[0], email)
    return (*row, email.casefold(), json.dumps(user.profile()), created)


def _add_app(tenant: Tenant, okta_app: OktaApp, user_ids: dict[str, str]) -> None:
    app_id, now = okta_app.id or tenant.new_id("0oa"), tenant.now()
    word = okta_app.entitlement_management
    management = _MANAGEMENT.get(word, str(word))
    tenant.write(
        "INSERT INTO apps VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *(app_id, okta_app.label, okta_app.name, okta_app.status, json.dumps(okta_app.features)),
        *(management, okta_app.implicit_assignment, now),
    )
    _add_assignments(tenant, okta_app, app_id, user_ids)
    value_ids = _add_entitlements(tenant, okta_app, app_id)
    bundle_ids = _add_bundles(tenant, okta_app, app_id, value_ids)
    _add_risk_rules(tenant, okta_app, app_id, value_ids)
    _add_grants(tenant, okta_app.grants, app_id, _Names(user_ids, value_ids, bundle_ids))


def _add_assignments(tenant: Tenant, okta_app: OktaApp, app_id: str, user_ids: dict[str, str]) -> None:
    now = tenant.now()
    tenant.db.executemany(
        "INSERT INTO app_users SELECT ?, id, ?, coalesce(?, login), ?, ?, ? FROM users WHERE id = ?",
        (
            (app_id, a.scope, a.user_name, json.dumps(a.profile), now, now, user_ids[a.user.casefold()])
            for a in okta_app.assigned
        ),
    )


def _add_entitlements(tenant: Tenant, okta_app: OktaApp, app_id: str) -> ValueIds:
    value_ids: ValueIds = {}
    now = tenant.now()
    for e in okta_app.entitlements:
        entitlement_id = e.id or tenant.new_id("esp")
        tenant.write(
            "INSERT INTO entitlements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(
                entitlement_id,
                app_id,
                e.name,
                e.external_value,
                e.description,
                e.multi_value,
                e.required,
                now,
                now,
            ),
        )
        for value in e.values:
            value_id = value_ids[e.external_value, value.external_value] = value.id or tenant.new_id("ent")
            tenant.write(
                "INSERT INTO entitlement_values VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                *(
                    value_id,
                    app_id,
                    entitlement_id,
                    value.name,
                    value.external_value,
                    value.description,
                    now,
                    now,
                ),
            )
    return value_ids


def _add_bundles(tenant: Tenant, okta_app: OktaApp, app_id: str, value_ids: ValueIds) -> dict[str, str]:
    """The ids of the living ones by name."""
    bundle_ids: dict[str, str] = {}
    now = tenant.now()
    for bundle in okta_app.bundles:
        bundle_id = bundle.id or tenant.new_id("enb")
        created = parse_instant(bundle.created) if bundle.created else now
        if bundle.status == "ACTIVE":
            bundle_ids[bundle.name] = bundle_id
        tenant.write(
            "INSERT INTO bundles VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(bundle_id, app_id, bundle.name, bundle.description, bundle.status, *[created] * 2),
        )
        _add_values(tenant, "bundle_values", bundle_id, bundle.values, value_ids)
    return bundle_ids


def _add_risk_rules(tenant: Tenant, okta_app: OktaApp, app_id: str, value_ids: ValueIds) -> None:
    for rule in okta_app.risk_rules:
        criteria = tuple(
            Criterion(
                criterion.name,
                criterion.operation,
                tuple(value_ids[key, value] for key, names in criterion.values.items() for value in names),
            )
            for criterion in rule.criteria
        )
        wanted = RiskRule(app_id, rule.name, rule.description, rule.notes, criteria, rule.status)
        add_risk_rule(tenant, rule.id or tenant.new_id("rul"), wanted)


def _add_values(
    tenant: Tenant, table: str, holder_id: str, values: dict[str, list[str]], value_ids: ValueIds
) -> None:
    tenant.db.executemany(
        f"INSERT INTO {table} VALUES (?, ?)",  # noqa: S608  one of two constants
        _value_rows(holder_id, values, value_ids),
    )


def _value_rows(holder_id: str, values: dict[str, list[str]], value_ids: ValueIds) -> list[tuple[str, str]]:
    return [
        (holder_id, value_ids[entitlement, value]) for entitlement, names in values.items() for value in names
    ]


_BATCH = 2000


def _add_grants(tenant: Tenant, grants: Iterable[Grant], app_id: str, names: _Names) -> None:
    now = tenant.now()
    entries = iter(grants)
    while batch := list(islice(entries, _BATCH)):
        numbered = [(grant.id or tenant.new_id("gra"), grant) for grant in batch]
        tenant.db.executemany(
            "INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (_grant_row(grant, grant_id, app_id, names, now) for grant_id, grant in numbered),
        )
        held = (_value_rows(grant_id, grant.values, names.value_ids) for grant_id, grant in numbered)
        tenant.db.executemany("INSERT INTO grant_values VALUES (?, ?)", chain.from_iterable(held))


def _grant_row(grant: Grant, grant_id: str, app_id: str, names: _Names, now: float) -> tuple[object, ...]:
    bundle_id = names.bundle_ids[grant.bundle] if grant.bundle else None
    who = (grant_id, app_id, names.user_ids[grant.user.casefold()], grant.type, bundle_id)
    expires_at = parse_instant(grant.expires) if grant.expires else None
    about = (grant.action, grant.actor, grant.status, grant.expires, expires_at, grant.time_zone)
    return (*who, *about, now, now)
