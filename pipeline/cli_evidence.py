"""Commands on the records of runs: runs, evidence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from pipeline.cli_answers import Shape, answer, answer_async, open_desk, switches
from pipeline.cli_options import As, Json, Link, Output, Yes

if TYPE_CHECKING:
    from pipeline.record_views import PruneView

SHOWN_BY_DEFAULT = "show"
"""The command of `runs` that is meant where none is named."""


class RunsGroup(TyperGroup):
    """`runs` lists, `runs RUN` shows one, and `runs prune` is a command: an id is never a command's name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer names its type nowhere
        is_command = bool(args) and (args[0] in self.commands or args[0] == "--help")
        return super().parse_args(ctx, args if is_command else [SHOWN_BY_DEFAULT, *args])

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as above
        """What `runs` takes is what the command takes that it stands for."""
        self.commands[SHOWN_BY_DEFAULT].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


runs = typer.Typer(
    cls=RunsGroup,
    help="The runs of this workspace, or the report of one.",
    subcommand_metavar="[RUN]",
    rich_markup_mode=None,
)
evidence = typer.Typer(help="Evidence packs (runs RUN --evidence FILE).", rich_markup_mode=None)


def register(okta_plan: typer.Typer) -> None:
    """Add the commands of this module."""
    okta_plan.add_typer(runs, name="runs")
    okta_plan.add_typer(evidence, name="evidence")


@runs.command(SHOWN_BY_DEFAULT, hidden=True)
def show_runs(
    run: Annotated[str | None, typer.Argument(metavar="RUN", help="Its id; default: all runs.")] = None,
    pack: Annotated[
        Path | None,
        typer.Option("--evidence", metavar="FILE", help="Write the papers of the run to this zip file."),
    ] = None,
    sign: Annotated[
        Path | None, typer.Option(metavar="KEY", help="Sign the evidence with this SSH key.")
    ] = None,
    as_: As = None,
    output: Output = None,
    link: Link = None,
    json: Json = False,
) -> None:
    """The runs of this workspace, or the report of one."""
    from pipeline.use_cases import evidence_packs, history

    shape = Shape.of(as_, json=json, output=output, link=link)
    if pack is None:
        answer("runs", shape, lambda: history.runs(open_desk(), run))
    elif run is None:
        raise typer.BadParameter("--evidence needs a RUN.")
    else:
        answer("runs", shape.is_json, lambda: evidence_packs.pack_run(open_desk(), run, pack, sign_key=sign))


@runs.command("prune")
def prune_runs(
    older_than: Annotated[str, typer.Option(metavar="AGE", help="Begun longer ago than this, e.g. 90d.")],
    keep: Annotated[int, typer.Option(min=0, metavar="N", help="The newest N of each plan stay.")] = 0,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Delete the folders of old finished runs, and old change sets."""
    from pipeline.use_cases import pruning

    def ask(view: PruneView) -> bool:
        from pipeline.report.records import ask_to_prune

        return ask_to_prune(switches.masked(view))

    can_ask = not json and sys.stdin.isatty() and sys.stderr.isatty()
    request = pruning.PruneRequest(older_than, keep=keep, yes=yes, ask=ask if can_ask else None)
    answer_async("runs prune", json, None, lambda desk: pruning.prune(desk, request))


@evidence.command("check")
def evidence_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A pack, from `runs RUN --evidence`.")],
    sha256: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="What was noted when the pack was made.")
    ] = None,
    allowed_signers: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Signed by whom: an allowed-signers file.")
    ] = None,
    json: Json = False,
) -> None:
    """Whether a pack is as it was made, and its papers belong together. Offline."""
    from pipeline.use_cases import evidence_packs

    answer(
        "evidence check",
        json,
        lambda: evidence_packs.check_evidence(open_desk(), file, noted=sha256, signers=allowed_signers),
    )
