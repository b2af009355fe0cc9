"""Who sits before Chromium: fresh browsers, logged in or not, whose every complaint is written down."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright

from config.folders import REPOSITORY
from tests.browser.application import Application

RESULTS = REPOSITORY / "test-results"
NO_CHROMIUM = (
    "There is no Chromium here. Install one (on Debian and Ubuntu: apt-get install chromium), "
    "or set CHROMIUM to the path of one."
)
#: No GPU is needed: SwiftShader draws WebGL on the processor, and WebGL alone. Pages are put together without it, which
#: takes a third less of the processor. Nothing is asked of the network.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SCREEN = {"width": 1440, "height": 900}


def launch_chromium(playwright: Playwright) -> Browser:
    """Chromium without a screen. RuntimeError with what to install where there is none."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None or not os.access(program, os.X_OK):
        raise RuntimeError(NO_CHROMIUM)
    return playwright.chromium.launch(executable_path=program, headless=True, args=list(FLAGS))


class People:
    """Makes browsers for one test; each person has cookies and storage of their own."""

    def __init__(self, browser: Browser, application: Application, logins: dict[str, Any]) -> None:
        self.browser = browser
        self.application = application
        self.logins = logins
        self.complaints: list[str] = []
        self.foreseen: list[re.Pattern[str]] = []
        self.contexts: list[BrowserContext] = []

    def stranger(self, *, screen: dict[str, int] | None = None) -> Page:
        """A browser that nobody has logged in with."""
        return self._page(screen=screen)

    def person(self, name: str, *, fresh: bool = False, screen: dict[str, int] | None = None) -> Page:
        """A browser in which this account is logged in. `fresh` makes a login of its own, else one is used again."""
        if not fresh and name in self.logins:
            return self._page(storage_state=self.logins[name], screen=screen)
        page = self._page(screen=screen)
        page.goto("/login")
        log_in(page, name, self.application.accounts[name])
        page.wait_for_url(lambda url: "/login" not in url)
        if not fresh:
            self.logins[name] = page.context.storage_state()
        return page

    def foresee(self, *patterns: str) -> None:
        """Complaints of the browser that this test provokes, as regular expressions; any other one is its failure."""
        self.foreseen += [re.compile(pattern) for pattern in patterns]

    @property
    def unforeseen(self) -> list[str]:
        return [text for text in self.complaints if not any(pattern.search(text) for pattern in self.foreseen)]

    def photograph(self, name: str) -> list[Path]:
        """A picture of every open page, for a test that went wrong."""
        RESULTS.mkdir(exist_ok=True)
        pictures = []
        for number, page in enumerate(page for context in self.contexts for page in context.pages):
            path = RESULTS / f"{re.sub(r'[^a-zA-Z0-9]+', '_', name)[:120]}-{number}.png"
            page.screenshot(path=path, timeout=5000)
            pictures.append(path)
        return pictures

    def go_home(self) -> None:
        """Close every browser of this test."""
        for context in self.contexts:
            context.close()
        self.contexts.clear()

    def _page(self, *, storage_state: Any = None, screen: dict[str, int] | None = None) -> Page:
        context = self.browser.new_context(
            base_url=self.application.url,
            storage_state=storage_state,
            viewport=screen or SCREEN,  # type: ignore[arg-type]  # a TypedDict of the same two numbers
            reduced_motion="reduce",
            accept_downloads=True,
        )
        context.set_default_timeout(15_000)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.complaints.append(f"error in the page: {error.error}"))
        self.contexts.append(context)
        return context.new_page()

    def _said(self, message: ConsoleMessage) -> None:
        place = message.location.get("url", "")
        # Asked for by the browser itself, where a page is left before the icon that its head names was read.
        by_itself = place.endswith("/favicon.ico")
        if message.type in ("error", "warning") and not by_itself:
            self.complaints.append(f"{message.type}: {message.text} [{place}]")


def log_in(page: Page, name: str, password: str) -> None:
    """Fill in the form that is on the page."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


Person = Callable[..., Page]
