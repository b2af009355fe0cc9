"""Agreement: a matrix of all pairs of readers, one pair in full, all readers together, and each with themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from labeling.analysis.agreement import MOST_READERS, readers_of
from labeling.analysis.answers import Question, ask
from labeling.imaging.refusal import Refusal
from labeling.pages.agreement_rows import SHOWN, as_sheet, matrix_of, pair_in, repeats_of, together_of
from labeling.pages.numbers_frame import Asked, asked, csv_of, json_of, numbers_page

TEMPLATE, TAB = "numbers/agreement.html", "numbers-agreement"


@require_GET
@never_cache
def agreement_page(request: HttpRequest) -> HttpResponse:
    """`readers` (several) says who stands in the matrix, `show` what in it, `a` and `b` which pair is in full."""
    question = asked(request)
    wanted = [key for key in request.GET.getlist("readers") if question.column(key)]
    shown, _ = readers_of(question.columns, wanted)
    usual, _ = readers_of(question.columns)
    # Everybody is asked for by no names, however they were ticked: the same question is answered once.
    named = () if shown == usual else tuple(column.key for column in shown)
    try:
        answered = ask(question.user, Question("agreement", question.scope.key, named))
        if request.GET.get("format") == "json":
            return json_of(question, answered, "agreement")
        if request.GET.get("format") == "csv" and answered.answer is not None:
            return csv_of(question, answered, "agreement", as_sheet(answered.answer))
    except Refusal as refusal:
        # A reader was there when the page was asked for and is not any more.
        question = replace(question, note=refusal.sentence)
        return numbers_page(request, TEMPLATE, question, None, tab=TAB, what="Agreement", context={"parts": None})
    show = request.GET.get("show", "kappa")
    show = show if show in SHOWN else "kappa"
    keys = [column.key for column in shown]
    chosen = _chosen(request, question, keys)
    parts = None if answered.answer is None else _parts(answered.answer, question, show, chosen, named)
    context = {
        "show": show,
        "chosen": chosen,
        "picked": keys,
        "most": MOST_READERS,
        "parts": parts,
        "frozen": [("a", chosen[0]), ("b", chosen[1]), ("show", show)],
    }
    what = f"Agreement of {len(keys)} reader{'' if len(keys) == 1 else 's'}, page"
    return numbers_page(request, TEMPLATE, question, answered, tab=TAB, what=what, context=context)


def _chosen(request: HttpRequest, question: Asked, keys: list[str]) -> tuple[str, str]:
    """The pair in full: of the address, else who is asked about against whom, else the first two; in the order of the
    matrix."""
    pairs = [(request.GET.get("a", ""), request.GET.get("b", "")), (question.against, question.reader)]
    for a, b in pairs:
        if a != b and a in keys and b in keys:
            return (a, b) if keys.index(a) < keys.index(b) else (b, a)
    return (keys[0], keys[1]) if len(keys) > 1 else ("", "")


def _parts(
    answer: dict[str, Any], question: Asked, show: str, chosen: tuple[str, str], named: tuple[str, ...]
) -> dict[str, Any]:
    scope = question.scope.key
    kept = [("on", scope), *(("readers", key) for key in named)]
    buttons = [
        {
            "key": key,
            "title": title,
            "url": "?" + urlencode([*kept, ("a", chosen[0]), ("b", chosen[1]), ("show", key)]),
        }
        for key, (title, _) in SHOWN.items()
    ]
    return {
        "matrix": matrix_of(answer, scope, show, chosen),
        "buttons": buttons,
        "shown": SHOWN[show][1],
        "pair": pair_in(answer, scope, *chosen),
        "kept": kept,
        "together": together_of(answer),
        "repeats": repeats_of(answer, scope),
    }
