"""The verbs that put plans side by side: compare, and what git shows of a plan."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pipeline.errors import InputError
from pipeline.plan.cohorts import Pair, by_entitlement
from pipeline.plan.comparison import PersonDifference, PlanDifference, compare_plans
from pipeline.plan.digest import plan_digest
from pipeline.plan.lines import plan_lines
from pipeline.plan.model import Plan
from pipeline.review_views import ComparedPersonView, CompareView, RuleView
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.offline import read_plan


def compare(desk: Desk, old_given: str, new_given: str) -> CompareView:
    """What changes from one plan to another, by person and value. Raises InputError where one is invalid."""
    old_path, old = read_plan(desk, old_given)
    new_path, new = read_plan(desk, new_given)
    return compare_views(desk.shown(old_path), old, desk.shown(new_path), new)


def compare_views(old_name: str, old: Plan, new_name: str, new: Plan) -> CompareView:
    """`compare` of plans that are read already, under the names that people know them by."""
    found = compare_plans(old, new)
    people = [_person(each) for each in found.people]
    return CompareView(
        old=old_name,
        new=new_name,
        old_digest=plan_digest(old),
        plan_digest=plan_digest(new),
        okta_app=new.okta_app.label or new.okta_app.id or "",
        counts=_counts(found, people),
        people=people,
        same=found.same,
        values_added=_lists(found.values_added),
        values_gone=_lists(found.values_gone),
        rules=[RuleView(rule=each.rule, old=each.old, new=each.new) for each in found.rules],
        privileged=sorted({*old.limits.privileged, *new.limits.privileged}),
    )


def text_of(desk: Desk, path: Path) -> str:
    """A plan anywhere on the disk, as one line for each person and value; a file that is no valid plan as it
    is, so that its difference can still be seen. Raises InputError where it cannot be read.
    """
    from pipeline.plan.file import load_plan

    try:
        plan = load_plan(path).plan
    except InputError:
        if not path.is_file():
            raise
        return desk.mask.text(path.read_text("utf-8", errors="replace"))
    desk.mask.learn(plan.people)
    return desk.mask.text("".join(f"{line}\n" for line in plan_lines(plan)))


def _person(each: PersonDifference) -> ComparedPersonView:
    old, new = each.old, each.new
    moved = new.is_named - old.is_named
    return ComparedPersonView(
        principal=each.name,
        state=_state(each),
        adds=_lists(new.given - old.given),
        drops=_lists(old.given - new.given),
        keeps=_lists(old.given & new.given),
        takes=_lists(new.taken - old.taken),
        spares=_lists(old.taken - new.taken),
        expires_before=list(old.ends) if old.ends != new.ends else [],
        expires=list(new.ends),
        app_only={1: "added", -1: "gone"}.get(moved, ""),
    )


def _state(each: PersonDifference) -> Literal["added", "gone", "changed"]:
    was, is_ = (bool(side.given or side.taken or side.is_named) for side in (each.old, each.new))
    return "changed" if was and is_ else "added" if is_ else "gone"


def _counts(found: PlanDifference, people: list[ComparedPersonView]) -> dict[str, int]:
    counts = {
        "takes": _total(each.takes for each in people),
        "adds": _total(each.adds for each in people),
        "drops": _total(each.drops for each in people),
        "people": len(people),
        "values_added": len(found.values_added),
        "values_gone": len(found.values_gone),
        "rules": len(found.rules),
    }
    return {name: count for name, count in counts.items() if count}


def _total(lists: Iterable[dict[str, list[str]]]) -> int:
    return sum(len(values) for each in lists for values in each.values())


def _lists(pairs: Iterable[Pair]) -> dict[str, list[str]]:
    return {entitlement: list(values) for entitlement, values in by_entitlement(pairs).items()}
