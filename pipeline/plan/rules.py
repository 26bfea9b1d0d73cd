"""What a plan must satisfy beyond its shape, checked offline: lengths, references, duplicates, totals.

Lengths are Okta's (okta-api.md, limits of entitlements and values), counted in characters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from pipeline.findings import Finding, FindingCode, Location, Severity
from pipeline.plan.cohort_rules import check_cohorts, check_users, granted_and_removed, people_of
from pipeline.plan.model import Entitlement, Plan, Totals
from pipeline.plan.problem import Path, Problem, Problems, repeated_values
from pipeline.plan.value_texts import ValuePattern, bare_texts_of, texts_of
from pipeline.plan.wording import did_you_mean, shown

NAME_CHARS_MAX = 255
ENTITLEMENT_DESCRIPTION_CHARS_MAX = 1_000
VALUE_DESCRIPTION_CHARS_MAX = 1_024
VALUE_CHARS_WARNED = 1_024
VALUE_CHARS_MAX = 2_000

LineOf = Callable[[Path], int | None]

_SUMMARIES = {
    FindingCode.BAD_VALUE: "A value cannot be used.",
    FindingCode.DUPLICATE_USER: "A user stands twice.",
    FindingCode.DUPLICATE_VALUE: "A value stands twice.",
    FindingCode.UNKNOWN_VALUE: "A value is not among the plan's entitlements.",
    FindingCode.TOO_LONG: "A text is too long.",
    FindingCode.TOO_MANY_VALUES: "A grant holds too many values.",
    FindingCode.SINGLE_VALUE: "Several values for a single-value entitlement.",
    FindingCode.GRANTED_AND_REMOVED: "Access is granted and removed at once.",
    FindingCode.UNBALANCED_TOTALS: "The totals do not match.",
}


def check_plan(plan: Plan, line_of: LineOf, path: str) -> tuple[Finding, ...]:
    """Everything wrong or remarkable with ``plan``, in the order of the file.

    ``line_of`` gives the 1-based line of a path of keys and indexes (as in the file: ``("access", 0, "users",
    3)``) or None; ``path`` is the file's name in the findings' locations.
    """
    findings = [_finding(problem, line_of, path) for problem in _problems(plan)]
    return tuple(sorted(findings, key=_position))


def _finding(problem: Problem, line_of: LineOf, path: str) -> Finding:
    detail = problem.detail
    first_line = line_of(problem.first) if problem.first is not None else None
    if first_line is not None:
        detail += f" See line {first_line}."
    location = Location(path, line_of(problem.at))
    return Finding(problem.code, problem.severity, _SUMMARIES[problem.code], detail, location)


def _position(finding: Finding) -> int:
    return (finding.location.line or 0) if finding.location else 0


def _problems(plan: Plan) -> Problems:
    entitlements = {each.external_value: each for each in plan.entitlements}
    yield from _entitlements(plan.entitlements)
    yield from check_users(("assignments",), plan.assignments.users)
    people, losing = people_of(plan.access), people_of(plan.removals)
    yield from check_cohorts("access", plan.access, people, entitlements)
    yield from check_cohorts("removals", plan.removals, losing, entitlements)
    if not people.isdisjoint(losing):
        yield from granted_and_removed(plan.access, plan.removals)
    yield from _moved(plan)
    yield from _limits(plan)
    if plan.totals is not None:
        yield from _balance(plan.totals)
        yield from _counts(plan, plan.totals, len(people))


def _entitlements(entitlements: Sequence[Entitlement]) -> Problems:
    yield from repeated_values(("entitlements",), [each.external_value for each in entitlements])
    for index, each in enumerate(entitlements):
        at: Path = ("entitlements", index)
        yield from _too_long((*at, "name"), each.name, NAME_CHARS_MAX)
        if each.external_value != each.name:
            yield from _too_long((*at, "external_value"), each.external_value, NAME_CHARS_MAX)
        yield from _too_long((*at, "description"), each.description, ENTITLEMENT_DESCRIPTION_CHARS_MAX)
        yield from repeated_values((*at, "values"), [value.external_value for value in each.values])
        for number, value in enumerate(each.values):
            yield from _value((*at, "values", number), value.name, value.external_value)
            description_at = (*at, "values", number, "description")
            yield from _too_long(description_at, value.description, VALUE_DESCRIPTION_CHARS_MAX)


def _value(at: Path, name: str, external_value: str) -> Problems:
    if len(external_value) > VALUE_CHARS_MAX:
        yield from _too_long((*at, "external_value"), external_value, VALUE_CHARS_MAX)
        return
    if len(name) > NAME_CHARS_MAX:
        hint = " Give the value a shorter name and keep the long text as its external_value."
        yield from _too_long((*at, "name"), name, NAME_CHARS_MAX, hint)
    if len(external_value) > VALUE_CHARS_WARNED:
        detail = (
            f"{shown(external_value)} has {len(external_value):,} characters; Okta's API takes it, but its"
            f" Admin Console accepts no more than {VALUE_CHARS_WARNED:,}."
        )
        yield Problem((*at, "external_value"), FindingCode.TOO_LONG, detail, Severity.WARNING)


def _too_long(at: Path, text: str | None, chars_max: int, hint: str = "") -> Problems:
    if text is not None and len(text) > chars_max:
        key = at[-1]
        detail = f"The {key} {shown(text)} has {len(text):,} characters; Okta allows {chars_max:,}.{hint}"
        yield Problem(at, FindingCode.TOO_LONG, detail)


def _moved(plan: Plan) -> Problems:
    values_of = {each.external_value: [v.external_value for v in each.values] for each in plan.entitlements}
    for index, move in enumerate(plan.moved):
        at: Path = ("moved", index)
        if move.entitlement not in values_of:
            hint = did_you_mean(move.entitlement, values_of)
            detail = (
                f"{shown(move.entitlement)} is not the external_value of an entitlement of this plan.{hint}"
            )
            yield Problem((*at, "entitlement"), FindingCode.UNKNOWN_VALUE, detail)
        elif move.to not in values_of[move.entitlement]:
            hint = did_you_mean(move.to, values_of[move.entitlement])
            detail = (
                f"{shown(move.to)} is not the external_value of a value of {shown(move.entitlement)}.{hint}"
            )
            yield Problem((*at, "to"), FindingCode.UNKNOWN_VALUE, detail)
        if move.from_ == move.to:
            yield Problem(at, FindingCode.BAD_VALUE, "'from' and 'to' are the same, so nothing moves.")
        elif move.from_ in values_of.get(move.entitlement, []):
            detail = (
                f"{shown(move.from_)} is still a value of {shown(move.entitlement)}, and would come back."
            )
            yield Problem((*at, "from"), FindingCode.BAD_VALUE, detail)
    for key in ("from_", "to"):
        names = Counter((move.entitlement, getattr(move, key)) for move in plan.moved)
        for index, move in enumerate(plan.moved):
            if names[move.entitlement, getattr(move, key)] > 1:
                detail = f"{shown(getattr(move, key))} is moved more than once; leave one of the moves."
                yield Problem(("moved", index, key.strip("_")), FindingCode.BAD_VALUE, detail)


def _limits(plan: Plan) -> Problems:
    """A limit on what the plan does not have guards nothing: likely a slip of the pen."""
    values = [(each, value) for each in plan.entitlements for value in each.values]
    exact = {f"{each.external_value}/{value.external_value}" for each, value in values}
    for name in plan.limits.value_max:
        if name not in exact:
            hint = did_you_mean(name, sorted(exact))
            detail = f"{shown(name)} is no value of this plan, so nothing is limited by it.{hint}"
            yield Problem(("limits", "value_max", name), FindingCode.UNKNOWN_VALUE, detail, Severity.WARNING)
    texts = [texts_of(each, value) | bare_texts_of(value) for each, value in values]
    for index, name in enumerate(plan.limits.privileged):
        pattern = ValuePattern.of(name)
        if not any(map(pattern.matches, texts)):
            detail = f"{shown(name)} matches no value of this plan, so nothing is privileged by it."
            at: Path = ("limits", "privileged", index)
            yield Problem(at, FindingCode.UNKNOWN_VALUE, detail, Severity.WARNING)


def _balance(totals: Totals) -> Problems:
    excluded, rejected = sum(totals.excluded.values()), sum(totals.rejected.values())
    accounted = totals.used + excluded + rejected
    if totals.rows != accounted:
        detail = (
            f"{totals.used:,} used + {excluded:,} excluded + {rejected:,} rejected are {accounted:,} rows, "
            f"not {totals.rows:,}. Totals are not for editing: generate the plan again."
        )
        yield Problem(("totals", "rows"), FindingCode.UNBALANCED_TOTALS, detail)


def _counts(plan: Plan, totals: Totals, users: int) -> Problems:
    """Differences here are what an edit by hand leaves behind: remarkable, not wrong."""
    values = sum(len(entitlement.values) for entitlement in plan.entitlements)
    for key, stated, counted in (
        ("users", totals.users, users),
        ("values", totals.values, values),
        ("cohorts", totals.cohorts, len(plan.access)),
    ):
        if stated != counted:
            detail = f"The totals say {stated:,} {key}; the plan holds {counted:,}, as after an edit by hand."
            yield Problem(("totals", key), FindingCode.UNBALANCED_TOTALS, detail, Severity.NOTE)
