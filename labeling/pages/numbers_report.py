"""The clinical report against the reference, and the fractures that no report names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from labeling.analysis.answers import Question, ask
from labeling.analysis.behind_rows import spots_to_open
from labeling.analysis.columns import REFERENCE, REPORT
from labeling.analysis.report_against import note_shown
from labeling.pages.numbers_frame import asked, csv_of, json_of, numbers_page, refusals_told
from labeling.pages.places import room_at
from labeling.statistics.estimate_words import percent

TEMPLATE, TAB = "numbers/report.html", "numbers-report"
_HOW = (("absent", "nothing said"), ("negative", "called negative"), ("indeterminate", "called indeterminate"))


@require_GET
@never_cache
@refusals_told(TEMPLATE, TAB)
def report_page(request: HttpRequest) -> HttpResponse:
    """The single cases shown are known from now on: rows and their exposures are one transaction."""
    question = asked(request)
    with transaction.atomic():
        answered = ask(question.user, Question("report", question.scope.key))
        note_shown(question.user, question.scope, answered.answer or {})
        if request.GET.get("format") == "json":
            return json_of(question, answered, "report")
        if request.GET.get("format") == "csv" and answered.answer is not None:
            return csv_of(question, answered, "report", _sheet(answered.answer))
        parts = _parts(question.user, question.scope.key, answered.answer) if answered.answer is not None else None
        return numbers_page(
            request,
            TEMPLATE,
            question,
            answered,
            tab=TAB,
            what="Report against reference, page",
            context={"parts": parts},
        )


def _parts(user: User, scope: str, answer: dict[str, Any]) -> dict[str, Any]:
    if answer["note"]:
        return {"unread": answer["unread"]}
    spots = spots_to_open(user, [(row["case"], row["vertebra"]) for row in answer["worklist"]])
    groups = [
        (title, [(one["name"], percent(one["rate"]), _behind(scope, **{narrow: one["name"]})) for one in answer[key]])
        for title, key, narrow in (("By AO type", "types", "ao"), ("By level", "levels", "level"))
    ]
    return {
        "unread": answer["unread"],
        "rates": [
            ("Per vertebra", percent(answer["vertebra"]), _behind(scope)),
            ("Per case", percent(answer["case"]), ""),
        ],
        "how": [(answer["how"][name], words) for name, words in _HOW],
        "groups": groups,
        "worklist": [
            {**row, "words": dict(_HOW).get(row["said"], row["said"]), "look": room_at(*spot) if spot else ""}
            for row in answer["worklist"]
            for spot in [spots.get((row["case"], row["vertebra"]))]
        ],
    }


def _behind(scope: str, **narrows: str) -> str:
    """Where the fractures that a rate counts are listed."""
    pair = {"on": scope, "reader": REPORT, "against": REFERENCE, "cell": "unreported", "both": "read"}
    return f"{reverse('numbers-cases')}?{urlencode({**pair, **narrows})}"


def _sheet(answer: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    """Fractures that no report names, one a line."""
    yield ("case", "level", "ao", "report")
    for row in answer["worklist"]:
        yield (row["name"], row["level"], row["ao"], row["said"])
