"""One value set in a JSON text: nothing else in it moves."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.use_cases.config_text import NotPlainJsonError, read_object, with_value
from tests.effort import examples

KEYS = ("servers", "okta-plan")
ENTRY = {"command": "/opt/okta plan/bin/okta-plan", "args": ["mcp"], "env": {"OKTA_PLAN_HOME": "C:\\a\\b"}}

leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from([1e5, 0.1, -2.5])
documents = st.dictionaries(
    st.text(max_size=5) | st.sampled_from(["servers", "inputs"]),
    st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)
servers = st.none() | st.dictionaries(st.text(max_size=5) | st.just("okta-plan"), leaves, max_size=3)
layouts = st.sampled_from([None, 1, 2, 4, "\t"])
newlines = st.sampled_from(["\n", "\r\n"])


def dumped(document: Any, indent: int | str | None, newline: str, *, ascii_only: bool) -> str:
    return json.dumps(document, indent=indent, ensure_ascii=ascii_only).replace("\n", newline) + newline


@settings(max_examples=examples(60), deadline=None)
@given(documents, servers, layouts, newlines, st.booleans())
def test_the_value_is_set_and_the_rest_stays_byte_for_byte(
    document: dict[str, Any],
    listed: dict[str, Any] | None,
    indent: int | str | None,
    newline: str,
    ascii_only: bool,
) -> None:
    document.pop("servers", None)
    if listed is not None:
        document["servers"] = listed
    text = dumped(document, indent, newline, ascii_only=ascii_only)

    after = with_value(text, KEYS, ENTRY)

    expected = {**document, "servers": {**(listed or {}), "okta-plan": ENTRY}}
    assert json.loads(after) == expected
    assert list(json.loads(after)) == list(expected)
    assert with_value(after, KEYS, ENTRY) == after
    if indent is not None and document:
        assert after == dumped(expected, indent, newline, ascii_only=ascii_only)


def test_numbers_escapes_and_odd_layout_of_others_survive() -> None:
    text = (
        '{ "n": 1.0e5,\n\n   "u": "\\u00e9\\/", "a":[1,\n2],\n'
        '   "servers" : { "x" :{"big":123456789012345678901.50} } }'
    )
    after = with_value(text, KEYS, ENTRY)
    without = re.sub(r', "okta-plan": \{.*?\}\}', "", after)
    assert without == text


@pytest.mark.parametrize("text", ["", "  \n", "{}", "{ }\n", '{"servers": {}}'])
def test_an_empty_text_gets_the_entry(text: str) -> None:
    assert json.loads(with_value(text, KEYS, ENTRY)) == {"servers": {"okta-plan": ENTRY}}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{\n  // mine\n  "servers": {}\n}', (2, 3)),
        ('{"servers": {"x": 1,}}', (1, 21)),
        ('{"servers": {}} {}', (1, 17)),
        ("[]", None),
        ('{"servers": []}', None),
        ('{"servers": {}, "servers": {}}', None),
        ('{"servers": {"okta-plan": {}, "okta-plan": {}}}', None),
        ("[" * 100_000, None),
    ],
)
def test_what_cannot_be_edited_without_guessing_is_refused(text: str, where: tuple[int, int] | None) -> None:
    with pytest.raises(NotPlainJsonError) as caught:
        with_value(text, KEYS, ENTRY)
    assert where is None or caught.value.where == where


def test_a_text_is_read_as_the_object_it_is() -> None:
    assert read_object('{"a": 1}') == {"a": 1}
