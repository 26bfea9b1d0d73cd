"""Plan against snapshot: the change set, every wanted change in it either sendable, held or kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.address import Address
from pipeline.changes.access import Terms, compare_person
from pipeline.changes.duties import duty_findings, held_together, to_name
from pipeline.changes.model import Change, ChangeSet, Hold, Keep
from pipeline.changes.snapshot import Snapshot
from pipeline.changes.structure import compare_structure
from pipeline.changes.wanted import Person, resolve
from pipeline.findings import Finding, FindingCode, Location, Severity
from pipeline.plan.model import Plan

USABLE_STATUSES = frozenset({"ACTIVE", "PASSWORD_EXPIRED", "RECOVERY"})
"""In the others a user may be assigned and granted, but cannot sign in (okta-api.md 1.4)."""


def diff(plan: Plan, plan_digest: str, snapshot: Snapshot, *, now_s: float | None = None) -> ChangeSet:
    """The change set that makes the tenant hold what ``plan`` says.

    Changes come in the order in which they may be sent: renames, entitlements, values, descriptions, then
    each person's assignment, grant and removals. Nothing wanted is missing: what cannot be sent safely is
    among the holds, with its reason. ``plan`` is valid (its access names only values it declares); ``now_s``
    (epoch seconds, default: when the snapshot was read) decides which wanted ends are past.
    """
    structure = compare_structure(plan, snapshot)
    resolved = resolve(plan, snapshot)
    terms = Terms.of(plan, structure, snapshot.observed_at_s if now_s is None else now_s)
    verdicts = [
        *structure.changes,
        *structure.holds,
        *structure.keeps,
        *resolved.holds,
        *(verdict for person in resolved.people for verdict in compare_person(terms, person)),
    ]
    changes = tuple(each for each in verdicts if isinstance(each, Change))
    together = held_together(terms.duties, structure.snapshot, resolved.people, changes)
    return ChangeSet(
        org_id=snapshot.org_id,
        org_host=snapshot.org_host,
        okta_app_id=snapshot.okta_app.id,
        okta_app_label=snapshot.okta_app.label,
        plan_name=plan.name,
        plan_digest=plan_digest,
        observed_at_s=snapshot.observed_at_s,
        changes=changes,
        holds=tuple(sorted((each for each in verdicts if isinstance(each, Hold)), key=_hold_order)),
        keeps=tuple(each for each in verdicts if isinstance(each, Keep)),
        findings=(
            *_provisioning(snapshot),
            *_statuses(resolved.people),
            *duty_findings(structure.snapshot, together),
        ),
        conflicts=to_name(together),
    )


def _hold_order(hold: Hold) -> tuple[Address, str, str]:
    return hold.address, hold.reason, hold.detail


def _provisioning(snapshot: Snapshot) -> Iterator[Finding]:
    if snapshot.okta_app.has_provisioning:
        yield Finding(
            FindingCode.PROVISIONING_PUSHES,
            Severity.WARNING,
            "The app has provisioning",
            f"Grants on {snapshot.okta_app.label} are pushed to its target system, and imports from there "
            "may overwrite entitlements. Check that the target system knows every externalValue of the plan.",
        )


def _statuses(people: Iterable[Person]) -> Iterator[Finding]:
    for person in people:
        if person.user.status not in USABLE_STATUSES:
            name = person.principals[0]
            yield Finding(
                FindingCode.USER_STATUS,
                Severity.WARNING,
                "The user cannot sign in",
                f"{name} is {person.user.status}: access is given, but cannot be used until that changes.",
                Location(subject=name),
            )
