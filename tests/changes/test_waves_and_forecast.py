"""The order of sending, the calls it takes and the time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain

import pytest

from pipeline.changes.diff import diff
from pipeline.changes.forecast import CallKind, Forecast, Means, forecast
from pipeline.changes.model import Action, ChangeSet
from pipeline.changes.snapshot import Reading, Snapshot
from pipeline.changes.waves import waves
from tests.builders import (
    assign_change,
    change_set,
    cohort,
    entitlement,
    grant_change,
    okta_entitlement,
    okta_grant,
    plan,
    snapshot,
)

PEOPLE = [f"p{number:03}@acme.example.com" for number in range(120)]
BUCKETS = {kind: kind.value for kind in CallKind}


def test_structure_goes_first_then_one_canary_a_risk_kind_then_everybody() -> None:
    tenant = snapshot(
        people=PEOPLE[:6],
        assigned=PEOPLE[:3],
        entitlements=[okta_entitlement("Role", "A", "B")],
        grants=[okta_grant(PEOPLE[1], {"Role": ["A"]}), okta_grant(PEOPLE[2], {"Role": ["A"]})],
    )
    wanted = plan(access=[cohort({"Role": ["B", "C"]}, *PEOPLE[:6])])
    found = waves(diff(wanted, "d", tenant))
    assert [(wave.name, wave.canary, len(wave.chains)) for wave in found] == [
        ("entitlements and values", False, 1),
        ("canary: first grant", True, 1),
        ("canary: first extend", True, 1),
        ("canary: first assign", True, 1),
        ("people", False, 3),
    ]


def test_a_first_assign_and_its_first_grant_are_one_canary() -> None:
    login = PEOPLE[0]
    (wave,) = waves(change_set(assign_change(login), grant_change(login)))
    assert wave.name == "canary: first assign and grant"
    assert [change.action for change in wave.chains[0]] == [Action.ASSIGN, Action.GRANT]


def test_every_change_is_in_exactly_one_chain_in_its_order() -> None:
    changes = [each for login in PEOPLE for each in (assign_change(login), grant_change(login))]
    sent = [change for wave in waves(change_set(*changes)) for change in chain(*wave.chains)]
    assert sent == changes


def test_nothing_to_send_is_no_wave() -> None:
    assert waves(change_set()) == ()


def foresee(
    changes: ChangeSet,
    tenant: Snapshot | None = None,
    *,
    limits: Mapping[str, int] | None = None,
    share: float = 1.0,
    concurrency: int = 10,
) -> Forecast:
    return forecast(
        changes,
        tenant or snapshot(),
        bucket_of=BUCKETS,
        limits=limits or {},
        default_limit_per_min=50,
        means=Means(share, concurrency),
    )


def test_nothing_to_send_takes_no_call_and_no_time() -> None:
    foreseen = foresee(change_set())
    assert (foreseen.calls, foreseen.seconds, foreseen.bottleneck) == ({}, 0.0, None)


def test_each_change_counts_its_writes_the_reads_before_them_and_the_verification() -> None:
    changes = [assign_change(PEOPLE[0]), grant_change(PEOPLE[0])]
    changes += [grant_change(PEOPLE[1], {"Role": ["A", "B"]}, before={"Role": ["A"]})]
    assert foresee(change_set(*changes)).calls == {
        "app_user_read": 1,
        "assign": 1,
        "entitlement_list": 2,
        "extend": 1,
        "grant": 1,
        "grant_list": 1 + 3 * 2 + 1,
        "grant_read": 1,
    }


@pytest.mark.parametrize(
    ("values", "creates", "adds"), [(1, 1, 0), (1000, 1, 0), (1001, 1, 1), (1100, 1, 1), (1101, 1, 2)]
)
def test_a_create_sends_a_thousand_values_and_the_rest_by_hundreds(
    values: int, creates: int, adds: int
) -> None:
    wanted = plan(entitlements=[entitlement("Role", *(f"v{number}" for number in range(values)))])
    calls = foresee(diff(wanted, "d", snapshot())).calls
    assert (calls["create"], calls.get("add", 0)) == (creates, adds)


@pytest.mark.parametrize(("values", "adds"), [(1, 1), (100, 1), (101, 2), (250, 3)])
def test_values_are_added_by_hundreds(values: int, adds: int) -> None:
    wanted = plan(entitlements=[entitlement("Role", *(f"v{number}" for number in range(values)))])
    changes = diff(wanted, "d", snapshot(entitlements=[okta_entitlement("Role")]))
    assert foresee(changes).calls["add"] == adds


def test_the_verification_reads_whole_listings_by_the_page() -> None:
    tenant = snapshot(
        assigned=[f"u{number}" for number in range(500)],
        grants=[okta_grant(f"u{number}", {"Role": ["A"]}) for number in range(400)],
        entitlements=[okta_entitlement("Role", *(f"v{number}" for number in range(201)))],
    )
    calls = foresee(change_set(grant_change("new@acme.example.com")), tenant).calls
    assert calls["grant_list"] == 1 + 2 + 3
    assert calls["app_user_read"] == 1
    assert calls["entitlement_list"] == 1 + 2


@pytest.mark.parametrize(("people", "windows"), [(1, 0), (35, 0), (36, 1), (70, 1), (71, 2), (120, 3)])
def test_the_first_window_is_free_and_each_further_one_waits_a_minute(people: int, windows: int) -> None:
    changes = change_set(*(grant_change(login) for login in PEOPLE[:people]))
    foreseen = foresee(changes, limits={"grant": 50, "grant_list": 5000}, share=0.7)
    assert windows * 61 < foreseen.seconds <= windows * 61.5 + 10
    assert foreseen.bottleneck == ("grant" if windows else None)
    assert foreseen.share == 0.7


def test_kinds_in_one_bucket_add_up_and_unknown_buckets_take_the_default() -> None:
    changes = change_set(*(grant_change(login) for login in PEOPLE[:30]))
    foreseen = forecast(
        changes,
        snapshot(),
        bucket_of=dict.fromkeys(CallKind, "all"),
        limits={},
        default_limit_per_min=50,
        means=Means(1.0),
    )
    assert foreseen.calls == {"all": 30 + 30 + 2 + 1 + 1 + 2}
    assert foreseen.limits == {"all": 50}
    assert foreseen.bottleneck == "all"
    assert 61 < foreseen.seconds < 70


def test_a_tiny_share_still_sends_one_call_a_window() -> None:
    changes = change_set(*(grant_change(login) for login in PEOPLE[:3]))
    roomy = dict.fromkeys(BUCKETS.values(), 5000)
    foreseen = foresee(changes, limits={**roomy, "grant": 5}, share=0.01)
    assert 2 * 61 < foreseen.seconds < 2 * 62 + 2


def test_where_too_few_calls_at_a_time_decide_the_forecast_says_so() -> None:
    changes = change_set(*(grant_change(login) for login in PEOPLE))
    tenant = replace(snapshot(), reading=Reading(call_s=6.0))
    few = foresee(changes, tenant, limits=dict.fromkeys(BUCKETS.values(), 600))
    assert (few.bottleneck, few.concurrency) == ("concurrency", 10)
    assert few.seconds == pytest.approx((2 * 120 + 2 + 4) * 6.0 / 10)
    assert foresee(changes, tenant, limits=few.limits, concurrency=50).bottleneck is None


def test_what_reading_took_counts_and_uses_up_the_first_windows() -> None:
    changes = change_set(*(grant_change(login) for login in PEOPLE[:20]))
    read = Reading(calls={"grant_list": 40, "users": 3}, took_s=5.0, call_s=0.2)
    foreseen = foresee(changes, replace(snapshot(), reading=read))
    assert foreseen.calls["users"] == 3
    assert foreseen.calls["grant_list"] == 40 + 20 + 2 + 1
    assert foreseen.bottleneck == "grant_list"
    assert 61 < foreseen.seconds < 63


@pytest.mark.parametrize(
    ("listed", "assigns", "again"),
    [
        (0, 120, 0),
        (0, 750, 1 * 1),
        (1000, 750, 1 * 2),
        (200_000, 750, 250),
    ],
)
def test_who_has_the_app_is_listed_again_or_asked_for_one_by_one(
    listed: int, assigns: int, again: int
) -> None:
    """At 50 a minute 500 people are assigned within ten minutes; the other 250 rest on a second look."""
    changes = change_set(*(assign_change(f"n{number}@x") for number in range(assigns)))
    tenant = snapshot(assigned=[f"u{number}" for number in range(listed)])
    calls = foresee(changes, tenant, limits={"assign": 50, "app_user_read": 5000}).calls
    expected = again + max(1, math.ceil((listed + assigns) / 500))
    assert calls["app_user_read"] == pytest.approx(expected, abs=again * 0.1)
