"""The page as people use it: with a mouse, a keyboard, a screen reader, a telephone, a printer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from benchmarks._reviewed import reviewed
from pipeline.formats import Format
from pipeline.report.rendering import in_format
from pipeline.views import ChangeView, DiffView
from tests.review.browser import NARROW, WIDE, launched, opened
from tests.review.hostile import HOSTILE, LONG

pytestmark = pytest.mark.xdist_group("browser")
MANY = 200_000
CONTRAST_LEAST = 4.5

CONTRASTS = """() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((each) => each / 255).map((each) =>
    each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
    .reduce((sum, each, place) => sum + each * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = channels(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest("script, style, :disabled")) continue;
    const [one, other] = [light(channels(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < LEAST) faint.push(`${contrast.toFixed(2)} ${element.outerHTML.slice(0, 100)}`);
  }
  return faint;
}""".replace("LEAST", str(CONTRAST_LEAST))


REPEATED_IDS = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  return ids.filter((each, place) => ids.indexOf(each) !== place);
}"""
IS_INSIDE = """(row) =>
  row.getBoundingClientRect().bottom <= row.closest(".list").getBoundingClientRect().bottom + 1"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


def written(folder: Path, name: str, view: DiffView) -> Path:
    path = folder / f"{name}.html"
    if not path.exists():
        path.write_text(in_format(view, Format.HTML), "utf-8")
    return path


@pytest.fixture(scope="module")
def small(pages: Path) -> Path:
    return written(pages, "small", reviewed(300))


def one(who: str, adds: dict[str, list[str]], **more: object) -> ChangeView:
    fields = {"address": f"grant/{who}", "action": "extend", "message": f"extend {who}", "principal": who}
    return ChangeView.model_validate({**fields, "adds": adds, **more})


def test_two_hundred_thousand_people_are_searched_and_gone_through_to_the_last(
    browser: Browser, pages: Path
) -> None:
    view = reviewed(MANY)
    wanted = view.changes[-1].principal or ""
    path = written(pages, "large", view)
    assert path.stat().st_size < 30_000_000
    with opened(browser, path) as shown:
        page = shown.page
        assert shown.found == "200,000 people"
        assert page.locator(".row").count() < 100
        page.fill("#search", wanted)
        assert shown.found == "1 of 200,000 people"
        page.press("#search", "Enter")
        assert wanted in shown.person
        page.keyboard.press("Escape")
        page.fill("#search", "")
        page.focus("#list")
        page.keyboard.press("End")
        chosen = page.locator(".row[aria-selected=true]")
        assert chosen.get_attribute("aria-posinset") == "200000"
        assert chosen.evaluate(IS_INSIDE)
        page.keyboard.press("ArrowUp")
        assert page.locator(".row[aria-selected=true]").get_attribute("aria-posinset") == "199999"


def test_a_person_is_found_opened_compared_and_left_by_keyboard_alone(browser: Browser, pages: Path) -> None:
    view = DiffView(
        plan="plans/t.yaml",
        changes=[
            one(
                "alice@acme.example.com",
                {"Role": ["Auditor"]},
                keeps={"Role": ["Clerk"]},
                removes={"Role": ["Admin"]},
            ),
            one("bob@acme.example.com", {"Role": ["Auditor"]}),
            one("carol@acme.example.com", {"Site": ["North"]}),
        ],
    )
    with opened(browser, written(pages, "keyboard", view)) as shown:
        page = shown.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the summary"
        page.keyboard.press("/")
        page.keyboard.type("ACME")
        assert shown.found == "3 people"
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        rows = page.locator("#person tbody tr").all_inner_texts()
        assert [row.split("\t") for row in rows] == [
            ["Role: Admin", "held", "loses"],
            ["Role: Auditor", "not held", "gets"],
            ["Role: Clerk", "held", "keeps"],
        ]
        page.keyboard.press("ArrowRight")
        assert page.locator("#person-name").inner_text() == "bob@acme.example.com"
        page.keyboard.press("Escape")
        assert not page.locator("#person").is_visible()
        assert page.evaluate("document.activeElement.id") == "list"
        assert page.locator(".row[aria-selected=true] bdi").inner_text() == "bob@acme.example.com"


def test_filters_narrow_the_people_and_say_how_many_are_left(browser: Browser, small: Path) -> None:
    view = reviewed(300)
    losing = {each.principal for each in view.changes if each.removes}
    held = {each.principal for each in view.held}
    with opened(browser, small) as shown:
        page = shown.page
        page.click("[data-filter=loses]")
        assert shown.found == f"{len(losing)} of 300 people"
        assert page.get_attribute("[data-filter=loses]", "aria-pressed") == "true"
        page.click("[data-filter=held]")
        assert shown.found == f"{len(held)} of 300 people"
        page.click("[data-filter=everyone]")
        page.select_option("#value", label="Controller")
        concerned = {each.principal for each in view.held if "Controller" in each.adds["Role"]}
        for change in view.changes:
            if change.principal and "Controller" in [
                *change.adds.get("Role", []),
                *change.keeps.get("Role", []),
            ]:
                concerned.add(change.principal)
        assert shown.found == f"{len(concerned)} of 300 people"
        page.locator("[data-cohort] button").first.click()
        assert shown.found == f"{len(losing)} of 300 people"


def test_the_matrix_shows_what_each_person_gains_loses_and_keeps(browser: Browser, pages: Path) -> None:
    view = DiffView(
        changes=[
            one(
                "alice@acme.example.com",
                {"Role": ["Auditor"]},
                keeps={"Role": ["Clerk"]},
                removes={"Role": ["Admin"]},
            ),
            one("bob@acme.example.com", {"Role": ["Clerk"]}),
        ]
    )
    with opened(browser, written(pages, "matrix", view)) as shown:
        shown.page.click("#as-matrix")
        heads = shown.page.locator(".heads span").all_text_contents()
        assert heads == ["Person", "Admin (Role)", "Auditor (Role)", "Clerk (Role)"]
        cells = [row.locator("i").all_text_contents() for row in shown.page.locator(".row").all()]
        assert cells == [["\u2212", "+", "="], ["", "", "+"]]
        said = shown.page.locator(".row").first.get_attribute("aria-label")
        assert said == "alice@acme.example.com: loses Role: Admin, gets Role: Auditor, keeps Role: Clerk"


def test_hostile_values_are_text_and_do_nothing(browser: Browser, pages: Path) -> None:
    changes = [one(f"{n}{text[:500]}", {"Role": [text]}) for n, text in enumerate(HOSTILE)]
    path = written(pages, "hostile", DiffView(plan=HOSTILE[0], okta_app=HOSTILE[1], changes=changes))
    with opened(browser, path) as shown:
        page = shown.page
        assert page.evaluate("typeof window.pwned") == "undefined"
        assert (
            page.locator("img, iframe, object, embed, link, script:not(:last-of-type):not(#payload)").count()
            == 0
        )
        assert page.locator("a:not([href^='#'])").count() == 0
        page.focus("#list")
        told = []
        for _ in changes:
            page.keyboard.press("Enter")
            told.append(page.locator("#person tbody").inner_text())
            page.keyboard.press("Escape")
            page.keyboard.press("ArrowDown")
        everything = "".join(told)
        assert LONG in everything
        assert "<script>window.pwned=1</script>" in everything
        assert "\\u202e" in everything
        assert "\\u001b[31m" in everything
        assert "\u202e" not in page.content()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("view", [NARROW, WIDE], ids=["narrow", "wide"])
def test_everything_can_be_read_and_nothing_hangs_over_the_edge(
    browser: Browser, small: Path, view: dict[str, int], dark: bool
) -> None:
    size = NARROW if view == NARROW else WIDE
    with opened(browser, small, view=size, dark=dark) as shown:
        page = shown.page
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert page.evaluate(CONTRASTS) == []
        page.click("#as-matrix")
        page.focus("#list")
        page.keyboard.press("Enter")
        assert page.evaluate(CONTRASTS) == []


def test_a_screen_reader_finds_landmarks_headings_in_order_and_a_name_on_every_control(
    browser: Browser, small: Path
) -> None:
    with opened(browser, small) as shown:
        page = shown.page
        assert [page.locator(each).count() for each in ("header", "nav", "main", "footer", "h1")] == [1] * 5
        levels = page.evaluate(
            "[...document.querySelectorAll('main h2, main h3')].map((each) => +each.tagName[1])"
        )
        assert levels[0] == 2
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        assert page.get_by_label("Search people").count() == 1
        assert page.get_by_role("listbox", name="People").count() == 1
        assert page.locator("#list [role=option]").first.get_attribute("aria-setsize") == "300"
        assert page.get_by_role("status").inner_text() == "300 people"
        assert all(name.strip() for name in page.get_by_role("button").all_inner_texts())
        assert page.evaluate(REPEATED_IDS) == []


def test_without_its_script_the_page_still_tells_the_whole_summary(browser: Browser, small: Path) -> None:
    with opened(browser, small, script=False) as shown:
        text = shown.page.locator("body").inner_text()
        assert "Access is taken away" in text
        assert "switched off here" in text
        assert not shown.page.locator("#tools").is_visible()


def test_on_paper_there_are_the_summary_and_the_risks_and_no_controls(browser: Browser, small: Path) -> None:
    with opened(browser, small) as shown:
        shown.page.emulate_media(media="print")
        assert shown.page.locator("#risks").is_visible()
        assert [
            shown.page.locator(each).is_visible()
            for each in ("#people", "nav", "[data-cohort] button >> nth=0")
        ] == [False] * 3
