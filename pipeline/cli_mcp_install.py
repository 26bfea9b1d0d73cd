"""The command `mcp install`: this server into a client's configuration."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli_answers import answer, open_desk
from pipeline.cli_options import Json, Yes

Client = Annotated[
    str, typer.Argument(metavar="CLIENT", help="claude-desktop, claude-code, vscode or cursor.")
]


def register(mcp: typer.Typer) -> None:
    """Add the command to the group `mcp`."""
    mcp.command("install")(_install)


def _install(
    client: Client,
    scope: Annotated[
        str, typer.Option(metavar="user|workspace", help="For this user, or in the workspace's own file.")
    ] = "user",
    name: Annotated[
        str, typer.Option(metavar="NAME", help="What the client calls the server.")
    ] = "okta-plan",
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The client's configuration; default: its usual place."),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="The server gets no tool that changes Okta.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the change and write nothing.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Write this server and the workspace into a client's configuration. No secret goes there."""
    from pipeline.install_views import InstallView
    from pipeline.report.installed import ask_install
    from pipeline.settings import environment
    from pipeline.use_cases import installing, mcp_clients

    machine = mcp_clients.Machine(
        system=sys.platform,
        home=Path.home(),
        environment=environment(),
        command=mcp_clients.running_command(sys.argv[0], sys.executable),
    )
    can_ask = not json and sys.stdin.isatty() and sys.stderr.isatty()

    def call() -> InstallView:
        wanted = installing.Wanted(
            client=mcp_clients.client_named(client),
            scope=mcp_clients.scope_named(scope),
            name=name,
            file=file,
            read_only=read_only,
            dry_run=dry_run,
            yes=yes,
        )
        return installing.install(open_desk(), wanted, machine, ask_install if can_ask else None)

    answer("mcp install", json, call)
