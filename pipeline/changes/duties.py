"""Separation of duties on the state after the change: what people hold, and what they get."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.changes.holdings import Holdings, ValueNames
from pipeline.changes.model import Action, Change, Holding, HoldReason, added, revoked
from pipeline.changes.obstacles import Obstacle, listed
from pipeline.changes.snapshot import GrantType, RiskRule, Snapshot
from pipeline.changes.structure import Meant, Pair, Structure
from pipeline.changes.wanted import Person
from pipeline.findings import Finding, FindingCode, Severity
from pipeline.plan.duties import Conflict, Duties, Rule, Side
from pipeline.plan.duty_rules import planned_texts
from pipeline.plan.model import Plan
from pipeline.plan.value_texts import Texts, merged, texts_of

PEOPLE_SHOWN = 5
TORN = Obstacle(
    HoldReason.INCOMPLETE_READ,
    "Okta's risk rules of the app could not be read to the end, so nobody knows what must not be held "
    "together. Try again.",
)


def duties_of(plan: Plan, structure: Structure) -> Duties:
    """The rules that are about the app: those of policy files and Okta's own, by the values' names as they
    will be in the tenant.
    """
    snapshot = structure.snapshot
    okta_app = snapshot.okta_app
    rules = [each for each in snapshot.rules if each.is_about(okta_app.id, okta_app.label)]
    names = ValueNames(snapshot)
    rules += [_of_okta(each, names) for each in snapshot.risk_rules if each.is_active]
    texts = tenant_texts(plan, structure) if rules else {}
    return Duties(rules, lambda pair: texts.get(pair, frozenset()))


def tenant_texts(plan: Plan, structure: Structure) -> dict[Pair, Texts]:
    """By which texts files may name each value, as the tenant names it or the plan does."""
    own = [
        ((entitlement.external_value, value.external_value), texts_of(entitlement, value))
        for entitlement in structure.snapshot.entitlements
        for value in entitlement.values
    ]
    planned = planned_texts(plan)
    meant = [
        (each.pair, planned[pair])
        for pair, each in structure.meant.items()
        if isinstance(each, Meant) and pair in planned
    ]
    return dict(merged([*own, *meant]))


def _of_okta(rule: RiskRule, names: ValueNames) -> Rule:
    return Rule(
        id=rule.id,
        why=rule.description or rule.name,
        place=f'Okta\'s risk rule "{rule.name}"',
        sides=tuple(
            Side(pairs=frozenset(names.name(pair) for pair in side.values), needs_all=side.needs_all)
            for side in rule.sides
        ),
        one_value_suffices=True,
    )


def against_giving(
    duties: Duties,
    snapshot: Snapshot,
    held: Holdings,
    missing: frozenset[Pair],
    taken: frozenset[Pair],
    *,
    base_is_read: bool,
) -> Obstacle | None:
    """Why ``missing`` may not be given to who has ``held`` and loses ``taken``: a conflict that it makes or
    adds to and that nobody allowed, or not knowing whether there is one.
    """
    if snapshot.risk_rules_torn:
        return TORN
    if not duties.rules:
        return None
    after = (held.pairs | missing) - taken
    for conflict in duties.conflicts(after):
        rule = conflict.rule
        if rule.warns or rule.id.casefold() in snapshot.allowed_conflicts or not conflict.pairs & missing:
            continue
        detail = (
            f"Together: {conflict.told}. Rule {rule.id} ({rule.place}): {rule.why} "
            f"An approval that names the rule allows it, as does --allow sod_conflict={rule.id}."
        )
        return Obstacle(HoldReason.SOD_CONFLICT, detail)
    unknown = _not_told(held, base_is_read=base_is_read)
    if unknown and any(duties.names(pair) for pair in missing):
        detail = f"What {unknown} is not told in full, and rules say with what {listed(missing)} may be held."
        return Obstacle(HoldReason.INCOMPLETE_READ, detail)
    return None


def _not_told(held: Holdings, *, base_is_read: bool) -> str:
    """What the person has through that may give more than the listing shows (okta-api.md section 6)."""
    if held.has_policy_base and not base_is_read:
        return "the person's policy gives"
    bundles = [each for each in held.additive if each.grant.type == GrantType.BUNDLE]
    return "the person's bundle gives" if any(not each.grant.values for each in bundles) else ""


Together = dict[tuple[str, bool], list[tuple[str, Conflict]]]
"""By rule and whether a change adds to it: who will hold together what the rule forbids."""


def held_together(
    duties: Duties, snapshot: Snapshot, people: Iterable[Person], changes: Iterable[Change]
) -> Together:
    """What of the plan's people will hold together all the same."""
    if not duties.rules:
        return {}
    names = ValueNames(snapshot)
    by_user: dict[str, list[Change]] = {}
    for change in changes:
        if change.person is not None and change.action is not Action.ASSIGN:
            by_user.setdefault(change.person.user_id, []).append(change)
    found: Together = {}
    for person in people:
        grants = snapshot.grants.get(person.user.id, ())
        if any(grant.action != "ALLOW" for grant in grants):
            continue
        own = by_user.get(person.user.id, [])
        gained = frozenset(pair for change in own for pair in _pairs(added(change)))
        lost = frozenset(pair for change in own for pair in _pairs(revoked(change)))
        held = frozenset[Pair]().union(*(names.of(grant).pairs for grant in grants))
        for conflict in duties.conflicts((held | gained) - lost):
            key = conflict.rule.id, bool(conflict.pairs & gained)
            found.setdefault(key, []).append((person.principals[0], conflict))
    return found


def to_name(found: Together) -> tuple[str, ...]:
    """The rules that an approval has to name."""
    return tuple(sorted(rule for (rule, is_new), cases in found.items() if is_new and not _warns(cases)))


def _warns(cases: list[tuple[str, Conflict]]) -> bool:
    return cases[0][1].rule.warns


def duty_findings(snapshot: Snapshot, found: Together) -> Iterator[Finding]:
    """What is held together, one finding a rule, and what nobody could check."""
    yield from _unchecked(snapshot)
    for (_, is_new), cases in sorted(found.items()):
        yield _standing(cases, is_new=is_new)


def _standing(cases: list[tuple[str, Conflict]], *, is_new: bool) -> Finding:
    rule, count = cases[0][1].rule, len(cases)
    shown = "; ".join(f"{who}: {conflict.told}" for who, conflict in cases[:PEOPLE_SHOWN])
    more = f"; and {count - PEOPLE_SHOWN} more" if count > PEOPLE_SHOWN else ""
    people = "1 person" if count == 1 else f"{count} people"
    if is_new:
        what = f"{people} would come to hold together what nobody may"
        what += ", which the rule only warns of" if rule.warns else ", as was allowed"
    else:
        verb = "holds" if count == 1 else "hold"
        what = f"{people} of the plan {verb} together what nobody may; this change adds nothing to it"
    return Finding(
        FindingCode.SOD_CONFLICT,
        Severity.WARNING,
        "Values that nobody may hold together",
        f"{what}. Rule {rule.id} ({rule.place}): {rule.why} {shown}{more}.",
    )


def _unchecked(snapshot: Snapshot) -> Iterator[Finding]:
    why = snapshot.risk_rules_unread
    if why:
        yield Finding(
            FindingCode.SOD_UNCHECKED,
            Severity.WARNING,
            "Okta's risk rules were not checked",
            f"{why} What Okta's own rules of separation of duties say about {snapshot.okta_app.label} is not "
            "known; only the policies of the workspace were checked.",
        )
    for rule in snapshot.risk_rules:
        if not rule.is_active:
            yield Finding(
                FindingCode.SOD_UNCHECKED,
                Severity.WARNING,
                "One of Okta's risk rules was not checked",
                f'The risk rule "{rule.name}" ({rule.id}) is {rule.status}. '
                "See in Okta what it is to forbid.",
            )


def _pairs(held: Holding) -> Iterator[Pair]:
    return ((entitlement, value) for entitlement, values in held for value in values)
