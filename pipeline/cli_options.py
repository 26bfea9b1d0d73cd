"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.formats import Format

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]
As = Annotated[
    Format | None, typer.Option("--format", help="How to show it; default: text. html is one page by itself.")
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write it here instead of to stdout.")
]
Link = Annotated[
    str | None,
    typer.Option("--link", metavar="URL", help="With --format markdown: where the whole page will lie."),
]
Org = Annotated[
    Path | None,
    typer.Option("--org", metavar="FILE", help="Run against an embedded emulator of this org file."),
]
PlanName = Annotated[str, typer.Argument(metavar="PLAN", help="A plan file, or its name in plans/.")]
Csv = Annotated[
    str,
    typer.Argument(metavar="CSV", help="A CSV file, its number from `okta-plan files`, or s3://bucket/key."),
]
Csvs = Annotated[
    list[str],
    typer.Argument(metavar="CSV...", help="CSV files, numbers from `okta-plan files`, or s3://bucket/key."),
]
MappingFile = Annotated[
    Path | None,
    typer.Option("--mapping", metavar="FILE", help="What is pinned of how rows are read (docs/csv.md)."),
]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="Judge validity on this day (2026-01-31)."),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="PLAN", help="Propose to take away what runs of this plan gave and is gone."
    ),
]
SinceAll = Annotated[
    bool, typer.Option("--since-all", help="With --since: whatever that plan gave, by runs of ours or not.")
]
RejectsMax = Annotated[int, typer.Option(min=0, metavar="N", help="Leave out up to N unreadable rows.")]
RateShare = Annotated[
    float,
    typer.Option(min=0.01, max=1.0, metavar="SHARE", help="The share of each rate limit that may be used."),
]
Concurrency = Annotated[
    int, typer.Option(min=1, max=50, metavar="N", help="The most calls at the same time.")
]
CheckedApp = Annotated[
    str | None, typer.Option("--app", metavar="APP", help="Also look at this app (id or exact label).")
]
ReviewedChanges = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The reviewed change set (from diff).")
]
Yes = Annotated[bool, typer.Option("--yes", help="Answer the question that a terminal would be asked.")]
Recheck = Annotated[
    float, typer.Option(min=60, metavar="S", help="List who has the app again after so long.")
]
Resumed = Annotated[
    str | None, typer.Option(metavar="RUN", help="Go on with the change set of this unfinished run.")
]
LeaseWait = Annotated[float, typer.Option(min=0, metavar="S", help="Wait so long for another apply to end.")]
AcceptHeld = Annotated[
    list[str] | None, typer.Option(metavar="REASON", help="Holds of this reason count as done. Repeatable.")
]
Allow = Annotated[
    list[str] | None,
    typer.Option(metavar="GUARD=VALUE", help="Override this guard once (docs/guards.md). Repeatable."),
]
Shown = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="GUARD=VALUE", help="Show it as with this override, to be approved."),
]
Reason = Annotated[
    list[str] | None,
    typer.Option("--reason", metavar="TEXT", help="Why; one for each --allow, in its order."),
]
RequireApproval = Annotated[
    bool, typer.Option("--require-approval", help="Refuse what the approval beside the plan does not cover.")
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 picks a free one.")]
Db = Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the state here; default: in memory.")]
Limits = Annotated[str | None, typer.Option(metavar="observed|none|FILE", help="Default: the org file's.")]
Faults = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The org has these faults (YAML or JSON); default: the org file's."),
]
