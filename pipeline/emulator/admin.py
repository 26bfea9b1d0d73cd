"""An admin at work while the org is used: changes through the same views and tables, written down."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.emulator import grant_writes
from pipeline.emulator.answers import Call
from pipeline.emulator.app_views import assign, find_app_user
from pipeline.emulator.bodies import Fields
from pipeline.emulator.endings import delete_grants, take_away_app
from pipeline.emulator.entitlement_values import add_value, remove_value
from pipeline.emulator.grant_views import PATH, grant_json, held_values, status_now

if TYPE_CHECKING:
    from pipeline.emulator.fault_kinds import AdminChange
    from pipeline.emulator.tenant import Row, Tenant

T = TypeVar("T")
Pick = Callable[[str, Sequence[Any]], Any]
"""(what for, candidates) -> one of them by chance; None of none."""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose access to which app the admin looks at."""

    okta_app: Row
    user: Row


@dataclass(frozen=True, slots=True)
class Step:
    """A change that can be made now."""

    make: Callable[[], object]
    detail: dict[str, str] = field(default_factory=dict)
    app_id: str | None = None
    user_id: str | None = None


def plan_change(tenant: Tenant, asked: AdminChange, place: Place, pick: Pick) -> Step | None:
    """None where the org has nothing for this change: no bundle, no value to take away, a gone user."""
    return _CHANGES[asked.change](_Desk(tenant, asked, place, pick))


def note_change(tenant: Tenant, change: str, step: Step) -> None:
    """The line for /_emulator/changes. It stands behind the last request that is already written down."""
    last = tenant.number("SELECT coalesce(max(n), 0) FROM requests")
    tenant.write(
        "INSERT INTO changes (at, after_request, change, app_id, user_id, detail) VALUES (?, ?, ?, ?, ?, ?)",
        *(tenant.now(), last, change, step.app_id, step.user_id, json.dumps(step.detail)),
    )


def list_changes(tenant: Tenant, since: int) -> list[dict[str, Any]]:
    sql = "SELECT c.*, u.login FROM changes c LEFT JOIN users u ON u.id = c.user_id WHERE n > ? ORDER BY n"
    return [
        {
            **{key: row[key] for key in ("n", "at", "after_request", "change")},
            "okta_app": row["app_id"],
            "user": row["login"],
            **json.loads(row["detail"]),
        }
        for row in tenant.rows(sql, since)
    ]


@dataclass(frozen=True, slots=True)
class _Desk:
    """What one change is worked out with."""

    tenant: Tenant
    asked: AdminChange
    place: Place
    pick: Pick

    def step(self, make: Callable[[], object], **detail: str) -> Step:
        return Step(make, detail, self.place.okta_app["id"], self.place.user["id"])

    def base(self) -> Row | None:
        """The base grant in force; one that has run out is as good as none."""
        rows = self.tenant.rows(
            "SELECT * FROM grants WHERE app_id = ? AND user_id = ? AND status = 'ACTIVE'"
            " AND grant_type IN ('CUSTOM', 'POLICY')",
            *(self.place.okta_app["id"], self.place.user["id"]),
        )
        return next((row for row in rows if status_now(self.tenant, row) == "ACTIVE"), None)

    def may_be_granted(self) -> bool:
        app_id, user = self.place.okta_app["id"], self.place.user
        if user["status"] == "DEPROVISIONED" or self.place.okta_app["management"] != "ENABLED":
            return False
        needs = self.tenant.switches.grant_needs_assignment and not self.place.okta_app["implicit_assignment"]
        return not needs or find_app_user(self.tenant, app_id, user["id"]) is not None

    def values(self) -> list[Row]:
        """Those the fault allows, with what is asked of their entitlements."""
        return self.tenant.rows(
            "SELECT v.*, e.multi_value, e.external_value AS entitlement FROM entitlement_values v"
            " JOIN entitlements e ON e.id = v.entitlement_id WHERE v.app_id = ?"
            " AND (? IS NULL OR e.external_value = ?) AND (? IS NULL OR v.external_value = ?) ORDER BY v.id",
            self.place.okta_app["id"],
            *(self.asked.entitlement, self.asked.entitlement, self.asked.value, self.asked.value),
        )

    def grant(self, **body: Any) -> Callable[[], object]:  # noqa: ANN401  JSON
        """A POST as the admin console sends one."""
        whole = {
            "actor": "ADMIN",
            "target": {"externalId": self.place.okta_app["id"], "type": "APPLICATION"},
            "targetPrincipal": {"externalId": self.place.user["id"], "type": "OKTA_USER"},
            **body,
        }
        call = Call("POST", PATH, {}, body=whole)
        return lambda: grant_writes.create_grant(self.tenant, call)

    def replace(self, base: Row, held: dict[str, list[str]]) -> Callable[[], object]:
        entitlements = [
            {"id": key, "values": [{"id": each} for each in ids]} for key, ids in held.items() if ids
        ]
        body = {**grant_json(self.tenant, base, full=False), "entitlements": entitlements}
        call = Call("PUT", f"{PATH}/{base['id']}", {}, body=body, parts={"grant": base["id"]})
        return lambda: grant_writes.replace_grant(self.tenant, call)

    def held(self, base: Row) -> dict[str, list[str]]:
        groups = held_values(self.tenant, [base]).get(base["id"], [])
        return {entitlement["id"]: [value["id"] for value in values] for entitlement, values in groups}


def _is_editable(base: Row) -> bool:
    return bool(base["grant_type"] == "CUSTOM" and base["action"] == "ALLOW")


def _add_value(desk: _Desk) -> Step | None:
    base = desk.base()
    if not desk.may_be_granted() or (base is not None and not _is_editable(base)):
        return None
    if base is None:
        return _new_grant(desk)
    held = desk.held(base)
    value = desk.pick("value", [v for v in desk.values() if v["id"] not in held.get(v["entitlement_id"], [])])
    if value is None:
        return None
    # A single-value entitlement takes the new one in place of the old.
    kept = held.get(value["entitlement_id"], []) if value["multi_value"] else []
    wanted = {**held, value["entitlement_id"]: [*kept, value["id"]]}
    return desk.step(desk.replace(base, wanted), **_named(value))


def _remove_value(desk: _Desk) -> Step | None:
    base = desk.base()
    if base is None or not _is_editable(base) or not desk.may_be_granted():
        return None
    held = desk.held(base)
    value = desk.pick("value", [v for v in desk.values() if v["id"] in held.get(v["entitlement_id"], [])])
    if value is None:
        return None
    kept = [each for each in held[value["entitlement_id"]] if each != value["id"]]
    return desk.step(desk.replace(base, {**held, value["entitlement_id"]: kept}), **_named(value))


def _new_grant(desk: _Desk) -> Step | None:
    value = desk.pick("value", desk.values()) if desk.may_be_granted() else None
    if value is None:
        return None
    entitlements = [{"id": value["entitlement_id"], "values": [{"id": value["id"]}]}]
    return desk.step(desk.grant(grantType="CUSTOM", entitlements=entitlements), **_named(value))


def _revoke_all(desk: _Desk) -> Step | None:
    """The app assignment stays."""
    sql = "SELECT id FROM grants WHERE app_id = ? AND user_id = ? AND status = 'ACTIVE'"
    rows = desk.tenant.rows(sql, desk.place.okta_app["id"], desk.place.user["id"])
    return desk.step(lambda: delete_grants(desk.tenant, [row["id"] for row in rows])) if rows else None


def _add_bundle(desk: _Desk) -> Step | None:
    app_id, user_id = desk.place.okta_app["id"], desk.place.user["id"]
    free = desk.tenant.rows(
        "SELECT * FROM bundles WHERE app_id = ? AND status = 'ACTIVE' AND (? IS NULL OR name = ?)"
        " AND id NOT IN (SELECT bundle_id FROM grants"
        " WHERE app_id = ? AND user_id = ? AND bundle_id IS NOT NULL) ORDER BY id",
        *(app_id, desk.asked.bundle, desk.asked.bundle, app_id, user_id),
    )
    bundle = desk.pick("bundle", free) if desk.may_be_granted() else None
    if bundle is None:
        return None
    body = {"grantType": "ENTITLEMENT-BUNDLE", "entitlementBundleId": bundle["id"]}
    return desk.step(desk.grant(**body), bundle=bundle["name"])


def _to_policy(desk: _Desk) -> Step | None:
    """The policy gives what the person held: an emulated org has no policies that could say otherwise."""
    base = desk.base()
    if base is None or not _is_editable(base) or not desk.may_be_granted():
        return None
    held = [value for ids in desk.held(base).values() for value in ids]
    post = desk.grant(grantType="POLICY")

    def make() -> None:
        post()
        now_held = desk.base()
        if now_held is not None:
            pairs = ((now_held["id"], value) for value in held)
            desk.tenant.db.executemany("INSERT INTO grant_values VALUES (?, ?)", pairs)

    return desk.step(make)


def _assign_group(desk: _Desk) -> Step | None:
    """The app comes through a group that the person has joined."""
    app_id, user = desk.place.okta_app["id"], desk.place.user
    is_there = find_app_user(desk.tenant, app_id, user["id"]) is not None
    if is_there or user["status"] == "DEPROVISIONED" or desk.place.okta_app["implicit_assignment"]:
        return None
    return desk.step(lambda: assign(desk.tenant, app_id, user["id"], scope="GROUP", user_name=user["login"]))


def _unassign(desk: _Desk) -> Step | None:
    app_id, user_id = desk.place.okta_app["id"], desk.place.user["id"]
    if find_app_user(desk.tenant, app_id, user_id) is None:
        return None
    return desk.step(lambda: take_away_app(desk.tenant, app_id, user_id))


def _deprovision(desk: _Desk) -> Step | None:
    """Ends every assignment and grant of the user, as unassigning does (our assumption there too)."""
    user = desk.place.user
    if user["status"] == "DEPROVISIONED":
        return None

    def make() -> None:
        for row in desk.tenant.rows("SELECT id FROM apps"):
            take_away_app(desk.tenant, row["id"], user["id"])
        desk.tenant.write("UPDATE users SET status = 'DEPROVISIONED' WHERE id = ?", user["id"])

    return Step(make, {}, None, user["id"])


def _add_entitlement_value(desk: _Desk) -> Step | None:
    found = desk.tenant.rows(
        "SELECT * FROM entitlements WHERE app_id = ? AND (? IS NULL OR external_value = ?) ORDER BY id",
        *(desk.place.okta_app["id"], desk.asked.entitlement, desk.asked.entitlement),
    )
    entitlement = desk.pick("entitlement", found)
    if entitlement is None:
        return None
    sql = "SELECT external_value FROM entitlement_values WHERE entitlement_id = ?"
    taken = {row["external_value"] for row in desk.tenant.rows(sql, entitlement["id"])}
    name = desk.asked.value or next(
        f"admin-{n}" for n in range(1, len(taken) + 2) if f"admin-{n}" not in taken
    )
    if name in taken:
        return None
    fields = Fields({"name": name, "externalValue": name})
    detail = {"entitlement": entitlement["external_value"], "value": name}
    return Step(
        lambda: add_value(desk.tenant, entitlement, fields), detail, desk.place.okta_app["id"], user_id=None
    )


def _remove_entitlement_value(desk: _Desk) -> Step | None:
    value = desk.pick("value", desk.values())
    if value is None:
        return None
    return Step(lambda: remove_value(desk.tenant, value), _named(value), desk.place.okta_app["id"], None)


def _named(value: Row) -> dict[str, str]:
    return {"entitlement": value["entitlement"], "value": value["external_value"]}


_CHANGES: dict[str, Callable[[_Desk], Step | None]] = {
    "add_value": _add_value,
    "remove_value": _remove_value,
    "new_grant": _new_grant,
    "revoke_all": _revoke_all,
    "add_bundle": _add_bundle,
    "to_policy": _to_policy,
    "assign_group": _assign_group,
    "unassign": _unassign,
    "deprovision": _deprovision,
    "add_entitlement_value": _add_entitlement_value,
    "remove_entitlement_value": _remove_entitlement_value,
}
