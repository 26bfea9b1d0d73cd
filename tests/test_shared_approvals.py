"""One approval on several runners that share a bucket: they count together, a replay finds nothing left."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from pipeline.errors import ErrorCode, RefusedError
from pipeline.plan.approval import approval_digest
from pipeline.use_cases.desk import Desk
from tests.approvals import COUNTS, HELD_AFTER, approve, forget_everything, status, tenant
from tests.in_process import Tenant
from tests.mortal import Killed, MortalTransport
from tests.s3_server import BUCKET, S3

T = TypeVar("T")


class RealTime(Tenant):
    """Calls to S3 are made in threads, which virtual time does not wait for."""

    def _run(self, call: Callable[[Desk], Awaitable[T]]) -> T:
        async def on_loop() -> T:
            desk, okta = self._desk()
            try:
                return await call(desk)
            finally:
                okta.state.close()

        return asyncio.run(on_loop())


def runners(folder: Path, s3: S3, prefix: str) -> tuple[Tenant, Tenant]:
    """Two workspaces with the same plan, approval and stored change set, before the same org."""
    (folder / "one").mkdir()
    prepared = tenant(folder / "one")
    prepared.diff()
    approve(prepared)
    shutil.copytree(folder / "one", folder / "two")
    both = tuple(
        RealTime(
            folder / name, folder / name / "org.yaml", {"OKTA_API_TOKEN": "sandbox-token"} | s3.shared(prefix)
        )
        for name in ("one", "two")
    )
    both[1]._state = both[0]._state
    return both[0], both[1]


def test_a_replay_on_another_runner_finds_nothing_left(s3: S3, tmp_path: Path) -> None:
    one, two = runners(tmp_path, s3, "replay")
    view = one.apply(require_approval=True)
    assert (view.exit_code, view.notices, one.held()) == (0, [], HELD_AFTER)
    (key,) = s3.keys("replay/approvals/")
    assert key == f"replay/approvals/00o1example0000000x7-{digest_of(one)}.json"
    assert two.apply(require_approval=True).run is None
    forget_everything(one)
    with pytest.raises(RefusedError) as refused:
        two.apply(require_approval=True)
    assert (refused.value.code, two.writes()) == (ErrorCode.APPROVAL_USED_UP, 0)


def test_what_a_killed_runner_had_reserved_stays_its_own_until_it_says_what_it_used(
    s3: S3, tmp_path: Path
) -> None:
    one, two = runners(tmp_path, s3, "killed")
    one.wrap = lambda inner: MortalTransport(inner, dies_at=3, after=True)
    with pytest.raises(BaseExceptionGroup) as death:
        one.apply(require_approval=True)
    assert death.group_contains(Killed)
    one.wrap = lambda inner: inner
    sent = two.writes()
    with pytest.raises(RefusedError) as refused:
        two.apply(require_approval=True)
    assert (refused.value.code, two.writes()) == (ErrorCode.APPROVAL_USED_UP, sent)
    assert one.apply(require_approval=True, only="structure").exit_code == 0
    assert sum(status(two).left.values()) == sum(COUNTS.values()) - 3
    assert two.apply(require_approval=True).exit_code == 0
    assert two.held() == HELD_AFTER
    stored = s3.client().get_object(Bucket=BUCKET, Key=s3.keys("killed/approvals/")[0])["Body"].read()
    assert [each["spent"] is not None for each in json.loads(stored)["runs"].values()] == [True, True]


def digest_of(org: Tenant) -> str:
    approval = status(org).approval
    assert approval is not None
    return approval_digest(approval)
