"""A later end for a grant that has all that is wanted: the only change of an end that is ever sent."""

from __future__ import annotations

from pipeline.changes.holdings import Holdings
from pipeline.changes.instants import instant_s
from pipeline.changes.snapshot import GrantType
from pipeline.changes.structure import Pair
from pipeline.changes.wanted import Person


def lengthens(person: Person, wanted: frozenset[Pair], held: Holdings, now_s: float) -> bool:
    """Whether giving the CUSTOM grant the wanted end gives the person all that is wanted, for longer.

    An end is never taken away: Okta documents no call for that (schema grant-patch: ``expirationDate`` is a
    date-time, and leaving it out is not said to mean anything).
    """
    base = held.base
    if base is None or base.grant.type != GrantType.CUSTOM or not wanted <= base.pairs:
        return False
    if base.grant.expires is None or person.expires is None:
        return False
    try:
        ends_s, wanted_s = instant_s(base.grant.expires), instant_s(person.expires)
    except ValueError:
        return False
    return wanted_s > max(ends_s, now_s)


def lengthening(who: str, person: Person, held: Holdings, wanted: frozenset[Pair]) -> str:
    """The message; the grant may hold more than the plan names, and its end is the end of all of it."""
    beyond = len(held.in_base - wanted)
    rest = f" (and of {beyond} more value{'' if beyond == 1 else 's'} in the same grant)" if beyond else ""
    ends = held.base.grant.expires if held.base else None
    return f"lengthen the grant of {who}{rest} from {ends} to {person.expires}"
