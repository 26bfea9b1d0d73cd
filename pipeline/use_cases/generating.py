"""The verbs that read sources: analyze, generate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.envelope import FindingView
from pipeline.errors import ErrorCode, InputError, UsageError
from pipeline.plan.digest import plan_digest
from pipeline.plan.model import Assignments, OktaAppRef, Plan
from pipeline.source import REJECTS_MAX
from pipeline.survey_views import AnalyzeView, ColumnView, GenerateView, RejectedView, SinceView
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.offline import entitlement_view, totals_view
from pipeline.use_cases.policies import read_policies
from pipeline.use_cases.sources import read_source

if TYPE_CHECKING:
    from pipeline.findings import Finding
    from pipeline.plan.duties import Rule
    from pipeline.plan.mapping_reading import ReadPins
    from pipeline.source.frame import Frame
    from pipeline.survey.survey import Survey


@dataclass(frozen=True, slots=True)
class Reading:
    """How sources are to be read: by which mapping file, with validity judged on which day (ISO)."""

    mapping: Path | None = None
    as_of: str | None = None
    rejects_max: int = REJECTS_MAX


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which plan is to be written where. ``okta_app`` is an id or an exact label."""

    okta_app: str
    name: str | None = None
    output: Path | None = None
    force: bool = False
    since: str | None = None
    """An older plan: what it gave and the sources do not becomes removals."""
    since_all: bool = False
    """Whatever it gave, not only what runs of ours added."""
    only_structure: bool = False
    """The app's entitlements alone, without who gets them; by default named after the source and that."""


INFERRED = Reading()


def analyze(
    desk: Desk, csv: str, *, how: Reading = INFERRED, write_mapping: Path | None = None
) -> AnalyzeView:
    """What the source holds and how it would be read; ``write_mapping`` is where that is written as a mapping
    file. Raises InputError where the source or the mapping file cannot be used.
    """
    from pipeline.plan.file import write_mapping as write
    from pipeline.plan.mapping_text import dump_mapping

    surveyed = _survey(desk, [csv], how)
    paths = {}
    if write_mapping is not None:
        path = desk.inside(write_mapping)
        paths["mapping"] = desk.shown(path)
        text = dump_mapping(surveyed.mapping, surveyed.sources[0].path, surveyed.suggestions)
        write(path, text, shown_as=paths["mapping"])
    return AnalyzeView(
        source=surveyed.sources[0].path,
        sha256=surveyed.sources[0].sha256,
        columns=[
            ColumnView(
                name=each.name,
                role=each.role,
                reason=each.reason,
                confidence=each.confidence,
                separator=each.separator,
            )
            for each in surveyed.columns
        ],
        entitlements=[entitlement_view(each) for each in surveyed.entitlements],
        totals=totals_view(surveyed.totals),
        rejected=_rejected(surveyed),
        findings=[FindingView.of(finding) for finding in surveyed.findings],
        paths=paths,
    )


def generate(desk: Desk, csvs: Sequence[str], wanted: Wanted, *, how: Reading = INFERRED) -> GenerateView:
    """Write the plan of the sources; offline. What it combines against the policies of the workspace is told:
    the plan is written all the same, and `validate` calls it invalid. Raises InputError where a source or a
    policy cannot be read or another plan stands in the way.
    """
    from pipeline.plan.file import write_plan
    from pipeline.source.local import source_stem
    from pipeline.survey.draft import draft_plan

    if wanted.since_all and wanted.since is None:
        raise UsageError(
            ErrorCode.USAGE,
            "--since-all without --since",
            "--since-all widens --since, which names no plan.",
            next_step="Name the older plan with --since PLAN.",
        )
    surveyed = _survey(desk, csvs, how)
    _refuse_unjudged(surveyed)
    stem = source_stem(Path(surveyed.sources[0].path).name)
    name = wanted.name or plan_name(f"{stem}-structure" if wanted.only_structure else stem)
    _refuse_reserved(name)
    plan = draft_plan(surveyed, okta_app=app_reference(wanted.okta_app), name=name)
    if wanted.only_structure:
        plan = structure_of(plan, name)
    proposed = None
    if wanted.since is not None:
        from pipeline.use_cases.since import with_removals

        proposed = with_removals(desk, surveyed, plan, wanted.since, everything=wanted.since_all)
        plan = proposed.plan
    rules = read_policies(desk)
    path = desk.inside(wanted.output or Path("plans") / f"{plan.name}.yaml")
    written = write_plan(path, plan, force=wanted.force, shown_as=desk.shown(path))
    duties = _duties(path, desk.shown(path), rules) if rules else ()
    return GenerateView(
        since=SinceView(
            plan=wanted.since or "",
            removals=proposed.removals,
            not_ours=proposed.not_ours,
            doubted=proposed.doubted,
        )
        if proposed
        else None,
        plan=desk.shown(path),
        written=written,
        paths={"plan": desk.shown(path)},
        plan_digest=plan_digest(plan),
        totals=totals_view(surveyed.totals),
        rejected=_rejected(surveyed),
        findings=[FindingView.of(finding) for finding in (*surveyed.findings, *duties)],
    )


def _duties(path: Path, shown: str, rules: Sequence[Rule]) -> tuple[Finding, ...]:
    """What the plan just written combines against the policies, by the lines it has in its file."""
    from pipeline.plan.duty_rules import check_duties
    from pipeline.plan.file import load_plan

    loaded = load_plan(path, shown_as=shown)
    return check_duties(loaded.plan, rules, loaded.lines, shown)


def app_reference(text: str) -> OktaAppRef:
    """``0oa`` and 17 characters are an id; anything else is an exact label. UsageError where blank."""
    if len(text) == 20 and text.startswith("0oa") and text.isalnum() and text.isascii():  # noqa: PLR2004
        return OktaAppRef(id=text)
    if not text.strip():
        raise UsageError(
            ErrorCode.USAGE,
            "No app is named",
            "--app is empty.",
            next_step="Give the app's id or exact label.",
        )
    return OktaAppRef(label=text)


def structure_of(plan: Plan, name: str) -> Plan:
    """The part of ``plan`` that is about the app's entitlements, as a plan of its own."""
    people = {"access": (), "removals": (), "totals": None, "assignments": Assignments()}
    return plan.model_copy(update={"name": name, **people})


def _refuse_reserved(name: str) -> None:
    """A plan must not stand where the approval of another one does."""
    if name.casefold().endswith(".approval"):
        raise UsageError(
            ErrorCode.USAGE,
            "The plan's name is reserved",
            f"plans/{name}.yaml is where the approval of another plan stands.",
            next_step="Give the plan another name with --name.",
        )


def plan_name(stem: str) -> str:
    """A plan name made of a source's stem: characters that cannot stand in one become ``-``."""
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in stem).strip("-._")
    return name[:100] or "plan"


def _survey(desk: Desk, csvs: Sequence[str], how: Reading) -> Survey:
    from pipeline.plan.file import refuse_mapping
    from pipeline.plan.mapping_reading import unknown_columns
    from pipeline.survey.merging import survey_all
    from pipeline.survey.survey import NO_PINS

    read = _pins(desk, how)
    _refuse_no_day(how.as_of)
    frames = [read_source(desk, csv, rejects_max=how.rejects_max) for csv in csvs]
    if read is not None:
        for frame in frames:
            refuse_mapping(read.shown_as, unknown_columns(read, frame.columns, frame.path))
    surveyed = survey_all(frames, read.pins if read and read.pins else NO_PINS, as_of=how.as_of)
    _learn(desk, surveyed, frames)
    return surveyed


def _learn(desk: Desk, surveyed: Survey, frames: Sequence[Frame]) -> None:
    """Everybody whom the sources name, also in rows that give nothing."""
    if not desk.mask.on:
        return
    mappings = {source.path: source.mapping or surveyed.mapping for source in surveyed.sources}
    for frame in frames:
        column = mappings[frame.path].user.column
        cells = frame.scan.select(column).unique().collect()[column]
        desk.mask.learn(cells.drop_nulls().to_list())


def _pins(desk: Desk, how: Reading) -> ReadPins | None:
    from pipeline.plan.file import load_pins

    if how.mapping is None:
        return None
    path = desk.inside(how.mapping)
    return load_pins(path, shown_as=desk.shown(path))


def _refuse_no_day(text: str | None) -> None:
    try:
        is_day = text is None or date.fromisoformat(text).isoformat() == text
    except ValueError:
        is_day = False
    if not is_day:
        raise UsageError(
            ErrorCode.USAGE,
            "--as-of is no day",
            f"{text!r} is no day of the calendar.",
            next_step="Write it as year, month and day: --as-of 2026-01-31.",
        )


def _refuse_unjudged(surveyed: Survey) -> None:
    """Access that has not begun must not be granted, and which has is never a matter of today."""
    for source in surveyed.sources:
        mapping = source.mapping or surveyed.mapping
        validity = mapping.validity
        if not validity or not validity.start or mapping.as_of:
            continue
        raise InputError(
            ErrorCode.AS_OF_MISSING,
            "The day on which access is valid is missing",
            f"{validity.start} of {source.path} says when access begins, and plans do not depend on "
            "the day they are made.",
            next_step="Say --as-of DATE, or 'validity: null' in a mapping file to leave such dates alone.",
        )


def _rejected(surveyed: Survey) -> list[RejectedView]:
    return [
        RejectedView(source=e.source, line=e.line, byte=e.byte, reason=e.reason, detail=e.detail)
        for e in surveyed.rejected
    ]
