"""What a written report is made of: sections of sentences, tables and figures, each number with its address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from labeling.statistics.estimate_words import NOTHING, coefficient, percent

__all__ = [
    "Address",
    "Block",
    "Cell",
    "Figure",
    "Section",
    "Table",
    "Text",
    "Written",
    "named",
    "rate_cell",
    "value_cell",
]

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Address:
    """The page behind a number: the name of the address, what follows in it, and its query."""

    name: str
    query: tuple[tuple[str, str], ...] = ()
    args: tuple[int, ...] = ()


@dataclass(frozen=True)
class Cell:
    """A cell of a table: what is printed, what stands smaller below it, and where it comes from.

    heat
        '0' to '4' for the step of colour of a matrix, '' for no colour.
    """

    text: str
    sub: str = ""
    to: Address | None = None
    heat: str = ""

    def as_json(self) -> dict[str, str]:
        return {"text": self.text, "sub": self.sub, "heat": self.heat}


@dataclass(frozen=True)
class Text:
    """A paragraph; `strong` begins it."""

    text: str
    strong: str = ""
    to: Address | None = None

    def as_json(self) -> dict[str, Any]:
        return {"kind": "text", "text": self.text, "strong": self.strong}


@dataclass(frozen=True)
class Table:
    """A table. A row of one cell under several heads is a title of those below it.

    widths: shares of the width, one a column. numbered: it is one of the tables that are counted. to: where numbers
    without an address of their own come from. words: the columns after the first hold words, not numbers.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    widths: tuple[float, ...]
    notes: tuple[str, ...] = ()
    to: Address | None = None
    numbered: bool = True
    words: bool = False
    label: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": "table",
            "label": self.label,
            "title": self.title,
            "head": list(self.head),
            "rows": [[cell.as_json() for cell in row] for row in self.rows],
            "widths": list(self.widths),
            "notes": list(self.notes),
            "words": self.words,
        }


@dataclass(frozen=True)
class Figure:
    """An SVG that stands alone. said: what it shows, for those who hear it; share: of the width of the page."""

    title: str
    svg: str
    said: str
    note: str = ""
    share: float = 1.0
    to: Address | None = None
    label: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": "figure",
            "label": self.label,
            "title": self.title,
            "svg": self.svg,
            "said": self.said,
            "note": self.note,
            "share": self.share,
        }


Block = Text | Table | Figure


@dataclass(frozen=True)
class Section:
    """`number` is given by `named`."""

    key: str
    title: str
    blocks: tuple[Block, ...]
    number: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "title": self.title,
            "number": self.number,
            "blocks": [block.as_json() for block in self.blocks],
        }


@dataclass(frozen=True)
class Written:
    """A whole report. facts: (name, value) of what it is of; at: when its numbers were computed, ISO 8601, UTC."""

    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    data_version: str
    at: str

    def as_json(self) -> dict[str, Any]:
        """All that is printed, without addresses: numbers, text and lists."""
        return {
            "title": self.title,
            "subtitle": self.subtitle,
            "facts": [list(fact) for fact in self.facts],
            "sections": [section.as_json() for section in self.sections],
            "data_version": self.data_version,
            "at": self.at,
        }


def named(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The sections with their numbers, and their tables and figures with theirs."""
    counts = {Table: 0, Figure: 0}
    found = []
    for number, section in enumerate(sections, 1):
        blocks: list[Block] = []
        for block in section.blocks:
            if isinstance(block, Figure) or (isinstance(block, Table) and block.numbered):
                counts[type(block)] += 1
                block = replace(block, label=f"{type(block).__name__} {counts[type(block)]}")
            blocks.append(block)
        found.append(replace(section, number=number, blocks=tuple(blocks)))
    return tuple(found)


def rate_cell(estimate: Json, to: Address | None = None, *, counts: bool = True) -> Cell:
    """Per cent, with k of n and the interval below; a number without an interval says nothing more here."""
    printed = percent(estimate)
    below = " · ".join(filter(None, (printed.of if counts else "", printed.interval)))
    return Cell(printed.value, "" if printed.value == NOTHING else below, to)


def value_cell(estimate: Json, to: Address | None = None, digits: int = 2) -> Cell:
    """A coefficient with its interval below."""
    printed = coefficient(estimate, digits)
    return Cell(printed.value, printed.interval, to)
