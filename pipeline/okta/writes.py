"""What is written to a tenant: one call each, answered as Accepted, Refused or Lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.changes.instants import in_utc
from pipeline.changes.model import EntitlementTarget, NewValue
from pipeline.changes.snapshot import OktaValue
from pipeline.errors import ErrorCode, OktaPlanError
from pipeline.okta.answers import Accepted, Lost, NotSent, Refused, WriteAnswer
from pipeline.okta.client import Answer, Call, OktaClient
from pipeline.okta.reads import GOVERNANCE

REVOKE = "/governance/api/v2/revoke-principal-access"
Pairs = frozenset[tuple[str, str]]


class Writes:
    """Writes through one client."""

    def __init__(self, client: OktaClient) -> None:
        self._client = client

    async def create_entitlement(
        self, app_id: str, target: EntitlementTarget, values: tuple[NewValue, ...]
    ) -> WriteAnswer:
        """POST the entitlement with up to 1,000 values (okta-api.md 4.2)."""
        body = {
            "name": target.name,
            "externalValue": target.external_value,
            "parent": {"externalId": app_id, "type": "APPLICATION"},
            "multiValue": target.multi_value,
            "dataType": "array" if target.multi_value else "string",
            "values": [_value(each) for each in values],
            **({"description": target.description} if target.description else {}),
        }
        return await self._write(Call("POST", f"{GOVERNANCE}/entitlements", body=body))

    async def add_values(self, entitlement_id: str, values: tuple[NewValue, ...]) -> WriteAnswer:
        """PATCH up to 100 values onto the entitlement (okta-api.md 4.4)."""
        body = [
            {"op": "ADD", "path": "/values/-", "refType": "ENTITLEMENT-VALUE", "value": _value(each)}
            for each in values
        ]
        return await self._write(
            Call("PATCH", f"{GOVERNANCE}/entitlements/{{}}", (entitlement_id,), body=body)
        )

    async def reword(
        self,
        entitlement_id: str,
        description: str | None,
        values: tuple[OktaValue, ...],
        *,
        not_after_s: float | None = None,
    ) -> WriteAnswer:
        """PATCH descriptions and names; together at most 100 operations. Values go as a whole, since whether
        REPLACE keeps what it is not told is written nowhere (okta-api.md 4.4).
        """
        own: dict[str, Any] = {
            "op": "REPLACE",
            "path": "/description",
            "refType": "ENTITLEMENT",
            "value": description,
        }
        body = [own] if description is not None else []
        body += [
            {
                "op": "REPLACE",
                "path": f"/values/{each.id}",
                "refType": "ENTITLEMENT-VALUE",
                "value": _value(each),
            }
            for each in values
        ]
        path, ids = f"{GOVERNANCE}/entitlements/{{}}", (entitlement_id,)
        return await self._write(Call("PATCH", path, ids, body=body, not_after_s=not_after_s))

    async def assign(self, app_id: str, user_id: str) -> WriteAnswer:
        """POST the app user with scope USER; "already assigned" (409 E0000062) counts as accepted."""
        body = {"id": user_id, "scope": "USER"}
        answer = await self._write(Call("POST", "/api/v1/apps/{}/users", (app_id,), body=body))
        if isinstance(answer, Refused) and answer.code == "E0000062":
            return Accepted(answer.status, {}, answer.request_id)
        return answer

    async def post_custom_grant(
        self,
        app_id: str,
        user_id: str,
        pairs: Pairs,
        expires: str | None,
        *,
        not_after_s: float | None = None,
    ) -> WriteAnswer:
        """POST a CUSTOM grant. It replaces the base grant there is (okta-api.md 5.3): the caller has read
        that there is none, and ``not_after_s`` is how long that may be relied on.
        """
        body = _grant("CUSTOM", app_id, user_id, pairs, expires)
        return await self._write(Call("POST", f"{GOVERNANCE}/grants", body=body, not_after_s=not_after_s))

    async def post_additive_grant(
        self,
        app_id: str,
        user_id: str,
        pairs: Pairs,
        expires: str | None,
        *,
        not_after_s: float | None = None,
    ) -> WriteAnswer:
        """POST an ENTITLEMENT grant, which is added to what exists; sent twice, it is there twice (5.3)."""
        body = _grant("ENTITLEMENT", app_id, user_id, pairs, expires)
        return await self._write(Call("POST", f"{GOVERNANCE}/grants", body=body, not_after_s=not_after_s))

    async def put_grant(
        self, grant: Mapping[str, Any], pairs: Pairs, *, not_after_s: float | None = None
    ) -> WriteAnswer:
        """PUT the grant object just read, with ``pairs`` as its values and all else as it was; it leaves by
        ``not_after_s`` or not at all.
        """
        body = {**grant, "entitlements": _entitlements(pairs)}
        ids = (str(grant["id"]),)
        return await self._write(
            Call("PUT", f"{GOVERNANCE}/grants/{{}}", ids, body=body, not_after_s=not_after_s)
        )

    async def revoke_values(
        self, principal_orn: str, value_orns: Sequence[str], *, not_after_s: float | None = None
    ) -> WriteAnswer:
        """Take up to 5 values out of the person's CUSTOM and ENTITLEMENT grants (okta-api.md 5.4), by
        ``not_after_s`` or not at all.
        """
        body = {"principalOrn": principal_orn, "actor": "API", "revokeOrns": list(value_orns)}
        return await self._write(Call("POST", REVOKE, body=body, not_after_s=not_after_s))

    async def patch_grant(
        self, grant_id: str, expires: str, *, not_after_s: float | None = None
    ) -> WriteAnswer:
        """PATCH the end of a grant, in UTC; nothing else can be patched (okta-api.md 5.4)."""
        settings = {"expirationDate": in_utc(expires), "timeZone": "UTC"}
        body = {"id": grant_id, "scheduleSettings": settings}
        call = Call("PATCH", f"{GOVERNANCE}/grants/{{}}", (grant_id,), body=body, not_after_s=not_after_s)
        return await self._write(call)

    async def _write(self, call: Call) -> WriteAnswer:
        return _outcome(await self._client.send(call))


def _outcome(answer: Answer) -> WriteAnswer:
    if not answer.sent:
        return NotSent()
    if answer.status is None:
        return Lost(answer.lost, answer.request_id)
    if answer.is_good:
        return Accepted(
            answer.status, answer.body if isinstance(answer.body, dict) else {}, answer.request_id
        )
    code = answer.error.code if answer.error else ""
    summary = answer.error.summary if answer.error else f"Okta answered {answer.status}"
    causes = tuple(cause.summary for cause in answer.error.causes) if answer.error else ()
    return Refused(answer.status, code, summary, causes, answer.request_id)


def _grant(grant_type: str, app_id: str, user_id: str, pairs: Pairs, expires: str | None) -> dict[str, Any]:
    ends = {"scheduleSettings": {"expirationDate": expires, "timeZone": "UTC"}} if expires else {}
    return {
        "grantType": grant_type,
        "target": {"externalId": app_id, "type": "APPLICATION"},
        "targetPrincipal": {"externalId": user_id, "type": "OKTA_USER"},
        "action": "ALLOW",
        "actor": "API",
        "entitlements": _entitlements(pairs),
        **ends,
    }


def _value(value: NewValue | OktaValue) -> dict[str, str]:
    described = {"description": value.description} if value.description else {}
    return {"name": value.name, "externalValue": value.external_value, **described}


def _entitlements(pairs: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """Raises OktaPlanError for no pairs: an empty grant would take everything away."""
    grouped: dict[str, list[str]] = {}
    for entitlement, value in sorted(pairs):
        grouped.setdefault(entitlement, []).append(value)
    if not grouped:
        raise OktaPlanError(
            ErrorCode.INTERNAL,
            "An empty grant was about to be written",
            "A grant without values would take a person's access away; it is never sent.",
        )
    return [{"id": id_, "values": [{"id": value} for value in values]} for id_, values in grouped.items()]
