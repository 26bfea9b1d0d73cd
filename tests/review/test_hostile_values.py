"""Whatever stands in a CSV, a plan or Okta is text in every view, and nothing hidden stays hidden."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from pipeline.formats import Format
from pipeline.report.markdown import run_report
from pipeline.report.rendering import in_format
from pipeline.views import RunsView
from pipeline.visible import cut, visible
from tests.review.hostile import HOSTILE, LONG
from tests.review.made import KINDS, saying

TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "a",
        "header",
        "p",
        "h1",
        "h2",
        "h3",
        "dl",
        "div",
        "dt",
    ),
    *(
        "dd",
        "nav",
        "ul",
        "li",
        "main",
        "section",
        "strong",
        "span",
        "svg",
        "rect",
        "article",
        "bdi",
        "ol",
        "table",
    ),
    *("thead", "tr", "th", "tbody", "td", "noscript", "label", "input", "select", "button", "kbd", "footer"),
    *("dialog", "form", "script", "code", "details", "summary"),
}


class Page(HTMLParser):
    """The tags, attributes and texts of a page, as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value or "" for name, value in attrs if name in {"href", "src", "action"}}

    def handle_data(self, data: str) -> None:  # the parser's own name for text
        self.text += data


def hidden(text: str) -> list[str]:
    return [each for each in text if each != "\n" and visible(each) != each]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_view_lets_a_value_be_more_than_text(text: str, kind: str) -> None:
    view = saying(kind, text)
    page, markdown, plain = (in_format(view, each) for each in (Format.HTML, Format.MARKDOWN, Format.TEXT))
    for shown in (page, markdown, plain):
        assert not hidden(shown)
    beginning = visible(text)[:60]
    # Narrow columns of a table break a long text.
    start = beginning.split()[0][:6] if kind == "runs" else beginning
    assert "".join(start.split()) in "".join(plain.split())
    found = Page(page)
    assert set(found.tags) <= TAGS
    assert found.tags.count("script") in {0, 2}
    assert not {each for each in found.attributes if each.startswith(("on", "style"))}
    assert all(link.startswith("#") for link in found.links)
    assert beginning in found.text
    assert beginning.replace("|", "\\u007c") in markdown or beginning in markdown
    assert not {token.type for token in tokens(markdown)} & {
        "link_open",
        "image",
        "html_inline",
        "html_block",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_in_markdown_a_value_stands_in_code_only(kind: str) -> None:
    for text in HOSTILE:
        loose = "".join(
            token.content
            for token in tokens(in_format(saying(kind, text), Format.MARKDOWN))
            if token.type == "text"
        )
        assert "evil" not in loose
        assert "pwned" not in loose
        assert "@" not in loose


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nor_does_the_report_in_the_folder_of_a_run(text: str) -> None:
    view = saying("run", text)
    assert isinstance(view, RunsView)
    assert view.told is not None
    report = run_report(view.told)
    assert not hidden(report)
    assert not {token.type for token in tokens(report)} & {"link_open", "image", "html_inline", "html_block"}
    assert "evil" not in "".join(token.content for token in tokens(report) if token.type == "text")


@pytest.mark.parametrize("kind", KINDS)
def test_ten_thousand_characters_are_cut_and_counted_in_lists(kind: str) -> None:
    for wanted in (Format.TEXT, Format.MARKDOWN):
        shown = in_format(saying(kind, LONG), wanted)
        assert "(10,000characters)" in "".join(shown.split())
        assert max(map(len, re.split(r"\s{2,}|\n", shown))) < 4_000


def test_a_text_is_on_one_line_and_shows_what_is_hidden_in_it() -> None:
    assert visible("a\u202eb\x1b[0m\nc\u200b\U000e0041") == "a\\u202eb\\u001b[0m\\u000ac\\u200b\\U000e0041"
    assert visible("\u3164\u2800\ufe0f") == "\\u3164\\u2800\\ufe0f"
    assert visible("\u05e2\u05d1 \u65e5\u672c e\u0301") == "\u05e2\u05d1 \u65e5\u672c e\u0301"
    assert visible("a\nb", keep="\n") == "a\nb"
    assert cut("abcdef", 3) == "abc... (6 characters)"
    assert cut("abc", 3) == "abc"


def tokens(markdown: str) -> list[Token]:
    """All tokens of a text, those in its lines too."""
    found: list[Token] = []
    for each in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown):
        found += [each, *(each.children or [])]
    return found
