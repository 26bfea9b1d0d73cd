"""The verb that puts sources away: archive, once their plan is known to be applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from pipeline.changes.model import ChangeSet
from pipeline.errors import ErrorCode, Exit, InputError, RefusedError
from pipeline.findings import Location
from pipeline.plan.digest import plan_digest
from pipeline.run.folder import RunFolder, list_runs
from pipeline.source.local import source_stem
from pipeline.source.placing import link_in, place_new
from pipeline.source_views import ArchiveView, MovedView, PlanSourceView
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.offline import read_plan
from pipeline.use_cases.sources import sources_of
from pipeline.use_cases.storing import write_json

FOLDERS = {"structure": "processed", "all": "processed_and_assigned"}
"""Where the sources go, by what was applied."""
_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Applied:
    """What of a plan is in place, and how that is known: a run, or an apply that found nothing to do."""

    part: Literal["structure", "all"]
    org_host: str
    run: str | None


def archive(desk: Desk, given: str) -> ArchiveView:
    """Move the sources of a plan to ``csv/processed/`` (its structure is applied) or
    ``csv/processed_and_assigned/`` (all of it), under the same name; offline. Nothing is overwritten: where
    the name is taken, the digest is added.

    An apply against an embedded emulator is a rehearsal and counts for nothing.

    Raises RefusedError where the newest apply of the plan did not succeed or none is known, and InputError
    where a source is not found or cannot be moved.
    """
    path, plan = read_plan(desk, given)
    shown = desk.shown(path)
    applied = _applied(desk, shown, plan_digest(plan))
    folder = f"csv/{FOLDERS[applied.part]}"
    sources = sources_of(desk, plan)
    _refuse_unless_found(shown, sources)
    done = (folder,) if applied.part == "all" else tuple(f"csv/{each}" for each in FOLDERS.values())
    kept = [each for each in sources if each.state == "in_s3" or _is_in(done, str(each.found))]
    to_move = {each.found: each for each in sources if each.found and each not in kept}
    return ArchiveView(
        plan=shown,
        plan_digest=plan_digest(plan),
        applied=applied.part,
        org_host=applied.org_host,
        run=applied.run,
        moved=[_move(desk, each, folder) for each in to_move.values()],
        kept=kept,
    )


def _is_in(folders: tuple[str, ...], path: str) -> bool:
    return any(path.startswith(f"{each}/") for each in folders)


def note_in_place(desk: Desk, changes: ChangeSet, run_id: str) -> None:
    """Remember that all of a plan was found in place, as no run is recorded then. Raises InputError."""
    if desk.org_file is not None:
        return
    write_json(
        _note(desk, changes.plan_digest),
        {"plan_digest": changes.plan_digest, "org_host": changes.org_host, "at": run_id},
    )


def _note(desk: Desk, digest: str) -> Path:
    return desk.runtime.runs_dir / "in-place" / f"{digest}.json"


def _applied(desk: Desk, shown: str, digest: str) -> Applied:
    """The newest apply decides. One of the structure alone says nothing of the grants: then those before it
    do; where these failed, the structure is in place.
    """
    structure: Applied | None = None
    rehearsed = False
    noted = _noted(desk, digest)
    for listed in list_runs(desk.runtime.runs_dir):
        header = listed.state.header if listed.state else None
        if header is None or header.plan_digest != digest:
            continue
        if header.embedded:
            rehearsed = True
            continue
        run_id = listed.folder.run_id
        if noted is not None and noted[0] > run_id:
            break
        if not _succeeded(desk, listed.folder):
            if structure is None:
                raise _not_applied(shown, f"run {run_id} did not carry it out in full")
            return structure
        if header.only != "structure":
            return Applied("all", header.org_host, run_id)
        structure = structure or Applied("structure", header.org_host, run_id)
    if noted is not None:
        return Applied("all", noted[1], None)
    if structure is None:
        only = "; a run with --org is a rehearsal and does not count" if rehearsed else ""
        raise _not_applied(shown, f"no run of this workspace carried it out as it stands now{only}")
    return structure


def _noted(desk: Desk, digest: str) -> tuple[str, str] | None:
    """When all was found in place, as a run's id that sorts by time, and where."""
    path = _note(desk, digest)
    if not path.is_file():
        return None
    found = _read(desk, path)
    return str(found.get("at", "")), str(found.get("org_host", ""))


def _succeeded(desk: Desk, folder: RunFolder) -> bool:
    """Whether its report says that all is done; a run that was killed has none."""
    if not folder.report_json.is_file():
        return False
    return _read(desk, folder.report_json).get("exit_code") == Exit.DONE


def _read(desk: Desk, path: Path) -> Mapping[str, Any]:
    try:
        return _OBJECT.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        shown = desk.shown(path)
        raise InputError(
            ErrorCode.FILE_UNREADABLE,
            "What came of an apply cannot be read",
            f"{shown} is damaged.",
            location=Location(shown),
            next_step="Apply the plan again; what is done already is not done again.",
        ) from error


def _not_applied(shown: str, why: str) -> RefusedError:
    return RefusedError(
        ErrorCode.NOT_APPLIED,
        "The sources stay where they are",
        f"{shown} is not known to be applied: {why}.",
        location=Location(shown),
        next_step=f"Run `okta-plan apply {shown}`; what is done already is not done again.",
    )


def _refuse_unless_found(shown: str, sources: list[PlanSourceView]) -> None:
    for each in sources:
        if each.state == "changed":
            raise InputError(
                ErrorCode.FILE_CHANGED,
                "A source is not what the plan was made of",
                f"{each.path} changed since {shown} was made, and its old content is nowhere in csv/.",
                location=Location(each.path),
                next_step="Generate a plan of the new content; archive that one once it is applied.",
            )
        if each.state == "missing":
            raise InputError(
                ErrorCode.FILE_NOT_FOUND,
                "A source was not found",
                f"{each.path} of {shown} is gone, and no file in csv/ has its content ({each.sha256[:12]}).",
                location=Location(each.path),
                next_step="Put it back, or leave the plan as it is.",
            )


def _move(desk: Desk, source: PlanSourceView, folder: str) -> MovedView:
    path = str(source.found)
    if link_in(desk.workspace, desk.workspace / path):
        raise _unmovable(path, folder, "it is reached by a symbolic link, which is not followed")
    name = _below(path)
    ending = Path(name).name.removeprefix(source_stem(Path(name).name))
    names = (name, f"{name.removesuffix(ending)}-{source.sha256[:12]}{ending}")
    for target in (f"{folder}/{each}" for each in names):
        place = desk.inside(Path(target))
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place_new(desk.workspace / path, place)
        except FileExistsError:
            continue
        except OSError as error:
            raise _unmovable(path, target, f"{error.strerror or error}") from error
        return MovedView(path=path, to=target)
    raise _unmovable(path, target, "the name is taken, also with the digest added")


def _below(path: str) -> str:
    """The path below ``csv/``, or below the folder of finished sources that it lies in; else the name."""
    first, _, rest = path.partition("/")
    if first != "csv" or not rest:
        return Path(path).name
    second, _, below = rest.partition("/")
    return below if second in FOLDERS.values() and below else rest


def _unmovable(path: str, target: str, why: str) -> InputError:
    return InputError(
        ErrorCode.FILE_UNWRITABLE,
        "A source cannot be put away",
        f"{path} cannot be moved to {target}: {why}.",
        location=Location(path),
        next_step="Correct that and run the command again; what was moved already stays.",
    )
