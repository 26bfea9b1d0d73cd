"""What every verb is called with: the runtime, the settings of the workspace, and which org is meant."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import ErrorCode, InputError
from pipeline.masking import Mask
from pipeline.runtime import Runtime
from pipeline.settings import Settings
from pipeline.use_cases.secrets import ReadSecret, read_system_keyring


@dataclass(frozen=True, slots=True)
class Desk:
    """Built by a door, handed to a use case. ``org_file`` set means the embedded emulator."""

    runtime: Runtime
    settings: Settings
    org_file: Path | None = None
    log_file: Path | None = None
    """Where one line for each call to Okta is kept, if anywhere."""
    read_secret: ReadSecret = read_system_keyring
    mask: Mask = field(default_factory=Mask)
    """Learns whom it is about; the doors show nothing that it has not passed."""

    @property
    def workspace(self) -> Path:
        return self.runtime.workspace

    def shown(self, path: Path) -> str:
        """``path`` as people and plans write it: relative to the workspace where it is inside, with ``/``."""
        resolved = path.resolve()
        if resolved.is_relative_to(self.workspace):
            return resolved.relative_to(self.workspace).as_posix()
        return str(path)

    def inside(self, path: Path) -> Path:
        """``path`` under the workspace. Raises InputError where it leads out of it."""
        resolved = (path if path.is_absolute() else self.workspace / path).resolve()
        if not resolved.is_relative_to(self.workspace):
            raise InputError(
                ErrorCode.OUTSIDE_WORKSPACE,
                "The path leads out of the workspace",
                f"{path} is not inside the workspace {self.workspace}.",
                next_step="Name a file inside the workspace, or name another one with --workspace.",
            )
        return resolved

    def plan_path(self, given: str) -> Path:
        """The plan file meant by ``given``: a path, or the bare name of a file in ``plans/``."""
        path = Path(given)
        candidates = (path, Path("plans") / path, Path("plans") / f"{given}.yaml")
        for candidate in candidates:
            inside = self.inside(candidate)
            if inside.is_file():
                return inside
        return self.inside(path)
