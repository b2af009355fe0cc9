"""axe-core looks at what is on screen.

axe-core (MPL-2.0) is a tool of these tests alone: npm puts it among the development dependencies, nothing of it is
bundled, and no page of Sagittal loads it. It reaches a page through the browser's debugger, which the content security
policy does not bind, so the pages run under the very policy that they are served with.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import resolve
from playwright.sync_api import Page

from config.folders import REPOSITORY
from tests.browser.people import SCREEN

AXE = REPOSITORY / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
#: A violation of one of these impacts fails; a weaker one is printed.
SERIOUS = frozenset({"serious", "critical"})
#: The dark pages, with the screens on which they have to work; all others are light.
DARK_SCREENS = {name: (SCREEN, {"width": 1366, "height": 768}) for name in ("room", "anatomy-check", "consensus")}
#: Stands for the pages that have no address of their own, such as the one that says "Nothing here".
NOTICE = "notice"

_RUN = """() => axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
  violations.map(({ id, impact, help, nodes }) => ({ id, impact, help, nodes: nodes.map(({ target, html, any, all }) =>
    [target.flat().join(" "), html.slice(0, 160), ...[...any, ...all].map(({ message }) => message)].join("  ")) })))"""
_PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"

#: Look at the page as it is now; the words name what of it is on screen.
Look = Callable[[Page, str], None]


@dataclass(frozen=True)
class Violation:
    """One rule that is broken by what is on screen."""

    where: str
    rule: str
    impact: str
    help: str
    nodes: tuple[str, ...]


class Looker:
    """Looks at pages and remembers what it found, and of which addresses it has seen any page."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.looked_at: set[str] = set()

    def look(self, page: Page, words: str) -> None:
        """axe-core on what is on screen, on each screen size the page is made for."""
        name = name_of(page)
        self.looked_at.add(name)
        theme = page.locator("html").get_attribute("data-theme")
        assert theme in ("dark" if name in DARK_SCREENS else "light", None), f"{name} is {theme}"
        for screen in DARK_SCREENS.get(name, (SCREEN,)):
            page.set_viewport_size(screen)  # type: ignore[arg-type]  # a TypedDict of the same two numbers
            page.evaluate(_PAINTED)
            self.violations += found_by_axe(page, f"{name}, {words}, {screen['width']}x{screen['height']}")
        page.set_viewport_size(SCREEN)  # type: ignore[arg-type]

    def of_impact(self, *, serious: bool) -> list[str]:
        """What was found, each element once: where it was first seen, and how often in all."""
        places: dict[tuple[str, str], list[str]] = {}
        for each in self.violations:
            if (each.impact in SERIOUS) == serious:
                for node in each.nodes:
                    places.setdefault((f"{each.impact}, {each.rule}: {each.help}", node), []).append(each.where)
        return [
            f"{what}\n    {node}\n    in {found[0]}" + (f" and {len(found) - 1} more" if len(found) > 1 else "")
            for (what, node), found in places.items()
        ]


def name_of(page: Page) -> str:
    """The name of the URL pattern that answered, or NOTICE where a page stands for none."""
    if page.locator(".notice-page").count() or page.url == "about:blank":
        return NOTICE
    return resolve(urllib.parse.urlsplit(page.url).path).url_name or ""


def found_by_axe(page: Page, where: str) -> list[Violation]:
    """Everything that axe-core's rules say against the page as it is."""
    if not AXE.is_file():
        raise RuntimeError("axe-core is not installed. Run make test, which installs the packages of the frontend.")
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = page.evaluate(_RUN)
    return [Violation(where, each["id"], each["impact"] or "", each["help"], tuple(each["nodes"])) for each in found]


def looks_at(*pages: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Says at which pages, by the names of their URLs, a test looks. It fails if it does not."""

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        test.pages = pages  # type: ignore[attr-defined]
        return test

    return mark
