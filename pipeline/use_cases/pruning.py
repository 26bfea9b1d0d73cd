"""The verb that deletes old records: runs prune."""

from __future__ import annotations

import math
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.changes.codec import from_json
from pipeline.errors import ErrorCode, InputError, RefusedError
from pipeline.record_views import KeptRunView, PrunedRunView, PruneView, WhyKept
from pipeline.review.words import counted
from pipeline.run.folder import ListedRun, list_runs
from pipeline.run.journal import iso_utc, read_journal
from pipeline.run.lease_file import is_running
from pipeline.run.undo import undo_of
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.reviewing import bad_option, read_json
from pipeline.use_cases.spent import settle
from pipeline.use_cases.tickets import ticket_folder, tickets

_AGE = re.compile(r"(\d{1,5})d")
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_GOING = ".pruned-"
"""A folder that is being deleted: no run any more, should that be cut short."""


@dataclass(frozen=True, slots=True)
class PruneRequest:
    """``older_than`` is an age such as ``90d``; of each plan the newest ``keep`` runs stay, however old.
    ``ask`` shows what would be deleted and returns whether to; None where nobody can be asked.
    """

    older_than: str
    keep: int = 0
    yes: bool = False
    ask: Callable[[PruneView], bool] | None = None


async def prune(desk: Desk, request: PruneRequest) -> PruneView:
    """Delete the folders of old finished runs, and old change sets that no approval names.

    Never a run that did not end, that is damaged, or whose use of an approval is not written down yet: these
    are listed with why. Raises RefusedError where nobody agreed, InputError where a file cannot be deleted.
    """
    before = _before(desk, request.older_than)
    runs_dir = desk.runtime.runs_dir
    _finish_earlier(runs_dir)
    going, kept = await _chosen(desk, before, request.keep)
    changes = list(_old_changes(desk, before))
    view = PruneView(
        before=iso_utc(before.timestamp()),
        pruned=[_pruned(desk, each) for each in going],
        kept=kept,
        change_sets=len(changes),
    )
    if not going and not changes:
        return view
    _refuse_unless_agreed(view, request)
    tickets_of_none = list(_old_tickets(desk, before, {each.folder.run_id for each in going}))
    for path in [*(each.folder.path for each in going), *tickets_of_none, *changes]:
        _delete(desk, path)
    return view.model_copy(update={"deleted": True})


def _before(desk: Desk, text: str) -> datetime:
    age = _AGE.fullmatch(text.strip())
    if age is None:
        raise bad_option("--older-than", text, ("a number of days, such as 90d",))
    return datetime.fromtimestamp(desk.runtime.clock.now(), UTC) - timedelta(days=int(age[1]))


async def _chosen(desk: Desk, before: datetime, keep: int) -> tuple[list[ListedRun], list[KeptRunView]]:
    """What goes, oldest first, and what is old enough and stays."""
    going: list[ListedRun] = []
    kept: list[KeptRunView] = []
    newest: Counter[str] = Counter()
    for listed in list_runs(desk.runtime.runs_dir):
        plan = listed.state.header.plan_name if listed.state and listed.state.header else ""
        newest[plan] += 1
        if _started(listed) >= before:
            continue
        why = WhyKept.NEWEST if newest[plan] <= keep else await _why_kept(desk, listed)
        if why is None:
            going.append(listed)
        else:
            kept.append(KeptRunView(run=listed.folder.run_id, why=why))
    return going[::-1], kept[::-1]


def _started(listed: ListedRun) -> datetime:
    return datetime.strptime(listed.folder.run_id[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


async def _why_kept(desk: Desk, listed: ListedRun) -> WhyKept | None:
    state, run = listed.state, listed.folder.run_id
    if state is None:
        return WhyKept.DAMAGED
    if state.header is None:
        return None  # it had sent nothing
    if state.closed is None:
        header = state.header
        running = is_running(desk.runtime.runs_dir, header.org_id, header.okta_app_id, run)
        return WhyKept.RUNNING if running else WhyKept.UNFINISHED
    try:
        unwritten = await settle(desk, run) if state.header.approval_digest else ()
    except InputError:
        return WhyKept.APPROVAL
    return WhyKept.APPROVAL if unwritten else None


def _pruned(desk: Desk, listed: ListedRun) -> PrunedRunView:
    folder = listed.folder
    header = listed.state.header if listed.state else None
    people, values = _gave(desk, listed)
    return PrunedRunView(
        run=folder.run_id,
        plan=header.plan_path if header else "",
        org_host=header.org_host if header else "",
        started_at=header.started_at if header else iso_utc(_started(listed).timestamp()),
        bytes=sum(each.stat().st_size for each in folder.path.iterdir() if each.is_file()),
        people=people,
        values=values,
    )


def _gave(desk: Desk, listed: ListedRun) -> tuple[int, int]:
    """How many people the run gave how many values: what undo and --since know by it."""
    folder = listed.folder
    if listed.state is None or listed.state.header is None:
        return 0, 0
    changes = from_json(read_json(folder.changes), desk.shown(folder.changes))
    done = undo_of(read_journal(folder.journal).entries, changes)
    return len(done.given), done.pairs


def _old_changes(desk: Desk, before: datetime) -> Iterator[Path]:
    """Change sets that diff stored before then and that no approval in plans/ names."""
    approved = {
        digest
        for path in sorted((desk.workspace / "plans").rglob("*.approval.yaml"))
        for digest in _DIGEST.findall(path.read_text("utf-8", errors="replace"))
    }
    for path in sorted((desk.runtime.runs_dir / "changes").glob("*.json")):
        if path.stem not in approved and _observed_at_s(path) < before.timestamp():
            yield path


def _old_tickets(desk: Desk, before: datetime, going: set[str]) -> Iterator[Path]:
    """What a server kept of runs that go now, and of old ones that never came to have a folder."""
    for ticket in tickets(desk):
        has_folder = (desk.runtime.runs_dir / ticket.run).is_dir()
        is_old = datetime.fromisoformat(ticket.started_at) < before
        if ticket.run in going or (is_old and not has_folder and not ticket.is_alive()):
            yield ticket_folder(desk, ticket.run).path


def _observed_at_s(path: Path) -> float:
    """When the tenant was read for a change set; never for a file that is none, which stays."""
    try:
        found = read_json(path)
    except InputError:
        return math.inf
    at_s = found.get("observed_at_s") if isinstance(found, dict) else None
    return float(at_s) if isinstance(at_s, int | float) else math.inf


def _refuse_unless_agreed(view: PruneView, request: PruneRequest) -> None:
    if request.yes or (request.ask is not None and request.ask(view)):
        return
    asked = request.ask is not None
    raise RefusedError(
        ErrorCode.NOT_CONFIRMED,
        "Nothing was deleted",
        "The question was answered with no."
        if asked
        else f"{counted(len(view.pruned), 'run', 'runs')} and "
        f"{counted(view.change_sets, 'stored change set', 'stored change sets')} would be deleted, and there "
        "is no terminal to ask on.",
        next_step="Run it again and answer, or use --yes.",
    )


def _finish_earlier(runs_dir: Path) -> None:
    for path in runs_dir.glob(f"{_GOING}*"):
        shutil.rmtree(path)


def _delete(desk: Desk, path: Path) -> None:
    try:
        if path.is_file():
            path.unlink()
            return
        going = path.with_name(f"{_GOING}{path.name}")
        path.rename(going)
        shutil.rmtree(going)
    except OSError as error:
        raise InputError(
            ErrorCode.FILE_UNWRITABLE,
            "A record cannot be deleted",
            f"{desk.shown(path)}: {error.strerror or error}.",
            next_step="Correct its permissions and run the command again; what is deleted stays deleted.",
        ) from error
