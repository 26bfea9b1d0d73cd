"""How the terminal door tells of errors."""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING

import typer

from pipeline.errors import ErrorCode, Exit, InputError, OktaPlanError, UsageError
from pipeline.standard_streams import to_stdout, write_utf8

if TYPE_CHECKING:
    from pipeline.masking import Mask

TAKE_A_VALUE = {"--workspace", "--log-file"}
OF_THE_PROGRAM = {"--debug", *TAKE_A_VALUE}
"""Options of the program itself, which people write before the command or behind it."""


def options_first(words: list[str]) -> list[str]:
    """The words of a command line with the program's own options before the command, where the parser
    expects them. What follows ``--`` stays where it is.
    """
    first: list[str] = []
    rest: list[str] = []
    left = iter(words)
    for word in left:
        if word == "--":
            rest += [word, *left]
        elif word.partition("=")[0] in OF_THE_PROGRAM:
            first += [word, *(islice(left, 1) if word in TAKE_A_VALUE else ())]
        else:
            rest.append(word)
    return [*first, *rest]


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
    try:
        to_stdout(lambda: write_utf8(to_json(answer))) if json else render_error(answer)
    except InputError as unwritten:
        render_error(error_answer(unwritten, command))


def show_usage(error: typer.TyperException, *, debug: bool) -> int:
    """Tell what is off on the command line; returns the exit code."""
    command = _refused_command(error) or _command(sys.argv[1:])
    # The parser's own sentence, without the frame it would print around it.
    message = getattr(error, "format_message", None)
    said = str(message() if callable(message) else error)
    is_known = bool(command) and not said.startswith(f"No such command '{command}'")
    help_of = f"See `okta-plan {command} --help`." if is_known else "See `okta-plan --help`."
    known = UsageError(
        ErrorCode.USAGE,
        "The command line cannot be used",
        said,
        next_step=help_of,
    )
    show_error(known, command, json=_wants_json(sys.argv), debug=debug)
    return Exit.USAGE


def show_unforeseen(error: Exception, *, debug: bool, mask: Mask | None = None) -> int:
    """Tell of a defect in a sentence; returns the exit code."""
    command = _command(sys.argv[1:])
    known = OktaPlanError(
        ErrorCode.INTERNAL,
        "Something unforeseen went wrong",
        f"{type(error).__name__} in `{command}`. This is a defect of okta-plan.",
        next_step="Run the command again with --debug and report what it prints.",
    )
    known.__cause__ = error
    show_error(known, command, json=_wants_json(sys.argv), debug=debug, mask=mask)
    return Exit.ERROR


def _refused_command(error: typer.TyperException) -> str:
    """The command that the parser was at, "emulator serve"; "" where it had come to none.

    A hidden command stands for its group: `runs` is parsed as `runs show`.
    """
    at = getattr(error, "ctx", None)
    if at is not None and at.command.hidden:
        at = at.parent
    return str(at.command_path).partition(" ")[2] if at is not None else ""


def _command(words: list[str]) -> str:
    """The command among the words of a command line; "" where there is none."""
    left = iter(words)
    for word in left:
        if not word.startswith("-"):
            return word
        if word in TAKE_A_VALUE:
            next(left, None)
    return ""


def _wants_json(words: list[str]) -> bool:
    given = " ".join(words)
    return "--json" in words or "--format json" in given or "--format=json" in given
