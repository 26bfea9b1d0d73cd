"""Keeping two applies of one app apart."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pipeline.plan.model import Plan
from pipeline.run.lease import Owner, hold_lease, lease_path
from pipeline.run.process import process_start, this_host
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.tenant import Tenant


@asynccontextmanager
async def app_lease(
    desk: Desk, tenant: Tenant, plan: Plan, *, run_id: str, wait_s: float, stop: asyncio.Event
) -> AsyncIterator[None]:
    """One live apply at a time for each org and app."""
    org_id = await tenant.reads.organization()
    okta_app = await tenant.reads.okta_app(plan.okta_app)
    owner = Owner(
        pid=os.getpid(), process_started=process_start(os.getpid()), host=this_host(), run_id=run_id
    )
    async with hold_lease(
        lease_path(desk.runtime.runs_dir, org_id, okta_app.id),
        owner,
        desk.runtime.clock,
        desk.runtime.rng,
        process_start=process_start,
        stop=stop,
        wait_s=wait_s,
    ):
        yield
