"""The faults an org can be told to have: a closed list of kinds, each with its own options."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.emulator.problems import first_problems

When: TypeAlias = Literal["before", "after"]
"""Before or after the call takes effect."""
_PATTERN = re.compile(r"(\*|[A-Z]+) (/\S*)")
_ANY_SEGMENT = re.compile(r"\*|{[^/{}]+}")


class FaultsError(Exception):
    """The message names the key."""


def _call_template(text: str) -> str:
    if not _PATTERN.fullmatch(text):
        raise ValueError("must be a method and a path, as in `POST /governance/api/v1/grants/{id}`")
    return text


CallTemplate = Annotated[str, AfterValidator(_call_template)]


def call_pattern(template: str | None) -> re.Pattern[str]:
    """For `METHOD /path`: `*` is any method, and `*` or `{name}` any one segment of the path."""
    if template is None:
        return re.compile(r".*", re.DOTALL)
    method, _, path = template.partition(" ")
    segments = [r"[^/]+" if _ANY_SEGMENT.fullmatch(part) else re.escape(part) for part in path.split("/")]
    return re.compile(f"{'[A-Z]+' if method == '*' else method} {'/'.join(segments)}")


class _Fault(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    match: CallTemplate | None = None
    """Absent: every call of the API."""
    probability: float = Field(default=1, gt=0, le=1)
    after: int = Field(default=0, ge=0)
    """So many calls that it could have struck are left alone first."""
    times: int | None = Field(default=None, ge=1)
    """Absent: again and again."""


class RateLimit(_Fault):
    kind: Literal["rate_limit"]


class ConcurrencyLimit(_Fault):
    kind: Literal["concurrency_limit"]


class ServerError(_Fault):
    kind: Literal["server_error"]
    status: Literal[500, 502, 503, 504] = 500
    when: When = "before"
    form: Literal["json", "html"] | None = None
    """Absent: JSON of Okta's for 500 and 503, a page of the edge proxy's for 502 and 504."""

    @property
    def is_page(self) -> bool:
        return (self.form or ("html" if self.status in (502, 504) else "json")) == "html"


class DroppedConnection(_Fault):
    kind: Literal["dropped_connection"]
    when: When = "before"
    reset: bool = False
    """With a TCP reset, not an orderly end."""


class Slow(_Fault):
    kind: Literal["slow"]
    delay_s: float = Field(gt=0)
    when: When = "before"


class TruncatedBody(_Fault):
    kind: Literal["truncated_body"]
    share: float = Field(default=0.5, ge=0, lt=1)
    """Of the body, that arrives."""


class CaptivePortal(_Fault):
    kind: Literal["captive_portal"]


class RepeatedPage(_Fault):
    kind: Literal["repeated_page"]


class PageLoop(_Fault):
    kind: Literal["page_loop"]


class SkippedPage(_Fault):
    kind: Literal["skipped_page"]


class EarlyEnd(_Fault):
    kind: Literal["early_end"]


class QuotaTaken(_Fault):
    kind: Literal["quota_taken"]
    whose: Literal["same_client", "other_clients"] = "same_client"
    """Another program with the same credential, or other clients of the org."""
    per_call: int | None = Field(default=None, ge=1)
    per_s: float | None = Field(default=None, gt=0, le=1000)

    @model_validator(mode="after")
    def _one_rate(self) -> QuotaTaken:
        if (self.per_call is None) == (self.per_s is None):
            raise ValueError("needs per_call or per_s, and not both")
        return self


class ClockSkew(_Fault):
    kind: Literal["clock_skew"]
    skew_s: float = 0
    jitter_s: float = Field(default=0, ge=0)
    """Up to so much more or less, drawn for each answer."""

    @model_validator(mode="after")
    def _off(self) -> ClockSkew:
        if not self.skew_s and not self.jitter_s:
            raise ValueError("needs skew_s or jitter_s")
        return self


class LostIndex(_Fault):
    kind: Literal["lost_index"]
    for_s: float = Field(gt=0)


ChangeName: TypeAlias = Literal[
    "add_value",
    "remove_value",
    "new_grant",
    "revoke_all",
    "add_bundle",
    "to_policy",
    "assign_group",
    "unassign",
    "deprovision",
    "add_entitlement_value",
    "remove_entitlement_value",
]
_TAKES_VALUE = ("add_value", "remove_value", "new_grant", "add_entitlement_value", "remove_entitlement_value")


class AdminChange(_Fault):
    kind: Literal["admin_change"]
    change: ChangeName
    when: Literal["before", "between", "after"] = "before"
    """`between`: before a write, but after the org has shown what that person holds."""
    okta_app: str | None = None
    """Id or label. Absent: the app of the call, else one by chance."""
    user: str | None = None
    """Login. Absent: the person of the call, else one by chance."""
    entitlement: str | None = None
    """External value. Absent: by chance, as the next two."""
    value: str | None = None
    bundle: str | None = None

    @model_validator(mode="after")
    def _fitting(self) -> AdminChange:
        if self.change not in _TAKES_VALUE and (self.entitlement or self.value):
            raise ValueError(f"{self.change} takes no entitlement and no value")
        if self.change != "add_bundle" and self.bundle:
            raise ValueError(f"{self.change} takes no bundle")
        return self


Fault: TypeAlias = (
    RateLimit
    | ConcurrencyLimit
    | ServerError
    | DroppedConnection
    | Slow
    | TruncatedBody
    | CaptivePortal
    | RepeatedPage
    | PageLoop
    | SkippedPage
    | EarlyEnd
    | QuotaTaken
    | ClockSkew
    | LostIndex
    | AdminChange
)


class FaultSet(BaseModel):
    """`{seed, faults}`, or the bare list."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    seed: int | None = None
    """Absent: the seed of the emulator."""
    faults: list[Annotated[Fault, Field(discriminator="kind")]] = []

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, raw: object) -> object:
        return {"faults": raw} if isinstance(raw, list) else raw


def fault_set_from(raw: Any) -> FaultSet:  # noqa: ANN401  JSON or YAML
    """Raises FaultsError."""
    try:
        return FaultSet.model_validate(raw)
    except ValidationError as error:
        raise FaultsError(first_problems(error, "faults")) from error
