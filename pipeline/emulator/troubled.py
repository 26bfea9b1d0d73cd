"""One call to an org that has faults: what happens to it before, instead of and after its effect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline.emulator import page_faults
from pipeline.emulator.admin import note_change, plan_change
from pipeline.emulator.broken_answers import PORTAL_PAGE, CutShort, HungUp, error_page, page
from pipeline.emulator.errors import INTERNAL, READ_ONLY, OktaError
from pipeline.emulator.fault_kinds import (
    AdminChange,
    CaptivePortal,
    ClockSkew,
    ConcurrencyLimit,
    DroppedConnection,
    EarlyEnd,
    LostIndex,
    PageLoop,
    QuotaTaken,
    RateLimit,
    RepeatedPage,
    ServerError,
    SkippedPage,
    Slow,
    TruncatedBody,
)
from pipeline.emulator.limits import WINDOW_S, crowded
from pipeline.emulator.people_meant import pair_of, places_of, shown_pairs
from pipeline.emulator.times import http_date

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response

    from pipeline.emulator.admin import Place
    from pipeline.emulator.answers import Answer, Call
    from pipeline.emulator.errors import ErrorKind
    from pipeline.emulator.fault_kinds import Fault, When
    from pipeline.emulator.faults import Faults, LiveFault, Meeting
    from pipeline.emulator.limits import Admission, Windows
    from pipeline.emulator.tenant import Tenant

_HIDES_CALL = (RateLimit, ConcurrencyLimit, ServerError, DroppedConnection, CaptivePortal)
_HIDES_EMPTY_ANSWER = (ServerError, DroppedConnection)
_HIDES_ANSWER = (*_HIDES_EMPTY_ANSWER, TruncatedBody)
_PAGES = (RepeatedPage, PageLoop, SkippedPage, EarlyEnd)


@dataclass(slots=True)
class Trouble:
    """The faults that one call meets. The steps are called in the order in which they stand here."""

    tenant: Tenant
    windows: Windows
    faults: Faults
    met: Meeting
    call: Call
    body: Any
    """Parsed JSON; None where there is none."""
    instead: Fault | None = None
    """What strikes before the effect and takes its place."""

    def delay_s(self, when: When) -> float:
        return sum(fault.delay_s for live, fault in self.met.of(Slow, when) if live.strikes())

    def begin(self) -> None:
        """Before the effect: the admin's changes, then what comes instead of the effect."""
        self._admin("before")
        self.instead = self.met.first(_HIDES_CALL, "before")

    def never_arrives(self) -> Response | None:
        """What the client gets in place of an answer of Okta's, which has seen nothing of the call."""
        match self.instead:
            case DroppedConnection(reset=reset):
                return HungUp(reset=reset)
            case ServerError(status=status, is_page=True):
                return page(status, error_page(status), self._date())
            case CaptivePortal():
                return page(200, PORTAL_PAGE, self._date())
            case _:
                return None

    def admit(self, client: str, bucket: str) -> Admission:
        """The door as Okta keeps it, with the calls of others and the refusals that are faults."""
        now = self.tenant.now()
        self._others_call(client, bucket, now)
        admission = self._admission(client, bucket, now)
        if admission.allowed and self.call.method != "GET":
            self._admin("between")
        return admission

    def _admission(self, client: str, bucket: str, now: float) -> Admission:
        match self.instead:
            case ConcurrencyLimit():
                return crowded(now)
            case RateLimit():
                return self.windows.refuse(client, bucket, now)
            case ServerError(status=status):
                admission = self.windows.admit(client, bucket, now)
                return (
                    replace(admission, allowed=False, kind=_kind(status)) if admission.allowed else admission
                )
            case _:
                return self.windows.admit(client, bucket, now)

    def altered(self, answer: Answer, fetch: Callable[[Call], Answer]) -> Answer:
        """The way on in listings, and searches in an index that is not there."""
        if not page_faults.is_listing(self.call, answer):
            return answer
        for live, _ in self.met.of(LostIndex):
            answer = page_faults.emptied(answer) if self._is_lost(live) else answer
        for live in self.met.live:
            if isinstance(live.fault, _PAGES):
                answer = self._turned(live, answer, fetch)
        return answer

    def end(self, answer: Answer) -> None:
        """After the effect, and after the call is written down."""
        self.faults.read |= shown_pairs(self.tenant, self.call, answer)
        if self.call.method != "GET" and _is_success(answer.status):
            self._forget_read()
        self._admin("after")

    def delivered(
        self, response: Response, status: int, error_body: Callable[[OktaError], Response]
    ) -> Response:
        """What of a success arrives; other answers are left alone, since a repeat of those is harmless."""
        if not _is_success(status):
            return response
        kinds = _HIDES_ANSWER if response.body else _HIDES_EMPTY_ANSWER
        lost = self.met.first(kinds, "after")
        match lost:
            case DroppedConnection(reset=reset):
                return HungUp(reset=reset)
            case TruncatedBody(share=share):
                return CutShort(response, share)
            case ServerError(status=failed, is_page=True):
                return page(failed, error_page(failed), self._date())
            case ServerError(status=failed):
                return error_body(OktaError(_kind(failed)))
            case _:
                return response

    def skew_s(self) -> int:
        met = [(live, fault) for live, fault in self.met.of(ClockSkew) if live.strikes()]
        offs = (
            fault.skew_s + fault.jitter_s * (2 * live.drawn("jitter", live.matched) - 1)
            for live, fault in met
        )
        return round(sum(offs))

    def _date(self) -> str:
        return http_date(self.tenant.now())

    def _admin(self, when: str) -> None:
        for live, asked in self.met.of(AdminChange, when):
            places = places_of(self.tenant, asked, self.call, self.body, live.pick)
            if when == "between":
                places = [place for place in places if self._was_read(place)]
            steps = (plan_change(self.tenant, asked, place, live.pick) for place in places)
            step = next((each for each in steps if each is not None), None)
            if step is not None and live.strikes():
                step.make()
                note_change(self.tenant, asked.change, step)

    def _was_read(self, place: Place) -> bool:
        """And is now written to."""
        meant = pair_of(self.tenant, self.call, self.body)
        return meant == (place.okta_app["id"], place.user["id"]) and meant in self.faults.read

    def _forget_read(self) -> None:
        app_id, user_id = pair_of(self.tenant, self.call, self.body)
        if app_id and user_id:
            self.faults.read.discard((app_id, user_id))

    def _others_call(self, client: str, bucket: str, now: float) -> None:
        for live, fault in self.met.of(QuotaTaken):
            if not live.strikes():
                continue
            at = _instants(live, fault, (client, bucket), now)
            for moment in at:
                if fault.whose == "same_client":
                    self.windows.admit(client, bucket, moment)
                else:
                    self.windows.take(bucket, moment)

    def _is_lost(self, live: LiveFault) -> bool:
        if not isinstance(live.fault, LostIndex) or "search" not in self.call.query:
            return False
        now = self.tenant.now()
        if now >= live.lasts_until and live.strikes():
            live.lasts_until = now + live.fault.for_s
        return now < live.lasts_until

    def _turned(self, live: LiveFault, answer: Answer, fetch: Callable[[Call], Answer]) -> Answer:
        goes_on = page_faults.has_next(answer)
        if not (goes_on or isinstance(live.fault, PageLoop)) or not live.strikes():
            return answer
        match live.fault:
            case RepeatedPage():
                return page_faults.leading_to_itself(answer)
            case PageLoop():
                return page_faults.leading_to_the_start(answer)
            case SkippedPage():
                return page_faults.skipping(self.call, answer, fetch)
            case _:
                return page_faults.ending(answer)


def _instants(live: LiveFault, fault: QuotaTaken, key: tuple[str, str], now: float) -> list[float]:
    """When the others called: just now, or evenly since they were last counted (at most two windows back)."""
    if fault.per_s is None:
        return [now] * (fault.per_call or 0)
    since = live.taken_until.setdefault(key, now)
    due = int((now - since) * fault.per_s)
    live.taken_until[key] = since + due / fault.per_s
    moments = (since + n / fault.per_s for n in range(1, due + 1))
    return [moment for moment in moments if moment >= now - 2 * WINDOW_S]


def _is_success(status: int) -> bool:
    return 200 <= status < 300  # noqa: PLR2004


def _kind(status: int) -> ErrorKind:
    """Okta documents bodies for 500 and 503 only (okta-api.md 9); the others get that of 500."""
    return READ_ONLY if status == READ_ONLY.status else replace(INTERNAL, status=status)
