"""What is read of Okta's bodies; unknown keys are ignored (shapes: okta-api.md 1 to 6 and its recordings)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pipeline.changes.snapshot import (
    OF_UNKNOWN_KIND,
    AppUser,
    BaseAccess,
    EntitlementManagement,
    OktaApp,
    OktaEntitlement,
    OktaGrant,
    OktaUser,
    OktaValue,
    RiskRule,
    RiskSide,
)


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


def _told(given: object) -> object:
    return "" if given is None else given


def _listed(given: object) -> object:
    return () if given is None else given


Text = Annotated[str, BeforeValidator(_told)]
"""Where null says no more than the key's absence would."""


class Cause(Wire):
    summary: Annotated[Text, Field(alias="errorSummary")] = ""


class OktaError(Wire):
    """The body of a refusal."""

    code: Annotated[str, Field(alias="errorCode")]
    summary: Annotated[Text, Field(alias="errorSummary")] = ""
    causes: Annotated[tuple[Cause, ...], Field(alias="errorCauses"), BeforeValidator(_listed)] = ()


class OrganizationBody(Wire):
    id: str


class ProfileBody(Wire):
    login: str = ""
    email: str | None = None
    first_name: Annotated[str | None, Field(alias="firstName")] = None
    last_name: Annotated[str | None, Field(alias="lastName")] = None


class UserBody(Wire):
    id: str
    status: str
    profile: ProfileBody

    def value(self) -> OktaUser:
        return OktaUser(self.id, self.profile.login, self.profile.email or "", self.status)


class AppSettingsBody(Wire):
    em_opt_in_status: Annotated[str | None, Field(alias="emOptInStatus")] = None
    implicit_assignment: Annotated[bool | None, Field(alias="implicitAssignment")] = None


class AppBody(Wire):
    id: str
    label: str
    status: str
    features: tuple[str, ...] | None = ()
    settings: AppSettingsBody | None = None
    orn: str | None = None

    def value(self) -> OktaApp:
        return OktaApp(
            id=self.id,
            label=self.label,
            status=self.status,
            entitlement_management=self._management(),
            implicit_assignment=bool(self.settings and self.settings.implicit_assignment),
            has_provisioning=bool(self.features),
            orn=self.orn,
        )

    def _management(self) -> EntitlementManagement:
        text = (self.settings and self.settings.em_opt_in_status) or "UNKNOWN"
        known = {each.value for each in EntitlementManagement}
        return EntitlementManagement(text) if text in known else EntitlementManagement.UNKNOWN


class ValueBody(Wire):
    id: str
    name: str
    external_value: Annotated[str, Field(alias="externalValue")]
    description: str | None = None

    def value(self) -> OktaValue:
        return OktaValue(self.id, self.name, self.external_value, self.description)


class ListedValueBody(ValueBody):
    """As listed for a whole app: without its entitlement a value would be dropped silently."""

    entitlement_id: Annotated[str, Field(alias="entitlementId")]


class EntitlementBody(Wire):
    id: str
    name: str
    external_value: Annotated[str, Field(alias="externalValue")]
    multi_value: Annotated[bool, Field(alias="multiValue")]
    description: str | None = None


class CountBody(Wire):
    total: int | None = None


class WholeEntitlementBody(EntitlementBody):
    """As read by id (okta-api.md 4.3); ``metadata.total`` counts the values."""

    values: tuple[ValueBody, ...]
    metadata: CountBody | None = None

    @property
    def is_whole(self) -> bool:
        return self.metadata is None or self.metadata.total in (None, len(self.values))

    def value(self) -> OktaEntitlement:
        return OktaEntitlement(
            id=self.id,
            name=self.name,
            external_value=self.external_value,
            multi_value=self.multi_value,
            values=tuple(each.value() for each in self.values),
            description=self.description,
        )


class EmbeddedBody(Wire):
    user: UserBody | None = None


class AppUserBody(Wire):
    id: str
    scope: str
    status: str
    embedded: Annotated[EmbeddedBody | None, Field(alias="_embedded")] = None
    """Holds the user where the listing was asked to expand it."""

    def value(self) -> AppUser:
        return AppUser(self.id, self.scope, self.status)


class IdBody(Wire):
    id: str


class HeldBody(Wire):
    id: str
    values: tuple[IdBody, ...] | None = None

    def pairs(self) -> frozenset[tuple[str, str]]:
        """Of entitlement and value; where no values are told, one that no listing has: something is held."""
        return frozenset((self.id, each.id) for each in self.values or ()) or self._untold()

    def _untold(self) -> frozenset[tuple[str, str]]:
        return frozenset({(self.id, "")}) if self.values is None else frozenset()


class PrincipalBody(Wire):
    external_id: Annotated[str, Field(alias="externalId")]


class ScheduleBody(Wire):
    expiration_date: Annotated[str | None, Field(alias="expirationDate")] = None


class HeldInFullBody(Wire):
    """As HeldBody, but what it leaves out is an error, not nothing."""

    id: str
    values: tuple[IdBody, ...]


class CriterionValueBody(Wire):
    type: Literal["ENTITLEMENTS"]
    value: tuple[HeldInFullBody, ...]


class CriterionBody(Wire):
    """What is of another kind than we know is an error, not nothing."""

    attribute: Literal["principal.effective_grants"]
    operation: Literal["CONTAINS_ONE", "CONTAINS_ALL"]
    value: CriterionValueBody

    def side(self) -> RiskSide:
        pairs = frozenset((held.id, value.id) for held in self.value.value for value in held.values)
        return RiskSide(pairs, needs_all=self.operation == "CONTAINS_ALL")


class CriteriaBody(Wire):
    both: Annotated[tuple[CriterionBody, ...], Field(alias="and")]


class ResourceBody(Wire):
    orn: Annotated[str, Field(alias="resourceOrn")]


class RiskRuleBody(Wire):
    """okta-api.md section 6: two criteria that nobody may meet at once. They are read only when the rule is
    known to be about the app: a rule of a new kind about another one is no trouble here.
    """

    id: str
    name: str
    description: str | None = None
    status: str
    resources: tuple[ResourceBody, ...]
    criteria: Annotated[Any, Field(alias="conflictCriteria")]

    def is_about(self, app_id: str) -> bool:
        return any(each.orn.rpartition(":")[2] == app_id for each in self.resources)

    def value(self) -> RiskRule:
        """The rule; one whose criteria are of a kind that we do not know has none, and says so."""
        try:
            criteria = CriteriaBody.model_validate(self.criteria)
        except ValidationError:
            return RiskRule(self.id, self.name, self.description, OF_UNKNOWN_KIND, ())
        sides = tuple(each.side() for each in criteria.both)
        return RiskRule(self.id, self.name, self.description, self.status, sides)


class BaseBody(Wire):
    grant_type: Annotated[str, Field(alias="grantType")]
    grant: IdBody
    entitlements: tuple[HeldInFullBody, ...]


class AccessBody(Wire):
    """One person's access to one app (okta-api.md 6); without a base grant ``base`` is missing."""

    parent: PrincipalBody
    principal: Annotated[PrincipalBody, Field(alias="targetPrincipal")]
    base: BaseBody | None = None

    def value(self) -> BaseAccess | None:
        if self.base is None:
            return None
        pairs = frozenset((held.id, value.id) for held in self.base.entitlements for value in held.values)
        return BaseAccess(self.base.grant.id, self.base.grant_type, pairs)


class GrantBody(Wire):
    id: str
    grant_type: Annotated[str, Field(alias="grantType")]
    action: str = "ALLOW"
    status: str = "ACTIVE"
    principal: Annotated[PrincipalBody, Field(alias="targetPrincipal")]
    entitlements: tuple[HeldBody, ...] | None = ()
    schedule: Annotated[ScheduleBody | None, Field(alias="scheduleSettings")] = None
    bundle_id: Annotated[str | None, Field(alias="entitlementBundleId")] = None

    def value(self) -> OktaGrant:
        return OktaGrant(
            id=self.id,
            user_id=self.principal.external_id,
            type=self.grant_type,
            action=self.action,
            status=self.status,
            values=frozenset[tuple[str, str]]().union(*(each.pairs() for each in self.entitlements or ())),
            expires=self.schedule.expiration_date if self.schedule else None,
            bundle_id=self.bundle_id,
        )
