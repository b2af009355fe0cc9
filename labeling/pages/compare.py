"""Compare: two readers or versions of a model on the same vertebrae, the second minus the first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from labeling.analysis.answers import Question, ask
from labeling.analysis.columns import Column
from labeling.analysis.comparison import MARGINS, MORE
from labeling.imaging.refusal import Refusal
from labeling.pages.agreement_rows import Counted, cases_url
from labeling.pages.numbers_curves import UNIT_WORDS, address_of, buttons_of
from labeling.pages.numbers_frame import UNITS, Asked, asked, csv_of, figure_of, json_of, numbers_page
from labeling.statistics.charts import Axis
from labeling.statistics.estimate_words import Printed, coefficient
from labeling.statistics.forest import Row, forest
from labeling.statistics.rates import LABELS

TEMPLATE, TAB = "numbers/compare.html", "numbers-compare"
FIGURE = "differences"
#: Kept answers do not keep the order of names.
RATES = ("sensitivity", "specificity", "accuracy")

Json = Mapping[str, Any]


@require_GET
@never_cache
def compare_page(request: HttpRequest) -> HttpResponse:
    """`a` is the first, `b` the second, `unit` what is counted, `margin` the loss that `b` is held against."""
    question = asked(request)
    readers = [column for column in question.columns if column.kind != "reference"]
    a, b = _pair(request, question, readers)
    margin = request.GET.get("margin", "5")
    margin = margin if margin in MARGINS else "5"
    options = (("margin", margin), ("unit", question.unit))
    wanted = request.GET.get("format", "")
    try:
        answered = ask(question.user, Question("comparison", question.scope.key, (a, b), options))
        answer = answered.answer
        if wanted == "json":
            return json_of(question, answered, "comparison")
        if wanted == "csv" and answer is not None:
            return csv_of(question, answered, "comparison", as_sheet(answer))
        if wanted in ("svg", "png") and request.GET.get("figure") == FIGURE and answer and not answer["note"]:
            return figure_of(question, answered, "comparison", figure(answer), wanted)
    except Refusal as refusal:
        # A reader was there when the page was asked for and is not any more.
        question = replace(question, note=refusal.sentence)
        return numbers_page(request, TEMPLATE, question, None, tab=TAB, what="Comparison", context={"parts": None})
    context = {
        "readers": readers,
        "chosen": (a, b),
        "margin": margin,
        "margins": MARGINS,
        "unit_buttons": buttons_of(request, "unit", UNITS, question.unit),
        "swap_url": address_of(request, a=b, b=a),
        "parts": None if answer is None or answer["note"] else _parts(request, answer, question),
    }
    labels = [column.label if column else "nobody" for column in (question.column(a), question.column(b))]
    what = f"{labels[1]} compared with {labels[0]}, page"
    return numbers_page(request, TEMPLATE, question, answered, tab=TAB, what=what, context=context)


def _pair(request: HttpRequest, question: Asked, readers: list[Column]) -> tuple[str, str]:
    """Of the address; else the reader that is asked about, and before it another of its kind."""
    known = {column.key: column for column in readers}
    b = request.GET.get("b", "")
    b = b if b in known else question.reader if question.reader in known else next(iter(known), "")
    a = request.GET.get("a", "")
    if a not in known:
        # A person's reads of one round are most often the same reads again.
        others = [column for column in readers if column.key.partition("-")[0] != b.partition("-")[0]]
        own = [column for column in others if b in known and column.kind == known[b].kind]
        a = next((column.key for column in [*own, *others]), "")
    return a, b


def _parts(request: HttpRequest, answer: Json, question: Asked) -> dict[str, Any]:
    scope = question.scope.key
    return {
        "first": answer["first"],
        "second": answer["second"],
        "units": UNIT_WORDS[answer["unit"]],
        "lines": [
            *(_line(answer, name, answer["rates"]["rates"][name], scope) for name in RATES),
            *(_more(name, answer["more"][name]) for name in MORE),
            *_areas(answer),
        ],
        "strict": [_line(answer, name, answer["strict"]["rates"][name], scope, linked=False) for name in RATES],
        "types": [_line(answer, name, one, scope, truth=name) for name, one in answer["by_type"]],
        "tables": [_four(answer, name, scope) for name in ("fracture", "negative")],
        "drawn": mark_safe(figure(answer)),  # of numbers, and names that were escaped
        "files": [(kind.upper(), address_of(request, format=kind, figure=FIGURE)) for kind in ("svg", "png")],
        "mcnemar": _mcnemar(answer["by_case"]),
    }


def _line(answer: Json, name: str, one: Json, scope: str, *, truth: str = "", linked: bool = True) -> dict[str, Any]:
    """A rate of both with its difference, and the units that only one of them has right."""
    units = one["units"]

    def of(share: float | None) -> tuple[str, str]:
        return ("–", "") if share is None else (f"{100 * share:.1f} %", f"{round(share * units):,} of {units:,}")

    gained = lost = ""
    if linked and (truth or name == "sensitivity"):
        gained, lost = (_cell(answer, scope, cell, truth or "fracture") for cell in ("fn", "fp"))
    elif linked and name == "specificity":
        # The second is right of a negative where the first alone calls a fracture.
        gained, lost = (_cell(answer, scope, cell, "negative") for cell in ("fp", "fn"))
    return {
        "name": LABELS.get(name, name),
        "first": of(one["first"]),
        "second": of(one["second"]),
        "difference": points(one["difference"]),
        "gained": Counted("", one["gained"], gained),
        "lost": Counted("", one["lost"], lost),
    }


def _cell(answer: Json, scope: str, cell: str, truth: str) -> str:
    """Where the reference says `truth` and the two call as in this cell."""
    first, second = answer["first"]["key"], answer["second"]["key"]
    return cases_url(scope, first, second, cell, unit=answer["unit"], truth=truth)


def points(estimate: Json) -> Printed:
    """A difference of rates: "+2.1 points" and "−1.0 to 5.2"."""
    if estimate["value"] is None:
        return Printed("–", "", "", estimate["note"])
    hundred = {name: None if estimate[name] is None else 100 * estimate[name] for name in ("value", "low", "high")}
    printed = coefficient({**estimate, **hundred}, 1)
    sign = "+" if round(hundred["value"], 1) > 0 else ""  # type: ignore[arg-type]
    return replace(printed, value=f"{sign}{printed.value} points")


def signed(estimate: Json) -> Printed:
    """A difference of what is no share: "+0.021"."""
    printed = coefficient(estimate, 3)
    positive = estimate["value"] is not None and round(estimate["value"], 3) > 0
    return replace(printed, value=f"+{printed.value}") if positive else printed


def _more(name: str, one: Json) -> dict[str, Any]:
    rate = name in ("ppv", "npv", "balanced_accuracy")

    def of(share: float | None) -> tuple[str, str]:
        return ("–" if share is None else f"{100 * share:.1f} %" if rate else f"{share:.3f}"), ""

    difference = points(one["difference"]) if rate else signed(one["difference"])
    return {"name": LABELS[name], "first": of(one["first"]), "second": of(one["second"]), "difference": difference}


def _areas(answer: Json) -> list[dict[str, Any]]:
    found = answer["areas"]
    if found is None:
        return []
    first, second = (("–" if found[who] is None else f"{found[who]:.3f}", "") for who in ("first", "second"))
    difference = signed(answer["rates"]["auc"])
    return [{"name": "Area under the ROC", "first": first, "second": second, "difference": difference}]


def _four(answer: Json, truth: str, scope: str) -> dict[str, Any]:
    """Right and wrong of both among what the reference calls so; the four cells open what is in them."""
    # Cells of the list are by who calls a fracture; to be right of a negative is not to call one.
    names = {"both": "tp", "first": "fp", "second": "fn", "neither": "tn"}
    if truth == "negative":
        names = {"both": "tn", "first": "fn", "second": "fp", "neither": "tp"}
    found = answer["tables"][truth]
    return {
        "title": "Fractures in the reference" if truth == "fracture" else "Negatives in the reference",
        "of": sum(found.values()),
        "key": truth,
        **{who: Counted("", found[who], _cell(answer, scope, cell, truth)) for who, cell in names.items()},
    }


def _mcnemar(by_case: Json | None) -> list[tuple[str, str]] | None:
    if by_case is None:
        return None
    return [(LABELS[name], "below 0.001" if by_case[name] < 0.0005 else f"= {by_case[name]:.3f}") for name in RATES]


def figure(answer: Json) -> str:
    """All differences of rates in points, a row each."""
    rows = []
    first, second = answer["first"]["label"], answer["second"]["label"]
    for name in RATES:
        rows.append(_row(LABELS[name], answer["rates"]["rates"][name]["difference"]))
    for name in ("ppv", "npv", "balanced_accuracy"):
        rows.append(_row(LABELS[name], answer["more"][name]["difference"]))
    for name, one in answer["by_type"]:
        rows.append(_row(f"Sensitivity, {name}", one["difference"]))
    reached = [abs(end) for row in rows for end in (row.value, row.low, row.high) if end is not None]
    reach = min(100, max(5, 5 * math.ceil(max(reached, default=5) / 5)))
    words = ". ".join(row.words for row in rows) + "."
    title = f"{second} minus {first}"
    axis = Axis(f"{second} minus {first}, points", -reach, reach)
    return forest("differences", title, words, rows, axis, upright=0, sides=("first better", "second better"))


def _row(name: str, estimate: Json) -> Row:
    printed = points(estimate)
    shown = f"{printed.value} ({printed.interval})" if printed.interval else printed.value
    value, low, high = (None if estimate[end] is None else 100 * estimate[end] for end in ("value", "low", "high"))
    return Row(name, value, low, high, shown, f"{name}: {shown}")


# --- CSV --------------------------------------------------------------------------------------------------------------

_HEAD = ("part", "name", "first", "second", "gained", "lost", "value", "low", "high", "units", "method", "note")


def as_sheet(answer: Json) -> Iterator[Sequence[object]]:
    """One row a number; `value` is the difference, second minus first. The first row is the head."""
    yield _HEAD
    if answer["note"]:
        yield ("note", "", *(None,) * 8, "", answer["note"])
        return
    for part in ("rates", "strict"):
        words = "undecided left out" if part == "rates" else "undecided counted as wrong"
        for name in RATES:
            one = answer[part]["rates"][name]
            yield (words, name, one["first"], one["second"], one["gained"], one["lost"], *_numbers(one["difference"]))
    for name, one in answer["by_type"]:
        line = (one["first"], one["second"], one["gained"], one["lost"])
        yield ("sensitivity by AO type", name, *line, *_numbers(one["difference"]))
    for name in MORE:
        one = answer["more"][name]
        yield ("rates of calls", name, one["first"], one["second"], None, None, *_numbers(one["difference"]))
    if answer["areas"]:
        of = answer["areas"]
        yield ("area under the ROC", "auc", of["first"], of["second"], None, None, *_numbers(answer["rates"]["auc"]))
    for truth, cells in answer["tables"].items():
        for who, n in cells.items():
            yield ("right", f"{truth}, {who}", None, None, None, None, n, None, None, None, "", "")
    for name, p in (answer["by_case"] or {}).items():
        yield ("McNemar over cases, exact", name, None, None, None, None, p, None, None, None, "", "")
    for one in answer["decision"]["rates"]:
        nothing = (None,) * 5
        yield ("not worse by", one["rate"], *nothing, one["lower"], None, one["units_needed"], "", one["sentence"])


def _numbers(one: Json) -> tuple[object, ...]:
    return tuple(one[name] for name in ("value", "low", "high", "denominator", "method", "note"))
