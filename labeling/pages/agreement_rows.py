"""The answer about agreement as rows and cells: the matrix of all pairs, one pair in full, all readers, repeats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from labeling.statistics.estimate_words import Printed, coefficient, percent

__all__ = ["SHOWN", "Matrix", "Pair", "as_sheet", "matrix_of", "pair_in", "repeats_of", "together_of"]

#: What stands below the diagonal: key -> title on the button, its name in a sentence.
SHOWN = {
    "kappa": ("Cohen's kappa", "Cohen's kappa, fracture or negative"),
    "weighted": ("Weighted, AO type", "Weighted kappa, none and A1 to A4"),
    "ac1": ("Gwet AC1", "Gwet's AC1, fracture or negative"),
    "positive": ("Positive agreement", "Positive agreement, fracture or negative"),
}
#: Lower bounds of the steps of colour; the first step has none.
STEPS = (0.4, 0.6, 0.8, 0.9)

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix: `kind` is 'self', 'value' (below the diagonal) or 'count' (above)."""

    kind: str
    text: str = ""
    interval: str = ""
    css: str = ""
    url: str = ""
    said: str = ""
    chosen: bool = False


@dataclass(frozen=True)
class MatrixRow:
    label: str
    incorporated: str
    cells: tuple[Cell, ...]
    called: Printed
    called_url: str


@dataclass(frozen=True)
class Matrix:
    labels: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    steps: tuple[tuple[str, str], ...]


def cases_url(scope: str, reader: str, against: str, cell: str, **more: str) -> str:
    """The address of the vertebrae behind a number."""
    query = {"on": scope, "reader": reader, "against": against, "cell": cell, **more}
    return f"{reverse('numbers-cases')}?{urlencode(query)}"


def matrix_of(answer: Json, scope: str, show: str, chosen: tuple[str, str]) -> Matrix:
    """All pairs: below the diagonal the coefficient `show` with its interval, above how many vertebrae differ."""
    readers = answer["readers"]
    pairs = {(pair["a"], pair["b"]): pair["agreement"] for pair in answer["pairs"]}
    rows = []
    for place, reader in enumerate(readers):
        cells = []
        for other_place, other in enumerate(readers):
            if place == other_place:
                cells.append(Cell("self"))
                continue
            first, second = (other, reader) if other_place < place else (reader, other)
            agreement = pairs[first["key"], second["key"]]
            is_chosen = {first["key"], second["key"]} == set(chosen)
            make = _value if other_place < place else _count
            cells.append(make(agreement, scope, show, first, second, is_chosen))
        rows.append(
            MatrixRow(
                reader["label"],
                reader["incorporated"],
                tuple(cells),
                percent(reader["called"]),
                cases_url(scope, reader["key"], reader["key"], "called"),
            )
        )
    bounds = [f"below {STEPS[0]:.2f}", *(f"from {step:.2f}" for step in STEPS)]
    steps = tuple((f"heat-{place}", words) for place, words in enumerate(bounds))
    return Matrix(tuple(reader["label"] for reader in readers), tuple(rows), steps)


def _estimate(agreement: Json, show: str) -> Json:
    found: Json = {
        "kappa": agreement["fracture"]["kappa"],
        "weighted": agreement["ao"]["weighted_kappa"],
        "ac1": agreement["fracture"]["ac1"],
        "positive": agreement["fracture"]["positive"],
    }[show]
    return found


def _differing_url(scope: str, show: str, first: Json, second: Json) -> str:
    if show == "weighted":
        more = {"reader_ao": "differ", "against_ao": "differ"}
        return cases_url(scope, first["key"], second["key"], "compared", **more)
    return cases_url(scope, first["key"], second["key"], "differ")


def _value(agreement: Json, scope: str, show: str, first: Json, second: Json, chosen: bool) -> Cell:
    estimate = _estimate(agreement, show)
    printed = coefficient(estimate)
    step = "heat-none" if estimate["value"] is None else f"heat-{sum(estimate['value'] >= step for step in STEPS)}"
    said = f"{first['label']} and {second['label']}: {SHOWN[show][1]} {printed.value}"
    said += f", {printed.interval}" if printed.interval else ""
    said += f". {printed.note}" if printed.note else ""
    url = _differing_url(scope, show, first, second)
    return Cell("value", printed.value, printed.interval, step, url, said, chosen)


def _count(agreement: Json, scope: str, show: str, first: Json, second: Json, chosen: bool) -> Cell:
    differ, of = agreement["counts"]["discordant"], agreement["counts"]["compared"]
    if show == "weighted":
        table = agreement["ao"]["table"]
        of = agreement["ao"]["compared"]
        differ = of - sum(row[place] for place, row in enumerate(table))
    said = f"{first['label']} and {second['label']} differ on {differ} of {of} vertebrae"
    text = str(differ) if of else "–"
    return Cell("count", text, "", "", _differing_url(scope, show, first, second), said, chosen)


# --- one pair ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A number of a table: its name, and what is printed of it."""

    name: str
    printed: Printed


@dataclass(frozen=True)
class Counted:
    """A count that opens its vertebrae."""

    words: str
    n: int
    url: str


@dataclass(frozen=True)
class Small:
    """A 2x2 table as one row (both, only A, only B, neither) with its coefficients."""

    name: str
    counts: tuple[Counted, ...]
    compared: Counted
    kappa: Printed
    ac1: Printed
    positive: Printed


@dataclass(frozen=True)
class TypeTable:
    """AO types: rows are A's, columns B's; each cell a count with its weight."""

    categories: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[Counted, str], ...]], ...]
    lines: tuple[Line, ...]
    compared: int


@dataclass(frozen=True)
class Pair:
    a: Json
    b: Json
    whole: Small
    lines: tuple[Line, ...]
    apart: tuple[Counted, ...]
    levels: tuple[Small, ...]
    types: tuple[Small, ...]
    ao: TypeTable
    ao_both: TypeTable
    case_lines: tuple[Small, ...]
    mcnemar: Printed
    patients: int
    #: Compared vertebrae whose level is unknown: in no line of `levels`.
    without_level: int
    without_type: int
    outside_order: int


def pair_in(answer: Json, scope: str, a: str, b: str) -> Pair | None:
    """The pair in full, A first; None where it is not in the answer."""
    readers = {reader["key"]: reader for reader in answer["readers"]}
    for pair in answer["pairs"]:
        if {pair["a"], pair["b"]} == {a, b}:
            return _pair(pair["agreement"], scope, readers[pair["a"]], readers[pair["b"]])
    return None


def _pair(agreement: Json, scope: str, a: Json, b: Json) -> Pair:
    counts, two = agreement["counts"], agreement["fracture"]

    def counted(words: str, n: int, cell: str, **more: str) -> Counted:
        return Counted(words, n, cases_url(scope, a["key"], b["key"], cell, **more))

    def small(name: str, table: Json, **more: str) -> Small:
        (neither, only_b), (only_a, both) = table["table"]
        numbers = (("tp", both), ("fp", only_a), ("fn", only_b), ("tn", neither))
        return Small(
            name,
            tuple(counted(cell, n, cell, **more) for cell, n in numbers),
            counted("compared", table["compared"], "compared", **more),
            coefficient(table["kappa"]),
            coefficient(table["ac1"]),
            percent(table["positive"]),
        )

    levels = tuple(small(name, table, level=name) for name, table in agreement["levels"])
    return Pair(
        a=a,
        b=b,
        whole=small("", two),
        lines=tuple(Line(name, printed) for name, printed in _binary_lines(two)),
        apart=(
            counted("Indeterminate for one of the two", counts["indeterminate"], "indeterminate"),
            counted("Not assessable for one of the two", counts["not_assessable"], "not_assessable"),
            counted(f"{a['label']} alone speaks of it", counts["only_a"], "only"),
            counted(f"{b['label']} alone speaks of it", counts["only_b"], "absent"),
        ),
        levels=levels,
        types=tuple(small(name, table, kind=name) for name, table in agreement["types"]),
        ao=_types(agreement["ao"], scope, a, b),
        ao_both=_types(agreement["ao_both_fracture"], scope, a, b),
        case_lines=(small("Cases", agreement["cases"], unit="compared-case"),),
        mcnemar=_p_of(agreement["mcnemar"]),
        patients=counts["patients"],
        without_level=counts["compared"] - sum(level.compared.n for level in levels),
        without_type=counts["fractures_without_type"],
        outside_order=counts["outside_order"],
    )


def _p_of(estimate: Json) -> Printed:
    """'= 0.453', or 'below 0.001': no p is zero."""
    printed = coefficient(estimate, 3)
    if estimate["value"] is None:
        return printed
    return replace(printed, value="below 0.001" if estimate["value"] < 0.0005 else f"= {printed.value}")


def _binary_lines(two: Json) -> Iterator[tuple[str, Printed]]:
    yield "Observed agreement", percent(two["observed"])
    yield "Cohen's kappa", coefficient(two["kappa"])
    yield "Largest kappa these margins allow", coefficient(two["kappa_max"])
    yield "Gwet's AC1", coefficient(two["ac1"])
    yield "PABAK", coefficient(two["pabak"])
    yield "Prevalence index", coefficient(two["prevalence_index"])
    yield "Bias index", coefficient(two["bias_index"])
    yield "Positive agreement", percent(two["positive"])
    yield "Negative agreement", percent(two["negative"])


def _types(table: Json, scope: str, a: Json, b: Json) -> TypeTable:
    names = table["categories"]
    rows = []
    for name, counts, weights in zip(names, table["table"], table["weights"], strict=True):
        cells = []
        for other, n, weight in zip(names, counts, weights, strict=True):
            more = {"reader_ao": name, "against_ao": other}
            url = cases_url(scope, a["key"], b["key"], "compared", **more)
            cells.append((Counted(f"{name} and {other}", n, url), f"{weight:g}"))
        rows.append((name, tuple(cells)))
    lines = (
        Line("Same type", percent(table["observed"])),
        Line("Weighted kappa", coefficient(table["weighted_kappa"])),
        Line("Kappa without weights", coefficient(table["kappa"])),
        Line("Gwet's AC2, same weights", coefficient(table["ac2"])),
        Line("Gwet's AC1", coefficient(table["ac1"])),
    )
    return TypeTable(tuple(names), tuple(rows), lines, table["compared"])


# --- all readers, repeats ---------------------------------------------------------------------------------------------


def together_of(answer: Json) -> list[dict[str, Any]]:
    """Groups of readers with the coefficients of all of them together."""
    found = []
    for group in answer["together"]:
        of = group["reliability"]
        two, weighted, ordinal, nominal = of["fracture"], of["ao_weighted"], of["ao_ordinal"], of["ao_nominal"]
        lines = [
            Line("Krippendorff's alpha", coefficient(two["alpha"])),
            Line("Fleiss' kappa", coefficient(two["fleiss_kappa"])),
            Line("Gwet's AC1", coefficient(two["ac1"])),
            Line("Alpha, AO types as names", coefficient(nominal["alpha"])),
            Line("Alpha, AO types weighted", coefficient(weighted["alpha"])),
            Line("Alpha, none < A1 < A3 < A4", coefficient(ordinal["alpha"])),
            Line("Gwet's AC2, AO types weighted", coefficient(weighted["ac2"])),
        ]
        heads = {name: group[name] for name in ("title", "readers")}
        found.append({**heads, "compared": two["compared"], "lines": lines})
    return found


def repeats_of(answer: Json, scope: str) -> list[dict[str, Any]]:
    """Each reader against their own repeat."""
    found = []
    for one in answer["repeats"]:
        counts, two = one["agreement"]["counts"], one["agreement"]["fracture"]
        found.append(
            {
                "label": one["label"],
                "round": one["round"],
                "cases": counts["cases"],
                "compared": Counted("", counts["compared"], cases_url(scope, one["reader"], one["again"], "compared")),
                "differ": Counted("", counts["discordant"], cases_url(scope, one["reader"], one["again"], "differ")),
                "kappa": coefficient(two["kappa"]),
                "weighted": coefficient(one["agreement"]["ao"]["weighted_kappa"]),
                "ac1": coefficient(two["ac1"]),
            }
        )
    return found


# --- CSV --------------------------------------------------------------------------------------------------------------

_HEAD = ("a", "b", "part", "name", "value", "low", "high", "numerator", "denominator", "method", "note")


def as_sheet(answer: Json) -> Iterator[Sequence[object]]:
    """One row a pair and number, then called shares, all readers together, the weights; the first row is the head."""
    yield _HEAD
    labels = {reader["key"]: reader["label"] for reader in answer["readers"]}
    for pair in answer["pairs"]:
        yield from _pair_rows(labels[pair["a"]], labels[pair["b"]], pair["agreement"])
    for one in answer["repeats"]:
        yield from _pair_rows(one["label"], f"{one['label']}, {one['round']}", one["agreement"])
    for reader in answer["readers"]:
        yield (reader["label"], "", "called", "fracture", *_numbers(reader["called"]))
    for group in answer["together"]:
        who = ", ".join(group["readers"])
        for part, of in group["reliability"].items():
            if part != "readers":
                yield from ((who, "", f"together {part}", name, *_numbers(one)) for name, one in _estimates(of))
    weights = answer["weights"]
    for name, row in zip(weights["categories"], weights["rows"], strict=True):
        for other, weight in zip(weights["categories"], row, strict=True):
            yield ("", "", "weights", f"{name} and {other}", weight, None, None, None, None, "", "")


def _pair_rows(a: str, b: str, agreement: Json) -> Iterator[Sequence[object]]:
    for name, n in agreement["counts"].items():
        yield (a, b, "counts", name, n, None, None, None, None, "", "")
    parts = [(part, agreement[part]) for part in ("fracture", "ao", "ao_both_fracture", "ao_all", "cases")]
    parts += [(f"level {name}", table) for name, table in agreement["levels"]]
    parts += [(f"type {name}", table) for name, table in agreement["types"]]
    for part, table in parts:
        names = table.get("categories", ("negative", "fracture"))
        for name, row in zip(names, table["table"], strict=True):
            for other, n in zip(names, row, strict=True):
                yield (a, b, part, f"count {name} and {other}", n, None, None, None, None, "", "")
        yield from ((a, b, part, name, *_numbers(one)) for name, one in _estimates(table))
    yield (a, b, "cases", "mcnemar", *_numbers(agreement["mcnemar"]))


def _estimates(table: Json) -> Iterator[tuple[str, Json]]:
    return ((name, one) for name, one in table.items() if isinstance(one, Mapping) and "method" in one)


def _numbers(one: Json) -> tuple[object, ...]:
    return tuple(one[name] for name in _HEAD[4:])
