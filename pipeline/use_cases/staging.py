"""Plans made of the arguments of a call: of a source for one stage, of a list of people, of typed grants.

What is made is a plan file like any other: reviewed, compared, approved and applied the same way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.changes.snapshot import OktaEntitlement
from pipeline.errors import ErrorCode, InputError
from pipeline.okta.pages import require
from pipeline.plan.model import (
    Assignments,
    Cohort,
    Entitlement,
    Mapping,
    OktaAppRef,
    Plan,
    UserMapping,
    Value,
)
from pipeline.source import REJECTS_MAX
from pipeline.source.local import source_stem
from pipeline.source.placing import sha256_of
from pipeline.source.s3 import SCHEME
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.generating import Wanted, app_reference, generate, plan_name, structure_of
from pipeline.use_cases.offline import read_plan
from pipeline.use_cases.sources import read_source
from pipeline.use_cases.tenant import open_tenant

BY_ID = Mapping(user=UserMapping(column="userId", match=("id",)), entitlements=())
"""How the people of such a plan are named: by their ids in Okta."""


@dataclass(frozen=True, slots=True)
class TypedGrant:
    """One wanted grant: whom, on which app, and value ids by entitlement id."""

    user_id: str
    app_id: str
    values: tuple[tuple[str, tuple[str, ...]], ...]


async def stage_source(desk: Desk, csv: str, app_text: str, *, only_structure: bool) -> str:
    """The plan, as a path below the workspace, of ``csv`` for an app.

    A plan of the same source and app under the source's name is used as it is, with what a mapping file or a
    person made of it; the structure is that of such a plan. A plan of anything else is never replaced. Raises
    InputError as `generate` does, and TenantError where a plan names its app by id and ``app_text`` by label,
    or the other way round, and the tenant does not tell whether they are the same.
    """
    sha256 = _digest(desk, csv)
    stem = plan_name(source_stem(Path(csv).name))
    key = _key(sha256, app_text)
    names = (stem, f"{stem[:90]}-{key}")
    whole = await _plan_of(desk, names, sha256, app_text)
    if not only_structure:
        if whole is not None:
            return f"plans/{whole.name}.yaml"
        name = _free(desk, names)
        return generate(desk, [csv], Wanted(okta_app=app_text, name=name)).plan
    names = (f"{stem[:80]}-structure", f"{stem[:80]}-structure-{key}")
    found = await _plan_of(desk, names, sha256, app_text)
    if found is not None and (whole is None or found.entitlements == whole.entitlements):
        return f"plans/{found.name}.yaml"
    name = _free(desk, names)
    if whole is not None:
        return _written(desk, structure_of(whole, name))
    return generate(desk, [csv], Wanted(okta_app=app_text, name=name, only_structure=True)).plan


def _digest(desk: Desk, csv: str) -> str:
    if csv.startswith(SCHEME):
        return read_source(desk, csv, rejects_max=REJECTS_MAX).sha256
    return sha256_of(desk.inside(Path(csv)))


def _key(sha256: str, app_text: str) -> str:
    return hashlib.sha256(f"{sha256} {app_text}".encode()).hexdigest()[:8]


async def _plan_of(desk: Desk, names: Iterable[str], sha256: str, app_text: str) -> Plan | None:
    """The first plan of those names that is of this source and app; None where none is. Raises InputError
    where one cannot be read: a person is at it.
    """
    for name in names:
        path = desk.inside(Path("plans") / f"{name}.yaml")
        if not path.is_file():
            continue
        _, plan = read_plan(desk, desk.shown(path))
        is_source = {each.sha256 for each in plan.sources} == {sha256}
        if is_source and await _is_app(desk, plan.okta_app, app_text):
            return plan.model_copy(update={"name": name})
    return None


def _free(desk: Desk, names: Iterable[str]) -> str:
    """The first name that no plan has; else the last, which the caller then finds taken."""
    taken = ""
    for taken in names:
        if not (desk.workspace / "plans" / f"{taken}.yaml").exists():
            break
    return taken


async def _is_app(desk: Desk, ref: OktaAppRef, text: str) -> bool:
    wanted = app_reference(text)
    if wanted.id and ref.id:
        return wanted.id == ref.id
    if wanted.label and ref.label:
        return wanted.label == ref.label
    async with open_tenant(desk) as tenant:
        okta_app = await tenant.reads.okta_app(wanted)
    return okta_app.id == ref.id or okta_app.label == ref.label


def stage_assignments(desk: Desk, app_text: str, user_ids: Iterable[str]) -> str:
    """The plan that assigns these people, by their ids, to an app; its path below the workspace."""
    users = tuple(sorted(set(user_ids)))
    okta_app = app_reference(app_text)
    name = _name("assign", [okta_app.id, okta_app.label, users])
    plan = Plan(name=name, okta_app=okta_app, mapping=BY_ID, assignments=Assignments(users=users))
    return _written(desk, plan)


async def stage_grants(desk: Desk, grants: Sequence[TypedGrant]) -> str:
    """The plan that gives these people, by their ids, these values of one app; its path below the workspace.

    Raises InputError where they are of several apps or the app has no such entitlement or value; TenantError
    where its entitlements cannot be read whole.
    """
    apps = {each.app_id for each in grants}
    if len(apps) != 1:
        raise _unusable("The grants are of several apps; a plan is of one.")
    [app_id] = apps
    async with open_tenant(desk) as tenant:
        found, listings = await tenant.reads.entitlements(app_id)
        require(listings)
    wanted: dict[str, dict[str, set[str]]] = {}
    for grant in grants:
        held = wanted.setdefault(grant.user_id, {})
        for entitlement, values in _named(grant, found):
            held.setdefault(entitlement, set()).update(values)
    plan = Plan(
        name=_name("grants", [app_id, {who: _sorted(held) for who, held in wanted.items()}]),
        okta_app=OktaAppRef(id=app_id),
        mapping=BY_ID,
        entitlements=_needed(found, wanted),
        access=_cohorts(wanted),
    )
    return _written(desk, plan)


def _named(grant: TypedGrant, found: Sequence[OktaEntitlement]) -> Iterable[tuple[str, set[str]]]:
    by_id = {each.id: each for each in found}
    for entitlement_id, value_ids in grant.values:
        entitlement = by_id.get(entitlement_id)
        if entitlement is None:
            raise _unusable("An entitlement id is none of the app's.")
        names = {each.id: each.external_value for each in entitlement.values}
        if unknown := set(value_ids) - names.keys():
            raise _unusable(f"{len(unknown)} value ids are none of the entitlement's.")
        yield entitlement.external_value, {names[each] for each in value_ids}


def _needed(
    found: Sequence[OktaEntitlement], wanted: dict[str, dict[str, set[str]]]
) -> tuple[Entitlement, ...]:
    used: dict[str, set[str]] = {}
    for held in wanted.values():
        for entitlement, values in held.items():
            used.setdefault(entitlement, set()).update(values)
    return tuple(
        Entitlement(
            name=each.name,
            external_value=each.external_value,
            multi_value=each.multi_value,
            values=tuple(
                Value(name=value.name, external_value=value.external_value)
                for value in sorted(each.values, key=lambda value: value.external_value)
                if value.external_value in used[each.external_value]
            ),
        )
        for each in sorted(found, key=lambda each: each.external_value)
        if each.external_value in used
    )


def _cohorts(wanted: dict[str, dict[str, set[str]]]) -> tuple[Cohort, ...]:
    users: dict[str, list[str]] = {}
    for who, held in wanted.items():
        users.setdefault(json.dumps(_sorted(held)), []).append(who)
    return tuple(
        Cohort(values=json.loads(values), users=tuple(sorted(who)))
        for values, who in sorted(users.items(), key=lambda each: (-len(each[1]), each[0]))
    )


def _sorted(held: dict[str, set[str]]) -> dict[str, list[str]]:
    return {entitlement: sorted(values) for entitlement, values in sorted(held.items())}


def _name(what: str, meaning: object) -> str:
    """A name of the content, so that the same call makes the same plan."""
    text = json.dumps(meaning, sort_keys=True)
    return f"{what}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _written(desk: Desk, plan: Plan) -> str:
    from pipeline.plan.file import write_plan

    path = desk.inside(Path("plans") / f"{plan.name}.yaml")
    try:
        write_plan(path, plan, force=False, shown_as=desk.shown(path))
    except InputError as error:
        if error.code is not ErrorCode.PLAN_EXISTS:
            raise
        # Its name says what it was made of; what a person edited since is kept.
    return desk.shown(path)


def _unusable(why: str) -> InputError:
    return InputError(ErrorCode.USAGE, "The grants cannot be planned", why)
