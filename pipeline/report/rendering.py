"""The formats in which a view can be shown, each from the same view."""

from __future__ import annotations

from pipeline.envelope import View, to_json
from pipeline.errors import ErrorCode, UsageError
from pipeline.formats import Format
from pipeline.review.model import Review
from pipeline.review.of_view import review_of


def in_format(view: View, wanted: Format, link: str | None = None) -> str:
    """``view`` as a whole document. ``link`` is where the whole page can be read, for Markdown. Raises
    UsageError where the link is no web address.
    """
    match wanted:
        case Format.JSON:
            return to_json(view)
        case Format.TEXT:
            return _text(view)
        case Format.MARKDOWN:
            from pipeline.report.review_markdown import review_markdown

            return review_markdown(_review(view), link=_web_address(link))
        case Format.HTML:
            from pipeline.report.page import review_page

            return review_page(_review(view))


def _text(view: View) -> str:
    from rich.console import Console

    from pipeline.report.terminal import render
    from pipeline.report.text import WIDE

    console = Console(
        record=False, width=WIDE, highlight=False, soft_wrap=True, emoji=False, color_system=None
    )
    with console.capture() as captured:
        render(view, console)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _review(view: View) -> Review:
    review = review_of(view)
    if review is None:
        raise TypeError(f"no page for {type(view).__name__}")
    return review


def _web_address(link: str | None) -> str | None:
    if link is None:
        return None
    is_plain = link.isascii() and link.isprintable() and not set(link) & set(" <>\"'`\\")
    if not is_plain or not link.startswith(("https://", "http://")):
        raise UsageError(
            ErrorCode.USAGE,
            "The command line cannot be used",
            f"--link {link!r}: this is no web address.",
            next_step="Give the address where the page will lie: https://...",
        )
    return link
