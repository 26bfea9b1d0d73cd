"""The JSON Schema of the plan file, for editors and for other people's scripts."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from pipeline.plan.model import Plan
from pipeline.plan.pins import Pins
from pipeline.plan.policy import Policy

TITLE = "okta-plan: a reviewed plan of access (okta-plan/v1)"
MAPPING_TITLE = "okta-plan: how the rows of a source are read (okta-plan-mapping/v1)"
POLICY_TITLE = "okta-plan: what nobody may hold together (okta-plan-policy/v1)"
JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
_PINNED = {"RowsMapping": "PinnedRows", "EntitlementColumn": "PinnedColumn"}
"""Parts of the plan's mapping -> what they are in the mapping file, where less has to be said."""

DESCRIPTIONS = {
    "Plan.schema": "The version of this format.",
    "Plan.name": "The plan's name; letters, digits, dot, underscore and dash.",
    "Plan.author": "Who wrote the plan. When given, somebody else must approve it.",
    "Plan.tenant": "Host of the only org this plan may be applied to, such as acme.okta.com.",
    "Plan.okta_app": "The app whose access this plan describes.",
    "Plan.sources": "The files the plan was made from.",
    "Plan.mapping": "How the rows of the sources were read.",
    "Plan.totals": "Control totals: rows = used + excluded + rejected.",
    "Plan.entitlements": "What can be granted on the app.",
    "Plan.access": "Who shall hold what. Whatever else these people hold stays.",
    "Plan.removals": "Which values are taken from whom. Absence from 'access' removes nothing.",
    "Plan.moved": "Values whose external_value changed, so that people keep their grants.",
    "Plan.grants": "How grants are written.",
    "Plan.limits": "Guards: what exceeds them is refused before the first write.",
    "Plan.findings": "What was noticed when the plan was made. Not part of its meaning.",
    "OktaAppRef.id": "The app's id in Okta: 0oa and 17 letters or digits.",
    "OktaAppRef.label": "The app's exact label in Okta.",
    "SourceRef.path": "Relative to the workspace, with '/', or s3://bucket/key.",
    "SourceRef.sha256": "sha256 of the file's bytes, 64 lower-case hexadecimal digits.",
    "SourceRef.rows": "How many rows the file holds.",
    "SourceRef.compression": "What the file is compressed with; left out for none.",
    "SourceRef.encoding": "The file's encoding; left out for UTF-8.",
    "SourceRef.delimiter": "What separates cells; left out for a comma.",
    "SourceRef.header_line": "The physical line of the header; left out for 1.",
    "SourceRef.mapping": "How its rows were read, where it is not as the plan's mapping says.",
    "PlanFinding.source": "The source, where the plan has several.",
    "PlanFinding.rows": "Physical 1-based lines of the source.",
    "PlanFinding.bytes": "Where those lines begin, in bytes of the (unpacked) source, counted from 0.",
    "UserMapping.column": "The column that names the person.",
    "UserMapping.match": "By what people are looked up in Okta, in this order.",
    "RowsMapping.column": "The column that says whether a row grants access.",
    "RowsMapping.use": "Texts of that column that grant, compared without case.",
    "RowsMapping.deny": "Texts of that column that deny, compared without case.",
    "RowsMapping.on_conflict": "What happens to a value that one person has both granted and denied.",
    "Validity.start": "The column that says when access begins.",
    "Validity.end": "The column that says when access ends.",
    "EntitlementColumn.column": "The column that holds values of this entitlement.",
    "EntitlementColumn.separator": "What separates several values in one cell.",
    "EntitlementColumn.nothing": "Texts of this column that were read as no value, compared without case.",
    "EntitlementColumn.values": "Texts of this column, each with the value that it means.",
    "EntitlementColumn.multi_value": "Whether one person may hold several; true when left out.",
    "EntitlementColumn.why": "Why the column was read this way. Not part of the plan's meaning.",
    "Mapping.date": "The column by which 'latest' decides.",
    "Mapping.date_order": "In dates such as 01/02/2026: day first (dmy) or month first (mdy).",
    "Mapping.as_of": "The day on which validity was judged.",
    "Mapping.wide": "A column for each value, with marks in its cells.",
    "Mapping.named_values": "One column names the entitlement, another holds its values.",
    "Wide.entitlement": "The entitlement whose values the columns are.",
    "Wide.columns": "The columns, each named as its value.",
    "Wide.marks": "Cells that mean that the person has the value, compared without case.",
    "NamedValues.name": "The column that names the entitlement.",
    "NamedValues.value": "The column that holds the values.",
    "NamedValues.names": "The names that count; rows with others give nothing.",
    "Pins.schema": "The version of this format.",
    "Pins.user": "Who the rows are about; left out: inferred.",
    "Pins.rows": "Which rows grant; null: all of them.",
    "Pins.date": "The column by which 'latest' decides.",
    "Pins.validity": "The columns in which access begins and ends; null: none.",
    "Pins.date_order": "In dates such as 01/02/2026: day first (dmy) or month first (mdy).",
    "Pins.wide": "A column for each value, with marks in its cells; null: no such layout.",
    "Pins.named_values": "One column names the entitlement, another holds its values; null: no such layout.",
    "Pins.entitlements": "The columns that hold values; no other does then.",
    "Pins.ignored": "Columns that decide nothing.",
    "Mapping.ignored": "Columns that were not used, each with the reason.",
    "Value.name": "The value's display name, at most 255 characters.",
    "Value.external_value": "What the value is matched by; the name when left out.",
    "Value.description": "At most 1,024 characters.",
    "Entitlement.name": "The entitlement's display name, at most 255 characters.",
    "Entitlement.external_value": "What the entitlement is matched by, at most 255 characters.",
    "Entitlement.description": "At most 1,000 characters.",
    "Entitlement.multi_value": "Whether one person may hold several values.",
    "Entitlement.values": "The values that can be granted: text, or name and external_value.",
    "Assignments.missing": "People without an app assignment: assign them, or hold their grants.",
    "Assignments.users": "People who get an app assignment without a grant: one login a line, or a list.",
    "Cohort.values": "Entitlement external_value to the external_values of its values.",
    "Cohort.expires": "When the grant ends: an ISO 8601 instant with a zone, such as 2027-01-31T00:00:00Z.",
    "Cohort.users": "The people, one login a line, or a list.",
    "Move.entitlement": "The entitlement's external_value.",
    "Move.from": "The old external_value.",
    "Move.to": "The new external_value.",
    "GrantOptions.type": "'custom' extends each person's own grant; 'additive' adds grants beside it.",
    "GrantOptions.policy_users": "What happens to people whose access comes from a policy.",
    "GrantOptions.with_additive": "What happens to people who hold additive grants or bundles.",
    "Limits.revoked_percent_max": "Largest share of held pairs that may be removed, in percent.",
    "Limits.revoked_max": "Largest number of pairs that may be removed.",
    "Limits.changed_percent_max": "Most people that may change, in percent of those who have the app now.",
    "Limits.value_max": "'Entitlement/value' to how many people may gain it at most.",
    "Limits.privileged": "Values ('Entitlement/value', * for any text) that are given only if named.",
    "Policy.schema": "The version of this format.",
    "Policy.okta_app": "The app that rules are about which name none themselves; left out: any app.",
    "Policy.rules": "What nobody may hold together.",
    "PolicyRule.id": "By what an approval or --allow sod_conflict names the rule; unique in all policies.",
    "PolicyRule.why": "Why, for who meets it.",
    "PolicyRule.okta_app": "The only app the rule is about.",
    "PolicyRule.severity": "'error' holds changes that make a conflict; 'warning' only tells of them.",
    "PolicyRule.together": "Nobody may hold values of two of these. Each is 'Entitlement/value' (* for any "
    "text), or a list of such values that are one duty.",
}
"""``Model.key`` -> what a person writing it needs to know."""


def plan_schema() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12) of a plan file as an editor's YAML reader sees it."""
    schema = _described(Plan)
    schema["required"] = ["name", "okta_app", "schema"]
    schema["$defs"]["Value"]["required"] = ["name"]
    schema["$defs"]["OktaAppRef"]["anyOf"] = [{"required": ["id"]}, {"required": ["label"]}]
    return schema | {"$schema": JSON_SCHEMA, "title": TITLE}


def mapping_schema() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12) of a mapping file."""
    schema = _described(Pins)
    schema["required"] = ["schema"]
    return schema | {"$schema": JSON_SCHEMA, "title": MAPPING_TITLE}


def policy_schema() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12) of a policy file."""
    schema = _described(Policy)
    schema["$defs"]["OktaAppRef"]["anyOf"] = [{"required": ["id"]}, {"required": ["label"]}]
    return schema | {"$schema": JSON_SCHEMA, "title": POLICY_TITLE}


def _described(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    models = {**schema["$defs"], model.__name__: schema}
    for place, description in DESCRIPTIONS.items():
        name, _, key = place.partition(".")
        for each in {name, _PINNED.get(name, name)} & models.keys():
            models[each]["properties"][key]["description"] = description
    _drop_titles(schema)
    return schema


def _drop_titles(schema: dict[str, Any]) -> None:
    """Pydantic titles each key with the key itself, which tells a reader nothing."""
    for model in (schema, *schema["$defs"].values()):
        model["description"] = " ".join(model.get("description", "").replace("``", "'").split())
        if not model["description"]:
            del model["description"]
        model.pop("title", None)
        for field in model["properties"].values():
            field.pop("title", None)
