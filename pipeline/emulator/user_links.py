"""What the answer about one user links to: what can be done in its status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.emulator.ids import okta_id

if TYPE_CHECKING:
    from pipeline.emulator.tenant import Tenant

_AWAITING_ACTIVATION = {"activate": "activate"}
_LIVING = {"suspend": "suspend", "resetPassword": "reset_password", "deactivate": "deactivate"}
_ACTIONS: dict[str, dict[str, str]] = {
    "STAGED": _AWAITING_ACTIVATION,
    "DEPROVISIONED": _AWAITING_ACTIVATION,
    "PROVISIONED": {**_LIVING, "reactivate": "reactivate"},
}
"""Link -> lifecycle operation (recordings TestAccResourceOktaUser_statusDeprovisioned and
TestAccDataSourceOktaUsers_read). No other status is recorded; those get what a user that lives has for sure.
"""


def user_links(tenant: Tenant, user_id: str, status: str, type_id: str) -> dict[str, Any]:
    user = f"{tenant.origin}/api/v1/users/{user_id}"
    actions = _ACTIONS.get(status, _LIVING)
    links: dict[str, Any] = {
        name: {"href": f"{user}/lifecycle/{operation}", "method": "POST"}
        for name, operation in actions.items()
    }
    if status == "DEPROVISIONED":
        links["delete"] = {"href": user, "method": "DELETE"}
    schema = f"{tenant.origin}/api/v1/meta/schemas/user/{okta_id('osc', 0, tenant.seed)}"
    type_ = f"{tenant.origin}/api/v1/meta/types/user/{type_id}"
    return {**links, "schema": {"href": schema}, "self": {"href": user}, "type": {"href": type_}}
