"""How things stand for one change, judged from what was just read: in effect, ready to send, or drifted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.changes.instants import same_instant
from pipeline.changes.model import Holding, HoldReason
from pipeline.changes.snapshot import GrantType, OktaGrant
from pipeline.okta.answers import Accepted, WriteAnswer
from pipeline.run.tenant import Pairs, RawGrant, read_raw_grant


@dataclass(frozen=True, slots=True)
class InEffect:
    """All that the change wants is there."""

    okta_id: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Ready:
    """Safe to send. ``then`` says how things stand once the write is accepted; None: look again.

    ``content`` identifies what would be sent: after a refusal, the same content is not sent again. ``send``
    takes the time by which the call must have left where it rests on a read. ``adds`` is what the write gives
    beyond what is there, where that is less than the change adds.
    """

    content: object
    send: Callable[[float], Awaitable[WriteAnswer]]
    then: Callable[[Accepted], Standing | None]
    adds: Holding | None = None


@dataclass(frozen=True, slots=True)
class Drifted:
    """The tenant is no longer as it was when the change was made."""

    reason: HoldReason
    detail: str


Standing = InEffect | Ready | Drifted


class Step(Protocol):
    """How one change is looked at and sent."""

    @property
    def known(self) -> Standing | None:
        """How things stand by what was read before; None where a fresh read must come first."""
        ...

    @property
    def refusal_may_mean_done(self) -> bool:
        """Whether a refusal may come from the wanted thing being there already, so that one looks again."""
        ...

    async def look(self) -> Standing:
        """Read the tenant. Raises TenantError."""
        ...


def drifted(detail: str) -> Drifted:
    return Drifted(HoldReason.DRIFTED, detail)


def judge_listing(
    listed: tuple[OktaGrant, ...], wanted: Pairs, expires: str | None, beside: tuple[str, ...] = ()
) -> OktaGrant | Drifted | None:
    """Before a POST, which would replace what it finds: None (nothing there but additive grants of the types
    ``beside``), the grant that already does what is wanted, or Drifted.
    """
    grants = [each for each in listed if not (each.type in beside and is_in_force(each))]
    if not grants:
        return None
    only = grants[0] if len(grants) == 1 else None
    if only is not None and _does(only, wanted, expires):
        return only
    kinds = ", ".join(sorted({each.type for each in grants}))
    return drifted(f"No grant was expected, but there is one now ({kinds}); creating one would replace it.")


def _does(grant: OktaGrant, wanted: Pairs, expires: str | None) -> bool:
    return (
        _is_plain(grant.type, grant.action, grant.status)
        and wanted <= grant.values
        and same_instant(grant.expires, expires)
    )


def judge_raw(
    raw: Mapping[str, Any], *, grant_id: str, app_id: str, user_id: str, before: Pairs, expires: str | None
) -> RawGrant | Drifted:
    """Before a PUT: the grant, if it is the one reviewed and has lost nothing since, else Drifted."""
    try:
        live = read_raw_grant(raw)
        ends_as_before = same_instant(live.expires, expires)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return drifted(f"The grant lacks a part that must be known before it is rewritten ({error}).")
    lost = len(before - live.pairs)
    reasons = (
        (live.id != grant_id, "Okta answered with another grant than was asked for."),
        ((live.app_id, live.user_id) != (app_id, user_id), "The grant belongs to another user or app."),
        (
            not _is_plain(live.type, live.action, live.status),
            f"The grant is now {live.type} {live.action} {live.status}, not CUSTOM ALLOW ACTIVE.",
        ),
        (not ends_as_before, "The grant's expiry was changed since it was compared."),
        (lost > 0, f"{lost} of the grant's values were taken away since it was compared."),
    )
    detail = next((detail for differs, detail in reasons if differs), None)
    return live if detail is None else drifted(detail)


def is_in_force(grant: OktaGrant) -> bool:
    return (grant.action, grant.status) == ("ALLOW", "ACTIVE")


def _is_plain(type_: str, action: str, status: str) -> bool:
    return (type_, action, status) == (GrantType.CUSTOM, "ALLOW", "ACTIVE")
