"""How people read: automation bias, and speed and accuracy by position in a session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from labeling.analysis.answers import Question, ask
from labeling.pages.numbers_frame import asked, csv_of, json_of, numbers_page, refusals_told
from labeling.statistics.estimate_words import coefficient, percent

TEMPLATE, TAB = "numbers/reading.html", "numbers-reading"
_CHANGES = (
    ("changed", "Changed after the reveal"),
    ("toward", "of the changed, to the model's verdict"),
    ("away", "of the changed, away from it"),
    ("elsewhere", "of the changed, to neither"),
    ("followed", "Model differed, and was followed"),
    ("abandoned", "Model agreed, and changed all the same"),
    ("made_right", "of the changed, made right"),
    ("made_wrong", "of the changed, made wrong"),
    ("followed_wrong", "Was right, model wrong, and followed it"),
    ("right_before", "Right before the reveal"),
    ("right_after", "Right after it"),
)
_COMPARED = (
    ("agreement_with_model", "Agreement with the model"),
    ("sensitivity", "Sensitivity"),
    ("specificity", "Specificity"),
)


@require_GET
@never_cache
@refusals_told(TEMPLATE, TAB)
def reading_page(request: HttpRequest) -> HttpResponse:
    question = asked(request)
    models = [column for column in question.columns if column.kind == "model"]
    chosen = next((column for column in models if column.key == question.reader), models[0] if models else None)
    readers = (chosen.key,) if chosen else ()
    answered = ask(question.user, Question("reading", question.scope.key, readers))
    if request.GET.get("format") == "json":
        return json_of(question, answered, "reading")
    if request.GET.get("format") == "csv" and answered.answer is not None:
        return csv_of(question, answered, "reading", _sheet(answered.answer))
    context = {"models": models, "chosen": chosen, "parts": _parts(answered.answer) if answered.answer else None}
    return numbers_page(request, TEMPLATE, question, answered, tab=TAB, what="Reading habits, page", context=context)


def _parts(answer: dict[str, Any]) -> dict[str, Any]:
    bias, sessions = answer["bias"], answer["sessions"]
    return {
        "changes": [(words, percent(bias[name])) for name, words in _CHANGES] if bias else [],
        "compared": [
            (words, percent(bias[name]["shown"]), percent(bias[name]["hidden"]), percent(bias[name]["difference"]))
            for name, words in _COMPARED
        ]
        if bias
        else [],
        "bins": [
            (one["title"], one["cases"], coefficient(one["seconds"], 0), percent(one["accuracy"]))
            for one in sessions["bins"]
            if one["cases"]
        ]
        if sessions
        else [],
        "trends": [
            ("Seconds with each further case", percent(sessions["speed_trend"])),
            ("Accuracy with each further case, points", percent(sessions["accuracy_trend"])),
        ]
        if sessions
        else [],
    }


def _sheet(answer: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    yield ("part", "name", "value", "low", "high", "numerator", "denominator", "note")
    found: list[tuple[str, str, dict[str, Any]]] = []
    if answer["bias"]:
        found += [("bias", name, answer["bias"][name]) for name, _ in _CHANGES]
        found += [
            (name, kind, answer["bias"][name][kind])
            for name, _ in _COMPARED
            for kind in ("shown", "hidden", "difference")
        ]
    if answer["sessions"]:
        for one in answer["sessions"]["bins"]:
            found += [("position " + one["title"], kind, one[kind]) for kind in ("seconds", "accuracy")]
        found += [("trend", name, answer["sessions"][name]) for name in ("speed_trend", "accuracy_trend")]
    for part, name, one in found:
        yield (part, name, *(one[key] for key in ("value", "low", "high", "numerator", "denominator", "note")))
