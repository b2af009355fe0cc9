"""Table 2 and what belongs to it: readers as columns, counts and rates as rows, all of them from the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labeling.analysis.columns import REFERENCE
from labeling.analysis.written.asking import BY_CASE, Answers
from labeling.analysis.written.figures import rates_figure
from labeling.analysis.written.pieces import Address, Block, Cell, Table, Text, rate_cell, value_cell
from labeling.statistics.codes import AO_NAMES
from labeling.statistics.rates import FRACTIONS, LABELS

__all__ = ["accuracy_blocks"]

Json = Mapping[str, Any]
#: Readers beside each other on a page.
BESIDE = 3

_CELLS = (
    ("tp", "True positives"),
    ("fp", "False positives"),
    ("fn", "False negatives"),
    ("tn", "True negatives"),
)
_APART = (("indeterminate", "Indeterminate"), ("not_assessable", "Not assessable"), ("absent", "Nothing said"))
_PERCENT = frozenset(FRACTIONS) | {"balanced_accuracy"}


def accuracy_blocks(answers: Answers) -> list[Block]:
    """Everybody against the reference; one sentence where nobody can be."""
    found = [(column, answers.accuracy_of(column.key)) for column in answers.readers]
    told: list[tuple[str, Json]] = [
        (column.key, answer) for column, answer in found if answer is not None and answer["accuracy"] is not None
    ]
    if not told:
        notes = [answer["note"] for _, answer in found if answer is not None and answer["note"]]
        refused = [answers.why_not(f"accuracy of {column.key}") for column in answers.readers]
        case = answers.answer(BY_CASE)
        notes += [*filter(None, refused), case["note"] if case else ""]
        why = next(filter(None, notes), "Nobody has been held against a reference.")
        return [Text(f"There is no accuracy to report. {why}")]
    scope = answers.scope.key
    blocks: list[Block] = [_opening(told)]
    parts = _parts(told)
    blocks += [_full(part, scope, told.index(part[0]), len(told)) for part in parts]
    blocks += _incorporated(told)
    rows = [
        (
            answer["reader"]["label"],
            answer["accuracy"]["table"]["rates"]["sensitivity"],
            answer["accuracy"]["table"]["rates"]["specificity"],
        )
        for _, answer in told
    ]
    drawn = rates_figure(rows, _page(scope, told[0][0]))
    blocks += [drawn] if drawn else []
    blocks += [_by_type(part, scope, told.index(part[0]), len(told)) for part in parts]
    blocks += [_by_case(answers)]
    return blocks


def _parts(told: Sequence[tuple[str, Json]]) -> list[Sequence[tuple[str, Json]]]:
    """As many readers in each as fit beside each other, and about as many in each."""
    tables = -(-len(told) // BESIDE)
    size = -(-len(told) // tables)
    return [told[start : start + size] for start in range(0, len(told), size)]


def _which(told: Sequence[tuple[str, Json]], start: int, of: int) -> str:
    if len(told) == of:
        return ""
    first, last = start + 1, start + len(told)
    return f", reader {first} of {of}" if first == last else f", readers {first} to {last} of {of}"


def _page(scope: str, reader: str, unit: str = "vertebra") -> Address:
    return Address("numbers", (("on", scope), ("reader", reader), ("against", REFERENCE), ("unit", unit)))


def _behind(scope: str, reader: str, cell: str, **more: str) -> Address:
    query = (("on", scope), ("reader", reader), ("against", REFERENCE), ("cell", cell), *more.items())
    return Address("numbers-cases", query)


def _opening(told: Sequence[tuple[str, Json]]) -> Text:
    first = told[0][1]
    cases = first["cases"]["asked"]
    return Text(
        f"{cases:,} case{'' if cases == 1 else 's'} of {first['patients']:,} "
        f"patient{'' if first['patients'] == 1 else 's'} had a reference. The unit is the vertebra unless a table "
        "says otherwise. Vertebrae that the reader or the reference left indeterminate or "
        "called not assessable stand apart and in no rate, and both extremes of counting them are given."
    )


def _incorporated(told: Sequence[tuple[str, Json]]) -> list[Block]:
    marked = [answer["reader"] for _, answer in told if answer["reader"]["incorporated"]]
    if not marked:
        return []
    words = " ".join(f"{one['label']}: {one['incorporated']}" for one in marked)
    return [Text(f"{words} Agreement with a reference that one has helped to make is no accuracy.", "Incorporated.")]


def _head(told: Sequence[tuple[str, Json]]) -> tuple[str, ...]:
    return ("", *(f"{one['reader']['label']}{' *' if one['reader']['incorporated'] else ''}" for _, one in told))


def _notes(told: Sequence[tuple[str, Json]], *words: str) -> tuple[str, ...]:
    stars = any(answer["reader"]["incorporated"] for _, answer in told)
    return (*(["* Incorporated in the reference."] if stars else []), *words)


def _widths(told: Sequence[tuple[str, Json]]) -> tuple[float, ...]:
    return (1.4, *(1.0 for _ in told))


def _full(told: Sequence[tuple[str, Json]], scope: str, start: int, of: int) -> Table:
    rows: list[tuple[Cell, ...]] = []

    def line(words: str, make: Callable[[str, Json], Cell]) -> None:
        rows.append((Cell(words), *(make(key, answer["accuracy"]) for key, answer in told)))

    rows.append((Cell("Vertebrae, both decide"),))
    for name, words in _CELLS:
        line(words, _Count(scope, name, ("table", name)))
    rows.append((Cell("Rates"),))
    for name, words in LABELS.items():
        line(words, _Rate(scope, ("table", "rates", name), name in _PERCENT))
    rows.append((Cell("Apart, fractured / negative in the reference"),))
    for name, words in _APART:
        line(words, _Apart(scope, name))
    line("Undecided in the reference", _Count(scope, "reference_undecided", ("apart", "reference_undecided")))
    rows.append((Cell("How much that could change"),))
    for side, words in (("against", "all of them wrong"), ("for", "all of them right")):
        for name in ("sensitivity", "specificity"):
            line(f"{LABELS[name]}, {words}", _Rate(scope, ("worst", side, "rates", name)))
    line("Sensitivity, unassessed positives kept", _Rate(scope, ("intention",)))
    if all(answer["accuracy"]["false_alarms"] for _, answer in told):
        line("False alarms per examination", _Rate(scope, ("false_alarms", "per_examination"), False))
    return Table(
        f"Accuracy against the reference, per vertebra{_which(told, start, of)}",
        _head(told),
        tuple(rows),
        _widths(told),
        _notes(
            told,
            "Values are per cent with k of n and the 95 % interval (bootstrap by patient), unless they are "
            "counts, ratios or coefficients.",
        ),
        _page(scope, told[0][0]),
    )


@dataclass(frozen=True)
class _Count:
    """Makes the cell of a count at `path` of an accuracy, which opens `cell`."""

    scope: str
    cell: str
    path: tuple[str, ...]

    def __call__(self, key: str, accuracy: Json) -> Cell:
        return Cell(f"{_at(accuracy, self.path):,}", to=_behind(self.scope, key, self.cell))


@dataclass(frozen=True)
class _Rate:
    """Makes the cell of an estimate at `path`."""

    scope: str
    path: tuple[str, ...]
    percent: bool = True

    def __call__(self, key: str, accuracy: Json) -> Cell:
        make = rate_cell if self.percent else value_cell
        return make(_at(accuracy, self.path), _page(self.scope, key))


@dataclass(frozen=True)
class _Apart:
    """Makes the cell of what is apart: fractured / negative in the reference."""

    scope: str
    name: str

    def __call__(self, key: str, accuracy: Json) -> Cell:
        fractured, negative = (accuracy["apart"][f"{self.name}_{which}"] for which in ("positives", "negatives"))
        return Cell(f"{fractured:,} / {negative:,}", to=_behind(self.scope, key, f"{self.name}_positives"))


def _at(found: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        found = found[name]
    return found


def _by_type(told: Sequence[tuple[str, Json]], scope: str, start: int, of: int) -> Table:
    # An answer that was kept has its keys in the order of the database, so theirs is made here.
    known = list(AO_NAMES.values())
    names = sorted({name for _, answer in told for name in _types(answer)}, key=known.index)
    levels = sorted({name for _, answer in told for name in answer["accuracy"]["by_level"]}, key=_from_head)

    def rows() -> Iterator[tuple[Cell, ...]]:
        yield (Cell("Sensitivity by AO type of the reference"),)
        for name in names:
            lines = [(key, answer["accuracy"]["by_type"].get(name)) for key, answer in told]
            yield (
                Cell(name),
                *(rate_cell(one["sensitivity"], _page(scope, key)) if one else Cell("–") for key, one in lines),
            )
        for rate in ("sensitivity", "specificity"):
            yield (Cell(f"{LABELS[rate]} by level"),)
            for name in levels:
                tables = [(key, answer["accuracy"]["by_level"].get(name)) for key, answer in told]
                yield (
                    Cell(name),
                    *(rate_cell(one["rates"][rate], _page(scope, key)) if one else Cell("–") for key, one in tables),
                )

    return Table(
        f"Accuracy by AO type and by level{_which(told, start, of)}",
        _head(told),
        tuple(rows()),
        _widths(told),
        _notes(told, "Vertebrae of unknown level are left out of the rows of levels."),
        _page(scope, told[0][0]),
    )


def _types(answer: Json) -> Iterator[str]:
    """The types of which the reference has a fracture."""
    for name, line in answer["accuracy"]["by_type"].items():
        if line["sensitivity"]["denominator"] or any(line[key] for key, _ in _APART):
            yield name


def _from_head(level: str) -> tuple[int, int]:
    return "CTLS".find(level[:1]), int(level[1:]) if level[1:].isdigit() else 0


def _by_case(answers: Answers) -> Block:
    answer, scope = answers.answer(BY_CASE), answers.scope.key
    if answer is None or not answer["summary"]:
        return Text("No reader could be held against the reference per case.")
    rows = []
    for one in answer["summary"]:
        key, rates = one["key"], one["rates"]
        counts = [
            Cell(f"{one[cell]:,}", to=_behind(scope, key, cell, unit="case")) for cell in ("tp", "fp", "fn", "tn")
        ]
        page = _page(scope, key, "case")
        shown = [rate_cell(rates[name], page, counts=False) for name in ("sensitivity", "specificity", "ppv")]
        star = " *" if one["incorporated"] else ""
        rows.append((Cell(f"{one['label']}{star}"), *counts, *shown))
    stars = any(one["incorporated"] for one in answer["summary"])
    return Table(
        "Accuracy against the reference, per case",
        ("Reader", "TP", "FP", "FN", "TN", "Sensitivity", "Specificity", "PPV"),
        tuple(rows),
        (2.0, 0.5, 0.5, 0.5, 0.5, 1.2, 1.2, 1.2),
        (
            *(["* Incorporated in the reference."] if stars else []),
            "A case is fractured where one of its vertebrae is, and negative only where all of its complete vertebrae "
            "were assessed.",
        ),
        _page(scope, answers.reader, "case"),
    )
