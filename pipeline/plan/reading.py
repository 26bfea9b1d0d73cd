"""A plan file's text into the plan: every problem collected, none raised. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import ValidationError

from pipeline.findings import Finding, FindingCode, Location, Severity
from pipeline.plan.model import SCHEMA, Plan
from pipeline.plan.rules import check_plan
from pipeline.plan.shape import shape_findings
from pipeline.plan.wording import shown
from pipeline.plan.yaml_events import SIZE_MAX, LineMap, Node, YamlDocument, read_yaml

_OTHER_VERSION = re.compile(r"okta-plan/v(\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """``plan`` is None where the text has no plan's shape; ``findings`` are in the order of the file."""

    plan: Plan | None
    lines: LineMap
    findings: tuple[Finding, ...]

    @property
    def has_errors(self) -> bool:
        return any(finding.severity is Severity.ERROR for finding in self.findings)


def read_plan(text: str, shown_as: str, *, size_max: int = SIZE_MAX) -> ReadPlan:
    """The plan in ``text`` with every problem of syntax, shape and meaning; ``shown_as`` names the file.

    Meaning (pipeline.plan.rules) is checked only where syntax and shape are right.
    """
    document = read_yaml(text, shown_as, size_max=size_max)
    if document.root is None:
        return ReadPlan(None, document.lines, document.findings)
    version = _version_finding(document.root, document, shown_as)
    if version is not None and version.code is FindingCode.UNSUPPORTED_SCHEMA:
        # Whatever else looks wrong may be right in that other version.
        return ReadPlan(None, document.lines, (version,))
    plan, shape = _validated(document.root, document, shown_as)
    found = [*document.findings, *([version] if version else []), *shape]
    if plan is not None and not found:
        found.extend(check_plan(plan, document.lines, shown_as))
    found.sort(key=lambda finding: (finding.location and finding.location.line) or 0)
    return ReadPlan(plan if not shape else None, document.lines, tuple(found))


def _version_finding(root: dict[str, Node], document: YamlDocument, shown_as: str) -> Finding | None:
    version = root.get("schema")
    if "schema" not in root:
        detail = f"The key \"schema\" is missing in the plan. Begin the file with 'schema: {SCHEMA}'."
        location = Location(shown_as, 1)
        return Finding(FindingCode.MISSING_KEY, Severity.ERROR, "A key is missing.", detail, location)
    if not isinstance(version, str) or version == SCHEMA or not _OTHER_VERSION.fullmatch(version):
        return None
    detail = (
        f"The file says {shown(version)}; this version of okta-plan reads {SCHEMA}."
        " Upgrade okta-plan, or write the plan in that schema."
    )
    location = Location(shown_as, document.lines(("schema",)))
    summary = "The plan's schema is not supported."
    return Finding(FindingCode.UNSUPPORTED_SCHEMA, Severity.ERROR, summary, detail, location)


def _validated(
    root: dict[str, Node], document: YamlDocument, shown_as: str
) -> tuple[Plan | None, list[Finding]]:
    try:
        return Plan.model_validate(root, by_alias=True, by_name=False), []
    except ValidationError as error:
        errors = error.errors(include_url=False)
        return None, list(shape_findings(errors, document, shown_as))
