"""The clinical report against the reference, and the fractures that no report names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from labeling.analysis.answers import Question, ask
from labeling.analysis.report_against import note_shown
from labeling.pages.numbers_frame import asked, csv_of, json_of, numbers_page
from labeling.statistics.estimate_words import percent

TEMPLATE, TAB = "numbers/report.html", "numbers-report"
_HOW = (("absent", "nothing said"), ("negative", "called negative"), ("indeterminate", "called indeterminate"))


@require_GET
@never_cache
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
        parts = _parts(answered.answer) if answered.answer is not None else None
        return numbers_page(
            request,
            TEMPLATE,
            question,
            answered,
            tab=TAB,
            what="Report against reference, page",
            context={"parts": parts},
        )


def _parts(answer: dict[str, Any]) -> dict[str, Any]:
    if answer["note"]:
        return {"unread": answer["unread"]}
    groups = [
        (title, [(one["name"], percent(one["rate"])) for one in answer[key]])
        for title, key in (("By AO type", "types"), ("By level", "levels"))
    ]
    return {
        "unread": answer["unread"],
        "rates": [("Per vertebra", percent(answer["vertebra"])), ("Per case", percent(answer["case"]))],
        "how": [(answer["how"][name], words) for name, words in _HOW],
        "groups": groups,
        "worklist": [{**row, "words": dict(_HOW).get(row["said"], row["said"])} for row in answer["worklist"]],
    }


def _sheet(answer: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    """Fractures that no report names, one a line."""
    yield ("case", "level", "ao", "report")
    for row in answer["worklist"]:
        yield (row["name"], row["level"], row["ao"], row["said"])
