"""How the terminal door tells of errors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from pipeline.errors import ErrorCode, Exit, OktaPlanError, UsageError

if TYPE_CHECKING:
    from pipeline.masking import Mask


def show_error(
    error: OktaPlanError, command: str, *, json: bool, debug: bool, mask: Mask | None = None
) -> None:
    """Tell what is wrong, on stderr or as JSON; ``debug`` adds the traceback. Names of people are masked."""
    from pipeline.envelope import error_answer, to_json
    from pipeline.report.terminal import render_error

    answer = error_answer(error, command)
    if mask is not None:
        mask.learn(error.people)
        answer = mask.view(answer)
    if debug:
        import traceback

        trace = "".join(traceback.format_exception(error))
        sys.stderr.write(mask.text(trace) if mask else trace)
    sys.stdout.write(to_json(answer)) if json else render_error(answer)


def show_usage(error: typer.TyperException, *, debug: bool) -> int:
    """Tell what is off on the command line; returns the exit code."""
    command = " ".join(word for word in sys.argv[1:2] if not word.startswith("-"))
    # The parser's own sentence, without the frame it would print around it.
    message = getattr(error, "format_message", None)
    said = str(message() if callable(message) else error)
    is_known = bool(command) and not said.startswith("No such command")
    known = UsageError(
        ErrorCode.USAGE,
        "The command line cannot be used",
        said,
        next_step=f"See `okta-plan {command} --help`." if is_known else "See `okta-plan --help`.",
    )
    show_error(known, command, json=_wants_json(sys.argv), debug=debug)
    return Exit.USAGE


def show_unforeseen(error: Exception, *, debug: bool, mask: Mask | None = None) -> int:
    """Tell of a defect in a sentence; returns the exit code."""
    command = " ".join(sys.argv[1:2])
    known = OktaPlanError(
        ErrorCode.INTERNAL,
        "Something unforeseen went wrong",
        f"{type(error).__name__} in `{command}`. This is a defect of okta-plan.",
        next_step="Run the command again with --debug and report what it prints.",
    )
    known.__cause__ = error
    show_error(known, command, json=_wants_json(sys.argv), debug=debug, mask=mask)
    return Exit.ERROR


def _wants_json(words: list[str]) -> bool:
    given = " ".join(words)
    return "--json" in words or "--format json" in given or "--format=json" in given
