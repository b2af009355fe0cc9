"""Table 1: who and what was studied, per split, with the test named and what is missing counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from labeling.analysis.answers import Question, ask
from labeling.analysis.columns import REFERENCE
from labeling.analysis.scope import ALL, DEVELOPMENT, SPLITS
from labeling.models import Case, CohortState
from labeling.pages.cohort_frame import TABS, has_page
from labeling.pages.numbers_frame import Asked, asked, csv_of, json_of, numbers_page

TEMPLATE, TAB = "cohort/table.html", "cohort-table"
SHOWN = {"mean": "Mean ± SD", "median": "Median [IQR]"}
#: Rows that count vertebrae of the reference -> what else the address of their vertebrae asks.
_CELLS: dict[str, dict[str, str]] = {
    "with_fracture": {"cell": "called"},
    **{f"ao_{name}": {"cell": "called", "ao": name} for name in ("A1", "A2", "A3", "A4")},
    "ao_without a type": {"cell": "called", "ao": "no type"},
}


@dataclass(frozen=True)
class CellShown:
    """One split of one row; `url` opens what it counts, '' where nothing does."""

    text: str
    missing: int
    url: str


@dataclass(frozen=True)
class RowShown:
    key: str
    title: str
    cells: tuple[CellShown, ...]
    p: str
    #: Why this test, or why there is none.
    why: str
    test: str


@dataclass(frozen=True)
class HeadShown:
    title: str
    patients: int
    cases: int
    vertebrae: int


@require_GET
@never_cache
def table_page(request: HttpRequest) -> HttpResponse:
    """`show` is mean or median, the file has both; `who` is included or all: with those that nobody has decided on."""
    question = asked(request)
    candidates = _candidates(question)
    who = "all" if request.GET.get("who") == "all" or not candidates else "included"
    options = (("who", "included"),) if who == "included" else ()
    # The lists behind the numbers know the candidates: where some were left out, they would have more than was counted.
    unlike = frozenset(candidates) if who == "included" else frozenset()
    answered = ask(question.user, Question("table-one", question.scope.key, options=options))
    wanted = request.GET.get("format")
    if wanted == "json":
        return json_of(question, answered, "table-1")
    if wanted == "csv" and answered.answer is not None:
        return csv_of(question, answered, "table-1", sheet(answered.answer))
    show = request.GET.get("show", "mean")
    show = show if show in SHOWN else "mean"
    answer = answered.answer
    context: dict[str, Any] = {
        "tabs": [(name, title) for name, title in TABS if has_page(name)],
        "show": show,
        "buttons": [
            (key, title, "?" + urlencode({"on": question.scope.key, "who": who, "show": key}))
            for key, title in SHOWN.items()
        ],
        "heads": _heads(answer, question) if answer else [],
        "sections": _sections(answer, question, show, unlike) if answer else [],
        "candidates": candidates.total(),
        "who": who,
        "who_url": "?"
        + urlencode({"on": question.scope.key, "who": "included" if who == "all" else "all", "show": show}),
        "all_url": "?" + urlencode({"on": ALL, "who": who, "show": show}) if question.scope.key == DEVELOPMENT else "",
    }
    return numbers_page(request, TEMPLATE, question, answered, tab=TAB, what="Table 1, page", context=context)


def _candidates(question: Asked) -> Counter[str]:
    """Split -> how many of its cases nobody has decided on; none where nothing was decided on any of the cases."""
    cases = Case.objects.filter(pk__in=question.scope.cases).values_list("cohort_state", "patient__split")
    found = Counter(split for state, split in cases if state == CohortState.CANDIDATE)
    return found if found.total() < len(question.scope.cases) else Counter()


def _heads(answer: dict[str, Any], question: Asked) -> list[HeadShown]:
    sizes, titles = answer["table"]["sizes"], answer["titles"]
    return [
        HeadShown(titles[split], sizes[split]["patients"], sizes[split]["cases"], sizes[split]["vertebrae"])
        for split in answer["table"]["splits"]
    ]


def _sections(
    answer: dict[str, Any], question: Asked, show: str, unlike: frozenset[str]
) -> list[tuple[str, list[RowShown]]]:
    splits = answer["table"]["splits"]
    return [
        (section["title"], [_row(row, splits, question, show, unlike) for row in section["rows"]])
        for section in answer["table"]["sections"]
    ]


def _row(row: dict[str, Any], splits: list[str], question: Asked, show: str, unlike: frozenset[str]) -> RowShown:
    """unlike: the splits whose lists would not be what was counted."""
    cells = []
    for split in splits:
        cell = row["cells"][split]
        other = split in unlike or (len(splits) == 1 and unlike)
        url = "" if other else _behind(row["key"], cell, split, splits, question)
        cells.append(CellShown(cell[show], cell["missing"], url))
    tested = row["comparison"] or {}
    return RowShown(
        key=row["key"],
        title=row["title"],
        cells=tuple(cells),
        p=tested.get("p_text", ""),
        why=" ".join(filter(None, (tested.get("why", ""), tested.get("note", "")))),
        test=tested.get("test", ""),
    )


def _behind(key: str, cell: dict[str, Any], split: str, splits: list[str], question: Asked) -> str:
    """The address of the vertebrae that a cell counts; '' where there is no such list or nothing to list."""
    asks = _CELLS.get(key)
    scope = question.scope.key if len(splits) == 1 else split
    if asks is None or not (len(splits) == 1 or (split in SPLITS and question.scope.key in (ALL, DEVELOPMENT))):
        return ""
    counts = cell["details"].get("counts", {})
    if not counts.get("yes" if key == "with_fracture" else key.removeprefix("ao_")):
        return ""
    of = {"on": scope, "reader": REFERENCE, "against": REFERENCE, **asks}
    return f"{reverse('numbers-cases')}?{urlencode(of)}"


def sheet(answer: dict[str, Any]) -> list[tuple[object, ...]]:
    """A row each with both forms of every split, what is missing, and the test."""
    table, titles = answer["table"], answer["titles"]
    heads = [f"{titles[split]}, {what}" for split in table["splits"] for what in ("mean", "median", "missing")]
    rows: list[tuple[object, ...]] = [("section", "row", "counted", *heads, "p", "test")]
    for what in ("patients", "cases", "vertebrae"):
        sizes = [table["sizes"][split][what] for split in table["splits"]]
        rows.append(("Size", what, what, *(value for size in sizes for value in (size, size, 0)), None, None))
    for section in table["sections"]:
        for row in section["rows"]:
            values: list[object] = []
            for split in table["splits"]:
                cell = row["cells"][split]
                values += [cell["mean"], cell["median"], cell["missing"]]
            tested = row["comparison"] or {}
            rows.append((section["title"], row["title"], row["counted"], *values, tested.get("p"), tested.get("test")))
    return rows
