"""A client whose transport is a function, on a clock that jumps."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import httpx

from pipeline.okta.budget import Budget
from pipeline.okta.client import CallRecord, Connection, OktaClient
from pipeline.okta.sign_in import ApiToken
from pipeline.runtime import Runtime
from tests import virtual_time

T = TypeVar("T")
ORIGIN = "https://acme.okta.com"
TOKEN = "00secret-token"
Answering = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


def with_client(
    answering: Answering,
    use: Callable[[OktaClient], Awaitable[T]],
    *,
    on_call: Callable[[CallRecord], None] | None = None,
    budget: Budget | None = None,
) -> T:
    """What ``use`` returns, run in virtual time against ``answering``."""

    async def run() -> T:
        runtime = Runtime(
            clock=virtual_time.clock(),
            rng=random.Random(7),
            transport=httpx.MockTransport(answering),  # type: ignore[arg-type]
            workspace=Path(),
        )
        client = OktaClient(
            Connection(ORIGIN, ApiToken(TOKEN)),
            runtime,
            budget=budget or Budget(),
            user_agent="okta-plan/test",
            on_call=on_call,
        )
        async with client:
            return await use(client)

    return virtual_time.run(run())
