"""Which Okta user a principal is: SEMANTICS section 2, decided from what was found."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.address import principal_key
from pipeline.changes.snapshot import Lookup, LookupStatus, OktaUser


def resolve_person(principal: str, match: tuple[str, ...], candidates: Iterable[OktaUser]) -> Lookup:
    """The lookup of ``principal`` among ``candidates``, keys tried in the order of ``match``.

    Equality is checked again, case-folded, on each candidate. An e-mail counts only where exactly one user
    that is not DEPROVISIONED has it. Different keys that name different live users, or a DEPROVISIONED user
    by login and a live one by e-mail, are ambiguous.
    """
    users = {user.id: user for user in candidates}.values()
    by_key = {key: [user for user in users if _is_it(principal, key, user)] for key in match}
    emails = [user for user in by_key.get("email", []) if not user.is_deprovisioned]
    exact = [user for key in match if key != "email" for user in by_key[key]]
    live = {user.id: user for user in (*exact, *emails) if not user.is_deprovisioned}
    gone = [user for user in exact if user.is_deprovisioned]
    if len(live) > 1:
        logins = tuple(sorted(user.login for user in live.values()))
        detail = f"It names several users: {', '.join(logins)}."
        return Lookup(principal, LookupStatus.AMBIGUOUS, detail=detail, named=logins)
    if live and gone:
        detail = f"By login it is the deactivated {gone[0].login}, by e-mail the live {_only(live).login}."
        named = (gone[0].login, _only(live).login)
        return Lookup(principal, LookupStatus.AMBIGUOUS, detail=detail, named=named)
    if live:
        return Lookup(principal, LookupStatus.FOUND, user=_only(live))
    gone += [user for user in by_key.get("email", []) if user.is_deprovisioned]
    if gone:
        detail = f"The user {gone[0].login} is deactivated (DEPROVISIONED)."
        return Lookup(principal, LookupStatus.DEPROVISIONED, detail=detail, named=(gone[0].login,))
    keys = " or ".join(match)
    return Lookup(principal, LookupStatus.NOT_FOUND, detail=f"No user has it as {keys}.")


def _is_it(principal: str, key: str, user: OktaUser) -> bool:
    if key == "id":
        return user.id == principal.strip()
    return principal_key(user.login if key == "login" else user.email) == principal_key(principal)


def _only(users: dict[str, OktaUser]) -> OktaUser:
    return next(iter(users.values()))
