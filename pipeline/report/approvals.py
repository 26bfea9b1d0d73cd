"""What a person reads and types to approve, and approvals as terminal text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Console

from pipeline.approval_views import ApprovalsView, ApproveView
from pipeline.plan.approval import Approval, in_words
from pipeline.report.text import SHOWN, plain, show_findings
from pipeline.views import ChangeView, DiffView

PROVISIONING = "provisioning"


def show_pending(view: DiffView, privileged: Iterable[str], console: Console) -> None:
    """The change set that is to be approved: whatever takes something away or gives something privileged,
    and the first of the rest.
    """
    org = f"{plain(view.org_host)} ({plain(view.org_id)})"
    console.print(f"[bold]{plain(view.plan)}[/] on {org}, app {plain(view.okta_app)}")
    console.print(f"compared at {view.observed_at}  changes_digest {view.changes_digest}")
    words = frozenset(privileged)
    weighty = [each for each in view.changes if _takes(each) or _gives(each, words)]
    rest = [each for each in view.changes if each not in weighty]
    for each in [*weighty, *rest[:SHOWN]]:
        sign = "[red]-[/]" if _takes(each) else "[green]+[/]"
        console.print(f"  {sign} {plain(each.message)}")
    if len(rest) > SHOWN:
        console.print(f"  ... and {len(rest) - SHOWN} more, all in {plain(view.paths.get('changes', ''))}")
    if view.held:
        console.print(f"{len(view.held)} held: these are not sent, and not approved.")
    show_findings(console, view.findings)
    console.print(f"[bold]{in_words({k: n for k, n in view.counts.items() if k not in ('keep', 'held')})}[/]")


def _takes(change: ChangeView) -> bool:
    return change.action in ("revoke", "convert")


def _gives(change: ChangeView, words: frozenset[str]) -> bool:
    pairs = ((entitlement, value) for entitlement, values in change.adds.items() for value in values)
    return any(f"{entitlement}/{value}" in words or value in words for entitlement, value in pairs)


def ask_to_name(
    privileged: Mapping[str, int], conflicts: Iterable[str], *, provisioning: bool, console: Console
) -> tuple[str, ...]:
    """What the person typed when asked to name each privileged value, each rule of duties that is broken, and
    that the app has provisioning.
    """
    typed: list[str] = []
    for word, people in privileged.items():
        gain = "1 person gains" if people == 1 else f"{people} people gain"
        typed.append(_ask(console, f"{gain} the privileged {word}. Type {word} to approve that: "))
    typed += [
        _ask(console, f"Somebody breaks the rule of duties {rule}. Type {rule} to approve that: ")
        for rule in conflicts
    ]
    if provisioning:
        typed.append(
            _ask(
                console,
                f"The app pushes grants to its target system. Type {PROVISIONING} to approve that: ",
            )
        )
    return tuple(typed)


def ask_for_counts(to_type: str, console: Console) -> str:
    """What the person typed as the counts of what they approve."""
    return _ask(console, f"Type what you approve ({to_type}): ")


def _ask(console: Console, question: str) -> str:
    try:
        return console.input(plain(question)).strip()
    except EOFError:
        return ""


def show_approved(view: ApproveView, console: Console) -> None:
    """What was recorded, until when, and where."""
    if view.approval is not None:
        console.print(f"Approved: {in_words(view.approval.counts)}")
        _show(view.approval, console)
    console.print(f"Wrote [bold]{plain(view.paths.get('approval', ''))}[/]")
    console.print(f"[bold]Next:[/] okta-plan apply {plain(view.plan)} --require-approval")


def show_approvals(view: ApprovalsView, console: Console) -> None:
    """The approval beside a plan, and whether it counts."""
    if view.approval is not None:
        state = "[green]counts[/]" if view.ok else "[red]does not count[/]"
        console.print(f"{plain(view.paths.get('approval', ''))}: {state}")
        _show(view.approval, console)
        console.print(f"approved: {in_words(view.approval.counts)}")
        left = {action: count for action, count in view.left.items() if count}
        console.print(f"left: {in_words(left) or 'nothing'}")
    if view.error:
        console.print(f"[bold red]{plain(view.error.summary)}.[/] {plain(view.error.detail)}")
        if view.error.next:
            console.print(f"[bold]Next:[/] {plain(view.error.next)}")


def _show(approval: Approval, console: Console) -> None:
    signed = ", signed" if approval.signature else ""
    console.print(
        f"by {plain(approval.approver)} ({approval.channel}{signed}) on {approval.approved_at}, "
        f"until {approval.expires_at}, for {plain(approval.org_host)}, scope {approval.scope}"
    )
    named = [*approval.privileged, *approval.conflicts, *([PROVISIONING] if approval.provisioning else [])]
    if named:
        console.print(f"names {plain(', '.join(named))}")
    for each in approval.allow:
        console.print(f"allows {plain(each.guard)} up to {each.limit:g}: {plain(each.reason)}")
    if approval.reason:
        console.print(f"reason: {plain(approval.reason)}")
