"""Views as Markdown: the report kept beside each run's journal."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.report.review_markdown import cell
from pipeline.views import ApplyView, VerificationView

ROWS_MAX = 200
"""Rows of one table; report.json and not-applied.csv have them all."""


def run_report(view: ApplyView) -> str:
    """The report of one run; text from sources and from Okta is shown as text."""
    lines = [
        f"# Run {view.run}",
        "",
        f"Plan {cell(view.plan)} on app {cell(view.okta_app)} of {cell(view.org_host)} ({cell(view.org_id)})",
        "",
        f"- plan_digest: {view.plan_digest}",
        f"- changes_digest: {view.changes_digest}",
        f"- took: {view.elapsed_s:.1f} s",
        f"- exit code: {view.exit_code}",
        "",
        "## Outcomes",
        "",
        *_table(("outcome", "changes"), [(name, str(count)) for name, count in view.outcomes.items()]),
        *_table(("calls to", "calls"), [(name, str(count)) for name, count in view.calls.items()]),
    ]
    if view.allowed:
        allowed = [(each.guard, each.value, each.reason) for each in view.allowed]
        lines += ["## Guards overridden", "", *_table(("guard", "allowed", "reason"), allowed)]
    if view.revoked:
        pairs = [(each.principal, each.entitlement, each.value) for each in view.revoked]
        lines += ["## Revoked", "", *_table(("from", "entitlement", "value"), pairs)]
    for earlier in view.earlier:
        done = [(name, str(count)) for name, count in earlier.counts.items()]
        lines += [f"## Done before by run {earlier.run}", "", *_table(("outcome", "changes"), done)]
    if view.problems:
        rows = [(each.address, each.action, each.outcome, each.detail) for each in view.problems]
        lines += ["## Refused or unresolved", "", *_table(("address", "action", "outcome", "why"), rows)]
    if view.held:
        rows = [(each.principal or each.address, each.action, each.reason, each.detail) for each in view.held]
        lines += ["## Held", "", *_table(("who", "action", "reason", "why"), rows)]
    if view.verification:
        found = view.verification
        lines += [
            "## Verified by reading back",
            "",
            verified_line(found),
            "",
            *_table(
                ("missing for", "entitlement", "value", "why"),
                [(each.principal, each.entitlement, each.value, each.why) for each in found.missing],
            ),
            *_table(
                ("still held by", "entitlement", "value", "why"),
                [(each.principal, each.entitlement, each.value, each.why) for each in found.still_held],
            ),
            *_table(("not yet done",), [(each,) for each in found.otherwise]),
        ]
    if view.error:
        lines += ["## Stopped", "", f"{cell(view.error.summary)}. {cell(view.error.detail)}", ""]
    return "\n".join(lines).rstrip() + "\n"


def verified_line(found: VerificationView) -> str:
    """One sentence of what reading back showed."""
    removed = found.pairs_removed
    gone = f", {removed} removed value{'s are' if removed != 1 else ' is'} gone" if removed else ""
    return (
        f"{found.pairs_held} of {found.pairs_planned} planned values are in place, "
        f"{found.pairs_held_back} held back, {found.extras} beyond the plan and untouched{gone}."
    )


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    shown = [f"| {' | '.join(cell(text) for text in row)} |" for row in rows[:ROWS_MAX]]
    more = ["", f"... and {len(rows) - ROWS_MAX} more"] if len(rows) > ROWS_MAX else []
    return [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}", *shown, *more, ""]
