"""Approvals for tests: a tenant with something to change, and a person who approves it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.emulator import load_org_file
from pipeline.plan.approval import Approval, Scope
from pipeline.use_cases import approving
from pipeline.use_cases.desk import Desk
from tests.in_process import Tenant
from tests.test_cases import furnish

ANN, BOB, CID = "ann@x.com", "bob@x.com", "cid@x.com"
PLAN: dict[str, Any] = {
    "author": "alice@x.com",
    "entitlements": [{"name": "Role", "external_value": "Role", "values": ["Admin", "Clerk", "Owner"]}],
    "access": [
        {"values": {"Role": ["Admin", "Clerk"]}, "users": [ANN, CID]},
        {"values": {"Role": ["Owner"]}, "users": [BOB]},
    ],
}
ORG: dict[str, Any] = {
    "org": {"subdomain": "acme", "id": "00o1example0000000x7"},
    "users": [{"login": login, "email": login} for login in (ANN, BOB, CID)],
    "okta_apps": [
        {
            "id": "0oa1example0000000x7",
            "label": "ERP",
            "entitlement_management": True,
            "assigned": [CID],
            "entitlements": [{"name": "Role", "values": ["Clerk", "Guest"]}],
            "grants": [{"user": CID, "values": {"Role": ["Guest"]}}],
        }
    ],
}
COUNTS = {"add": 1, "assign": 2, "grant": 2, "extend": 1}
HELD_AFTER = {
    ANN: {"Role": ["Admin", "Clerk"]},
    BOB: {"Role": ["Owner"]},
    CID: {"Role": ["Admin", "Clerk", "Guest"]},
}


def tenant(folder: Path, **plan: Any) -> Tenant:
    return furnish(folder, {"plan": PLAN | plan, "org": ORG})


def approve(org: Tenant, *, scope: str = "all", **given: Any) -> Approval:
    """What a person approves who types what is asked for; the newest change set that ``diff`` stored."""

    async def record(desk: Desk) -> Approval:
        pending = approving.pending(desk, "t", scope=Scope(scope))
        named: dict[str, Any] = {
            "privileged": tuple(pending.needs.privileged),
            "provisioning": pending.needs.provisioning,
        }
        said: dict[str, Any] = {"typed": pending.to_type, "approver": "bert@x.com"} | named | given
        return approving.record(desk, pending, approving.Given(**said))

    return org._run(record)


def status(org: Tenant) -> approving.ApprovalStatus:
    return org._run(lambda desk: approving.check(desk, "t"))


def approval_file(org: Tenant) -> Path:
    return org.workspace / "plans" / "t.approval.yaml"


def edit(path: Path, **fields: Any) -> None:
    """Change what stands in a YAML file, as somebody with an editor would."""
    document = yaml.safe_load(path.read_text("utf-8"))
    path.write_text(yaml.safe_dump(document | fields, sort_keys=False), "utf-8")


def forget_everything(org: Tenant) -> None:
    """The org is as it was at the start: somebody took back all that was given."""
    for path in org.workspace.glob("org.sqlite*"):
        path.unlink()


def change_org(tenant: Tenant, **fields: Any) -> None:
    """The org begins anew, with these fields of its file."""
    forget_everything(tenant)
    edit(tenant.org_file, **fields)
    tenant._org = load_org_file(tenant.org_file)


def new_key(folder: Path, name: str) -> Path:
    """A throw-away SSH key; where there is no ssh-keygen the test is skipped."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("signatures need ssh-keygen, which is not on the PATH")
    key = folder / name
    made = subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)], check=False
    )
    if made.returncode:
        pytest.skip("ssh-keygen makes no ed25519 key here")
    return key


def allow_signers(org: Tenant, **keys: Path) -> None:
    """Only these people's signatures count; a principal's name is written with ``_at_`` for ``@``."""
    lines = (f"{who.replace('_at_', '@')} {_public(key)}\n" for who, key in keys.items())
    (org.workspace / "allowed_signers").write_text("".join(lines), "utf-8")
    org.settings = {"OKTA_API_TOKEN": "sandbox-token", "OKTA_PLAN_ALLOWED_SIGNERS": "allowed_signers"}


def _public(key: Path) -> str:
    return " ".join(key.with_name(f"{key.name}.pub").read_text("utf-8").split()[:2])
