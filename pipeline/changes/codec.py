"""The change set as JSON and back, its digest, and what counts as reviewed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipeline.address import Address, Kind
from pipeline.changes.model import Action, Change, ChangeSet, Holding, added, beside_values, removed
from pipeline.errors import ErrorCode, InputError

SCHEMA = "okta-plan/changes/v1"
_ADAPTER: TypeAdapter[ChangeSet] = TypeAdapter(ChangeSet)


def to_json(change_set: ChangeSet) -> dict[str, Any]:
    """The change set as a JSON object with its schema tag and digest."""
    body: dict[str, Any] = _ADAPTER.dump_python(change_set, mode="json")
    return {"schema": SCHEMA, "changes_digest": changes_digest(change_set), **body}


def from_json(document: object, shown_as: str) -> ChangeSet:
    """The change set in ``document``. Raises InputError where it is none, or was edited after it was made."""
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise _invalid(shown_as, f"it does not say schema: {SCHEMA}")
    body = {key: value for key, value in document.items() if key not in ("schema", "changes_digest")}
    try:
        change_set = _ADAPTER.validate_python(body)
    except ValidationError as error:
        raise _invalid(shown_as, f"{error.error_count()} fields do not have the expected form") from error
    if document.get("changes_digest") != changes_digest(change_set):
        raise _invalid(shown_as, "its content does not match its changes_digest")
    return change_set


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a stored change set."""
    schema = _ADAPTER.json_schema()
    schema["properties"] = {
        "schema": {"const": SCHEMA},
        "changes_digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        **schema["properties"],
    }
    schema["required"] = ["schema", "changes_digest", *schema["required"]]
    schema["title"] = "okta-plan change set"
    return schema


def changes_digest(change_set: ChangeSet) -> str:
    """sha256 (hex) of org id, plan digest and every change's address, action, before and after.

    Messages, ids, times, keeps and holds do not count: they change nothing of what is sent.
    """
    meaning = {
        "org_id": change_set.org_id,
        "okta_app_id": change_set.okta_app_id,
        "plan_digest": change_set.plan_digest,
        "changes": sorted(_meaning(each) for each in change_set.changes),
    }
    text = json.dumps(meaning, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _meaning(change: Change) -> list[Any]:
    beside = sorted(beside_values(change))
    return [str(change.address), change.action, change.before, change.after, *([beside] if beside else [])]


def reviewer_of(reviewed: ChangeSet) -> Callable[[Change], bool]:
    """Says of a live change whether ``reviewed`` covers it: same address and action, and the values it adds
    and removes, and what it writes beside them, are a subset of those reviewed. A revoke that also adds
    covers the extend that is left of it once its values are gone.
    """
    known = {(each.address, each.action): _effects(each) for each in reviewed.changes}
    for each in reviewed.changes:
        if each.action is Action.REVOKE and added(each):
            known.setdefault((Address(Kind.GRANT, each.address.key), Action.EXTEND), _effects(each))

    def is_reviewed(change: Change) -> bool:
        seen = known.get((change.address, change.action))
        return seen is not None and all(
            ours <= theirs for ours, theirs in zip(_effects(change), seen, strict=True)
        )

    return is_reviewed


def _effects(change: Change) -> tuple[set[tuple[str, str]], set[tuple[str, str]], frozenset[tuple[str, str]]]:
    return _pairs(added(change)), _pairs(removed(change)), beside_values(change)


def _pairs(held: Holding) -> set[tuple[str, str]]:
    return {(entitlement, value) for entitlement, values in held for value in values}


def _invalid(shown_as: str, why: str) -> InputError:
    return InputError(
        ErrorCode.CHANGES_INVALID,
        "The change set cannot be used",
        f"{shown_as} is not a change set that `okta-plan diff` stored: {why}.",
        next_step="Run `okta-plan diff` again and use the file it names.",
    )
