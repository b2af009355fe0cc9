"""The measure of the reading room: twelve vertebrae, two of them fractured, labelled and locked by keyboard alone.

Every key that goes down counts, but for one held pass through the slices; a key that is held counts once.
"""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import expect

from tests.browser.room import Room

#: Vertebrae below the first one, and what the reader sees in them: type, and slices from the middle of the body on.
FRACTURED = ((3, "1", 2), (7, "3", 3))
#: What the reading room promises.
MOST_KEYS = 20


@dataclass
class Typist:
    """Somebody at the keyboard whose keys are counted."""

    room: Room
    keys: int = 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.room.press(key)
            self.keys += 1

    def hold(self, key: str, until_slice: int, *, counts: bool = True) -> None:
        """Hold a key down until this slice is on screen; the keyboard repeats it meanwhile."""
        keyboard = self.room.page.keyboard
        keyboard.down(key)
        self.keys += counts
        # Down again while it is down is the key's own repetition; no sooner than the slice before is on screen.
        while (at := self.room.settle()) != until_slice:
            assert 0 <= at < self.room.count - 1 or key == "ArrowUp", f"{key} led past slice {until_slice + 1}."
            keyboard.down(key)
        keyboard.up(key)


def label_twelve(room: Room) -> int:
    """Label the case that is open, give the keys that lock it; how many it took. All bodies cross the same slices."""
    room.wait_for_all_slices()
    typist = Typist(room)
    first, last = room.page.evaluate("() => window.sagittal.app.open.room.context.vertebrae[0].extent")
    typist.press("Home")
    assert room.settle() == first
    typist.hold("ArrowDown", last, counts=False)
    at = 0
    for place, ao_type, slices in FRACTURED:
        typist.press(*["j"] * (place - at))
        at = place
        middle = room.settle()
        typist.press("f")
        typist.hold("ArrowDown", middle + slices)
        typist.press("Shift+F", ao_type)
        expect(room.state).to_have_text(f"Fracture, type A{ao_type}")
    typist.press("Shift+V")
    typist.press("Enter")
    expect(room.dialog).to_contain_text("Nothing is missing.")
    typist.press("Enter")
    return typist.keys
