"""Runs the jobs of CI files as a runner would: by bash, in a checkout of its own, handing artifacts on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

from tests.path.box import ROOT

EXPRESSION = re.compile(r"\$\{\{\s*([\w.]+)\s*\}\}")
TOOL = """#!/usr/bin/env bash
case "$1" in apply) echo "$$" > "$APPLY_PID" ;; esac
exec "{python}" -m pipeline "$@"
"""
FAKE = """#!/usr/bin/env bash
printf '%s\\n' "$@" >> "{told}"
for word in "$@"; do if [ -f "${{word##*@}}" ]; then cat "${{word##*@}}" >> "{told}"; fi; done
case " $* " in *" --method "*|*" --request "*) echo '{{}}' ;; *) cat "{answer}" ;; esac
"""


@dataclass
class Ended:
    """How a job ended, and what its last step that failed printed."""

    result: str
    code: int
    output: str
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass
class Runner:
    """``contexts`` are what expressions of GitHub stand for; ``variables`` what the environment holds."""

    folder: Path
    repository: Path
    contexts: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    while_running: Callable[[], object] | None = None
    """Called beside each step that applies."""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.told = self.folder / "told"
        self.answer = self.folder / "answer"
        """What the fakes of gh and curl answer to a question."""
        self.answer.write_text("", "utf-8")
        self.apply_pid = self.folder / "apply.pid"
        self.artifacts = self.folder / "artifacts"
        self.summary = self.folder / "summary.md"
        tools = self.folder / "bin"
        tools.mkdir(parents=True, exist_ok=True)
        texts = {"okta-plan": TOOL.format(python=sys.executable)}
        texts |= {name: FAKE.format(told=self.told, answer=self.answer) for name in ("gh", "curl")}
        for name, text in texts.items():
            (tools / name).write_text(text, "utf-8")
            (tools / name).chmod(0o755)
        python = tools / "python"
        if not python.exists():
            python.symlink_to(sys.executable)

    def checkout(self, name: str) -> Path:
        """A new checkout; it holds nothing but what was committed."""
        place = self.folder / name
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run(["git", "clone", "--quiet", str(self.repository), str(place)], check=True)
        return place

    def github(self, workflow: Path, job: str) -> Ended:
        """One job of a workflow file."""
        steps = yaml.safe_load(workflow.read_text("utf-8"))["jobs"][job]["steps"]
        place = self.checkout(job)
        ended = Ended("success", 0, "")
        for step in steps:
            if ended.result != "success" and step.get("if") != "always()":
                continue
            if "uses" in step:
                self._use(step["uses"].partition("@")[0], step.get("with", {}), place)
            elif step["name"] != "Install okta-plan":
                self._github_step(step, place, ended)
        return ended

    def _github_step(self, step: dict[str, Any], place: Path, ended: Ended) -> None:
        assert "${{" not in step["run"], "expressions in a shell let others write it"
        output = self.folder / "output"
        output.write_text("", "utf-8")
        env = {name: self._resolved(value) for name, value in step.get("env", {}).items()}
        env |= {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(self.summary)}
        code, printed = self._bash(step["run"], place, env, in_pieces=False)
        ended.outputs |= dict(line.split("=", 1) for line in output.read_text("utf-8").splitlines())
        if code:
            ended.result, ended.code, ended.output = "failure", code, printed

    def _resolved(self, value: str) -> str:
        return EXPRESSION.sub(lambda found: self.contexts[found[1]], value)

    def _use(self, action: str, given: dict[str, Any], place: Path) -> None:
        if action == "actions/upload-artifact":
            self._upload(given["name"], given["path"].splitlines(), place, given.get("include-hidden-files"))
        elif action == "actions/download-artifact":
            target = place / given.get("path", "")
            shutil.copytree(self.artifacts / given["name"], target, dirs_exist_ok=True)
        else:
            assert action in ("actions/checkout", "actions/setup-python"), action

    def _upload(
        self, name: str, paths: list[str], place: Path, hidden: object, *, shortens: bool = True
    ) -> None:
        """As the action does: hidden files where that is said alone, and one path without the folders above
        it. GitLab keeps those.
        """
        kept = self.artifacts / name
        shutil.rmtree(kept, ignore_errors=True)
        found = [each for each in place.rglob("*") if each.is_file()]
        wanted = [line for line in paths if not line.startswith("!")]
        left_out = [line[1:] for line in paths if line.startswith("!")]
        chosen = [each for each in found if _is_in(each.relative_to(place), wanted)]
        chosen = [each for each in chosen if not _is_in(each.relative_to(place), left_out)]
        shared = place / Path(wanted[0]).parent if shortens and len(wanted) == 1 else place
        for each in chosen:
            inside = each.relative_to(place)
            if hidden or not any(part.startswith(".") for part in inside.parts):
                target = kept / each.relative_to(shared)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(each, target)

    def gitlab(self, file: Path, job: str) -> Ended:
        """One job of a GitLab file, with the artifacts of the jobs that it needs."""
        document = yaml.safe_load(file.read_text("utf-8"))
        own = document[job]
        told = {**document.get(own.get("extends", ""), {}), **own}
        place = self.checkout(job)
        for need in told.get("needs", []):
            if isinstance(need, dict) and (self.artifacts / need["job"]).is_dir():
                shutil.copytree(self.artifacts / need["job"], place, dirs_exist_ok=True)
        env = {**document.get("variables", {}), **told.get("variables", {}), **self.variables}
        code, printed = self._bash("\n".join(told["script"]), place, env, in_pieces=True)
        for script in told.get("after_script", []):
            self._bash(script, place, env, in_pieces=True)
        artifacts = told.get("artifacts", {})
        if artifacts:
            excluded = [f"!{each}" for each in artifacts.get("exclude", [])]
            self._upload(job, [*artifacts["paths"], *excluded], place, hidden=True, shortens=False)
        return Ended("failure" if code else "success", code, printed)

    def _bash(self, script: str, place: Path, env: Mapping[str, str], *, in_pieces: bool) -> tuple[int, str]:
        """GitHub's `bash` and GitLab's runner both stop at the first command that fails, pipes included."""
        own = {key: value for key, value in os.environ.items() if not key.startswith(("OKTA_", "GITHUB_"))}
        own |= {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "RUNNER_TEMP": str(self.folder),
            "APPLY_PID": str(self.apply_pid),
        }
        options = ["-eo", "pipefail"] if in_pieces else ["--noprofile", "--norc", "-eo", "pipefail"]
        process = subprocess.Popen(
            ["bash", *options, "-c", script],
            cwd=place,
            env={**own, **env, **self.variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if self.while_running is not None and "okta-plan apply" in script:
            self.while_running()
        printed, _ = process.communicate(timeout=180)
        return process.returncode, printed


def _is_in(path: Path, patterns: list[str]) -> bool:
    text = path.as_posix()
    return any(text == each or text.startswith(f"{each}/") or fnmatch(text, each) for each in patterns)
