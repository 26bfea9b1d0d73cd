"""Opening the tenant that is meant: a real org from the settings, or the embedded emulator of an org file."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import __version__
from pipeline.errors import ErrorCode, InputError
from pipeline.okta.budget import Budget
from pipeline.okta.client import Connection, OktaClient
from pipeline.okta.reads import Reads
from pipeline.okta.writes import Writes
from pipeline.runtime import Runtime
from pipeline.settings import origin_of
from pipeline.use_cases.call_log import call_log
from pipeline.use_cases.desk import Desk

if TYPE_CHECKING:
    from pipeline.emulator import OrgFile

STATE_FOLDER = ".okta-plan"
RATE_SHARE = 0.70


@dataclass(frozen=True, slots=True)
class Tenant:
    """An open connection and what reads and writes through it."""

    client: OktaClient
    reads: Reads
    writes: Writes
    budget: Budget
    host: str


@asynccontextmanager
async def open_tenant(
    desk: Desk, *, rate_share: float = RATE_SHARE, concurrency: int = 10, run: str | None = None
) -> AsyncIterator[Tenant]:
    """The tenant of ``desk``; every request says who sends it, with the run's id where there is one.

    Raises InputError where no tenant or credential is configured, or the org file cannot be used.
    """
    connection, runtime = _connection(desk)
    budget = Budget(share=rate_share, concurrency=concurrency)
    host = connection.origin.partition("://")[2]
    with call_log(desk.log_file, desk.runtime.clock, run) as on_call:
        async with OktaClient(
            connection, runtime, budget=budget, user_agent=user_agent(run), on_call=on_call
        ) as client:
            yield Tenant(client, Reads(client), Writes(client), budget, host)


def user_agent(run: str | None) -> str:
    """A stable name, so that the tenant's System Log can be joined with the journal."""
    system = f"python/{platform.python_version()} {platform.system().lower()}"
    return f"okta-plan/{__version__} {system}" + (f" run/{run}" if run else "")


def _connection(desk: Desk) -> tuple[Connection, Runtime]:
    if desk.org_file is not None:
        return _embedded(desk, desk.org_file)
    origin = origin_of(desk.settings.okta_domain)
    token = desk.settings.okta_api_token.get_secret_value().strip()
    if not token:
        raise InputError(
            ErrorCode.NO_CREDENTIAL,
            "No credential is configured",
            "OKTA_API_TOKEN is not set, neither in the environment nor in the workspace's .env.",
            next_step="Create a token in the Admin Console (Security > API > Tokens); set OKTA_API_TOKEN.",
        )
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise InputError(
            ErrorCode.NO_CREDENTIAL,
            "The credential cannot be used",
            "OKTA_API_TOKEN holds blanks, control characters or characters that no token has.",
            next_step="Copy the token again, without quotes or line breaks.",
        )
    return Connection(origin=origin, token=token), desk.runtime


def load_org(org_file: Path) -> OrgFile:
    """The org file at ``org_file``. Raises InputError where it cannot be used."""
    from pipeline.emulator import OrgFileError, load_org_file

    try:
        return load_org_file(org_file)
    except OrgFileError as error:
        raise InputError(
            ErrorCode.ORG_FILE_INVALID,
            "The org file cannot be used",
            str(error),
            next_step="Correct the org file; docs/emulator.md describes it.",
        ) from error


def _embedded(desk: Desk, org_file: Path) -> tuple[Connection, Runtime]:
    import httpx

    from pipeline.emulator import create_app

    org = load_org(org_file)
    if not org.tokens:
        raise InputError(
            ErrorCode.ORG_FILE_INVALID,
            "The org file cannot be used",
            f"{desk.shown(org_file)} names no token, so nobody can sign in.",
            next_step="Add `tokens: [sandbox-token]` to the org file.",
        )
    state = state_path(desk.workspace, org_file)
    state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    clock = desk.runtime.clock
    okta = create_app(org, db=state, now=clock.now, sleep=clock.sleep)
    connection = Connection(origin=f"https://{org.org.subdomain}.okta.com", token=org.tokens[0])
    return connection, replace(desk.runtime, transport=httpx.ASGITransport(app=okta))


def state_path(workspace: Path, org_file: Path) -> Path:
    """Where the embedded emulator of ``org_file`` keeps its state: keyed by the file's path and content."""
    identity = f"{org_file.resolve()}\n{hashlib.sha256(org_file.read_bytes()).hexdigest()}"
    key = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return workspace / STATE_FOLDER / "emulators" / f"{key}.sqlite"


def reset_embedded(desk: Desk) -> list[str]:
    """Forget the state of every embedded emulator of the workspace; returns the removed files."""
    folder = desk.workspace / STATE_FOLDER / "emulators"
    removed = sorted(folder.glob("*.sqlite*")) if folder.is_dir() else []
    for path in removed:
        path.unlink()
    return [desk.shown(path) for path in removed]
