"""The vertebrae behind a number, one row each, with what was said of them and a way to look at them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from labeling.analysis.answers import Answered, Question
from labeling.analysis.behind import CELLS, Asking, Behind, behind
from labeling.analysis.behind_rows import Row, Word, rows_behind
from labeling.analysis.ledger import consult
from labeling.analysis.versions import data_version
from labeling.imaging.refusal import Refusal
from labeling.pages.numbers_frame import Asked, asked, csv_of, numbers_page
from labeling.pages.places import room_at

PAGE_SIZE = 100
TEMPLATE, TAB = "numbers/cases.html", "numbers-cases"
#: Cells that are offered in the list; the others are reached from the numbers that they stand behind.
OFFERED = ("differ", "tp", "fp", "fn", "tn", "compared", "indeterminate", "not_assessable", "absent", "only", "all")
_NARROWS = ("unit", "level", "ao", "kind", "reader_ao", "against_ao", "truth", "threshold", "both", "without")


@dataclass(frozen=True)
class Shown:
    """What somebody says, as it is drawn: class and sign of the mark, words, score."""

    css: str
    sign: str
    words: str
    score: str


_MARKS = {
    "negative": ("st-neg", "−", "Negative"),
    "indeterminate": ("st-indet", "?", "Indeterminate"),
    "not assessable": ("st-na", "×", "Not assessable"),
    "absent": ("st-unseen", "·", "Nothing said"),
}


def shown(word: Word) -> Shown:
    score = "" if word.score is None else f"{word.score:.2f}"
    if word.verdict != "fracture":
        return Shown(*_MARKS[word.verdict], score)
    css = {"": "st-a1", "B": "st-bc", "C": "st-bc"}.get(word.ao, f"st-{word.ao.lower()}")
    return Shown(css, word.ao or "F", f"Fracture {word.ao}" if word.ao else "Fracture, no type", score)


@dataclass(frozen=True)
class RowShown:
    row: Row
    reader: Shown
    against: Shown
    truth: Shown | None
    look: str


@require_GET
@never_cache
def numbers_cases_page(request: HttpRequest) -> HttpResponse:
    """What is shown of single cases is known from now on: rows and their exposures are one transaction."""
    question = asked(request)
    asking = _asking(request, question)
    with transaction.atomic():
        try:
            found = behind(question.user, question.scope, asking) if asking.reader and asking.against else None
        except Refusal as refusal:
            found, question = None, replace(question, note=refusal.sentence)
        version = data_version(question.user, question.scope.cases)
        if found is None:
            nothing = {"found": None, "asking": asking, "cells": _cells(question, asking)}
            return numbers_page(request, TEMPLATE, question, None, tab=TAB, what="", context=nothing)
        if request.GET.get("format") == "csv":
            answered = Answered(question.scope, Question("cases", question.scope.key), version, None, current=True)
            return csv_of(question, answered, "cases", _sheet(question, found))
        consult(question.user, f"Vertebrae behind a number: {found.sentence}", question.scope)
        page = Paginator(range(found.count), PAGE_SIZE).get_page(request.GET.get("page"))
        first = page.start_index() - 1 if found.count else 0
        rows = [_row(row) for row in rows_behind(question.user, found, first, first + PAGE_SIZE)]
    kept = _kept(question, asking)
    context: dict[str, Any] = {
        "found": found,
        "asking": asking,
        "cells": _cells(question, asking),
        "rows": rows,
        "page": page,
        "version": version,
        "labels": _labels(question, asking),
        "cases_count": len(set(found.units.case[found.places].tolist())),
        "with_truth": any(row.truth for row in rows),
        "narrowed": [pair for pair in kept if pair[0] in _NARROWS and pair[1] != "vertebra"],
        "wide_url": "?" + urlencode([pair for pair in kept if pair[0] not in _NARROWS]),
        "page_url": "?" + urlencode(kept),
        "pair_url": _pair_url(question, asking),
    }
    return numbers_page(request, TEMPLATE, question, None, tab=TAB, what="", context=context)


def _asking(request: HttpRequest, question: Asked) -> Asking:
    asked_for = {name: request.GET.get(name, "") for name in ("cell", *_NARROWS)}
    asked_for["cell"] = asked_for["cell"] or "differ"
    asked_for["unit"] = asked_for["unit"] or "vertebra"
    # Of one reader alone, as "called" is.
    return Asking(reader=question.reader or question.against, against=question.against, **asked_for)


def _labels(question: Asked, asking: Asking) -> tuple[str, str]:
    found = (question.column(asking.reader), question.column(asking.against))
    reader, against = (column.label if column else "" for column in found)
    return reader, against


def _cells(question: Asked, asking: Asking) -> list[tuple[str, str]]:
    reader, against = _labels(question, asking)
    keys = OFFERED if asking.cell in OFFERED or asking.cell not in CELLS else (*OFFERED, asking.cell)
    return [(key, CELLS[key][0].format(a=reader or "Reader", b=against or "other")) for key in keys]


def _kept(question: Asked, asking: Asking) -> list[tuple[str, str]]:
    kept = [("on", question.scope.key), ("reader", asking.reader), ("against", asking.against), ("cell", asking.cell)]
    return [*kept, *((name, getattr(asking, name)) for name in _NARROWS if getattr(asking, name))]


def _pair_url(question: Asked, asking: Asking) -> str:
    if asking.reader == asking.against:
        return ""
    pair = [("on", question.scope.key), ("a", asking.reader), ("b", asking.against)]
    if "-" in f"{asking.reader}{asking.against}":
        # The column of one round stands in no matrix unless it is asked for.
        pair += [("readers", asking.reader), ("readers", asking.against)]
    return f"{reverse('numbers-agreement')}?{urlencode(pair)}#pair"


def _row(row: Row) -> RowShown:
    look = ""
    if row.read is not None and row.vertebra is not None:
        look = room_at(row.read, row.vertebra, row.k)
    elif row.read is not None:
        look = reverse("room", args=[row.read])
    truth = None if row.truth is None else shown(row.truth)
    return RowShown(row, shown(row.reader), shown(row.against), truth, look)


def _sheet(question: Asked, found: Behind) -> Iterator[Sequence[object]]:
    reader, against = _labels(question, found.asking)
    yield (
        "case", "level", "slice", "reader", "reader_verdict", "reader_ao", "reader_score",
        "against", "against_verdict", "against_ao", "against_score", "reference_verdict", "reference_ao",
    )  # fmt: skip
    for row in rows_behind(question.user, found):
        a, b, truth = row.reader, row.against, row.truth
        yield (
            row.case_name, row.level, row.slice, reader, a.verdict, a.ao, a.score,
            against, b.verdict, b.ao, b.score, truth.verdict if truth else None, truth.ao if truth else None,
        )  # fmt: skip
