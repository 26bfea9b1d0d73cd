"""Commands on the records of runs: runs, evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pipeline.cli_answers import answer, open_desk
from pipeline.cli_options import Json

SHOWN_BY_DEFAULT = "show"
"""The command of `runs` that is meant where none is named."""


class RunsGroup(TyperGroup):
    """`runs` lists, `runs RUN` shows one, and `runs prune` is a command: an id is never a command's name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer names its type nowhere
        is_command = bool(args) and (args[0] in self.commands or args[0] == "--help")
        return super().parse_args(ctx, args if is_command else [SHOWN_BY_DEFAULT, *args])


runs = typer.Typer(
    cls=RunsGroup,
    help="The runs of this workspace, or the report of one.",
    subcommand_metavar="[RUN] [--evidence FILE [--sign KEY]] [--json]",
    rich_markup_mode=None,
)
evidence = typer.Typer(help="Evidence packs (runs RUN --evidence FILE).", rich_markup_mode=None)


def register(okta_plan: typer.Typer) -> None:
    """Add the commands of this module."""
    okta_plan.add_typer(runs, name="runs")
    okta_plan.add_typer(evidence, name="evidence")


@runs.command(SHOWN_BY_DEFAULT, hidden=True)
def show_runs(
    run: Annotated[str | None, typer.Argument(metavar="RUN")] = None,
    pack: Annotated[
        Path | None,
        typer.Option("--evidence", metavar="FILE", help="Write the papers of the run to this zip file."),
    ] = None,
    sign: Annotated[
        Path | None, typer.Option(metavar="KEY", help="Sign the evidence with this SSH key.")
    ] = None,
    json: Json = False,
) -> None:
    """The runs of this workspace, or the report of one."""
    from pipeline.use_cases import evidence_packs, history

    if pack is None:
        answer("runs", json, lambda: history.runs(open_desk(), run))
    elif run is None:
        raise typer.BadParameter("--evidence needs a RUN.")
    else:
        answer("runs", json, lambda: evidence_packs.pack_run(open_desk(), run, pack, sign_key=sign))


@evidence.command("check")
def evidence_check(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
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
