"""Write it up: the numbers of a set of cases as a report to read here and to take along as PDF."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import get_resolver, reverse
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from labeling.analysis.written.asking import TABLE_ONE, Answers, ask_all
from labeling.analysis.written.contents import written_of
from labeling.analysis.written.pieces import Address, Block, Cell, Figure, Section, Table, Text, Written
from labeling.analysis.written.typeset import pdf_of
from labeling.pages.numbers_frame import asked, file_of, numbers_page

TEMPLATE, TAB = "numbers/written.html", "numbers-written"
#: The address of the reviewer's bundle.
BUNDLE = "numbers-bundle"
NOT_YET = "The report is still being computed. Take the PDF when it is there."


@dataclass(frozen=True)
class CellShown:
    text: str
    sub: str
    url: str
    heat: str


@dataclass(frozen=True)
class BlockShown:
    """A block with the addresses behind its numbers; `groups` of a table are a title and the rows below it."""

    kind: str
    block: Block
    url: str
    groups: tuple[tuple[str, tuple[tuple[CellShown, ...], ...]], ...] = ()
    drawing: str = ""


@require_GET
@never_cache
def written_page(request: HttpRequest) -> HttpResponse:
    """The report of the cases `on`; `reader` is whose curves stand in it; with `format` = pdf the file."""
    question = asked(request)
    answers = ask_all(question.user, question.scope, question.reader)
    # A report is of one state of the data: it is there when all of its numbers are.
    waiting = answers.waiting
    main = replace(waiting[0], computation=None) if waiting else answers.by_key[TABLE_ONE]
    wanted = request.GET.get("format") == "pdf"
    written = None if waiting else written_of(question.user, answers)
    if wanted and written is not None:
        name = f"report-{question.scope.key}-{written.data_version[:8]}"
        return file_of(question, main, name, pdf_of(written), "pdf")
    if wanted:
        question = replace(question, note=NOT_YET)
    context = {
        "written": written,
        "sections": sections_of(written) if written is not None else [],
        "pdf_url": f"?{urlencode({'on': question.scope.key, 'reader': answers.reader, 'format': 'pdf'})}",
        "bundle_url": _bundle_url(answers),
    }
    what = "Report with all numbers, page"
    return numbers_page(request, TEMPLATE, question, main, tab=TAB, what=what, context=context)


def sections_of(written: Written) -> list[tuple[Section, list[BlockShown]]]:
    """The sections with every number's address."""
    return [(section, [_block(block) for block in section.blocks]) for section in written.sections]


def _block(block: Block) -> BlockShown:
    url = _url(block.to)
    if isinstance(block, Text):
        return BlockShown("text", block, url)
    if isinstance(block, Figure):
        # Drawn by our own code, which escapes every word in it.
        return BlockShown("figure", block, url, drawing=mark_safe(block.svg))
    return BlockShown("table", block, url, groups=_groups(block, url))


def _groups(table: Table, url: str) -> tuple[tuple[str, tuple[tuple[CellShown, ...], ...]], ...]:
    groups: list[tuple[str, list[tuple[CellShown, ...]]]] = [("", [])]
    for row in table.rows:
        if len(row) == 1 < len(table.head):
            groups.append((row[0].text, []))
        else:
            first, *others = row
            groups[-1][1].append((_cell(first, ""), *(_cell(cell, "" if table.words else url) for cell in others)))
    return tuple((title, tuple(rows)) for title, rows in groups if rows or title)


def _cell(cell: Cell, url: str) -> CellShown:
    """Numbers open what they are of; a dash opens nothing."""
    numeric = any(letter.isdigit() for letter in cell.text)
    own = _url(cell.to) or (url if numeric else "")
    return CellShown(cell.text, cell.sub, own, cell.heat)


def _url(address: Address | None) -> str:
    if address is None or address.name not in get_resolver().reverse_dict:
        return ""
    query = f"?{urlencode(address.query)}" if address.query else ""
    return reverse(address.name, args=address.args) + query


def _bundle_url(answers: Answers) -> str:
    """The reviewer's bundle of these cases, '' where there is no such address."""
    to = Address(BUNDLE, (("on", answers.scope.key),))
    return _url(to)
