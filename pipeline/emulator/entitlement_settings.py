"""Whether an app is under entitlement management, and turning it on and off (okta-api.md 2.2)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipeline.emulator.answers import Answer
from pipeline.emulator.bodies import body_fields
from pipeline.emulator.errors import invalid
from pipeline.emulator.operations import OPTED_IN, OPTED_OUT, operation_href, start
from pipeline.emulator.orns import app_orn, last_part

if TYPE_CHECKING:
    from pipeline.emulator.answers import Call
    from pipeline.emulator.tenant import Row, Tenant

_STATUSES = {
    "ENABLED": OPTED_IN,
    "ENABLING": "OPTING_IN",
    "DISABLING": "OPTING_OUT",
    "DISABLED": OPTED_OUT,
    "NONE": OPTED_OUT,
}
"""emOptInStatus of the app -> status of its settings."""


def show_settings(tenant: Tenant, call: Call) -> Answer:
    """Recording entitlement_settings__get_entitlement_settings; for an unknown ORN only 400 is documented."""
    return Answer({"status": _STATUSES[_named_app(tenant, call)["management"]]})


def update_settings(tenant: Tenant, call: Call) -> Answer:
    """202 and where the operation is. Refusing a second one, and one without effect, is our choice."""
    okta_app = _named_app(tenant, call)
    wanted = body_fields(call.body).word("status", (OPTED_IN, OPTED_OUT))
    status = _STATUSES[okta_app["management"]]
    if wanted == status or status.startswith("OPTING"):
        raise invalid("/status", f"the resource is {status}", "OPERATION_STATUS_CONFLICT")
    if wanted == OPTED_IN:
        _refuse_unfit(okta_app)
    href = operation_href(tenant, start(tenant, okta_app, wanted))
    on_the_way = {"status": "OPTING_IN" if wanted == OPTED_IN else "OPTING_OUT"}
    return Answer(on_the_way, status=202, links=(("operation", href),), location=href)


def _named_app(tenant: Tenant, call: Call) -> Row:
    orn = call.parts["orn"]
    row = tenant.row("SELECT * FROM apps WHERE id = ?", last_part(orn))
    if row is None or app_orn(tenant, row) != orn:
        raise invalid("/resourceOrn", f"{orn} not found", "INVALID_RESOURCE_ORN", place="parameter")
    return row


def _refuse_unfit(okta_app: Row) -> None:
    """Not for bookmarks, nor once provisioning is on (2.2); the few apps Okta excepts are refused too."""
    if okta_app["name"] == "bookmark":
        raise invalid("/status", "a bookmark app cannot be opted in", "OPERATION_STATUS_CONFLICT")
    if json.loads(okta_app["features"]):
        cause = "an app with provisioning cannot be opted in"
        raise invalid("/status", cause, "OPERATION_STATUS_CONFLICT")
