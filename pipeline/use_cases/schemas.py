"""The JSON Schemas that other people's scripts rely on."""

from __future__ import annotations

import json
from typing import Any

from pipeline.changes.codec import json_schema
from pipeline.envelope import View
from pipeline.plan.approval_text import approval_schema
from pipeline.plan.schema import mapping_schema, plan_schema, policy_schema
from pipeline.run.pack import Manifest
from pipeline.use_cases.desk import Desk
from pipeline.views import VIEWS, SchemaView

FOLDER = "schemas"


def schema(desk: Desk, *, write: bool) -> SchemaView:
    """All schemas by name; with ``write`` also as files in ``schemas/`` of the workspace."""
    schemas = all_schemas()
    paths: dict[str, str] = {}
    if write:
        folder = desk.workspace / FOLDER
        folder.mkdir(exist_ok=True)
        for name, text in schema_files().items():
            path = folder / name
            path.write_text(text, encoding="utf-8", newline="\n")
            paths[name.removesuffix(".schema.json")] = desk.shown(path)
    return SchemaView(schemas=schemas, paths=paths)


def all_schemas() -> dict[str, dict[str, Any]]:
    """Plan, mapping, change set, manifest of an evidence pack and every ``--json`` answer, by name."""
    views = {_name(view): view.model_json_schema(by_alias=True, mode="serialization") for view in VIEWS}
    files = {
        "plan": plan_schema(),
        "mapping": mapping_schema(),
        "policy": policy_schema(),
        "approval": approval_schema(),
        "evidence-manifest": Manifest.model_json_schema(by_alias=True, mode="serialization"),
    }
    return {**files, "changes": json_schema(), **views}


def schema_files() -> dict[str, str]:
    """File name -> content, as it stands in ``schemas/``."""
    return {
        f"{name}.schema.json": json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for name, document in all_schemas().items()
    }


def _name(view: type[View]) -> str:
    """``okta-plan/diff/v1`` -> ``diff``."""
    return str(view.model_fields["schema_"].default).split("/")[1]
