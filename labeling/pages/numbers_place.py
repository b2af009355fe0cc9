"""At your place: what a reader's calls would mean at another prevalence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from labeling.analysis.answers import Question, ask
from labeling.analysis.place import DEFAULTS, LIMITS, number_of
from labeling.pages.numbers_frame import asked, csv_of, json_of, numbers_page, refusals_told
from labeling.statistics.charts import Axis, Dot, Line, Plot, plot
from labeling.statistics.estimate_words import coefficient, percent

TEMPLATE, TAB = "numbers/place.html", "numbers-place"
_TITLES = {"prevalence": "prevalence, %", "examinations": "examinations a year", "vertebrae": "vertebrae in view"}
_PER = (("vertebra", "of vertebrae"), ("examination", "of examinations"))


@require_GET
@never_cache
@refusals_told(TEMPLATE, TAB)
def place_page(request: HttpRequest) -> HttpResponse:
    question = asked(request)
    typed = {name: f"{number_of(name, request.GET.get(name, '')):g}" for name in DEFAULTS}
    per = "examination" if request.GET.get("per") == "examination" else "vertebra"
    options = tuple(sorted({**typed, "per": per}.items()))
    readers = (question.reader,) if question.reader else ()
    answered = ask(question.user, Question("place", question.scope.key, readers, options))
    if request.GET.get("format") == "json":
        return json_of(question, answered, "place")
    if request.GET.get("format") == "csv" and answered.answer is not None:
        return csv_of(question, answered, "place", _sheet(answered.answer))
    column = question.column(question.reader)
    label = column.label if column else "nobody"
    context = {
        "fields": [(name, _TITLES[name], typed[name], *(f"{end:g}" for end in LIMITS[name])) for name in DEFAULTS],
        "pers": _PER,
        "per": per,
        "column": column,
        "typed": typed,
        "parts": _parts(answered.answer, label) if answered.answer and not answered.answer["note"] else None,
    }
    what = f"At your place, {label}, page"
    return numbers_page(request, TEMPLATE, question, answered, tab=TAB, what=what, context=context)


def _parts(answer: dict[str, Any], label: str) -> dict[str, Any]:
    at, year = answer["at"], answer["per_year"]
    return {
        "shares": [
            ("Positive predictive value", percent(at["ppv"])),
            ("Negative predictive value", percent(at["npv"])),
            ("Examination without a fracture, with a false alarm", percent(at["any_false_alarm"])),
            ("Sensitivity, carried over", percent(at["sensitivity"])),
            ("Specificity, carried over", percent(at["specificity"])),
        ],
        "counts": [
            ("False alarms", coefficient(at["false_alarms"], 1), coefficient(year["false_alarms"], 0)),
            ("Missed fractures", coefficient(answer["missed"], 1), coefficient(year["missed"], 0)),
            ("Missed A1", coefficient(at["missed_a1"], 1), coefficient(year["missed_a1"], 0)),
        ],
        "prevalence": f"{100 * at['prevalence']:.2f} %",
        "here": None if answer["prevalence_here"] is None else f"{100 * answer['prevalence_here']:.1f} %",
        "assumed": at["assumed"],
        "chart": _chart(answer, label),
    }


def _chart(answer: dict[str, Any], label: str) -> str:
    known = [one for one in answer["curve"] if one["value"] is not None]
    band = tuple(
        (100 * one["prevalence"], 100 * one["low"], 100 * one["high"])
        for one in known
        if one["low"] is not None and one["high"] is not None
    )
    line = Line(label, tuple((100 * one["prevalence"], 100 * one["value"]) for one in known), band=band)
    at = answer["at"]
    share, ppv = 100 * at["prevalence"], at["ppv"]["value"]
    dots = (
        () if ppv is None or share > 50 else (Dot(share, 100 * ppv, "Your place", f"{share:.2f} %: {100 * ppv:.1f} %"),)
    )
    words = f"Positive predictive value of {label} over the prevalence, with its 95 % interval."
    x, y = Axis("prevalence per vertebra, %", 0, 50), Axis("positive predictive value, %", 0, 100)
    # The drawing escapes every word that is given to it.
    return mark_safe(plot(Plot("ppv", "Positive predictive value over prevalence", words, x, y, (line,), dots)))


def _sheet(answer: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    yield ("name", "per", "value", "low", "high", "method", "note")
    if answer["note"]:
        return
    at = answer["at"]
    rows = [(name, "", at[name]) for name in ("sensitivity", "specificity", "ppv", "npv", "any_false_alarm")]
    rows += [(name, "100 examinations", at[name]) for name in ("false_alarms", "missed_a1")]
    rows += [("missed", "100 examinations", answer["missed"])]
    rows += [(name, "year", one) for name, one in answer["per_year"].items()]
    for name, per, one in rows:
        yield (name, per, one["value"], one["low"], one["high"], one["method"], one["note"])
    for one in answer["curve"]:
        yield (f"ppv at {one['prevalence']:g}", "", one["value"], one["low"], one["high"], "", "")
