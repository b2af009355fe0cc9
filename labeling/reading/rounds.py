"""How a case comes to a reader: the open labelling round, its pool, claims, and the draft that a claim begins."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Case as If
from django.db.models import Exists, F, IntegerField, Max, OuterRef, Q, QuerySet, Value, When
from django.db.models.lookups import IsNull
from django.utils import timezone

from labeling.models import (
    Anatomy,
    AnatomyVertebra,
    Assignment,
    AssignmentState,
    Case,
    LabelSchema,
    Read,
    Reader,
    Round,
    RoundKind,
    RoundState,
    SkipReason,
    Split,
)
from labeling.reading import clock
from labeling.reading.planning.claims import return_lapsed, take
from labeling.reading.planning.draws import draw_model_hidden, draw_read_twice
from labeling.reading.refusals import NotReadable
from labeling.reading.roles import AnyUser, may_read, reader_of
from labeling.reading.rules import DEFAULTS
from labeling.reading.visibility import case_for, pooled_assignments, repeats_owed

__all__ = [
    "OPEN_LABELLING_ROUND",
    "NotReadable",
    "anatomies_to_read",
    "begin",
    "claim",
    "enter_open_round",
    "free_assignments",
    "has_vertebrae",
    "newest_anatomy",
    "open_read",
    "owed_or_none",
    "pinned_anatomy",
    "put_into_pool",
    "reading_anatomy",
    "ready",
    "seed_open_labelling_round",
    "take_from_pool",
    "waits",
]

OPEN_LABELLING_ROUND = "Labelling"

_EXPOSED = "You were shown another opinion of this case, so you cannot read it blind."
_NO_VERTEBRAE = "The vertebrae of this case are not known yet. Add a vertebra mask first."
_ONCE_MORE = "You will read this case once more. Until then your earlier read is closed."
_TAKEN = "Another reader has taken this case. Choose another one from the worklist."


def seed_open_labelling_round() -> Round:
    """The open labelling round that every installation begins with, made once."""
    with transaction.atomic():
        schema, _ = LabelSchema.objects.get_or_create(version=1)
        round_, _ = Round.objects.get_or_create(
            name=OPEN_LABELLING_ROUND,
            defaults={
                "kind": RoundKind.LABELLING,
                "rules": DEFAULTS[RoundKind.LABELLING].as_json(),
                "label_schema": schema,
                "state": RoundState.OPEN,
                "started_at": timezone.now(),
            },
        )
    return round_


def enter_open_round(case: Case) -> Assignment | None:
    """Puts a case that can be shown into the pool of the open labelling round, once.

    None where there is no such round, where the case has no stack to read, or where its patient is of the test split:
    test cases are read in blind rounds alone.
    """
    if case.reading_stack_id is None or case.patient.split == Split.TEST:
        return None
    with transaction.atomic():
        round_ = (
            Round.objects.select_for_update(no_key=True)
            .filter(kind=RoundKind.LABELLING, state=RoundState.OPEN)
            .order_by("pk")
            .first()
        )
        if round_ is None:
            return None
        already = Assignment.objects.filter(round=round_, case=case).order_by("pk").first()
        if already is not None:
            return already
        return put_into_pool(round_, case)


def put_into_pool(round_: Round, case: Case) -> Assignment:
    """The case at the end of the pool of a round, with what is drawn for it; what lies there already stays as it is.

    The caller's transaction holds the row of the round.
    """
    pooled = Assignment.objects.filter(round=round_, case=case, reader__isnull=True).first()
    if pooled is not None:
        return pooled
    last = Assignment.objects.filter(round=round_).aggregate(last=Max("position"))["last"]
    return Assignment.objects.create(
        round=round_,
        case=case,
        position=(last or 0) + 1,
        model_hidden=draw_model_hidden(round_, case),
        read_twice=draw_read_twice(round_, case),
    )


def claim(*, reader: Reader, case: Case) -> Assignment:
    """The reader's assignment of this case: the open one they have, else one taken from a pool.

    Two readers who reach for the same case at once do not wait for each other: one has it, the other is told so.

    Raises
    ------
    NotReadable
        where the case is in no pool that is open to this reader.
    """
    if reader.user is None:
        raise NotReadable("Only a person takes a case from the pool.")
    with transaction.atomic():
        # One claim per reader at a time, so that positions count up without doubles.
        Reader.objects.select_for_update(no_key=True).get(pk=reader.pk)
        own = _open_assignments(reader, case).first()
        if own is not None:
            return own
        if repeats_owed(reader.user).filter(case=case).exists():
            raise NotReadable(_ONCE_MORE)
        return_lapsed()
        free = free_assignments(reader.user).filter(case=case).order_by("round", "pk")
        taken = free.select_for_update(skip_locked=True, of=("self",)).first()
        if taken is None:
            raise NotReadable(_TAKEN)
        take_from_pool(taken, reader)
        return taken


def take_from_pool(assignment: Assignment, reader: Reader) -> None:
    """Makes a pooled assignment this reader's, for as long as a claim lasts; where its case was drawn to be read twice,
    it lies in the pool once more, which nobody can tell from a first time.

    The caller's transaction holds the row of the assignment and that of the reader.
    """
    take(assignment, reader)
    if not assignment.read_twice:
        return
    passed_by = Q(state=AssignmentState.SKIPPED, skip_reason=SkipReason.KNOWN)
    read_by = Assignment.objects.filter(round=assignment.round_id, case=assignment.case_id, reader__isnull=False)
    if read_by.exclude(passed_by).count() < 2:
        round_ = Round.objects.select_for_update(no_key=True).get(pk=assignment.round_id)
        put_into_pool(round_, assignment.case)


def free_assignments(user: AnyUser) -> QuerySet[Assignment]:
    """What this person may take from the pools and has no assignment of already: who skipped a case because they know
    it does not find it again in the pool that they left it to."""
    own = Assignment.objects.filter(round=OuterRef("round"), case=OuterRef("case"), reader__user=user.pk)
    return pooled_assignments(user).exclude(Exists(own)).exclude(round__kind=RoundKind.CONSENSUS)


def ready() -> Q:
    """Of assignments: what the wash-out does not hold back now. A repeat is ready by its date alone, since without one
    there is no first read yet that it repeats."""
    over = Q(not_before__lte=clock.now()) | (Q(not_before__isnull=False) & ~Q(washout_override=""))
    return over | (Q(not_before__isnull=True) & ~Q(round__kind=RoundKind.REPEAT))


def waits(assignment: Assignment) -> str:
    """Why the wash-out holds this assignment back now, as a sentence; '' where it does not. The twin of `ready`."""
    on = assignment.not_before
    if on is None:
        first = assignment.round.kind == RoundKind.REPEAT
        return "Available once you have locked your first read of this case." if first else ""
    if assignment.washout_override or on <= clock.now():
        return ""
    day = timezone.localtime(on)
    return f"Available on {day.day} {day:%B %Y}."


def owed_or_none(reader: Reader, case: Case) -> Assignment | None:
    """The assignment of this case that the reader has and has not locked a read for: what can be read now comes before
    what waits, then the oldest."""
    return _open_assignments(reader, case).first()


def _open_assignments(reader: Reader, case: Case) -> QuerySet[Assignment]:
    """Assignments of the case to this reader, in open rounds, that they have not locked a read for; a consensus, which
    is sat over by a panel, is none. What can be read now comes first, then the oldest."""
    now_or_later = If(When(ready(), then=Value(0)), default=Value(1), output_field=IntegerField())
    return (
        Assignment.objects.filter(reader=reader, case=case, round__state=RoundState.OPEN)
        .exclude(round__kind=RoundKind.CONSENSUS)
        .exclude(Exists(_locked_reads()))
        .select_related("round")
        .order_by(now_or_later, "round", "pk")
    )


def _locked_reads() -> QuerySet[Read]:
    """For a query of assignments: the reads that their readers have locked for them."""
    return Read.objects.filter(
        round=OuterRef("round"), case=OuterRef("case"), reader=OuterRef("reader"), state="locked"
    )


def open_read(*, user: User, case_id: int) -> Read:
    """The person's read of this case: their draft, else their locked read, else a new draft on a case they claim.

    A draft that says nothing yet follows the anatomy of its case. A case they had skipped is theirs to read again.

    Raises
    ------
    Case.DoesNotExist
        where the case is not theirs to see.
    NotReadable
        where it cannot be read: no role, no stack, no vertebrae, not before a date, taken by somebody else, or where
        they owe a repeat of it that is not open: no earlier read of theirs is opened then.
    """
    case = case_for(user, case_id)
    if not may_read(user):
        raise NotReadable("Your account looks after cases but does not read them.")
    reader = reader_of(user)
    own = _own_read(reader, case)
    if own is not None:
        return own
    if case.reading_stack_id is None:
        raise NotReadable("This case has no stack to read yet.")
    if reading_anatomy(case) is None:
        raise NotReadable(_NO_VERTEBRAE)
    return _begin(reader, case)


def _own_read(reader: Reader, case: Case) -> Read | None:
    """The draft of an open round, else the newest locked read where nothing more is asked of the reader."""
    reads = Read.objects.filter(reader=reader, case=case, round__isnull=False).select_related("round")
    held = Assignment.objects.filter(round=OuterRef("round"), case=case, reader=reader)
    # A draft whose case was handed over is kept, for its reader to go on with should the case come back to them.
    draft = reads.filter(Exists(held), state="draft", round__state=RoundState.OPEN).order_by("round", "pk").first()
    if draft is not None:
        _skipped_no_more(Assignment.objects.filter(reader=reader, case=case, round=draft.round_id))
        return _following(draft)
    if _open_assignments(reader, case).exists() or _is_to_repeat(reader, case):
        return None
    return reads.filter(state="locked").order_by("-locked_at", "-pk").first()


def _is_to_repeat(reader: Reader, case: Case) -> bool:
    return reader.user is not None and repeats_owed(reader.user).filter(case=case).exists()


def _skipped_no_more(assignments: QuerySet[Assignment]) -> None:
    assignments.filter(state=AssignmentState.SKIPPED).update(
        state=AssignmentState.OPEN, skip_reason=SkipReason.NONE, skip_note=""
    )


def _following(draft: Read) -> Read:
    """A draft without an operation takes the anatomy that is read now; a person's labels are never projected anew.

    A later version has labels before its first operation: those it began with. A reader's own correction is not taken
    from them, and what a round has pinned stays.
    """
    anatomy = reading_anatomy(draft.case)
    own = draft.anatomy.author_id == draft.reader_id
    if anatomy is None or own or _is_pinned(draft.round) or draft.seq > 0 or draft.version > 1:
        return draft
    if draft.anatomy_id == anatomy.pk:
        return draft
    with transaction.atomic():
        # The stack may be another one too, and what was seen of the old one says nothing of the new one.
        moved = Read.objects.filter(pk=draft.pk, seq=0, state="draft").update(anatomy=anatomy, stack=anatomy.stack_id)
        if moved and draft.stack_id != anatomy.stack_id:
            draft.seen.all().delete()
    return Read.objects.select_related("round").get(pk=draft.pk)


def _begin(reader: Reader, case: Case) -> Read:
    try:
        with transaction.atomic():
            assignment = claim(reader=reader, case=case)
            if sentence := waits(assignment):
                raise NotReadable(sentence)
            return begin(assignment, reader)
    except IntegrityError as error:
        if "blind_round_refuses_the_exposed" in str(error):
            raise NotReadable(_EXPOSED) from error
        # The same person opened it in another window at the same moment; that window's draft is the draft.
        draft = Read.objects.filter(reader=reader, case=case, state="draft", round__isnull=False)
        found = draft.select_related("round").order_by("round", "pk").first()
        if found is None:
            raise
        return found


def begin(assignment: Assignment, reader: Reader) -> Read:
    """The draft of an assignment that its reader may read now: a new one, or the one they had of it before.

    Raises
    ------
    NotReadable
        where the vertebrae of the case are not known.
    """
    case = assignment.case
    _skipped_no_more(Assignment.objects.filter(pk=assignment.pk))
    own = Read.objects.filter(round=assignment.round_id, case=case, reader=reader, state="draft")
    draft = own.select_related("round").first()
    if draft is not None:
        return _following(draft)
    anatomy = pinned_anatomy(assignment.round, case, hold=True) or reading_anatomy(case)
    if anatomy is None:
        raise NotReadable(_NO_VERTEBRAE)
    return Read.objects.create(
        round=assignment.round, case=case, reader=reader, stack_id=anatomy.stack_id, anatomy=anatomy
    )


def _is_pinned(round_: Round | None) -> bool:
    return round_ is not None and round_.rules.get("anatomy") == "pinned"


def pinned_anatomy(round_: Round, case: Case, *, hold: bool = False) -> Anatomy | None:
    """What the first reader of a case in a round with a pinned anatomy stood on: all others stand on the same, and so
    does whoever reads the case again in a round that follows.

    `hold` holds the case's row, so that two who begin at once cannot begin on two.
    """
    if not _is_pinned(round_):
        return None
    if hold:
        Case.objects.select_for_update(of=("self",)).get(pk=case.pk)
    rounds = [pk for pk in (round_.pk, round_.follows_id) if pk is not None]
    reads = Read.objects.filter(round__in=rounds, case=case, stack=case.reading_stack)
    first = reads.select_related("anatomy").order_by("pk").first()
    return None if first is None else first.anatomy


def reading_anatomy(case: Case) -> Anatomy | None:
    """The anatomy that a read begun now stands on; see `anatomies_to_read`."""
    return anatomies_to_read(case.pk, case.reading_stack_id).first()


def anatomies_to_read(case: Any, stack: Any) -> QuerySet[Anatomy]:
    """The anatomies of a case on a stack, with the one that is read first: the newest that a person confirmed, as long
    as there is one, else the newest. What a model finds later never takes the place of what a person has checked.

    `case` and `stack` may be references to an outer query.
    """
    has_vertebrae = AnatomyVertebra.objects.filter(anatomy=OuterRef("pk"))
    found = Anatomy.objects.filter(Exists(has_vertebrae), case=case, stack=stack)
    return found.order_by(IsNull(F("confirmed_at"), True), "-n")


def has_vertebrae() -> Exists:
    """For a query of assignments: whether there is anything to read on the stack that is read."""
    return Exists(
        Anatomy.objects.filter(case=OuterRef("case"), stack=OuterRef("case__reading_stack"), vertebrae__isnull=False)
    )


def newest_anatomy(case: Case) -> Anatomy | None:
    """The newest version of the anatomy on the stack that is read, whoever made it: the one that a correction builds
    on. What is read is `reading_anatomy`."""
    named = AnatomyVertebra.objects.filter(anatomy=OuterRef("pk"))
    return Anatomy.objects.filter(Exists(named), case=case, stack=case.reading_stack_id).order_by("-n").first()
