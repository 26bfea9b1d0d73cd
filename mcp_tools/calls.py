"""One call of every tool, in an order in which each has what it needs from the answers before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Answers = Mapping[str, dict[str, Any]]
"""Structured content of the calls made so far, by tool; of `RUN`, the answer of a run made beside them."""

SAMPLE = "sample_medium_denormalized.csv"
APP = "ERP"
PLAN = "plans/sample_medium_denormalized.yaml"
RUN = "apply"


@dataclass(frozen=True, slots=True)
class Call:
    """``error``: the code with which the tool rightly refuses; None where it answers."""

    tool: str
    arguments: Callable[[Answers], dict[str, Any]] = lambda _: {}
    error: str | None = None


def _always(**arguments: Any) -> Callable[[Answers], dict[str, Any]]:  # noqa: ANN401 - JSON
    return lambda _: arguments


def _grant(answers: Answers) -> dict[str, Any]:
    """One value for one user, by ids, in the shape that the tool takes."""
    entitlements = answers["okta_iga_list_entitlements"]
    body = {
        "grantType": "CUSTOM",
        "target": {"externalId": entitlements["okta_app_id"], "type": "APPLICATION"},
        "targetPrincipal": {"externalId": _user_id(answers), "type": "OKTA_USER"},
        "entitlements": [
            {
                "id": entitlements["rows"][0]["id"],
                "values": [{"id": answers["okta_iga_list_entitlement_values"]["rows"][0]["id"]}],
            }
        ],
    }
    return {"grants": [{"userId": _user_id(answers), "grantBody": body}]}


def _user_id(answers: Answers) -> str:
    return str(answers["okta_user_search"]["rows"][0]["id"])


BEFORE_THE_RUN = (
    Call("okta_test"),
    Call("list_csv_files"),
    Call("read_csv_file", _always(file=SAMPLE)),
    Call("validate_csv_preflight", _always(file=SAMPLE)),
    Call("analyze_csv_for_entitlements", _always(filename=SAMPLE)),
    Call("sync_s3_files", error="s3_disabled"),
    Call("okta_get_rate_status"),
    Call("okta_user_search", _always(attribute="email", value="bob.smith@acme.example.com")),
    Call("okta_batch_user_search", _always(searches=[{"value": "nobody@acme.example.com"}])),
    Call("okta_iga_list_entitlements", _always(appId=APP)),
    Call(
        "okta_iga_list_entitlement_values",
        lambda answers: {"entitlementId": answers["okta_iga_list_entitlements"]["rows"][0]["id"]},
    ),
    Call("prepare_entitlement_structure", _always(filename=SAMPLE, appId=APP)),
    Call("execute_user_grants", _always(filename=SAMPLE, appId=APP)),
    Call("okta_batch_assign_users", lambda answers: {"appId": APP, "userIds": [_user_id(answers)]}),
    Call("okta_batch_create_grants", _grant),
    Call("generate_plan", _always(filename=SAMPLE, appId=APP)),
    Call("list_plans"),
    Call("show_plan", _always(plan=PLAN)),
    Call("diff_plan", _always(plan=PLAN)),
    Call(
        "apply_plan",
        lambda answers: {"plan": PLAN, "changes_digest": answers["diff_plan"]["changes_digest"]},
        error="approval_missing",
    ),
)
# The run is made by `okta-plan apply`: control_run stops only what apply_plan started.
AFTER_THE_RUN = (
    Call("run_status", lambda answers: {"run": answers[RUN]["run"]}),
    Call(
        "control_run", lambda answers: {"run": answers[RUN]["run"], "action": "pause"}, error="run_not_found"
    ),
    Call("undo_run", lambda answers: {"run": answers[RUN]["run"]}),
)
