"""Every request that our client sends, on its whole path, against Okta's own API descriptions."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from pipeline.errors import OktaPlanError
from tests.contract.descriptions import FOLDER, operation_of
from tests.contract.disagreements import is_known
from tests.contract.exchanges import Exchange, Recorder
from tests.in_process import Tenant
from tests.test_applying import ORG, PLAN
from tests.test_cases import CASES, furnish, load
from tests.test_sign_in import tenant as service_app_tenant

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="Okta's API descriptions are not at hand")

UNDESCRIBED = {
    "GET /api/v1/apps": "the descriptions at hand leave out apps",
    "GET /api/v1/apps/": "one app, by its id",
    "POST /oauth2/v1/token": "the descriptions at hand leave out signing in",
}
"""What the client sends beside the described operations; for an app, without its id."""

SENDS = {
    "GET /.well-known/okta-organization",
    "GET /api/v1/apps/{appId}/users",
    "GET /api/v1/users",
    "GET /api/v1/users/{id}",
    "GET /governance/api/v1/entitlements",
    "GET /governance/api/v1/entitlements/values",
    "GET /governance/api/v1/entitlements/{entitlementId}",
    "GET /governance/api/v1/grants",
    "GET /governance/api/v1/grants/{grantId}",
    "GET /governance/api/v1/principal-access",
    "GET /governance/api/v1/risk-rules",
    "PATCH /governance/api/v1/entitlements/{entitlementId}",
    "PATCH /governance/api/v1/grants/{grantId}",
    "POST /api/v1/apps/{appId}/users",
    "POST /governance/api/v1/entitlements",
    "POST /governance/api/v1/grants",
    "POST /governance/api/v2/revoke-principal-access",
    "PUT /governance/api/v1/grants/{grantId}",
}
"""All that the client knows to send: what it learns to send has to be met here."""


def walk(tenant: Tenant) -> list[Exchange]:
    """check, diff, apply and verify; a plan that is refused is refused by each of them."""
    recorders: list[Recorder] = []

    def recorded(inner: httpx.AsyncBaseTransport) -> Recorder:
        recorders.append(Recorder(inner))
        return recorders[-1]

    tenant.wrap = recorded
    for verb in (tenant.check, tenant.diff, tenant.apply_reviewed, tenant.verify):
        try:
            verb()
        except OktaPlanError:
            continue
    return [exchange for recorder in recorders for exchange in recorder.exchanges]


def by_id(folder: Path) -> Tenant:
    """A plan that names its app by id."""
    app_id = "0oa1example0000000x7"
    okta_app = {**ORG["okta_apps"][0], "id": app_id}
    return furnish(
        folder, {"plan": {**PLAN, "okta_app": {"id": app_id}}, "org": {**ORG, "okta_apps": [okta_app]}}
    )


@pytest.fixture(scope="module")
def exchanges(tmp_path_factory: pytest.TempPathFactory) -> list[Exchange]:
    """Of all cases, of a plan that names its app by id, and of a service app that proves its key."""
    tenants = [furnish(tmp_path_factory.mktemp("case"), case) for path in CASES for case in load(path)]
    tenants.append(by_id(tmp_path_factory.mktemp("id")))
    tenants.append(service_app_tenant(tmp_path_factory.mktemp("app"), dpop=True))
    return [exchange for tenant in tenants for exchange in walk(tenant)]


def test_requests_and_their_answers_are_as_described(exchanges: list[Exchange]) -> None:
    faults = set()
    for exchange in exchanges:
        operation = operation_of(exchange.method, exchange.path)
        if operation:
            found = [*operation.request_faults(exchange), *operation.answer_faults(exchange)]
            faults |= {f"{exchange}: {fault}" for fault in found if not is_known(str(operation), fault)}
    assert "\n".join(sorted(faults)) == ""


def test_the_client_sends_what_is_listed(exchanges: list[Exchange]) -> None:
    sent, undescribed = set(), set()
    for exchange in exchanges:
        operation = operation_of(exchange.method, exchange.path)
        if operation:
            sent.add(str(operation))
        elif "/_emulator/" not in exchange.path:
            undescribed.add(f"{exchange.method} {without_id(exchange.path)}")
    assert sent == SENDS
    assert undescribed == set(UNDESCRIBED)


def without_id(path: str) -> str:
    return path[:-20] if path.startswith("/api/v1/apps/0oa") else path
