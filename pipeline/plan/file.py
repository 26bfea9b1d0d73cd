"""Plan, mapping and policy files on disk: the only I/O of this package."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Finding, Location, Severity
from pipeline.plan.duties import Rule
from pipeline.plan.mapping_reading import ReadPins, read_pins
from pipeline.plan.model import Plan
from pipeline.plan.policy import is_policy
from pipeline.plan.policy_reading import read_policy, repeated_rules
from pipeline.plan.reading import ReadPlan, read_plan
from pipeline.plan.yaml_events import SIZE_MAX, LineMap
from pipeline.plan.yaml_text import dump_plan


@dataclass(frozen=True, slots=True)
class LoadedPlan:
    """A usable plan, where everything in it stands, and the warnings and notes about it."""

    plan: Plan
    lines: LineMap
    findings: tuple[Finding, ...]


def load_plan(path: Path, *, shown_as: str | None = None, size_max: int = SIZE_MAX) -> LoadedPlan:
    """The plan in the file at ``path``; ``shown_as`` is the file's name in messages, ``size_max`` in bytes.

    Raises InputError: FILE_NOT_FOUND, FILE_UNREADABLE, NOT_UTF8, or PLAN_INVALID whose ``findings`` are all
    problems of the file with their lines, warnings included.
    """
    name = shown_as or path.as_posix()
    read = read_plan(_text(path, name, size_max), name, size_max=size_max)
    if read.plan is None or read.has_errors:
        raise _invalid(read, name)
    return LoadedPlan(read.plan, read.lines, read.findings)


def write_plan(path: Path, plan: Plan, *, force: bool, shown_as: str | None = None) -> bool:
    """Write ``plan`` to ``path`` in one step; returns whether the file changed. Errors call it ``shown_as``.

    Raises InputError: PLAN_EXISTS where another plan stands there and ``force`` is not given, FILE_UNREADABLE
    and FILE_UNWRITABLE where the disk refuses.
    """
    content = dump_plan(plan).encode()
    name = shown_as or path.as_posix()
    if path.exists():
        if _bytes(path, name) == content:
            return False
        if not force:
            raise InputError(
                ErrorCode.PLAN_EXISTS,
                "Another plan stands in this file.",
                f"{name} exists and differs from the plan to be written; edits by hand would be lost.",
                location=Location(name),
                next_step="Compare the two, then write with --force, or to another file with -o.",
            )
    _replace(path, content, name)
    return True


def load_pins(path: Path, *, shown_as: str) -> ReadPins:
    """The mapping file at ``path``. Raises InputError: FILE_NOT_FOUND, FILE_UNREADABLE, NOT_UTF8, or
    MAPPING_INVALID whose ``findings`` are all problems of the file with their lines.
    """
    read = read_pins(_text(path, shown_as, SIZE_MAX), shown_as)
    refuse_mapping(shown_as, read.findings)
    return read


def refuse_mapping(shown_as: str, problems: tuple[Finding, ...]) -> None:
    """Raises InputError MAPPING_INVALID where there are ``problems`` with the mapping file ``shown_as``."""
    if problems:
        raise InputError(
            ErrorCode.MAPPING_INVALID,
            "The mapping file has problems.",
            f"{shown_as} has {len(problems)}, the first at {problems[0].location}: {problems[0].detail}",
            location=problems[0].location,
            next_step="Correct what is listed; `analyze CSV --write-mapping FILE` writes a correct one.",
            findings=problems,
        )


def load_policies(folder: Path, *, shown_as: str) -> tuple[Rule, ...]:
    """The rules of every ``*.yaml`` and ``*.yml`` in ``folder``; none where there is no such folder.

    Raises InputError: FILE_UNREADABLE, NOT_UTF8, or POLICY_INVALID whose ``findings`` are all problems of all
    files with their lines: what cannot be read is never taken for "no rule".
    """
    try:
        names = sorted(each.name for each in folder.iterdir())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _unreadable(shown_as, error) from error
    rules: list[Rule] = []
    problems: list[Finding] = []
    for name in names:
        if is_policy(name):
            read = read_policy(_text(folder / name, f"{shown_as}/{name}", SIZE_MAX), f"{shown_as}/{name}")
            rules += read.rules
            problems += read.findings
    problems += repeated_rules(rules)
    if problems:
        raise InputError(
            ErrorCode.POLICY_INVALID,
            "The policies have problems",
            f"Problems found: {len(problems)}. The first, {problems[0].location}: {problems[0].detail}",
            location=problems[0].location,
            next_step="Correct what is listed; docs/guards.md describes policies.",
            findings=tuple(problems),
        )
    return tuple(rules)


def write_mapping(path: Path, text: str, *, shown_as: str | None = None) -> None:
    """Write a mapping file. Raises InputError MAPPING_EXISTS where a different one stands there."""
    name = shown_as or path.as_posix()
    if path.exists() and _bytes(path, name) != text.encode():
        raise InputError(
            ErrorCode.MAPPING_EXISTS,
            "Another mapping stands in this file.",
            f"{name} exists and differs from what would be written; decisions in it would be lost.",
            location=Location(name),
            next_step="Write to another file, and compare the two.",
        )
    _replace(path, text.encode(), name)


def _bytes(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(
            ErrorCode.FILE_NOT_FOUND,
            "There is no such file.",
            f"{name} does not exist.",
            location=Location(name),
            next_step="Check the name; `okta-plan generate` writes plans to plans/.",
        ) from error
    except OSError as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: OSError) -> InputError:
    return InputError(
        ErrorCode.FILE_UNREADABLE,
        "The file cannot be read.",
        f"{name}: {error.strerror}.",
        location=Location(name),
        next_step="Check that it is a file and that you may read it.",
    )


def _text(path: Path, name: str, size_max: int) -> str:
    _refuse_oversize(path, name, size_max)
    content = _bytes(path, name)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            ErrorCode.NOT_UTF8,
            "The file is not UTF-8.",
            f"{name}:{line}: the byte 0x{content[error.start]:02X} is no UTF-8 text.",
            location=Location(name, line),
            next_step="Save the file as UTF-8 in your editor.",
        ) from error


def _refuse_oversize(path: Path, name: str, size_max: int) -> None:
    if path.is_file() and path.stat().st_size > size_max:
        raise InputError(
            ErrorCode.PLAN_INVALID,
            "The file is too large.",
            f"{name} holds {path.stat().st_size:,} bytes; the limit is {size_max:,}.",
            location=Location(name),
            next_step="Split it into several, one for each group of sources.",
        )


def _invalid(read: ReadPlan, name: str) -> InputError:
    errors = [finding for finding in read.findings if finding.severity is Severity.ERROR]
    first = errors[0]
    count = "one problem" if len(errors) == 1 else f"{len(errors):,} problems, the first of them"
    return InputError(
        ErrorCode.PLAN_INVALID,
        "The plan file has problems.",
        f"{name} has {count} at {first.location}: {first.detail}",
        location=first.location,
        next_step="Correct what is listed, then run 'okta-plan validate' on the file.",
        findings=read.findings,
        people=read.plan.people if read.plan else (),
    )


def _replace(path: Path, content: bytes, name: str) -> None:
    # The link stays a link, and the temporary file stands beside the real one: a rename is atomic only there.
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(
            ErrorCode.FILE_UNWRITABLE,
            "The file cannot be written.",
            f"{name}: {error.strerror}.",
            location=Location(name),
            next_step="Check that the folder exists and that you may write to it.",
        ) from error
