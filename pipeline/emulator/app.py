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
from starlette.routing import Route

from pipeline.emulator.answers import Answer, Call
from pipeline.emulator.bearer import identify, refusal
from pipeline.emulator.dumping import dump_org
from pipeline.emulator.edge_headers import OF_ANSWERS, OF_TOO_MANY
from pipeline.emulator.errors import BAD_JSON, TOO_MANY, OktaError
from pipeline.emulator.ids import Chance
from pipeline.emulator.limits import OTHER, Admission, Windows, limits_by_bucket
from pipeline.emulator.routes import Match, match
from pipeline.emulator.signing_in import TOKEN_PATH, form_of, without_assertion
from pipeline.emulator.tenant import Tenant, open_tenant
from pipeline.emulator.times import http_date

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from pipeline.emulator.orgfile import OrgFile

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


def create_app(
    org: OrgFile,
    *,
    db: str | Path = ":memory:",
    now: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
    seed: int = 0,
    limits: str | Mapping[str, int] | None = None,
    latency: bool = True,
) -> Starlette:
    """An org that knows time only through `now` and `sleep`; continues `db` if that is of this org file."""
    tenant = open_tenant(org, db=db, now=now, seed=seed)
    windows = Windows(limits_by_bucket(limits if limits is not None else org.limits))
    gate = Gate(tenant, windows, Chance(seed), sleep, _latency_s(org) if latency else (0, 0))
    app = Starlette(
        routes=[
            Route("/_emulator/state", gate.state, methods=["GET"]),
            Route("/_emulator/requests", gate.requests, methods=["GET"]),
            Route("/_emulator/reset", gate.reset, methods=["POST"]),
            Route("/{path:path}", gate.api, methods=METHODS),
        ]
    )
    # Closes the database when called, else when the app is forgotten.
    app.state.close = weakref.finalize(app, tenant.db.close)
    return app


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
    chance: Chance
    sleep: Callable[[float], Awaitable[None]]
    latency_s: tuple[float, float]

    async def api(self, request: Request) -> Response:
        raw = await request.body()
        await self._wait()
        self.tenant.wake()
        method, path = request.method, request.scope["path"]
        query = request.scope["query_string"].decode("latin-1")
        with self.tenant.transaction():
            outcome = self._outcome(_call(request, query, raw), raw)
            self._log(method, path, query, raw, outcome)
        return self._response(outcome)

    async def state(self, _request: Request) -> Response:
        self.tenant.wake()
        return JSONResponse(dump_org(self.tenant))

    async def requests(self, request: Request) -> Response:
        self.tenant.wake()
        since = request.query_params.get("since", "0")
        if not since.isdecimal():
            return JSONResponse({"error": "since must be a number"}, status_code=400)
        rows = self.tenant.rows("SELECT * FROM requests WHERE n > ? ORDER BY n", int(since))
        return JSONResponse([{**dict(row), "body": _parsed(row["body"])} for row in rows])

    async def reset(self, _request: Request) -> Response:
        self.tenant.start_over()
        self.windows.clear()
        return JSONResponse({"reset": True})

    async def _wait(self) -> None:
        wait_s = self.chance.between(*self.latency_s) if self.latency_s[1] else 0
        if wait_s:
            await self.sleep(wait_s)

    def _outcome(self, call: Call, raw: bytes) -> _Outcome:
        caller = identify(self.tenant, call)
        found, error = _matched(call)
        route = found.route if found else None
        bucket = route.bucket if route else OTHER
        admission = self.windows.admit(caller.label, bucket, self.tenant.now())
        if not admission.allowed:
            error = OktaError(TOO_MANY)
        else:
            error = refusal(self.tenant, caller, route, call) or error
        call = replace(call, client_id=caller.client_id)
        answer = self._refusal(error) if error or found is None else self._viewed(found, call, raw)
        return _Outcome(answer, bucket, caller.label, admission)

    def _viewed(self, found: Match, call: Call, raw: bytes) -> Answer:
        """What a refused call had begun to write is taken back."""
        db = self.tenant.db
        db.execute("SAVEPOINT view")
        try:
            body = None if call.method == "GET" or found.route.takes_form else _json(raw)
            answer = found.route.view(self.tenant, replace(call, body=body, parts=found.parts))
        except OktaError as error:
            db.execute("ROLLBACK TO view")
            answer = self._refusal(error)
        db.execute("RELEASE view")
        return answer

    def _refusal(self, error: OktaError | None) -> Answer:
        error = error or OktaError(BAD_JSON)
        return Answer(error.body(self.chance.error_id()), status=error.status, headers=error.headers)

    def _log(self, method: str, path: str, query: str, raw: bytes, outcome: _Outcome) -> None:
        body = raw.decode("utf-8", "replace") if raw else None
        if path == TOKEN_PATH:
            body = without_assertion(form_of(raw))
        self.tenant.write(
            "INSERT INTO requests (at, method, path, query, body, status, bucket, client)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(
                self.tenant.now(),
                method,
                path,
                query,
                body,
                outcome.answer.status,
                outcome.bucket,
                outcome.client,
            ),
        )

    def _response(self, outcome: _Outcome) -> Response:
        answer = outcome.answer
        body, status = answer.body, answer.status
        response = Response(status_code=status) if body is None else JSONResponse(body, status)
        headers = [("Date", http_date(self.tenant.now())), ("X-Okta-Request-Id", self.chance.hex32())]
        headers += outcome.admission.headers()
        headers += [("Link", f'<{url}>; rel="{rel}"') for rel, url in answer.links]
        headers += [("Location", answer.location)] if answer.location else []
        headers += answer.headers
        response.raw_headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
        response.raw_headers += OF_TOO_MANY if status == TOO_MANY.status else OF_ANSWERS
        return response


def _call(request: Request, query: str, raw: bytes) -> Call:
    method, path = request.method, request.scope["path"]
    params = dict(parse_qsl(query, keep_blank_values=True))
    origin, headers = f"{request.url.scheme}://{request.url.netloc}", dict(request.headers)
    form = form_of(raw) if path == TOKEN_PATH else {}
    return Call(method, path, params, origin=origin, headers=headers, form=form)


def _matched(call: Call) -> tuple[Match | None, OktaError | None]:
    try:
        return match(call.method, call.path), None
    except OktaError as error:
        return None, error


def _json(raw: bytes) -> Any:  # noqa: ANN401  JSON
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError as error:
        raise OktaError(BAD_JSON) from error


def _parsed(body: str | None) -> object:
    """JSON as JSON; anything else as the text it was."""
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body
