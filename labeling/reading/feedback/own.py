"""What a reader learns once a case has a truth: their own reads laid beside it, for themselves alone.

Which cases, and from when on, says `visibility.feedback_cases`; looking is being shown the truth, and is written down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from labeling.models import Case, Exposure, Read, Reference, Settlement, Verdict
from labeling.reading.exposures import note_exposures
from labeling.reading.feedback.confusion import Confusion, Sums, confusions, sums
from labeling.reading.roles import reader_of
from labeling.reading.told import Told, told_by
from labeling.reading.truths import TARGET
from labeling.reading.visibility import feedback_cases

__all__ = [
    "BY_HARM",
    "Compared",
    "FeedbackRead",
    "Overview",
    "Period",
    "compared",
    "explained",
    "feedback",
    "feedback_of",
    "honest_versions",
    "told_apart",
]

#: How a read may differ from the truth on a vertebra, the most harmful first; `same` last.
BY_HARM = ("missed", "extra", "other", "type", "level", "slices", "unread", "same")

#: Fractures that share fewer of their slices than this are seen in different places.
_SAME_PLACE = 0.5


@dataclass(frozen=True)
class Compared:
    """One vertebra: what the reader said, what is true, in what they differ, and why the panel said so.

    `k` is the slice to look at, from 0, on the stack of the own read; None where that read knows no such vertebra.
    """

    vertebra: int
    level: str
    own: Told | None
    truth: Told
    kind: str
    reason: str
    explanation: str
    k: int | None


@dataclass(frozen=True)
class FeedbackRead:
    """One own read beside the truth. `version` is that which was locked before its reader was told the truth;
    `newest` the one that stands."""

    case: int
    name: str
    round: str
    read: int
    version: int
    newest: int
    locked_at: datetime
    vertebrae: tuple[Compared, ...]

    @property
    def differing(self) -> tuple[Compared, ...]:
        """Where it differs, the most harmful first, else cranial first."""
        return tuple(sorted((one for one in self.vertebrae if one.kind != "same"), key=_harm))

    @property
    def counts(self) -> dict[str, int]:
        """Kind -> how many vertebrae, the most harmful first."""
        kinds = [one.kind for one in self.vertebrae]
        return {kind: kinds.count(kind) for kind in BY_HARM if kind in kinds}


@dataclass(frozen=True)
class Period:
    """The sums over what was locked within one month; `month` is its first day."""

    month: datetime
    sums: Sums


@dataclass(frozen=True)
class Overview:
    """All feedback of one person: their reads, the newest first, with the sums and tables over all of them."""

    rows: tuple[FeedbackRead, ...]
    sums: Sums
    verdicts: Confusion
    types: Confusion
    periods: tuple[Period, ...]


def feedback(user: User) -> Overview:
    """Every own read that this person may lay beside the truth now, with the exposures that it makes."""
    found = _laid_beside(user, feedback_cases(user))
    months: dict[datetime, list[FeedbackRead]] = {}
    for read in found:
        locked = timezone.localtime(read.locked_at)
        months.setdefault(locked.replace(day=1, hour=0, minute=0, second=0, microsecond=0), []).append(read)
    verdicts, types = confusions(_pairs(found))
    return Overview(
        rows=found,
        sums=_sums(found),
        verdicts=verdicts,
        types=types,
        periods=tuple(Period(month, _sums(months[month])) for month in sorted(months, reverse=True)),
    )


def feedback_of(user: User, case_id: int) -> tuple[FeedbackRead, ...]:
    """The own reads of one case beside its truth, the newest first.

    Raises
    ------
    Case.DoesNotExist
        where there is no such case or this person has no feedback of it now; the two look alike.
    """
    found = _laid_beside(user, feedback_cases(user).filter(pk=case_id))
    if not found:
        raise Case.DoesNotExist
    return found


def _pairs(reads: Iterable[FeedbackRead]) -> list[tuple[Told, Told]]:
    return [(one.own, one.truth) for read in reads for one in read.vertebrae if one.own is not None]


def _sums(reads: Sequence[FeedbackRead]) -> Sums:
    return sums(len({read.case for read in reads}), _pairs(reads))


def _harm(one: Compared) -> int:
    return BY_HARM.index(one.kind)


# --- reads beside their truths ----------------------------------------------------------------------------------------


def _laid_beside(user: User, cases: QuerySet[Case]) -> tuple[FeedbackRead, ...]:
    with transaction.atomic():
        truths = {
            reference.case_id: reference.read
            for reference in Reference.objects.filter(case__in=cases, target=TARGET, current=True).select_related(
                "read"
            )
        }
        if not truths:
            return ()
        reader = reader_of(user)
        note_exposures(reader, [(case, "truth") for case in sorted(truths)])
    own = Read.objects.filter(reader=reader, case__in=truths, state="locked", round__isnull=False)
    versions = list(own.exclude(pk__in=[read.pk for read in truths.values()]).select_related("case__patient", "round"))
    newest = {(read.round_id, read.case_id): read for read in sorted(versions, key=lambda read: read.version)}
    chosen = honest_versions(versions)
    told = told_by([*chosen, *truths.values()])
    words = explained(truths.values())
    rows = [
        FeedbackRead(
            case=read.case_id,
            name=read.case.name,
            round=read.round.name if read.round is not None else "",
            read=read.pk,
            version=read.version,
            newest=newest[read.round_id, read.case_id].version,
            locked_at=read.locked_at or read.created_at,
            vertebrae=_vertebrae(read, truths[read.case_id], told, words),
        )
        for read in chosen
    ]
    return tuple(sorted(rows, key=lambda row: (row.locked_at, row.read), reverse=True))


def honest_versions(reads: Iterable[Read]) -> list[Read]:
    """Of the locked versions of reads, one of each reader, round and case: the last one before its reader was shown
    the truth, for what is changed afterwards is no finding of theirs; the first one where they had been shown it."""
    groups: dict[tuple[int, int | None, int], list[Read]] = {}
    for read in sorted(reads, key=lambda read: read.version):
        groups.setdefault((read.reader_id, read.round_id, read.case_id), []).append(read)
    shown = {
        (reader, case): at
        for reader, case, at in Exposure.objects.filter(
            what="truth", reader__in={key[0] for key in groups}, case__in={key[2] for key in groups}
        ).values_list("reader", "case", "at")
    }
    chosen = []
    for (reader, _, case), versions in groups.items():
        since = shown.get((reader, case))
        before = [read for read in versions if since is None or (read.locked_at is not None and read.locked_at < since)]
        chosen.append(before[-1] if before else versions[0])
    return chosen


def explained(truths: Iterable[Read]) -> dict[tuple[int, int], tuple[str, str]]:
    """(read, vertebra) -> the panel's reason and explanation, where these reads are consensuses."""
    rows = Settlement.objects.filter(consensus__in=[read.pk for read in truths])
    return {
        (consensus, vertebra): (reason, explanation)
        for consensus, vertebra, reason, explanation in rows.values_list(
            "consensus", "vertebra", "reason__text", "explanation"
        )
    }


def _vertebrae(
    read: Read,
    truth: Read,
    told: Mapping[int, Mapping[int, Told]],
    words: Mapping[tuple[int, int], tuple[str, str]],
) -> tuple[Compared, ...]:
    same_stack = read.stack_id == truth.stack_id
    found = []
    for vertebra, (own, said) in compared(told[read.pk], told[truth.pk]).items():
        reason, explanation = words.get((truth.pk, vertebra), ("", ""))
        found.append(
            Compared(
                vertebra=vertebra,
                level=said.level,
                own=own,
                truth=said,
                kind=told_apart(own, said, same_stack=same_stack),
                reason=reason,
                explanation=explanation,
                k=_place(own, said, same_stack=same_stack),
            )
        )
    return tuple(found)


def compared(own: Mapping[int, Told], truth: Mapping[int, Told]) -> dict[int, tuple[Told | None, Told]]:
    """The vertebrae that the truth says something of, with what a read says of each; cranial first."""
    return {vertebra: (own.get(vertebra), said) for vertebra, said in truth.items() if said.verdict is not None}


def told_apart(own: Told | None, truth: Told, *, same_stack: bool) -> str:
    """In what a read differs from the truth on a vertebra: one of `BY_HARM`."""
    if own is None or own.verdict is None:
        # A vertebra that the edge cuts is not assessable by itself.
        is_cut = own is not None and own.cut and truth.verdict == Verdict.NOT_ASSESSABLE
        return "same" if is_cut else "unread"
    if own.verdict != truth.verdict:
        if (own.verdict, truth.verdict) == (Verdict.NEGATIVE, Verdict.FRACTURE):
            return "missed"
        return "extra" if (own.verdict, truth.verdict) == (Verdict.FRACTURE, Verdict.NEGATIVE) else "other"
    if (own.type, own.process_fracture, own.injury) != (truth.type, truth.process_fracture, truth.injury):
        return "type"
    if own.level != truth.level:
        return "level"
    return "slices" if same_stack and _overlap(own, truth) < _SAME_PLACE else "same"


def _overlap(own: Told, truth: Told) -> float:
    """Fractured slices that both name, of those that either names; 1 where one of them names none at all."""
    if not own.ks or not truth.ks:
        return 1.0
    return len({*own.ks} & {*truth.ks}) / len({*own.ks} | {*truth.ks})


def _place(own: Told | None, truth: Told, *, same_stack: bool) -> int | None:
    """The middle of the slices that are fractured in truth, else of those that the reader called so, else of the
    body."""
    if own is None:
        return None
    ks = (truth.ks if same_stack else ()) or own.ks
    return ks[len(ks) // 2] if ks else own.middle
