"""The terminal door: parse, call one use case, show its view, exit with its code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from pipeline import __version__, cli_approvals, cli_evidence, cli_mcp, cli_review
from pipeline.cli_answers import answer, answer_async, guarded, open_desk, person_at_terminal, switches
from pipeline.cli_options import (
    AcceptHeld,
    Allow,
    AsOf,
    CheckedApp,
    Concurrency,
    Csv,
    Csvs,
    Db,
    Faults,
    Json,
    LeaseWait,
    Limits,
    MappingFile,
    Org,
    PlanName,
    Port,
    RateShare,
    Reason,
    Recheck,
    RejectsMax,
    RequireApproval,
    Resumed,
    ReviewedChanges,
    Since,
    SinceAll,
    Yes,
)
from pipeline.errors import Exit
from pipeline.source import REJECTS_MAX
from pipeline.standard_streams import accept_any_text
from pipeline.telling_errors import options_first, show_unforeseen, show_usage

okta_plan = typer.Typer(
    name="okta-plan",
    help="Reviewed plan/apply for Okta Identity Governance access. Not an Okta product.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
emulator = typer.Typer(help="An Okta org in a box.", rich_markup_mode=None)
okta_plan.add_typer(emulator, name="emulator")
cli_evidence.register(okta_plan)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"okta-plan {__version__}\n")
        raise typer.Exit


@okta_plan.callback()
def options(
    workspace: Annotated[Path | None, typer.Option(metavar="FOLDER", help="The workspace folder.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Add tracebacks to errors.")] = False,
    log_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep one redacted line for each call to Okta here.")
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback has answered
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version.")
    ] = False,
) -> None:
    switches.workspace, switches.debug, switches.log_file = workspace, debug, log_file


@okta_plan.command(short_help="The whole story on a sample, against the emulator.")
def demo(json: Json = False) -> None:
    """The whole story on a sample, against the emulator, in a temporary workspace."""
    from pipeline.report.progress import show_progress
    from pipeline.use_cases.demo import run_demo

    answer("demo", json, lambda: run_demo(show_steps=not json, show_progress=show_progress()))


@okta_plan.command(short_help="Connection, credential, scopes, app, rate limits, clock.")
def check(
    okta_app: CheckedApp = None,
    org: Org = None,
    json: Json = False,
) -> None:
    """Connection, credential, app, entitlement management, rate limits, clock skew."""
    from pipeline.use_cases import online

    answer_async("check", json, org, lambda desk: online.check(desk, okta_app))


@okta_plan.command(short_help="Numbered list of the sources in csv/; --sync fetches first.")
def files(
    sync: Annotated[bool, typer.Option("--sync", help="Fetch what changed in S3 first.")] = False,
    json: Json = False,
) -> None:
    """Numbered list of the sources in csv/; --sync fetches from S3 first."""
    from pipeline.report.progress import show_fetching
    from pipeline.use_cases import sources

    answer("files", json, lambda: sources.files(open_desk(), sync=sync, tell=show_fetching()))


@okta_plan.command(short_help="What a source holds and how it would be read.")
def analyze(
    csv: Csv,
    mapping: MappingFile = None,
    write_mapping: Annotated[
        Path | None,
        typer.Option("--write-mapping", metavar="FILE", help="Write how it is read, for you to correct."),
    ] = None,
    as_of: AsOf = None,
    rejects_max: RejectsMax = REJECTS_MAX,
    json: Json = False,
) -> None:
    """What a source holds: columns and roles with reasons, values, totals, findings."""
    from pipeline.use_cases import generating

    how = generating.Reading(mapping=mapping, as_of=as_of, rejects_max=rejects_max)
    answer(
        "analyze", json, lambda: generating.analyze(open_desk(), csv, how=how, write_mapping=write_mapping)
    )


@okta_plan.command()
def generate(
    csvs: Csvs,
    okta_app: Annotated[
        str, typer.Option("--app", metavar="APP", help="The app's id (0oa...) or exact label.")
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The plan's name; default: the source's stem.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Default: plans/NAME.yaml.")
    ] = None,
    mapping: MappingFile = None,
    as_of: AsOf = None,
    since: Since = None,
    since_all: SinceAll = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a different existing plan.")] = False,
    rejects_max: RejectsMax = REJECTS_MAX,
    json: Json = False,
) -> None:
    """Write the plan of one source or several. Offline, deterministic."""
    from pipeline.use_cases import generating

    how = generating.Reading(mapping=mapping, as_of=as_of, rejects_max=rejects_max)
    wanted = generating.Wanted(
        okta_app=okta_app, name=name, output=output, force=force, since=since, since_all=since_all
    )
    answer("generate", json, lambda: generating.generate(open_desk(), csvs, wanted, how=how))


@okta_plan.command(short_help="Check plans offline: every problem with file and line.")
def validate(
    plans: Annotated[list[str], typer.Argument(metavar="PLAN...", help="Plan files, or names in plans/.")],
    json: Json = False,
) -> None:
    """Schema and meaning of plans, offline; every problem with file:line."""
    from pipeline.use_cases import offline

    answer("validate", json, lambda: offline.validate(open_desk(), plans))


cli_review.register(okta_plan)


cli_approvals.register(okta_plan)
cli_mcp.register(okta_plan)


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
    allow: Allow = None,
    reason: Reason = None,
    require_approval: RequireApproval = False,
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
        allow=tuple(allow or ()),
        reasons=tuple(reason or ()),
        require_approval=require_approval,
    )
    answer_async("apply", json, org, lambda desk: applying.apply(desk, request, person_at_terminal(json)))


@okta_plan.command(short_help="The same apply in virtual time, against an emulator.")
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
    answer("simulate", json, lambda: simulating.simulate_live(lambda: open_desk(org), plan, means))


@okta_plan.command()
def verify(plan: PlanName, org: Org = None, json: Json = False) -> None:
    """Read back: does the tenant hold what the plan says?"""
    from pipeline.use_cases import online

    answer_async("verify", json, org, lambda desk: online.verify(desk, plan))


@okta_plan.command()
def watch(run: Annotated[str, typer.Argument(metavar="RUN", help="Its id, from `okta-plan runs`.")]) -> None:
    """Follow a run that another process carries out, until it ends."""
    from pipeline.report.progress import show_watched
    from pipeline.use_cases.live import run_live
    from pipeline.use_cases.watching import watch as follow

    show = show_watched()
    raise typer.Exit(
        guarded("watch", False, lambda: run_live(open_desk, lambda desk: follow(desk, run, show)))
    )


@okta_plan.command()
def undo(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run, as `okta-plan runs` lists it.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Default: plans/undo-RUN.yaml.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a different existing plan.")] = False,
    json: Json = False,
) -> None:
    """Write the plan that takes away what a run gave. Offline; says what it does not take back."""
    from pipeline.use_cases import undoing

    answer("undo", json, lambda: undoing.undo(open_desk(), run, output=output, force=force))


@okta_plan.command(short_help="Put the sources of an applied plan away.")
def archive(plan: PlanName, json: Json = False) -> None:
    """Put the sources of an applied plan away: csv/processed/ or csv/processed_and_assigned/."""
    from pipeline.use_cases import archiving

    answer("archive", json, lambda: archiving.archive(open_desk(), plan))


@okta_plan.command()
def schema(
    write: Annotated[bool, typer.Option("--write", help="Write them to schemas/ of the workspace.")] = False,
    json: Json = False,
) -> None:
    """The JSON Schemas of plan, change set and every --json answer."""
    from pipeline.use_cases import schemas

    answer("schema", json, lambda: schemas.schema(open_desk(), write=write))


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

    guarded(
        "emulator serve",
        False,
        lambda: box.serve(org, port=port, db=db, limits=limits, faults=faults, seed=seed),
    )


@emulator.command("reset")
def emulator_reset(json: Json = False) -> None:
    """Forget what the embedded emulators (--org) of this workspace hold."""
    from pipeline.use_cases import box

    answer("emulator reset", json, lambda: box.reset(open_desk()))


def main() -> NoReturn:
    """The whole command line. Exit codes are those of errors.Exit."""
    sys.exit(int(_run() or 0))


def _run() -> int | None:
    accept_any_text()
    try:
        code: int | None = okta_plan(
            options_first(sys.argv[1:]), standalone_mode=False, prog_name="okta-plan"
        )
    except typer.Exit as left:
        return left.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return Exit.STOPPED
    except typer.TyperException as error:
        return show_usage(error, debug=switches.debug)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a sentence, not a traceback
        return show_unforeseen(error, debug=switches.debug, mask=switches.mask)
    return code
