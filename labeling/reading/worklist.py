"""The worklist of one reader: what is theirs, what lies in the pool, and how far each vertebra is.

The number of queries does not grow with the list: rows first, then what belongs to the rows of one page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import BigIntegerField, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models import (
    Case as If,
)
from django.db.models.functions import Coalesce, Concat
from django.utils import timezone

from labeling.models import (
    Anatomy,
    AnatomyVertebra,
    Assignment,
    AssignmentState,
    Finding,
    LabelOperation,
    Read,
    Reader,
    RoundState,
)
from labeling.reading.activity import active_of_cases, pace_ms
from labeling.reading.roles import may_read
from labeling.reading.rounds import anatomies_to_read, free_assignments

__all__ = ["PAGE_SIZE", "TABS", "Resume", "VertebraCell", "WorklistPage", "WorklistRow", "next_case", "worklist"]

TABS = ("mine", "to_read", "draft", "locked", "skipped", "unclear")
PAGE_SIZE = 50

#: A reader's own cases in their drawn order, then the pool in the order it was filled.
_OWN_FIRST = (F("reader").asc(nulls_last=True), "round", "position", "pk")

_WORDS = {"to_read": "to read", "draft": "draft", "locked": "locked"}


@dataclass(frozen=True)
class VertebraCell:
    """One vertebra of a row: `state` is a verdict, `open` without one, or `cut` where the image cuts it."""

    id: int
    level: str
    state: str
    ao_body: str | None
    unclear: bool


@dataclass(frozen=True)
class WorklistRow:
    """One case of one round. `state` is to_read, draft, locked or skipped; `state_word` says it to people, with the
    reason where it cannot be read now. `read` and `version` are of the newest own read; `active_ms` is own time on all
    versions; `pooled` where nobody has claimed it."""

    case: int
    name: str
    sex: str
    age: str
    round: str
    levels: str
    vertebrae: tuple[VertebraCell, ...]
    state: str
    state_word: str
    readable: bool
    pooled: bool
    position: int
    read: int | None
    version: int | None
    active_ms: int
    skip_reason: str


@dataclass(frozen=True)
class Resume:
    """Where the reader stopped: the draft they last wrote to."""

    case: int
    name: str
    read: int
    row: WorklistRow


@dataclass(frozen=True)
class WorklistPage:
    """One page of a tab, with the counts of all tabs.

    `pace_ms` is the median time of the own last reads, `left_ms` what the open cases take at that pace. Of `of` cases
    `done` are locked; what is skipped is in neither.
    """

    tab: str
    search: str
    page: int
    pages: int
    total: int
    counts: dict[str, int]
    rows: tuple[WorklistRow, ...]
    resume: Resume | None
    pace_ms: int | None = None
    left_ms: int | None = None
    done: int = 0
    of: int = 0


def worklist(user: User, *, tab: str = "to_read", search: str = "", page: int = 1) -> WorklistPage:
    """One page of a person's worklist.

    `search` is part of a case's name. A page beyond the last is the last. Own cases come before those of the pool.

    Raises
    ------
    ValueError
        where there is no such tab.
    """
    if tab not in TABS:
        raise ValueError(f"There is no tab called {tab}. Tabs are {', '.join(TABS)}.")
    reader = Reader.objects.filter(user=user.pk).first() if may_read(user) else None
    if not may_read(user):
        return WorklistPage(tab, search, 1, 1, 0, dict.fromkeys(TABS, 0), (), None)
    tabs = _tabs(user, reader)
    counts = _counts(tabs)
    found = _searched(tabs[tab], search.strip())
    total = counts[tab] if not search.strip() else found.count()
    pages = max(1, -(-total // PAGE_SIZE))
    page = min(max(1, page), pages)
    rows = _rows(found, reader, page) if total else ()
    pace = None if reader is None else pace_ms(reader)
    still = counts["to_read"] + counts["draft"]
    return WorklistPage(
        tab=tab,
        search=search,
        page=page,
        pages=pages,
        total=total,
        counts=counts,
        rows=rows,
        resume=_resume(reader),
        pace_ms=pace,
        left_ms=None if pace is None else pace * still,
        done=counts["locked"],
        of=counts["locked"] + still,
    )


def _tabs(user: User, reader: Reader | None) -> dict[str, QuerySet[Assignment]]:
    """The assignments of each tab. Each is a condition of its own, so that PostgreSQL can count it by a join."""
    pool = free_assignments(user)
    if reader is None:
        nothing = Assignment.objects.none()
        return {**dict.fromkeys(TABS, nothing), "to_read": pool}
    mine = Assignment.objects.filter(reader=reader).exclude(round__state=RoundState.PLANNED)
    skipped = Q(state=AssignmentState.SKIPPED)
    reads = Read.objects.filter(round=OuterRef("round"), case=OuterRef("case"), reader=reader)
    draft = reads.filter(state="draft")
    unclear = Finding.objects.filter(
        read__round=OuterRef("round"),
        read__case=OuterRef("case"),
        read__reader=reader,
        read__successor__isnull=True,
        unclear=True,
    )
    locked = reads.filter(state="locked")
    waiting = mine.filter(~Exists(reads), ~skipped, round__state=RoundState.OPEN)
    return {
        "mine": mine,
        "to_read": Assignment.objects.filter(Q(pk__in=waiting.values("pk")) | Q(pk__in=pool.values("pk"))),
        "draft": mine.filter(Exists(draft), ~skipped),
        "locked": mine.filter(Exists(locked), ~Exists(draft)),
        # With a draft too: what was said so far stays, but the case is passed by.
        "skipped": mine.filter(skipped, Exists(draft) | ~Exists(reads)),
        "unclear": mine.filter(Exists(unclear)),
    }


def _counts(tabs: dict[str, QuerySet[Assignment]]) -> dict[str, int]:
    """The number of rows of each tab, in one query; a tab without rows has no row in its answer."""
    first, *others = (
        assignments.order_by().annotate(tab=Value(name)).values("tab").annotate(n=Count("pk")).values_list("tab", "n")
        for name, assignments in tabs.items()
    )
    return {**dict.fromkeys(TABS, 0), **dict(first.union(*others, all=True))}


def _searched(assignments: QuerySet[Assignment], search: str) -> QuerySet[Assignment]:
    if not search:
        return assignments
    pseudonym = F("case__patient__pseudonym")
    named = assignments.annotate(
        case_name=If(
            When(case__number=1, then=pseudonym),
            default=Concat(pseudonym, Value("-"), F("case__number"), output_field=CharField()),
            output_field=CharField(),
        )
    )
    return named.filter(case_name__icontains=search)


def _rows(found: QuerySet[Assignment], reader: Reader | None, page: int) -> tuple[WorklistRow, ...]:
    newest_read = Read.objects.filter(round=OuterRef("round"), case=OuterRef("case"), reader=reader).order_by(
        "-version"
    )
    anatomy_to_read = anatomies_to_read(OuterRef("case"), OuterRef("case__reading_stack"))
    start = (page - 1) * PAGE_SIZE
    # The page first, by keys alone: joined and annotated, PostgreSQL would do the work for every row before it sorts.
    keys = list(found.order_by(*_OWN_FIRST).values_list("pk", flat=True)[start : start + PAGE_SIZE])
    assignments = list(
        Assignment.objects.filter(pk__in=keys)
        .select_related("case__patient", "round")
        .annotate(
            own_read=Subquery(newest_read.values("pk")[:1]),
            own_state=Subquery(newest_read.values("state")[:1]),
            own_version=Subquery(newest_read.values("version")[:1]),
            own_active=Value(0) if reader is None else Coalesce(active_of_cases(reader), Value(0)),
            own_anatomy=Coalesce(
                Subquery(newest_read.values("anatomy")[:1]),
                Subquery(anatomy_to_read.values("pk")[:1]),
                output_field=BigIntegerField(),
            ),
        )
        .order_by(*_OWN_FIRST)
    )
    cells = _cells(assignments)
    return tuple(_row(assignment, cells.get(assignment.pk, ())) for assignment in assignments)


def _cells(assignments: Iterable[Assignment]) -> dict[int, tuple[VertebraCell, ...]]:
    """The vertebrae of each assignment, cranial first, with what the own read says of them."""
    pins = {row.pk: (_own(row, "read"), _own(row, "anatomy")) for row in assignments}
    bodies: dict[int, list[AnatomyVertebra]] = {}
    for body in AnatomyVertebra.objects.filter(anatomy__in={anatomy for _, anatomy in pins.values()}):
        bodies.setdefault(body.anatomy_id, []).append(body)
    said = {
        (finding.read_id, finding.vertebra_id): finding
        for finding in Finding.objects.filter(read__in={read for read, _ in pins.values() if read is not None})
    }
    return {
        key: tuple(_cell(body, said.get((read, body.vertebra_id))) for body in bodies.get(anatomy, []))
        for key, (read, anatomy) in pins.items()
    }


def _own(assignment: Assignment, what: str) -> Any:
    """A column that `_rows` annotated: read, state, version, anatomy or active time of the reader's own."""
    return vars(assignment)[f"own_{what}"]


def _cell(body: AnatomyVertebra, finding: Finding | None) -> VertebraCell:
    verdict = finding.verdict if finding is not None else None
    return VertebraCell(
        id=body.vertebra_id,
        level=body.level,
        state=verdict or ("cut" if body.cut else "open"),
        ao_body=finding.ao_body if finding is not None else None,
        unclear=finding.unclear if finding is not None else False,
    )


def _row(assignment: Assignment, cells: tuple[VertebraCell, ...]) -> WorklistRow:
    state = _own(assignment, "state") or "to_read"
    if assignment.state == AssignmentState.SKIPPED and state != "locked":
        state = "skipped"
    hindrance = "" if state == "locked" else _hindrance(assignment, cells)
    case = assignment.case
    return WorklistRow(
        case=case.pk,
        name=case.name,
        sex=case.patient.sex,
        age=case.age_shown,
        round=assignment.round.name,
        levels=_levels(cells),
        vertebrae=cells,
        state=state,
        state_word=hindrance or _word(assignment, state),
        readable=not hindrance,
        pooled=assignment.reader_id is None,
        position=assignment.position,
        read=_own(assignment, "read"),
        version=_own(assignment, "version"),
        active_ms=_own(assignment, "active"),
        skip_reason=assignment.skip_reason if state == "skipped" else "",
    )


def _word(assignment: Assignment, state: str) -> str:
    return f"skipped: {assignment.get_skip_reason_display()}" if state == "skipped" else _WORDS[state]


def _hindrance(assignment: Assignment, cells: tuple[VertebraCell, ...]) -> str:
    """Why the case cannot be read now; '' where it can."""
    if not cells:
        return "no vertebrae yet"
    if assignment.round.state != RoundState.OPEN:
        return f"round {assignment.round.state}"
    if assignment.not_before is not None and assignment.not_before > timezone.now():
        return f"from {assignment.not_before:%d %B %Y} on"
    return ""


def _levels(cells: tuple[VertebraCell, ...]) -> str:
    """The levels in view, as 'T9–L5'; a number of vertebrae where none has a name."""
    named = [cell.level for cell in cells if cell.level]
    if not named:
        return f"{len(cells)} vertebrae" if cells else ""
    return named[0] if len(named) == 1 else f"{named[0]}–{named[-1]}"


def next_case(user: User, *, without: int | None = None) -> int | None:
    """The case to read next: the draft last written to, else the first own or pooled case that can be read now.

    Never one that was skipped, nor the case `without`, which is being read.
    """
    reader = Reader.objects.filter(user=user.pk).first() if may_read(user) else None
    if not may_read(user):
        return None
    draft = _last_draft(reader, without)
    if draft is not None:
        return draft.case_id
    ready = Anatomy.objects.filter(
        case=OuterRef("case"), stack=OuterRef("case__reading_stack"), vertebrae__isnull=False
    )
    return (
        _tabs(user, reader)["to_read"]
        .filter(Exists(ready))
        .filter(Q(not_before__isnull=True) | Q(not_before__lte=timezone.now()))
        .exclude(case=without)
        .order_by(*_OWN_FIRST)
        .values_list("case", flat=True)
        .first()
    )


def _resume(reader: Reader | None) -> Resume | None:
    draft = _last_draft(reader)
    if draft is None:
        return None
    assigned = Assignment.objects.filter(reader=reader, round=draft.round_id, case=draft.case_id)
    row = next(iter(_rows(assigned, reader, 1)), None)
    return None if row is None else Resume(draft.case_id, draft.case.name, draft.pk, row)


def _last_draft(reader: Reader | None, without: int | None = None) -> Read | None:
    """The draft last written to, among those that can be written to and were not skipped."""
    if reader is None:
        return None
    last = LabelOperation.objects.filter(read=OuterRef("pk")).order_by("-seq").values("at")[:1]
    skipped = Assignment.objects.filter(
        round=OuterRef("round"), case=OuterRef("case"), reader=reader, state=AssignmentState.SKIPPED
    )
    return (
        Read.objects.filter(~Exists(skipped), reader=reader, state="draft", round__state=RoundState.OPEN)
        .exclude(case=without)
        .select_related("case__patient")
        .order_by(Coalesce(Subquery(last), F("created_at")).desc(), "-pk")
        .first()
    )
