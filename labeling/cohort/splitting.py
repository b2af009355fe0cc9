"""Who trains, validates and tests: drawn by a keyed hash over pseudonyms, so nobody can have chosen, and only once."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from labeling.imaging.refusal import Refusal
from labeling.models import (
    Assignment,
    Case,
    CohortState,
    InclusionReason,
    Patient,
    RoundKind,
    Split,
    SplitDraw,
)
from labeling.reading.roles import may_plan_rounds
from labeling.reading.splits import assign_split
from labeling.statistics.splitting import Shares, split_by_stratum, split_of
from labeling.statistics.splitting import Split as Name

__all__ = [
    "SPLITS",
    "Drawn",
    "SplitPreview",
    "SplitRow",
    "Wanted",
    "draw_split",
    "draws",
    "preview_split",
    "split_rows",
]

SPLITS = (Split.TRAINING, Split.VALIDATION, Split.TEST)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The shares of a draw: `test` of all patients, `validation` of the others; `stratified` by whether a case of the
    patient came in for a fracture, which was known before anybody read it.

    Without strata each patient's place depends on their pseudonym alone: the order in which patients come in makes no
    difference, and the shares are met on average. With strata the shares are met in each, by those who are there.
    """

    test: float = 0.1
    validation: float = 0.1
    stratified: bool = False


@dataclass(frozen=True, slots=True)
class SplitPreview:
    """What a draw would do; split -> patients, but for `read_already`.

    Attributes
    ----------
    waiting
        Patients with an included case who are in no split.
    new, settled, after
        What the draw adds, what there is, and both.
    fractured
        Of those after the draw, patients with a case that came in for a fracture.
    read_already
        Pseudonyms that the hash puts into the test set, but that are being read in the labelling round: they train.
    """

    waiting: int
    new: dict[str, int]
    settled: dict[str, int]
    after: dict[str, int]
    fractured: dict[str, int]
    read_already: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a draw has done: its row, or None where nobody waited; split -> patients; who was read already."""

    draw: SplitDraw | None
    counts: dict[str, int]
    read_already: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SplitRow:
    """A split as it stands: patients with an included case, their included cases, and those that came in for a
    fracture."""

    split: str
    patients: int
    cases: int
    fractured: int


def preview_split(wanted: Wanted) -> SplitPreview:
    """What `draw_split` would do now; changes nothing.

    Raises
    ------
    Refusal
        ``no-share`` where a share is none.
    """
    plan = _plan(wanted)
    new = Counter(plan.splits.values())
    settled = Counter(plan.settled.values())
    everybody = {**plan.settled, **plan.splits}
    fractured = Counter(split for name, split in everybody.items() if plan.fractured[name])
    return SplitPreview(
        waiting=len(plan.splits),
        new=_counts(new),
        settled=_counts(settled),
        after=_counts(new + settled),
        fractured=_counts(fractured),
        read_already=plan.read_already,
    )


def draw_split(user: User | None, wanted: Wanted) -> Drawn:
    """Put every patient with an included case who is in no split into one. Drawn again, it finds nobody and does
    nothing.

    Parameters
    ----------
    user
        None for the command line of the server.

    Raises
    ------
    PermissionDenied
        for everybody but leads.
    Refusal
        ``no-share`` where a share is none.
    """
    if user is not None and not may_plan_rounds(user):
        raise PermissionDenied("The split is drawn by leads.")
    with transaction.atomic():
        _one_draw_at_a_time()
        plan = _plan(wanted)
        counts: Counter[str] = Counter()
        read_already = list(plan.read_already)
        for patient in Patient.objects.filter(pseudonym__in=plan.splits).order_by("pseudonym"):
            split, refused = _assign(patient, plan.splits[patient.pseudonym], user)
            counts[split] += bool(split)
            read_already += [patient.pseudonym] * refused
        if not counts.total():
            return Drawn(None, _counts(Counter()), ())
        draw = SplitDraw.objects.create(
            test_share=wanted.test,
            validation_share=wanted.validation,
            stratified=wanted.stratified,
            counts=_counts(counts),
            by=user,
        )
    return Drawn(draw, _counts(counts), tuple(sorted(read_already)))


def split_rows() -> list[SplitRow]:
    """Training, validation, test and those in none, as they stand: of included cases alone."""
    cases = Case.objects.filter(cohort_state=CohortState.INCLUDED)
    rows = list(cases.values_list("patient", "patient__split", "inclusion_reason"))
    return [
        SplitRow(
            split=split,
            patients=len({patient for patient, its, _ in rows if its == split}),
            cases=sum(its == split for _, its, _ in rows),
            fractured=sum(its == split and why == InclusionReason.FRACTURE for _, its, why in rows),
        )
        for split in (*SPLITS, Split.UNASSIGNED)
    ]


def draws() -> QuerySet[SplitDraw]:
    """Every draw, the newest first."""
    return SplitDraw.objects.select_related("by").order_by("-at", "-pk")


# -- how it is drawn ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Plan:
    """Pseudonym -> split, for those who wait and those who are in one; whether they have a fracture."""

    splits: dict[str, str]
    settled: dict[str, str]
    fractured: dict[str, bool]
    read_already: tuple[str, ...]


def _plan(wanted: Wanted) -> _Plan:
    shares = _shares(wanted)
    key = settings.PSEUDONYM_KEY
    included = Case.objects.filter(patient=OuterRef("pk"), cohort_state=CohortState.INCLUDED)
    read = Assignment.objects.filter(
        round__kind=RoundKind.LABELLING, case__patient=OuterRef("pk"), reader__isnull=False
    )
    people = Patient.objects.filter(Exists(included)).annotate(
        fractured=Exists(included.filter(inclusion_reason=InclusionReason.FRACTURE)), was_read=Exists(read)
    )
    rows = list(people.values_list("pseudonym", "split", "fractured", "was_read").order_by("pseudonym"))
    fractured = {name: has for name, _, has, _ in rows}
    settled = {name: split for name, split, _, _ in rows if split != Split.UNASSIGNED}
    read_names = {name for name, split, _, was in rows if was and split == Split.UNASSIGNED}
    waiting = [name for name in fractured if name not in settled]
    drawn: dict[str, Name] = {}
    barred: set[str] = set()
    while True:
        if wanted.stratified:
            # The places that the barred leave in the test set are filled by those who come next.
            kept = settled | dict.fromkeys(barred, Split.TRAINING.value)
            drawn = split_by_stratum(key, fractured, shares, cast("Mapping[str, Name]", kept))
        else:
            drawn = {name: "training" if name in barred else split_of(key, name, shares) for name in waiting}
        more = {name for name in read_names if drawn[name] == "test"}
        if not more:
            break
        barred |= more
    return _Plan({name: drawn[name] for name in waiting}, settled, fractured, tuple(sorted(barred)))


def _shares(wanted: Wanted) -> Shares:
    try:
        return Shares(Fraction(str(wanted.test)), Fraction(str(wanted.validation)))
    except ValueError:
        raise Refusal("no-share", "A share is 0 or more and less than 1, such as 0.1 for one in ten.") from None


def _assign(patient: Patient, split: str, user: User | None) -> tuple[str, bool]:
    """The split that the patient came into, '' where somebody else put them into another one just now; and whether a
    reader took a case of theirs just now, so that they could not be test."""
    try:
        return (split if assign_split(patient, split, by=user, reason="drawn") else ""), False
    except Refusal as refusal:
        if refusal.code == "other-split":
            return "", False
        if refusal.code != "already-read":
            raise
    return Split.TRAINING.value if assign_split(patient, Split.TRAINING, by=user, reason="drawn") else "", True


def _counts(found: Mapping[str, int]) -> dict[str, int]:
    return {split.value: found.get(split.value, 0) for split in SPLITS}


def _one_draw_at_a_time() -> None:
    key = int.from_bytes(hashlib.sha256(b"sagittal split").digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])
