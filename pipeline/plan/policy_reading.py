"""A policy file's text into the rules it holds: every problem collected, none raised. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from pipeline.findings import Finding, FindingCode, Location, Severity
from pipeline.plan.duties import Rule, Side
from pipeline.plan.policy import SCHEMA, Policy, PolicyRule
from pipeline.plan.shape import shape_findings
from pipeline.plan.value_texts import ValuePattern
from pipeline.plan.wording import shown
from pipeline.plan.yaml_events import LineMap, Node, read_yaml


@dataclass(frozen=True, slots=True)
class ReadPolicy:
    """``rules`` are empty where there are ``findings``, which are in the order of the file."""

    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]


def read_policy(text: str, shown_as: str) -> ReadPolicy:
    """The rules of the policy in ``text``, with every problem of its shape; ``shown_as`` names the file."""
    document = read_yaml(text, shown_as)
    found = list(document.findings)
    if document.root is None:
        return ReadPolicy((), tuple(found))
    version = _other_version(document.root, document.lines, shown_as)
    if version is not None:
        return ReadPolicy((), (version,))
    try:
        policy = Policy.model_validate(document.root, by_alias=True, by_name=False)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        found.extend(shape_findings(errors, document, shown_as, Policy))
        return ReadPolicy((), tuple(found))
    rules = tuple(_rules(policy, document.lines, shown_as))
    return ReadPolicy(() if found else rules, tuple(found))


def repeated_rules(rules: Iterable[Rule]) -> Iterator[Finding]:
    """One problem for each rule whose id an earlier one of ``rules`` has: an approval could mean either."""
    first: dict[str, Rule] = {}
    for rule in rules:
        earlier = first.setdefault(rule.id.casefold(), rule)
        if earlier is not rule:
            path, _, line = rule.place.rpartition(":")
            yield Finding(
                FindingCode.DUPLICATE_VALUE,
                Severity.ERROR,
                "A rule's id stands twice.",
                f"{shown(rule.id)} is the id of the rule at {earlier.place} too. Give one of them another.",
                Location(path, int(line)),
            )


def _other_version(root: dict[str, Node], lines: LineMap, shown_as: str) -> Finding | None:
    version = root.get("schema")
    if not isinstance(version, str) or version == SCHEMA or not version.startswith("okta-plan-policy/v"):
        return None
    detail = f"The file says {shown(version)}; this version of okta-plan reads {SCHEMA}. Upgrade okta-plan."
    summary = "The policy's schema is not supported."
    place = Location(shown_as, lines(("schema",)))
    return Finding(FindingCode.UNSUPPORTED_SCHEMA, Severity.ERROR, summary, detail, place)


def _rules(policy: Policy, lines: LineMap, shown_as: str) -> Iterator[Rule]:
    for index, rule in enumerate(policy.rules):
        yield Rule(
            id=rule.id,
            why=rule.why,
            place=f"{shown_as}:{lines(('rules', index)) or 1}",
            sides=_sides(rule),
            okta_app=rule.okta_app or policy.okta_app,
            warns=rule.severity == "warning",
        )


def _sides(rule: PolicyRule) -> tuple[Side, ...]:
    return tuple(Side(tuple(map(ValuePattern.of, duty))) for duty in rule.together)
