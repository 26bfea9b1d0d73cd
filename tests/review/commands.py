"""Commands of a reviewer, run in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from pipeline.cli import okta_plan as command_line


@dataclass(frozen=True, slots=True)
class Said:
    exit_code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        return json.loads(self.stdout)


def okta_plan(workspace: Path, *words: str) -> Said:
    """What a command says in that workspace."""
    result = CliRunner().invoke(command_line, ["--workspace", str(workspace), *words])
    return Said(result.exit_code, result.stdout, result.stderr)
