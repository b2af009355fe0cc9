"""What readers said of the vertebrae of a scope, as arrays: the one way from the record to labeling.statistics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.analysis.columns import REFERENCE, Column, columns_of, reads_of
from labeling.imaging.refusal import Refusal
from labeling.models import (
    AnatomyVertebra,
    AoBody,
    Case,
    Finding,
    Read,
    SegmentInjury,
    SegmentType,
    SliceLabel,
    SliceValue,
    Verdict,
    Vertebra,
)
from labeling.reading.roles import AnyUser
from labeling.statistics import codes

__all__ = ["Gathered", "Slices", "final_vertebrae", "gather", "gather_slices"]

VERDICTS = {
    None: codes.ABSENT,
    Verdict.NEGATIVE.value: codes.NEGATIVE,
    Verdict.FRACTURE.value: codes.FRACTURE,
    Verdict.INDETERMINATE.value: codes.INDETERMINATE,
    Verdict.NOT_ASSESSABLE.value: codes.NOT_ASSESSABLE,
}
TYPES = {
    None: codes.NO_TYPE,
    AoBody.A1.value: codes.A1,
    AoBody.A2.value: codes.A2,
    AoBody.A3.value: codes.A3,
    AoBody.A4.value: codes.A4,
}


@dataclass(frozen=True, eq=False)
class Gathered:
    """N vertebrae of C cases of P patients, as R readers see them.

    Attributes
    ----------
    columns
        R readers, in the order asked for.
    cases, case_names, patient_of_case
        (C,) primary keys, names, and the patient (0 … P-1) of each case.
    vertebra, case, patient
        (N,) primary key, place in `cases`, and patient of each vertebra; by case, from head to feet.
    level
        (N,) C1 … L6, '' where unknown.
    verdict, ao
        (R, N) int8, `labeling.statistics.codes`.
    score
        (R, N) float64, NaN where a reader gives none.
    read
        (R, C) primary key of the read, 0 where the reader has none of the case.
    """

    columns: tuple[Column, ...]
    cases: NDArray[np.int64]
    case_names: tuple[str, ...]
    patient_of_case: NDArray[np.int64]
    vertebra: NDArray[np.int64]
    case: NDArray[np.int64]
    patient: NDArray[np.int64]
    level: NDArray[np.str_]
    verdict: NDArray[np.int8]
    ao: NDArray[np.int8]
    score: NDArray[np.float64]
    read: NDArray[np.int64]

    @property
    def patients(self) -> int:
        return int(self.patient_of_case.max()) + 1 if self.patient_of_case.size else 0

    def place(self, key: str) -> int:
        """The row of a column.

        Raises
        ------
        Refusal
            ``no-column`` where this reader was not gathered.
        """
        for place, column in enumerate(self.columns):
            if column.key == key:
                return place
        raise Refusal("no-column", f"There is no reader {key[:40]!r} in this table. Choose one from the list.")


@dataclass(frozen=True, eq=False)
class Slices:
    """S vertebral slices that the reference labels, and what each reader says of them; rows as in a `Gathered`.

    `vertebra_place` is the place of the slice's vertebra in the `Gathered`; verdict is (R, S): NEGATIVE, FRACTURE or
    ABSENT; score (R, S) is a model's probability.
    """

    sop_uid: tuple[str, ...]
    vertebra_place: NDArray[np.int64]
    patient: NDArray[np.int64]
    verdict: NDArray[np.int8]
    score: NDArray[np.float64]


def gather(user: AnyUser, cases: Sequence[int], keys: Iterable[str]) -> Gathered:
    """What these readers said of these cases, of all this person may know.

    Raises
    ------
    Refusal
        ``no-column`` where one of them has no read of the cases.
    """
    known = {column.key: column for column in columns_of(user, cases)}
    wanted = list(dict.fromkeys(keys))
    unknown = next((key for key in wanted if key not in known), None)
    if unknown == REFERENCE:
        raise Refusal("no-reference", "None of these cases has a reference yet. Settle them in a consensus first.")
    if unknown is not None:
        raise Refusal("no-column", f"The reader {unknown[:40]!r} has no locked read of these cases.")
    reads = reads_of(user, cases)
    facts = _facts(cases)
    places = {pk: place for place, (pk, *_) in enumerate(facts)}
    patients: dict[int, int] = {}
    patient_of_case = np.array([patients.setdefault(patient, len(patients)) for _, _, patient in facts], np.int64)
    wanted_reads = {read for key in wanted for read in reads[key].values()}
    findings = _findings(wanted_reads)
    # Of all reads, not of the wanted ones alone: whoever stands beside whom, a vertebra is called the same.
    all_reads = {read for by_case in reads.values() for read in by_case.values()}
    levels, ranks = _levels(reads.get(REFERENCE, {}), all_reads)
    of_read = {read: place for key in wanted for case, read in reads[key].items() for place in [places[case]]}
    rows = sorted(
        {(of_read[read], ranks.get(vertebra, 99), vertebra) for read, vertebra, *_ in findings},
    )
    row_of = {vertebra: row for row, (*_, vertebra) in enumerate(rows)}
    shape = (len(wanted), len(rows))
    verdict = np.full(shape, codes.ABSENT, np.int8)
    ao = np.full(shape, codes.NO_TYPE, np.int8)
    score = np.full(shape, np.nan)
    read = np.zeros((len(wanted), len(facts)), np.int64)
    columns_of_read: dict[int, list[int]] = {}
    for column, key in enumerate(wanted):
        for case, pk in reads[key].items():
            read[column, places[case]] = pk
            columns_of_read.setdefault(pk, []).append(column)
    injured = _injuries(wanted_reads)
    for pk, vertebra, word, body, p in findings:
        row, code = row_of[vertebra], VERDICTS[word]
        for column in columns_of_read[pk]:
            verdict[column, row] = code
            if code == codes.FRACTURE:
                ao[column, row] = max(TYPES[body], injured.get((pk, vertebra), codes.NO_TYPE))
            elif code == codes.NEGATIVE:
                ao[column, row] = codes.NONE
            if p is not None:
                score[column, row] = p
    case_of = np.array([place for place, *_ in rows], np.int64)
    return Gathered(
        columns=tuple(known[key] for key in wanted),
        cases=np.array([pk for pk, *_ in facts], np.int64),
        case_names=tuple(name for _, name, _ in facts),
        patient_of_case=patient_of_case,
        vertebra=np.array([vertebra for *_, vertebra in rows], np.int64),
        case=case_of,
        patient=patient_of_case[case_of] if case_of.size else case_of,
        level=np.array([levels.get(vertebra, "") for *_, vertebra in rows], "U3"),
        verdict=verdict,
        ao=ao,
        score=score,
        read=read,
    )


def gather_slices(gathered: Gathered, truth: str = REFERENCE) -> Slices:
    """The slices that the column `truth` labels. What another reader does not label is ABSENT."""
    base = gathered.place(truth)
    all_reads = {int(pk) for pk in gathered.read.ravel() if pk}
    row_of = {int(pk): row for row, pk in enumerate(gathered.vertebra)}
    final = final_vertebrae()
    labels = SliceLabel.objects.filter(finding__read__in=all_reads).values_list(
        "finding__read", "finding__vertebra", "slice", "value", "p"
    )
    said: dict[tuple[int, str], dict[int, tuple[str, float | None]]] = {}
    for pk, vertebra, sop_uid, value, p in labels.iterator(chunk_size=20_000):
        row = row_of.get(final.get(vertebra, vertebra))
        if row is not None:
            said.setdefault((row, sop_uid), {})[pk] = (value, p)
    rows = sorted(slot for slot, by_read in said.items() if int(gathered.read[base, gathered.case[slot[0]]]) in by_read)
    shape = (len(gathered.columns), len(rows))
    verdict = np.full(shape, codes.ABSENT, np.int8)
    score = np.full(shape, np.nan)
    for at, (row, sop_uid) in enumerate(rows):
        for column in range(shape[0]):
            word = said[row, sop_uid].get(int(gathered.read[column, gathered.case[row]]))
            if word is None:
                continue
            verdict[column, at] = codes.FRACTURE if word[0] == SliceValue.FRACTURE else codes.NEGATIVE
            if word[1] is not None:
                score[column, at] = word[1]
    vertebra_place = np.array([row for row, _ in rows], np.int64)
    return Slices(
        sop_uid=tuple(sop_uid for _, sop_uid in rows),
        vertebra_place=vertebra_place,
        patient=gathered.patient[vertebra_place] if vertebra_place.size else vertebra_place,
        verdict=verdict,
        score=score,
    )


def _facts(cases: Sequence[int]) -> list[tuple[int, str, int]]:
    """(case, name, patient), in the order of names."""
    found = Case.objects.filter(pk__in=cases).select_related("patient").only("number", "patient__pseudonym")
    return [(case.pk, case.name, case.patient_id) for case in found.order_by("patient__pseudonym", "number")]


def _findings(reads: set[int]) -> list[tuple[int, int, str | None, str | None, float | None]]:
    """(read, vertebra, verdict, AO type, score); a vertebra that was joined to another counts as that one."""
    final = final_vertebrae()
    rows = Finding.objects.filter(read__in=reads).values_list("read", "vertebra", "verdict", "ao_body", "score")
    return [(read, final.get(vertebra, vertebra), word, body, p) for read, vertebra, word, body, p in rows]


def final_vertebrae() -> dict[int, int]:
    """Retired vertebra -> the one that it was joined to in the end."""
    rows = Vertebra.objects.filter(retired_into__isnull=False).values_list("pk", "retired_into")
    into = {vertebra: other for vertebra, other in rows if other is not None}
    final = {}
    for vertebra in into:
        last = vertebra
        while last in into:
            last = into[last]
        final[vertebra] = last
    return final


def _injuries(reads: set[int]) -> dict[tuple[int, int], int]:
    """(read, vertebra) -> B or C, of the injuries of the segments above and below it."""
    found: dict[tuple[int, int], int] = {}
    for read, upper, lower, word in SegmentInjury.objects.filter(read__in=reads).values_list(
        "read", "upper", "lower", "type"
    ):
        code = codes.C if word == SegmentType.C else codes.B
        for vertebra in (upper, lower):
            if vertebra is not None:
                found[read, vertebra] = max(code, found.get((read, vertebra), code))
    return found


def _levels(reference: dict[int, int], reads: set[int]) -> tuple[dict[int, str], dict[int, int]]:
    """Vertebra -> level and rank: by the anatomy of the reference, else by the newest one that was read."""
    final = final_vertebrae()
    truths = set(reference.values())
    pinned = dict(Read.objects.filter(pk__in=reads | truths).values_list("anatomy", "case"))
    first = set(Read.objects.filter(pk__in=truths).values_list("anatomy", flat=True))
    rows = AnatomyVertebra.objects.filter(anatomy__in=pinned).values_list("anatomy", "vertebra", "level", "rank")
    levels, ranks = {}, {}
    # The last word holds: older before newer, the reference's anatomy at the end.
    for _, vertebra, level, rank in sorted(rows, key=lambda row: (row[0] in first, row[0])):
        at = final.get(vertebra, vertebra)
        levels[at], ranks[at] = level, rank
    return levels, ranks
