"""The gallery: misses, false alarms and finds as pictures that open the reading room at their slice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_GET

from labeling.analysis.answers import Answered, Question
from labeling.analysis.behind import Asking, Behind, behind
from labeling.analysis.gallery import KINDS, Tile, asking_of, crop_of, tiles
from labeling.analysis.gallery_masks import corrected, masks_figure
from labeling.analysis.ledger import consult
from labeling.analysis.scope import scope_of
from labeling.analysis.versions import data_version
from labeling.imaging.body_crops import SIZE_MM
from labeling.imaging.refusal import Refusal
from labeling.pages.numbers_cases import Shown, shown
from labeling.pages.numbers_frame import Asked, asked, figure_of, may_or_refuse, numbers_page
from labeling.pages.places import room_at
from labeling.statistics.gallery_drawing import Panel, gallery_figure
from labeling.statistics.raster import raster

PAGE_SIZE = 24
TEMPLATE, TAB = "numbers/gallery.html", "numbers-gallery"
#: The kind of picture that is no number: segmentations that a person corrected.
MASKS = "masks"
TYPES = ("A1", "A2", "A3", "A4", "B", "C", "no type")


@dataclass(frozen=True)
class Picture:
    """A tile as it is drawn: addresses, and what both say as marks."""

    tile: Tile
    image: str
    look: str
    reader: Shown
    against: Shown


@require_GET
@never_cache
def gallery_page(request: HttpRequest) -> HttpResponse:
    """What is shown of single cases is known from now on: pictures and their exposures are one transaction."""
    question = asked(request)
    kind = request.GET.get("show", "fn")
    if kind == MASKS:
        return _masks_page(request, question)
    kind = kind if kind in KINDS else "fn"
    asking = asking_of(kind, _asking(request, question))
    context: dict[str, Any] = {"kind": kind, "asking": asking, "types": TYPES, "found": None}
    with transaction.atomic():
        try:
            found = behind(question.user, question.scope, asking) if asking.reader else None
        except Refusal as refusal:
            found, question = None, replace(question, note=refusal.sentence)
        if found is None:
            return numbers_page(request, TEMPLATE, question, None, tab=TAB, what="", context=context)
        wanted = request.GET.get("format", "")
        if wanted not in ("svg", "png"):
            consult(question.user, f"Gallery: {found.sentence}", question.scope)
        page = Paginator(range(found.count), PAGE_SIZE).get_page(request.GET.get("page"))
        first = page.start_index() - 1 if found.count else 0
        shown_now = tiles(question.user, question.scope, found, first, first + PAGE_SIZE)
        if wanted in ("svg", "png"):
            return _figure(question, found, shown_now, wanted)
    kept = _kept(question, asking)
    context |= {
        "found": found,
        "page": page,
        "pictures": [_picture(question, tile) for tile in shown_now],
        "kinds": _kinds(kept),
        "files": [
            (
                kind_of_file.upper(),
                "?" + urlencode([*kept, ("show", kind), ("page", page.number), ("format", kind_of_file)]),
            )
            for kind_of_file in ("svg", "png")
        ],
        "page_url": "?" + urlencode([*kept, ("show", kind)]),
        "list_url": _list_url(question, asking),
        "labels": _labels(question, asking),
        "levels": _levels(found),
    }
    return numbers_page(request, TEMPLATE, question, None, tab=TAB, what="", context=context)


def _masks_page(request: HttpRequest, question: Asked) -> HttpResponse:
    """Cases whose segmentation was corrected: no reader says anything here, so nobody's read is shown."""
    found = corrected(question.scope)
    page = Paginator(found, PAGE_SIZE // 4).get_page(request.GET.get("page"))
    kept = _kept(question, _asking(request, question))
    context = {
        "kind": MASKS,
        "asking": _asking(request, question),
        "corrected": page.object_list,
        "count": len(found),
        "page": page,
        "kinds": _kinds(kept),
        "page_url": "?" + urlencode([*kept, ("show", MASKS)]),
    }
    if found:
        consult(question.user, "Gallery: segmentation before and after", question.scope)
    return numbers_page(request, TEMPLATE, question, None, tab=TAB, what="", context=context)


def _kinds(kept: list[tuple[str, str]]) -> list[tuple[str, str, str]]:
    kinds = {**KINDS, MASKS: "Segmentation"}
    return [(key, title, "?" + urlencode([*kept, ("show", key)])) for key, title in kinds.items()]


@require_GET
@cache_control(private=True, max_age=3600)
def crop(request: HttpRequest, scope_key: str, body_id: int, k: int) -> HttpResponse:
    """The picture of one body in one slice, for who may see numbers of these cases."""
    user = may_or_refuse(request)
    try:
        scope = scope_of(user, scope_key)
        content = crop_of(scope, body_id, k)
    except Refusal as refusal:
        if refusal.code == "damaged-frame":
            return HttpResponse(refusal.sentence, status=500, content_type="text/plain; charset=utf-8")
        raise Http404(refusal.sentence) from None
    return HttpResponse(content, content_type="image/png")


def _figure(question: Asked, found: Behind, shown_now: list[Tile], kind: str) -> HttpResponse:
    """The pictures of a page as a figure to take along."""
    version = data_version(question.user, question.scope.cases)
    answered = Answered(question.scope, Question("cases", question.scope.key), version, None, current=True)
    labels = _labels(question, found.asking)
    panels = [_panel(question, tile, labels) for tile in shown_now]
    words = f"{found.sentence}: {len(panels)} of {found.count}."
    svg = gallery_figure("gallery", found.sentence, words, panels, SIZE_MM[0])
    return figure_of(question, answered, "gallery", svg, kind)


def _panel(question: Asked, tile: Tile, labels: list[str]) -> Panel:
    row = tile.row
    said = [(labels[1], shown(row.against)), (labels[0], shown(row.reader))]
    lines = [f"{label}: {one.words}{' ' + one.score if one.score else ''}" for label, one in said]
    lines += [word for word in (tile.reason, "Simulated CT" if tile.simulated else "") if word]
    picture = None
    if tile.body is not None and tile.k is not None:
        picture = crop_of(question.scope, tile.body, tile.k)
    return Panel(picture, f"{row.level or 'Level unknown'}, {row.case_name}", tuple(lines))


def _labels(question: Asked, asking: Asking) -> list[str]:
    return [column.label if column else "" for column in map(question.column, (asking.reader, asking.against))]


@require_GET
@cache_control(private=True, max_age=600)
def masks(request: HttpRequest, scope_key: str, anatomy_id: int) -> HttpResponse:
    """A corrected segmentation before and after as SVG; `format=png` for a slide."""
    user = may_or_refuse(request)
    try:
        svg = masks_figure(scope_of(user, scope_key), anatomy_id)
    except Refusal as refusal:
        if refusal.code == "damaged-frame":
            return HttpResponse(refusal.sentence, status=500, content_type="text/plain; charset=utf-8")
        raise Http404(refusal.sentence) from None
    if request.GET.get("format") == "png":
        return HttpResponse(raster(svg), content_type="image/png")
    return HttpResponse(svg, content_type="image/svg+xml")


def _asking(request: HttpRequest, question: Asked) -> Asking:
    narrowed = {name: request.GET.get(name, "") for name in ("level", "ao")}
    unit = "slice" if question.unit == "slice" else "vertebra"
    return Asking(reader=question.reader, against=question.against, unit=unit, **narrowed)


def _kept(question: Asked, asking: Asking) -> list[tuple[str, str]]:
    kept = [("on", question.scope.key), ("reader", asking.reader), ("against", asking.against), ("unit", asking.unit)]
    return [*kept, *((name, getattr(asking, name)) for name in ("level", "ao") if getattr(asking, name))]


def _list_url(question: Asked, asking: Asking) -> str:
    narrowed = [(name, getattr(asking, name)) for name in ("reader_ao", "against_ao") if getattr(asking, name)]
    kept = [*_kept(question, asking), ("cell", asking.cell), *narrowed]
    return f"{reverse('numbers-cases')}?{urlencode(kept)}"


def _levels(found: Behind) -> list[str]:
    """The levels of these cases from head to feet."""
    places = found.units.vertebra[found.units.vertebra >= 0]
    levels = {str(level) for level in found.gathered.level[places] if level}
    return sorted(levels, key=lambda level: ("CTL".find(level[:1]), int(level[1:])))


def _picture(question: Asked, tile: Tile) -> Picture:
    row = tile.row
    image, look = "", ""
    if tile.body is not None and tile.k is not None:
        image = reverse("numbers-crop", args=[question.scope.key, tile.body, tile.k])
    if row.read is not None and row.vertebra is not None:
        look = room_at(row.read, row.vertebra, row.k)
    return Picture(tile, image, look or reverse("case", args=[row.case]), shown(row.reader), shown(row.against))
