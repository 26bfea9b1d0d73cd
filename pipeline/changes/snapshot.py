"""The slice of the tenant that was read, as plain values, with proof that each listing was complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pipeline.plan.duties import Rule

RISK_RULES = "risk_rules"
"""The listing of the app's risk rules; it is there only where somebody may get something."""
OF_UNKNOWN_KIND = "of a kind that this version does not know"
"""The status of a risk rule whose criteria could not be understood."""


class GrantType(StrEnum):
    """Okta's grant types. CUSTOM and POLICY are base grants; the others add to what exists."""

    CUSTOM = "CUSTOM"
    POLICY = "POLICY"
    ENTITLEMENT = "ENTITLEMENT"
    BUNDLE = "ENTITLEMENT-BUNDLE"

    @property
    def is_base(self) -> bool:
        return self in (GrantType.CUSTOM, GrantType.POLICY)


class EntitlementManagement(StrEnum):
    """Whether the app's entitlements are managed in Okta; UNKNOWN means no answer said so."""

    ENABLED = "ENABLED"
    ENABLING = "ENABLING"
    DISABLED = "DISABLED"
    DISABLING = "DISABLING"
    NONE = "NONE"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class OktaUser:
    id: str
    login: str
    email: str
    status: str

    @property
    def is_deprovisioned(self) -> bool:
        return self.status == "DEPROVISIONED"


@dataclass(frozen=True, slots=True)
class OktaValue:
    id: str
    name: str
    external_value: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class OktaEntitlement:
    id: str
    name: str
    external_value: str
    multi_value: bool
    values: tuple[OktaValue, ...]
    description: str | None = None


@dataclass(frozen=True, slots=True)
class OktaGrant:
    """One listed grant. ``values`` are (entitlement id, value id) pairs."""

    id: str
    user_id: str
    type: str
    """A GrantType's text, or one Okta invented since: unknown types are never written beside."""
    action: str
    status: str
    values: frozenset[tuple[str, str]]
    expires: str | None = None
    bundle_id: str | None = None


@dataclass(frozen=True, slots=True)
class BaseAccess:
    """One person's base grant as principal-access tells it; ``values`` as in OktaGrant."""

    grant_id: str
    type: str
    values: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class AppUser:
    user_id: str
    scope: str
    status: str

    @property
    def is_assigned(self) -> bool:
        return self.status not in {"DEPROVISIONED", "UNASSIGNED", "REVOKED"}


@dataclass(frozen=True, slots=True)
class OktaApp:
    id: str
    label: str
    status: str
    entitlement_management: EntitlementManagement
    implicit_assignment: bool
    has_provisioning: bool
    orn: str | None = None
    """Its resource name, by which Okta's risk rules name it; None where Okta did not tell."""


@dataclass(frozen=True, slots=True)
class RiskSide:
    """One criterion of a risk rule: (entitlement id, value id) pairs, any one of them or all."""

    values: frozenset[tuple[str, str]]
    needs_all: bool


@dataclass(frozen=True, slots=True)
class RiskRule:
    """One of Okta's own rules of separation of duties: nobody may meet all of its sides."""

    id: str
    name: str
    description: str | None
    status: str
    sides: tuple[RiskSide, ...]

    @property
    def is_active(self) -> bool:
        return self.status == "ACTIVE"


class LookupStatus(StrEnum):
    """How the search for one principal ended. All but FOUND are holds of their own."""

    FOUND = "found"
    NOT_FOUND = "user_not_found"
    AMBIGUOUS = "user_ambiguous"
    DEPROVISIONED = "user_deprovisioned"
    FAILED = "user_lookup_failed"


@dataclass(frozen=True, slots=True)
class Lookup:
    """What is known of one principal: the user it resolves to, or why it resolves to none."""

    principal: str
    status: LookupStatus
    user: OktaUser | None = None
    detail: str = ""
    named: tuple[str, ...] = ()
    """Logins that ``detail`` names."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Proof of one listing: its page chain closed (``complete``), how many pages and items it had."""

    name: str
    pages: int
    items: int
    complete: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading the snapshot took: calls by bucket, seconds in all, seconds of a typical call."""

    calls: Mapping[str, int] = field(default_factory=dict)
    took_s: float = 0.0
    call_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a diff looks at. ``people`` is keyed by ``address.principal_key``."""

    org_id: str
    org_host: str
    okta_app: OktaApp
    entitlements: tuple[OktaEntitlement, ...]
    people: Mapping[str, Lookup]
    app_users: Mapping[str, AppUser]
    grants: Mapping[str, tuple[OktaGrant, ...]]
    """By Okta user id."""
    listings: tuple[Listing, ...]
    """Named "entitlements", "values", "app_users", "grants"."""
    observed_at_s: float
    bucket_limits: Mapping[str, int] = field(default_factory=dict)
    """Calls per minute allowed by each bucket seen so far (the header's figure), by bucket name."""
    reading: Reading = Reading()
    protected: frozenset[str] = frozenset()
    """Logins and e-mails, case-folded, and ids of users from whom nothing is taken."""
    bases: Mapping[str, BaseAccess] = field(default_factory=dict)
    """By Okta user id: the policy grants of those who are to be converted, where they could be read."""

    rules: tuple[Rule, ...] = ()
    """Of separation of duties, from the policies of the workspace; about whatever app."""
    risk_rules: tuple[RiskRule, ...] = ()
    """Okta's own, of this app."""
    risk_rules_unread: str = ""
    """Why this credential or org does not tell them."""
    allowed_conflicts: frozenset[str] = frozenset()
    """Ids of rules, case-folded, that somebody may break this once."""

    @property
    def risk_rules_torn(self) -> bool:
        return any(each.name == RISK_RULES and not each.complete for each in self.listings)

    @property
    def names(self) -> Iterator[str]:
        """Every name by which people were looked up or found."""
        for lookup in self.people.values():
            yield lookup.principal
            yield from lookup.named
            if lookup.user is not None:
                yield from (lookup.user.login, lookup.user.email)

    def is_complete(self, listing: str) -> bool:
        return any(each.name == listing and each.complete for each in self.listings)
