"""OKTA_PLAN_MASK_PII: nothing that is shown holds the name of a person; what is kept does."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from typer.testing import CliRunner

from pipeline.cli import okta_plan
from pipeline.cli_answers import switches
from pipeline.envelope import View, error_answer, to_json
from pipeline.errors import InputError, OktaPlanError
from pipeline.formats import Format
from pipeline.masking import Mask
from pipeline.report.markdown import run_report
from pipeline.report.rendering import in_format
from pipeline.review.of_view import review_of
from pipeline.settings import Settings
from pipeline.use_cases import comparing, generating, history, offline
from pipeline.use_cases.desk import Desk
from pipeline.views import ApplyView, SimulateView
from tests.effort import examples
from tests.in_process import Tenant
from tests.test_cases import furnish

T = TypeVar("T")
V = TypeVar("V", bound=View)
ODD = "aZ9.-_+'\"`[]{}()*#!~|\\<>&%$ßİéø漢=/@,;:"
"""What a user may be named with: quotes, markup of a terminal, of Markdown, of HTML, letters that fold."""
ORDINARY = st.from_regex(r"[a-z]{2}[0-9]{5}(@[pq]\.example\.com)?", fullmatch=True)
NAMES = st.one_of(
    st.text(ODD, min_size=6, max_size=14).filter(lambda text: not text.startswith("#")),
    st.builds("{}@{}.example.com".format, st.text(ODD, min_size=1, max_size=9), st.sampled_from("pqx")),
    ORDINARY,
)
PEOPLE = st.lists(NAMES, min_size=9, max_size=9).map(
    lambda names: [f"k{number}{name}" for number, name in enumerate(names)]
)
"""No name stands within another."""


def folded(text: str) -> str:
    return text.casefold()


@settings(max_examples=examples(50), deadline=None)
@given(PEOPLE, st.data())
def test_names_are_masked_wherever_they_stand_and_people_stay_told_apart(
    people: list[str], data: st.DataObject
) -> None:
    mask = Mask(on=True)
    mask.learn(people)
    order = data.draw(st.lists(st.sampled_from(people), min_size=1, max_size=20))
    marks = [mask.text(f"grant {name} Role: Admin") for name in order]
    for name, mark in zip(order, marks, strict=True):
        assert folded(name) not in folded(mark)
        assert "***" in mark
        assert mark == mask.text(f"grant {name} Role: Admin")
    assert len({mask.text(name) for name in people}) == len(people)


@settings(max_examples=examples(50), deadline=None)
@given(st.text(max_size=60), st.lists(ORDINARY, min_size=2, max_size=6))
def test_masking_again_changes_nothing_and_texts_without_names_stay(text: str, people: list[str]) -> None:
    mask = Mask(on=True)
    mask.learn(people)
    once = mask.text(f"{people[0]} {text} {people[1]}")
    assert mask.text(once) == once
    assert mask.text("diff 3 create, 12 grant at 2026-01-31T00:00:00Z") == (
        "diff 3 create, 12 grant at 2026-01-31T00:00:00Z"
    )


def test_two_people_of_whom_the_same_would_be_left_are_told_apart() -> None:
    mask = Mask(on=True)
    mask.learn(["ann@acme.example.com", "amy@acme.example.com", "bo", "bob", "bill"])
    assert mask.text("amy@acme.example.com, ANN@acme.example.com, amy@acme.example.com") == (
        "a***@acme.example.com, a***~2@acme.example.com, a***@acme.example.com"
    )
    assert mask.text("bob and bill, bobby's joanna") == "b*** and b***~2, bobby's joanna"
    assert mask.text("unknown.person@elsewhere.org") == "u***@elsewhere.org"


def test_a_mask_that_is_off_changes_nothing() -> None:
    mask = Mask()
    mask.learn(["ann@x.com"])
    assert mask.text("ann@x.com") == "ann@x.com"


def test_a_setting_that_is_neither_yes_nor_no_is_refused() -> None:
    def masks(text: str) -> bool:
        return Settings.model_validate({"OKTA_PLAN_MASK_PII": text}).masks_people

    assert [masks(text) for text in ("true", "1", " Yes ", "", "false", "off")] == [True] * 3 + [False] * 3
    with pytest.raises(InputError):
        masks("ture")


def story(people: list[str]) -> dict[str, Any]:
    """People who get, extend, lose, are not found, ambiguous, gone, two names of one, or denied."""
    new, has, loses, none, twice, gone, alias, other, denied = people
    users = [
        {"login": who, "email": f"user{number}@mail.example.org"}
        for number, who in enumerate((new, has, loses, denied))
    ]
    users += [{"login": f"login-of-{number}@mail.example.org", "email": twice} for number in range(2)]
    users.append({"login": gone, "email": gone, "status": "DEPROVISIONED"})
    users.append({"login": alias, "email": other})
    role = {"name": "Role", "external_value": "Role", "values": ["Admin", "Clerk"]}
    return {
        "plan": {
            "entitlements": [role],
            "access": [
                {"values": {"Role": ["Admin"]}, "users": [new, has, none, twice, gone, denied]},
                {"values": {"Role": ["Clerk"]}, "users": [alias]},
                {"values": {"Role": ["Admin"]}, "users": [other], "expires": "2090-01-01T00:00:00Z"},
            ],
            "removals": [{"values": {"Role": ["Clerk"]}, "users": [loses]}],
            "limits": {"revoked_percent_max": 100},
        },
        "org": {
            "users": users,
            "okta_apps": [
                {
                    "label": "ERP",
                    "entitlement_management": True,
                    "assigned": [has, loses],
                    "entitlements": [{"name": "Role", "values": ["Clerk", "Guest"]}],
                    "grants": [
                        {"user": has, "values": {"Role": ["Guest"]}},
                        {"user": loses, "values": {"Role": ["Clerk", "Guest"]}},
                        {"user": denied, "action": "DENY"},
                    ],
                }
            ],
        },
    }


def shown(view: View) -> str:
    """Every way in which a view is shown."""
    formats = [Format.TEXT, Format.JSON]
    formats += [Format.MARKDOWN, Format.HTML] if review_of(view) is not None else []
    report = run_report(view) if isinstance(view, ApplyView) and view.run else ""
    return "\n".join([*(in_format(view, each) for each in formats), report])


def assert_nobody_in(text: str, people: list[str]) -> None:
    forms = {name for each in people for name in (each, re.sub(r"([\\`*_{}\[\]<>()#+!|~])", r"\\\1", each))}
    forms |= {json.dumps(name, ensure_ascii=False)[1:-1] for name in people}
    forms |= {html.escape(name) for name in people}
    found = [name for name in forms if folded(name) in folded(text)]
    assert found == []
    assert "mail.example.org" not in re.sub(r"(\\?\*){3}(\\?~\d+)?@mail\.example\.org", "", text)


@settings(max_examples=examples(5), deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(people=PEOPLE)
def test_no_view_of_the_whole_story_names_anybody(
    people: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    people = [name.strip() for name in people]
    folder = tmp_path_factory.mktemp("w")
    org = Masked.of(furnish(folder, story(people)))
    views = [
        org.diff(),
        org.simulate(),
        org.apply_reviewed(),
        org.verify(),
        org.apply_reviewed(),
        org.show("t"),
    ]
    run = next(each.run for each in views if isinstance(each, ApplyView))
    assert run is not None
    views += [org.undo(run), org.offline(lambda desk: history.runs(desk, run))]
    views.append(org.offline(lambda desk: history.runs(desk, None)))
    views.append(org.offline(lambda desk: comparing.compare(desk, "t", f"undo-{run}")))
    for who in people[:4]:
        views.append(org.offline(partial(offline.show, given="t", user=who)))
    text = "\n".join(map(shown, views))
    assert_nobody_in(text, people)
    assert text.count("***") > 20
    kept = "".join(
        (folder / name).read_text("utf-8")
        for name in (f"plans/.runs/{run}/changes.json", f"plans/.runs/{run}/plan.yaml")
    )
    assert people[1] in yaml.safe_load((folder / "plans" / "t.yaml").read_text("utf-8"))["access"][0]["users"]
    assert "***" not in kept


class Masked(Tenant):
    """A tenant whose desks mask, and whose views are those that a door would show."""

    @classmethod
    def of(cls, org: Tenant) -> Masked:
        masked = cls(org.workspace, org.org_file)
        masked.mask = Mask(on=True)
        return masked

    mask: Mask

    def _desk(self) -> tuple[Desk, Starlette]:
        desk, okta = super()._desk()
        return replace(desk, mask=self.mask), okta

    def _run(self, call: Callable[[Desk], Awaitable[T]]) -> T:
        found = super()._run(call)
        return self.mask.view(found) if isinstance(found, View) else found

    def simulate(self, plan: str = "t", **means: Any) -> SimulateView:
        return self.mask.view(super().simulate(plan, **means))

    def offline(self, call: Callable[[Desk], V]) -> V:
        async def on_loop(desk: Desk) -> V:
            return call(desk)

        return self._run(on_loop)


CSV = """Email,Role,Effective_Access
ann.lee@acme.example.com,Admin;Clerk,Permitted
u48213,Admin,Permitted
u48213,Admin,Denied
zed.only.denied,Clerk,Denied
w99311,,Permitted
k77120,Owner,Perhaps
"""
IN_CSV = ["ann.lee@acme.example.com", "u48213", "zed.only.denied", "w99311", "k77120"]


def test_reading_a_source_names_nobody(tmp_path: Path) -> None:
    org = Masked.of(furnish(tmp_path, story([f"p{n}@x.com" for n in range(9)])))
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "erp.csv").write_text(CSV, "utf-8")
    wanted = generating.Wanted(okta_app="ERP", name="e")
    views: list[View] = [
        org.offline(lambda desk: generating.analyze(desk, "csv/erp.csv")),
        org.offline(lambda desk: generating.generate(desk, ["csv/erp.csv"], wanted)),
        org.offline(lambda desk: offline.validate(desk, ["e"])),
    ]
    text = "\n".join(map(shown, views))
    assert "***" in text
    assert [name for name in IN_CSV if name in text] == []
    assert "u48213" in (tmp_path / "plans" / "e.yaml").read_text("utf-8")


def test_errors_name_nobody(tmp_path: Path) -> None:
    plan = story(["jo.x", "two twice", *(f"p{n}@x.com" for n in range(7))])
    plan["plan"]["access"][1]["users"] = ["kim99", "KIM99"]
    org = Masked.of(furnish(tmp_path, plan))
    org_plan = tmp_path / "plans" / "good.yaml"
    org_plan.write_text((tmp_path / "plans" / "t.yaml").read_text("utf-8").replace("- KIM99\n", ""), "utf-8")
    view = org.offline(lambda desk: offline.validate(desk, ["t"]))
    assert not view.ok
    assert "kim99" not in shown(view).casefold()
    with pytest.raises(OktaPlanError) as absent:
        org.offline(lambda desk: offline.show(desk, "t", user="nobody77"))
    org.mask.learn(absent.value.people)
    assert "kim99" not in to_json(org.mask.view(error_answer(absent.value, "show"))).casefold()


@pytest.fixture
def door() -> Iterator[Callable[..., str]]:
    """Run one command as a person types it, and read all that it shows."""
    before = (switches.workspace, switches.debug, switches.log_file, switches.mask)

    def typed(workspace: Path, *words: str) -> str:
        told = CliRunner().invoke(
            okta_plan, ["--debug", "--workspace", str(workspace), *words], env={"OKTA_PLAN_MASK_PII": "true"}
        )
        return told.output + told.stderr

    yield typed
    switches.workspace, switches.debug, switches.log_file, switches.mask = before


def test_every_door_masks(door: Callable[..., str], tmp_path: Path) -> None:
    people = [
        f"{name}-lee" for name in ("anna", "beth", "carl", "dora", "emil", "fred", "gina", "hans", "ines")
    ]
    case = story(people)
    case["plan"]["removals"] = []
    furnish(tmp_path, case)
    org = ("--org", str(tmp_path / "org.yaml"))
    log = tmp_path / "calls.jsonl"
    told = [
        door(tmp_path, "--log-file", str(log), "diff", "t", *org),
        door(tmp_path, "diff", "t", "--json", *org),
        door(tmp_path, "apply", "t", "--yes", *org),
        door(tmp_path, "verify", "t", "--json", *org),
        door(tmp_path, "show", "t", "--format", "html"),
        door(tmp_path, "diff", "t", "--format", "markdown", *org),
        door(tmp_path, "show", "t", "--user", people[0]),
        door(tmp_path, "show", "t", "--user", "anna-leeward"),
        door(tmp_path, "validate", "t"),
    ]
    [run] = [each.name for each in (tmp_path / "plans" / ".runs").iterdir() if each.name.startswith("2")]
    told += [door(tmp_path, "runs", run), door(tmp_path, "watch", run), door(tmp_path, "undo", run)]
    told += [door(tmp_path, "apply", "t", "--resume", run, *org), log.read_text("utf-8")]
    text = "\n".join(told)
    assert [name for name in people if name in text] == []
    assert text.count("***") > 20
    assert "Run " in text
