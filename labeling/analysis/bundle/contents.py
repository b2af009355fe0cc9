"""What a scope's numbers rest on, as tables of plain rows: cases, vertebrae, reads, findings, slices and the rest.

Everything comes through the doors of the numbers themselves (`scope_of`, `reads_of`), so that a case or a read that is
closed to whoever asks is in no table. Readers are called Reader 1, Model 1, Report, Reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.contrib.auth.models import User

from labeling.analysis.columns import REFERENCE, Column, columns_of
from labeling.analysis.gather import Gathered, final_vertebrae, gather
from labeling.analysis.reading_habits import habits_of
from labeling.analysis.scope import Scope, scope_of
from labeling.analysis.segmented import segmented_rows
from labeling.cohort.stations import examinations, station_of
from labeling.models import (
    AnatomyVertebra,
    Case,
    CaseOrigin,
    Certainty,
    CohortState,
    Finding,
    InclusionReason,
    Read,
    SliceLabel,
    SliceValue,
)
from labeling.statistics.codes import AO_NAMES, VERDICT_NAMES

__all__ = ["Contents", "contents_of", "tables"]

Rows = list[Sequence[Any]]

_ACQUISITION = ("dlp", "kv", "mas", "collimation_mm", "slice_thickness", "source_rows", "source_columns")


@dataclass(frozen=True, eq=False)
class Contents:
    """The record of a scope.

    columns
        Who stands in the tables; names their keys.
    gathered
        Of the cases asked for, and of the validation cases on which thresholds of these models are chosen.
    asked
        (C,) whether the scope asks for the case.
    kept
        (R, C) whether a read of `gathered` is in the tables: outside the scope, of the reference and models alone.
    names
        Key of a column -> its pseudonym.
    rounds
        Round -> its name in the tables.
    """

    user: User
    scope: Scope
    columns: tuple[Column, ...]
    gathered: Gathered
    asked: np.ndarray
    validation: np.ndarray
    kept: np.ndarray
    names: dict[str, str]
    rounds: dict[int, str]

    def case(self, place: int) -> str:
        return self.gathered.case_names[place]

    def vertebra(self, place: int) -> str:
        return f"V{place + 1}"

    def patient(self, place: int) -> str:
        return f"P{self.gathered.patient_of_case[place] + 1}"

    def reads(self) -> dict[int, str]:
        """Read -> its name in the tables."""
        found = sorted({int(pk) for pk in self.gathered.read[self.kept]})
        return {pk: f"R{number}" for number, pk in enumerate(found, 1)}

    def shown(self) -> set[tuple[int, str]]:
        """(case, what) that whoever takes these tables knows: see `labeling.reading.exposures`."""
        what = {"reference": "truth", "person": "read", "model": "model", "report": "report"}
        cases = self.gathered.cases.tolist()
        own = f"p{getattr(getattr(self.user, 'reader', None), 'pk', 0)}"
        told = {(pk, "numbers") for pk in cases}
        for row, column in enumerate(self.gathered.columns):
            if column.key.partition("-")[0] != own:
                told |= {(cases[place], what[column.kind]) for place in np.flatnonzero(self.kept[row])}
        return told


def contents_of(user: User, scope: Scope) -> Contents:
    """The record of these cases as this person may know it.

    Raises
    ------
    Refusal
        What `scope_of` and `gather` refuse.
    """
    columns = tuple(columns_of(user, scope.cases))
    models = any(column.kind == "model" for column in columns)
    thresholds = models and any(column.key == REFERENCE for column in columns)
    held = scope_of(user, "validation").cases if thresholds else ()
    gathered = gather(user, sorted({*scope.cases, *held}), [column.key for column in columns])
    asked, validation = np.isin(gathered.cases, scope.cases), np.isin(gathered.cases, held)
    outside = np.array([column.kind in ("reference", "model") for column in gathered.columns], bool)
    kept = (gathered.read > 0) & (asked[np.newaxis, :] | outside[:, np.newaxis])
    rounds = _rounds(columns, gathered.read[kept].tolist())
    names = _pseudonyms(columns, rounds)
    return Contents(user, scope, columns, gathered, asked, validation, kept, names, rounds)


def _pseudonyms(columns: Sequence[Column], rounds: dict[int, str]) -> dict[str, str]:
    """Key -> name: people and models are numbered in the order of their keys, a single round is told beside."""
    fixed = {"reference": "Reference", "report": "Report"}
    names = {column.key: fixed[column.kind] for column in columns if column.kind in fixed}
    for kind, title in (("person", "Reader"), ("model", "Model")):
        own = [column.key[1:].partition("-") for column in columns if column.kind == kind]
        numbers = {pk: number for number, pk in enumerate(sorted({int(pk) for pk, _, _ in own}), 1)}
        for pk, dash, round_ in own:
            beside = f", {rounds[int(round_)]}" if round_ else ""
            names[f"{kind[0]}{pk}{dash}{round_}"] = f"{title} {numbers[int(pk)]}{beside}"
    return names


def _rounds(columns: Sequence[Column], reads: Sequence[int]) -> dict[int, str]:
    """Round -> its name in the tables, of all that a read stands in."""
    named = {int(column.key.partition("-")[2]) for column in columns if "-" in column.key}
    found = Read.objects.filter(pk__in=reads, round__isnull=False).values_list("round", flat=True)
    return {pk: f"Round {number}" for number, pk in enumerate(sorted(named | set(found)), 1)}


# -- tables ------------------------------------------------------------------------------------------------------------


def tables(contents: Contents) -> dict[str, Rows]:
    """Name of a file without its ending -> rows, the first one the heads."""
    pages: dict[str, Callable[[Contents], Rows]] = {
        "readers": _readers,
        "cases": _cases,
        "vertebrae": _vertebrae,
        "reads": _reads,
        "findings": _findings,
        "slices": _slices,
        "segmentation": _segmentation,
        "showings": _showings,
        "times": _times,
        "table_one": _table_one,
        "flowchart": _flowchart,
    }
    return {name: rows(contents) for name, rows in pages.items()}


def _yes(value: object) -> str:
    return "yes" if value else "no"


def _readers(c: Contents) -> Rows:
    rows = [(column.key, c.names[column.key], column.kind, _yes(column.incorporated)) for column in c.columns]
    return [("reader", "name", "kind", "incorporated"), *rows]


def _in_order(c: Contents) -> dict[int, int]:
    """Case -> 1 for the first that came in."""
    return {pk: number for number, pk in enumerate(sorted(c.gathered.cases.tolist()), 1)}


def _facts(c: Contents) -> list[Case]:
    found = {case.pk: case for case in Case.objects.filter(pk__in=c.gathered.cases.tolist()).select_related("patient")}
    return [found[pk] for pk in c.gathered.cases.tolist()]


def _cases(c: Contents) -> Rows:
    entered = _in_order(c)
    rows = [
        (
            c.case(place),
            c.patient(place),
            case.patient.split,
            _yes(case.origin == CaseOrigin.SIMULATED),
            entered[case.pk],
            _yes(c.asked[place]),
            _yes(c.validation[place]),
        )
        for place, case in enumerate(_facts(c))
    ]
    return [("case", "patient", "split", "simulated", "entered", "asked", "validation"), *rows]


def _vertebrae(c: Contents) -> Rows:
    truths = c.gathered.read[c.gathered.place(REFERENCE)] if REFERENCE in c.names else np.zeros(0, np.int64)
    anatomies = Read.objects.filter(pk__in=[int(pk) for pk in truths if pk]).values("anatomy")
    known = AnatomyVertebra.objects.filter(anatomy__in=anatomies).values_list("vertebra", "certainty")
    certain = {vertebra: _yes(word == Certainty.CERTAIN) for vertebra, word in known}
    rows = [
        (c.vertebra(place), c.case(int(case)), str(level), certain.get(int(pk), ""))
        for place, (pk, case, level) in enumerate(
            zip(c.gathered.vertebra, c.gathered.case, c.gathered.level, strict=True)
        )
    ]
    return [("vertebra", "case", "level", "certain"), *rows]


def _reads(c: Contents) -> Rows:
    names = c.reads()
    found = Read.objects.filter(pk__in=names).values_list("pk", "round", "version", "content_sha")
    known = {pk: (round_ or 0, version, sha) for pk, round_, version, sha in found}
    rows: Rows = []
    for row, column in enumerate(c.gathered.columns):
        for place in np.flatnonzero(c.kept[row]).tolist():
            pk = int(c.gathered.read[row, place])
            round_, version, sha = known[pk]
            rows.append((column.key, c.case(place), names[pk], c.rounds.get(round_, ""), version, sha))
    return [("reader", "case", "read", "round", "version", "content_sha"), *rows]


def _rows_of_reads(c: Contents) -> dict[int, int]:
    """Read -> a row of the gathered that it stands in."""
    places = zip(*(axis.tolist() for axis in np.nonzero(c.kept)), strict=True)
    # Of several, the first: a reader's own column stands before those of single rounds.
    return {int(c.gathered.read[row, place]): row for row, place in reversed(list(places))}


def _findings(c: Contents) -> Rows:
    names, final, row_of = c.reads(), final_vertebrae(), _rows_of_reads(c)
    place_of = {int(pk): place for place, pk in enumerate(c.gathered.vertebra)}
    said = Finding.objects.filter(read__in=names).values_list("read", "vertebra")
    slots = {(read, place_of[final.get(vertebra, vertebra)]) for read, vertebra in said.iterator(chunk_size=20_000)}
    rows = []
    for read, place in sorted(slots):
        row = row_of[read]
        verdict, ao, score = (table[row, place] for table in (c.gathered.verdict, c.gathered.ao, c.gathered.score))
        rows.append(
            (
                names[read],
                c.gathered.columns[row].key,
                c.vertebra(place),
                str(c.gathered.level[place]),
                VERDICT_NAMES[int(verdict)],
                AO_NAMES[int(ao)],
                float(score) if np.isfinite(score) else None,
            )
        )
    return [("read", "reader", "vertebra", "level", "verdict", "ao", "score"), *rows]


def _slices(c: Contents) -> Rows:
    """Of vertebrae whose slices the reference labels; slices are numbered from the right to the left of a vertebra."""
    heads = ("read", "vertebra", "slice", "verdict", "score")
    if REFERENCE not in c.names:
        return [heads]
    names, final = c.reads(), final_vertebrae()
    truths = set(c.gathered.read[c.gathered.place(REFERENCE)].tolist())
    place_of = {int(pk): place for place, pk in enumerate(c.gathered.vertebra)}
    fields = ("finding__read", "finding__vertebra", "slice", "slice__k", "value", "p")
    labels = SliceLabel.objects.filter(finding__read__in=names).order_by("pk").values_list(*fields)
    said: dict[tuple[int, int, str], dict[int, tuple[str, float | None]]] = {}
    for read, vertebra, uid, k, value, p in labels.iterator(chunk_size=20_000):
        place = place_of.get(final.get(vertebra, vertebra))
        if place is not None:
            said.setdefault((place, k, uid), {})[read] = (value, p)
    rows, number = [], Counter[int]()
    for (place, _, _), by_read in sorted(said.items()):
        if not truths & set(by_read):
            continue
        number[place] += 1
        for read, (value, p) in sorted(by_read.items()):
            word = "fracture" if value == SliceValue.FRACTURE else "negative"
            rows.append((names[read], c.vertebra(place), number[place], word, p))
    return [heads, *rows]


def _segmentation(c: Contents) -> Rows:
    heads = ("case", "vertebra", "state", "level", "segmented", "named_right", "source")
    if REFERENCE not in c.names:
        return [heads]
    place_of = {int(pk): place for place, pk in enumerate(c.gathered.vertebra)}
    sources: dict[str, str] = {}
    rows = []
    for row in segmented_rows(c.gathered, c.gathered.place(REFERENCE)):
        if not c.asked[row.case]:
            continue
        place = place_of.get(row.vertebra or 0)
        source = sources.setdefault(row.source, f"Source {len(sources) + 1}") if row.source else ""
        judged = (_yes(row.segmented), _yes(row.named_right)) if row.state == "in view" else ("", "")
        rows.append(
            (c.case(row.case), "" if place is None else c.vertebra(place), row.state, row.level, *judged, source)
        )
    return [heads, *rows]


def _showings(c: Contents) -> Rows:
    names = {pk: c.case(place) for place, pk in enumerate(c.gathered.cases.tolist())}
    rows: Rows = []
    for column in c.columns:
        if column.kind == "model":
            found = habits_of(c.user, c.scope, column.key).bias
            number = {read: f"S{place}" for place, read in enumerate(dict.fromkeys(row.read for row in found), 1)}
            for row in found:
                verdicts = (VERDICT_NAMES[one] for one in (row.before, row.after, row.model, row.reference))
                rows.append((column.key, number[row.read], names[row.case], row.how, *verdicts))
    return [("model", "read", "case", "how", "before", "after", "says", "truth"), *rows]


def _times(c: Contents) -> Rows:
    names = {pk: c.case(place) for place, pk in enumerate(c.gathered.cases.tolist())}
    heads = ("reader", "case", "position", "seconds", "correct", "assessed")
    rows = [
        (f"p{row.reader}", names[row.case], row.position, row.seconds, row.correct, row.assessed)
        for row in habits_of(c.user, c.scope, "").sessions
    ]
    return [heads, *rows]


def _table_one(c: Contents) -> Rows:
    entered = _in_order(c)
    heads = ("case", "patient", "number", "entered", "split", "included", "sex", "age")
    rows = [
        (
            c.case(place),
            c.patient(place),
            case.number,
            entered[case.pk],
            case.patient.split,
            _yes(case.cohort_state == CohortState.INCLUDED),
            case.patient.sex,
            case.age,
            *(getattr(case, name) for name in _ACQUISITION),
        )
        for place, case in enumerate(_facts(c))
        if c.asked[place]
    ]
    names = ("dlp", "kv", "mas", "collimation", "slice_thickness", "rows", "columns")
    return [(*heads, *names), *rows]


def _flowchart(_: Contents) -> Rows:
    """One line an examination, in the order of their ways, so that none can be told: which it is, stands nowhere.

    Patients are numbered anew, and only from the inclusion on, where the boxes count them.
    """
    ways = []
    for one in examinations():
        way = station_of(one)
        patient = one.patient if "included" in way else None
        control = one.inclusion == InclusionReason.CONTROL
        ways.append((way, patient, (one.reports, one.case is not None, one.proposed, control)))
    ways.sort(key=lambda one: (one[0], [bool(part) for part in one[2]], one[1] or 0))
    numbers: dict[int, int] = {}
    rows = [
        (
            " > ".join(way),
            "" if patient is None else f"F{numbers.setdefault(patient, len(numbers) + 1)}",
            *(_yes(part) for part in parts),
        )
        for way, patient, parts in ways
    ]
    return [("way", "patient", "report", "images", "proposed", "control"), *rows]
