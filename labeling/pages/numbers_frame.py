"""The frame of all pages of numbers: what is asked, for whom, the stamp of the data, the ledger, and the waiting.

A page is asked by its address alone: `on` (the cases), `reader`, `against`, `unit`; `part=1` asks for its changing
part, `format=json` or `csv` for the same numbers to take along.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import get_resolver

from labeling.analysis.answers import Answered, is_waiting
from labeling.analysis.columns import REFERENCE, Column, columns_of
from labeling.analysis.ledger import consult, times_consulted
from labeling.analysis.scope import DEVELOPMENT, Scope, may_see_numbers, scope_choices, scope_of
from labeling.imaging.refusal import Refusal
from labeling.models import AuditEvent
from labeling.pages.person import person
from labeling.statistics.raster import raster

__all__ = [
    "FILES",
    "TABS",
    "UNITS",
    "Asked",
    "asked",
    "csv_of",
    "figure_of",
    "file_of",
    "json_of",
    "may_or_refuse",
    "numbers_page",
    "refusals_told",
    "sheet_of",
]

#: Name of the address, title. In the order of the tabs.
TABS = (
    ("numbers", "Accuracy"),
    ("numbers-agreement", "Agreement"),
    ("numbers-curves", "Curves"),
    ("numbers-compare", "Compare"),
    ("numbers-gallery", "Gallery"),
    ("numbers-report", "Report"),
    ("numbers-place", "At your place"),
    ("numbers-reading", "Reading"),
    ("numbers-written", "Write it up"),
)
UNITS = (("vertebra", "Per vertebra"), ("case", "Per case"), ("slice", "Per slice"))


#: Kind of a file -> its media type.
FILES = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}


@dataclass(frozen=True)
class Asked:
    """What a page is asked for, put right where it names what there is not.

    `reader` is '' where nobody but the reference has read these cases.
    """

    user: User
    scope: Scope
    columns: tuple[Column, ...]
    reader: str
    against: str
    unit: str
    #: Why it is not quite what the address says, or ''.
    note: str

    @property
    def query(self) -> str:
        """The same question as the query of an address."""
        return urlencode({"on": self.scope.key, "reader": self.reader, "against": self.against, "unit": self.unit})

    def column(self, key: str) -> Column | None:
        return next((column for column in self.columns if column.key == key), None)


def may_or_refuse(request: HttpRequest) -> User:
    """The person, where they may see numbers; 403 for everybody else."""
    user = person(request)
    if not may_see_numbers(user):
        raise PermissionDenied
    return user


def asked(request: HttpRequest) -> Asked:
    """The question of this request."""
    user = may_or_refuse(request)
    note = ""
    try:
        scope = scope_of(user, request.GET.get("on", DEVELOPMENT))
    except Refusal as refusal:
        scope, note = scope_of(user, DEVELOPMENT), refusal.sentence
    columns = tuple(columns_of(user, scope.cases))
    keys = [column.key for column in columns]
    against = request.GET.get("against", REFERENCE)
    if against not in keys:
        against = REFERENCE if REFERENCE in keys or not keys else keys[0]
    wanted = request.GET.get("reader", "")
    others = [column for column in columns if column.key != against]
    if wanted not in keys:
        if wanted:
            note = note or "The reader in the address has no locked read of these cases. Another one is shown."
        # A model first: its accuracy is what most people come for.
        first = [column for column in others if column.kind == "model"] or others
        wanted = first[0].key if first else ""
    unit = request.GET.get("unit", "vertebra")
    unit = unit if unit in dict(UNITS) else "vertebra"
    return Asked(user, scope, columns, wanted, against, unit, note)


def numbers_page(
    request: HttpRequest,
    template: str,
    question: Asked,
    answered: Answered | None,
    *,
    tab: str,
    what: str,
    context: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page (or with `part=1` its changing part) in its frame; showing numbers of test cases is written down.

    Parameters
    ----------
    template
        "numbers/accuracy.html": extends "numbers/frame.html" and is given `part`, the template of the changing part,
        named like it with an underscore ("numbers/_accuracy.html").
    answered
        None for a page without computed numbers.
    what
        For the ledger: "Accuracy of nnU-Net 1.3".
    """
    shown = answered is not None and answered.answer is not None
    is_part = request.GET.get("part") == "1"
    consulted = consult(question.user, what, question.scope, answered.computation) if shown and answered else None
    folder, _, name = template.rpartition("/")
    part = f"{folder}/_{name}"
    address = f"{request.path}?{_with(request, part='1')}"
    values = {
        "asked": question,
        "scopes": scope_choices(),
        "units": UNITS,
        "tabs": _tabs(),
        "tab": tab,
        "answered": answered,
        "answer": answered.answer if answered else None,
        "waiting": answered is not None and not answered.current and is_waiting(answered.job),
        "stopped": answered.job
        if answered and answered.job and answered.job.state in ("failed", "cancelled")
        else None,
        "consulted": times_consulted() if consulted is None else consulted,
        "live_address": address,
        "json_address": f"{request.path}?{_with(request, format='json')}",
        "csv_address": f"{request.path}?{_with(request, format='csv')}",
        "part": part,
        **(context or {}),
    }
    return render(request, "numbers/part.html" if is_part else template, values, status=status)


def refusals_told(
    template: str, tab: str
) -> Callable[[Callable[[HttpRequest], HttpResponse]], Callable[[HttpRequest], HttpResponse]]:
    """A page whose refusals (numbers that are not there yet, a reader who is gone) are its note, with status 409.

    Stands inside of no transaction: what was begun is rolled back by then.
    """

    def told(page: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
        @wraps(page)
        def answer(request: HttpRequest) -> HttpResponse:
            try:
                return page(request)
            except Refusal as refusal:
                question = replace(asked(request), note=refusal.sentence)
                refused = {"refused": True}
                return numbers_page(request, template, question, None, tab=tab, what="", context=refused, status=409)

        return answer

    return told


def json_of(question: Asked, answered: Answered, name: str) -> HttpResponse:
    """The answer as a JSON file with its question and stamp; an export, so it is audited and in the ledger."""
    computation = answered.computation
    if computation is None:
        raise Refusal("not-yet", "These numbers are being computed. Open the page, and take them when they are there.")
    _taken(question, answered, name)
    response = JsonResponse(
        {
            "question": computation.question,
            "cases": len(question.scope.cases),
            "patients": question.scope.patients,
            "data_version": computation.data_version,
            "computed_at": computation.at.isoformat(),
            "answer": computation.answer,
        },
        json_dumps_params={"indent": 1, "ensure_ascii": False},
    )
    response["Content-Disposition"] = f'attachment; filename="{name}.json"'
    return response


def csv_of(question: Asked, answered: Answered, name: str, rows: Iterable[Sequence[object]]) -> HttpResponse:
    """These rows, the first one the heads, as a CSV file; an export, so it is audited and in the ledger."""
    _taken(question, answered, name)
    response = HttpResponse(sheet_of(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def figure_of(question: Asked, answered: Answered, name: str, svg: str, kind: str) -> HttpResponse:
    """A figure as a file, `kind` svg or png; an export, so it is audited and in the ledger."""
    return file_of(question, answered, name, raster(svg) if kind == "png" else svg, kind)


def file_of(question: Asked, answered: Answered, name: str, content: str | bytes, kind: str) -> HttpResponse:
    """Numbers as a file of a kind of `FILES`; an export, so it is audited and in the ledger."""
    _taken(question, answered, name)
    response = HttpResponse(content, content_type=FILES[kind])
    response["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


def sheet_of(rows: Iterable[Sequence[object]]) -> str:
    """CSV of these rows; no cell begins like a formula (CWE-1236), None is empty."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return out.getvalue()


def _taken(question: Asked, answered: Answered, name: str) -> None:
    consult(question.user, f"Export {name}", question.scope, answered.computation)
    AuditEvent.objects.create(
        by=question.user,
        verb="export_numbers",
        detail={"what": name, "on": question.scope.key, "cases": len(question.scope.cases)},
    )


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def _tabs() -> list[tuple[str, str]]:
    names = get_resolver().reverse_dict
    return [(name, title) for name, title in TABS if name in names]


def _with(request: HttpRequest, **values: str) -> str:
    query = request.GET.copy()
    for name in ("part", "format"):
        query.pop(name, None)
    for name, value in values.items():
        query[name] = value
    return query.urlencode()
