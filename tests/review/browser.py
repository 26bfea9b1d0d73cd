"""Debian's Chromium, as a person's browser: what it asks for, what it complains about."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

CHROMIUM = os.environ.get("OKTA_PLAN_CHROMIUM") or shutil.which("chromium")
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
NARROW, WIDE = ViewportSize(width=390, height=844), ViewportSize(width=1280, height=900)


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser; the test is skipped, with the reason, where there is none."""
    if CHROMIUM is None:
        pytest.skip("no chromium here: `make browser` installs Debian's, or name one in OKTA_PLAN_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Opened:
    """A page that is open, what it asked for, and what its console said."""

    page: Page
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def found(self) -> str:
        return self.page.locator("#found").inner_text()

    @property
    def person(self) -> str:
        return self.page.locator("#person").inner_text()


@contextmanager
def opened(
    browser: Browser, path: Path, *, view: ViewportSize = WIDE, dark: bool = False, script: bool = True
) -> Iterator[Opened]:
    """The page in ``path``. At the end it has asked for nothing but itself and its console is empty."""
    context = browser.new_context(
        viewport=view, color_scheme="dark" if dark else "light", java_script_enabled=script
    )
    try:
        page = context.new_page()
        shown = Opened(page)
        page.on("request", lambda request: shown.asked.append(request.url))
        page.on("console", lambda message: shown.said.append(message.text))
        page.on("pageerror", lambda error: shown.said.append(str(error)))
        page.goto(path.as_uri())
        if script:
            page.wait_for_selector("html[data-ready]")
        yield shown
        assert shown.asked == [path.as_uri()]
        assert shown.said == []
    finally:
        context.close()
