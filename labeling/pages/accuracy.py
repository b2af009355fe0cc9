"""Accuracy: a reader against the reference as the paper's Table 2, by AO type and level, and all readers beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from labeling.analysis.accuracy import question_of
from labeling.analysis.answers import ask
from labeling.analysis.columns import REFERENCE
from labeling.imaging.refusal import Refusal
from labeling.pages.accuracy_rows import as_sheet, full_of, segmented_of, summary_of
from labeling.pages.numbers_frame import UNITS, Asked, asked, csv_of, json_of, numbers_page

TEMPLATE, TAB = "numbers/accuracy.html", "numbers"
UNIT_WORDS = {"vertebra": "vertebrae", "case": "cases", "slice": "slices"}


@require_GET
@never_cache
def accuracy_page(request: HttpRequest) -> HttpResponse:
    """`reader` against `against` (the reference, where nobody else is named), counted by `unit`."""
    question = asked(request)
    if question.reader == question.against:
        question = _another(question)
    # A reader stands in the reference's place only where somebody says so.
    named = request.GET.get("against") == question.against
    against = question.against if named else REFERENCE
    try:
        answered = ask(question.user, question_of(question.scope.key, question.reader, against, question.unit))
        if request.GET.get("format") == "json":
            return json_of(question, answered, "accuracy")
        if request.GET.get("format") == "csv" and answered.answer is not None:
            return csv_of(question, answered, "accuracy", as_sheet(answered.answer))
    except Refusal as refusal:
        # A reader was there when the page was asked for and is not any more.
        question = replace(question, note=refusal.sentence)
        return numbers_page(request, TEMPLATE, question, None, tab=TAB, what="Accuracy", context=_buttons(question))
    answer = answered.answer
    has_numbers = answer is not None and answer["accuracy"] is not None
    context = {
        **_buttons(question),
        "full": full_of(answer, question.scope.key) if answer and has_numbers else None,
        "summary": summary_of(answer, question.scope.key) if answer and has_numbers else [],
        "segmented": segmented_of(answer) if answer and has_numbers else None,
        "truth": _truth(answer) if answer and has_numbers else None,
        "replicates": f"{answer['replicates']:,}" if answer else "",
        "unit_word": UNIT_WORDS[question.unit],
        "paper_url": _paper_url(answer) if answer and has_numbers else "",
    }
    label = answer["reader"]["label"] if answer and answer["reader"] else "nobody"
    return numbers_page(
        request, TEMPLATE, question, answered, tab=TAB, what=f"Accuracy of {label}, page", context=context
    )


def _another(question: Asked) -> Asked:
    """Nobody is held against themselves: the first other reader is."""
    other = next((one for one in question.columns if one.key != question.against and "-" not in one.key), None)
    if other is None:
        return replace(question, reader="")
    note = question.note or f"A reader against themselves is always right. {other.label} is shown."
    return replace(question, reader=other.key, note=note)


def _buttons(question: Asked) -> dict[str, Any]:
    kept = {"on": question.scope.key, "reader": question.reader, "against": question.against}
    return {
        "unit_buttons": [
            {"title": title, "url": "?" + urlencode({**kept, "unit": key}), "chosen": key == question.unit}
            for key, title in UNITS
        ]
    }


def _truth(answer: dict[str, Any]) -> dict[str, str]:
    """Words for what they say whom the reader is held against."""
    label = answer["against"]["label"]
    if answer["against"]["kind"] == "reference":
        return {
            "fracture": "Fracture in the reference",
            "negative": "Negative in the reference",
            "fractures": "fractures of the reference",
            "itself": "In the reference itself",
        }
    return {
        "fracture": f"{label}: fracture",
        "negative": f"{label}: negative",
        "fractures": f"fractures that {label} calls",
        "itself": str(label),
    }


def _paper_url(answer: dict[str, Any]) -> str:
    """The paper's page with these counts."""
    table, by_type = answer["accuracy"]["table"], answer["accuracy"]["by_type"]
    counts = {cell: table[cell] for cell in ("tp", "fp", "fn", "tn")}
    types = {name.lower(): by_type[name]["sensitivity"]["denominator"] or 0 for name in ("A1", "A2", "A3", "A4")}
    return f"{reverse('numbers-paper')}?{urlencode({**counts, **types})}"
