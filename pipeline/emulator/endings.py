"""How what a user holds on an app comes to an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.emulator.access_records import touch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.emulator.tenant import Tenant


def delete_grants(tenant: Tenant, grant_ids: Sequence[str]) -> None:
    for row in tenant.rows_of("SELECT DISTINCT app_id, user_id FROM grants WHERE id IN ({})", grant_ids):
        touch(tenant, row["app_id"], [row["user_id"]])
    for grant_id in grant_ids:
        tenant.write("DELETE FROM grant_values WHERE grant_id = ?", grant_id)
        tenant.write("DELETE FROM grants WHERE id = ?", grant_id)


def take_away_app(tenant: Tenant, app_id: str, user_id: str) -> None:
    """The assignment and every grant that was in force."""
    sql = "SELECT id FROM grants WHERE app_id = ? AND user_id = ? AND status = 'ACTIVE'"
    delete_grants(tenant, [row["id"] for row in tenant.rows(sql, app_id, user_id)])
    tenant.write("DELETE FROM app_users WHERE app_id = ? AND user_id = ?", app_id, user_id)
