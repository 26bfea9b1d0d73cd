"""``plan_digest``: the sha256 of what a plan means, not of how its file is written.

Counted: name, author, tenant, okta_app, sources, mapping, entitlements, assignments, access, removals, moved,
grants, limits. Not counted: comments and layout, ``findings``, ``totals``, every ``why`` and the reasons in
``mapping.ignored``; the order of anything except ``mapping.user.match`` (where order decides); upper and
lower case of users; how users are spread over cohorts: access is taken as what each person shall hold until
when.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from pipeline.address import principal_key, principal_keys
from pipeline.plan.many_people import MANY_PEOPLE, many_lines, uncollected
from pipeline.plan.model import Assignments, Cohort, Entitlement, Limits, Mapping, Plan, SourceRef

_FORMAT = "okta-plan digest 1"
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@uncollected()
def plan_digest(plan: Plan, *, many_people: int = MANY_PEOPLE) -> str:
    """64 hexadecimal digits; the same for every plan that means the same. From ``many_people`` on they are
    looked at as columns, with the same result.
    """
    digest = hashlib.sha256()
    for part in _parts(plan, many_people):
        digest.update(part.encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _parts(plan: Plan, many_people: int) -> Iterator[str]:
    yield _FORMAT
    yield _canonical(_outside_cohorts(plan))
    yield "access"
    yield from _people(plan.access, many_people)
    yield "removals"
    yield from _people(plan.removals, many_people)


def _canonical(content: object) -> str:
    return _ENCODER.encode(content)


def _sorted(contents: Sequence[object]) -> list[object]:
    return sorted(contents, key=_canonical)


def _outside_cohorts(plan: Plan) -> dict[str, object]:
    return {
        "schema": plan.schema_,
        "name": plan.name,
        "author": plan.author,
        "tenant": plan.tenant,
        "okta_app": plan.okta_app.model_dump(),
        "sources": _sorted([_source(source) for source in plan.sources]),
        "mapping": _mapping(plan.mapping) if plan.mapping else None,
        "entitlements": _sorted([_entitlement(entitlement) for entitlement in plan.entitlements]),
        "assignments": _assignments(plan.assignments),
        "moved": _sorted([move.model_dump() for move in plan.moved]),
        "grants": plan.grants.model_dump(),
        "limits": _limits(plan.limits),
    }


def _source(source: SourceRef) -> dict[str, object]:
    fields = source.model_dump(exclude_none=True, exclude={"mapping"})
    return fields | ({"mapping": _mapping(source.mapping)} if source.mapping else {})


def _mapping(mapping: Mapping) -> dict[str, object]:
    fields = mapping.model_dump(exclude={"entitlements": {"__all__": {"why"}}})
    if mapping.rows is not None:
        fields["rows"] |= {"use": sorted(mapping.rows.use), "deny": sorted(mapping.rows.deny)}
    # Left out where they are not given, so that plans from before them mean what they meant.
    _drop_nones(fields, "date_order", "as_of", "wide", "named_values")
    for column in fields["entitlements"]:
        _drop_nones(column, "nothing", "values", "multi_value")
    fields["entitlements"] = _sorted(fields["entitlements"])
    fields["ignored"] = sorted(mapping.ignored)
    return fields


def _drop_nones(fields: dict[str, Any], *keys: str) -> None:
    for key in keys:
        if fields[key] is None:
            del fields[key]


def _entitlement(entitlement: Entitlement) -> dict[str, object]:
    fields = entitlement.model_dump()
    return fields | {"values": _sorted(fields["values"])}


def _assignments(assignments: Assignments) -> dict[str, object]:
    users = sorted({principal_key(user) for user in assignments.users})
    return {"missing": assignments.missing, "users": users}


def _limits(limits: Limits) -> dict[str, object]:
    changed = limits.changed_percent_max
    return {
        "revoked_percent_max": float(limits.revoked_percent_max),
        "revoked_max": limits.revoked_max,
        "changed_percent_max": None if changed is None else float(changed),
        "value_max": limits.value_max,
        "privileged": sorted(set(limits.privileged)),
    }


def _people(cohorts: Sequence[Cohort], many_people: int) -> Iterator[str]:
    """Lines, one a person, sorted: the person, and the sha256 of what that person shall hold until when."""
    if sum(len(cohort.users) for cohort in cohorts) >= many_people:
        lines = many_lines([cohort.users for cohort in cohorts], _holdings(cohorts))
        if lines is not None:
            yield from lines
            return
    cohorts_of = _cohorts_of_people(cohorts)
    of_one = dict(enumerate(_holdings(cohorts)))
    holdings = {
        indexes: of_one[indexes[0]]
        if len(indexes) == 1
        else hashlib.sha256(_holding([cohorts[index] for index in indexes]).encode()).hexdigest()
        for indexes in set(cohorts_of.values())
    }
    if cohorts_of:
        people = sorted(cohorts_of)
        held = map(holdings.__getitem__, map(cohorts_of.__getitem__, people))
        yield "\n".join(map(" ".join, zip(map(encode_basestring, people), held, strict=True)))


def _cohorts_of_people(cohorts: Sequence[Cohort]) -> dict[str, tuple[int, ...]]:
    """Indexes of the cohorts each person stands in: one, nearly always, and then no step is one a person."""
    cohorts_of: dict[str, tuple[int, ...]] = {}
    for index, cohort in enumerate(cohorts):
        cohorts_of.update(dict.fromkeys(principal_keys(cohort.users), (index,)))
    if len(cohorts_of) == sum(len(cohort.users) for cohort in cohorts):
        return cohorts_of
    cohorts_of.clear()
    for index, cohort in enumerate(cohorts):
        for key in principal_keys(cohort.users):
            cohorts_of[key] = (*cohorts_of.get(key, ()), index)
    return cohorts_of


def _holdings(cohorts: Sequence[Cohort]) -> Iterator[str]:
    """The sha256 of `_holding` of each cohort alone. Cohorts have much in common, so the texts of which it is
    made are made once.
    """
    pair = lru_cache(maxsize=None)(lambda *pair: _canonical(pair))
    parts: dict[tuple[str, tuple[str, ...]], str] = {}
    for cohort in cohorts:
        held = []
        for part in sorted(cohort.values.items()):
            if part not in parts:
                parts[part] = ",".join(pair(part[0], value) for value in sorted(set(part[1])))
            if parts[part]:
                held.append(parts[part])
        text = f"{{{encode_basestring(cohort.expires or '')}:[{','.join(held)}]}}"
        yield hashlib.sha256(text.encode()).hexdigest()


def _holding(cohorts: Sequence[Cohort]) -> str:
    values_until: dict[str, set[tuple[str, str]]] = {}
    for cohort in cohorts:
        values = values_until.setdefault(cohort.expires or "", set())
        values.update((key, value) for key, entries in cohort.values.items() for value in entries)
    return _canonical({expires: sorted(values) for expires, values in values_until.items()})
