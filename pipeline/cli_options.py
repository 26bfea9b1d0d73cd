"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]
Org = Annotated[
    Path | None,
    typer.Option("--org", metavar="FILE", help="Run against an embedded emulator of this org file."),
]
PlanName = Annotated[str, typer.Argument(metavar="PLAN", help="A plan file, or its name in plans/.")]
Csv = Annotated[str, typer.Argument(metavar="CSV", help="A CSV file, or its number from `okta-plan files`.")]
RejectsMax = Annotated[int, typer.Option(min=0, metavar="N", help="Leave out up to N unreadable rows.")]
RateShare = Annotated[
    float, typer.Option(min=0.01, max=1.0, help="The share of each rate limit that may be used.")
]
Concurrency = Annotated[int, typer.Option(min=1, max=50, help="The most calls at the same time.")]
