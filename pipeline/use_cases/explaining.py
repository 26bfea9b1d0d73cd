"""What the runs of a workspace tell of a change that the tenant does not show."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.changes.codec import from_json
from pipeline.changes.model import ChangeSet
from pipeline.changes.verification import PersonValue
from pipeline.errors import InputError
from pipeline.run.entries import Begin, End, Held, Note
from pipeline.run.folder import ListedRun, list_runs
from pipeline.run.journal import read_journal
from pipeline.run.result import Outcome
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.parts import part_of
from pipeline.use_cases.reviewing import read_json

NEVER_SENT = "No run of this workspace has sent it."


@dataclass(frozen=True, slots=True)
class RunsTell:
    """By address, what the newest run that had the change made of it."""

    by_address: dict[str, str]

    def why(self, pair: PersonValue) -> str:
        """One or two sentences: what the tenant shows, and what the runs tell."""
        told = [self.by_address[each] for each in pair.addresses if each in self.by_address]
        return f"{pair.why} {' '.join(told) or NEVER_SENT}".strip()


def runs_tell(desk: Desk, plan_name: str, changes: ChangeSet) -> RunsTell:
    """Of the runs of that plan on the same org and app. A run whose papers cannot be read tells nothing."""
    told: dict[str, str] = {}
    for listed in reversed(list_runs(desk.runtime.runs_dir)):
        header = listed.state.header if listed.state else None
        same = (plan_name, changes.org_id, changes.okta_app_id)
        if header and (header.plan_name, header.org_id, header.okta_app_id) == same:
            told |= _told(desk, listed)
    return RunsTell(told)


def _told(desk: Desk, listed: ListedRun) -> dict[str, str]:
    folder = listed.folder
    run = folder.run_id
    told = _planned(desk, listed)
    for entry in read_journal(folder.journal).entries:
        match entry:
            case Begin():
                told[entry.address] = f"Run {run} began to send it and ended before it knew the answer."
            case End():
                told[entry.address] = _sentence(run, entry.outcome, entry.detail)
            case Held():
                told[entry.address] = f"Run {run} held it: {entry.reason}. {entry.detail}".strip()
            case Note(what="no_effect", address=str(address)):
                told[address] = f"Run {run} sent it without effect."
            case _:
                pass
    return told


def _planned(desk: Desk, listed: ListedRun) -> dict[str, str]:
    """By address, what became of changes that the journal does not tell of."""
    path, run = listed.folder.changes, listed.folder.run_id
    only = listed.state.header.only if listed.state and listed.state.header else None
    try:
        changes = from_json(read_json(path), desk.shown(path)).changes
    except InputError:
        return {}
    left_out, not_sent = f"Run {run} left it out (--only {only}).", f"Run {run} ended before it was sent."
    return {str(each.address): not_sent if only in (None, part_of(each)) else left_out for each in changes}


def _sentence(run: str, outcome: Outcome, detail: str) -> str:
    why = f": {detail}" if detail else "."
    match outcome:
        case Outcome.APPLIED | Outcome.ALREADY_SO:
            return f"Run {run} left it as planned, so it was changed since."
        case Outcome.REFUSED:
            return f"Okta refused it in run {run}{why}"
        case Outcome.UNRESOLVED:
            return f"Run {run} could not tell whether it took effect{why}"
