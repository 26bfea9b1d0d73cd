"""simulate: takes as long and as many calls as the apply after it, and says what it cannot show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.report.terminal import render
from tests import paced
from tests.test_cases import furnish

STRUCTURE = [{"name": "Role", "values": ["Admin", "Clerk"]}]


@pytest.mark.parametrize(
    "scene",
    [
        paced.Scene(60, {paced.POST_GRANTS: 20, paced.GET_GRANTS: 20}, latency_ms=(200, 200), assigned=30),
        paced.Scene(40, {paced.APP_USERS: 30}, latency_ms=(1500, 1500), assigned=0, holding=10, done=5),
    ],
    ids=["grants decide", "assignments decide"],
)
def test_it_takes_the_calls_and_the_time_of_the_apply_after_it(scene: paced.Scene, tmp_path: Path) -> None:
    org = paced.tenant(tmp_path, scene)
    simulated = org.simulate()
    assert org.writes() == 0
    known = len(org.requests())
    applied = org.apply()
    sent = org.requests()[known:]
    took_s = sent[-1]["at"] - sent[0]["at"] + scene.latency_ms[0] / 1000
    assert simulated.simulated is not None
    assert simulated.simulated.calls == applied.calls
    assert simulated.simulated.seconds == pytest.approx(took_s, rel=0.05)
    assert simulated.forecast is not None
    assert applied.forecast is not None
    assert simulated.forecast.calls == applied.forecast.calls
    assert simulated.outcomes == applied.outcomes
    assert simulated.exit_code == applied.exit_code == 0


def test_twice_it_says_the_same(tmp_path: Path) -> None:
    org = paced.tenant(tmp_path, paced.Scene(10, {}, assigned=5))
    assert org.simulate() == org.simulate()


def test_where_limits_of_writes_are_not_known_it_says_what_it_took_for_them(tmp_path: Path) -> None:
    org = paced.tenant(tmp_path, paced.Scene(30, {paced.POST_GRANTS: 10}))
    assert "guesses: governance grants write" in " ".join(org.simulate().unlike)


def test_what_it_cannot_show_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    access: list[dict[str, Any]] = [
        {"user": "ann@x.com", "type": "POLICY", "values": {"Role": ["Clerk"]}},
        {"user": "bob@x.com", "type": "ENTITLEMENT-BUNDLE", "bundle": "Basics"},
    ]
    org = furnish(
        tmp_path,
        {
            "plan": {
                "entitlements": [{"name": "Role", "external_value": "Role", "values": ["Admin"]}],
                "access": [{"values": {"Role": ["Admin"]}, "users": ["ann@x.com", "twin@x.com"]}],
            },
            "org": {
                "users": [
                    {"login": "ann@x.com"},
                    {"login": "bob@x.com"},
                    {"login": "t1@x.com", "email": "twin@x.com"},
                    {"login": "t2@x.com", "email": "twin@x.com"},
                ],
                "okta_apps": [
                    {
                        "label": "ERP",
                        "assigned": ["ann@x.com", "bob@x.com"],
                        "entitlements": STRUCTURE,
                        "bundles": [{"name": "Basics", "values": {"Role": ["Clerk"]}}],
                        "grants": access,
                    }
                ],
            },
        },
    )
    view = org.simulate()
    said = " ".join(view.unlike)
    assert "1 person that cannot be told apart" in said
    assert "1 POLICY grants keep" in said
    assert view.exit_code == 3
    render(view)
    shown = capsys.readouterr().out
    assert "Simulated, nothing was sent" in shown
    assert "1 POLICY grants keep" in shown
