"""The terminal door: parse, call one use case, show its view, exit with its code."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from pipeline import __version__
from pipeline.cli_options import (
    AcceptHeld,
    CheckedApp,
    Concurrency,
    Csv,
    Db,
    Faults,
    Json,
    LeaseWait,
    Limits,
    Org,
    PlanName,
    Port,
    RateShare,
    Recheck,
    RejectsMax,
    Resumed,
    ReviewedChanges,
    Yes,
)
from pipeline.errors import Exit, OktaPlanError
from pipeline.source import REJECTS_MAX
from pipeline.telling_errors import show_error, show_unforeseen, show_usage

if TYPE_CHECKING:
    from pipeline.envelope import View
    from pipeline.use_cases.applying import Person
    from pipeline.use_cases.desk import Desk

R = TypeVar("R")
V = TypeVar("V", bound="View")

okta_plan = typer.Typer(
    name="okta-plan",
    help="Reviewed plan/apply for Okta Identity Governance access. Not an Okta product.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
emulator = typer.Typer(help="An Okta org in a box.", rich_markup_mode=None)
okta_plan.add_typer(emulator, name="emulator")


@dataclass(slots=True)
class Switches:
    """The options that stand before the command."""

    workspace: Path | None = None
    debug: bool = False
    log_file: Path | None = None


switches = Switches()


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"okta-plan {__version__}\n")
        raise typer.Exit


@okta_plan.callback()
def options(
    workspace: Annotated[Path | None, typer.Option(help="The workspace folder.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Add tracebacks to errors.")] = False,
    log_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep one redacted line for each call to Okta here.")
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback has answered
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version.")
    ] = False,
) -> None:
    switches.workspace, switches.debug, switches.log_file = workspace, debug, log_file


@okta_plan.command()
def demo(json: Json = False) -> None:
    """The whole story on a sample, against the emulator, in a temporary workspace."""
    from pipeline.report.progress import show_progress
    from pipeline.use_cases.demo import run_demo

    _answer("demo", json, lambda: run_demo(show_steps=not json, show_progress=show_progress()))


@okta_plan.command()
def check(
    okta_app: CheckedApp = None,
    org: Org = None,
    json: Json = False,
) -> None:
    """Connection, credential, app, entitlement management, rate limits, clock skew."""
    from pipeline.use_cases import online

    _answer_async("check", json, org, lambda desk: online.check(desk, okta_app))


@okta_plan.command()
def files(
    sync: Annotated[bool, typer.Option("--sync", help="Fetch what changed in S3 first.")] = False,
    json: Json = False,
) -> None:
    """Numbered list of the sources in csv/; --sync fetches from S3 first."""
    from pipeline.use_cases import sources

    _answer("files", json, lambda: sources.files(_desk(), sync=sync))


@okta_plan.command()
def analyze(csv: Csv, rejects_max: RejectsMax = REJECTS_MAX, json: Json = False) -> None:
    """What a source holds: columns and roles with reasons, values, totals, findings."""
    from pipeline.use_cases import offline

    _answer("analyze", json, lambda: offline.analyze(_desk(), csv, rejects_max=rejects_max))


@okta_plan.command()
def generate(
    csv: Csv,
    okta_app: Annotated[
        str, typer.Option("--app", metavar="APP", help="The app's id (0oa...) or exact label.")
    ],
    name: Annotated[str | None, typer.Option(help="The plan's name; default: the source's stem.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Default: plans/NAME.yaml.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Overwrite a different existing plan.")] = False,
    rejects_max: RejectsMax = REJECTS_MAX,
    json: Json = False,
) -> None:
    """Write the plan of a source. Offline, deterministic."""
    from pipeline.use_cases import offline

    _answer(
        "generate",
        json,
        lambda: offline.generate(
            _desk(), csv, okta_app=okta_app, name=name, output=output, force=force, rejects_max=rejects_max
        ),
    )


@okta_plan.command()
def validate(plans: Annotated[list[str], typer.Argument(metavar="PLAN...")], json: Json = False) -> None:
    """Schema and meaning of plans, offline; every problem with file:line."""
    from pipeline.use_cases import offline

    _answer("validate", json, lambda: offline.validate(_desk(), plans))


@okta_plan.command()
def show(
    plan: PlanName,
    user: Annotated[str | None, typer.Option(help="Only what the plan gives this person.")] = None,
    json: Json = False,
) -> None:
    """Read a plan."""
    from pipeline.use_cases import offline

    _answer("show", json, lambda: offline.show(_desk(), plan, user=user))


@okta_plan.command()
def diff(
    plan: PlanName,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Also write the change set here.")
    ] = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="2: changes can be sent; 3: only holds are left.")
    ] = False,
    rate_share: RateShare = 0.70,
    concurrency: Concurrency = 10,
    org: Org = None,
    json: Json = False,
) -> None:
    """Compare a plan with the tenant; store the change set; forecast calls and time."""
    from pipeline.use_cases import online

    _answer_async(
        "diff",
        json,
        org,
        lambda desk: online.diff(
            desk,
            plan,
            output=output,
            detailed_exit_code=detailed_exitcode,
            rate_share=rate_share,
            concurrency=concurrency,
        ),
    )


@okta_plan.command()
def apply(
    plan: PlanName,
    changes: ReviewedChanges = None,
    only: Annotated[str | None, typer.Option(metavar="structure|grants", help="Send only this part.")] = None,
    yes: Yes = False,
    rate_share: RateShare = 0.70,
    concurrency: Concurrency = 10,
    recheck_s: Recheck = 600,
    resume: Resumed = None,
    lease_wait: LeaseWait = 0,
    accept_held: AcceptHeld = None,
    org: Org = None,
    json: Json = False,
) -> None:
    """Carry out a plan: paced, journaled, resumable, verified."""
    from pipeline.use_cases import applying

    request = applying.ApplyRequest(
        plan=plan,
        changes=changes,
        only=only,
        yes=yes,
        rate_share=rate_share,
        concurrency=concurrency,
        recheck_s=recheck_s,
        lease_wait_s=lease_wait,
        resume=resume,
        accept_held=tuple(accept_held or ()),
    )
    _answer_async("apply", json, org, lambda desk: applying.apply(desk, request, _person(json)))


@okta_plan.command()
def simulate(
    plan: PlanName,
    rate_share: RateShare = 0.70,
    concurrency: Concurrency = 10,
    org: Org = None,
    json: Json = False,
) -> None:
    """The same apply in virtual time, against an emulator that holds what the tenant holds now."""
    from pipeline.use_cases import simulating

    means = simulating.Means(rate_share, concurrency)
    _answer("simulate", json, lambda: simulating.simulate_live(lambda: _desk(org), plan, means))


@okta_plan.command()
def verify(plan: PlanName, org: Org = None, json: Json = False) -> None:
    """Read back: does the tenant hold what the plan says?"""
    from pipeline.use_cases import online

    _answer_async("verify", json, org, lambda desk: online.verify(desk, plan))


@okta_plan.command()
def runs(run: Annotated[str | None, typer.Argument(metavar="RUN")] = None, json: Json = False) -> None:
    """The runs of this workspace, or the report of one."""
    from pipeline.use_cases import history

    _answer("runs", json, lambda: history.runs(_desk(), run))


@okta_plan.command()
def watch(run: Annotated[str, typer.Argument(metavar="RUN", help="Its id, from `okta-plan runs`.")]) -> None:
    """Follow a run that another process carries out, until it ends."""
    from pipeline.report.progress import show_watched
    from pipeline.use_cases.live import run_live
    from pipeline.use_cases.watching import watch as follow

    show = show_watched()
    raise typer.Exit(_guarded("watch", False, lambda: run_live(_desk, lambda desk: follow(desk, run, show))))


@okta_plan.command()
def undo(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run, as `okta-plan runs` lists it.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Default: plans/undo-RUN.yaml.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Overwrite a different existing plan.")] = False,
    json: Json = False,
) -> None:
    """Write the plan that takes away what a run gave. Offline; says what it does not take back."""
    from pipeline.use_cases import undoing

    _answer("undo", json, lambda: undoing.undo(_desk(), run, output=output, force=force))


@okta_plan.command()
def archive(plan: PlanName, json: Json = False) -> None:
    """Put the sources of an applied plan away: csv/processed/ or csv/processed_and_assigned/."""
    from pipeline.use_cases import archiving

    _answer("archive", json, lambda: archiving.archive(_desk(), plan))


@okta_plan.command()
def schema(
    write: Annotated[bool, typer.Option("--write", help="Write them to schemas/ of the workspace.")] = False,
    json: Json = False,
) -> None:
    """The JSON Schemas of plan, change set and every --json answer."""
    from pipeline.use_cases import schemas

    _answer("schema", json, lambda: schemas.schema(_desk(), write=write))


@emulator.command("serve")
def emulator_serve(
    org: Annotated[Path, typer.Option("--org", metavar="FILE", help="The org file.")],
    port: Port = 0,
    db: Db = None,
    limits: Limits = None,
    faults: Faults = None,
    seed: Annotated[int, typer.Option(help="Of ids, latencies and faults.")] = 0,
) -> None:
    """Serve the org of an org file on loopback until interrupted."""
    from pipeline.use_cases import box

    _guarded(
        "emulator serve",
        False,
        lambda: box.serve(org, port=port, db=db, limits=limits, faults=faults, seed=seed),
    )


@emulator.command("reset")
def emulator_reset(json: Json = False) -> None:
    """Forget what the embedded emulators (--org) of this workspace hold."""
    from pipeline.use_cases import box

    _answer("emulator reset", json, lambda: box.reset(_desk()))


def main() -> NoReturn:
    """The whole command line. Exit codes are those of errors.Exit."""
    sys.exit(int(_run() or 0))


def _run() -> int | None:
    try:
        code: int | None = okta_plan(standalone_mode=False, prog_name="okta-plan")
    except typer.Exit as left:
        return left.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return Exit.STOPPED
    except typer.TyperException as error:
        return show_usage(error, debug=switches.debug)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a sentence, not a traceback
        return show_unforeseen(error, debug=switches.debug)
    return code


def _desk(org: Path | None = None) -> Desk:
    from pipeline.use_cases.live import live_desk

    return live_desk(switches.workspace, org, switches.log_file)


def _person(json: bool) -> Person:
    """Who can be asked and shown progress: a person at a terminal, both on stderr."""
    from pipeline.report.progress import show_progress
    from pipeline.report.terminal import ask
    from pipeline.use_cases.applying import Person

    can_ask = not json and sys.stdin.isatty() and sys.stderr.isatty()
    return Person(ask=ask if can_ask else None, show=show_progress())


def _answer_async(
    command: str, json: bool, org: Path | None, call: Callable[[Desk], Awaitable[View]]
) -> None:
    from pipeline.use_cases.live import run_live

    _answer(command, json, lambda: run_live(lambda: _desk(org), call))


def _answer(command: str, json: bool, call: Callable[[], View]) -> None:
    from pipeline.envelope import to_json
    from pipeline.report.terminal import render

    view = _guarded(command, json, call)
    sys.stdout.write(to_json(view)) if json else render(view)
    raise typer.Exit(view.exit_code)


def _guarded(command: str, json: bool, call: Callable[[], R]) -> R:
    try:
        return call()
    except OktaPlanError as error:
        show_error(error, command, json=json, debug=switches.debug)
        raise typer.Exit(int(error.exit_code)) from None
