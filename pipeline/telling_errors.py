"""How the terminal door tells of errors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from pipeline.errors import ErrorCode, Exit, InputError, OktaPlanError, UsageError
from pipeline.standard_streams import to_stdout, write_utf8

if TYPE_CHECKING:
    from pipeline.masking import Mask

BEFORE_THE_COMMAND = {
    "--debug": "--debug",
    "--workspace": "--workspace FOLDER",
    "--log-file": "--log-file FILE",
}
"""Options of the program, which people write behind a command, with what they take."""


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
    # Behind it the parser lists options that are spelled alike: none of them is meant.
    plainly = said.split(" (Possible options: ", maxsplit=1)[0]
    early = next((each for each in BEFORE_THE_COMMAND if plainly == f"No such option: {each}"), None)
    known = UsageError(
        ErrorCode.USAGE,
        "The command line cannot be used",
        plainly if early else said,
        next_step=f"It goes before the command: `okta-plan {BEFORE_THE_COMMAND[early]} {command} ...`."
        if early
        else help_of,
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
    takes_value = {option for option, shown in BEFORE_THE_COMMAND.items() if shown != option}
    left = iter(words)
    for word in left:
        if not word.startswith("-"):
            return word
        if word in takes_value:
            next(left, None)
    return ""


def _wants_json(words: list[str]) -> bool:
    given = " ".join(words)
    return "--json" in words or "--format json" in given or "--format=json" in given
