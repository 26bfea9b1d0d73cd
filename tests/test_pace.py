"""The pace of whole applies: real client and executor, the emulator's windows, virtual time."""

from __future__ import annotations

import math
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

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
READ_GRANT, PUT_GRANT = f"GET {GRANTS}/{{id}}", f"PUT {GRANTS}/{{id}}"
KINDS = {
    "grant": (POST_GRANTS, (POST_GRANTS, GET_GRANTS)),
    "assign": (APP_USERS, (APP_USERS,)),
    "extend": (PUT_GRANT, ()),
}


def scene(kind: str, people: int, limit: int, latency_ms: tuple[int, int]) -> Scene:
    assigned, holding = (0 if kind == "assign" else None), (people if kind == "extend" else 0)
    bucket, _ = KINDS[kind]
    limits = dict.fromkeys((bucket, READ_GRANT, GET_GRANTS) if kind != "assign" else (bucket,), limit)
    return Scene(people, limits, latency_ms, assigned=assigned, holding=holding)


@pytest.mark.parametrize(
    ("kind", "limit", "share", "latency_ms", "least"),
    [
        ("grant", 50, 0.7, (50, 50), 0.97),
        ("grant", 50, 1.0, (200, 200), 0.97),
        ("grant", 50, 1.0, (1500, 1500), 0.95),
        ("grant", 100, 0.7, (200, 200), 0.97),
        ("grant", 50, 0.7, (50, 1500), 0.95),
        ("extend", 50, 1.0, (200, 200), 0.97),
        ("extend", 50, 0.7, (1500, 1500), 0.95),
        ("assign", 100, 0.7, (200, 200), 0.97),
        ("assign", 50, 1.0, (1500, 1500), 0.95),
    ],
)
def test_alone_an_apply_uses_its_share_of_the_slowest_bucket_and_is_never_refused(
    kind: str,
    limit: int,
    share: float,
    latency_ms: tuple[int, int],
    least: float,
    tmp_path: Path,
) -> None:
    allowed = int(limit * share)
    seed = zlib.crc32(f"{kind} {limit} {share} {latency_ms}".encode())
    bucket, shared = KINDS[kind]
    people = allowed * WINDOWS
    org = tenant(tmp_path, scene(kind, people, limit, latency_ms), seed=seed, shared=shared)
    view = org.apply(rate_share=share)
    requests = org.requests()
    use = use_of(requests, bucket)
    assert view.exit_code == 0
    assert view.forecast is not None
    assert len(use.ours) >= WINDOWS, f"seed {seed}"
    assert refused_share(requests) == 0.0, f"seed {seed}"
    assert max(use.ours) <= allowed, f"seed {seed}"
    assert use.ratio(allowed) >= least, f"seed {seed}"
    assert sum(view.forecast.calls.values()) == pytest.approx(sum(view.calls.values()), rel=0.005, abs=4)
    assert view.forecast.seconds == pytest.approx(view.elapsed_s, rel=0.10)


@pytest.mark.parametrize(("limit", "share", "latency_ms"), [(50, 1.0, 200), (100, 1.0, 50), (50, 0.7, 1500)])
def test_beside_a_client_that_takes_half_it_finishes_and_is_hardly_ever_refused(
    limit: int, share: float, latency_ms: int, tmp_path: Path
) -> None:
    """Over several runs: when the other calls is chance, and at times a handful of calls meets it at once."""
    people = limit * 4
    requests: list[dict[str, Any]] = []
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        folder.mkdir()
        org = tenant(
            folder,
            scene("grant", people, limit, (latency_ms, latency_ms)),
            seed=seed,
            shared=KINDS["grant"][1],
            rate_per_s=limit / 2 / 60,
        )
        view = org.apply(rate_share=share)
        assert (view.exit_code, view.outcomes["applied"]) == (0, people), f"seed {seed}"
        assert len(org.held()) == people, f"seed {seed}"
        requests += org.requests()
    assert refused_share(requests) < 0.01


def test_who_needs_only_a_grant_does_not_wait_behind_those_who_wait_to_be_assigned(tmp_path: Path) -> None:
    """Forty people are assigned at ten a minute; sixty others have the app already."""
    org = tenant(tmp_path, Scene(100, {APP_USERS: 10}, assigned=60))
    org.apply(rate_share=1.0)
    grants = [each for each in org.requests() if each["bucket"] == POST_GRANTS]
    first_s = grants[0]["at"]
    assert sum(each["at"] - first_s < 60 for each in grants) >= 60
    assert grants[-1]["at"] - first_s > 180


def test_a_write_leaves_within_two_seconds_of_the_read_it_rests_on(tmp_path: Path) -> None:
    org = tenant(tmp_path, scene("extend", 120, 50, (1500, 1500)), shared=())
    assert org.apply(rate_share=1.0).exit_code == 0
    sent_s: dict[str, float] = {}
    for each in org.requests():
        # a request is noted when it is carried out, at the end of its latency
        if each["bucket"] == READ_GRANT:
            sent_s[each["path"]] = each["at"] - 1.5
        elif each["bucket"] == PUT_GRANT:
            assert each["at"] - 1.5 - sent_s[each["path"]] <= 2.0


def test_who_has_the_app_is_listed_again_and_not_asked_for_one_by_one(tmp_path: Path) -> None:
    org = tenant(tmp_path, Scene(400, {APP_USERS: 20, POST_GRANTS: 5000}, assigned=0))
    view = org.apply(rate_share=1.0, recheck_s=300.0)
    reads = [each for each in org.requests() if each["method"] == "GET" and each["bucket"] == APP_USERS]
    assert view.exit_code == 0
    assert view.forecast is not None
    assert {each["path"].rpartition("/")[2] for each in reads} <= {"users", "apps"}
    listings = sum(each["path"].endswith("/users") for each in reads)
    assert listings == 2 + view.elapsed_s // 300
    assert view.forecast.seconds == pytest.approx(view.elapsed_s, rel=0.10)


def test_people_who_hold_everything_already_cost_no_write_and_are_read_by_the_page(tmp_path: Path) -> None:
    people = 3000
    org = tenant(tmp_path, Scene(people, {}, done=people))
    view = org.apply()
    requests = org.requests()
    assert (view.exit_code, view.run, org.writes()) == (0, None, 0)
    calls = Counter(each["bucket"] for each in requests)
    assert calls["/api/v1/users"] == people / 200 + 1
    assert calls[GET_GRANTS] == people / 200
    assert len(requests) <= people / 200 * 2 + people / 500 + 10


def test_a_thousand_people_of_an_audit_export_hold_everything_within_two_windows(tmp_path: Path) -> None:
    """The hobby tool this replaces took six windows for as many calls and delivered at most 37 %."""
    audit = Audit(1000)
    org = audit.lay_out(tmp_path)
    org.generate("csv/audit.csv")
    view = org.apply("audit", rate_share=1.0)
    requests = org.requests()
    assert view.exit_code == 0
    assert org.held() == audit.held()
    posts = Counter((each["bucket"], each["body"].get("id")) for each in requests if each["method"] == "POST")
    assert all(count == 1 for (_, user_id), count in posts.items() if user_id)
    granted = Counter(
        each["body"]["targetPrincipal"]["externalId"] for each in requests if each["bucket"] == POST_GRANTS
    )
    assert len(granted) == 999
    assert set(granted.values()) == {1}
    assert refused_share(requests) == 0.0
    slowest = max(Counter(each["bucket"] for each in requests).values())
    whole_windows_s = math.ceil(slowest / 600) * 60
    assert requests[-1]["at"] - requests[0]["at"] <= 1.05 * whole_windows_s


def test_where_ten_calls_at_a_time_are_too_few_diff_says_so_and_apply_takes_as_long(tmp_path: Path) -> None:
    org = tenant(tmp_path, scene("grant", 700, 600, (1500, 1500)))
    foreseen = org.diff().forecast
    assert foreseen is not None
    assert (foreseen.bottleneck, foreseen.concurrency) == ("concurrency", 10)
    view = org.apply(rate_share=0.7)
    assert view.elapsed_s == pytest.approx(foreseen.seconds, rel=0.10)
    assert org.diff().changes == []
