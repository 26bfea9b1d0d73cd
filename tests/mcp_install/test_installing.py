"""This server in the configuration of a client: which file, what is asked, what is kept."""

from __future__ import annotations

import json
import random
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.clock import LoopClock
from pipeline.errors import ErrorCode, InputError, OktaPlanError, RefusedError, UsageError
from pipeline.install_views import InstallView
from pipeline.runtime import Runtime
from pipeline.settings import Settings
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.installing import Wanted, install
from pipeline.use_cases.mcp_clients import (
    Machine,
    McpClient,
    Scope,
    client_named,
    config_file,
    running_command,
    scope_named,
)

PROGRAM = "/opt/okta-plan/bin/okta-plan"
OTHERS = """{
  "globalShortcut": "Ctrl+Space",
  "mcpServers": {
    "other": {"command": "npx", "args": ["--token", "s3cret"], "env": {"KEY": "hush"}}
  },
  "theme": 1.50
}
"""
Install = Callable[..., InstallView]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "work space"
    (folder / "csv").mkdir(parents=True)
    (folder / ".env").write_text("OKTA_DOMAIN=acme.okta.com\nOKTA_API_TOKEN=00secret\n")
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "home" / ".cursor" / "mcp.json"
    path.parent.mkdir(parents=True)
    path.write_text(OTHERS)
    path.chmod(0o640)
    return path


def machine(home: Path, system: str = "linux", **environment: str) -> Machine:
    return Machine(system, home, environment, (PROGRAM,))


def desk(workspace: Path) -> Desk:
    runtime = Runtime(clock=LoopClock(0.0), rng=random.Random(1), transport=None, workspace=workspace)
    return Desk(runtime, Settings())


@pytest.fixture
def run(tmp_path: Path, workspace: Path) -> Install:
    def call(ask: Callable[[InstallView], bool] | None = None, **wanted: Any) -> InstallView:
        asked = Wanted(**{"client": McpClient.CURSOR, **wanted})
        return install(desk(workspace), asked, machine(tmp_path / "home"), ask)

    return call


def entry(path: Path, servers: str = "mcpServers", name: str = "okta-plan") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())[servers][name]
    return found


def test_a_person_sees_the_change_and_it_is_made_on_yes(run: Install, config: Path, workspace: Path) -> None:
    shown: list[InstallView] = []
    view = run(lambda change: not shown.append(change))  # type: ignore[func-returns-value]
    assert '+      "command": "/opt/okta-plan/bin/okta-plan",' in shown[0].diff
    assert view.state == "written"
    assert entry(config) == {
        "command": PROGRAM,
        "args": ["mcp"],
        "env": {"OKTA_PLAN_HOME": str(workspace)},
    }


def test_what_others_wrote_stays_byte_for_byte_and_so_does_the_mode(run: Install, config: Path) -> None:
    view = run(yes=True)
    assert Path(str(view.backup)).read_text() == OTHERS
    before, _, after = config.read_text().partition(',\n    "okta-plan": ')
    assert before + after[after.index("\n    }") + len("\n    }") :] == OTHERS
    assert stat.S_IMODE(config.stat().st_mode) == stat.S_IMODE(Path(str(view.backup)).stat().st_mode) == 0o640


def test_the_values_of_others_are_not_shown_and_no_secret_is_written(run: Install, config: Path) -> None:
    view = run(yes=True)
    told = view.model_dump_json()
    assert not [each for each in ("s3cret", "hush", "00secret", "npx") if each in told]
    assert "00secret" not in config.read_text()


def test_a_second_time_there_is_nothing_to_do(run: Install, config: Path) -> None:
    run(yes=True)
    written = config.stat().st_mtime_ns
    view = run()
    assert (view.state, view.backup, config.stat().st_mtime_ns) == ("unchanged", None, written)
    assert len(list(config.parent.iterdir())) == 2


def test_backups_have_numbers_and_none_is_written_over(run: Install, config: Path) -> None:
    config.with_name("mcp.json.backup-7").write_text("mine")
    first = run(yes=True).backup
    second = run(yes=True, read_only=True).backup
    assert [Path(str(each)).name for each in (first, second)] == ["mcp.json.backup-8", "mcp.json.backup-9"]
    assert config.with_name("mcp.json.backup-7").read_text() == "mine"
    assert entry(config)["args"] == ["mcp", "--read-only"]


def test_a_read_only_entry_is_not_widened_without_a_word(run: Install, config: Path) -> None:
    run(yes=True, read_only=True)
    assert any("was read-only" in note for note in run(dry_run=True).notes)
    assert not any("was read-only" in note for note in run(read_only=True).notes)
    assert entry(config)["args"] == ["mcp", "--read-only"]


def test_what_a_person_added_to_the_entry_is_kept_and_a_secret_there_is_named(
    run: Install, config: Path
) -> None:
    mine = {"command": "old", "timeout": 9, "env": {"OKTA_PLAN_LOG_LEVEL": "INFO", "OKTA_API_TOKEN": "00abc"}}
    config.write_text(json.dumps({"mcpServers": {"okta-plan": mine}}, indent=2))
    view = run(yes=True)
    found = entry(config)
    assert (found["command"], found["timeout"], found["env"]["OKTA_PLAN_LOG_LEVEL"]) == (PROGRAM, 9, "INFO")
    assert any("OKTA_API_TOKEN" in note for note in view.notes)
    assert "00abc" not in view.model_dump_json()


def test_nobody_to_ask_and_a_no_write_nothing(run: Install, config: Path) -> None:
    for ask in (None, lambda _: False):
        with pytest.raises(RefusedError) as caught:
            run(ask)
        assert (caught.value.code, caught.value.exit_code) == (ErrorCode.NOT_CONFIRMED, 4)
    assert [each.name for each in config.parent.iterdir()] == ["mcp.json"]
    assert config.read_text() == OTHERS


def test_a_dry_run_shows_the_change_and_writes_nothing(run: Install, config: Path) -> None:
    view = run(dry_run=True)
    assert view.state == "shown"
    assert view.diff
    assert config.read_text() == OTHERS


def test_a_file_with_comments_is_left_alone_and_the_text_to_paste_is_given(
    run: Install, tmp_path: Path
) -> None:
    path = tmp_path / "mcp.json"
    path.write_text('{\n  // mine\n  "servers": {}\n}\n')
    with pytest.raises(InputError) as caught:
        run(client=McpClient.VSCODE, file=path, yes=True)
    assert caught.value.location is not None
    assert caught.value.location.line == 2
    snippet = json.loads(str(caught.value.next_step).partition("\n")[2])
    assert snippet["servers"]["okta-plan"]["type"] == "stdio"
    assert path.read_text() == '{\n  // mine\n  "servers": {}\n}\n'


def test_a_file_that_another_program_changes_meanwhile_is_left_to_it(run: Install, config: Path) -> None:
    def ask(_: InstallView) -> bool:
        config.write_text('{"theirs": 1}')
        return True

    with pytest.raises(InputError) as caught:
        run(ask)
    assert caught.value.code is ErrorCode.FILE_CHANGED
    assert config.read_text() == '{"theirs": 1}'


@pytest.mark.parametrize(
    "content", [b"\xff\xfe{\x00", b'{"mcpServers": {"okta-plan": {"url": "https://x"}}}']
)
def test_what_cannot_be_merged_is_refused(run: Install, config: Path, content: bytes) -> None:
    config.write_bytes(content)
    with pytest.raises(InputError):
        run(yes=True)
    assert config.read_bytes() == content


def test_a_byte_order_mark_and_line_ends_of_windows_are_kept(run: Install, config: Path) -> None:
    config.write_bytes(b"\xef\xbb\xbf" + OTHERS.replace("\n", "\r\n").encode())
    run(yes=True)
    content = config.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf{\r\n")
    assert content.count(b"\n") == content.count(b"\r\n")


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege there")
def test_a_linked_configuration_stays_a_link(run: Install, config: Path, tmp_path: Path) -> None:
    real = config.rename(tmp_path / "dotfiles.json")
    config.symlink_to(real)
    run(yes=True)
    assert config.is_symlink()
    assert entry(real)["command"] == PROGRAM


def test_a_new_file_is_for_its_owner_only(run: Install, config: Path) -> None:
    config.unlink()
    view = run(yes=True)
    assert view.backup is None
    assert stat.S_IMODE(config.stat().st_mode) & 0o077 == 0 or sys.platform == "win32"


def test_a_folder_that_is_no_workspace_is_not_written_down(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        install(desk(tmp_path), Wanted(McpClient.CURSOR, yes=True), machine(tmp_path), None)
    assert caught.value.code is ErrorCode.NO_WORKSPACE


def test_settings_that_only_this_shell_has_are_named(tmp_path: Path, workspace: Path) -> None:
    here = machine(tmp_path, OKTA_API_TOKEN="00shell")
    view = install(desk(workspace), Wanted(McpClient.CURSOR, dry_run=True), here, None)
    assert any("OKTA_API_TOKEN" in note for note in view.notes)
    assert "00shell" not in view.model_dump_json()


@pytest.mark.parametrize(
    ("client", "system", "expected"),
    [
        ("claude-desktop", "linux", ".config/Claude/claude_desktop_config.json"),
        ("claude-desktop", "darwin", "Library/Application Support/Claude/claude_desktop_config.json"),
        ("claude-desktop", "win32", "AppData/Roaming/Claude/claude_desktop_config.json"),
        ("claude-code", "linux", ".claude.json"),
        ("claude-code", "win32", ".claude.json"),
        ("vscode", "linux", ".config/Code/User/mcp.json"),
        ("vscode", "darwin", "Library/Application Support/Code/User/mcp.json"),
        ("vscode", "win32", "AppData/Roaming/Code/User/mcp.json"),
        ("cursor", "darwin", ".cursor/mcp.json"),
    ],
)
def test_each_client_has_its_file_on_each_system(
    tmp_path: Path, client: str, system: str, expected: str
) -> None:
    found = config_file(client_named(client), Scope.USER, machine(tmp_path, system), tmp_path)
    assert found == tmp_path / expected


def test_folders_that_the_environment_names_are_followed(tmp_path: Path) -> None:
    roaming = machine(tmp_path, "win32", APPDATA=str(tmp_path / "R"))
    assert config_file(McpClient.VSCODE, Scope.USER, roaming, tmp_path).is_relative_to(tmp_path / "R")
    own = machine(tmp_path, CLAUDE_CONFIG_DIR=str(tmp_path / "c"), XDG_CONFIG_HOME=str(tmp_path / "x"))
    assert config_file(McpClient.CLAUDE_CODE, Scope.USER, own, tmp_path) == tmp_path / "c" / ".claude.json"
    assert config_file(McpClient.CLAUDE_DESKTOP, Scope.USER, own, tmp_path).is_relative_to(tmp_path / "x")


def test_a_packaged_claude_desktop_on_windows_reads_a_folder_of_its_own(tmp_path: Path) -> None:
    here = machine(tmp_path, "win32")
    packages = tmp_path / "AppData" / "Local" / "Packages"
    (packages / "Claude_pzs8sxrjxfjjc" / "LocalCache").mkdir(parents=True)
    found = config_file(McpClient.CLAUDE_DESKTOP, Scope.USER, here, tmp_path)
    expected = "Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json"
    assert found == packages / expected
    (packages / "Claude_other" / "LocalCache").mkdir(parents=True)
    with pytest.raises(InputError):
        config_file(McpClient.CLAUDE_DESKTOP, Scope.USER, here, tmp_path)


def test_a_workspace_has_files_of_its_own_for_the_clients_that_read_them(tmp_path: Path) -> None:
    here = machine(tmp_path)
    found = [config_file(each, Scope.WORKSPACE, here, tmp_path) for each in list(McpClient)[1:]]
    assert found == [tmp_path / each for each in (".mcp.json", ".vscode/mcp.json", ".cursor/mcp.json")]
    with pytest.raises(UsageError):
        config_file(McpClient.CLAUDE_DESKTOP, Scope.WORKSPACE, here, tmp_path)


@pytest.mark.parametrize(
    "call", [lambda: client_named("zed"), lambda: scope_named("all")], ids=["client", "scope"]
)
def test_names_that_are_not_known_are_usage_errors(call: Callable[[], object]) -> None:
    with pytest.raises(UsageError):
        call()


@pytest.mark.parametrize("name", ["", "a b", "x" * 49, "a.b"])
def test_a_server_name_that_clients_cannot_put_before_tools_is_refused(run: Install, name: str) -> None:
    with pytest.raises(OktaPlanError):
        run(name=name, yes=True)


def test_the_running_program_is_named_by_its_absolute_path(tmp_path: Path) -> None:
    program = tmp_path / "okta-plan"
    program.touch()
    assert running_command(str(program), "/usr/bin/python3") == (str(program),)
    on_windows = tmp_path / "Scripts" / "okta-plan.exe"
    on_windows.parent.mkdir()
    on_windows.touch()
    assert running_command(str(on_windows.with_suffix("")), "py") == (str(on_windows),)
    started = running_command("/x/pipeline/__main__.py", "/usr/bin/python3")
    assert started == ("/usr/bin/python3", "-m", "pipeline")
