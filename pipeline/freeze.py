"""Freeze windows: when nothing may be written (``OKTA_PLAN_FREEZE``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

SYNTAX = (
    'Windows are separated by ";". One is two instants, 2026-12-20T00:00Z/2027-01-02T00:00Z, or comes every '
    "week: Fri 16:00-Mon 06:00 UTC, or with a zone such as Europe/Berlin."
)
WEEK = timedelta(days=7)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKLY = re.compile(
    r"(?P<day>[a-z]{3})[a-z]* (?P<from>\d\d:\d\d) ?- ?(?P<until_day>[a-z]{3})[a-z]* (?P<until>\d\d:\d\d)"
    r"(?: (?P<zone>\S+))?",
    re.IGNORECASE | re.ASCII,
)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Window:
    """From ``start_s`` (epoch seconds, in it) to ``end_s`` (not in it); ``text`` is how it was written."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class _Once:
    window: Window

    def around(self, _now_s: float) -> Iterator[Window]:
        yield self.window


@dataclass(frozen=True, slots=True)
class _Weekly:
    day: int
    start: time
    until_day: int
    until: time
    zone: tzinfo
    text: str

    def around(self, now_s: float) -> Iterator[Window]:
        """The windows of last week, this week and the next, by the clock on the wall of the zone."""
        today = datetime.fromtimestamp(now_s, self.zone).date()
        monday = today - timedelta(days=today.weekday())
        starts = timedelta(days=self.day, hours=self.start.hour, minutes=self.start.minute)
        ends = timedelta(days=self.until_day, hours=self.until.hour, minutes=self.until.minute)
        lasts = (ends - starts) % WEEK
        for weeks in (-1, 0, 1):
            start = datetime.combine(monday, time()) + weeks * WEEK + starts
            begin, end = (each.replace(tzinfo=self.zone).timestamp() for each in (start, start + lasts))
            yield Window(begin, end, self.text)


@dataclass(frozen=True, slots=True)
class Freeze:
    """All windows of a setting."""

    parts: tuple[_Once | _Weekly, ...] = ()

    def window_at(self, now_s: float) -> Window | None:
        """The window in which ``now_s`` (epoch seconds) lies, the one that lasts longest; None in none."""
        inside = [each for each in self._around(now_s) if each.start_s <= now_s < each.end_s]
        return max(inside, key=lambda each: each.end_s, default=None)

    def next_start_s(self, now_s: float) -> float | None:
        """When the next window after ``now_s`` begins; None where none is in sight within a week, for those
        that come every week, or ever.
        """
        return min((each.start_s for each in self._around(now_s) if each.start_s > now_s), default=None)

    def _around(self, now_s: float) -> Iterator[Window]:
        for part in self.parts:
            yield from part.around(now_s)


NO_FREEZE = Freeze()


def parse_freeze(text: str) -> Freeze:
    """The windows of ``text``; nothing in it is no freeze. Raises ValueError, saying what cannot be read."""
    return Freeze(tuple(_part(" ".join(each.split())) for each in re.split(r"[;,\n]", text) if each.strip()))


def _part(text: str) -> _Once | _Weekly:
    start, slash, end = text.partition("/")
    if slash and _INSTANT.fullmatch(start.strip()) and _INSTANT.fullmatch(end.strip()):
        window = Window(_instant_s(start), _instant_s(end), text)
        if window.start_s >= window.end_s:
            raise ValueError(f'"{text}" ends before it begins')
        return _Once(window)
    weekly = _WEEKLY.fullmatch(text)
    if weekly is None:
        raise ValueError(f'"{text}" is no window')
    found = _Weekly(
        _day(weekly["day"], text),
        _time(weekly["from"], text),
        _day(weekly["until_day"], text),
        _time(weekly["until"], text),
        _zone(weekly["zone"] or "UTC", text),
        text,
    )
    if (found.day, found.start) == (found.until_day, found.until):
        raise ValueError(f'"{text}" begins and ends at the same time')
    return found


def _instant_s(text: str) -> float:
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except ValueError:
        raise ValueError(f'"{text.strip()}" is no instant of the calendar') from None


def _day(text: str, window: str) -> int:
    if text.casefold() not in _DAYS:
        raise ValueError(f'"{text}" in "{window}" is no day of the week (Mon to Sun)')
    return _DAYS.index(text.casefold())


def _time(text: str, window: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ValueError(f'"{text}" in "{window}" is no time of the day') from None


def _zone(name: str, window: str) -> tzinfo:
    if name.upper() in ("UTC", "Z"):
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f'"{name}" in "{window}" is no time zone that this machine knows') from None
