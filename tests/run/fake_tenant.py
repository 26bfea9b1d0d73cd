"""A tenant in memory with Okta's base-grant semantics (okta-api.md 5.3) and faults on schedule."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from pipeline.changes.model import EntitlementTarget, NewValue
from pipeline.changes.snapshot import AppUser, BaseAccess, OktaEntitlement, OktaGrant, OktaValue
from pipeline.clock import Clock
from pipeline.errors import CredentialError, ErrorCode, TenantError
from pipeline.okta.answers import Accepted, Lost, NotSent, Refused, WriteAnswer
from pipeline.okta.orns import ORNS_PER_REVOKE, NamedGrants
from pipeline.run.tenant import VALUES_PER_ADD, VALUES_PER_CREATE, Pairs

APP_ID = "0oa1example0000000x7"


class Fault(StrEnum):
    """What happens to one write."""

    NONE = "none"
    LOST_BEFORE = "lost before it took effect"
    LOST_AFTER = "lost after it took effect"
    REFUSE = "refused"
    KILL_BEFORE = "the process dies before it took effect"
    KILL_AFTER = "the process dies after it took effect"
    CREDENTIAL = "the credential dies"


class Killed(BaseException):
    """kill -9 at this point."""


@dataclass(slots=True)
class FakeTenant:
    """``faults`` are taken by the writes in the order in which they arrive; then none is left."""

    clock: Clock
    faults: list[Fault] = field(default_factory=list)
    failing_reads: set[int] = field(default_factory=set)
    """Numbers of the reads (from 1) that fail."""
    latency_s: float = 0.05
    full_for: int = 0
    """So many grant writes find no room in time."""
    custom_replaces_additive: bool = False
    has_additive: bool = True
    entitlements_by_id: dict[str, OktaEntitlement] = field(default_factory=dict)
    raw_grants: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: dict[str, AppUser] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    before_write: Callable[[str], None] = lambda _name: None
    in_flight: dict[str, int] = field(default_factory=dict)
    most_in_flight: int = 0
    ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    # -- setting the scene and looking at it --

    def seed_entitlement(self, name: str, *values: str, multi_value: bool = True) -> str:
        entitlement_id = f"esp{next(self.ids)}"
        self.entitlements_by_id[entitlement_id] = OktaEntitlement(
            entitlement_id, name, name, multi_value, tuple(self._value(NewValue(v, v)) for v in values)
        )
        return entitlement_id

    def seed_grant(
        self, user_id: str, pairs: set[tuple[str, str]], type_: str = "CUSTOM", **more: str | None
    ) -> str:
        """A grant of (entitlement name, value name) pairs."""
        return self._store(user_id, self.ids_of(pairs), type_, **more)

    def give(self, grant_id: str, pairs: set[tuple[str, str]]) -> None:
        """The admin adds (entitlement name, value name) pairs to a grant."""
        raw = self.raw_grants[grant_id]
        held = {(each["id"], value["id"]) for each in raw["entitlements"] for value in each["values"]}
        raw["entitlements"] = _wire(frozenset(held) | self.ids_of(pairs))

    def seed_row(self, user_id: str, scope: str = "USER") -> None:
        self.rows[user_id] = AppUser(user_id, scope, "ACTIVE")

    def ids_of(self, names: set[tuple[str, str]]) -> Pairs:
        index = {
            (entitlement.name, value.name): (entitlement.id, value.id)
            for entitlement in self.entitlements_by_id.values()
            for value in entitlement.values
        }
        return frozenset(index[name] for name in names)

    def held(self, user_id: str) -> set[tuple[str, str]]:
        """(entitlement name, value name) pairs of all the user's grants."""
        names = {
            (entitlement.id, value.id): (entitlement.name, value.name)
            for entitlement in self.entitlements_by_id.values()
            for value in entitlement.values
        }
        return {names[pair] for grant in self._grants(user_id) for pair in grant.values}

    def structure(self) -> dict[str, list[str]]:
        return {
            each.external_value: sorted(value.external_value for value in each.values)
            for each in self.entitlements_by_id.values()
        }

    # -- writes --

    async def create_entitlement(
        self, app_id: str, target: EntitlementTarget, values: tuple[NewValue, ...]
    ) -> WriteAnswer:
        assert app_id == APP_ID
        assert len(values) <= VALUES_PER_CREATE

        def effect() -> WriteAnswer:
            if any(e.external_value == target.external_value for e in self.entitlements_by_id.values()):
                return _refused("externalValue is taken")
            entitlement_id = f"esp{next(self.ids)}"
            stored = tuple(self._value(value) for value in values)
            self.entitlements_by_id[entitlement_id] = OktaEntitlement(
                entitlement_id, target.name, target.external_value, target.multi_value, stored
            )
            return Accepted(201, {"id": entitlement_id, "values": _listed(stored)}, "req")

        return await self._write(f"create {target.external_value}", "structure", effect)

    async def add_values(self, entitlement_id: str, values: tuple[NewValue, ...]) -> WriteAnswer:
        assert 1 <= len(values) <= VALUES_PER_ADD

        def effect() -> WriteAnswer:
            found = self.entitlements_by_id[entitlement_id]
            if {v.external_value for v in found.values} & {v.external_value for v in values}:
                return _refused("a value exists")
            stored = tuple(self._value(value) for value in values)
            self.entitlements_by_id[entitlement_id] = OktaEntitlement(
                found.id, found.name, found.external_value, found.multi_value, (*found.values, *stored)
            )
            return Accepted(200, {"values": _listed(stored)}, "req")

        return await self._write(f"add {entitlement_id}", "structure", effect)

    async def reword(
        self,
        entitlement_id: str,
        description: str | None,
        values: tuple[OktaValue, ...],
        *,
        not_after_s: float,
    ) -> WriteAnswer:
        assert 1 <= len(values) + (description is not None) <= VALUES_PER_ADD
        if self._is_late(not_after_s):
            return NotSent()

        def effect() -> WriteAnswer:
            found = self.entitlements_by_id[entitlement_id]
            new = {each.id: each for each in values}
            stored = tuple(new.get(each.id, each) for each in found.values)
            keys = [each.external_value for each in stored]
            if len(set(keys)) < len(keys):
                return _refused("a value exists")
            text = found.description if description is None else description
            self.entitlements_by_id[entitlement_id] = replace(found, values=stored, description=text)
            return Accepted(200, {"values": _listed(values)}, "req")

        return await self._write(f"reword {entitlement_id}", "structure", effect)

    async def assign(self, app_id: str, user_id: str) -> WriteAnswer:
        assert app_id == APP_ID

        def effect() -> WriteAnswer:
            self.rows[user_id] = AppUser(user_id, "USER", "ACTIVE")
            return Accepted(200, {"id": user_id}, "req")

        return await self._write(f"assign {user_id}", user_id, effect)

    async def post_custom_grant(
        self, app_id: str, user_id: str, pairs: Pairs, expires: str | None, *, not_after_s: float
    ) -> WriteAnswer:
        assert app_id == APP_ID
        if self._is_late(not_after_s):
            return NotSent()

        def effect() -> WriteAnswer:
            for grant in self._grants(user_id):
                is_base = grant.type in {"CUSTOM", "POLICY"}
                if is_base or self.custom_replaces_additive:
                    del self.raw_grants[grant.id]
            self.rows.setdefault(user_id, AppUser(user_id, "USER", "ACTIVE"))
            grant_id = self._store(user_id, pairs, "CUSTOM", expires=expires)
            return Accepted(201, {"id": grant_id}, "req")

        return await self._write(f"post {user_id}", user_id, effect)

    async def post_additive_grant(
        self, app_id: str, user_id: str, pairs: Pairs, expires: str | None, *, not_after_s: float
    ) -> WriteAnswer:
        """Twice posted is twice there, as at Okta."""
        assert app_id == APP_ID
        if self._is_late(not_after_s):
            return NotSent()

        def effect() -> WriteAnswer:
            if not self.has_additive:
                return _refused("grantType: ENTITLEMENT is not enabled for this org")
            return Accepted(201, {"id": self._store(user_id, pairs, "ENTITLEMENT", expires=expires)}, "req")

        return await self._write(f"add to {user_id}", user_id, effect)

    async def put_grant(self, grant: Mapping[str, Any], pairs: Pairs, *, not_after_s: float) -> WriteAnswer:
        user_id = grant["targetPrincipal"]["externalId"]
        assert pairs, "an empty grant"
        if self._is_late(not_after_s):
            return NotSent()

        def effect() -> WriteAnswer:
            if grant["id"] not in self.raw_grants:
                return _refused("no such grant")
            if self.custom_replaces_additive:
                for other in self._grants(user_id):
                    if other.id != grant["id"]:
                        del self.raw_grants[other.id]
            self.raw_grants[grant["id"]] = {**self.raw_grants[grant["id"]], "entitlements": _wire(pairs)}
            return Accepted(200, {"id": grant["id"]}, "req")

        return await self._write(f"put {user_id}", user_id, effect)

    async def revoke_values(
        self, principal_orn: str, value_orns: Sequence[str], *, not_after_s: float
    ) -> WriteAnswer:
        user_id = principal_orn.removeprefix("orn:user:")
        taken = {tuple(orn.removeprefix("orn:value:").split("/")) for orn in value_orns}
        assert 1 <= len(value_orns) <= ORNS_PER_REVOKE
        if self._is_late(not_after_s):
            return NotSent()

        def effect() -> WriteAnswer:
            for grant in self._grants(user_id):
                if grant.type not in {"CUSTOM", "ENTITLEMENT"}:
                    continue
                left = frozenset(pair for pair in grant.values if pair not in taken)
                self.raw_grants[grant.id]["entitlements"] = _wire(left)
                if not left and grant.type == "ENTITLEMENT":
                    del self.raw_grants[grant.id]
            return Accepted(200, {"data": []}, "req")

        return await self._write(f"revoke {user_id}", user_id, effect)

    async def patch_grant(self, grant_id: str, expires: str, *, not_after_s: float) -> WriteAnswer:
        user_id = self.raw_grants[grant_id]["targetPrincipal"]["externalId"]
        if self._is_late(not_after_s):
            return NotSent()

        def effect() -> WriteAnswer:
            if grant_id not in self.raw_grants:
                return _refused("no such grant")
            ends = {"scheduleSettings": {"expirationDate": expires}}
            self.raw_grants[grant_id] = {**self.raw_grants[grant_id], **ends}
            return Accepted(200, {"id": grant_id}, "req")

        return await self._write(f"patch {user_id}", user_id, effect)

    # -- reads --

    async def entitlement(self, entitlement_id: str) -> OktaEntitlement | None:
        await self._read(f"entitlement {entitlement_id}")
        return self.entitlements_by_id.get(entitlement_id)

    async def entitlements(self, app_id: str) -> tuple[OktaEntitlement, ...]:
        await self._read(f"entitlements {app_id}")
        return tuple(self.entitlements_by_id.values())

    async def grants_of(self, app_id: str, user_id: str) -> tuple[OktaGrant, ...]:
        assert app_id == APP_ID
        await self._read(f"grants_of {user_id}")
        return self._grants(user_id)

    async def named_grants(self, app_id: str, user_id: str) -> NamedGrants:
        assert app_id == APP_ID
        await self._read(f"named_grants {user_id}")
        grants = self._grants(user_id)
        orns = {pair: f"orn:value:{'/'.join(pair)}" for grant in grants for pair in grant.values}
        return NamedGrants(grants, f"orn:user:{user_id}", orns)

    async def base_access(self, app_id: str, user_id: str) -> BaseAccess | None:
        assert app_id == APP_ID
        await self._read(f"base_access {user_id}")
        found = (each for each in self._grants(user_id) if each.type in {"CUSTOM", "POLICY"})
        base = next(found, None)
        return BaseAccess(base.id, base.type, base.values) if base else None

    async def grant(self, grant_id: str) -> dict[str, Any] | None:
        await self._read(f"grant {grant_id}")
        return self.raw_grants.get(grant_id)

    async def app_user(self, app_id: str, user_id: str) -> AppUser | None:
        assert app_id == APP_ID
        await self._read(f"app_user {user_id}")
        return self.rows.get(user_id)

    async def listed_app_user(self, app_id: str, user_id: str) -> AppUser | None:
        """A listing that is never old: a look at it is no call."""
        assert app_id == APP_ID
        return self.rows.get(user_id)

    # -- inside --

    def _is_late(self, not_after_s: float) -> bool:
        """Whether there is no room for the call before its deadline, which is at most 2 s after the read."""
        assert 0 <= not_after_s - self.clock.now() <= 2
        if self.full_for == 0:
            return False
        self.full_for -= 1
        return True

    async def _write(self, name: str, whose: str, effect: Callable[[], WriteAnswer]) -> WriteAnswer:
        self.writes.append(name)
        self.in_flight[whose] = self.in_flight.get(whose, 0) + 1
        assert whose == "structure" or self.in_flight[whose] == 1, "two writes of one user in flight"
        self.most_in_flight = max(self.most_in_flight, sum(self.in_flight.values()))
        try:
            return await self._answer(name, effect)
        finally:
            self.in_flight[whose] -= 1

    async def _answer(self, name: str, effect: Callable[[], WriteAnswer]) -> WriteAnswer:
        fault = self.faults.pop(0) if self.faults else Fault.NONE
        self.before_write(name)
        match fault:
            case Fault.REFUSE:
                await self.clock.sleep(self.latency_s)
                return _refused("not today")
            case Fault.LOST_BEFORE:
                await self.clock.sleep(self.latency_s)
                return Lost("connection reset")
            case Fault.KILL_BEFORE:
                raise Killed
            case Fault.CREDENTIAL:
                raise CredentialError(ErrorCode.CREDENTIAL_REFUSED, "Refused", "The token was revoked.")
            case _:
                answer = effect()
        if fault is Fault.KILL_AFTER:
            raise Killed
        await self.clock.sleep(self.latency_s)
        return Lost("connection reset") if fault is Fault.LOST_AFTER else answer

    async def _read(self, name: str) -> None:
        self.reads.append(name)
        number = len(self.reads)
        await self.clock.sleep(self.latency_s)
        if number in self.failing_reads:
            raise TenantError(ErrorCode.TENANT_UNREACHABLE, "No answer", "The tenant did not answer.")

    def _value(self, value: NewValue) -> OktaValue:
        return OktaValue(f"ent{next(self.ids)}", value.name, value.external_value, value.description)

    def _store(self, user_id: str, pairs: Pairs, type_: str, **more: str | None) -> str:
        grant_id = f"gra{next(self.ids)}"
        expires = more.get("expires")
        self.raw_grants[grant_id] = {
            "id": grant_id,
            "grantType": type_,
            "action": more.get("action", "ALLOW"),
            "status": more.get("status", "ACTIVE"),
            "target": {"externalId": APP_ID, "type": "APPLICATION"},
            "targetPrincipal": {"externalId": user_id, "type": "OKTA_USER"},
            "entitlements": _wire(pairs),
            **({"scheduleSettings": {"expirationDate": expires}} if expires else {}),
        }
        return grant_id

    def _grants(self, user_id: str) -> tuple[OktaGrant, ...]:
        return tuple(
            OktaGrant(
                raw["id"],
                user_id,
                raw["grantType"],
                raw["action"],
                raw["status"],
                frozenset((e["id"], v["id"]) for e in raw["entitlements"] for v in e["values"]),
                (raw.get("scheduleSettings") or {}).get("expirationDate"),
            )
            for raw in self.raw_grants.values()
            if raw["targetPrincipal"]["externalId"] == user_id and raw["status"] == "ACTIVE"
        )


def _wire(pairs: Pairs) -> list[dict[str, Any]]:
    by_entitlement: dict[str, list[dict[str, str]]] = {}
    for entitlement_id, value_id in sorted(pairs):
        by_entitlement.setdefault(entitlement_id, []).append({"id": value_id})
    return [{"id": key, "values": values} for key, values in by_entitlement.items()]


def _listed(values: tuple[OktaValue, ...]) -> list[dict[str, str]]:
    return [{"id": v.id, "name": v.name, "externalValue": v.external_value} for v in values]


def _refused(why: str) -> Refused:
    return Refused(400, "E0000001", f"Api validation failed: {why}", (why,), "req")
