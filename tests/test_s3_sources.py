"""Sources in S3 over a connection to a server: listed, fetched, and read where they are."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.errors import ErrorCode, InputError, OktaPlanError
from pipeline.plan.file import load_plan
from pipeline.report.terminal import render
from pipeline.runtime import Runtime
from pipeline.source.s3 import connect, read_s3
from pipeline.source_views import FilesView
from pipeline.use_cases import generating, offline, sources
from pipeline.use_cases.desk import Desk
from tests.path.box import okta_plan
from tests.s3_process import FULL_BUCKET, FULL_COUNT, HOSTILE, HOSTILE_BUCKET, PEOPLE, full_keys
from tests.s3_server import S3, settings_of
from tests.virtual_time import clock


def desk(workspace: Path, given: dict[str, str]) -> Desk:
    runtime = Runtime(clock=clock(), rng=random.Random(0), transport=None, workspace=workspace.resolve())
    return Desk(runtime, settings_of(given))


def bucket_with(s3: S3, name: str, objects: dict[str, bytes]) -> str:
    client = s3.client()
    client.create_bucket(Bucket=name)
    for key, content in objects.items():
        client.put_object(Bucket=name, Key=key, Body=content)
    return name


def tree(folder: Path) -> set[str]:
    return {each.relative_to(folder).as_posix() for each in folder.rglob("*") if not each.is_dir()}


def synced(workspace: Path, given: dict[str, str]) -> FilesView:
    return sources.files(desk(workspace, given), sync=True)


def refused(workspace: Path, given: dict[str, str]) -> InputError:
    with pytest.raises(InputError) as caught:
        synced(workspace, given)
    assert caught.value.next_step
    return caught.value


def test_thousands_of_keys_are_listed_over_all_pages(s3: S3) -> None:
    listed, others = connect(settings_of(s3.sources(FULL_BUCKET))).list()
    assert [each.key for each in listed] == sorted(full_keys())
    assert (len(listed), others) == (FULL_COUNT, 0)
    assert {each.size_bytes for each in listed} == {len(PEOPLE)}


def test_hostile_keys_write_nothing_outside_of_csv_and_are_refused_one_by_one(s3: S3, tmp_path: Path) -> None:
    workspace = tmp_path / "a" / "b" / "w"
    workspace.mkdir(parents=True)
    view = synced(workspace, s3.sources(HOSTILE_BUCKET))
    assert view.sync is not None
    assert {each.key for each in view.sync.refused} == set(HOSTILE)
    assert [each.path for each in view.files] == ["csv/good/erp.csv"]
    assert view.exit_code == 3
    shown = io.StringIO()
    render(view, Console(file=shown, soft_wrap=True))
    lines = shown.getvalue().splitlines()
    assert len(lines) == len(HOSTILE) + 3  # the counts, what was fetched, the list
    assert all(line.isprintable() for line in lines)
    ours = {"a/b/w/.okta-plan/s3.json", "a/b/w/.okta-plan/.gitignore"}
    assert tree(tmp_path) == {"a/b/w/csv/good/erp.csv", *ours}


def test_a_sync_fetches_once_and_remembers_it_in_the_next_process(s3: S3, tmp_path: Path) -> None:
    bucket = bucket_with(s3, "remembers", {"in/a.csv": PEOPLE, "in/b.csv": PEOPLE, "out/c.csv": PEOPLE})
    given = s3.sources(bucket, S3_PREFIX="in/")
    first = okta_plan(tmp_path, None, "files", "--sync", "--json", **given)
    assert first.returncode == 0, first.stdout + first.stderr
    assert json.loads(first.stdout)["sync"]["states"] == {"fetched": 2}
    again = synced(tmp_path, given)
    assert again.sync is not None
    assert again.sync.states == {"unchanged": 2}
    assert [each.path for each in again.files] == ["csv/in/a.csv", "csv/in/b.csv"]
    wider = synced(tmp_path, given | {"S3_ALLOWED_PATHS": "out, in/a.csv"})
    assert wider.sync is not None
    assert {each.key: each.state.value for each in wider.sync.synced} == {
        "in/a.csv": "unchanged",
        "out/c.csv": "fetched",
    }


def test_a_damaged_record_is_named_and_what_a_killed_sync_left_is_removed(s3: S3, tmp_path: Path) -> None:
    bucket = bucket_with(s3, "damaged", {"a.csv": PEOPLE})
    left = tmp_path / "csv" / ".fetching-999999999"
    left.mkdir(parents=True)
    (left / "0").write_text("half")
    synced(tmp_path, s3.sources(bucket))
    assert tree(tmp_path) == {"csv/a.csv", ".okta-plan/s3.json", ".okta-plan/.gitignore"}
    (tmp_path / ".okta-plan" / "s3.json").write_text("{", "utf-8")
    assert refused(tmp_path, s3.sources(bucket)).code is ErrorCode.FILE_UNREADABLE


def test_what_is_missing_is_named_with_its_setting(s3: S3, tmp_path: Path) -> None:
    good = s3.sources(FULL_BUCKET)
    assert refused(tmp_path, {}).code is ErrorCode.S3_DISABLED
    off = refused(tmp_path, good | {"S3_ENABLED": "false"})
    assert (off.code, "'false'" in off.detail) == (ErrorCode.S3_DISABLED, True)
    assert "S3_BUCKET_NAME" in refused(tmp_path, good | {"S3_BUCKET_NAME": ""}).detail
    absent = refused(tmp_path, s3.sources("not-there"))
    assert (absent.code, "no such bucket" in absent.detail) == (ErrorCode.S3_UNUSABLE, True)
    assert "S3_BUCKET_NAME" in str(absent.next_step)
    nobody = refused(tmp_path, {key: text for key, text in good.items() if "KEY" not in key})
    assert (nobody.code, "no AWS credentials" in nobody.detail) == (ErrorCode.NO_CREDENTIAL, True)
    assert refused(tmp_path, good | {"S3_ALLOWED_PATHS": " , "}).code is ErrorCode.SETTINGS_INVALID
    assert tree(tmp_path) == set()


def test_an_object_is_read_where_it_is_and_pinned_in_the_plan(s3: S3, tmp_path: Path) -> None:
    bucket = bucket_with(s3, "direct", {"in/erp.csv": PEOPLE})
    given = s3.sources(bucket, S3_PREFIX="in/")
    url = f"s3://{bucket}/in/erp.csv"
    made = generating.generate(desk(tmp_path, given), [url], generating.Wanted(okta_app="ERP"))
    plan = load_plan(tmp_path / made.plan).plan
    local = tmp_path / "csv" / "erp.csv"
    local.parent.mkdir()
    local.write_bytes(PEOPLE)
    of_file = generating.analyze(desk(tmp_path, {}), "erp.csv")
    assert made.plan == "plans/erp.yaml"
    assert [(each.path, each.sha256, each.rows) for each in plan.sources] == [(url, of_file.sha256, 1)]
    assert generating.analyze(desk(tmp_path, given), url).totals == of_file.totals
    shown = offline.show(desk(tmp_path, {}), "erp", user=None)
    assert [(each.path, each.state) for each in shown.sources] == [(url, "in_s3")]


@pytest.mark.parametrize(
    ("url", "given", "code"),
    [
        ("s3://direct-refused/secret/pay.csv", {"S3_ALLOWED_PATHS": "in"}, ErrorCode.S3_UNUSABLE),
        ("s3://direct-refused/in/../secret/pay.csv", {"S3_PREFIX": "in/"}, ErrorCode.FILE_NOT_FOUND),
        ("s3://direct-refused/secret/pay.csv", {"S3_PREFIX": "in/"}, ErrorCode.S3_UNUSABLE),
        ("s3://direct-refused/absent.csv", {}, ErrorCode.FILE_NOT_FOUND),
        ("s3://another/in/erp.csv", {}, ErrorCode.S3_UNUSABLE),
        ("s3://another/in/erp.csv", {"S3_BUCKET_NAME": ""}, ErrorCode.S3_UNUSABLE),
        ("s3://direct-refused", {}, ErrorCode.USAGE),
        ("s3://direct-refused/secret/pay.csv", {"S3_ENABLED": ""}, ErrorCode.S3_DISABLED),
    ],
)
def test_an_object_that_may_not_be_read_or_is_not_there_is_refused(
    url: str, given: dict[str, str], code: ErrorCode, s3: S3
) -> None:
    bucket_with(s3, "direct-refused", {"secret/pay.csv": PEOPLE})
    with pytest.raises(OktaPlanError) as caught:
        read_s3(settings_of(s3.sources("direct-refused") | given), url)
    assert caught.value.code is code
    assert caught.value.next_step


def test_a_sign_in_that_has_ended_is_no_trouble_of_the_network(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[profile acme]\nsso_start_url = https://acme.example/start\nsso_region = us-east-1\n"
        "sso_account_id = 111122223333\nsso_role_name = reader\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "acme")
    given = {name: text for name, text in s3.sources(FULL_BUCKET).items() if "KEY" not in name}
    error = refused(tmp_path / "workspace", given)
    assert "credentials are refused (" in error.detail
    assert error.next_step == "Renew the AWS credentials."


def test_an_object_above_the_cap_is_not_read(s3: S3) -> None:
    bucket_with(s3, "capped", {"erp.csv": PEOPLE})
    given: Any = settings_of(s3.sources("capped"))
    assert read_s3(given, "s3://capped/erp.csv", size_max=len(PEOPLE)).height == 1
    with pytest.raises(InputError) as caught:
        read_s3(given, "s3://capped/erp.csv", size_max=len(PEOPLE) - 1)
    assert caught.value.code is ErrorCode.FILE_TOO_LARGE


def test_settings_of_the_workspace_file_are_enough(s3: S3, tmp_path: Path) -> None:
    bucket = bucket_with(s3, "from-file", {"a.csv": PEOPLE})
    lines = "".join(f"{name}={text}\n" for name, text in s3.sources(bucket).items())
    (tmp_path / ".env").write_text(lines, "utf-8")
    ended = okta_plan(tmp_path, None, "files", "--sync")
    assert ended.returncode == 0, ended.stderr
    assert "s3://from-file (all of it): 1 fetched" in ended.stdout
    assert "1  csv/a.csv" in ended.stdout
    assert okta_plan(tmp_path, None, "analyze", f"s3://{bucket}/a.csv").returncode == 0
