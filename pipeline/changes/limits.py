"""The limits of the plan, each checked against a change set by its arithmetic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from pipeline.changes.duties import tenant_texts
from pipeline.changes.model import added, revoked
from pipeline.changes.permissions import Guard
from pipeline.changes.refusing import Case, Refusal
from pipeline.changes.snapshot import OktaGrant
from pipeline.changes.structure import Meant, Pair, Structure, compare_structure
from pipeline.errors import ErrorCode
from pipeline.plan.model import Plan
from pipeline.plan.value_texts import Texts, ValuePattern, bare_texts_of


def revoked_max(case: Case) -> Iterator[Refusal]:
    """Values that people would lose, counted."""
    lost, own = _lost(case), case.plan.limits.revoked_max
    most = case.permissions.limit(Guard.REVOKED_MAX, own)
    if lost > most:
        source = case.source(Guard.REVOKED_MAX, "limits.revoked_max", own)
        detail = f"{_values(lost)} of people would be revoked; {source} allows {most:.10g}."
        yield _over(Guard.REVOKED_MAX, detail, lost)


def _values(count: int) -> str:
    return f"{count} {'value' if count == 1 else 'values'}"


def revoked_percent_max(case: Case) -> Iterator[Refusal]:
    """Values that people would lose, against all values that people hold on the app; with none it is 0."""
    lost, own = _lost(case), case.plan.limits.revoked_percent_max
    held = sum(len(_held(grants)) for grants in case.snapshot.grants.values())
    percent = 100 * lost / held if held else 0.0
    most = case.permissions.limit(Guard.REVOKED_PERCENT_MAX, own)
    if percent > most:
        source = case.source(Guard.REVOKED_PERCENT_MAX, "limits.revoked_percent_max", own)
        yield _over(
            Guard.REVOKED_PERCENT_MAX,
            f"{_values(lost)} of people would be revoked, {held} are held on the app: {lost} / {held} = "
            f"{percent:.2f} %. {source} is {most:.10g}.",
            percent,
        )


def changed_percent_max(case: Case) -> Iterator[Refusal]:
    """People who would change against people with access now, newcomers too; with nobody there it is 0."""
    own = case.plan.limits.changed_percent_max
    if own is None:
        return
    present = {user_id for user_id, row in case.snapshot.app_users.items() if row.is_assigned}
    present |= {user_id for user_id, grants in case.snapshot.grants.items() if grants}
    changed = len({change.person.user_id for change in case.change_set.changes if change.person})
    percent = 100 * changed / len(present) if present else 0.0
    most = case.permissions.limit(Guard.CHANGED_PERCENT_MAX, own)
    if percent > most:
        source = case.source(Guard.CHANGED_PERCENT_MAX, "limits.changed_percent_max", own)
        yield _over(
            Guard.CHANGED_PERCENT_MAX,
            f"{_people(changed)} would change, {len(present)} have access now: {changed} / {len(present)} = "
            f"{percent:.2f} %. {source} is {most:.10g}.",
            percent,
        )


def value_max(case: Case) -> Iterator[Refusal]:
    """Keys are "Entitlement/value" as the plan writes them, which the tenant may name otherwise."""
    limits = case.plan.limits.value_max
    if not limits:
        return
    gains = _gains(case)
    meant = compare_structure(case.plan, case.snapshot).meant
    in_tenant = {"/".join(pair): each.pair for pair, each in meant.items() if isinstance(each, Meant)}
    for name, own in sorted(limits.items()):
        guard = f"{Guard.VALUE_MAX}/{name}"
        most = case.permissions.limit(guard, own)
        gaining = gains[in_tenant[name]] if name in in_tenant else 0
        if gaining > most:
            source = case.source(guard, "limits.value_max", own)
            yield _over(guard, f"{_people(gaining)} would gain {name}; {source} allows {most:.10g}.", gaining)


def privileged(case: Case) -> Iterator[Refusal]:
    """Values that ``limits.privileged`` names or matches and that people would gain, unless each is named."""
    patterns = [ValuePattern.of(text) for text in case.plan.limits.privileged]
    if not patterns:
        return
    structure = compare_structure(case.plan, case.snapshot)
    full, bare = tenant_texts(case.plan, structure), _bare_texts(case.plan, structure)
    named = frozenset(text.strip().casefold() for text in case.permissions.privileged)
    for pair, people in sorted(_gains(case).items()):
        texts = full.get(pair, frozenset())
        every = texts | bare.get(pair, frozenset())
        by = next((each.text for each in patterns if each.matches(every)), None)
        if by is None or texts & named or ("*" not in by and by.strip().casefold() in named):
            continue
        name = "/".join(pair)
        none_of = f"none of the {len(named)} values named is it" if named else "no value is named"
        yield Refusal(
            Guard.PRIVILEGED,
            ErrorCode.PRIVILEGED_VALUE,
            "A privileged value is not named",
            f'{_people(people)} would gain {name}, privileged by "{by}" in limits.privileged; {none_of}.',
            f"--allow {Guard.PRIVILEGED}={name}",
            "Name it in the approval",
        )


def _bare_texts(plan: Plan, structure: Structure) -> dict[Pair, Texts]:
    """By which texts ``limits.privileged`` may name a value without its entitlement."""
    found: dict[Pair, Texts] = {
        (each.external_value, value.external_value): bare_texts_of(value)
        for each in structure.snapshot.entitlements
        for value in each.values
    }
    for each in plan.entitlements:
        for value in each.values:
            meant = structure.meant.get((each.external_value, value.external_value))
            if isinstance(meant, Meant):
                found[meant.pair] = found.get(meant.pair, frozenset()) | bare_texts_of(value)
    return found


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _lost(case: Case) -> int:
    return sum(len(values) for change in case.change_set.changes for _, values in revoked(change))


def _held(grants: Iterable[OktaGrant]) -> frozenset[Pair]:
    return frozenset[Pair]().union(*(each.values for each in grants if each.action == "ALLOW"))


def _gains(case: Case) -> Counter[Pair]:
    """How many people gain each value."""
    return Counter(
        (entitlement, value)
        for change in case.change_set.changes
        if change.person
        for entitlement, values in added(change)
        for value in values
    )


def _over(guard: str, detail: str, needed: float) -> Refusal:
    return Refusal(
        guard,
        ErrorCode.LIMIT_EXCEEDED,
        "A limit of the plan is passed",
        detail,
        f"--allow {guard}={_at_least(needed)}",
        "If the plan is right, raise the limit in it and have it reviewed",
    )


def _at_least(needed: float) -> str:
    """A number, no lower than ``needed``, that lets it pass."""
    rounded = round(needed, 2)
    return f"{rounded if rounded >= needed else rounded + 0.01:.10g}"
