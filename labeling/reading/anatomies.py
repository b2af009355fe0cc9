"""New versions of an anatomy by hand, and the anatomy check that confirms one.

A version is never changed: every correction makes the next one, under the same vertebra identities, on the same label
map. What its author has in hand follows it; what others have in hand stays on the version it was begun with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils import timezone

from labeling.anatomy.placing import Placed
from labeling.models import (
    Anatomy,
    AnatomyVertebra,
    AuditEvent,
    Case,
    Read,
    Reader,
    Round,
    RoundKind,
    RoundState,
    Stack,
    Vertebra,
)
from labeling.reading.opinions import measuring, prelabels
from labeling.reading.opinions.proposals import Proposal, rows_of, says_the_same
from labeling.reading.refusals import NotReadable, OperationRefused
from labeling.reading.repinning import Carried, repin
from labeling.reading.roles import AnyUser, may_read, may_see_all_cases, reader_of
from labeling.reading.visibility import owed_assignments, visible_cases
from labeling.reading.writable import locked_row, refuse_unless_writable

__all__ = [
    "AnatomyNotYours",
    "Made",
    "NewerAnatomy",
    "Placed",
    "Proposal",
    "anatomies_of",
    "following_drafts",
    "make_version",
    "may_edit",
    "origin_words",
    "repin",
    "unchecked_cases",
    "why_not_edit",
]


class AnatomyNotYours(Exception):
    """This person may not make or confirm a version of this anatomy now."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NewerAnatomy(Exception):
    """Somebody made a version meanwhile; `anatomy` and `n` are the newest, None and 0 where there is none."""

    def __init__(self, newest: Anatomy | None) -> None:
        self.anatomy = None if newest is None else newest.pk
        self.n = 0 if newest is None else newest.n
        self.sentence = (
            "There is no such version of this anatomy. Load it again."
            if newest is None
            else f"Somebody made version {newest.n} meanwhile. Load it and make your changes there."
        )
        super().__init__(self.sentence)


@dataclass(frozen=True)
class Made:
    """The version that holds what was proposed, and the own draft that followed it. In a preview of a version that is
    not there yet `anatomy` is None and `n` the number it would have."""

    anatomy: int | None
    n: int
    carried: Carried | None

    def as_json(self) -> dict[str, Any]:
        return {"anatomy": self.anatomy, "n": self.n, "carried": self.carried and self.carried.as_json()}


def may_edit(user: AnyUser, case: Case) -> bool:
    """Whether this person may make and confirm versions of the anatomy of a case that they may see."""
    return not why_not_edit(user, case)


def why_not_edit(user: AnyUser, case: Case) -> str:
    """A sentence where this person may not make a version of the anatomy of a case, else an empty string.

    Nobody may who owes a read of it on a pinned anatomy. Residents and seniors may not either once such a round has
    begun with the case: all its readers read one anatomy. (A practice round that is closed asks for nothing more.)
    """
    if not (may_see_all_cases(user) or may_read(user)):
        return "Your account does not change anatomies."
    if owed_assignments(user).filter(case=case, round__rules__anatomy="pinned").exists():
        return "Your read of this case is bound to its anatomy. Say in the read which level you see, and lock it first."
    if may_see_all_cases(user):
        return ""
    if _fixing_rounds().filter(assignments__case=case).exists():
        return "A round in which this anatomy is fixed has begun. A study lead can make a new version."
    return ""


def _fixing_rounds() -> QuerySet[Round]:
    """Rounds that have begun and all whose readers read one anatomy."""
    begun = Round.objects.filter(rules__anatomy="pinned").exclude(state=RoundState.PLANNED)
    return begun.exclude(kind=RoundKind.PRACTICE, state=RoundState.CLOSED)


def unchecked_cases(user: AnyUser) -> QuerySet[Case]:
    """Cases whose newest anatomy nobody has confirmed, or that have none yet, and of which `may_edit` says yes."""
    if not (may_see_all_cases(user) or may_read(user)):
        return Case.objects.none()
    newest = Anatomy.objects.filter(case=OuterRef("pk"), stack=OuterRef("reading_stack")).order_by("-n")
    bound = owed_assignments(user).filter(case=OuterRef("pk"), round__rules__anatomy="pinned")
    cases = (
        visible_cases(user)
        .filter(reading_stack__isnull=False)
        .annotate(newest_confirmed=Subquery(newest.values("confirmed_at")[:1]))
        .filter(newest_confirmed__isnull=True)
        .exclude(Exists(bound))
    )
    if may_see_all_cases(user):
        return cases
    return cases.exclude(Exists(_fixing_rounds().filter(assignments__case=OuterRef("pk"))))


def anatomies_of(case: Case) -> list[Anatomy]:
    """The versions on the stack that is read, newest first, with vertebrae and people."""
    named = AnatomyVertebra.objects.filter(anatomy=OuterRef("pk"))
    versions = Anatomy.objects.filter(Exists(named), case=case, stack=case.reading_stack_id).order_by("-n")
    people = ("author__user", "author__model_version", "confirmed_by__user")
    return list(versions.select_related("parent", *people).prefetch_related("vertebrae"))


def origin_words(anatomy: Anatomy) -> str:
    """Where a version comes from, in a few words."""
    model = anatomy.author.model_version if anatomy.author is not None else None
    if model is not None:
        return f"found by {model.name}"
    if anatomy.source_digest:
        return "from a mask"
    return "placed by hand" if anatomy.parent is None else f"version {anatomy.parent.n}, changed by hand"


def following_drafts(user: AnyUser, case: Case) -> QuerySet[Read]:
    """The person's own drafts that go over to a new version: of open rounds that leave the anatomy to the reader."""
    if not may_read(user):
        return Read.objects.none()
    return (
        Read.objects.filter(reader__user=user.pk, case=case, stack=case.reading_stack_id, state="draft")
        .filter(round__state=RoundState.OPEN, round__rules__anatomy="editable")
        .order_by("pk")
    )


def make_version(*, user: User, case: Case, proposal: Proposal, read: int | None = None, preview: bool = False) -> Made:
    """The version of an anatomy that holds what a person proposes, and their drafts on it.

    Content that the newest version has already makes no new one; confirming marks that one. Label map and outlines are
    those of the parent; the vertebrae of the parent that are not proposed are taken out.

    Parameters
    ----------
    user
        Who does it; the caller has asked whether they may see the case.
    read
        An own draft to tell of; without it the first of those that follow.
    preview
        Do everything, say what it did, and take it all back.

    Raises
    ------
    AnatomyNotYours
        see `why_not_edit`.
    NewerAnatomy
        where the parent is not the newest version.
    NotReadable
        where the case has no stack.
    Refusal
        where the vertebrae cannot be those of one person on this stack, see `labeling.anatomy.placing.checked`;
        ``unknown-vertebra``, ``not-segmented``.
    Read.DoesNotExist, ReadLocked, OperationRefused
        where `read` is no draft of theirs that can follow.
    """
    with transaction.atomic():
        # No key update: inserting a read of this case must not wait, or two transactions could wait for each other.
        locked = Case.objects.select_for_update(of=("self",), no_key=True).select_related("patient", "reading_stack")
        case = locked.get(pk=case.pk)
        if sentence := why_not_edit(user, case):
            raise AnatomyNotYours(sentence)
        if case.reading_stack is None:
            raise NotReadable("This case has no stack to place vertebrae on. Send its CT first.")
        drafts = _held(_named_first(user, case, read), named=read is not None)
        versions = anatomies_of(case)
        newest = versions[0] if versions else None
        rows = rows_of(proposal.vertebrae, versions, case.reading_stack)
        anatomy, new = _version(reader_of(user), case.reading_stack, proposal, newest, rows)
        if proposal.confirm and anatomy.confirmed_at is None:
            _confirm(user, anatomy, len(rows))
        carried = [repin(draft, anatomy) for draft in drafts]
        if not preview:
            _ask_models(anatomy)
        if preview:
            transaction.set_rollback(True)
    return Made(anatomy=None if preview and new else anatomy.pk, n=anatomy.n, carried=carried[0] if carried else None)


def _ask_models(anatomy: Anatomy) -> None:
    """Have a version measured where there is a mask to measure; a classifier says of each vertebra what it misses."""
    if anatomy.label_map:
        measuring.ask(anatomy)
    prelabels.ask_for_new(anatomy)


def _named_first(user: User, case: Case, read_id: int | None) -> list[Read]:
    drafts = list(following_drafts(user, case).select_related("reader"))
    if read_id is None:
        return drafts
    named = Read.objects.select_related("round", "reader").get(pk=read_id, case=case, reader__user=user)
    refuse_unless_writable(named)
    if named not in drafts:
        raise OperationRefused(
            "anatomy_pinned", "This read stays on the anatomy it was begun with. Say in it which level you see."
        )
    return [named, *(draft for draft in drafts if draft != named)]


def _held(drafts: Sequence[Read], *, named: bool) -> list[Read]:
    """The drafts with their rows held, less those that were locked while this waited for them.

    Raises
    ------
    ReadLocked, OperationRefused
        where it is the first of them, and that one was `named`.
    """
    held = [locked_row(draft.pk, draft.reader) for draft in drafts]
    if named:
        refuse_unless_writable(held[0])
    return [draft for draft in held if draft.state == "draft"]


def _version(
    author: Reader, stack: Stack, proposal: Proposal, newest: Anatomy | None, rows: Sequence[AnatomyVertebra]
) -> tuple[Anatomy, bool]:
    """The version with these rows, and whether it was made now.

    Raises
    ------
    NewerAnatomy
        where they were meant to follow on another version than the newest.
    """
    if newest is not None:
        # A request that is sent again after its answer was lost finds the version that it made.
        sent_again = newest.parent_id == proposal.parent
        if (sent_again or proposal.parent == newest.pk) and says_the_same(rows, newest, sent_again):
            return newest, False
    if proposal.parent != (newest and newest.pk):
        raise NewerAnatomy(newest)
    last = Anatomy.objects.filter(case=stack.case_id).order_by("-n").values_list("n", flat=True).first()
    anatomy = Anatomy.objects.create(
        case_id=stack.case_id,
        stack=stack,
        n=(last or 0) + 1,
        parent=newest,
        author=author,
        label_map=newest.label_map if newest else "",
        outlines=newest.outlines if newest else "",
    )
    _store(rows, anatomy)
    return anatomy, True


def _store(rows: Sequence[AnatomyVertebra], anatomy: Anatomy) -> None:
    nameless = [row for row in rows if row.vertebra_id is None]
    made = Vertebra.objects.bulk_create([Vertebra(case_id=anatomy.case_id) for _ in nameless])
    for row, vertebra in zip(nameless, made, strict=True):
        row.vertebra = vertebra
    for row in rows:
        row.anatomy = anatomy
    AnatomyVertebra.objects.bulk_create(rows)


def _confirm(user: User, anatomy: Anatomy, count: int) -> None:
    anatomy.confirmed_by, anatomy.confirmed_at = reader_of(user), timezone.now()
    anatomy.save(update_fields=["confirmed_by", "confirmed_at"])
    AuditEvent.objects.create(
        by=user,
        verb="confirm_anatomy",
        case=anatomy.case,
        detail={"anatomy": anatomy.pk, "n": anatomy.n, "parent": anatomy.parent_id, "vertebrae": count},
    )
