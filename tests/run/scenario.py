"""What people should hold, compared with a tenant in memory, and runs of the difference."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.address import Address, Kind
from pipeline.changes.model import (
    Action,
    Change,
    ChangeSet,
    EntitlementTarget,
    NewValue,
    PersonTarget,
    holding,
)
from pipeline.changes.snapshot import OktaEntitlement
from pipeline.changes.waves import waves
from pipeline.clock import Clock
from pipeline.run.entries import Header
from pipeline.run.executor import WriteTurn, execute, no_wait
from pipeline.run.journal import JOURNAL, Journal
from pipeline.run.result import Outcome, Progress, RunResult
from pipeline.run.tenant import Tenant
from tests.run.fake_tenant import APP_ID, FakeTenant

Names = set[tuple[str, str]]


@dataclass(slots=True)
class Wanted:
    """``structure``: entitlement -> values; ``people``: user id -> (entitlement, value) pairs."""

    structure: dict[str, list[str]] = field(default_factory=dict)
    people: dict[str, Names] = field(default_factory=dict)


def compare(tenant: FakeTenant, wanted: Wanted) -> ChangeSet:
    """The changes that lead from what ``tenant`` holds to ``wanted``."""
    structure = [change for each in wanted.structure.items() if (change := _structure(tenant, *each))]
    people = [
        change
        for user_id, pairs in wanted.people.items()
        for change in _person(tenant, user_id, pairs, {each.address for each in structure})
    ]
    return ChangeSet(
        org_id="00o1",
        org_host="acme.okta.com",
        okta_app_id=APP_ID,
        okta_app_label="ERP",
        plan_name="erp",
        plan_digest="p" * 64,
        observed_at_s=0.0,
        changes=(*structure, *people),
        holds=(),
        keeps=(),
    )


def _structure(tenant: FakeTenant, name: str, values: list[str]) -> Change | None:
    found = next((e for e in tenant.entitlements_by_id.values() if e.external_value == name), None)
    has = {value.external_value for value in found.values} if found else set()
    new = tuple(NewValue(value, value) for value in values if value not in has)
    if found is not None and not new:
        return None
    return Change(
        address=Address(Kind.VALUES if found else Kind.ENTITLEMENT, name),
        action=Action.ADD if found else Action.CREATE,
        message="",
        before=holding({name: has}),
        after=holding({name: has | set(values)}),
        entitlement=EntitlementTarget(
            id=found.id if found else None,
            name=name,
            external_value=name,
            description=None,
            multi_value=True,
            new_values=new,
        ),
    )


def _person(tenant: FakeTenant, user_id: str, pairs: Names, needs: set[Address]) -> list[Change]:
    changes: list[Change] = []
    custom = [g for g in tenant.raw_grants.values() if g["targetPrincipal"]["externalId"] == user_id]
    held = tenant.held(user_id)
    person = PersonTarget(
        principals=(f"{user_id}@acme.example.com",),
        user_id=user_id,
        login=f"{user_id}@acme.example.com",
        grant_id=custom[0]["id"] if custom else None,
    )
    key = person.principals[0]
    if user_id not in tenant.rows:
        address = Address(Kind.ASSIGNMENT, key)
        changes.append(
            Change(address=address, action=Action.ASSIGN, message="", before=(), after=(), person=person)
        )
    if pairs - held:
        depends = {a for a in needs if any(a.key == name for name, _ in pairs)}
        changes.append(
            Change(
                address=Address(Kind.GRANT, key),
                action=Action.EXTEND if custom else Action.GRANT,
                message="",
                before=_holding(held),
                after=_holding(held | pairs),
                depends_on=(*sorted(depends), *(each.address for each in changes)),
                person=person,
            )
        )
    return changes


def _holding(names: Names) -> tuple[tuple[str, tuple[str, ...]], ...]:
    by_entitlement: dict[str, set[str]] = {}
    for entitlement, value in names:
        by_entitlement.setdefault(entitlement, set()).add(value)
    return holding(by_entitlement)


def header(run_id: str = "20260921T141320Z-abcd") -> Header:
    return Header(
        tool_version="0.1.0",
        run_id=run_id,
        org_id="00o1",
        org_host="acme.okta.com",
        okta_app_id=APP_ID,
        plan_name="erp",
        plan_path="plans/erp.yaml",
        plan_digest="p" * 64,
        changes_digest="c" * 64,
        started_at="2026-09-21T14:13:20.000Z",
    )


async def carry_out(
    change_set: ChangeSet,
    tenant: Tenant,
    journal: Journal,
    clock: Clock,
    *,
    entitlements: tuple[OktaEntitlement, ...] | None = None,
    reviewed: Callable[[Change], bool] = lambda _change: True,
    stop: asyncio.Event | None = None,
    done: Mapping[Address, Outcome] | None = None,
    seen: list[Progress] | None = None,
    concurrency: int = 10,
    turn: WriteTurn = no_wait,
) -> RunResult:
    return await execute(
        change_set,
        waves(change_set),
        tenant,
        journal,
        clock,
        reviewed=reviewed,
        entitlements=entitlements if entitlements is not None else _listed(tenant),
        progress=(seen if seen is not None else []).append,
        stop=stop or asyncio.Event(),
        done=done,
        concurrency=concurrency,
        turn=turn,
    )


def _listed(tenant: Tenant) -> tuple[OktaEntitlement, ...]:
    assert isinstance(tenant, FakeTenant)
    return tuple(tenant.entitlements_by_id.values())


async def run_once(
    change_set: ChangeSet, tenant: FakeTenant, folder: Path, clock: Clock, **options: object
) -> RunResult:
    """One run with a journal of its own in ``folder``."""
    with Journal.create(folder / JOURNAL, header(), clock) as journal:
        return await carry_out(change_set, tenant, journal, clock, **options)  # type: ignore[arg-type]
