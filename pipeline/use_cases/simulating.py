"""The verb that rehearses: the same apply in virtual time, against an org of what the tenant holds now."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.changes.codec import to_json
from pipeline.changes.forecast import RECHECK_S
from pipeline.changes.model import ChangeSet
from pipeline.changes.snapshot import Snapshot
from pipeline.clock import LoopClock
from pipeline.errors import ErrorCode, TenantError
from pipeline.runtime import Runtime
from pipeline.settings import Settings
from pipeline.use_cases.applying import ApplyRequest, Person, apply
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.live import run_live
from pipeline.use_cases.offline import read_plan
from pipeline.use_cases.online import observe
from pipeline.use_cases.policies import FOLDER, policy_files
from pipeline.use_cases.tenant import CONCURRENCY, RATE_SHARE, open_tenant
from pipeline.views import ApplyView, ForecastView, SimulateView
from pipeline.virtual_time import run

PLAN = "plans/simulated.yaml"
REVIEWED = "reviewed.json"


@dataclass(frozen=True, slots=True)
class Means:
    """As for ``apply``."""

    rate_share: float = RATE_SHARE
    concurrency: int = CONCURRENCY
    recheck_s: float = RECHECK_S


@dataclass(frozen=True, slots=True)
class Observed:
    """What the simulation starts from: the plan, and the tenant as it was read."""

    plan_text: str
    shown: str
    snapshot: Snapshot
    changes: ChangeSet
    policies: Mapping[str, bytes]
    """The policy files of the workspace, by name."""


async def observed(desk: Desk, given: str, means: Means) -> Observed:
    """Read the tenant; nothing is written. Raises RefusedError (exit 4) as ``diff`` does, TenantError where a
    listing is incomplete: then nobody knows what a run would meet.
    """
    path, plan = read_plan(desk, given)
    async with open_tenant(desk, rate_share=means.rate_share, concurrency=means.concurrency) as tenant:
        snapshot, changes = await observe(desk, tenant, plan)
    torn = [each.name for each in snapshot.listings if not each.complete]
    if torn:
        raise TenantError(
            ErrorCode.INCOMPLETE_READ,
            "A listing could not be read to its end",
            f"Not proven complete: {', '.join(torn)}.",
            next_step="Try again; nothing was changed.",
        )
    return Observed(path.read_text("utf-8"), desk.shown(path), snapshot, changes, policy_files(desk))


def simulate_live(build: Callable[[], Desk], given: str, means: Means) -> SimulateView:
    """Read the tenant on a loop of its own, then simulate. Raises as ``observed`` and ``simulate`` do."""
    return simulate(run_live(build, lambda desk: observed(desk, given, means)), means)


def simulate(seen: Observed, means: Means) -> SimulateView:
    """What an apply of the whole change set would do and take. Exit codes are those of ``apply``.

    Must be called outside of an event loop: it runs one of its own. Raises RefusedError where apply would.
    """
    with tempfile.TemporaryDirectory(prefix="okta-plan-simulation-") as folder:
        workspace = Path(folder).resolve()
        (workspace / "plans").mkdir()
        (workspace / PLAN).write_text(seen.plan_text, "utf-8")
        (workspace / FOLDER).mkdir()
        for name, content in seen.policies.items():
            (workspace / FOLDER / name).write_bytes(content)
        (workspace / REVIEWED).write_text(json.dumps(to_json(seen.changes), ensure_ascii=False), "utf-8")
        return run(_rehearse(seen, means, workspace))


async def _rehearse(seen: Observed, means: Means, workspace: Path) -> SimulateView:
    from pipeline.emulator import InMemoryTransport, create_app
    from pipeline.emulator.orgfile import org_file_from
    from pipeline.use_cases.seeded_org import TOKEN, seeds_of

    seeds = seeds_of(seen.snapshot, subdomain="simulated")
    clock = LoopClock(seen.snapshot.observed_at_s)
    okta = create_app(org_file_from(seeds.org), now=clock.now, sleep=clock.sleep)
    # seeded: a simulation of the same tenant is the same each time
    runtime = Runtime(clock, random.Random(0), InMemoryTransport(okta), workspace)  # noqa: S311
    settings = Settings.model_validate(
        {
            "OKTA_DOMAIN": seen.snapshot.org_host,
            "OKTA_API_TOKEN": TOKEN,
            "OKTA_PLAN_PROTECTED": " ".join(seeds.protected),
        }
    )
    request = ApplyRequest(
        plan=PLAN,
        changes=Path(REVIEWED),
        rate_share=means.rate_share,
        concurrency=means.concurrency,
        recheck_s=means.recheck_s,
    )
    start_s = clock.now()
    try:
        done = await apply(Desk(runtime, settings), request, Person())
    finally:
        okta.state.close()
    return _view(seen, done, means, clock.now() - start_s, seeds.unlike)


def _view(
    seen: Observed, done: ApplyView, means: Means, took_s: float, unlike: tuple[str, ...]
) -> SimulateView:
    limits = dict(done.forecast.limit_per_min) if done.forecast else dict(seen.snapshot.bucket_limits)
    guessed = sorted(done.calls.keys() - seen.snapshot.bucket_limits.keys())
    if guessed:
        unlike = (*unlike, f"Rate limits that reading does not show are guesses: {', '.join(guessed)}.")
    windows = {bucket: calls / limits[bucket] for bucket, calls in done.calls.items() if limits.get(bucket)}
    return SimulateView(
        ok=done.ok,
        exit_code=done.exit_code,
        error=done.error,
        plan=seen.shown,
        okta_app=done.okta_app,
        org_id=seen.snapshot.org_id,
        org_host=done.org_host,
        plan_digest=done.plan_digest,
        changes_digest=done.changes_digest,
        counts=done.counts,
        outcomes=done.outcomes,
        problems=done.problems,
        held=done.held,
        findings=done.findings,
        verification=done.verification,
        forecast=done.forecast,
        simulated=ForecastView(
            calls=done.calls,
            limit_per_min=limits,
            bottleneck=max(windows, key=lambda bucket: windows[bucket], default=None),
            seconds=round(took_s, 1),
            rate_share=means.rate_share,
            concurrency=means.concurrency,
        ),
        unlike=list(unlike),
    )
