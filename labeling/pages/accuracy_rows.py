"""The answer about accuracy as rows and cells: the 2x2 table, AO types, levels, what is apart, and all readers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from labeling.pages.agreement_rows import Counted, Line, cases_url
from labeling.statistics.codes import AO_NAMES
from labeling.statistics.estimate_words import Printed, coefficient, percent
from labeling.statistics.rates import FRACTIONS, LABELS
from labeling.statistics.shared_tables import in_spine_order

__all__ = ["Bar", "Full", "as_sheet", "full_of", "segmented_of", "summary_of"]

Json = Mapping[str, Any]

#: Rates that are per cent without being k of n.
_PERCENT = frozenset(FRACTIONS) | {"balanced_accuracy"}

#: Rate -> the cell that its numerator counts.
_NUMERATORS = {
    "sensitivity": "tp",
    "specificity": "tn",
    "ppv": "tp",
    "npv": "tn",
    "accuracy": "right",
    "false_discovery": "fp",
    "false_omission": "fn",
    "prevalence": "judged_positives",
}

_APART = (
    ("indeterminate", "Indeterminate"),
    ("not_assessable", "Not assessable"),
    ("absent", "Nothing said of it"),
)


@dataclass(frozen=True)
class Bar:
    """A rate and its interval as places from 0 to 100."""

    at: float
    low: float
    width: float


@dataclass(frozen=True)
class Rate:
    """A rate of the table: its words, digits, and a bar where it has an interval."""

    name: str
    printed: Printed
    bar: Bar | None
    url: str = ""


@dataclass(frozen=True)
class TypeRow:
    """The fractures of one AO type."""

    name: str
    css: str
    found: Counted
    missed: Counted
    apart: tuple[Counted, ...]
    sensitivity: Printed
    kept: Printed
    #: Widths of found, missed and apart in a bar of 100, where the type with most fractures fills it.
    widths: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True)
class LevelRow:
    name: str
    found: Counted
    missed: Counted
    false: Counted
    negative: Counted
    sensitivity: Printed
    specificity: Printed


@dataclass(frozen=True)
class SummaryRow:
    """One reader in one line."""

    label: str
    kind: str
    incorporated: str
    chosen: bool
    url: str
    judged: Counted
    rates: tuple[Printed, ...]
    kept: Printed
    apart: tuple[Counted, ...]


@dataclass(frozen=True)
class Full:
    """One reader in full."""

    judged: Counted
    margins: Mapping[str, Counted]
    cells: Mapping[str, Counted]
    rates: Mapping[str, Rate]
    types: tuple[TypeRow, ...]
    levels: tuple[LevelRow, ...]
    levels_unknown: int
    #: Each a name, those of fractures, those of negatives.
    apart: tuple[tuple[str, Counted, Counted], ...]
    outside: tuple[Counted, ...]
    worst: tuple[tuple[str, Printed, Printed, Printed], ...]
    intention: Rate
    alarms: tuple[Line, ...]


def _types(accuracy: Json) -> list[tuple[str, Json]]:
    """The AO types in their order; an answer that was kept has its keys in the order of the database."""
    known = list(AO_NAMES.values())
    return sorted(accuracy["by_type"].items(), key=lambda line: known.index(line[0]))


def _levels(accuracy: Json) -> list[tuple[str, Json]]:
    """The levels from the head down."""
    return [(name, accuracy["by_level"][name]) for name in in_spine_order(list(accuracy["by_level"]))]


def full_of(answer: Json, scope: str) -> Full:
    """The chosen reader of an answer that has one."""
    accuracy, unit = answer["accuracy"], answer["unit"]
    table, apart = accuracy["table"], accuracy["apart"]
    counted = _opener(scope, answer["reader"]["key"], answer["against"]["key"], unit)
    tp, fp, fn, tn = (table[cell] for cell in ("tp", "fp", "fn", "tn"))
    by_type = accuracy["by_type"]
    most = max((_fractures(line) for line in by_type.values()), default=0)
    return Full(
        judged=counted("compared", tp + fp + fn + tn),
        margins={
            "positives": counted("judged_positives", tp + fn),
            "negatives": counted("judged_negatives", fp + tn),
            "called": counted("judged_called", tp + fp),
            "cleared": counted("judged_cleared", fn + tn),
        },
        cells={cell: counted(cell, table[cell]) for cell in ("tp", "fp", "fn", "tn")},
        rates={name: _rate(name, table["rates"][name], counted) for name in LABELS},
        types=tuple(_type_row(name, line, most, counted) for name, line in _types(accuracy)),
        levels=tuple(_level_row(name, line, counted) for name, line in _levels(accuracy)),
        levels_unknown=accuracy["levels_unknown"],
        apart=tuple(
            (
                words,
                counted(f"{key}_positives", apart[f"{key}_positives"]),
                counted(f"{key}_negatives", apart[f"{key}_negatives"]),
            )
            for key, words in _APART
        ),
        outside=(
            counted("reference_undecided", apart["reference_undecided"], "Indeterminate or not assessable"),
            counted("reference_absent", apart["reference_absent"], "Nothing said of it"),
        ),
        worst=tuple(
            _worst(words, accuracy["worst"][side]["rates"])
            for side, words in (("against", "All of them wrong"), ("for", "All of them right"))
        ),
        intention=replace(_rate("sensitivity", accuracy["intention"]), name="Sensitivity, second line"),
        alarms=_alarms(accuracy["false_alarms"]),
    )


_SUMMARY = ("sensitivity", "specificity", "ppv", "accuracy")


def summary_of(answer: Json, scope: str) -> list[SummaryRow]:
    """All readers, one line each."""
    against, unit = answer["against"]["key"], answer["unit"]
    rows = []
    for one in answer["summary"]:
        counted = _opener(scope, one["key"], against, unit)
        query = {"on": scope, "reader": one["key"], "against": against, "unit": unit}
        rows.append(
            SummaryRow(
                label=one["label"],
                kind=one["kind"],
                incorporated=one["incorporated"],
                chosen=one["key"] == answer["reader"]["key"],
                url="?" + urlencode(query),
                judged=counted("compared", one["tp"] + one["fp"] + one["fn"] + one["tn"]),
                rates=(*(percent(one["rates"][name]) for name in _SUMMARY), coefficient(one["rates"]["f_score"])),
                kept=percent(one["intention"]),
                apart=tuple(counted(cell, one["apart"][cell]) for cell in (f"{key}_positives" for key, _ in _APART)),
            )
        )
    return rows


def _opener(scope: str, reader: str, against: str, unit: str) -> Any:
    """Makes counts that open their units."""

    def counted(cell: str, n: int, words: str = "", **more: str) -> Counted:
        narrowed = {**({} if unit == "vertebra" else {"unit": unit}), **more}
        return Counted(words, n, cases_url(scope, reader, against, cell, **narrowed))

    return counted


def _rate(name: str, estimate: Json, counted: Any = None) -> Rate:
    """counted: makes the link of the units that the rate counts, where there are such."""
    printed = percent(estimate) if name in _PERCENT else coefficient(estimate)
    bar = None
    if name in _PERCENT and estimate["value"] is not None and estimate["low"] is not None:
        low, high = 100 * estimate["low"], 100 * estimate["high"]
        bar = Bar(round(100 * estimate["value"], 2), round(low, 2), round(max(high - low, 0.5), 2))
    cell = _NUMERATORS.get(name)
    url = counted(cell, 0).url if counted and cell and estimate["numerator"] else ""
    return Rate(LABELS[name], printed, bar, url)


def _fractures(line: Json) -> int:
    decided: int = line["sensitivity"]["denominator"] or 0
    return decided + int(line["indeterminate"]) + int(line["not_assessable"]) + int(line["absent"])


def _type_row(name: str, line: Json, most: int, counted: Any) -> TypeRow:
    found = line["sensitivity"]["numerator"] or 0
    missed = (line["sensitivity"]["denominator"] or 0) - found
    open_ones = _fractures(line) - found - missed
    widths, at = [], 0.0
    for css, n in (("found", found), ("missed", missed), ("open", open_ones)):
        width = round(100 * n / most, 2) if most else 0.0
        if width:
            widths.append((css, at, width))
        at = round(at + width, 2)
    return TypeRow(
        name=name,
        css=name.lower().replace(" ", "-"),
        found=counted("tp", found, ao=name),
        missed=counted("fn", missed, ao=name),
        apart=tuple(counted(f"{key}_positives", line[key], words, ao=name) for key, words in _APART),
        sensitivity=percent(line["sensitivity"]),
        kept=percent(line["kept"]),
        widths=tuple(widths),
    )


def _level_row(name: str, line: Json, counted: Any) -> LevelRow:
    return LevelRow(
        name=name,
        found=counted("tp", line["tp"], level=name),
        missed=counted("fn", line["fn"], level=name),
        false=counted("fp", line["fp"], level=name),
        negative=counted("tn", line["tn"], level=name),
        sensitivity=percent(line["rates"]["sensitivity"]),
        specificity=percent(line["rates"]["specificity"]),
    )


def _worst(words: str, rates: Json) -> tuple[str, Printed, Printed, Printed]:
    return words, percent(rates["sensitivity"]), percent(rates["specificity"]), percent(rates["accuracy"])


def _alarms(alarms: Json | None) -> tuple[Line, ...]:
    if alarms is None:
        return ()
    return (
        Line("False alarms per examination", coefficient(alarms["per_examination"])),
        Line("Examinations with one or more", percent(alarms["examinations"])),
    )


def segmented_of(answer: Json) -> dict[str, Any] | None:
    """The lines about segmentation; None where they are not asked for, without lines where nothing was confirmed."""
    found = answer["segmentation"]
    if found is None:
        return None
    if found["numbers"] is None:
        return {"lines": ()}
    names = (
        ("segmented", "Vertebrae segmented"),
        ("named_right", "Of those, named right"),
        ("cases_segmented", "Cases segmented throughout"),
        ("cases_right", "Cases segmented and named right"),
    )
    return {"lines": tuple(Line(words, percent(found["numbers"][name])) for name, words in names)}


# --- CSV --------------------------------------------------------------------------------------------------------------

_NUMBERS = ("value", "low", "high", "numerator", "denominator", "method", "note")
_HEAD = ("reader", "against", "unit", "part", "name", *_NUMBERS)


def as_sheet(answer: Json) -> Iterator[Sequence[object]]:
    """One row a number: the reader in full, then every reader's line; the first row is the head."""
    yield _HEAD
    if answer["accuracy"] is None:
        return
    against, unit, accuracy = answer["against"]["label"], answer["unit"], answer["accuracy"]
    who = (answer["reader"]["label"], against, unit)
    yield from _table_rows(who, "table", accuracy["table"])
    yield from (_count(who, "apart", name, n) for name, n in accuracy["apart"].items())
    yield _numbers(who, "second line", "sensitivity", accuracy["intention"])
    for name, kind in _types(accuracy):
        for which in ("sensitivity", "kept"):
            yield _numbers(who, f"type {name}", which, kind[which])
        yield from (_count(who, f"type {name}", key, kind[key]) for key, _ in _APART)
    for name, table in _levels(accuracy):
        yield from _table_rows(who, f"level {name}", table)
    for side, table in accuracy["worst"].items():
        yield from _table_rows(who, f"worst case {side}", table)
    for name, one in (accuracy["false_alarms"] or {}).items():
        yield _numbers(who, "false alarms", name, one)
    segmented = answer["segmentation"]
    if segmented and segmented["numbers"]:
        for name, one in segmented["numbers"].items():
            yield _numbers(("segmentation", against, "vertebra"), "segmentation", name, one)
    for one in answer["summary"]:
        line = (one["label"], against, unit)
        yield from (_count(line, "summary", cell, one[cell]) for cell in ("tp", "fp", "fn", "tn"))
        yield from (_numbers(line, "summary", name, rate) for name, rate in one["rates"].items())
        yield _numbers(line, "summary", "second line", one["intention"])
        yield from (_count(line, "summary", name, n) for name, n in one["apart"].items())
        if one["incorporated"]:
            yield (*line, "summary", "incorporated", *[None] * (len(_NUMBERS) - 1), one["incorporated"])


def _table_rows(who: tuple[str, ...], part: str, table: Json) -> Iterator[Sequence[object]]:
    yield from (_count(who, part, cell, table[cell]) for cell in ("tp", "fp", "fn", "tn"))
    yield from (_numbers(who, part, name, one) for name, one in table["rates"].items())


def _count(who: tuple[str, ...], part: str, name: str, n: int) -> Sequence[object]:
    return (*who, part, name, n, *[None] * (len(_NUMBERS) - 1))


def _numbers(who: tuple[str, ...], part: str, name: str, one: Json) -> Sequence[object]:
    return (*who, part, name, *(one[key] for key in _NUMBERS))
