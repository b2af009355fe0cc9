"""What a child prints: bytes become lines of bounded length, and a line becomes a message or a line of the log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

__all__ = ["CurvePoint", "Lines", "Said", "Turned", "message"]

LONGEST_LINE = 64 * 1024


class Lines:
    """Cuts a stream of bytes into lines. A carriage return ends one too, because progress bars write them."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes. Of a line without an end only the beginning is kept."""
        *whole, self._rest = (self._rest + data.replace(b"\r", b"\n")).split(b"\n")
        if whole and self._skipping:
            whole, self._skipping = whole[1:], False
        if self._skipping:
            self._rest = b""
        elif len(self._rest) > LONGEST_LINE:
            whole.append(self._rest)
            self._rest, self._skipping = b"", True
        return [line[:LONGEST_LINE].decode(errors="replace") for line in whole if line.strip()]

    def end(self) -> list[str]:
        """What was left without an end of line."""
        return self.feed(b"\n")


@dataclass(frozen=True)
class Said:
    """`{"stage": str, "share": 0..1}`"""

    stage: str
    share: float | None


@dataclass(frozen=True)
class CurvePoint:
    """`{"curve": name, "x": n, "y": v}`"""

    name: str
    x: float
    y: float | None


@dataclass(frozen=True)
class Turned:
    """`{"refused": code, "sentence": text}`: the child's own refusal."""

    code: str
    sentence: str


def message(line: str) -> Said | CurvePoint | Turned | None:
    """The message that a line is, or None for a line of the log."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    refused, stage, curve = said.get("refused"), said.get("stage"), said.get("curve")
    if isinstance(refused, str) and isinstance(said.get("sentence"), str):
        return Turned(refused, said["sentence"])
    if isinstance(stage, str):
        return Said(stage, _number(said.get("share")))
    x = _number(said.get("x"))
    if isinstance(curve, str) and x is not None:
        return CurvePoint(curve, x, _number(said.get("y")))
    return None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
