"""Table 1: who and what was studied, per split, every test named and every missing value counted."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from labeling.statistics.summaries import (
    RULE,
    Comparison,
    Share,
    Spread,
    compare_numbers,
    compare_words,
    compare_words_by_patient,
    share,
    spread,
)

OLDEST_RECORDED = 90
FRACTURE_TYPES = ("A1", "A2", "A3", "A4", "B or C", "without a type")
# The int8 codes of AO types; 0 is not a fracture.
WORD_OF_AO = {-1: "without a type", 1: "A1", 2: "A2", 3: "A3", 4: "A4", 5: "B or C", 6: "B or C"}
SEXES = {"F": "women", "M": "men", "O": "other"}


@dataclass(frozen=True)
class Column:
    """A continuous row of Table 1: its key among the case columns, title, unit and digits after the point."""

    key: str
    title: str
    unit: str
    digits: int


ACQUISITION = (
    Column("dlp", "DLP", "mGy·cm", 0),
    Column("kv", "Voltage", "kV", 0),
    Column("mas", "Tube load", "mAs", 0),
    Column("collimation", "Collimation", "mm", 1),
    Column("slice_thickness", "Slice thickness", "mm", 2),
)


@dataclass(frozen=True)
class Rows:
    """One statistical unit's columns, all of length N.

    patient: whose row it is; split: the split's key, or None where the patient has none (left out);
    values: by name. Patients: `sex` ('F', 'M', 'O' or None), `age` (years; 90 stands for 90 or more).
    Cases: `dlp`, `kv`, `mas`, `collimation`, `slice_thickness`, `rows`, `columns`.
    Vertebrae of the reference: `ao` (int codes: 0 not a fracture, -1 without a type), and `certain` (bool) if known.
    """

    patient: Sequence[Hashable]
    split: Sequence[str | None]
    values: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {"patient": len(self.patient), "split": len(self.split)}
        lengths |= {name: len(values) for name, values in self.values.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise ValueError(f"Columns of Table 1 differ in length: {told}. Give one value, or None, per row.")

    def of(self, name: str, split: str) -> list[Any]:
        """The values of one column in one split; all missing where the column is not given."""
        values = self.values.get(name)
        return [
            values[n] if values is not None else None for n, its_split in enumerate(self.split) if its_split == split
        ]

    def count(self, split: str) -> int:
        return sum(its_split == split for its_split in self.split)


@dataclass(frozen=True)
class Cell:
    """What one split holds of one row: as mean ± SD and as median [IQR], or as a count with its share."""

    mean: str
    median: str
    missing: int
    details: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {"mean": self.mean, "median": self.median, "missing": self.missing, "details": dict(self.details)}


@dataclass(frozen=True)
class Row:
    key: str
    title: str
    counted: str
    """What one observation is: patient, case or vertebra."""
    cells: Mapping[str, Cell]
    comparison: Comparison | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "title": self.title,
            "counted": self.counted,
            "cells": {split: cell.as_json() for split, cell in self.cells.items()},
            "comparison": self.comparison.as_json() if self.comparison else None,
        }


@dataclass(frozen=True)
class Table:
    """`sections` is (title, rows) in reading order; `notes` and `methods` are printed under it."""

    splits: tuple[str, ...]
    sizes: Mapping[str, Mapping[str, int]]
    sections: tuple[tuple[str, tuple[Row, ...]], ...]
    notes: tuple[str, ...]
    methods: str

    def as_json(self) -> dict[str, Any]:
        return {
            "splits": list(self.splits),
            "sizes": {split: dict(size) for split, size in self.sizes.items()},
            "sections": [{"title": title, "rows": [row.as_json() for row in rows]} for title, rows in self.sections],
            "notes": list(self.notes),
            "methods": self.methods,
        }

    def row(self, key: str) -> Row:
        return next(row for _, rows in self.sections for row in rows if row.key == key)


METHODS = (
    f"{RULE} Sex and age are counted per patient, acquisition parameters per case, AO types per fractured vertebra of "
    "the reference standard; several cases of one patient were taken as independent. "
    "Values are mean ± SD or median [interquartile range]."
)


@dataclass(frozen=True)
class _Splits:
    """The columns of the table, and those of them that the tests compare."""

    shown: tuple[str, ...]
    tested: tuple[str, ...]


def table_one(
    patients: Rows,
    cases: Rows,
    vertebrae: Rows,
    splits: Sequence[str] = ("training", "validation", "test"),
    untested: Sequence[str] = (),
) -> Table:
    """Table 1 over the given splits; rows of other splits are left out and an empty split keeps its column.

    untested: splits that have a column but are compared with no other, as patients who are in no split yet.

    Raises:
        ValueError: columns of different length, or a patient in two splits.
    """
    names = tuple(splits)
    of = _Splits(names, tuple(name for name in names if name not in untested))
    sections = (
        ("Patients", _patient_rows(patients, of)),
        (
            "Acquisition",
            (*(_number_row(cases, column, "case", of) for column in ACQUISITION), _matrix_row(cases, names)),
        ),
        ("Vertebrae", _vertebra_rows(vertebrae, of)),
        ("AO type of the fractures", _ao_rows(vertebrae, of)),
    )
    sizes = {
        name: {"patients": patients.count(name), "cases": cases.count(name), "vertebrae": vertebrae.count(name)}
        for name in names
    }
    return Table(names, sizes, sections, _notes(sections, patients, names), METHODS)


def _patient_rows(patients: Rows, splits: _Splits) -> tuple[Row, ...]:
    sexes = {
        split: share(
            [SEXES.get(str(sex).upper()) if sex else None for sex in patients.of("sex", split)], ("women", "men")
        )
        for split in splits.shown
    }
    tested = [sexes[split] for split in splits.tested]
    women = Row("women", "Women", "patient", _shares(sexes, "women"), compare_words(tested))
    return women, _number_row(patients, Column("age", "Age", "years", 0), "patient", splits)


def _number_row(rows: Rows, column: Column, counted: str, splits: _Splits) -> Row:
    values = {split: rows.of(column.key, split) for split in splits.shown}
    cells = {split: _spread_cell(spread(its), column.digits) for split, its in values.items()}
    title = f"{column.title}, {column.unit}"
    return Row(column.key, title, counted, cells, compare_numbers([values[split] for split in splits.tested]))


def _spread_cell(found: Spread, digits: int) -> Cell:
    return Cell(found.mean_text(digits), found.median_text(digits), found.missing, found.as_json())


def _shares(groups: Mapping[str, Share], word: str) -> dict[str, Cell]:
    return {
        split: Cell(found.text(word), found.text(word), found.missing, found.as_json())
        for split, found in groups.items()
    }


def _matrix_row(cases: Rows, splits: tuple[str, ...]) -> Row:
    cells = {}
    for split in splits:
        sizes = list(zip(cases.of("rows", split), cases.of("columns", split), strict=True))
        known = [(int(rows), int(columns)) for rows, columns in sizes if rows is not None and columns is not None]
        text = matrix_text(known)
        cells[split] = Cell(text, text, len(sizes) - len(known), {"sizes": len(set(known))})
    return Row("matrix", "Matrix", "case", cells)


def matrix_text(sizes: Sequence[tuple[int, int]]) -> str:
    """`608 × 512 to 2228 × 1024`: the smallest and the largest matrix (rows × columns) by number of pixels."""
    if not sizes:
        return "–"
    low, high = (f"{rows} × {columns}" for rows, columns in (min(sizes, key=_pixels), max(sizes, key=_pixels)))
    return low if low == high else f"{low} to {high}"


def _pixels(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] * size[1], size[0]


def _vertebra_rows(vertebrae: Rows, splits: _Splits) -> tuple[Row, ...]:
    inside = {
        split: Cell(f"{vertebrae.count(split):,}", f"{vertebrae.count(split):,}", 0, {"count": vertebrae.count(split)})
        for split in splits.shown
    }
    rows = [
        Row("in_view", "In the reference", "vertebra", inside),
        _word_row(vertebrae, "ao", ("with_fracture", "With a fracture"), _fractured, splits),
    ]
    if "certain" in vertebrae.values:
        rows.append(_word_row(vertebrae, "certain", ("certain", "Level certain"), _certain, splits))
    return tuple(rows)


def _fractured(ao: Any) -> str | None:
    return None if ao is None else "yes" if int(ao) != 0 else "no"


def _certain(certain: Any) -> str | None:
    return None if certain is None else "yes" if certain else "no"


def _word_row(vertebrae: Rows, name: str, naming: tuple[str, str], word_of: Any, splits: _Splits) -> Row:
    said = {split: [word_of(value) for value in vertebrae.of(name, split)] for split in splits.shown}
    groups = {split: share(words, ("yes", "no")) for split, words in said.items()}
    comparison = _by_patient(vertebrae, [word_of(value) for value in vertebrae.values.get(name, ())], splits.tested)
    return Row(naming[0], naming[1], "vertebra", _shares(groups, "yes"), comparison)


def _ao_rows(vertebrae: Rows, splits: _Splits) -> tuple[Row, ...]:
    words = [None if ao is None else WORD_OF_AO.get(int(ao)) for ao in vertebrae.values.get("ao", ())]
    groups = {
        split: share(
            [word for word, its in zip(words, vertebrae.split, strict=False) if its == split and word], FRACTURE_TYPES
        )
        for split in splits.shown
    }
    comparison = _by_patient(vertebrae, words, splits.tested)
    shown = [
        word for word in FRACTURE_TYPES if word in FRACTURE_TYPES[:4] or any(g.counts[word] for g in groups.values())
    ]
    # One test compares the whole distribution; it stands in the first of its rows.
    return tuple(
        Row(f"ao_{word}", word, "vertebra", _shares(groups, word), comparison if word == shown[0] else None)
        for word in shown
    )


def _by_patient(vertebrae: Rows, words: Sequence[str | None], splits: tuple[str, ...]) -> Comparison:
    kept = [n for n, word in enumerate(words) if word is not None and vertebrae.split[n] in splits]
    return compare_words_by_patient(
        [str(words[n]) for n in kept],
        [str(vertebrae.split[n]) for n in kept],
        [vertebrae.patient[n] for n in kept],
    )


def _notes(
    sections: tuple[tuple[str, tuple[Row, ...]], ...], patients: Rows, splits: tuple[str, ...]
) -> tuple[str, ...]:
    notes = []
    ages = np.array(
        [
            age
            for split in splits
            for age in patients.of("age", split)
            if age is not None and float(age) >= OLDEST_RECORDED
        ]
    )
    if ages.size:
        whose = "1 patient" if ages.size == 1 else f"{ages.size:,} patients"
        notes.append(
            f"Age {OLDEST_RECORDED} stands for {OLDEST_RECORDED} or more ({whose}): the mean is a lower bound, "
            "the median is not touched by it unless it is itself 90."
        )
    missing = []
    for _, rows in sections:
        for row in rows:
            absent = sum(cell.missing for cell in row.cells.values())
            if absent:
                noun = {"patient": "patient", "case": "case", "vertebra": "vertebra"}[row.counted]
                plural = {"vertebra": "vertebrae"}.get(noun, f"{noun}s")
                title = "Sex" if row.key == "women" else row.title.split(",")[0]
                missing.append(f"{title} in {absent:,} {noun if absent == 1 else plural}")
    notes.append(f"Missing: {'; '.join(missing)}." if missing else "No value is missing.")
    notes.append("AO types count fractured vertebrae of the reference standard.")
    return tuple(notes)
