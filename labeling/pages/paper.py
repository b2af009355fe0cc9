"""The paper's arithmetic: its Table 2 from four counts where it is right, and each slip named where it is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from labeling.pages.numbers_frame import asked, numbers_page, sheet_of
from labeling.statistics import slips_of_the_paper
from labeling.statistics.checked_figures import IMPOSSIBLE, RIGHT, SHAKY, TRUNCATED, UNARGUED, WRONG, Checked
from labeling.statistics.printed_figures import PAPER
from labeling.statistics.published import check, check_table_two

TEMPLATE, TAB = "numbers/paper.html", "numbers-paper"
MOST = 1_000_000

CELLS = (
    ("tp", "True positive"),
    ("fp", "False positive"),
    ("fn", "False negative"),
    ("tn", "True negative"),
)
TYPES = ("A1", "A2", "A3", "A4")
OF_THE_PAPER = {
    "tp": PAPER.true_positive,
    "fp": PAPER.false_positive,
    "fn": PAPER.false_negative,
    "tn": PAPER.true_negative,
    **{name.lower(): PAPER.test_types[name] for name in TYPES},
}
#: Verdict -> class of its chip and its words.
VERDICTS = {
    RIGHT: ("chip-line", "right"),
    TRUNCATED: ("chip-warn", "cut off, not rounded"),
    WRONG: ("chip-bad", "wrong"),
    IMPOSSIBLE: ("chip-bad", "impossible"),
    UNARGUED: ("chip-warn", "not argued"),
    SHAKY: ("chip-warn", "holds only if"),
}


@dataclass(frozen=True)
class Field:
    """One count of the form."""

    name: str
    label: str
    value: str
    error: str


@dataclass(frozen=True)
class Figure:
    """One printed figure beside what the counts give; verdict '' where the counts are not the paper's."""

    what: str
    where: str
    printed: str
    given: str
    fraction: str
    verdict: str
    css: str
    why: str


@require_GET
@never_cache
def paper_page(request: HttpRequest) -> HttpResponse:
    """`tp`, `fp`, `fn`, `tn` and `a1` to `a4` are the counts; without any, those of the paper's test set."""
    question = asked(request)
    counts, fields = _counts(request.GET)
    types_note = _types_note(counts)
    same = counts == OF_THE_PAPER
    same_table = _cells(counts) == _cells(OF_THE_PAPER)
    table = _table(counts, same_table)
    types = [] if types_note else _types(counts, same)
    if request.GET.get("format") == "json":
        response: HttpResponse = JsonResponse(
            {
                "counts": counts,
                "table_two": [one.as_json() for one in check_table_two(*_cells(counts))],
                "paper": [one.as_json() for one in check()],
            },
            json_dumps_params={"indent": 1, "ensure_ascii": False},
        )
        response["Content-Disposition"] = 'attachment; filename="paper.json"'
        return response
    if request.GET.get("format") == "csv":
        response = HttpResponse(sheet_of(_sheet(counts)), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="paper.csv"'
        return response
    tp, fp, fn, tn = _cells(counts)
    context = {
        "fields": fields,
        "broken": any(one.error for one in fields),
        "counts": counts,
        "margins": {"all": tp + fp + fn + tn, "positives": tp + fn, "negatives": fp + tn, "called": tp + fp}
        | {"cleared": fn + tn},
        "same": same_table,
        "same_types": same,
        "table": table,
        "table_slips": [one for one in table.values() if one.why] if same_table else [],
        "types": types,
        "types_note": types_note,
        "types_unequal": sum(counts[name.lower()] for name in TYPES) - tp - fn,
        "slips": _slips(),
        "right": [_figure(one, judged=True) for one in check() if one.is_right],
        "json_address": f"{request.path}?{urlencode({**counts, 'format': 'json'})}",
        "csv_address": f"{request.path}?{urlencode({**counts, 'format': 'csv'})}",
    }
    status = 422 if context["broken"] else 200
    return numbers_page(request, TEMPLATE, question, None, tab=TAB, what="", context=context, status=status)


def _counts(query: QueryDict) -> tuple[dict[str, int], list[Field]]:
    """The counts to go by, and the fields with what was typed; a count that is none leaves the paper's in its place."""
    labels = dict(CELLS) | {name.lower(): name for name in TYPES}
    counts, fields = dict(OF_THE_PAPER), []
    # Whoever gives some counts means none where a field is left empty; an address without any is the paper's.
    is_given = any(name in query for name in labels)
    for name, label in labels.items():
        text = query.get(name, "").strip() if is_given else str(OF_THE_PAPER[name])
        error = ""
        if text and not (text.isascii() and text.isdecimal() and int(text[:9]) <= MOST and len(text) < 9):
            error = f"A count is a whole number from 0 to {MOST:,}."
        else:
            counts[name] = int(text or 0)
        fields.append(Field(name, label, text, error))
    return counts, fields


def _cells(counts: Mapping[str, int]) -> tuple[int, int, int, int]:
    return counts["tp"], counts["fp"], counts["fn"], counts["tn"]


def _figure(one: Checked, *, judged: bool) -> Figure:
    fraction, _, share = one.given.rpartition(" = ")
    css, words = VERDICTS[one.verdict] if judged else ("", "")
    _, _, printed = one.printed.rpartition(" = ")
    why = one.why if judged or not one.given else ""
    return Figure(one.what, one.where, printed, share or "–", fraction, words, css, why)


def _table(counts: Mapping[str, int], same: bool) -> dict[str, Figure]:
    return {one.key: _figure(one, judged=same) for one in check_table_two(*_cells(counts))}


def _types_note(counts: Mapping[str, int]) -> str:
    if any(counts[name.lower()] for name in TYPES):
        return ""
    return "No fracture of a type was given, so there are no shares."


def _types(counts: Mapping[str, int], same: bool) -> list[Figure]:
    given = replace(PAPER, test_types={name: counts[name.lower()] for name in TYPES})
    of_test = [one for one in slips_of_the_paper.types(given) if not one.where.endswith("training")]
    return [_figure(one, judged=same) for one in of_test if same or not one.key.startswith("types_")]


def _slips() -> list[dict[str, Any]]:
    """What is not right in the paper, by the number of the slip."""
    found: dict[int, list[Figure]] = {}
    for one in check():
        if not one.is_right:
            found.setdefault(one.slip or 0, []).append(_figure(one, judged=True))
    return [{"number": number, "figures": figures} for number, figures in sorted(found.items())]


def _sheet(counts: Mapping[str, int]) -> Iterator[Sequence[object]]:
    yield ("part", "slip", "where", "what", "printed", "given", "verdict", "why")
    for part, found in (("table 2 from these counts", check_table_two(*_cells(counts))), ("the paper", check())):
        for one in found:
            yield (part, one.slip, one.where, one.what, one.printed, one.given, one.verdict, one.why)
