"""Rows of figures, and the Markdown table they are printed as."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

COLUMNS = ("what", "measured", "reference or limit", "ratio", "ok")


@dataclass(frozen=True)
class Row:
    """One line of the table. `ratio` is measured to reference; `ok` is None where there is nothing to keep to."""

    what: str
    measured: str
    reference: str = ""
    ratio: float | None = None
    ok: bool | None = None

    def cells(self) -> tuple[str, ...]:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        ok = {None: "", True: "ok", False: "**over**"}[self.ok]
        return self.what, self.measured, self.reference, ratio, ok


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them do not exceed, between neighbours in proportion."""
    return float(np.quantile(values, share))


def limited(what: str, milliseconds: Sequence[float], *, median: float | None = None, p95: float | None = None) -> Row:
    """A row for times with limits on their median, on the value that 95 % of them keep to, or on both."""
    half, most = quantile(milliseconds, 0.5), quantile(milliseconds, 0.95)
    limits = [("median", half, median), ("p95", most, p95)]
    kept = [(name, value, limit) for name, value, limit in limits if limit is not None]
    return Row(
        what,
        f"median {half:.0f} ms, p95 {most:.0f} ms (n = {len(milliseconds)})",
        ", ".join(f"{name} ≤ {limit:.0f} ms" for name, _, limit in kept),
        max((value / limit for _, value, limit in kept), default=None),
        all(value <= limit for _, value, limit in kept) if kept else None,
    )


def table(rows: Iterable[Row]) -> str:
    """The rows as Markdown, padded so that a terminal shows columns too."""
    lines = [COLUMNS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    texts = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([texts[0], rule, *texts[1:]])


def machine() -> str:
    """What the figures depend on, in one line."""
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0]
    return (
        f"{cores} cores ({platform.machine()}), no GPU used, Python {platform.python_version()}, "
        f"load average {load:.1f} at the start"
    )
