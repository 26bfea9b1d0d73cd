"""How a command answers: the options before it, its desk, its view or its error, its exit code."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from pipeline.errors import OktaPlanError
from pipeline.formats import Format
from pipeline.standard_streams import to_stdout, write_utf8
from pipeline.telling_errors import show_error

if TYPE_CHECKING:
    from pipeline.envelope import View
    from pipeline.masking import Mask
    from pipeline.use_cases.applying import Person
    from pipeline.use_cases.desk import Desk

R = TypeVar("R")
V = TypeVar("V", bound="View")


@dataclass(slots=True)
class Switches:
    """The options of the program itself."""

    workspace: Path | None = None
    debug: bool = False
    log_file: Path | None = None
    mask: Mask | None = None
    """Of the desk that was opened; None before there is one."""

    def masked(self, view: V) -> V:
        """``view`` as it may be shown."""
        return self.mask.view(view) if self.mask else view


switches = Switches()


@dataclass(frozen=True, slots=True)
class Shape:
    """How an answer is wanted: in which format, in a file or on stdout."""

    format: Format = Format.TEXT
    output: Path | None = None
    link: str | None = None
    """Where the whole page will lie."""

    @classmethod
    def of(
        cls, wanted: Format | None, *, json: bool, output: Path | None = None, link: str | None = None
    ) -> Shape:
        """``--json`` says the same as ``--format json``."""
        return cls(Format.JSON if json else wanted or Format.TEXT, output, link)

    @property
    def is_json(self) -> bool:
        return self.format is Format.JSON


def open_desk(org: Path | None = None) -> Desk:
    """What a verb is called with: this workspace, and the org of an org file where one is given."""
    from pipeline.use_cases.live import live_desk

    desk = live_desk(switches.workspace, org, switches.log_file)
    switches.mask = desk.mask
    return desk


def person_at_terminal(json: bool) -> Person:
    """Who can be asked and shown progress: a person at a terminal, both on stderr."""
    from pipeline.report.progress import show_progress
    from pipeline.report.terminal import ask
    from pipeline.use_cases.applying import Person

    can_ask = not json and sys.stdin.isatty() and sys.stderr.isatty()
    return Person(ask=(lambda view: ask(switches.masked(view))) if can_ask else None, show=show_progress())


def answer_async(
    command: str, shape: Shape | bool, org: Path | None, call: Callable[[Desk], Awaitable[View]]
) -> None:
    """`answer` of a verb that talks to Okta."""
    from pipeline.use_cases.live import run_live

    answer(command, shape, lambda: run_live(lambda: open_desk(org), call))


def answer(command: str, shape: Shape | bool, call: Callable[[], View]) -> None:
    """Call a verb, show its view, leave with its exit code. ``shape`` is whether JSON is wanted, where a
    command has no other formats.
    """
    wanted = Shape.of(None, json=shape) if isinstance(shape, bool) else shape
    view = switches.masked(guarded(command, wanted.is_json, call))
    # what stdout did not take is told on stderr
    guarded(command, wanted.is_json and wanted.output is not None, lambda: _tell(view, wanted))
    raise typer.Exit(view.exit_code)


def _tell(view: View, shape: Shape) -> None:
    """Every view that a command shows leaves through here."""
    from pipeline.report.rendering import in_format
    from pipeline.report.terminal import render

    if shape.format is Format.TEXT and shape.output is None:
        to_stdout(lambda: render(view))
        return
    text = in_format(view, shape.format, shape.link)
    if shape.output is None:
        to_stdout(lambda: write_utf8(text))
        return
    from pipeline.use_cases.storing import write_text

    sys.stderr.write(f"Wrote {write_text(open_desk(), shape.output, text)}\n")


def guarded(command: str, json: bool, call: Callable[[], R]) -> R:
    """What ``call`` returns; an expected error is shown, and its exit code is ours."""
    try:
        return call()
    except OktaPlanError as error:
        show_error(error, command, json=json, debug=switches.debug, mask=switches.mask)
        raise typer.Exit(int(error.exit_code)) from None
