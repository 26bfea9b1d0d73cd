"""generate --since: what is gone since an older plan, as far as runs of this workspace gave it."""

from __future__ import annotations

from pipeline.address import principal_key
from pipeline.changes.codec import from_json
from pipeline.errors import ErrorCode, InputError
from pipeline.plan.cohorts import Pair
from pipeline.plan.model import OktaAppRef, Plan
from pipeline.plan.since import Proposal, propose_removals, why_not
from pipeline.run.folder import RunFolder, list_runs
from pipeline.run.journal import read_journal
from pipeline.run.undo import undo_of
from pipeline.survey.survey import Survey
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.offline import read_plan
from pipeline.use_cases.reviewing import read_json


def with_removals(desk: Desk, surveyed: Survey, new: Plan, since: str, *, everything: bool) -> Proposal:
    """``new`` with removals of what the plan ``since`` gave and it does not: what runs of ours added, or
    ``everything``. Raises InputError where what is gone may be a matter of how the sources were made or read.
    """
    _, old = read_plan(desk, since)
    if not _is_same(old.okta_app, new.okta_app):
        raise _refused(f"Plan {old.name} is for another app than --app names, or names it in another way.")
    unreadable = [
        row for row in surveyed.rejected if row.reason in {"ragged_row", "broken_quotes", "no_user"}
    ]
    if unreadable:
        raise _refused(f"{len(unreadable)} rows, the first on line {unreadable[0].line}, name nobody.")
    if reason := why_not(old, new):
        raise _refused(reason)
    added = None if everything else _added(desk, old)
    return propose_removals(old, new, added, surveyed.doubted)


def _is_same(one: OktaAppRef, other: OktaAppRef) -> bool:
    if one.id and other.id:
        return one.id == other.id
    return one.label is not None and one.label == other.label


def _added(desk: Desk, plan: Plan) -> dict[str, set[Pair]]:
    """By the keys of people, what the runs on the app of ``plan`` gave and did not take back."""
    added: dict[str, set[Pair]] = {}
    hosts = set()
    for listed in reversed(list_runs(desk.runtime.runs_dir)):
        header = listed.state.header if listed.state else None
        if header is None or plan.tenant not in {None, header.org_host}:
            continue
        folder = listed.folder
        if plan.okta_app.id and header.okta_app_id != plan.okta_app.id:
            continue
        if _enter(desk, folder, plan, added):
            hosts.add(header.org_host)
    if len(hosts) > 1:
        raise _refused(
            f"Runs on {' and '.join(sorted(hosts))} gave access to this app; give {plan.name} its tenant."
        )
    return added


def _enter(desk: Desk, folder: RunFolder, plan: Plan, added: dict[str, set[Pair]]) -> bool:
    changes = from_json(read_json(folder.changes), desk.shown(folder.changes))
    if plan.okta_app.id is None and changes.okta_app_label != plan.okta_app.label:
        return False
    done = undo_of(read_journal(folder.journal).entries, changes)
    names: dict[str, set[str]] = {}
    for person in (change.person for change in changes.changes if change.person):
        names.setdefault(person.login, {principal_key(person.login)}).update(
            map(principal_key, person.principals)
        )
    for login, pairs in done.given.items():
        for key in names[login]:
            added.setdefault(key, set()).update(pairs)
    for login, pairs in done.revoked.items():
        for key in names[login]:
            added.setdefault(key, set()).difference_update(pairs)
    return True


def _refused(why: str) -> InputError:
    return InputError(
        ErrorCode.SINCE_REFUSED,
        "What is gone cannot be told from what is missing",
        f"No removals are proposed. {why}",
        next_step="Correct the source, or generate without --since and write removals yourself.",
    )
