"""What can be approved, by whom and how: refused where it could not count, and then nothing is written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.changes.approved import needs_of
from pipeline.errors import ErrorCode, OktaPlanError
from pipeline.plan.approval import Channel
from pipeline.use_cases import approving, offline
from pipeline.use_cases.desk import Desk
from pipeline.views import ValidateView
from tests.approvals import (
    ANN,
    COUNTS,
    ORG,
    allow_signers,
    approval_file,
    approve,
    edit,
    new_key,
    status,
    tenant,
)
from tests.in_process import Tenant

FORMS_ON = {"OKTA_API_TOKEN": "sandbox-token", "OKTA_PLAN_FORM_APPROVAL": "true"}
WITH_PROVISIONING = [ORG["okta_apps"][0] | {"features": ["PUSH_NEW_USERS"]}]


def refused(org: Tenant, **given: Any) -> OktaPlanError:
    with pytest.raises(OktaPlanError) as caught:
        approve(org, **given)
    assert not approval_file(org).exists()
    assert caught.value.next_step or int(caught.value.exit_code) == 64
    return caught.value


@pytest.mark.parametrize(
    ("given", "code", "exit_code"),
    [
        ({"typed": "yes"}, ErrorCode.NOT_CONFIRMED, 4),
        ({"typed": "1 add, 2 assign, 2 grant, 2 extend"}, ErrorCode.NOT_CONFIRMED, 4),
        ({"approver": "ALICE@x.com"}, ErrorCode.APPROVAL_BY_AUTHOR, 4),
        ({"channel": Channel.FORM}, ErrorCode.APPROVAL_BY_FORM, 4),
        ({"expires": "90d"}, ErrorCode.USAGE, 64),
        ({"expires": "tomorrow"}, ErrorCode.USAGE, 64),
        ({"sign_key": Path("no_such_key")}, ErrorCode.FILE_UNREADABLE, 1),
    ],
)
def test_what_could_not_count_is_not_recorded(
    given: dict[str, Any], code: ErrorCode, exit_code: int, tmp_path: Path
) -> None:
    if "sign_key" in given and shutil.which("ssh-keygen") is None:
        pytest.skip("signatures need ssh-keygen, which is not on the PATH")
    org = tenant(tmp_path)
    org.diff()
    error = refused(org, **given)
    assert (error.code, int(error.exit_code)) == (code, exit_code)


def test_there_must_be_a_change_set_of_the_plan_as_it_is(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    assert refused(org).code is ErrorCode.APPROVAL_OF_OTHER_CHANGES
    org.diff()
    edit(tmp_path / "plans" / "t.yaml", author="carl@x.com")
    assert refused(org).code is ErrorCode.APPROVAL_OF_OTHER_CHANGES
    org.diff()
    assert org.apply().exit_code == 0
    org.diff()
    assert refused(org).code is ErrorCode.NOT_APPLIED


def test_the_newest_change_set_is_meant_unless_one_is_named(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    first = org.diff()
    assert org.apply(only="structure").exit_code == 0
    second = org.diff()
    assert approve(org).changes_digest == second.changes_digest

    async def pending(desk: Desk, **which: Any) -> tuple[str, str]:
        found = approving.pending(desk, "t", **which)
        return found.whole_digest, found.to_type

    by_file = org._run(lambda desk: pending(desk, changes=Path(first.paths["changes"])))
    by_digest = org._run(lambda desk: pending(desk, digest=first.changes_digest))
    assert by_file == by_digest == (first.changes_digest, "1 add, 2 assign, 2 grant, 1 extend")


def test_what_is_read_is_what_the_digest_stands_for_whatever_the_file_says_besides(tmp_path: Path) -> None:
    """Messages are no part of the digest: who may write the file could make them say anything."""
    org = tenant(tmp_path)
    stored = tmp_path / org.diff().paths["changes"]
    document = json.loads(stored.read_text("utf-8"))
    for change in document["changes"]:
        change["message"] = "nothing worth a look"
    stored.write_text(json.dumps(document), "utf-8")

    async def shown(desk: Desk) -> list[str]:
        return [each.message for each in approving.pending_view(desk, approving.pending(desk, "t")).changes]

    assert sorted(org._run(shown)) == [
        "add Role  + Role: Admin, Owner",
        "assign ann@x.com",
        "assign bob@x.com",
        "extend cid@x.com  + Role: Admin, Clerk",
        "grant ann@x.com  + Role: Admin, Clerk",
        "grant bob@x.com  + Role: Owner",
    ]


def test_an_app_that_pushes_must_be_named(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    edit(org.org_file, okta_apps=WITH_PROVISIONING)
    org.__post_init__()
    org.diff()
    assert refused(org, provisioning=False).code is ErrorCode.NOT_NAMED
    assert approve(org).provisioning
    assert approve(org, scope="structure", provisioning=False).scope == "structure"


def test_a_privileged_value_must_be_named_and_then_a_form_does_not_do(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    view = org.diff()
    assert any(each.adds.get("Role") == ["Admin", "Clerk"] for each in view.changes if ANN in each.address)

    async def needs(desk: Desk) -> dict[str, int]:
        pending = approving.pending(desk, "t")
        limits = pending.plan.limits.model_copy(update={"privileged": ("Role/Admin", "Owner")})
        plan = pending.plan.model_copy(update={"limits": limits})
        return dict(needs_of(plan, pending.changes).privileged)

    assert org._run(needs) == {"Owner": 1, "Role/Admin": 2}
    org.settings = FORMS_ON
    assert approve(org, channel=Channel.FORM).channel is Channel.FORM
    assert status(org).counts
    approval_file(org).unlink()
    assert refused(org, channel=Channel.FORM, privileged=("Role/Admin",)).code is ErrorCode.APPROVAL_BY_FORM


def test_where_signatures_count_only_who_holds_a_known_key_approves(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    keys = {name: new_key(tmp_path, name) for name in ("bert", "mallory", "alice")}
    allow_signers(org, **{"bert@x.com": keys["bert"], "alice@x.com": keys["alice"]})
    org.diff()
    assert refused(org).code is ErrorCode.APPROVAL_UNSIGNED
    assert refused(org, sign_key=keys["mallory"]).code is ErrorCode.APPROVAL_UNKNOWN_SIGNER
    assert refused(org, sign_key=keys["alice"], approver="alice@x.com").code is ErrorCode.APPROVAL_BY_AUTHOR

    async def names(desk: Desk) -> list[str]:
        return [approving.approver_of(desk, None, keys[name]) for name in ("bert", "alice")]

    assert org._run(names) == ["bert@x.com", "alice@x.com"]
    assert approve(org, sign_key=keys["bert"]).signature
    assert status(org).counts
    assert org.apply(require_approval=True, yes=False).exit_code == 0


def test_validate_takes_approvals_among_the_plans(tmp_path: Path) -> None:
    org = tenant(tmp_path)
    org.diff()
    approve(org)

    async def validate(desk: Desk) -> ValidateView:
        return offline.validate(desk, ["plans/t.yaml", "plans/t.approval.yaml"])

    assert [each.ok for each in org._run(validate).plans] == [True, True]
    edit(approval_file(org), counts=COUNTS | {"grant": 0})
    view = org._run(validate)
    assert [each.ok for each in view.plans] == [True, False]
    assert "grant" in view.plans[1].findings[0].detail
