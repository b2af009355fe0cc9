"""Who stands in a table: the reference, people (their first blind read, or that of one round), models, the report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from labeling.models import (
    DatasetPatient,
    Participant,
    Read,
    Reader,
    ReaderKind,
    Reference,
    Round,
    RoundKind,
    Settles,
)
from labeling.reading.owing import TARGET
from labeling.reading.roles import AnyUser
from labeling.reading.visibility import visible_reads

__all__ = ["REFERENCE", "REPORT", "Column", "columns_of", "locked_reads", "reads_of"]

REFERENCE = "reference"
REPORT = "report"

#: Of several reads of a case by one person, their column shows that of the first of these kinds. A repeat stands only
#: in a column of its own round.
_FIRST = (RoundKind.INDEPENDENT, RoundKind.LABELLING, RoundKind.PRACTICE)


@dataclass(frozen=True)
class Column:
    """One reader of a table.

    Attributes
    ----------
    key
        'reference', 'report', 'm<reader>' (a model), 'p<reader>' (a person's first blind read of each case) or
        'p<reader>-<round>' (their reads of one round).
    label
        As printed.
    kind
        'reference', 'person', 'model', 'report'.
    reads
        How many cases of the scope it has read.
    incorporated
        Why its accuracy against the reference says little, in a plain sentence; '' where nothing speaks against it.
    """

    key: str
    label: str
    kind: str
    reads: int
    incorporated: str = ""


def locked_reads(user: AnyUser, cases: Sequence[int]) -> QuerySet[Read]:
    """The newest locked version of each read of these cases that this person may know."""
    later = Read.objects.filter(supersedes=OuterRef("pk"), state="locked")
    return visible_reads(user).filter(~Exists(later), state="locked", case__in=cases)


def reads_of(user: AnyUser, cases: Sequence[int]) -> dict[str, dict[int, int]]:
    """Column key -> case -> read, of all columns that have a read."""
    found: dict[str, dict[int, int]] = defaultdict(dict)
    rank: dict[tuple[str, int], tuple[int, int]] = {}
    visible: set[int] = set()
    rows = locked_reads(user, cases).values_list(
        "pk", "case", "reader", "reader__kind", "round", "round__kind", "reader__model_version__kind"
    )
    for pk, case, reader, kind, round_, round_kind, _ in rows.order_by("pk"):
        visible.add(pk)
        if kind == ReaderKind.MODEL:
            # A later read by the same model is of a newer anatomy.
            found[f"m{reader}"][case] = pk
        elif kind == ReaderKind.REPORT:
            found[REPORT][case] = pk
        elif kind == ReaderKind.PERSON and round_ is not None:
            found[f"p{reader}-{round_}"][case] = pk
            if round_kind in _FIRST:
                key, place = f"p{reader}", (_FIRST.index(round_kind), round_)
                if place < rank.get((key, case), (len(_FIRST), 0)):
                    rank[key, case] = place
                    found[key][case] = pk
    truths = Reference.objects.filter(case__in=cases, target=TARGET, current=True).values_list("case", "read")
    # Compared here: the names of all visible reads would make a query longer than its answer.
    found[REFERENCE] = {case: read for case, read in truths if read in visible}
    return {key: reads for key, reads in found.items() if reads}


def columns_of(user: AnyUser, cases: Sequence[int]) -> list[Column]:
    """All columns with a read of these cases: the reference, people, models, the report; most read first."""
    by_key = reads_of(user, cases)
    readers = {reader.pk: reader for reader in Reader.objects.select_related("user", "model_version")}
    rounds = dict(Round.objects.values_list("pk", "name"))
    made = _who_made_the_reference(by_key.get(REFERENCE, {}))
    trained = _trained_on(cases)
    columns = []
    for key, reads in by_key.items():
        if key == REFERENCE:
            columns.append(Column(key, "Reference", "reference", len(reads)))
        elif key == REPORT:
            columns.append(Column(key, "Clinical report", "report", len(reads)))
        elif key.startswith("m"):
            reader = readers[int(key[1:])]
            own = trained.get(reader.model_version_id or 0, 0)
            words = f"{own} of the patients {'is' if own == 1 else 'are'} in its training set." if own else ""
            columns.append(Column(key, str(reader), "model", len(reads), words))
        else:
            pk, _, round_ = key[1:].partition("-")
            name = str(readers[int(pk)])
            settled = made.get(int(pk), 0)
            words = f"Took part in the reference of {settled} of these cases." if settled else ""
            label = f"{name}, {rounds[int(round_)]}" if round_ else name
            columns.append(Column(key, label, "person", len(reads), words))
    order = {"reference": 0, "person": 1, "model": 2, "report": 3}
    return sorted(columns, key=lambda one: (order[one.kind], "-" in one.key, -one.reads, one.label))


def _who_made_the_reference(reads: dict[int, int]) -> dict[int, int]:
    """Reader -> of how many of these cases their read was settled, or they sat in the panel that settled it."""
    made: dict[int, set[int]] = defaultdict(set)
    truths = list(reads.values())
    settled = Settles.objects.filter(consensus__in=truths).values_list("read__reader", "consensus__case")
    present = Participant.objects.filter(consensus__in=truths).values_list("reader", "consensus__case")
    for reader, case in [*settled, *present]:
        made[reader].add(case)
    return {reader: len(cases) for reader, cases in made.items()}


def _trained_on(cases: Sequence[int]) -> dict[int, int]:
    """Model version -> how many patients of these cases are in its training set."""
    rows = DatasetPatient.objects.filter(patient__cases__in=cases, dataset__model_versions__isnull=False)
    found: dict[int, set[int]] = defaultdict(set)
    for version, patient in rows.values_list("dataset__model_versions", "patient"):
        found[version].add(patient)
    return {version: len(patients) for version, patients in found.items()}
