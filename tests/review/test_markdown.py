"""The text for a pull request: bounded, exact in its counts, risk before detail."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.formats import Format
from pipeline.report.rendering import in_format
from pipeline.report.review_markdown import MOST, code, review_markdown
from pipeline.review.of_changes import review_changes
from tests.effort import examples
from tests.review.made import drawn, saying

SIZES = st.lists(st.one_of(st.integers(1, 6), st.integers(1, 400)), max_size=60)


@settings(max_examples=examples(40), deadline=None)
@given(SIZES, st.integers(4_000, MOST))
def test_it_never_grows_too_long_and_its_counts_are_exact(sizes: list[int], most: int) -> None:
    view = drawn(sizes)
    text = review_markdown(review_changes(view), most=most)
    assert len(text) <= most
    numbers = (
        text.split("| ---: |", 1)[1]
        .splitlines()[1]
        .replace("*", "")
        .replace(",", "")
        .strip("| ")
        .split(" | ")
    )
    taken = sum(bool(each.removes) for each in view.changes)
    given_ = sum(bool(each.adds) for each in view.changes)
    assert [int(each) for each in numbers] == [taken, len(view.held), given_, len(view.changes), 0, 0]


@settings(max_examples=examples(40), deadline=None)
@given(SIZES)
def test_what_is_listed_and_what_is_left_out_add_up(sizes: list[int]) -> None:
    text = review_markdown(review_changes(drawn(sizes)), most=6_000)
    for title, total in re.findall(r"### (Cohorts|Values): ([\d,]+)", text):
        part = text.split(f"### {title}: {total}", 1)[1].split("\n### ", 1)[0]
        listed = len(re.findall(r"^- (?!\.\.\. and)", part, re.MULTILINE))
        more = sum(
            int(each.replace(",", ""))
            for each in re.findall(r"^- \.\.\. and ([\d,]+) more", part, re.MULTILINE)
        )
        assert listed + more == int(total.replace(",", ""))


def test_the_longest_of_everything_fits_too() -> None:
    for kind in ("plan", "person", "changes", "comparison", "run", "runs"):
        assert len(in_format(saying(kind, "`|x" * 5_000), Format.MARKDOWN)) <= MOST


def test_the_page_is_linked_where_its_address_is_known() -> None:
    view = drawn([2])
    assert "(<https://ci.example/run/7/erp.html>)" in in_format(
        view, Format.MARKDOWN, "https://ci.example/run/7/erp.html"
    )
    assert "](<" not in in_format(view, Format.MARKDOWN)
    for bad in (
        "javascript:alert(1)",
        "ftp://x",
        "https://x/ y",
        "https://x/>)[y](https://z",
        "https://x/\u202e",
    ):
        with pytest.raises(UsageError):
            in_format(view, Format.MARKDOWN, bad)


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_a_code_span_is_read_back_as_what_was_put_in(text: str) -> None:
    from markdown_it import MarkdownIt

    from pipeline.visible import visible

    [_, inline, _] = MarkdownIt("commonmark").parse(f"x {code(text)} x")
    assert [each.content for each in inline.children or [] if each.type == "code_inline"] == [
        visible(text) or " "
    ]
