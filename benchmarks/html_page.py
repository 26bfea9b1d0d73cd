"""The page of a change set of 200,000 people in Chromium: how long it takes to open, against a bare page that
only parses the same JSON; its size, and how long a search takes. ``--quick`` takes fewer turns.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path
from time import process_time

from benchmarks._reviewed import reviewed
from benchmarks._timing import Target, hold, show
from pipeline.formats import Format
from pipeline.report.rendering import in_format

PEOPLE = 200_000
ROUNDS = 9
SIZE_MOST_MB = 30
OPEN_MOST = 2.5
"""Times the bare page: what laying out, cohorts, filters and the first rows may add to parsing."""
SEARCH_MOST_MS = 100
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
SEARCHES = ("alice.hill", "@acme", "199999", "nobody at all")
SEARCH = """(text) => {
  const input = document.getElementById("search");
  input.value = text;
  const started = performance.now();
  input.dispatchEvent(new Event("input"));
  document.getElementById("list").getBoundingClientRect();
  return performance.now() - started;
}"""
BARE = """<!doctype html><title>bare</title><body>
<script type="application/json" id="payload">{payload}</script>
<script>window.kept = JSON.parse(document.getElementById("payload").textContent);
document.body.getBoundingClientRect();
document.documentElement.dataset.ready = String(Math.round(performance.now()));</script>"""


def lay_out(folder: Path) -> tuple[Path, Path, float]:
    """The page, the bare page with the same JSON, and the processor time in seconds that making it took."""
    view = reviewed(PEOPLE)
    started_s = process_time()
    text = in_format(view, Format.HTML)
    took_s = process_time() - started_s
    whole, bare = folder / "page.html", folder / "bare.html"
    whole.write_text(text, "utf-8")
    found = re.search(r'id="payload">(.*?)</script>', text, re.DOTALL)
    assert found, "the page has its payload"  # noqa: S101 - a benchmark that measures nothing must not pass
    bare.write_text(BARE.replace("{payload}", found[1]), "utf-8")
    return whole, bare, took_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    rounds = ROUNDS // 3 if parser.parse_args().quick else ROUNDS
    chromium = shutil.which("chromium")
    if chromium is None:
        print("skipped: no chromium here (`make browser` installs Debian's)")
        sys.exit(0)
    from playwright.sync_api import sync_playwright

    opened_ms: dict[str, list[float]] = {"page": [], "bare": []}
    searched_ms: list[float] = []
    with tempfile.TemporaryDirectory() as kept, sync_playwright() as playwright:
        whole, bare, made_s = lay_out(Path(kept))
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        for _ in range(rounds):
            for name, path in (("page", whole), ("bare", bare)):
                page = browser.new_page()
                page.goto(path.as_uri())
                ready = page.wait_for_selector("html[data-ready]", state="attached")
                opened_ms[name].append(float((ready and ready.get_attribute("data-ready")) or "nan"))
                if name == "page":
                    searched_ms += [page.evaluate(SEARCH, text) for text in SEARCHES]
                page.close()
        browser.close()
        size_mb = whole.stat().st_size / 1e6
    open_ms, bare_ms = (sorted(each)[len(each) // 5] for each in opened_ms.values())
    search_ms = sorted(searched_ms)[len(searched_ms) // 2]
    rows = [
        ("made of its view, processor time", f"{made_s:.1f} s", ""),
        ("size", f"{size_mb:.1f} MB", ""),
        ("opened", f"{open_ms:.0f} ms", f"{open_ms / bare_ms:.2f}"),
        ("bare page, same JSON", f"{bare_ms:.0f} ms", "1"),
        ("one search, median", f"{search_ms:.0f} ms", ""),
    ]
    show(f"The page of {PEOPLE:,} people", ("what", "measured", "to the bare page"), rows)
    hold(
        [
            Target("size of the page in MB", size_mb, SIZE_MOST_MB),
            Target("opening it to opening a bare page", open_ms / bare_ms, OPEN_MOST),
            Target("a search in ms", search_ms, SEARCH_MOST_MS),
        ]
    )


if __name__ == "__main__":
    main()
