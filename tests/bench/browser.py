"""Chromium in the reading room, and the clock in it.

The clock is a script that runs before the page's own. It waits until the room shows its viewer (`window.sagittal`, for
checks from outside) and writes down when slices are on screen and when keys went down. Nothing else is touched.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import BrowserContext, Page, Playwright

from tests.bench.installation import Site
from tests.bench.visitor import Visitor
from tests.browser.people import SCREEN, launch_chromium

PATIENCE = 60.0  # seconds for anything the page is to do
SETTLING = 1000  # milliseconds

#: `rendered`: [milliseconds since the navigation began, slice]; `progress`: [milliseconds, slices in the cache, of how
#: many]. `until` is a promise, so that nobody has to ask the page again and again while it works.
CLOCK = """
(() => {
  const waiting = new Set();
  const heard = () => waiting.forEach((look) => look());
  const clock = {
    rendered: [],
    progress: [],
    keys: [],
    until: (ready, patience) => new Promise((resolve, reject) => {
      const look = () => {
        const answer = ready();
        if (!answer) return;
        waiting.delete(look);
        resolve(answer);
      };
      waiting.add(look);
      look();
      setTimeout(() => reject(new Error("It did not come.")), patience);
    }),
  };
  window.benchClock = clock;
  let room;
  Object.defineProperty(window, "sagittal", {
    configurable: true,
    get: () => room,
    set: (value) => {
      room = value;
      const { events } = room.viewer;
      events.on("rendered", ({ k }) => { clock.rendered.push([performance.now(), k]); heard(); });
      events.on("progress", ({ loaded, total }) => {
        clock.progress.push([performance.now(), loaded, total]);
        heard();
      });
    },
  });
  document.addEventListener("keydown", (event) => clock.keys.push(event.timeStamp), { capture: true });
})();
"""

FIRST = "() => benchClock.rendered[0]?.[0]"
WHOLE = "() => benchClock.progress.find(([, loaded, total]) => loaded === total)?.[0]"
#: When the first frame was asked for.
ASKED = """
() => Math.min(...performance.getEntriesByType("resource").filter(({ name }) => name.endsWith("/frames/1"))
  .map(({ startTime }) => startTime))
"""
#: When, in milliseconds since the navigation began, what the first image needs was there.
MILESTONES = """
() => {
  const entries = performance.getEntriesByType("resource");
  const of = (part) => entries.filter(({ name }) => name.includes(part));
  const came = (part) => Math.min(...of(part).map(({ responseEnd }) => responseEnd));
  const asked = (part) => Math.min(...of(part).map(({ startTime }) => startTime));
  return {
    "page": performance.getEntriesByType("navigation")[0].responseEnd,
    "scripts": came("/viewer/reading"),
    "case asked for": asked("/api/reads/"),
    "case": came("/api/reads/"),
    "frame asked for": asked("/frames/1"),
    "frame": came("/frames/1"),
    "on screen": benchClock.rendered[0][0],
  };
}
"""


#: In the page: open another read without loading a page, once all of the present one is there.
SWITCH = """
async (read) => {
  const { app, viewer } = window.sagittal;
  const whole = () => { const [, loaded, total] = benchClock.progress.at(-1); return loaded === total; };
  await benchClock.until(whole, 60000);
  const begun = performance.now();
  void app.openRead(read);
  const shown = () => app.open.room.readId === read && viewer.displayed && benchClock.rendered.at(-1)[0];
  return (await benchClock.until(shown, 60000)) - begun;
}
"""
#: In the page: wait until every slice of the read that is open has come.
ALL_HERE = """
() => benchClock.until(() => {
  const [, loaded, total] = benchClock.progress.at(-1) ?? [];
  return loaded === total && window.sagittal.viewer.displayed;
}, 60000)
"""


class Room:
    """One page in the reading room."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page = page
        self.site = site

    def open(self, read: int) -> None:
        """Navigate to a read. Returns as soon as its page has begun to come."""
        self.page.goto(f"{self.site.url}/read/{read}", wait_until="commit")

    def leave(self) -> None:
        self.page.goto("about:blank")

    def first_image(self) -> float:
        """Milliseconds from the beginning of the navigation to the first slice on screen."""
        return float(self._until(FIRST))

    def milestones(self) -> dict[str, float]:
        """Milliseconds from the beginning of the navigation to each thing the first image needs."""
        found: dict[str, float] = self.page.evaluate(MILESTONES)
        return found

    def whole_stack(self) -> tuple[float, float]:
        """Milliseconds from the beginning of the navigation, and from the first frame that was asked for, until every
        slice is decoded in the cache."""
        done = float(self._until(WHOLE))
        return done, done - float(self.page.evaluate(ASKED))

    def press(self, key: str) -> float:
        """Milliseconds from a real key press to the next slice on screen."""
        before = self.page.evaluate("() => benchClock.rendered.length")
        self.page.keyboard.press(key)
        shown = self._until(f"() => benchClock.rendered[{before}]?.[0]")
        return float(shown - self.page.evaluate("() => benchClock.keys.at(-1)"))

    def wait(self, expression: str, what: str) -> None:
        """Until an expression of the page is true."""
        deadline = time.monotonic() + PATIENCE
        while not self.page.evaluate(expression):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{what} did not come within {PATIENCE:.0f} s.")
            time.sleep(0.05)

    def viewport(self) -> str:
        """The size of the image on screen, in CSS pixels."""
        box = self.page.locator("[data-room=viewport]").bounding_box()
        return f"{box['width']:.0f} x {box['height']:.0f} px" if box else ""

    def _until(self, ready: str) -> Any:
        return self.page.evaluate(f"() => benchClock.until({ready}, {PATIENCE * 1000:.0f})")


@contextmanager
def fresh_browser(playwright: Playwright, site: Site, visitor: Visitor) -> Iterator[Room]:
    """A browser started for this, with empty caches, in which somebody is logged in.

    It has come to rest on a page without scripts: how long Chromium takes to start is not our doing.
    """
    browser = launch_chromium(playwright)
    try:
        context = browser.new_context(viewport=SCREEN)  # type: ignore[arg-type]  # a TypedDict of the same two numbers
        room = logged_in_room(context, site, visitor)
        room.page.goto(f"{site.url}/healthz")
        room.page.wait_for_timeout(SETTLING)
        yield room
    finally:
        browser.close()


def logged_in_room(context: BrowserContext, site: Site, visitor: Visitor) -> Room:
    """A page with the cookies of a login that happened elsewhere, so that the page's first request is the room's."""
    context.add_cookies([{"name": name, "value": value, "url": site.url} for name, value in visitor.cookies.items()])
    context.add_init_script(CLOCK)
    return Room(context.new_page(), site)


def shape_network(room: Room, *, megabits: float, milliseconds: float) -> None:
    """What the page asks for comes at this rate and this much later, from now on."""
    session = room.page.context.new_cdp_session(room.page)
    session.send("Network.enable")
    bytes_per_second = megabits * 1e6 / 8
    limits = {
        "offline": False,
        "latency": milliseconds,
        "downloadThroughput": bytes_per_second,
        "uploadThroughput": bytes_per_second,
    }
    session.send("Network.emulateNetworkConditions", limits)


def forget_frames(room: Room) -> None:
    """Empty the browser's cache of what came over the network."""
    session = room.page.context.new_cdp_session(room.page)
    session.send("Network.clearBrowserCache")
    session.detach()
