"""The whole story on a sample, through the same verbs, in a temporary workspace."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from pipeline.envelope import View
from pipeline.report.terminal import render, say
from pipeline.use_cases import applying, generating, online
from pipeline.use_cases.desk import Desk
from pipeline.use_cases.live import live_desk, run_live
from pipeline.views import DemoView, StepView

CSV = "csv/sample_medium_denormalized.csv"
PLAN = "plans/sample_medium_denormalized.yaml"
ORG = "org.yaml"

V = TypeVar("V", bound=View)


def run_demo(*, show_steps: bool, show_progress: Callable[..., None]) -> DemoView:
    """Tell the story; ``ok`` where every step ended with exit code 0. Raises what the steps raise."""
    with tempfile.TemporaryDirectory(prefix="okta-plan-demo-") as folder:
        workspace = Path(folder)
        _furnish(workspace)
        story = _Story(workspace, show_steps=show_steps, show_progress=show_progress)
        story.tell()
    ok = all(step.exit_code == 0 for step in story.steps)
    return DemoView(ok=ok, exit_code=0 if ok else 1, steps=story.steps)


def _furnish(workspace: Path) -> None:
    (workspace / "csv").mkdir()
    (workspace / "plans").mkdir()
    material = files("pipeline.demo")
    (workspace / CSV).write_bytes((material / Path(CSV).name).read_bytes())
    (workspace / ORG).write_bytes((material / ORG).read_bytes())


class _Story:
    def __init__(self, workspace: Path, *, show_steps: bool, show_progress: Callable[..., None]) -> None:
        self._workspace = workspace
        self._show_steps = show_steps
        self._person = applying.Person(show=show_progress) if show_steps else applying.Person()
        self.steps: list[StepView] = []

    def tell(self) -> None:
        self._say("An export says who has which role. What does it hold?")
        self._offline(f"analyze {CSV}", lambda desk: generating.analyze(desk, CSV))
        self._say("It becomes a plan: a file that people review in git.")
        self._offline(
            f"generate {CSV} --app ERP",
            lambda desk: generating.generate(desk, [CSV], generating.Wanted(okta_app="ERP")),
        )
        self._say("The plan is compared with the tenant (here: an emulator). Alice holds something already.")
        self._online(f"diff {PLAN} --org {ORG}", lambda desk: online.diff(desk, PLAN))
        self._say("Carried out: paced, journaled, verified by reading back.")
        self._online(f"apply {PLAN} --org {ORG} --yes", self._apply)
        self._say("Does the tenant hold what the plan says?")
        self._online(f"verify {PLAN} --org {ORG}", lambda desk: online.verify(desk, PLAN))
        self._say("Applied again, there is nothing to do.")
        self._online(f"apply {PLAN} --org {ORG} --yes", self._apply)

    def _apply(self, desk: Desk) -> Awaitable[View]:
        return applying.apply(desk, applying.ApplyRequest(plan=PLAN, yes=True), self._person)

    def _offline(self, command: str, call: Callable[[Desk], View]) -> None:
        self._announce(command)
        self._enter(command, call(live_desk(self._workspace)))

    def _online(self, command: str, call: Callable[[Desk], Awaitable[View]]) -> None:
        self._announce(command)
        self._enter(command, run_live(lambda: live_desk(self._workspace, self._workspace / ORG), call))

    def _announce(self, command: str) -> None:
        self._say(f"$ okta-plan {command}")

    def _say(self, text: str) -> None:
        if self._show_steps:
            say(text)

    def _enter(self, command: str, view: View) -> None:
        self.steps.append(StepView(command=f"okta-plan {command}", exit_code=view.exit_code))
        if self._show_steps:
            render(view)
