"""The reading room as a person uses it, and what the database holds of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.application import Application

PATIENCE = 15.0  # seconds
#: What the top bar says of a first version, whether a model was revealed beside it or none had read the case yet.
LOCKED_ONCE = re.compile("Locked.*version 1")


def until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Ask again until the answer is yes. The page's policy forbids Playwright's own way, which evaluates text."""
    deadline = time.monotonic() + patience
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {patience:g} seconds.")
        time.sleep(0.03)


class Room:
    """One open read."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.image = page.get_by_role("application", name="Sagittal image")
        self.chip = page.locator("[data-room=saved]")
        self.topbar = page.locator(".topbar")
        self.banner = page.locator("[data-room=banner]")
        self.said = page.locator("[data-room=said]")
        self.dialog = page.get_by_role("dialog")
        self.strip = page.get_by_role("grid", name="Vertebrae by sagittal slice")
        self.settle()

    # ------------------------------------------------------------------ what is on screen

    @property
    def read(self) -> int:
        """The number of the read, from the address."""
        return int(self.page.url.rsplit("/", 1)[-1])

    @property
    def count(self) -> int:
        return int(self.page.locator("[data-room=slice-count]").inner_text().split(" of ")[1])

    @property
    def level(self) -> Locator:
        """The heading that names the current vertebra."""
        return self.page.get_by_role("complementary", name="Current vertebra").get_by_role("heading", level=2)

    @property
    def state(self) -> Locator:
        """What is said of the current vertebra, in words."""
        return self.page.locator("[data-room=state-words]")

    def shown(self) -> int | None:
        """The slice whose pixels are on screen, from 0; None while the wanted one is not."""
        shown: int | None = self.page.evaluate("() => window.sagittal?.viewer.displayed?.k ?? null")
        return shown

    def settle(self) -> int:
        """Wait until the wanted slice is on screen; which one it is."""
        shown: list[int] = until(lambda: [k for k in (self.shown(),) if k is not None], "The slice comes on screen")
        return shown[0]

    def wait_for_all_slices(self) -> None:
        """Wait until the whole stack lies in the browser, so that scrolling needs no server."""
        expect(self.page.get_by_role("progressbar", name="Slices loaded", include_hidden=True)).to_have_class(
            re.compile(r"\bdone\b")
        )

    def cell(self, level: str, k: int) -> Locator:
        return self.row(level).locator(f"td[data-k='{k}']")

    def row(self, level: str) -> Locator:
        return self.strip.get_by_role("row").filter(has=self.rowheader(level))

    def rowheader(self, level: str) -> Locator:
        return self.page.get_by_role("rowheader", name=re.compile(rf"^{level}\b"))

    def button(self, name: str) -> Locator:
        """A button by the words it begins with; its key stands behind them."""
        return self.page.get_by_role("button", name=re.compile(rf"^{re.escape(name)}"))

    # ------------------------------------------------------------------ acting

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def wheel(self, notches: int) -> None:
        """Turn the wheel over the image, and see each slice."""
        self.image.hover()
        for _ in range(abs(notches)):
            self.page.mouse.wheel(0, 120 if notches > 0 else -120)
            self.settle()

    def step(self, steps: int) -> None:
        """Arrow keys, and see each slice."""
        for _ in range(abs(steps)):
            self.press("ArrowDown" if steps > 0 else "ArrowUp")
            self.settle()

    def see_all(self, step: Callable[[int], None]) -> None:
        """Go from one end of the stack to the other."""
        at = self.settle()
        step(-at)
        assert self.settle() == 0
        step(self.count - 1)
        assert self.settle() == self.count - 1

    def saved(self) -> None:
        """Wait until nothing is on its way."""
        expect(self.chip).to_contain_text("Saved")
        expect(self.chip).to_have_attribute("data-state", "saved")
        # What was seen goes out a moment later, and the chip does not speak of it.
        self.page.wait_for_timeout(50)


class Record:
    """Questions to the database, in the words of the room."""

    def __init__(self, application: Application) -> None:
        self.sql = application.sql
        self.one = application.one

    def read_of(self, case: int, reader: str) -> dict[str, Any]:
        return self.one(
            "SELECT r.* FROM labeling_read r JOIN labeling_reader p ON p.id = r.reader_id"
            " JOIN auth_user u ON u.id = p.user_id WHERE r.case_id = %s AND u.username = %s",
            case,
            reader,
        )

    def is_locked(self, read: int) -> bool:
        row = self.one("SELECT state, locked_at, content_sha FROM labeling_read WHERE id = %s", read)
        return row["state"] == "locked" and row["locked_at"] is not None and row["content_sha"] != ""

    def slice_of(self, sop_uid: str) -> int:
        """Where a SOP instance lies in its stack, from 0."""
        k: int = self.one("SELECT k FROM labeling_slice WHERE sop_uid = %s", sop_uid)["k"]
        return k

    def bodies(self, case: int) -> dict[str, list[int]]:
        """Slices that cross the body, from 0, by level, in the newest anatomy."""
        rows = self.sql(
            "SELECT v.level, v.first_k, v.last_k FROM labeling_anatomyvertebra v"
            " WHERE v.anatomy_id = (SELECT max(id) FROM labeling_anatomy WHERE case_id = %s) ORDER BY v.rank",
            case,
        )
        return {row["level"]: list(range(row["first_k"], row["last_k"] + 1)) for row in rows}

    def labels(self, read: int) -> dict[tuple[str, int], str]:
        """(level, slice) -> value, as the labels stand now."""
        rows = self.sql(
            "SELECT v.level, s.k, l.value FROM labeling_slicelabel l"
            " JOIN labeling_finding f ON f.id = l.finding_id JOIN labeling_read r ON r.id = f.read_id"
            " JOIN labeling_slice s ON s.sop_uid = l.sop_uid"
            " JOIN labeling_anatomyvertebra v ON v.anatomy_id = r.anatomy_id AND v.vertebra_id = f.vertebra_id"
            " WHERE f.read_id = %s",
            read,
        )
        return {(row["level"], row["k"]): row["value"] for row in rows}

    def findings(self, read: int) -> dict[str, dict[str, Any]]:
        """Level -> finding."""
        rows = self.sql(
            "SELECT v.level, f.* FROM labeling_finding f JOIN labeling_read r ON r.id = f.read_id"
            " JOIN labeling_anatomyvertebra v ON v.anatomy_id = r.anatomy_id AND v.vertebra_id = f.vertebra_id"
            " WHERE f.read_id = %s",
            read,
        )
        return {row["level"]: row for row in rows}

    def operations(self, read: int) -> list[dict[str, Any]]:
        return self.sql("SELECT * FROM labeling_labeloperation WHERE read_id = %s ORDER BY seq", read)

    def seen(self, read: int) -> set[int]:
        rows = self.sql(
            "SELECT s.k FROM labeling_seen x JOIN labeling_slice s ON s.sop_uid = x.sop_uid WHERE x.read_id = %s", read
        )
        return {row["k"] for row in rows}


def each(level: str, slices: Iterable[int], value: str) -> dict[tuple[str, int], str]:
    """Labels as `Record.labels` gives them."""
    return {(level, k): value for k in slices}


def open_case(page: Page, name: str) -> Room:
    """From the worklist into the room: find the case, click Read."""
    page.goto("/worklist")
    page.get_by_role("textbox", name="Find a case").fill(name)
    page.get_by_role("textbox", name="Find a case").press("Enter")
    page.get_by_role("row").filter(has_text=name).get_by_role("button", name="Read").click()
    page.wait_for_url("**/read/*")
    return Room(page)
