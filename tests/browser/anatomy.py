"""The anatomy check as a person uses it, and what the database holds of it."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.application import Application
from tests.browser.room import until

#: Where the bodies of the phantom have their middle, as a share of the image's height, L1 to L4.
ROWS = [1 - (4 + place * 15 + 6) / 66 for place in (3, 2, 1, 0)]
#: Their middle from front to back.
COLUMN = 24 / 48


class Check:
    """One open anatomy check."""

    def __init__(self, page: Page, case: dict[str, Any], query: str = "") -> None:
        self.page = page
        self.case = case
        page.goto(f"/cases/{case['id']}/anatomy{query}")
        self.settle()

    def settle(self) -> None:
        self.image = self.page.get_by_role("application", name="Sagittal image")
        self.chip = self.page.locator("[data-room=saved]")
        self.said = self.page.locator("[data-room=said]")
        self.news = self.page.locator("[data-room=news]")
        self.dialog = self.page.get_by_role("dialog")
        self.list = self.page.get_by_role("table", name="Vertebrae from head to feet")
        until(lambda: self.shown() is not None, "The slice comes on screen")

    def shown(self) -> int | None:
        shown: int | None = self.page.evaluate("() => window.anatomyCheck?.viewer.displayed?.k ?? null")
        return shown

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def row(self, level: str) -> Locator:
        return self.list.get_by_role("row").filter(
            has=self.page.get_by_role("rowheader", name=re.compile(rf"^{level}\b"))
        )

    @property
    def level(self) -> Locator:
        return self.page.get_by_role("complementary", name="Current vertebra").get_by_role("heading", level=2)

    def expect_levels(self, *levels: str) -> None:
        """The list names these vertebrae, from head to feet."""
        expect(self.list.get_by_role("rowheader")).to_have_text([re.compile(rf"^{level}\b") for level in levels])

    def click_body(self, row: float, column: float = COLUMN) -> None:
        """Click where a share of the image's height and width lies on screen."""
        self.page.mouse.click(*self.point(row, column))

    def drag_body(self, row: float, down: float) -> None:
        """Pull the box whose centre lies here down by a share of the image's height."""
        self.page.mouse.move(*self.point(row, COLUMN))
        self.page.mouse.down()
        self.page.mouse.move(*self.point(row + down / 2, COLUMN))
        self.page.mouse.move(*self.point(row + down, COLUMN))
        self.page.mouse.up()

    def point(self, row: float, column: float) -> tuple[float, float]:
        box = self.image.bounding_box()
        assert box is not None
        left, top, width, height = box["x"], box["y"], box["width"], box["height"]
        # The whole image fits the viewport: 48 columns of 1.5 mm by 66 rows of 2 mm.
        scale = min(width / 72, height / 132)
        return left + width / 2 + (column - 0.5) * 72 * scale, top + height / 2 + (row - 0.5) * 132 * scale

    def ready(self) -> None:
        """The summary is open and the server has said what confirming would do."""
        confirm = self.dialog.get_by_role("button", name=re.compile("^Confirm"))
        expect(confirm).to_be_visible()
        expect(confirm).not_to_have_attribute("aria-disabled", "true")

    def confirm(self) -> None:
        """Enter, and Enter again once the server has said what it would do; wait until it is done."""
        self.press("Enter")
        self.ready()
        self.press("Enter")
        self.page.wait_for_url(lambda url: "/anatomy" not in url)


def versions(application: Application, case: dict[str, Any]) -> list[dict[str, Any]]:
    """All versions, the oldest first, with who confirmed them."""
    return application.sql(
        "SELECT a.id, a.n, a.parent_id, u.username AS confirmed_by FROM labeling_anatomy a"
        " LEFT JOIN labeling_reader r ON r.id = a.confirmed_by_id LEFT JOIN auth_user u ON u.id = r.user_id"
        " WHERE a.case_id = %s ORDER BY a.n",
        case["id"],
    )


def bodies(application: Application, anatomy: int) -> dict[str, dict[str, Any]]:
    """By level, what one version says."""
    rows = application.sql("SELECT * FROM labeling_anatomyvertebra WHERE anatomy_id = %s ORDER BY rank", anatomy)
    return {row["level"]: row for row in rows}


def owe_a_blind_read(application: Application, case: dict[str, Any], name: str) -> None:
    """An independent round of one case, assigned to a person who has an account."""
    application.sql(
        "INSERT INTO labeling_reader (kind, label, preferences, user_id)"
        " SELECT 'person', '', '{}', id FROM auth_user WHERE username = %s ON CONFLICT DO NOTHING",
        name,
    )
    application.sql(
        "INSERT INTO labeling_round (name, kind, rules, label_schema_id, state, seed, imported, started_at, created_at)"
        " SELECT %s, 'independent', rules || '{\"anatomy\": \"pinned\"}', label_schema_id, 'open', 0, false, now(),"
        " now()"
        " FROM labeling_round WHERE kind = 'labelling' LIMIT 1",
        f"blind {case['id']}",
    )
    application.sql(
        "INSERT INTO labeling_assignment"
        " (round_id, case_id, reader_id, position, state, skip_reason, skip_note, exposure_override, model_hidden,"
        " washout_override, read_twice, created_at)"
        " SELECT o.id, %s, r.id, 1, 'open', '', '', '', false, '', false, now()"
        " FROM labeling_round o, labeling_reader r"
        " JOIN auth_user u ON u.id = r.user_id WHERE o.name = %s AND u.username = %s",
        case["id"],
        f"blind {case['id']}",
        name,
    )
