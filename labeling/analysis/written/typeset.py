"""A written report as PDF: A4, vector figures, Inter; the same report gives the same bytes."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import typst

from labeling.analysis.written.pieces import Written
from labeling.statistics.raster import FONTS

__all__ = ["pdf_of"]

_PAGES = Path(__file__).with_name("report.typ")


def pdf_of(written: Written) -> bytes:
    """The report as PDF. What is printed goes in as data: no word of it is ever read as markup."""
    return _typeset(json.dumps(written.as_json(), sort_keys=True, ensure_ascii=False, allow_nan=False))


@lru_cache(maxsize=4)
def _typeset(report: str) -> bytes:
    """Kept, for a report is set in seconds and taken several times."""
    fonts = typst.Fonts(include_system_fonts=False, font_paths=[FONTS])
    made = typst.compile(_PAGES.read_bytes(), font_paths=fonts, format="pdf", sys_inputs={"report": report})
    if not isinstance(made, bytes):
        raise ValueError("The report was not set as one PDF.")
    return made
