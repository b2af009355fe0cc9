"""The split: what a draw would do, the draw itself, and every draw that was made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labeling.cohort.splitting import SPLITS, SplitPreview, Wanted, draw_split, draws, preview_split
from labeling.imaging.refusal import Refusal
from labeling.models import Split, SplitDraw
from labeling.pages.cohort import split_shown
from labeling.pages.cohort_frame import cohort_page, may_change, may_look

TEMPLATE, TAB = "cohort/split.html", "cohort-split"
USUAL = Wanted()
_NO_SHARE = "A share is 0 or more and less than 100 %. Give a number, such as 10."
_MOST_NAMED = 20


@dataclass(frozen=True)
class PreviewRow:
    """One split before and after the draw, in patients."""

    title: str
    settled: int
    new: int
    after: int
    share: str
    fractured: str


@dataclass(frozen=True)
class DrawRow:
    """A draw that was made."""

    draw: SplitDraw
    test: str
    validation: str
    counts: tuple[int, ...]


@require_http_methods(["GET", "POST"])
@never_cache
def split_page(request: HttpRequest) -> HttpResponse:
    """GET shows what a draw with these shares would do; POST draws."""
    if request.method == "POST":
        return _drawn(request, may_change(request))
    may_look(request)
    try:
        wanted = _wanted(request.GET)
        preview = preview_split(wanted)
    except Refusal as refusal:
        return _shown(request, request.GET, None, refusal.sentence)
    return _shown(request, request.GET, preview, "")


def _drawn(request: HttpRequest, user: User) -> HttpResponse:
    try:
        wanted = _wanted(request.POST)
        waiting = preview_split(wanted).waiting
        if request.POST.get("waiting", "") != str(waiting):
            raise Refusal(
                "changed-meanwhile",
                f"Who waits for a split has changed: {waiting:,} now. Nothing was drawn. Look at what the draw would "
                "do, and draw again.",
            )
        drawn = draw_split(user, wanted)
    except Refusal as refusal:
        if refusal.code == "changed-meanwhile":
            return _shown(request, request.POST, preview_split(wanted), refusal.sentence, status=422)
        return _shown(request, request.POST, None, refusal.sentence, status=422)
    if drawn.draw is None:
        messages.error(request, "Nobody waits for a split. Nothing was drawn.")
    else:
        put = ", ".join(f"{drawn.counts[split]:,} {split.label}" for split in SPLITS)
        messages.success(request, f"{sum(drawn.counts.values()):,} patients were drawn: {put}.")
        if drawn.read_already:
            messages.success(request, _read_already(drawn.read_already))
    return redirect("cohort-split")


def _wanted(asked: QueryDict) -> Wanted:
    """The shares of the form, in percent; the usual ones where there is no form yet."""
    return Wanted(
        test=_share(asked.get("test"), USUAL.test),
        validation=_share(asked.get("validation"), USUAL.validation),
        stratified=asked.get("stratified") == "yes",
    )


def _share(text: str | None, usual: float) -> float:
    if text is None:
        return usual
    try:
        percent = float(text)
    except ValueError:
        raise Refusal("no-share", _NO_SHARE) from None
    if not math.isfinite(percent) or not 0 <= percent < 100:
        raise Refusal("no-share", _NO_SHARE)
    # 10 % is 0.1 to the last digit, as the command line has it.
    return round(percent / 100, 9)


def _shown(
    request: HttpRequest, asked: QueryDict, preview: SplitPreview | None, refused: str, status: int = 200
) -> HttpResponse:
    splits, cases = split_shown()
    context: dict[str, Any] = {
        "test": asked.get("test", f"{100 * USUAL.test:g}")[:12],
        "validation": asked.get("validation", f"{100 * USUAL.validation:g}")[:12],
        "stratified": asked.get("stratified") == "yes",
        "preview": preview,
        "rows": _rows(preview) if preview else [],
        "read_already": _read_already(preview.read_already) if preview and preview.read_already else "",
        "refused": refused,
        "splits": splits,
        "cases": cases,
        "draws": [_draw_row(draw) for draw in draws()],
    }
    return cohort_page(request, TEMPLATE, TAB, context, status)


def _rows(preview: SplitPreview) -> list[PreviewRow]:
    everybody = sum(preview.after.values())
    rows = []
    for split in SPLITS:
        after, fractured = preview.after[split], preview.fractured[split]
        rows.append(
            PreviewRow(
                title=str(Split(split).label).capitalize(),
                settled=preview.settled[split],
                new=preview.new[split],
                after=after,
                share=_percent(after, everybody),
                fractured=f"{fractured:,} ({_percent(fractured, after)})" if after else "–",
            )
        )
    return rows


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _read_already(names: tuple[str, ...]) -> str:
    named = ", ".join(names[:_MOST_NAMED]) + (
        f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    )
    if len(names) == 1:
        return (
            f"The draw puts {named} into the test set, but a case of theirs is read in the labelling round: they train."
        )
    return (
        f"The draw puts {len(names):,} patients into the test set of whom a case is read in the labelling round: "
        f"they train. These are {named}."
    )


def _draw_row(draw: SplitDraw) -> DrawRow:
    counts = tuple(int(draw.counts.get(split.value, 0)) for split in SPLITS)
    return DrawRow(draw, f"{100 * draw.test_share:g} %", f"{100 * draw.validation_share:g} %", counts)
