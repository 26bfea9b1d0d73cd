"""What is read of Okta's bodies; unknown keys are ignored (shapes: okta-api.md 1 to 6 and its recordings)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pipeline.changes.snapshot import (
    AppUser,
    BaseAccess,
    EntitlementManagement,
    OktaApp,
    OktaEntitlement,
    OktaGrant,
    OktaUser,
    OktaValue,
)


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Cause(Wire):
    summary: Annotated[str, Field(alias="errorSummary")] = ""


class OktaError(Wire):
    """The body of a refusal."""

    code: Annotated[str, Field(alias="errorCode")]
    summary: Annotated[str, Field(alias="errorSummary")] = ""
    causes: Annotated[tuple[Cause, ...], Field(alias="errorCauses")] = ()


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
    settings: AppSettingsBody = AppSettingsBody()

    def value(self) -> OktaApp:
        return OktaApp(
            id=self.id,
            label=self.label,
            status=self.status,
            entitlement_management=self._management(),
            implicit_assignment=bool(self.settings.implicit_assignment),
            has_provisioning=bool(self.features),
        )

    def _management(self) -> EntitlementManagement:
        text = self.settings.em_opt_in_status or "UNKNOWN"
        known = {each.value for each in EntitlementManagement}
        return EntitlementManagement(text) if text in known else EntitlementManagement.UNKNOWN


class ValueBody(Wire):
    id: str
    name: str
    external_value: Annotated[str, Field(alias="externalValue")]
    description: str | None = None
    entitlement_id: Annotated[str | None, Field(alias="entitlementId")] = None

    def value(self) -> OktaValue:
        return OktaValue(self.id, self.name, self.external_value, self.description)


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
    metadata: CountBody = CountBody()

    @property
    def is_whole(self) -> bool:
        return self.metadata.total in (None, len(self.values))

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
    embedded: Annotated[EmbeddedBody, Field(alias="_embedded")] = EmbeddedBody()
    """Holds the user where the listing was asked to expand it."""

    def value(self) -> AppUser:
        return AppUser(self.id, self.scope, self.status)


class IdBody(Wire):
    id: str


class HeldBody(Wire):
    id: str
    values: tuple[IdBody, ...] = ()


class PrincipalBody(Wire):
    external_id: Annotated[str, Field(alias="externalId")]


class ScheduleBody(Wire):
    expiration_date: Annotated[str | None, Field(alias="expirationDate")] = None


class HeldInFullBody(Wire):
    """As HeldBody, but what it leaves out is an error, not nothing."""

    id: str
    values: tuple[IdBody, ...]


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
        pairs = frozenset((held.id, value.id) for held in self.entitlements or () for value in held.values)
        return OktaGrant(
            id=self.id,
            user_id=self.principal.external_id,
            type=self.grant_type,
            action=self.action,
            status=self.status,
            values=pairs,
            expires=self.schedule.expiration_date if self.schedule else None,
            bundle_id=self.bundle_id,
        )
