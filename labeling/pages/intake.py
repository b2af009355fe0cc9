"""The intake page: what came in, and what became of each series."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from labeling.intake.batches import visible_batches
from labeling.models import Case, IntakeBatch, Outcome, Series
from labeling.pages.person import person
from labeling.reading.roles import may_import

BATCHES_SHOWN = 25
SERIES_SHOWN_PER_BATCH = 200

FILTERS = {
    "all": ("All", Q()),
    "running": ("Running", Q(state__in=["receiving", "queued", "running"])),
    "refused": ("With refusals", Q(series__outcome=Outcome.REFUSED) | Q(state="failed")),
}
_CHIPS = {
    Outcome.READING: ("chip-accent", "check"),
    Outcome.DERIVED: ("chip-accent", "check"),
    Outcome.MASK: ("chip-accent", "check"),
    Outcome.KEPT: ("", ""),
    Outcome.LEFT_OUT: ("", ""),
    Outcome.SEEN_BEFORE: ("", ""),
    Outcome.REFUSED: ("chip-bad", "x"),
}


@dataclass(frozen=True)
class SeriesRow:
    """One series as the table draws it."""

    series: Series
    chip: str
    icon: str

    @classmethod
    def of(cls, series: Series) -> "SeriesRow":
        return cls(series, *_CHIPS[Outcome(series.outcome)])

    @property
    def title(self) -> str:
        orientation = self.series.get_orientation_display() if self.series.orientation else ""
        words = [word for word in self.series.words.split() if word != self.series.orientation]
        what = " ".join(filter(None, [orientation, *words])) or self.series.modality or "File"
        if self.series.outcome == Outcome.MASK:
            what = "Vertebra mask"
        what = what[:1].upper() + what[1:]
        return f"{self.series.number} {what}" if self.series.number is not None else what

    @property
    def geometry(self) -> str:
        if not self.series.spacing:
            return "–"
        return " × ".join(f"{value:.2f}".rstrip("0").rstrip(".") for value in self.series.spacing) + " mm"

    @property
    def lead(self) -> str:
        """The first sentence of a refusal stands out; the rest says what to do."""
        return self.series.why.split(". ", 1)[0].rstrip(".") + "." if self.series.outcome == Outcome.REFUSED else ""

    @property
    def rest(self) -> str:
        if self.series.outcome != Outcome.REFUSED:
            return self.series.why
        _, _, rest = self.series.why.partition(". ")
        return rest


@dataclass
class CaseGroup:
    case: Case | None
    rows: list[SeriesRow] = field(default_factory=list)


@dataclass(frozen=True)
class BatchRow:
    batch: IntakeBatch
    groups: list[CaseGroup]
    hidden: int

    @property
    def active(self) -> bool:
        return self.batch.state in ("receiving", "queued", "running")


def _groups(series: Iterable[Series]) -> list[CaseGroup]:
    ordered = sorted(series, key=lambda row: (row.case_id is not None, row.case_id or 0, row.pk))
    groups = []
    for _, members in groupby(ordered, key=lambda row: row.case_id):
        rows = list(members)
        groups.append(CaseGroup(rows[0].case, [SeriesRow.of(row) for row in rows]))
    return groups


def _batch_rows(user: User, chosen: str) -> list[BatchRow]:
    condition = FILTERS.get(chosen, FILTERS["all"])[1]
    rows = []
    for batch in visible_batches(user).filter(condition).distinct()[:BATCHES_SHOWN]:
        series = list(batch.series.all())
        shown = series[:SERIES_SHOWN_PER_BATCH]
        rows.append(BatchRow(batch, _groups(shown), len(series) - len(shown)))
    return rows


def _context(request: HttpRequest) -> dict[str, object]:
    if not may_import(person(request)):
        raise PermissionDenied
    chosen = request.GET.get("show", "all")
    user = person(request)
    rows = _batch_rows(user, chosen)
    counts = Series.objects.filter(batch__in=visible_batches(user).order_by()).aggregate(
        accepted=Count("pk", filter=Q(outcome__in=["reading", "derived", "kept", "mask"])),
        refused=Count("pk", filter=Q(outcome=Outcome.REFUSED)),
        seen_before=Count("pk", filter=Q(outcome=Outcome.SEEN_BEFORE)),
    )
    return {
        "rows": rows,
        "active": any(row.active for row in rows),
        "filters": [(name, title) for name, (title, _) in FILTERS.items()],
        "chosen": chosen if chosen in FILTERS else "all",
        "counts": counts,
    }


@require_GET
def intake_page(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/intake.html", _context(request))


@require_GET
def batches_partial(request: HttpRequest) -> HttpResponse:
    """The table alone, fetched again while something is running."""
    return render(request, "pages/_batches.html", _context(request))
