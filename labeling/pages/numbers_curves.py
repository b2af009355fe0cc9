"""Curves: what scores of models are worth, with the readers beside them, and where a score is called a fracture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from labeling.analysis.answers import ask
from labeling.analysis.curve_figures import FIGURES, figure
from labeling.analysis.curves import RULES, question_of
from labeling.imaging.refusal import Refusal
from labeling.pages.agreement_rows import Counted, cases_url
from labeling.pages.numbers_frame import UNITS, Asked, asked, csv_of, figure_of, json_of, numbers_page
from labeling.statistics.estimate_words import coefficient, percent

TEMPLATE, TAB = "numbers/curves.html", "numbers-curves"
VIEWS = (("whole", "Whole"), ("corner", "Corner"))
#: How a threshold is chosen, as the buttons say it.
RULE_BUTTONS = (
    ("youden", "Largest sum"),
    ("sensitivity-95", "95 % sensitivity"),
    ("sensitivity-90", "90 % sensitivity"),
)
UNIT_WORDS = {"vertebra": "vertebrae", "case": "cases", "slice": "slices"}
_CELLS = (("tp", "True positive"), ("fp", "False positive"), ("fn", "False negative"), ("tn", "True negative"))

Json = Mapping[str, Any]


@require_GET
@never_cache
def curves_page(request: HttpRequest) -> HttpResponse:
    """`reader` is the model whose score is looked at, `rule` how its threshold is chosen, `view` how much of the ROC is
    drawn; `format` svg or png with `figure` is one of `FIGURES` to take along."""
    question = asked(request)
    models = [column for column in question.columns if column.kind == "model" and column.key != question.against]
    if models and question.reader not in [column.key for column in models]:
        question = replace(question, reader=models[0].key)
    rule = request.GET.get("rule", "youden")
    rule = rule if rule in RULES else "youden"
    view = "corner" if request.GET.get("view") == "corner" else "whole"
    wanted = request.GET.get("format", "")
    try:
        answered = ask(
            question.user,
            question_of(question.user, question.scope, question.reader, question.against, question.unit, rule),
        )
        if wanted == "json":
            return json_of(question, answered, "curves")
        if wanted == "csv" and answered.answer is not None:
            return csv_of(question, answered, "curves", as_sheet(answered.answer))
        name = request.GET.get("figure", "")
        if wanted in ("svg", "png") and name in FIGURES and answered.answer is not None:
            drawn = figure(name, answered.answer, cut=view == "corner")
            if drawn:
                return figure_of(question, answered, name, drawn, wanted)
    except Refusal as refusal:
        # A reader was there when the page was asked for and is not any more.
        question = replace(question, note=refusal.sentence)
        return numbers_page(request, TEMPLATE, question, None, tab=TAB, what="Curves", context={"parts": None})
    answer = answered.answer
    context = {
        "models": models,
        "rule": rule,
        "view": view,
        "rule_buttons": buttons_of(request, "rule", RULE_BUTTONS, rule),
        "view_buttons": buttons_of(request, "view", VIEWS, view),
        "unit_buttons": buttons_of(request, "unit", UNITS, question.unit),
        "parts": None if answer is None or answer["note"] else _parts(request, answer, question, view),
    }
    label = answer["reader"]["label"] if answer and answer["reader"] else "nobody"
    what = f"Curves of {label}, page"
    return numbers_page(request, TEMPLATE, question, answered, tab=TAB, what=what, context=context)


def buttons_of(
    request: HttpRequest, name: str, choices: Sequence[tuple[str, str]], chosen: str
) -> list[dict[str, Any]]:
    found = []
    for key, title in choices:
        found.append({"title": title, "url": address_of(request, **{name: key}), "chosen": key == chosen})
    return found


def address_of(request: HttpRequest, **values: str) -> str:
    query = request.GET.copy()
    for name in ("part", "format", "figure"):
        query.pop(name, None)
    for name, value in values.items():
        query[name] = value
    return f"?{query.urlencode()}"


def url_of(scope: str, answer: Json, reader: str, cell: str, **more: str) -> str:
    """The units in a cell of this reader's table."""
    return cases_url(scope, reader, answer["against"]["key"], cell, unit=answer["unit"], **more)


def _parts(request: HttpRequest, answer: Json, question: Asked, view: str) -> dict[str, Any]:
    scope = question.scope.key
    figures = {}
    for name, title in FIGURES.items():
        # The SVG is made of numbers and of names that were escaped.
        drawn = mark_safe(figure(name, answer, lambda key: url_of(scope, answer, key, "differ"), cut=view == "corner"))
        files = [(kind.upper(), address_of(request, format=kind, figure=name)) for kind in ("svg", "png")]
        figures[name.replace("-", "_")] = {"title": title, "drawn": drawn, "files": files}
    return {
        "figures": figures,
        "units": UNIT_WORDS[answer["unit"]],
        "against": "the reference" if answer["against"]["kind"] == "reference" else answer["against"]["label"],
        "areas": [_area(one) for one in answer["curves"]],
        "point_heads": ("Sensitivity", "Found, missed", "Specificity", "Clear, extra"),
        "points": [_point(answer, one, scope) for one in answer["points"]],
        "calibration": _calibration(answer["calibration"]),
        "threshold": _threshold(answer, scope),
    }


def _area(one: Json) -> dict[str, Any]:
    found = one["curve"]
    return {
        "label": one["label"],
        "incorporated": one["incorporated"],
        "auc": coefficient(found["auc"], 3),
        "average": coefficient(found["average_precision"], 3),
        "positives": found["positives"],
        "of": found["positives"] + found["negatives"],
        "left_out": found["left_out"],
        "note": found["note"],
    }


def _point(answer: Json, one: Json, scope: str) -> dict[str, Any]:
    rates = one["table"]["rates"]
    cells = {
        cell: Counted(words, one["table"][cell], url_of(scope, answer, one["key"], cell)) for cell, words in _CELLS
    }
    return {
        "label": one["label"],
        "incorporated": one["incorporated"],
        "rates": [
            (percent(rates["sensitivity"]), cells["tp"], cells["fn"]),
            (percent(rates["specificity"]), cells["tn"], cells["fp"]),
        ],
        "cells": list(cells.values()),
    }


def _calibration(found: Json | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "lines": [
            ("Slope", "1 where scores are neither too bold (below 1) nor too timid", coefficient(found["slope"])),
            (
                "Intercept",
                "0 where they are right on average; below 0 they are too high",
                coefficient(found["intercept"]),
            ),
            ("Brier score", "mean squared distance from the truth, 0 is best", coefficient(found["brier"], 3)),
            (
                "Expected error",
                "mean distance of score and share over the bins",
                coefficient(found["expected_error"], 3),
            ),
        ],
        "bins": [
            {
                "from": f"{one['low']:.1f} to {one['high']:.1f}",
                "mean": "–" if one["mean_score"] is None else f"{one['mean_score']:.2f}",
                "fractured": percent(one["fractured"]),
            }
            for one in found["bins"]
        ],
        "left_out": found["left_out"],
    }


def _threshold(answer: Json, scope: str) -> dict[str, Any]:
    found = answer["threshold"]
    here = found["here"]
    more = {"threshold": repr(found["value"]), "without": "validation"}
    return {
        **found,
        "printed": None if found["value"] is None else f"{found['value']:.3f}",
        "there": [f"{100 * found[name]:.1f} %" for name in ("sensitivity", "specificity")]
        if found["origin"] and found["value"] is not None
        else [],
        "cells": []
        if here is None
        else [
            Counted(words, here["table"][cell], url_of(scope, answer, answer["reader"]["key"], cell, **more))
            for cell, words in _CELLS
        ],
        "rates": []
        if here is None
        else [
            (words, percent(here["table"]["rates"][name]))
            for name, words in (
                ("sensitivity", "Sensitivity"),
                ("specificity", "Specificity"),
                ("ppv", "Positive predictive value"),
                ("npv", "Negative predictive value"),
                ("accuracy", "Accuracy"),
            )
        ],
    }


# --- CSV --------------------------------------------------------------------------------------------------------------

_HEAD = ("reader", "part", "name", "at", "value", "low", "high", "numerator", "denominator", "method", "note")


def as_sheet(answer: Json) -> Iterator[Sequence[object]]:
    """One row a number: areas, readers, calibration and its bins, the threshold, then every corner of every curve."""
    yield _HEAD
    for one in answer["curves"]:
        for name in ("auc", "average_precision"):
            yield (one["label"], "area", name, None, *_numbers(one["curve"][name]))
    for one in answer["points"]:
        yield from _table_rows(one["label"], "reader", one["table"])
    label = answer["reader"]["label"] if answer["reader"] else ""
    if answer["calibration"]:
        for name in ("slope", "intercept", "brier", "expected_error"):
            yield (label, "calibration", name, None, *_numbers(answer["calibration"][name]))
        for one in answer["calibration"]["bins"]:
            yield (
                label,
                "calibration bin",
                f"{one['low']:g} to {one['high']:g}",
                one["mean_score"],
                *_numbers(one["fractured"]),
            )
    if answer["threshold"]:
        found = answer["threshold"]
        yield (label, "threshold", found["rule"], None, found["value"], None, None, None, None, "", found["note"])
        if found["here"]:
            yield from _table_rows(label, "at the threshold", found["here"]["table"])
    for one in answer["curves"]:
        curve = one["curve"]
        for x, y, at in zip(curve["fpr"], curve["tpr"], curve["thresholds"], strict=True):
            yield (one["label"], "roc", f"false positive rate {x!r}", at, y, None, None, None, None, "", "")
        rows = zip(curve["recall"], curve["precision"], strict=True)
        for recall, precision in rows:
            yield (one["label"], "precision", f"recall {recall!r}", None, precision, None, None, None, None, "", "")


def _table_rows(label: str, part: str, table: Json) -> Iterator[Sequence[object]]:
    for cell, words in _CELLS:
        yield (label, part, words.lower(), None, table[cell], None, None, None, None, "", "")
    for name in ("sensitivity", "specificity", "ppv", "npv", "accuracy"):
        yield (label, part, name, None, *_numbers(table["rates"][name]))


def _numbers(one: Json) -> tuple[object, ...]:
    return tuple(one[name] for name in _HEAD[4:])
