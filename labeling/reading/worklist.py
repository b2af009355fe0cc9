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

from labeling.models import (
    AnatomyVertebra,
    Assignment,
    AssignmentState,
    Finding,
    LabelOperation,
    Read,
    Reader,
    RoundKind,
    RoundState,
)
from labeling.reading.activity import active_of_cases, pace_ms
from labeling.reading.owing import put_away
from labeling.reading.planning.claims import return_lapsed
from labeling.reading.roles import may_read
from labeling.reading.rounds import anatomies_to_read, free_assignments, has_vertebrae, ready, waits

__all__ = [
    "PAGE_SIZE",
    "TABS",
    "Resume",
    "VertebraCell",
    "WorklistPage",
    "WorklistRow",
    "next_assignment",
    "next_case",
    "own_next",
    "worklist",
]

TABS = ("mine", "to_read", "draft", "locked", "skipped", "unclear")
PAGE_SIZE = 50

#: A reader's own cases in their drawn order, then the pool in the order it was filled.
_OWN_FIRST = (F("reader").asc(nulls_last=True), "round", "position", "pk")

_WORDS = {"to_read": "to read", "draft": "draft", "locked": "locked"}

#: Of a read that its reader is to make once more, without remembering.
_AGAIN = "closed until you have read it once more"


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

    assignment: int
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
    if not counts["to_read"] and return_lapsed():
        counts = _counts(tabs)
    found = _searched(tabs[tab], search.strip())
    total = counts[tab] if not search.strip() else found.count()
    pages = max(1, -(-total // PAGE_SIZE))
    page = min(max(1, page), pages)
    rows = _rows(found, user, page) if total else ()
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
        resume=_resume(user, reader),
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
    # A consensus is sat over by a panel and has a list of its own.
    mine = mine.exclude(round__kind=RoundKind.CONSENSUS)
    skipped = Q(state=AssignmentState.SKIPPED)
    reads = Read.objects.filter(round=OuterRef("round"), case=OuterRef("case"), reader=reader)
    draft = reads.filter(state="draft")
    unclear = Finding.objects.filter(
        read__round=OuterRef("round"),
        read__case=OuterRef("case"),
        read__reader=reader,
        read__successor__isnull=True,
        unclear=True,
    ).exclude(read__in=put_away(user))
    locked = reads.filter(state="locked")
    return {
        "mine": mine,
        "to_read": Assignment.objects.filter(Q(pk__in=_waiting(reader).values("pk")) | Q(pk__in=pool.values("pk"))),
        "draft": mine.filter(Exists(draft), ~skipped),
        "locked": mine.filter(Exists(locked), ~Exists(draft)),
        # With a draft too: what was said so far stays, but the case is passed by.
        "skipped": mine.filter(skipped, Exists(draft) | ~Exists(reads)),
        "unclear": mine.filter(Exists(unclear)),
    }


def _waiting(reader: Reader) -> QuerySet[Assignment]:
    """What this reader has not begun and did not skip, in open rounds."""
    reads = Read.objects.filter(round=OuterRef("round"), case=OuterRef("case"), reader=reader)
    own = Assignment.objects.filter(~Exists(reads), reader=reader, state=AssignmentState.OPEN)
    return own.filter(round__state=RoundState.OPEN).exclude(round__kind=RoundKind.CONSENSUS)


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


def _rows(found: QuerySet[Assignment], user: User, page: int) -> tuple[WorklistRow, ...]:
    own = Read.objects.filter(round=OuterRef("round"), case=OuterRef("case"), reader__user=user.pk)
    newest_read = own.order_by("-version")
    closed = put_away(user)
    open_read = newest_read.exclude(pk__in=closed.values("pk"))
    anatomy_to_read = anatomies_to_read(OuterRef("case"), OuterRef("case__reading_stack"))
    start = (page - 1) * PAGE_SIZE
    # The page first, by keys alone: joined and annotated, PostgreSQL would do the work for every row before it sorts.
    keys = list(found.order_by(*_OWN_FIRST).values_list("pk", flat=True)[start : start + PAGE_SIZE])
    assignments = list(
        Assignment.objects.filter(pk__in=keys)
        .select_related("case__patient", "round")
        .annotate(
            own_closed=Exists(own.filter(pk__in=closed.values("pk"))),
            own_read=Subquery(open_read.values("pk")[:1]),
            own_state=Subquery(newest_read.values("state")[:1]),
            own_version=Subquery(open_read.values("version")[:1]),
            own_active=Coalesce(active_of_cases(user), Value(0)),
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
    hindrance = _AGAIN if _own(assignment, "closed") else "" if state == "locked" else _hindrance(assignment, cells)
    case = assignment.case
    return WorklistRow(
        assignment=assignment.pk,
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
        active_ms=0 if _own(assignment, "closed") else _own(assignment, "active"),
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
    sentence = waits(assignment).removesuffix(".")
    return sentence[:1].lower() + sentence[1:]


def _levels(cells: tuple[VertebraCell, ...]) -> str:
    """The levels in view, as 'T9–L5'; a number of vertebrae where none has a name."""
    named = [cell.level for cell in cells if cell.level]
    if not named:
        return f"{len(cells)} vertebrae" if cells else ""
    return named[0] if len(named) == 1 else f"{named[0]}–{named[-1]}"


def next_case(user: User, *, without: int | None = None) -> int | None:
    """The case of `next_assignment`."""
    assignment = next_assignment(user, without=without)
    return None if assignment is None else assignment.case_id


def next_assignment(user: User, *, without: int | None = None) -> Assignment | None:
    """What to read next: the draft last written to, else the first own or pooled case that can be read now.

    Never one that was skipped, nor the case `without`, which is being read. Asking takes nothing from a pool.
    """
    return own_next(user, without=without) or _first_ready(free_assignments(user), without)


def own_next(user: User, *, without: int | None = None) -> Assignment | None:
    """As `next_assignment`, of what is this person's already."""
    reader = Reader.objects.filter(user=user.pk).first() if may_read(user) else None
    if reader is None:
        return None
    draft = _last_draft(reader, without)
    if draft is not None:
        return Assignment.objects.select_related("round").get(round=draft.round_id, case=draft.case_id, reader=reader)
    return _first_ready(_waiting(reader), without)


def _first_ready(assignments: QuerySet[Assignment], without: int | None) -> Assignment | None:
    readable = assignments.filter(ready(), has_vertebrae()).exclude(case=without)
    return readable.select_related("round").order_by(*_OWN_FIRST).first()


def _resume(user: User, reader: Reader | None) -> Resume | None:
    draft = _last_draft(reader)
    if draft is None:
        return None
    assigned = Assignment.objects.filter(reader=reader, round=draft.round_id, case=draft.case_id)
    row = next(iter(_rows(assigned, user, 1)), None)
    return None if row is None else Resume(draft.case_id, draft.case.name, draft.pk, row)


def _last_draft(reader: Reader | None, without: int | None = None) -> Read | None:
    """The draft last written to, among those that can be written to: not skipped, nor handed over."""
    if reader is None:
        return None
    last = LabelOperation.objects.filter(read=OuterRef("pk")).order_by("-seq").values("at")[:1]
    held = Assignment.objects.filter(
        round=OuterRef("round"), case=OuterRef("case"), reader=reader, state=AssignmentState.OPEN
    )
    return (
        Read.objects.filter(Exists(held), reader=reader, state="draft", round__state=RoundState.OPEN)
        .exclude(case=without)
        .select_related("case__patient")
        .order_by(Coalesce(Subquery(last), F("created_at")).desc(), "-pk")
        .first()
    )
