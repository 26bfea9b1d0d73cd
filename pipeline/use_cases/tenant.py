"""Opening the tenant that is meant: a real org from the settings, or the embedded emulator of an org file."""

from __future__ import annotations

import hashlib
import platform
import sys
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
from pipeline.okta.scopes import OPTIONAL, TO_READ
from pipeline.okta.sign_in import ApiToken
from pipeline.okta.writes import Writes
from pipeline.run.folder import make_private
from pipeline.runtime import Runtime
from pipeline.settings import origin_of
from pipeline.use_cases.call_log import call_log
from pipeline.use_cases.credentials import Credential, TokenCredential, find_credential
from pipeline.use_cases.desk import Desk

if TYPE_CHECKING:
    from pipeline.emulator import OrgFile
    from pipeline.okta.sign_in import SignIn

STATE_FOLDER = ".okta-plan"
RATE_SHARE = 0.70
CONCURRENCY = 10


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
    desk: Desk,
    *,
    scopes: frozenset[str] = TO_READ,
    rate_share: float = RATE_SHARE,
    concurrency: int = CONCURRENCY,
    run: str | None = None,
) -> AsyncIterator[Tenant]:
    """The tenant of ``desk``; every request says who sends it, with the run's id where there is one.
    ``scopes`` are what a service app asks for.

    Raises InputError where no tenant or credential is configured, or the org file cannot be used.
    """
    connection, runtime = _connection(desk, scopes)
    budget = Budget(share=rate_share, concurrency=concurrency)
    host = connection.origin.partition("://")[2]
    also = sys.stderr if desk.settings.shows_calls else None
    with call_log(desk.log_file, desk.runtime.clock, run, also=also) as on_call:
        async with OktaClient(
            connection, runtime, budget=budget, user_agent=user_agent(run), on_call=on_call
        ) as client:
            yield Tenant(client, Reads(client), Writes(client), budget, host)


def user_agent(run: str | None) -> str:
    """A stable name, so that the tenant's System Log can be joined with the journal."""
    system = f"python/{platform.python_version()} {platform.system().lower()}"
    return f"okta-plan/{__version__} {system}" + (f" run/{run}" if run else "")


def _connection(desk: Desk, scopes: frozenset[str]) -> tuple[Connection, Runtime]:
    if desk.org_file is not None:
        return _embedded(desk, desk.org_file, scopes)
    origin = origin_of(desk.settings.okta_domain)
    host = origin.partition("://")[2]
    credential = find_credential(desk.settings, host, desk.workspace, desk.read_secret)
    return Connection(origin, _sign_in(credential, origin, scopes, desk.runtime)), desk.runtime


def _sign_in(credential: Credential, origin: str, scopes: frozenset[str], runtime: Runtime) -> SignIn:
    if isinstance(credential, TokenCredential):
        return ApiToken(credential.token)
    from pipeline.okta.service_app import ServiceApp, ServiceAppSignIn

    service_app = ServiceApp(credential.client_id, credential.key, origin)
    return ServiceAppSignIn(service_app, scopes, runtime.clock, runtime.rng, optional=OPTIONAL - scopes)


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


def _embedded(desk: Desk, org_file: Path, scopes: frozenset[str]) -> tuple[Connection, Runtime]:
    from pipeline.emulator import InMemoryTransport, OrgFileError, create_app

    org = load_org(org_file)
    origin = f"https://{org.org.subdomain}.okta.com"
    credential = _embedded_credential(desk, org, org_file)
    state = state_path(desk.workspace, org_file)
    make_private(state.parent)
    clock = desk.runtime.clock
    try:
        okta = create_app(org, db=state, now=clock.now, sleep=clock.sleep)
    except OrgFileError as error:
        raise InputError(
            ErrorCode.ORG_FILE_INVALID,
            "The embedded org cannot be continued",
            str(error),
            next_step="Forget its state with `okta-plan emulator reset`, then try again.",
        ) from error
    connection = Connection(origin, _sign_in(credential, origin, scopes, desk.runtime))
    return connection, replace(desk.runtime, transport=InMemoryTransport(okta))


def _embedded_credential(desk: Desk, org: OrgFile, org_file: Path) -> Credential:
    """The service app of the settings where the org file knows it, else the org file's first token."""
    client_id = desk.settings.okta_client_id.strip()
    if client_id and any(each.id == client_id for each in org.clients):
        host = f"{org.org.subdomain}.okta.com"
        return find_credential(desk.settings, host, desk.workspace, desk.read_secret)
    if org.tokens:
        return TokenCredential(org.tokens[0])
    raise InputError(
        ErrorCode.ORG_FILE_INVALID,
        "The org file cannot be used",
        f"{desk.shown(org_file)} names no token, and no client that is the OKTA_CLIENT_ID of the settings.",
        next_step="Add `tokens: [sandbox-token]` to the org file.",
    )


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
