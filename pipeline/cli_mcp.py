"""The commands of the second door: mcp, and what a run's own process is started with."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline import cli_mcp_install
from pipeline.cli_answers import guarded, open_desk, switches
from pipeline.cli_options import Org


def register(okta_plan: typer.Typer) -> None:
    """Add the commands to ``okta_plan``."""
    group = typer.Typer(rich_markup_mode=None)
    group.callback(invoke_without_command=True)(mcp)
    cli_mcp_install.register(group)
    okta_plan.add_typer(group, name="mcp", short_help="Serve MCP on stdio; `mcp install` sets a client up.")
    okta_plan.command(hidden=True)(mcp_worker)


def mcp(
    context: typer.Context,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Without the tools that apply and control runs.")
    ] = False,
    http: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, metavar="PORT", help="Serve streamable HTTP on 127.0.0.1 instead of stdio."
        ),
    ] = None,
    org: Org = None,
) -> None:
    """Serve MCP on stdio, for Claude and other clients; `mcp install` tells a client of it."""
    if context.invoked_subcommand is not None:
        return
    from pipeline.mcp_server.serving import Serving, serve

    asked = Serving(switches.workspace, org, switches.log_file, read_only=read_only, http_port=http)
    guarded("mcp", False, lambda: serve(asked))


def mcp_worker(run: str, org: Org = None) -> None:
    """Carry out a run that apply_plan started."""
    from pipeline.use_cases.live import run_live
    from pipeline.use_cases.working import work

    view = guarded("apply", False, lambda: run_live(lambda: open_desk(org), lambda desk: work(desk, run)))
    raise typer.Exit(view.exit_code)
