"""The filter grammar: what is written is read back, and a bad text is a FilterError and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.emulator.filters import Comparison, Expression, FilterError, Joined, parse, quoted

ATTRIBUTES = st.sampled_from(["profile.login", "parent.externalId", "status", "name"])
COMPARISONS = st.one_of(
    st.builds(Comparison, ATTRIBUTES, st.sampled_from(["eq", "sw", "co", "gt"]), st.text(max_size=20)),
    st.builds(Comparison, ATTRIBUTES, st.just("pr"), st.just("")),
)


def joined(terms: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    several = st.lists(terms, min_size=2, max_size=4).map(tuple)
    return st.builds(Joined, st.sampled_from(["and", "or"]), several)


EXPRESSIONS = st.recursive(COMPARISONS, joined, max_leaves=12)


def written(expression: Expression, word_case: bool = False) -> str:
    if isinstance(expression, Comparison):
        value = "" if expression.operator == "pr" else f" {quoted(expression.value)}"
        return f"{expression.attribute} {expression.operator}{value}"
    word = expression.word.upper() if word_case else expression.word
    return f" {word} ".join(_inner(term, word_case) for term in expression.terms)


def _inner(term: Expression, word_case: bool) -> str:
    return f"({written(term, word_case)})" if isinstance(term, Joined) else written(term, word_case)


@given(EXPRESSIONS, st.booleans())
def test_what_is_written_is_read_back(expression: Expression, word_case: bool) -> None:
    assert parse(written(expression, word_case)) == expression


@given(st.text(alphabet='ab. "\\()eqpror', max_size=40))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        parse(text)
    except FilterError:
        return


def test_and_binds_tighter_than_or() -> None:
    a, b, c = (Comparison(name, "pr", "") for name in "abc")
    assert parse("a pr or b pr and c pr") == Joined("or", (a, Joined("and", (b, c))))
    assert parse("(a pr or b pr) and c pr") == Joined("and", (Joined("or", (a, b)), c))


@pytest.mark.parametrize(
    "text",
    ["", "a", "a eq", "a eq b", 'a eq "b', 'a eq "b" c', 'a eq "b" and', "(a pr", "a pr)", "a like b", "()"],
)
def test_malformed(text: str) -> None:
    with pytest.raises(FilterError):
        parse(text)


def test_depth_and_length_have_an_end() -> None:
    with pytest.raises(FilterError, match="nested"):
        parse("(" * 5000 + "a pr" + ")" * 5000)
    with pytest.raises(FilterError, match="terms"):
        parse(" or ".join(["a pr"] * 201))
