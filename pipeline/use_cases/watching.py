"""Following a run that another process carries out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from pipeline.changes.codec import from_json
from pipeline.changes.model import names_in
from pipeline.errors import Exit
from pipeline.run.entries import Header
from pipeline.run.folder import RunFolder, find_run
from pipeline.run.lease import STALE_S, LeaseText
from pipeline.run.process import process_start, this_host
from pipeline.run.result import Progress
from pipeline.run.tail import Tail, Watched
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.leasing import lease_of
from pipeline.use_cases.parts import part_of
from pipeline.use_cases.reviewing import read_json

POLL_S = 1.0
QUIET_S = 5.0
"""After so long without news it is asked whether the run's owner lives."""


async def watch(desk: Desk, run: str, show: Callable[[Watched], None]) -> Exit:
    """Follow ``run`` to its end: DONE where it finished, STOPPED where it ended early. ``show`` is called
    whenever there is news. Raises InputError where there is no such run or its journal cannot be read.
    """
    folder, clock = find_run(desk.runtime.runs_dir, run), desk.runtime.clock
    tail, owner = Tail(folder.journal), _Owner(desk)
    tail.read_on()
    total = _total(desk, folder, tail.header)
    show(_watched(desk, run, tail, total))
    quiet_since_s = clock.now()
    while tail.over is None:
        await clock.sleep(POLL_S)
        if tail.read_on():
            quiet_since_s = clock.now()
            show(_watched(desk, run, tail, total))
        elif clock.now() - quiet_since_s >= QUIET_S:
            quiet_since_s = clock.now()
            if await owner.is_gone(tail.header) and not tail.read_on():
                tail.over = "abandoned"
                show(_watched(desk, run, tail, total))
    return Exit.DONE if tail.over == "finished" else Exit.STOPPED


class _Owner:
    """Whether the process that carries out a run still lives."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seen: LeaseText | None = None
        self._seen_since_s = 0.0

    async def is_gone(self, header: Header | None) -> bool:
        """On another host: where its lease has stood still for three beats of our clock."""
        if header is None:
            return True
        found = await lease_of(self._desk, header.org_id, header.okta_app_id, header.run_id)
        if found is None:
            return True
        if found.host == this_host():
            return found.is_dead(process_start)
        now_s = self._desk.runtime.clock.now()
        if found != self._seen:
            self._seen, self._seen_since_s = found, now_s
        return now_s - self._seen_since_s > STALE_S


def _total(desk: Desk, folder: RunFolder, header: Header | None) -> int:
    """How many changes the run was asked for."""
    only = header.only if header else None
    changes = from_json(read_json(folder.changes), desk.shown(folder.changes))
    desk.mask.learn(names_in(changes))
    return sum(only in (None, part_of(change)) for change in changes.changes)


def _watched(desk: Desk, run: str, tail: Tail, total: int) -> Watched:
    counts = Counter(tail.ended.values())
    begun_s = datetime.fromisoformat(tail.begun_at).timestamp() if tail.begun_at else 0.0
    # What is over has taken as long as it took, however much later somebody looks.
    until_s = datetime.fromisoformat(tail.last_at).timestamp() if tail.over and tail.last_at else None
    progress = Progress(
        done=len(tail.ended) - tail.before,
        total=total - tail.before,
        applied=counts["applied"],
        held=counts["held"],
        elapsed_s=max(0.0, (until_s or desk.runtime.clock.now()) - begun_s),
    )
    ended_early = tail.over not in (None, "finished") and tail.header is not None
    resume = None
    if ended_early and tail.header:
        org = " --org FILE" if tail.header.embedded else ""
        resume = f"okta-plan apply {tail.header.plan_path} --resume {run}{org}"
    return Watched(run, progress, dict(counts), desk.mask.text(tail.last), tail.over, resume)
