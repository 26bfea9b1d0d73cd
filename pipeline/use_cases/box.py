"""The Okta org in a box: served for others, or reset where it is embedded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import ErrorCode, InputError
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.tenant import load_org, reset_embedded
from pipeline.views import ResetView

if TYPE_CHECKING:
    from pipeline.emulator import FaultSet

BUILT_IN = ("observed", "none")
"""The limits that need no file."""


def serve(
    org_file: Path, *, port: int, db: Path | None, limits: str | None, faults: Path | None, seed: int
) -> None:
    """Serve until interrupted. Raises InputError where org file, limits, faults or port cannot be used."""
    from pipeline.emulator import serve as serve_org
    from pipeline.emulator.limits import LimitsError

    org = load_org(org_file)
    try:
        serve_org(
            org,
            port=port,
            db=db or ":memory:",
            seed=seed,
            limits=_limits(limits),
            faults=_faults(faults) if faults else None,
        )
    except LimitsError as error:
        raise _unusable(f"--limits: {error}") from error
    except OSError as error:
        raise _unusable(f"It cannot listen on port {port}: {error.strerror or error}") from error


def reset(desk: Desk) -> ResetView:
    """Forget what the embedded emulators of the workspace hold."""
    return ResetView(removed=reset_embedded(desk))


def _limits(given: str | None) -> str | dict[str, int] | None:
    """``observed`` and ``none`` as they are; anything else is a YAML file of limits by bucket."""
    if given is None or given in BUILT_IN:
        return given
    import yaml

    try:
        loaded = yaml.safe_load(Path(given).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _unusable(f"--limits {given}: it is neither observed, none nor a YAML file") from error
    numbers = isinstance(loaded, dict) and all(type(each) is int for each in loaded.values())
    if not numbers:
        raise _unusable(f"--limits {given}: the file must map bucket names to calls a minute")
    return {str(name): limit for name, limit in loaded.items()}


def _faults(path: Path) -> FaultSet:
    import yaml

    from pipeline.emulator import FaultsError, fault_set_from

    try:
        return fault_set_from(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _unusable(f"--faults {path}: it cannot be read as YAML") from error
    except FaultsError as error:
        raise _unusable(f"--faults {path}: {error}") from error


def _unusable(why: str) -> InputError:
    return InputError(
        ErrorCode.ORG_FILE_INVALID,
        "The emulator cannot be started",
        f"{why}.",
        next_step="docs/emulator.md describes the org file, the limits and the faults.",
    )
