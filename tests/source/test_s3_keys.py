"""Keys of S3, which anybody who may write to the bucket can choose."""

from __future__ import annotations

import os
import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.source.s3_keys import Reason, refusals
from tests.effort import examples

ROOT = "/workspace/csv"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("erp.csv", None),
        ("exports/2026/März/erp access (final).csv.gz", None),
        ("50%off.csv", None),
        ("a/processed/erp.csv", None),
        ("../erp.csv", Reason.LEADS_OUT),
        ("a/../../erp.csv", Reason.LEADS_OUT),
        ("/erp.csv", Reason.LEADS_OUT),
        ("a//erp.csv", Reason.LEADS_OUT),
        ("./erp.csv", Reason.LEADS_OUT),
        ("..\\erp.csv", Reason.LEADS_OUT),
        ("%2e%2e/erp.csv", Reason.LEADS_OUT),
        ("%252e%252E%252Ferp.csv", Reason.LEADS_OUT),
        ("a%5c..%5cerp.csv", Reason.LEADS_OUT),
        ("C:/erp.csv", Reason.UNSAFE_NAME),
        ("a\x00b.csv", Reason.UNPRINTABLE),
        ("a%00b.csv", Reason.UNPRINTABLE),
        ("a\nb.csv", Reason.UNPRINTABLE),
        ("\u202evsc.exe.csv", Reason.UNPRINTABLE),
        ("x" * 252 + ".csv", Reason.TOO_LONG),
        ("é" * 126 + ".csv", Reason.TOO_LONG),
        ("/".join(["abcdefgh"] * 120) + ".csv", Reason.TOO_LONG),
        (".env.csv", Reason.HIDDEN),
        (".git/hooks.csv", Reason.HIDDEN),
        ("CON.csv", Reason.UNSAFE_NAME),
        ("a/nul .csv", Reason.UNSAFE_NAME),
        ("com1/erp.csv", Reason.UNSAFE_NAME),
        ("a./erp.csv", Reason.UNSAFE_NAME),
        ("erp.csv:hidden.csv", Reason.UNSAFE_NAME),
        ("PROCES~1/erp.csv", Reason.UNSAFE_NAME),
        ("processed/erp.csv", Reason.FINISHED_FOLDER),
        ("Processed_and_Assigned/erp.csv", Reason.FINISHED_FOLDER),
    ],
)
def test_a_key_is_a_path_below_csv_on_every_system_or_refused_with_the_reason(
    key: str, reason: Reason | None
) -> None:
    found = refusals([key]).get(key)
    assert (found.reason if found else None) is reason


@pytest.mark.parametrize(
    ("keys", "refused"),
    [
        (["a.csv", "b.csv"], []),
        (["A/b.csv", "a/c.csv"], []),
        (["erp.csv", "ERP.csv", "b.csv"], ["erp.csv", "ERP.csv"]),
        (["A/b.csv", "a/B.csv"], ["A/b.csv", "a/B.csv"]),
        (["\u00fc.csv", "u\u0308.csv"], ["\u00fc.csv", "u\u0308.csv"]),
        (["a.csv", "A.csv/b.csv"], ["a.csv", "A.csv/b.csv"]),
    ],
)
def test_keys_that_only_some_systems_can_tell_apart_are_refused_together(
    keys: list[str], refused: list[str]
) -> None:
    found = refusals(keys)
    assert sorted(found) == sorted(refused)
    assert {each.reason for each in found.values()} <= {Reason.COLLISION}


steps = st.one_of(
    st.sampled_from(
        [
            "..",
            ".",
            "",
            "a",
            "A",
            "csv",
            "processed",
            "PROCESSED",
            "%2e%2e",
            "%2F",
            "..%5c",
            "\\",
            "C:",
            "nul",
        ]
    ),
    st.text(max_size=6),
)
keys = st.lists(steps, min_size=1, max_size=5).flatmap(
    lambda parts: st.sampled_from(["/", "\\", "%2f", "//"]).map(lambda by: f"{by.join(parts)}.csv")
)


@given(st.lists(keys, max_size=8, unique=True))
@settings(max_examples=examples(150), deadline=None)
def test_whatever_the_keys_those_taken_stay_below_csv_apart_and_out_of_the_finished_folders(
    given_keys: list[str],
) -> None:
    taken = [key for key in given_keys if key not in refusals(given_keys)]
    for key in taken:
        assert os.path.normpath(f"{ROOT}/{key}") == f"{ROOT}/{key}"
        assert PurePosixPath(ROOT, key).is_relative_to(ROOT)
        on_windows = PureWindowsPath("C:/workspace/csv", key)
        assert on_windows.is_relative_to("C:/workspace/csv")
        assert on_windows.as_posix() == f"C:/workspace/csv/{key}"
        assert not on_windows.is_reserved()
        assert "/" not in key or key.split("/")[0].lower() not in ("processed", "processed_and_assigned")
    names = [unicodedata.normalize("NFC", key).lower() for key in taken]
    assert len(set(names)) == len(names)
    assert not [(one, other) for one in names for other in names if other.startswith(f"{one}/")]
