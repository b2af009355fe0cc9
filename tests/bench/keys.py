"""How many keys a case takes: twelve vertebrae, two fractures, labelled and locked by the keyboard alone."""

from __future__ import annotations

import time

from playwright.sync_api import sync_playwright

from tests.bench.browser import logged_in_room
from tests.bench.installation import Site, make_account
from tests.bench.report import Row
from tests.bench.scale import Scale
from tests.bench.spine import write_spine
from tests.bench.viewer import bring_in
from tests.bench.visitor import Visitor
from tests.browser.people import SCREEN, launch_chromium
from tests.browser.room import Room
from tests.browser.twelve import MOST_KEYS, label_twelve

#: Twelve vertebrae whatever the scale of the rest: the count is of keys, not of pixels.
SPINE = Scale(slices=16, rows=480, columns=96, vertebrae=12)


def run(site: Site, scale: Scale) -> list[Row]:
    """One row: the keys that went down, and how long scripted hands took for them."""
    account = make_account("resident")
    read, _ = bring_in(write_spine(site.scratch / "keys", SPINE, "BENCH-KEYS", seed=12), account.name)
    with sync_playwright() as playwright, Visitor(site, account) as visitor:
        browser = launch_chromium(playwright)
        context = browser.new_context(viewport=SCREEN)  # type: ignore[arg-type]  # a TypedDict of the same two numbers
        opened = logged_in_room(context, site, visitor)
        opened.open(read)
        opened.first_image()
        begun = time.monotonic()
        keys = label_twelve(Room(opened.page))
        seconds = time.monotonic() - begun
        browser.close()
    words = f"{keys} keys and one held pass through the slices (scripted hands: {seconds:.0f} s)"
    return [Row("12 vertebrae, two fractures, by keyboard", words, f"≤ {MOST_KEYS} keys", ok=keys <= MOST_KEYS)]
