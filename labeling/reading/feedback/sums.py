"""The sums of a round: what all its readers said against the truth, never what one of them did."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from labeling.models import Read, ReaderKind, Reference, Round, RoundState, Split
from labeling.reading.exposures import note_exposures
from labeling.reading.feedback.confusion import Confusion, Sums, confusions, sums
from labeling.reading.feedback.own import compared, honest_versions
from labeling.reading.owing import owed_assignments
from labeling.reading.roles import may_plan_rounds, reader_of
from labeling.reading.rules import Rules
from labeling.reading.told import told_by
from labeling.reading.truths import TARGET

__all__ = ["FEWEST_READERS", "RoundSums", "sums_of"]

#: Below this, sums would be one person's table. Whoever looks does not count: they know their own.
FEWEST_READERS = 2

_NOT_YET = "Its readers are told nothing before it is closed, and neither is anybody else."


@dataclass(frozen=True)
class RoundSums:
    """`why_not` says why there are no sums; then all else is None."""

    round: str
    readers: int
    why_not: str = ""
    sums: Sums | None = None
    verdicts: Confusion | None = None
    types: Confusion | None = None


def sums_of(user: User, round_id: int) -> RoundSums:
    """The sums over the readers of a round, for those who plan rounds; looking is written down.

    Counted are training patients whose truth is told: all of a closed round, else by its rule of feedback. Left out are
    cases that the asking person owes a read of, and their own reads.

    Raises
    ------
    Round.DoesNotExist
        where there is no such round, or this person does not plan rounds.
    """
    if not may_plan_rounds(user):
        raise Round.DoesNotExist
    round_ = Round.objects.get(pk=round_id)
    if round_.state != RoundState.CLOSED and Rules.parse(round_.rules).feedback not in ("at_once", "after_consensus"):
        return RoundSums(round_.name, 0, _NOT_YET)
    with transaction.atomic():
        reads = honest_versions(_counted(user, round_))
        readers = len({read.reader_id for read in reads})
        if readers < FEWEST_READERS:
            return RoundSums(
                round_.name, readers, "Sums stand here once two readers have read cases whose truth is told."
            )
        cases = {read.case_id for read in reads}
        references = Reference.objects.filter(case__in=cases, target=TARGET, current=True).select_related("read")
        truths = {reference.case_id: reference.read for reference in references}
        note_exposures(reader_of(user), [(case, "numbers") for case in sorted(cases)])
    told = told_by([*reads, *truths.values()])
    pairs = [
        (own, truth)
        for read in reads
        for own, truth in compared(told[read.pk], told[truths[read.case_id].pk]).values()
        if own is not None
    ]
    verdicts, types = confusions(pairs)
    return RoundSums(round_.name, readers, "", sums(len(cases), pairs), verdicts, types)


def _counted(user: User, round_: Round) -> list[Read]:
    references = Reference.objects.filter(target=TARGET, current=True)
    reads = Read.objects.filter(
        round=round_,
        state="locked",
        reader__kind=ReaderKind.PERSON,
        case__patient__split=Split.TRAINING,
        case__in=references.values("case"),
    )
    reads = reads.exclude(case__in=owed_assignments(user).values("case")).exclude(reader__user=user.pk)
    return list(reads.exclude(pk__in=references.values("read")))
