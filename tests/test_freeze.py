"""Freeze windows: once and every week, by the clock on the wall, at their edges."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from zoneinfo import available_timezones

import pytest

from pipeline.freeze import parse_freeze
from tests.effort import examples


def s(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def skip_without_zone(text: str) -> None:
    """Windows has no time zones unless the package tzdata is there."""
    if "Europe" in text and "Europe/Berlin" not in available_timezones():
        pytest.skip("no time zones on this machine")


def shown(at_s: float | None) -> str | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("text", "at", "ends"),
    [
        ("", "2026-12-20T00:00Z", None),
        (" ; ", "2026-12-20T00:00Z", None),
        ("2026-12-20T00:00Z/2027-01-02T00:00Z", "2026-12-19T23:59:59Z", None),
        ("2026-12-20T00:00Z/2027-01-02T00:00Z", "2026-12-20T00:00Z", "2027-01-02T00:00:00Z"),
        ("2026-12-20T00:00Z/2027-01-02T00:00Z", "2027-01-02T00:00Z", None),
        ("2026-12-20T00:00+01:00/2026-12-20T00:30:00Z", "2026-12-19T23:00Z", "2026-12-20T00:30:00Z"),
        # 2026-11-27 is a Friday
        ("Fri 16:00-Mon 06:00", "2026-11-27T15:59:59Z", None),
        ("Fri 16:00-Mon 06:00 UTC", "2026-11-27T16:00Z", "2026-11-30T06:00:00Z"),
        ("friday 16:00 - monday 06:00 utc", "2026-11-30T05:59:59Z", "2026-11-30T06:00:00Z"),
        ("Fri 16:00-Mon 06:00", "2026-11-30T06:00Z", None),
        ("Mon 06:00-Fri 16:00", "2026-11-27T15:59:59Z", "2026-11-27T16:00:00Z"),
        ("Wed 12:00-Wed 13:00", "2026-11-25T12:30Z", "2026-11-25T13:00:00Z"),
        ("Wed 13:00-Wed 12:00", "2026-11-25T12:30Z", None),
        ("Wed 13:00-Wed 12:00", "2026-11-25T13:00Z", "2026-12-02T12:00:00Z"),
        ("Fri 16:00-Mon 06:00 Europe/Berlin", "2026-11-27T15:00Z", "2026-11-30T05:00:00Z"),
        # the clocks of Berlin go back on 2026-10-25, within the window
        ("Fri 16:00-Mon 06:00 Europe/Berlin", "2026-10-23T14:00Z", "2026-10-26T05:00:00Z"),
        ("Wed 12:00-Wed 13:00, Wed 12:30-Thu 01:00", "2026-11-25T12:45Z", "2026-11-26T01:00:00Z"),
    ],
)
def test_when_a_freeze_is(text: str, at: str, ends: str | None) -> None:
    skip_without_zone(text)
    window = parse_freeze(text).window_at(s(at))
    assert shown(window.end_s if window else None) == ends


@pytest.mark.parametrize(
    ("text", "at", "starts"),
    [
        ("", "2026-12-20T00:00Z", None),
        ("2026-12-20T00:00Z/2027-01-02T00:00Z", "2026-11-20T00:00Z", "2026-12-20T00:00:00Z"),
        ("2026-12-20T00:00Z/2027-01-02T00:00Z", "2026-12-20T00:00Z", None),
        ("Fri 16:00-Mon 06:00", "2026-11-27T16:00Z", "2026-12-04T16:00:00Z"),
        (
            "2026-12-20T00:00Z/2027-01-02T00:00Z; Fri 16:00-Mon 06:00",
            "2026-12-19T00:00Z",
            "2026-12-20T00:00:00Z",
        ),
    ],
)
def test_when_the_next_freeze_begins(text: str, at: str, starts: str | None) -> None:
    assert shown(parse_freeze(text).next_start_s(s(at))) == starts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("always", '"always" is no window'),
        ("2026-12-20/2027-01-02", "is no window"),
        ("2026-12-20T00:00/2027-01-02T00:00", "is no window"),
        ("2026-12-20T00:00Z", "is no window"),
        ("2027-01-02T00:00Z/2026-12-20T00:00Z", "ends before it begins"),
        ("2026-12-20T00:00Z/2026-12-20T00:00Z", "ends before it begins"),
        ("2026-02-30T00:00Z/2026-12-20T00:00Z", "is no instant of the calendar"),
        ("Fri 16:00-Fri 16:00", "begins and ends at the same time"),
        ("Fri 24:00-Mon 06:00", "is no time of the day"),
        ("Fry 16:00-Mon 06:00", "is no day of the week"),
        ("Fri 16:00-Mon 06:00 Middle/Earth", "is no time zone"),
        ("Fri 16:00-Mon 06:00; nothing", '"nothing" is no window'),
    ],
)
def test_what_is_no_window_is_said_to_be_none(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"window|instant|time|day|ends") as caught:
        parse_freeze(text)
    assert said in str(caught.value)


def test_between_two_starts_a_freeze_never_begins() -> None:
    """Whoever is in no window now is in none until the next one starts."""
    seed = 20261120
    rng = random.Random(seed)
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    zones = ["UTC", *available_timezones() & {"Europe/Berlin", "America/New_York"}]
    zones.sort()
    for _ in range(examples(200)):
        start, end = (f"{rng.choice(days)} {rng.randint(0, 23):02}:{rng.choice(['00', '30'])}" for _ in "se")
        if start == end:
            continue
        text = f"{start}-{end} {rng.choice(zones)}"
        freeze, now_s = parse_freeze(text), s("2026-01-01T00:00Z") + rng.randint(0, 366 * 86400)
        next_s = freeze.next_start_s(now_s)
        assert next_s is not None, (seed, text)
        assert now_s < next_s <= now_s + 8 * 86400, (seed, text)
        assert freeze.window_at(next_s) is not None, (seed, text)
        if freeze.window_at(now_s) is None:
            assert freeze.window_at(rng.uniform(now_s, next_s - 1)) is None, (seed, text)
