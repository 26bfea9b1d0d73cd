"""Small builders with defaults: a plan, a tenant's snapshot and a change set in one line each.

Ids are a pure function of names (``okta_id``), so a grant can be built without looking up its entitlement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from pipeline.address import Address, Kind, principal_key
from pipeline.changes.model import Action, Change, ChangeSet, Hold, Keep, PersonTarget, holding
from pipeline.changes.snapshot import (
    AppUser,
    EntitlementManagement,
    Listing,
    Lookup,
    LookupStatus,
    OktaApp,
    OktaEntitlement,
    OktaGrant,
    OktaUser,
    OktaValue,
    Snapshot,
)
from pipeline.findings import Finding
from pipeline.plan.model import (
    Assignments,
    Cohort,
    Entitlement,
    GrantOptions,
    Limits,
    Move,
    OktaAppRef,
    Plan,
    Value,
)

APP_ID = "0oa1example0000000x7"
APP_LABEL = "ERP"
ORG_ID = "00o1example0000000x7"
ORG_HOST = "acme.okta.com"
PLAN_DIGEST = "a" * 64
OBSERVED_AT_S = 1_767_225_600.0
"""2026-01-01T00:00:00Z."""
LISTINGS = ("entitlements", "values", "app_users", "grants")

Values = Mapping[str, Sequence[str]]


def okta_id(prefix: str, *names: str) -> str:
    """A 20-character id that is always the same for the same names."""
    return prefix + sha256("\0".join(names).encode()).hexdigest()[: 20 - len(prefix)]


# the plan


def value(name: str, *, external_value: str | None = None, description: str | None = None) -> Value:
    return Value(name=name, external_value=external_value or name, description=description)


def entitlement(
    name: str = "Role",
    *values: str | Value,
    external_value: str | None = None,
    multi_value: bool = True,
    description: str | None = None,
) -> Entitlement:
    return Entitlement(
        name=name,
        external_value=external_value or name,
        multi_value=multi_value,
        description=description,
        values=tuple(value(each) if isinstance(each, str) else each for each in values),
    )


def cohort(values: Values, *users: str, expires: str | None = None) -> Cohort:
    return Cohort(
        values={name: tuple(sorted(held)) for name, held in sorted(values.items())},
        expires=expires,
        users=users,
    )


def plan(
    *,
    access: Iterable[Cohort] = (),
    entitlements: Iterable[Entitlement] | None = None,
    name: str = "erp-access",
    tenant: str | None = None,
    okta_app: OktaAppRef | None = None,
    assignments: Assignments | None = None,
    removals: Iterable[Cohort] = (),
    moved: Iterable[Move] = (),
    grants: GrantOptions | None = None,
    limits: Limits | None = None,
) -> Plan:
    """A plan; entitlements left out are those that ``access`` names, all of them multi-value."""
    cohorts = tuple(access)
    return Plan(
        name=name,
        tenant=tenant,
        okta_app=okta_app or OktaAppRef(id=APP_ID, label=APP_LABEL),
        entitlements=_named_in(cohorts) if entitlements is None else tuple(entitlements),
        assignments=assignments or Assignments(),
        access=cohorts,
        removals=tuple(removals),
        moved=tuple(moved),
        grants=grants or GrantOptions(),
        limits=limits or Limits(),
    )


def _named_in(cohorts: Sequence[Cohort]) -> tuple[Entitlement, ...]:
    named: dict[str, set[str]] = {}
    for each in cohorts:
        for name, values in each.values.items():
            named.setdefault(name, set()).update(values)
    return tuple(entitlement(name, *sorted(values)) for name, values in sorted(named.items()))


# the tenant


def okta_app(
    *,
    id: str = APP_ID,  # noqa: A002 - the field's own name
    label: str = APP_LABEL,
    status: str = "ACTIVE",
    entitlement_management: EntitlementManagement = EntitlementManagement.ENABLED,
    implicit_assignment: bool = False,
    has_provisioning: bool = False,
) -> OktaApp:
    return OktaApp(
        id=id,
        label=label,
        status=status,
        entitlement_management=entitlement_management,
        implicit_assignment=implicit_assignment,
        has_provisioning=has_provisioning,
    )


def okta_value(entitlement_name: str, name: str, *, external_value: str | None = None) -> OktaValue:
    key = external_value or name
    return OktaValue(id=value_id(entitlement_name, key), name=name, external_value=key)


def entitlement_id(external_value: str) -> str:
    return okta_id("esp", external_value)


def value_id(entitlement_external_value: str, external_value: str) -> str:
    return okta_id("ent", entitlement_external_value, external_value)


def okta_entitlement(
    name: str = "Role",
    *values: str | OktaValue,
    external_value: str | None = None,
    multi_value: bool = True,
    description: str | None = None,
) -> OktaEntitlement:
    key = external_value or name
    return OktaEntitlement(
        id=entitlement_id(key),
        name=name,
        external_value=key,
        multi_value=multi_value,
        values=tuple(okta_value(key, each) if isinstance(each, str) else each for each in values),
        description=description,
    )


def okta_user(
    login: str = "alice@acme.example.com",
    *,
    id: str | None = None,  # noqa: A002 - the field's own name
    email: str | None = None,
    status: str = "ACTIVE",
) -> OktaUser:
    return OktaUser(id=id or user_id(login), login=login, email=email or login, status=status)


def user_id(login: str) -> str:
    return okta_id("00u", principal_key(login))


def found(principal: str, user: OktaUser | None = None) -> Lookup:
    return Lookup(principal, LookupStatus.FOUND, user or okta_user(principal))


def not_found(principal: str, status: LookupStatus = LookupStatus.NOT_FOUND, detail: str = "") -> Lookup:
    return Lookup(principal, status, None, detail)


def okta_grant(
    login: str = "alice@acme.example.com",
    values: Values | None = None,
    *,
    type: str = "CUSTOM",  # noqa: A002 - the field's own name
    id: str | None = None,  # noqa: A002 - the field's own name
    action: str = "ALLOW",
    status: str = "ACTIVE",
    expires: str | None = None,
    bundle_id: str | None = None,
) -> OktaGrant:
    """A grant of the user with this login; ``values`` by externalValue."""
    return OktaGrant(
        id=id or okta_id("gra", principal_key(login), type, bundle_id or ""),
        user_id=user_id(login),
        type=type,
        action=action,
        status=status,
        values=frozenset(
            (entitlement_id(name), value_id(name, held))
            for name, several in (values or {}).items()
            for held in several
        ),
        expires=expires,
        bundle_id=bundle_id,
    )


def app_user(login: str, *, scope: str = "USER", status: str = "ACTIVE") -> AppUser:
    return AppUser(user_id=user_id(login), scope=scope, status=status)


def listings(incomplete: Iterable[str] = ()) -> tuple[Listing, ...]:
    broken = set(incomplete)
    return tuple(
        Listing(name, pages=1, items=0, complete=name not in broken, problem="torn" if name in broken else "")
        for name in LISTINGS
    )


def snapshot(
    *,
    people: Iterable[str | Lookup] = (),
    assigned: Iterable[str | AppUser] = (),
    grants: Iterable[OktaGrant] = (),
    entitlements: Iterable[OktaEntitlement] = (),
    okta_app: OktaApp | None = None,
    org_id: str = ORG_ID,
    org_host: str = ORG_HOST,
    incomplete: Iterable[str] = (),
    observed_at_s: float = OBSERVED_AT_S,
    bucket_limits: Mapping[str, int] | None = None,
) -> Snapshot:
    """A tenant: ``people`` given as text are found under that login; ``incomplete`` names torn listings."""
    lookups = [found(each) if isinstance(each, str) else each for each in people]
    app_users = [app_user(each) if isinstance(each, str) else each for each in assigned]
    by_user: dict[str, tuple[OktaGrant, ...]] = {}
    for each in grants:
        by_user[each.user_id] = (*by_user.get(each.user_id, ()), each)
    return Snapshot(
        org_id=org_id,
        org_host=org_host,
        okta_app=okta_app or _default_app(),
        entitlements=tuple(entitlements),
        people={principal_key(each.principal): each for each in lookups},
        app_users={each.user_id: each for each in app_users},
        grants=by_user,
        listings=listings(incomplete),
        observed_at_s=observed_at_s,
        bucket_limits=bucket_limits or {},
    )


_default_app = okta_app


# the change set


def person(
    login: str = "alice@acme.example.com", *, grant_id: str | None = None, expires: str | None = None
) -> PersonTarget:
    return PersonTarget(
        principals=(login,), user_id=user_id(login), login=login, grant_id=grant_id, expires=expires
    )


def grant_change(
    login: str = "alice@acme.example.com",
    after: Values | None = None,
    *,
    before: Values | None = None,
    depends_on: tuple[Address, ...] = (),
    expires: str | None = None,
) -> Change:
    """A grant, or an extend where ``before`` is given."""
    earlier = _holding(before or {})
    return Change(
        address=Address(Kind.GRANT, principal_key(login)),
        action=Action.EXTEND if earlier else Action.GRANT,
        message=f"grant {login}",
        before=earlier,
        after=_holding(after or {"Role": ["Admin"]}),
        depends_on=depends_on,
        person=person(
            login, grant_id=okta_id("gra", principal_key(login)) if earlier else None, expires=expires
        ),
    )


def _holding(values: Values) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return holding({name: tuple(held) for name, held in values.items()})


def assign_change(login: str = "alice@acme.example.com") -> Change:
    return Change(
        address=Address(Kind.ASSIGNMENT, principal_key(login)),
        action=Action.ASSIGN,
        message=f"assign {login} to {APP_LABEL}",
        before=(),
        after=(),
        person=person(login),
    )


def change_set(
    *changes: Change,
    holds: Iterable[Hold] = (),
    keeps: Iterable[Keep] = (),
    findings: Iterable[Finding] = (),
    plan_digest: str = PLAN_DIGEST,
    org_id: str = ORG_ID,
    observed_at_s: float = OBSERVED_AT_S,
) -> ChangeSet:
    return ChangeSet(
        org_id=org_id,
        org_host=ORG_HOST,
        okta_app_id=APP_ID,
        okta_app_label=APP_LABEL,
        plan_name="erp-access",
        plan_digest=plan_digest,
        observed_at_s=observed_at_s,
        changes=changes,
        holds=tuple(holds),
        keeps=tuple(keeps),
        findings=tuple(findings),
    )
