"""verify says of each difference why it may be so: what the tenant shows, and what the runs made of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pipeline.report.terminal import render
from tests.in_process import Tenant
from tests.test_cases import furnish
from tests.test_resuming import ANN, BOB, ORG, PLAN, journal_of, killed


def whys(org: Tenant) -> dict[tuple[str, str], str]:
    verification = org.verify().verification
    assert verification is not None
    return {(each.principal, each.value): each.why for each in verification.missing}


def test_before_any_run_it_is_what_the_tenant_lacks(tmp_path: Path) -> None:
    why = whys(furnish(tmp_path, {"plan": PLAN, "org": ORG}))
    assert why[BOB, "Owner"] == "The app has no such value yet. No run of this workspace has sent it."
    assert why[ANN, "Clerk"].startswith("This person has no ACTIVE grant on the app")


def test_of_a_run_that_was_killed_it_tells_what_was_sent_and_what_was_not(tmp_path: Path) -> None:
    org, run = killed(tmp_path, 4, after=False)
    told = " ".join(whys(org).values())
    assert f"Run {run} began to send it and ended before it knew the answer." in told
    assert f"Run {run} ended before it was sent." in told


def test_what_a_run_was_not_to_send_was_left_out_and_is_not_listed_as_a_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    org = furnish(tmp_path, {"plan": PLAN, "org": ORG})
    view = org.apply(only="structure")
    assert f"Run {view.run} left it out (--only structure)." in whys(org)[ANN, "Admin"]
    render(view)
    shown = capsys.readouterr().out
    assert f"{len(view.held)} changes are not part of this run (--only)" in shown
    assert "so far: 0 of " in shown
    assert ANN not in shown


def test_what_a_run_had_done_was_changed_since(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    org = furnish(tmp_path, {"plan": PLAN, "org": ORG})
    run = org.apply().run
    (tmp_path / "org.sqlite").unlink()  # the org as it was before
    why = whys(org)
    assert why[ANN, "Admin"].endswith(f"Run {run} left it as planned, so it was changed since.")
    render(org.verify())
    assert f"missing {ANN}: Role Admin: The app has no such value yet. Run {run}" in capsys.readouterr().out


def test_what_a_run_was_refused_or_held_carries_its_reason(tmp_path: Path) -> None:
    org = furnish(tmp_path, {"plan": PLAN, "org": ORG})
    run = str(org.apply().run)
    (tmp_path / "org.sqlite").unlink()
    path = journal_of(org, run)
    refused = path.read_text("utf-8").replace('"outcome":"applied"', '"outcome":"refused"')
    refused = refused.replace('"detail":""', '"detail":"Okta said no"')
    path.write_text(rechained(refused), "utf-8")
    assert f"Okta refused it in run {run}: Okta said no" in " ".join(whys(org).values())


def rechained(text: str) -> str:
    """The journal ``text`` with its chain of digests made right."""
    previous, lines = "0" * 64, []
    for line in text.splitlines():
        entry = json.loads(line) | {"prev": previous}
        lines.append(json.dumps(entry, separators=(",", ":")))
        previous = hashlib.sha256(lines[-1].encode()).hexdigest()
    return "".join(f"{line}\n" for line in lines)


def test_extras_are_listed_and_no_difference(tmp_path: Path) -> None:
    org = furnish(tmp_path, {"plan": PLAN, "org": ORG})
    org.apply()
    view = org.verify()
    assert view.exit_code == 0
    assert view.verification is not None
    assert [(each.principal, each.value, each.why) for each in view.verification.beyond] == [
        ("cid@x.com", "Guest", "")
    ]
