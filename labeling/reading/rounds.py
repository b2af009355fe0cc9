"""How a case comes to a reader: the open labelling round, its pool, claims, and the draft that a claim begins."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, Max, OuterRef, QuerySet
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
from labeling.reading.draws import draw_model_hidden
from labeling.reading.refusals import NotReadable
from labeling.reading.roles import AnyUser, may_read, reader_of
from labeling.reading.rules import DEFAULTS
from labeling.reading.visibility import case_for, pooled_assignments

__all__ = [
    "OPEN_LABELLING_ROUND",
    "NotReadable",
    "anatomies_to_read",
    "claim",
    "enter_open_round",
    "free_assignments",
    "newest_anatomy",
    "open_read",
    "owed_or_none",
    "put_into_pool",
    "reading_anatomy",
    "seed_open_labelling_round",
]

OPEN_LABELLING_ROUND = "Labelling"

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
    hidden = draw_model_hidden(round_, case)
    return Assignment.objects.create(round=round_, case=case, position=(last or 0) + 1, model_hidden=hidden)


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
        free = free_assignments(reader.user).filter(case=case).order_by("round", "pk")
        taken = free.select_for_update(skip_locked=True, of=("self",)).first()
        if taken is None:
            raise NotReadable(_TAKEN)
        last = Assignment.objects.filter(round=taken.round_id, reader=reader).aggregate(last=Max("position"))["last"]
        taken.reader, taken.position = reader, (last or 0) + 1
        taken.save(update_fields=["reader", "position"])
        return taken


def free_assignments(user: AnyUser) -> QuerySet[Assignment]:
    """What this person may take from the pools and has no assignment of already: who skipped a case because they know
    it does not find it again in the pool that they left it to."""
    own = Assignment.objects.filter(round=OuterRef("round"), case=OuterRef("case"), reader__user=user.pk)
    return pooled_assignments(user).exclude(Exists(own))


def owed_or_none(reader: Reader, case: Case) -> Assignment | None:
    """The oldest assignment of this case that the reader has and has not locked a read for."""
    return _open_assignments(reader, case).first()


def _open_assignments(reader: Reader, case: Case) -> QuerySet[Assignment]:
    """Assignments of the case to this reader, in open rounds, that they have not locked a read for; oldest first."""
    locked = Read.objects.filter(round=OuterRef("round"), case=OuterRef("case"), reader=reader, state="locked")
    return (
        Assignment.objects.filter(reader=reader, case=case, round__state=RoundState.OPEN)
        .exclude(Exists(locked))
        .select_related("round")
        .order_by("round", "pk")
    )


def open_read(*, user: User, case_id: int) -> Read:
    """The person's read of this case: their draft, else their locked read, else a new draft on a case they claim.

    A draft that says nothing yet follows the anatomy of its case. A case they had skipped is theirs to read again.

    Raises
    ------
    Case.DoesNotExist
        where the case is not theirs to see.
    NotReadable
        where it cannot be read: no role, no stack, no vertebrae, not before a date, taken by somebody else.
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
        raise NotReadable("The vertebrae of this case are not known yet. Add a vertebra mask first.")
    return _begin(reader, case)


def _own_read(reader: Reader, case: Case) -> Read | None:
    """The draft of an open round, else the newest locked read where nothing more is asked of the reader."""
    reads = Read.objects.filter(reader=reader, case=case, round__isnull=False).select_related("round")
    draft = reads.filter(state="draft", round__state=RoundState.OPEN).order_by("round", "pk").first()
    if draft is not None:
        _skipped_no_more(Assignment.objects.filter(reader=reader, case=case, round=draft.round_id))
        return _following(draft)
    if _open_assignments(reader, case).exists():
        return None
    return reads.filter(state="locked").order_by("-locked_at", "-pk").first()


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
            now = timezone.now()
            if assignment.not_before is not None and assignment.not_before > now:
                raise NotReadable(f"This case can be read from {assignment.not_before:%d %B %Y} on.")
            _skipped_no_more(Assignment.objects.filter(pk=assignment.pk))
            anatomy = _pinned_anatomy(assignment.round, case) or reading_anatomy(case)
            if anatomy is None:
                raise NotReadable("The vertebrae of this case are not known yet. Add a vertebra mask first.")
            return Read.objects.create(
                round=assignment.round, case=case, reader=reader, stack_id=anatomy.stack_id, anatomy=anatomy
            )
    except IntegrityError:
        # The same person opened it in another window at the same moment; that window's draft is the draft.
        draft = Read.objects.filter(reader=reader, case=case, state="draft", round__isnull=False)
        found = draft.select_related("round").order_by("round", "pk").first()
        if found is None:
            raise
        return found


def _is_pinned(round_: Round | None) -> bool:
    return round_ is not None and round_.rules.get("anatomy") == "pinned"


def _pinned_anatomy(round_: Round, case: Case) -> Anatomy | None:
    """What the first reader of a case in a round with a pinned anatomy stood on: all others stand on the same.

    The case's row is held, so that two who begin at once cannot begin on two.
    """
    if not _is_pinned(round_):
        return None
    Case.objects.select_for_update(of=("self",)).get(pk=case.pk)
    reads = Read.objects.filter(round=round_, case=case, stack=case.reading_stack_id)
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


def newest_anatomy(case: Case) -> Anatomy | None:
    """The newest version of the anatomy on the stack that is read, whoever made it: the one that a correction builds
    on. What is read is `reading_anatomy`."""
    named = AnatomyVertebra.objects.filter(anatomy=OuterRef("pk"))
    return Anatomy.objects.filter(Exists(named), case=case, stack=case.reading_stack_id).order_by("-n").first()
