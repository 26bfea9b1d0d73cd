"""The org as an ASGI app: who calls, how fast, what is answered, what is written down."""

from __future__ import annotations

import json
import weakref
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, Router

from pipeline.emulator.admin import list_changes
from pipeline.emulator.answers import Answer, Call
from pipeline.emulator.bearer import identify, refusal
from pipeline.emulator.bodies import read_json
from pipeline.emulator.broken_answers import HungUp
from pipeline.emulator.dumping import dump_org, state_json
from pipeline.emulator.edge_headers import OF_ANSWERS, OF_TOO_MANY
from pipeline.emulator.errors import BAD_JSON, TOO_MANY, OktaError
from pipeline.emulator.fault_kinds import FaultsError, fault_set_from
from pipeline.emulator.faults import Faults
from pipeline.emulator.history_views import list_access_changes
from pipeline.emulator.ids import Chance
from pipeline.emulator.limits import (
    OTHER,
    Admission,
    InFlight,
    Windows,
    concurrency_of,
    crowded,
    limits_by_bucket,
)
from pipeline.emulator.routes import Match, match
from pipeline.emulator.signing_in import TOKEN_PATH, form_of, without_assertion
from pipeline.emulator.tenant import Tenant, open_tenant
from pipeline.emulator.times import http_date
from pipeline.emulator.troubled import Trouble

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

    from pipeline.emulator.fault_kinds import FaultSet
    from pipeline.emulator.orgfile import OrgFile

UNSEEN = "unseen"
"""In the request log, for a call that never reached Okta: nobody looked who sent it."""
_LONGEST_NUMBER = 18
_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def create_app(
    org: OrgFile,
    *,
    db: str | Path = ":memory:",
    now: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
    seed: int = 0,
    limits: str | Mapping[str, int] | None = None,
    faults: FaultSet | None = None,
    latency: bool = True,
) -> Starlette:
    """An org that knows time only through `now` and `sleep`; continues `db` if that is of this org file.

    `limits` and `faults` stand in for those of the org file.
    """
    limits = org.limits if limits is None else limits
    windows, in_flight = Windows(limits_by_bucket(limits)), InFlight(concurrency_of(limits))
    tenant = open_tenant(org, db=db, now=now, seed=seed)
    latency_s = _latency_s(org) if latency else (0, 0)
    trouble = Faults(org.faults if faults is None else faults, seed)
    gate = Gate(tenant, windows, in_flight, trouble, Chance(seed), sleep, latency_s)
    beside_okta = Router(_beside_okta(gate), redirect_slashes=False, default=gate.answer)
    app = Starlette(routes=[Mount("/_emulator", app=beside_okta)])
    # Not a route: a path pattern fits no line break, and a route no method that it does not list.
    app.router.default = gate.answer
    app.router.redirect_slashes = False
    # Closes the database when called, else when the app is forgotten.
    app.state.close = weakref.finalize(app, tenant.db.close)
    return app


def _beside_okta(gate: Gate) -> list[Route]:
    return [
        Route("/state", gate.state, methods=["GET"]),
        Route("/requests", gate.requests, methods=["GET"]),
        Route("/changes", gate.changes, methods=["GET"]),
        Route("/access-changes", gate.access_changes, methods=["GET"]),
        Route("/faults", gate.show_faults, methods=["GET"]),
        Route("/faults", gate.replace_faults, methods=["POST"]),
        Route("/reset", gate.reset, methods=["POST"]),
    ]


def _latency_s(org: OrgFile) -> tuple[float, float]:
    least, most = org.latency_ms
    return least / 1000, most / 1000


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one call, for its answer and for its line in the request log."""

    answer: Answer
    bucket: str
    client: str
    admission: Admission


@dataclass(slots=True)
class Gate:
    tenant: Tenant
    windows: Windows
    in_flight: InFlight
    faults: Faults
    chance: Chance
    sleep: Callable[[float], Awaitable[None]]
    latency_s: tuple[float, float]

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Everything that is not the emulator's own, whatever its path and method."""
        response = await self._api(Request(scope, receive))
        await response(scope, receive, send)

    async def _api(self, request: Request) -> Response:
        raw = await request.body()
        query = request.scope["query_string"].decode("latin-1")
        fits = self.in_flight.enter()
        try:
            if self.faults.on:
                return await self._troubled(_call(request, query, raw), query, raw, fits=fits)
            await self._wait()
            return self._untroubled(_call(request, query, raw), query, raw, fits=fits)
        finally:
            if fits:
                self.in_flight.leave()

    def _untroubled(self, call: Call, query: str, raw: bytes, *, fits: bool) -> Response:
        self.tenant.wake()
        with self.tenant.transaction():
            outcome = self._outcome(call, raw, self._admit if fits else self._turn_away)
            self._log(call, query, raw, outcome.answer.status, outcome.bucket, outcome.client)
        return self._response(outcome)

    async def _troubled(self, call: Call, query: str, raw: bytes, *, fits: bool) -> Response:
        met = self.faults.meeting(call.method, call.path)
        trouble = Trouble(self.tenant, self.windows, self.faults, met, call, _parsed(raw))
        await self._wait(trouble.delay_s("before"))
        self.tenant.wake()
        with self.tenant.transaction():
            trouble.begin()
            lost = trouble.never_arrives()
            if lost is not None:
                status = 0 if isinstance(lost, HungUp) else lost.status_code
                self._log(call, query, raw, status, _bucket(call), UNSEEN)
                return lost
            response = self._delivered(trouble, query, raw, fits=fits)
        delay_s = trouble.delay_s("after")
        if delay_s:
            await self.sleep(delay_s)
        return response

    def _delivered(self, trouble: Trouble, query: str, raw: bytes, *, fits: bool) -> Response:
        call = trouble.call
        outcome = self._outcome(call, raw, trouble.admit if fits else self._turn_away)
        outcome = replace(outcome, answer=trouble.altered(outcome.answer, self._fetch))
        # The log tells what the org has done, whatever becomes of the answer.
        self._log(call, query, raw, outcome.answer.status, outcome.bucket, outcome.client)
        trouble.end(outcome.answer)
        skew_s = trouble.skew_s()

        def failed(error: OktaError) -> Response:
            return self._response(replace(outcome, answer=self._refusal(error)), skew_s)

        return trouble.delivered(self._response(outcome, skew_s), outcome.answer.status, failed)

    def _fetch(self, call: Call) -> Answer:
        """What another GET of the same path would show."""
        found = match(call.method, call.path)
        return found.route.view(self.tenant, replace(call, parts=found.parts))

    async def state(self, _request: Request) -> Response:
        self.tenant.wake()
        state = {**dump_org(self.tenant), "faults": self.faults.dump()}
        return Response(state_json(state), media_type="application/json")

    async def requests(self, request: Request) -> Response:
        self.tenant.wake()
        since = _since(request)
        if since is None:
            return _bad_since()
        rows = self.tenant.rows("SELECT * FROM requests WHERE n > ? ORDER BY n", since)
        return JSONResponse([{**dict(row), "body": _parsed(row["body"])} for row in rows])

    async def changes(self, request: Request) -> Response:
        self.tenant.wake()
        since = _since(request)
        return _bad_since() if since is None else JSONResponse(list_changes(self.tenant, since))

    async def access_changes(self, request: Request) -> Response:
        self.tenant.wake()
        since = _since(request)
        return _bad_since() if since is None else JSONResponse(list_access_changes(self.tenant, since))

    async def show_faults(self, _request: Request) -> Response:
        return JSONResponse(self.faults.told())

    async def replace_faults(self, request: Request) -> Response:
        try:
            wanted = fault_set_from(read_json(await request.body()))
        except (ValueError, FaultsError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        self.faults.replace(wanted)
        return JSONResponse(self.faults.told())

    async def reset(self, _request: Request) -> Response:
        self.tenant.wake()
        self.tenant.start_over()
        self.windows.clear()
        self.faults.start_over()
        return JSONResponse({"reset": True})

    async def _wait(self, longer_s: float = 0) -> None:
        wait_s = (self.chance.between(*self.latency_s) if self.latency_s[1] else 0) + longer_s
        if wait_s:
            await self.sleep(wait_s)

    def _admit(self, client: str, bucket: str) -> Admission:
        return self.windows.admit(client, bucket, self.tenant.now())

    def _turn_away(self, _client: str, _bucket: str) -> Admission:
        return crowded(self.tenant.now())

    def _outcome(self, call: Call, raw: bytes, admit: Callable[[str, str], Admission]) -> _Outcome:
        caller = identify(self.tenant, call)
        found, error = _matched(call)
        route = found.route if found else None
        bucket = route.bucket if route else OTHER
        admission = admit(caller.label, bucket)
        if not admission.allowed:
            error = OktaError(admission.kind)
        else:
            error = refusal(self.tenant, caller, route, call) or error
        if error or found is None:
            answer = self._refusal(error)
        else:
            call = replace(call, client_id=caller.client_id, parts=found.parts)
            answer = self._viewed(found, call, raw)
        return _Outcome(answer, bucket, caller.label, admission)

    def _viewed(self, found: Match, call: Call, raw: bytes) -> Answer:
        try:
            if call.method == "GET":
                return found.route.view(self.tenant, call)
            with self.tenant.all_or_nothing():
                body = None if found.route.takes_form else _json(raw)
                return found.route.view(self.tenant, replace(call, body=body))
        except OktaError as error:
            return self._refusal(error)

    def _refusal(self, error: OktaError | None) -> Answer:
        error = error or OktaError(BAD_JSON)
        return Answer(error.body(self.chance.error_id()), status=error.status, headers=error.headers)

    def _log(self, call: Call, query: str, raw: bytes, status: int, bucket: str, client: str) -> None:
        body = raw.decode("utf-8", "replace") if raw else None
        if call.path == TOKEN_PATH:
            body = without_assertion(form_of(raw))
        self.tenant.write(
            "INSERT INTO requests (at, method, path, query, body, status, bucket, client)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(self.tenant.now(), call.method, call.path, query, body, status, bucket, client),
        )

    def _response(self, outcome: _Outcome, skew_s: int = 0) -> Response:
        answer = outcome.answer
        body = None if answer.body is None else _to_json(answer.body).encode()
        response = Response(body, answer.status, media_type=None if body is None else "application/json")
        headers = [
            ("Date", http_date(self.tenant.now() + skew_s)),
            ("X-Okta-Request-Id", self.chance.hex32()),
        ]
        headers += outcome.admission.headers(skew_s)
        headers += [("Link", f'<{url}>; rel="{rel}"') for rel, url in answer.links]
        headers += [("Location", answer.location)] if answer.location else []
        headers += answer.headers
        response.raw_headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
        response.raw_headers += OF_TOO_MANY if answer.status == TOO_MANY.status else OF_ANSWERS
        return response


def _call(request: Request, query: str, raw: bytes) -> Call:
    method, path = request.method, request.scope["path"]
    params = dict(parse_qsl(query, keep_blank_values=True))
    # Header by header, as request.url and request.headers cost more than a whole view.
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}
    origin = f"{request.scope['scheme']}://{headers.get('host', '')}"
    form = form_of(raw) if path == TOKEN_PATH else {}
    return Call(method, path, params, origin=origin, headers=headers, form=form)


def _bucket(call: Call) -> str:
    found, _ = _matched(call)
    return found.route.bucket if found else OTHER


def _matched(call: Call) -> tuple[Match | None, OktaError | None]:
    try:
        return match(call.method, call.path), None
    except OktaError as error:
        return None, error


def _json(raw: bytes) -> Any:  # noqa: ANN401  JSON
    try:
        return read_json(raw)
    except ValueError as error:
        raise OktaError(BAD_JSON) from error


def _bad_since() -> Response:
    return JSONResponse({"error": "since must be a number"}, status_code=400)


def _since(request: Request) -> int | None:
    text = request.query_params.get("since", "0")
    # So that SQLite can compare it.
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_NUMBER else None


def _parsed(body: str | bytes | None) -> Any:  # noqa: ANN401  JSON
    """JSON as JSON; anything else as it was."""
    try:
        return read_json(body.encode() if isinstance(body, str) else body or b"")
    except ValueError:
        return body
