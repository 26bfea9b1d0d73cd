"""The pace of apply in virtual time: real client and executor, the emulator's rate windows, no second waited.

Prints Markdown tables. ``--quick`` leaves out what takes more than a few seconds.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks._timing import Target, hold, show
from pipeline.views import ApplyView
from tests.in_process import Tenant
from tests.paced import (
    APP_USERS,
    GET_GRANTS,
    GRANTS,
    POST_GRANTS,
    Audit,
    Scene,
    refused_share,
    tenant,
    use_of,
)

WINDOWS = 12
"""Of which the first and the last do not count."""
READ_GRANT, PUT_GRANT = f"GET {GRANTS}/{{id}}", f"PUT {GRANTS}/{{id}}"
QUICK_PER_MIN = 100
MANY, FEW = 50, 10
"""Calls at a time: many where 10 cannot make use of the limit at that latency."""
LOW_LATENCY_MS = 200
UNUSED, UNUSED_SLOW = ("allowed calls not sent, <= 200 ms", 0.03), ("allowed calls not sent, 1,500 ms", 0.05)
REFUSED, BEYOND = ("calls refused when alone", 0.0), ("calls to minimum", 1.02)
"""What is held (DESIGN, section 5), and at most how much of it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of change whose writes draw on ``bucket``."""

    bucket: str
    limited: tuple[str, ...]
    shared: tuple[str, ...]

    def scene(self, people: int, limit: int, latency_ms: int) -> Scene:
        assigned = 0 if self.bucket == APP_USERS else None
        holding = people if self.bucket == PUT_GRANT else 0
        limits = dict.fromkeys(self.limited, limit)
        return Scene(people, limits, (latency_ms, latency_ms), assigned=assigned, holding=holding)


KINDS = {
    "grant": Kind(POST_GRANTS, (POST_GRANTS, GET_GRANTS), (POST_GRANTS, GET_GRANTS)),
    "extend": Kind(PUT_GRANT, (PUT_GRANT, READ_GRANT, GET_GRANTS), ()),
    "assign": Kind(APP_USERS, (APP_USERS,), (APP_USERS,)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    targets = show_pace(quick=quick)
    show_beside_another(quick=quick)
    show_audit()
    show_unchanged(3_000 if quick else 100_000)
    hold(targets)


def show_pace(*, quick: bool) -> list[Target]:
    rows = []
    worst: defaultdict[tuple[str, float], float] = defaultdict(float)
    for kind, limit, latency_ms, share in _alone(quick=quick):
        allowed = int(limit * share)
        concurrency = MANY if limit * latency_ms > QUICK_PER_MIN * 1500 else FEW
        with furnished() as folder:
            scene = KINDS[kind].scene(allowed * WINDOWS, limit, latency_ms)
            org = tenant(folder, scene, seed=limit + latency_ms, shared=KINDS[kind].shared)
            view, real_s = applied(org, rate_share=share, concurrency=concurrency)
            requests = org.requests()
        use = use_of(requests, KINDS[kind].bucket)
        pace, refused = use.ratio(allowed), refused_share(requests)
        beyond = _calls(view) / _least_calls(view, KINDS[kind])
        for target, measured in ((_unused(latency_ms), 1 - pace), (REFUSED, refused), (BEYOND, beyond)):
            worst[target] = max(worst[target], measured)
        rows.append(
            (
                f"{kind}, {limit}/min, {latency_ms} ms, share {share:g}",
                str(concurrency),
                f"{pace:.3f}",
                str(len(use.ours) - 2),
                f"{refused:.1%}",
                f"{view.elapsed_s:,.0f} s",
                f"{_forecast_s(view) / view.elapsed_s - 1:+.1%}",
                f"{beyond:.3f}",
                f"{real_s:.0f} s",
            )
        )
    show(
        "Pace, alone: calls sent to calls allowed in the bucket of the writes",
        (
            *("change, limit, latency", "at a time", "pace", "full windows", "429", "virtual time"),
            *("forecast is off by", "calls to minimum", "real time"),
        ),
        rows,
    )
    # In virtual time there is no noise, so no margin.
    return [Target(what, measured, most, margin=1) for (what, most), measured in worst.items()]


def _unused(latency_ms: int) -> tuple[str, float]:
    return UNUSED if latency_ms <= LOW_LATENCY_MS else UNUSED_SLOW


def _alone(*, quick: bool) -> Iterator[tuple[str, int, int, float]]:
    for kind in KINDS:
        for limit in (50, 100, 600):
            if (quick and limit > QUICK_PER_MIN) or (kind != "grant" and limit >= QUICK_PER_MIN):
                continue
            for latency_ms in (50, 200, 1500):
                for share in (0.7, 1.0):
                    yield kind, limit, latency_ms, share


def show_beside_another(*, quick: bool) -> None:
    """Another client of the same credential takes a half of each bucket, at random times."""
    rows = []
    for limit in (50, 100) if quick else (50, 100, 600):
        for latency_ms in (50, 1500):
            for share in (0.7, 1.0):
                with furnished() as folder:
                    scene = KINDS["grant"].scene(limit * 6, limit, latency_ms)
                    shared, per_s = KINDS["grant"].shared, limit / 2 / 60
                    org = tenant(folder, scene, seed=limit, shared=shared, rate_per_s=per_s)
                    view, _ = applied(
                        org, rate_share=share, concurrency=FEW if limit <= QUICK_PER_MIN else MANY
                    )
                    requests, held = org.requests(), len(org.held())
                use = use_of(requests, POST_GRANTS)
                rows.append(
                    (
                        f"grant, {limit}/min, {latency_ms} ms, share {share:g}",
                        f"{use.ratio(limit):.2f}",
                        f"{refused_share(requests):.2%}",
                        f"{held} of {scene.people}",
                        f"{view.elapsed_s:,.0f} s",
                    )
                )
    show(
        "Beside a client that takes half of the limit",
        ("change, limit, latency", "of the limit used", "429", "delivered", "virtual time"),
        rows,
    )


def show_audit() -> None:
    rows = [
        ("hobby tool, first version", "3,000", "382 s", "7 %", "-", "-"),
        ("hobby tool, last version", "3,000", "366 s", "37 %", "-", "-"),
    ]
    for share in (0.7, 1.0):
        with furnished() as folder:
            audit = Audit(1000)
            org = audit.lay_out(folder)
            org.generate("csv/audit.csv")
            view, real_s = applied(org, "audit", rate_share=share)
            requests, held = org.requests(), org.held()
        delivered = sum(len(values) for person in held.values() for values in person.values())
        slowest = max(Counter(each["bucket"] for each in requests).values())
        floor_s = math.ceil(slowest / int(600 * share)) * 60
        took_s = requests[-1]["at"] - requests[0]["at"]
        rows.append(
            (
                f"apply, share {share:g}",
                f"{_calls(view):,}",
                f"{took_s:,.0f} s",
                f"{delivered / audit.pairs:.0%}",
                f"{took_s / floor_s:.2f}",
                f"{real_s:.0f} s",
            )
        )
    show(
        "5,000 rows, 1,000 people (999 with a Permitted row), 600/min in each bucket, 50 ms",
        ("who", "calls", "virtual time", "pairs delivered", "to whole windows", "real time"),
        rows,
    )


def show_unchanged(people: int) -> None:
    with furnished() as folder:
        limits = {APP_USERS: 50, POST_GRANTS: 50, GET_GRANTS: 50, "/api/v1/users": 300}
        org = tenant(folder, Scene(people, limits, done=people))
        view, real_s = applied(org)
        requests, writes = org.requests(), org.writes()
    calls = Counter(each["bucket"] for each in requests)
    pages = {"/api/v1/users": people // 200 + 1, GET_GRANTS: people // 200, APP_USERS: people // 500}
    took_s = requests[-1]["at"] - requests[0]["at"]
    rows = [(bucket, f"{calls[bucket]:,}", f"{count:,}") for bucket, count in pages.items()]
    rows.append(("everything", f"{len(requests):,}", ""))
    show(
        f"{people:,} people who hold everything already (exit {view.exit_code}, "
        f"{writes} writes, {took_s / 60:.1f} min virtual, {real_s:.0f} s real)",
        ("bucket", "calls", "full pages"),
        rows,
    )


@contextmanager
def furnished() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="okta-plan-bench-") as folder:
        yield Path(folder)


def applied(org: Tenant, plan: str = "t", **request: Any) -> tuple[ApplyView, float]:  # noqa: ANN401 - any option
    """The view of an apply and its seconds of real time."""
    started_s = perf_counter()
    view = org.apply(plan, **request)
    if view.exit_code:
        sys.exit(f"An apply that is measured ended with exit code {view.exit_code}.")
    return view, perf_counter() - started_s


def _calls(view: ApplyView) -> int:
    return sum(view.calls.values())


def _least_calls(view: ApplyView, kind: Kind) -> int:
    """One write for each change and the read directly before it, and every listing by the page, before and
    after; the app's risk rules once.
    """
    changed = sum(view.outcomes.values())
    people = view.counts.get("grant", 0) + view.counts.get("extend", 0)
    listed = 2 * (math.ceil(people / 200) + math.ceil(people / 500) + 2)
    empty_before = 0 if kind.bucket == PUT_GRANT else math.ceil(people / 200) - 1
    searched = min(math.ceil(people / 15), math.ceil(people / 200) + 1)
    return changed + people + listed - empty_before + searched + 1


def _forecast_s(view: ApplyView) -> float:
    return view.forecast.seconds if view.forecast else math.nan


if __name__ == "__main__":
    main()
