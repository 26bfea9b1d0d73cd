"""How fast the emulator is: on a socket, in memory to a bare call, and with 200,000 users.

Prints Markdown tables. ``--quick`` loads 20,000 users instead.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks._org import (
    APP,
    APP_USERS_PAGE,
    GRANTS,
    PAGE,
    TARGET,
    TOKEN,
    Request,
    lay_out,
    listing,
    typical_calls,
)
from benchmarks._socket import Connection, send_all, served
from benchmarks._timing import Target, Times, hold, peak_mb, show
from pipeline.emulator import InMemoryTransport, create_app, load_org_file

PEOPLE, MANY, QUICK_MANY = 2_000, 200_000, 20_000
ROUNDS = 300
"""Calls of each kind in memory, taking turns."""
CONNECTIONS, BATCHES, BATCH = 4, 30, 20
"""On a socket: batches of each kind, and calls in one."""
ENDS = 30
"""Of the beginning and of the end of a listing."""
MOST_TO_BARE, MOST_LOAD_S, MOST_DEEP = 2.5, 60.0, 1.0
"""DESIGN, section 5: a simulated request to a bare one. A large org loads within a minute, and its pages cost
the same wherever they are.
"""
OF_AN_APPLY = {
    "grants of one person": 1.0,
    "POST of a grant": 1.0,
    "page of 200 users": 1 / PAGE,
    "page of 200 grants": 2 / PAGE,
    f"page of {APP_USERS_PAGE} app users": 2 / APP_USERS_PAGE,
}
"""Calls for each person who gets a grant: the read, the write, and the listings before and after."""
Rates = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    many = QUICK_MANY if parser.parse_args().quick else MANY
    with tempfile.TemporaryDirectory(prefix="okta-plan-bench-") as folder:
        org_file = lay_out(Path(folder), PEOPLE)
        targets = show_requests(asyncio.run(on_a_socket(org_file)), *asyncio.run(in_memory(org_file)))
    with tempfile.TemporaryDirectory(prefix="okta-plan-bench-") as folder:
        targets += show_large(lay_out(Path(folder), many), many)
    hold(targets)


async def on_a_socket(org_file: Path) -> Rates:
    """Seconds of each kind of call, with the emulator in another process."""
    times = Times()
    with served(org_file) as url:
        connections = [await Connection.to(url) for _ in range(CONNECTIONS)]
        kinds = await typical_calls(connections[0].ask, PEOPLE)
        for number in range(BATCHES):
            for kind in kinds:
                requests = [kind.request(number * BATCH + n) for n in range(BATCH)]
                with times.of(kind.name):
                    await send_all(connections, requests)
        for each in connections:
            await each.close()
    return {kind.name: times.quick_s(kind.name) / BATCH for kind in kinds}


async def in_memory(org_file: Path) -> tuple[Rates, float]:
    """CPU seconds of each kind of call through ``InMemoryTransport``, and of a bare call."""
    emulator = create_app(load_org_file(org_file), now=perf_counter, sleep=_no_latency)
    bare = Starlette(routes=[Route("/api/v1/users", _bare_answer)])
    times, nothing = Times(process_time), Request("GET", "/api/v1/users")
    async with _client(InMemoryTransport(emulator)) as org, _client(httpx.ASGITransport(app=bare)) as other:
        kinds = await typical_calls(partial(_ask, org), PEOPLE)
        for number in range(ROUNDS):
            for kind in kinds:
                with times.of(""):
                    await _send(other, nothing)
                request = kind.request(number)
                with times.of(kind.name):
                    await _send(org, request)
    emulator.state.close()
    return {kind.name: times.quick_s(kind.name) for kind in kinds}, times.quick_s("")


async def _no_latency(_wait_s: float) -> None:
    return


async def _bare_answer(_request: StarletteRequest) -> JSONResponse:
    return JSONResponse({"id": "x"})


def _client(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    headers = {"Authorization": f"SSWS {TOKEN}"}
    return httpx.AsyncClient(transport=transport, base_url="https://acme.okta.com", headers=headers)


async def _send(client: httpx.AsyncClient, request: Request) -> httpx.Response:
    response = await client.request(request.method, request.target, content=request.body or None)
    return response.raise_for_status()


async def _ask(client: httpx.AsyncClient, request: Request) -> Any:  # noqa: ANN401 - JSON
    return (await _send(client, request)).json()


def show_requests(socket: Rates, memory: Rates, bare_s: float) -> list[Target]:
    rows = [
        (name, f"{1 / socket[name]:,.0f}", f"{1 / each:,.0f}", f"{each / bare_s:.2f}")
        for name, each in memory.items()
    ]
    mean_s = sum(memory[name] * share for name, share in OF_AN_APPLY.items()) / sum(OF_AN_APPLY.values())
    rows.append(("mean of an apply of grants", "", f"{1 / mean_s:,.0f}", f"{mean_s / bare_s:.2f}"))
    rows.append(("bare call", "", f"{1 / bare_s:,.0f}", "1.00"))
    show(
        f"Requests per second, {PEOPLE:,} people, limits off",
        ("call", "socket, 4 connections", "in memory", "time to a bare call"),
        rows,
    )
    single = [name for name in memory if not re.match("page|search", name)]
    what = {**{name: memory[name] for name in single}, "mean of an apply of grants": mean_s}
    return [Target(f"{name}, to a bare call", each / bare_s, MOST_TO_BARE) for name, each in what.items()]


def show_large(org_file: Path, people: int) -> list[Target]:
    load_s, cpu_s, listings = asyncio.run(_large(org_file))
    peak = peak_mb()
    show(
        f"An org of {people:,} users, each assigned and with a grant, from CSV files",
        ("from its file to its first answer", ""),
        [
            ("time", f"{load_s:.1f} s"),
            ("CPU time", f"{cpu_s:.1f} s"),
            ("peak memory of the process", "-" if peak is None else f"{peak:,.0f} MB"),
        ],
    )
    show(
        f"Its listings in memory, in pages per second of CPU time: all, the first {ENDS} and the last {ENDS}",
        ("listing", "pages", "all", "first", "last", "time of last to first"),
        [
            (name, f"{each.pages:,}", *(f"{1 / s:.0f}" for s in each.page_s), f"{each.deep:.2f}")
            for name, each in listings.items()
        ],
    )
    deep = [Target(f"{name}, last pages to first", each.deep, MOST_DEEP) for name, each in listings.items()]
    return [Target(f"loading {people:,} users, in CPU seconds", cpu_s, MOST_LOAD_S), *deep]


@dataclass(frozen=True, slots=True)
class Walk:
    """A listing read to its end."""

    pages: int
    page_s: tuple[float, float, float]
    """Seconds of one page: of all, of the first ones, of the last ones."""

    @property
    def deep(self) -> float:
        return self.page_s[2] / self.page_s[1]


async def _large(org_file: Path) -> tuple[float, float, dict[str, Walk]]:
    started_s, cpu_started_s = perf_counter(), process_time()
    emulator = create_app(load_org_file(org_file), now=perf_counter, sleep=_no_latency)
    async with _client(InMemoryTransport(emulator)) as client:
        await _send(client, listing("/api/v1/users", limit=1))
        load_s, cpu_s = perf_counter() - started_s, process_time() - cpu_started_s
        listings = {
            "users": listing("/api/v1/users", limit=PAGE),
            "grants": listing(GRANTS, filter=TARGET, include="full_entitlements", limit=PAGE),
            "app users": listing(f"/api/v1/apps/{APP}/users", limit=APP_USERS_PAGE),
        }
        found = {name: await _walked(client, first) for name, first in listings.items()}
    emulator.state.close()
    return load_s, cpu_s, found


async def _walked(client: httpx.AsyncClient, first: Request) -> Walk:
    pages = [first]
    started_s = process_time()
    while behind := (await _send(client, pages[-1])).links.get("next"):
        pages.append(Request("GET", behind["url"].partition(".okta.com")[2]))
    spent_s = (process_time() - started_s) / len(pages)
    # Again by turns, so that what slows the machine meets both ends. The last page may be a short one.
    times = Times(process_time)
    for first_page, last_page in [*zip(pages[:ENDS], pages[-ENDS - 1 : -1], strict=True)] * 3:
        for end, request in (("first", first_page), ("last", last_page)):
            with times.of(end):
                await _send(client, request)
    return Walk(len(pages), (spent_s, times.quick_s("first"), times.quick_s("last")))


if __name__ == "__main__":
    main()
