"""The Okta org in a box: served for others, or reset where it is embedded."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import ErrorCode, InputError
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.tenant import load_org, reset_embedded
from pipeline.views import ResetView


def serve(org_file: Path, *, port: int, db: Path | None, limits: str | None, seed: int) -> None:
    """Serve until interrupted. Raises InputError where the org file or the limits cannot be used."""
    from pipeline.emulator import OrgFileError
    from pipeline.emulator import serve as serve_org

    org = load_org(org_file)
    try:
        serve_org(org, port=port, db=db or ":memory:", seed=seed, limits=limits)
    except OrgFileError as error:
        raise InputError(
            ErrorCode.ORG_FILE_INVALID,
            "The emulator cannot be started so",
            str(error),
            next_step="docs/emulator.md describes the org file and the limits.",
        ) from error


def reset(desk: Desk) -> ResetView:
    return ResetView(removed=reset_embedded(desk))
