"""Rules 1 and 8 for names and descriptions: only what the plan says changes, and in the end it is so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.simulation.case import Case, is_structure, shown
from tests.simulation.structure import Pair, value_name

Named = Mapping[tuple[str, str | None], Mapping[str, Any]]
"""By entitlement and id of the value; None for the entitlement itself."""


def breaches(case: Case) -> Iterator[str]:
    for write in case.history.writes:
        rewords = is_structure(write) and write.method == "PATCH" and write.body[0]["op"] == "REPLACE"
        if rewords and case.read_before(write) is None:
            yield f"1: {shown(write)} rewords without a read of the last 2 s"
    before, after = _named(case.evidence.before), _named(case.evidence.steps[-1].state)
    for key, was in before.items():
        if key in after:
            yield from _keeps_texts(case, key[0], was, after[key])
    if not case.ends_with_nothing_to_send():
        return
    for (entitlement, _), is_so in after.items():
        wanted = _description(case, entitlement, is_so)
        if wanted is not None and wanted != is_so.get("description"):
            yield f"8: {entitlement}/{is_so['external_value']} is not described as planned"


def _keeps_texts(
    case: Case, entitlement: str, was: Mapping[str, Any], is_so: Mapping[str, Any]
) -> Iterator[str]:
    where, is_value = f"{entitlement}/{was['external_value']}", "multi_value" not in was
    old = (entitlement, was["external_value"])
    new = case.history.name(old) if is_value else old
    if is_so["external_value"] not in (old[1], new[1]):
        yield f"2: {where} is now called {is_so['external_value']}"
    is_moved = is_so["external_value"] == new[1] != old[1]
    names = {was["name"]} if not is_moved or was["name"] != old[1] else {new[1]}
    if is_so["name"] not in names:
        yield f"1: the name of {where} became {is_so['name']}"
    if is_so.get("description") not in (was.get("description"), _description(case, entitlement, is_so)):
        yield f"1: the description of {where} became {is_so.get('description')}"


def _description(case: Case, entitlement: str, is_so: Mapping[str, Any]) -> str | None:
    """What the plan says of a value, or of an entitlement itself."""
    only_taken = (
        _all_pairs(case.world.unwanted) - _all_pairs(case.world.wanted) - {*case.world.moves.values()}
    )
    for each in case.world.plan["entitlements"]:
        values = [value for value in each["values"] if (entitlement, value_name(value)) not in only_taken]
        if each["external_value"] != entitlement or not values:
            continue
        if "multi_value" in is_so:
            return str(each["description"]) if "description" in each else None
        for value in values:
            if isinstance(value, dict) and value["name"] == is_so["external_value"]:
                return str(value["description"])
    return None


def _all_pairs(wishes: Mapping[str, frozenset[Pair]]) -> frozenset[Pair]:
    return frozenset[Pair]().union(*wishes.values())


def _named(state: Mapping[str, Any]) -> Named:
    found: dict[tuple[str, str | None], Mapping[str, Any]] = {}
    for each in state["okta_apps"][0]["entitlements"]:
        found[each["external_value"], None] = each
        found |= {(each["external_value"], value["id"]): value for value in each["values"]}
    return found
