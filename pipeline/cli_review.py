"""The commands of a reviewer: a plan, two plans, a plan against the tenant, what was run; in any format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli_answers import Shape, answer, answer_async, guarded, open_desk
from pipeline.cli_options import (
    As,
    Concurrency,
    Json,
    Link,
    Org,
    Output,
    PlanName,
    RateShare,
    Shown,
)
from pipeline.formats import Format

OldPlan = Annotated[str, typer.Argument(metavar="OLD", help="A plan file, or its name in plans/.")]
NewPlan = Annotated[str, typer.Argument(metavar="NEW", help="A plan file, or its name in plans/.")]


def register(okta_plan: typer.Typer) -> None:
    """Add them to the command line, in the order in which they are used."""
    okta_plan.command()(show)
    okta_plan.command()(compare)
    okta_plan.command(short_help="Compare a plan with the tenant; store the change set.")(diff)
    okta_plan.command(short_help="A plan as one line for each person and value, for git diff.")(textconv)


def show(
    plan: PlanName,
    user: Annotated[
        str | None, typer.Option(metavar="USER", help="Only what the plan gives this person.")
    ] = None,
    as_: As = None,
    output: Output = None,
    link: Link = None,
    json: Json = False,
) -> None:
    """Read a plan."""
    from pipeline.use_cases import offline

    shape = Shape.of(as_, json=json, output=output, link=link)
    answer("show", shape, lambda: offline.show(open_desk(), plan, user=user))


def compare(
    old: OldPlan,
    new: NewPlan,
    as_: As = None,
    output: Output = None,
    link: Link = None,
    json: Json = False,
) -> None:
    """What changes from one plan to another, by person and value. Offline."""
    from pipeline.use_cases import comparing

    shape = Shape.of(as_, json=json, output=output, link=link)
    answer("compare", shape, lambda: comparing.compare(open_desk(), old, new))


def diff(
    plan: PlanName,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Also write the change set here; with --format text, markdown or html that instead.",
        ),
    ] = None,
    as_: As = None,
    link: Link = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="2: changes can be sent; 3: only holds are left.")
    ] = False,
    allow: Shown = None,
    rate_share: RateShare = 0.70,
    concurrency: Concurrency = 10,
    org: Org = None,
    json: Json = False,
) -> None:
    """Compare a plan with the tenant; store the change set; forecast calls and time."""
    from pipeline.use_cases import online

    # Without a format FILE has always been the change set, which is what `apply --changes` takes.
    takes_changes = as_ in {None, Format.JSON}
    shape = Shape.of(as_, json=json, output=None if takes_changes else output, link=link)
    answer_async(
        "diff",
        shape,
        org,
        lambda desk: online.diff(
            desk,
            plan,
            output=output if takes_changes else None,
            detailed_exit_code=detailed_exitcode,
            allow=tuple(allow or ()),
            rate_share=rate_share,
            concurrency=concurrency,
        ),
    )


def textconv(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A plan file anywhere; git names it.")],
) -> None:
    """A plan as one line for each person and value, for git diff (docs/git.md)."""
    from pipeline.use_cases.comparing import text_of

    typer.echo(guarded("textconv", False, lambda: text_of(open_desk(), file)), nl=False)
