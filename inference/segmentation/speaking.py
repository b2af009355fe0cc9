"""What a child says to the process that supervises it: one JSON object a line on stdout; other lines are its log."""

from __future__ import annotations

import json
import sys
import time

from labeling.imaging.refusal import Refusal

__all__ = ["curve", "log", "refused", "stage"]

LEAST_SECONDS = 0.3
"""Between two lines on the progress of one stage: who supervises writes them to a database."""

_last: tuple[str, float] = ("", 0.0)


def stage(name: str, share: float) -> None:
    """Say what is being done and how much of the whole job is done, 0 to 1; lines that come too fast are left out."""
    global _last
    now = time.monotonic()
    if name == _last[0] and now - _last[1] < LEAST_SECONDS and share < 1:
        return
    _last = (name, now)
    _line({"stage": name, "share": round(min(max(share, 0.0), 1.0), 4)})


def curve(name: str, x: float, y: float) -> None:
    """One point of a curve; a value that is no number is left out, for JSON has none."""
    if y == y and abs(y) != float("inf"):
        _line({"curve": name, "x": x, "y": round(float(y), 6)})


def refused(refusal: Refusal) -> None:
    """Why the job cannot be done, and what to do next."""
    _line({"refused": refusal.code, "sentence": refusal.sentence})


def log(text: str) -> None:
    """A line for people who look into the log."""
    sys.stdout.write(text.replace("\n", " ") + "\n")
    sys.stdout.flush()


def _line(content: dict[str, object]) -> None:
    # A line of its own, whatever a library has left unfinished on stdout.
    sys.stdout.write("\n" + json.dumps(content) + "\n")
    sys.stdout.flush()
