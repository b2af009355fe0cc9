"""What a worker says of its job, kept in bounds and gathered until it is written: stage, progress, log tail, curves.

Everything here may come from a child process, so nothing of it is believed: texts are cut and cleaned, shares are
clamped, numbers that are none become gaps.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import Any

__all__ = ["LOG_BYTES", "LOG_LINES", "Journal", "cleaned"]

LOG_LINES = 200
LOG_BYTES = 20_000
LINE_LENGTH = 1_000
STAGE_LENGTH = 120
MOST_CURVES = 20
MOST_POINTS = 5_000


def cleaned(text: str, length: int) -> str:
    """`text` on one line, without what a database or a page chokes on, cut to `length` characters."""
    kept = text[: 4 * length].encode("utf-8", "replace").decode()
    kept = "".join(character if character.isprintable() else " " for character in kept).strip()
    return kept if len(kept) <= length else kept[: length - 1] + "…"


class Journal:
    """Said by the work, read by whoever writes the row. Safe between threads."""

    def __init__(self, log_tail: str = "", curves: dict[str, Any] | None = None) -> None:
        self._lock = threading.Lock()
        self._new: set[str] = set()
        self.stage, self.share = "", 0.0
        self._lines: deque[str] = deque(log_tail.splitlines(), maxlen=LOG_LINES)
        self.curves: dict[str, list[list[float | None]]] = {
            name: list(points) for name, points in (curves or {}).items()
        }

    def say(self, stage: str, share: float | None = None) -> None:
        """What is being done, and how much of the whole is done: within one attempt it never goes back."""
        with self._lock:
            self.stage = cleaned(stage, STAGE_LENGTH)
            self._new.add("stage")
            if share is not None and math.isfinite(share):
                self.share = max(self.share, min(1.0, share))
                self._new.add("progress")

    def log(self, line: str) -> None:
        """One line, kept among the last 200 lines or 20 kB."""
        with self._lock:
            self._lines.append(cleaned(line, LINE_LENGTH))
            self._new.add("log_tail")

    def curve(self, name: str, x: float, y: float | None) -> None:
        """A point of a curve. Points at or after `x` go: whoever resumes from a checkpoint draws them anew."""
        name = cleaned(name, 60)
        if not math.isfinite(x) or not name:
            return
        with self._lock:
            if name not in self.curves and len(self.curves) >= MOST_CURVES:
                return
            points = self.curves.setdefault(name, [])
            while points and (points[-1][0] is None or points[-1][0] >= x):
                points.pop()
            points.append([x, y if y is not None and math.isfinite(y) else None])
            if len(points) > MOST_POINTS:
                del points[1::2]
            self._new.add("curves")

    @property
    def last_line(self) -> str:
        """The last line of the log that says something."""
        with self._lock:
            return next((line for line in reversed(self._lines) if line), "")

    def changes(self) -> dict[str, Any]:
        """The columns that changed since the last call, with their values."""
        with self._lock:
            taken, self._new = self._new, set()
            return {name: self._value(name) for name in sorted(taken)}

    def not_written(self, changes: dict[str, Any]) -> None:
        """Those changes did not reach the row: they come with the next ones."""
        with self._lock:
            self._new |= set(changes)

    def _value(self, name: str) -> Any:
        if name == "stage":
            return self.stage
        if name == "progress":
            return self.share
        if name == "curves":
            return {curve: [list(point) for point in points] for curve, points in self.curves.items()}
        return self._tail()

    def _tail(self) -> str:
        kept: list[str] = []
        room = LOG_BYTES
        for line in reversed(self._lines):
            room -= len(line.encode()) + 1
            if room < 0:
                break
            kept.append(line)
        return "\n".join(reversed(kept))
