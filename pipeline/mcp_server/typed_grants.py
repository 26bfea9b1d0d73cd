"""The one shape of a grant body that is accepted, as users know it; it becomes a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import ErrorCode, InputError

if TYPE_CHECKING:
    from pipeline.use_cases.staging import TypedGrant

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{20}$")]
AppId = Annotated[str, Field(pattern=r"^0oa[A-Za-z0-9]{17}$")]
UserId = Annotated[str, Field(pattern=r"^00u[A-Za-z0-9]{17}$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AppTarget(Strict):
    externalId: AppId
    type: Literal["APPLICATION"]


class UserTarget(Strict):
    externalId: UserId
    type: Literal["OKTA_USER"]


class ById(Strict):
    id: Id


class WantedValues(Strict):
    id: Id
    values: Annotated[list[ById], Field(min_length=1, max_length=1000)]


class GrantBody(Strict):
    grantType: Literal["CUSTOM"]
    target: AppTarget
    targetPrincipal: UserTarget
    entitlements: Annotated[list[WantedValues], Field(min_length=1, max_length=1000)]
    actor: Literal["ADMIN"] = "ADMIN"


class WantedGrant(Strict):
    userId: UserId
    grantBody: GrantBody


def typed(wanted: WantedGrant) -> TypedGrant:
    """``wanted`` for the use case. Raises InputError where it names two people."""
    from pipeline.use_cases.staging import TypedGrant

    body = wanted.grantBody
    if body.targetPrincipal.externalId != wanted.userId:
        raise InputError(
            ErrorCode.USAGE,
            "A grant names two people",
            "userId and grantBody.targetPrincipal.externalId must be the same.",
        )
    values = tuple((each.id, tuple(value.id for value in each.values)) for each in body.entitlements)
    return TypedGrant(user_id=wanted.userId, app_id=body.target.externalId, values=values)
