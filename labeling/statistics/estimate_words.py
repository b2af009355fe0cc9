"""An estimate as it is printed: its value, its interval, and the sentence that says how it was made or why it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Printed", "coefficient", "percent"]

NOTHING = "–"


@dataclass(frozen=True)
class Printed:
    """value: "0.94", "27.3 %" or "–"; interval: "0.90 to 0.98" or ''; of: "91 of 330" or ''; note: a sentence or ''."""

    value: str
    interval: str
    of: str
    note: str


def coefficient(estimate: Mapping[str, Any], digits: int = 2) -> Printed:
    """Of the JSON of an `Estimate` that is no rate."""
    return _printed(estimate, lambda number: _signed(number, digits), "")


def percent(estimate: Mapping[str, Any]) -> Printed:
    """Of the JSON of an `Estimate` that is a rate: per cent with one decimal, and its counts."""
    k, n = estimate["numerator"], estimate["denominator"]
    of = f"{k:,} of {n:,}" if k is not None and n is not None else ""
    printed = _printed(estimate, lambda number: _signed(100 * number, 1), of)
    return Printed(f"{printed.value} %" if printed.value != NOTHING else NOTHING, printed.interval, of, printed.note)


def _printed(estimate: Mapping[str, Any], as_text: Any, of: str) -> Printed:
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    interval = "" if low is None or high is None else f"{as_text(low)} to {as_text(high)}"
    note = estimate["note"] or (f"95 % interval: {estimate['method']}." if interval else "")
    return Printed(NOTHING if value is None else as_text(value), interval, of, note)


def _signed(number: float, digits: int) -> str:
    """With a true minus, and no minus before a zero."""
    text = f"{number:.{digits}f}"
    if float(text) == 0:
        return text.lstrip("-")
    return text.replace("-", "\N{MINUS SIGN}")
