"""What models say of a case, outside any read: for those who oversee, on request, and written down as shown.

Which models have read a case tells no verdict; what they say does. Both stay closed to whoever owes a read of the case
in a round that hides the model from them, so that the page looks the same whether or not one has read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from labeling.models import (
    Anatomy,
    AnatomyVertebra,
    Case,
    Finding,
    ModelVersion,
    Read,
    ReaderKind,
    SliceValue,
    Why,
)
from labeling.reading.opinions.prelabels import anatomies_in_use
from labeling.reading.opinions.suggestions import Opinion, Suggested, opinion_of, standing
from labeling.reading.roles import AnyUser, may_see_all_cases
from labeling.reading.rounds import reading_anatomy
from labeling.reading.visibility import cases_before_models, note_exposure, owes_without_model

__all__ = [
    "CaseOpinion",
    "CaseReadings",
    "ModelReading",
    "VertebraOpinion",
    "VertebraRow",
    "cases_to_prelabel",
    "model_readings",
    "opinions_are_open",
    "opinions_for",
    "vertebra_rows",
]

#: The order in which opinions stand.
KINDS = ("classifier", "morphometry")
_PLACES = ("anterior", "middle", "posterior")


@dataclass(frozen=True)
class ModelReading:
    """A model version that has read an anatomy, and when. No verdict."""

    version: ModelVersion
    at: datetime


@dataclass(frozen=True)
class CaseReadings:
    """The anatomy that is read of a case, None without one, and which models have read it, the newest first."""

    anatomy: Anatomy | None
    readings: tuple[ModelReading, ...]


@dataclass(frozen=True)
class VertebraOpinion:
    """What one model says of one vertebra, beside what it measured.

    reason
        Why it was not judged, else what to know of what was said; in sentences, '' where there is nothing to add.
    losses
        (place, share of the height lost) that were measured, from front to back; a share below 0 is a gain.
    """

    said: Suggested
    reason: str
    losses: tuple[tuple[str, float], ...]
    shape: str

    @property
    def fractured(self) -> int:
        """How many of the slices that it read it calls fractured."""
        return sum(value == SliceValue.FRACTURE for value, _ in self.said.slices.values())


@dataclass(frozen=True)
class CaseOpinion:
    """What one model says of a case; `vertebrae` by the primary key of the `Vertebra`.

    rule
        From which score on, or by which rule, it calls a vertebra fractured; '' where it gave none.
    """

    opinion: Opinion
    rule: str
    vertebrae: Mapping[int, VertebraOpinion]


@dataclass(frozen=True)
class VertebraRow:
    """One line of the table: the vertebra, and what each opinion says of it, in the order of the opinions."""

    name: str
    cut: bool
    said: tuple[VertebraOpinion | None, ...]


def opinions_are_open(user: AnyUser, case: Case) -> bool:
    """Whether this person may look at what models say of a case outside any read.

    That is for those who oversee, unless a round asks them for a read of it and hides the model, as a rule or by the
    draw.
    """
    return may_see_all_cases(user) and not owes_without_model(user, case.pk)


def model_readings(user: AnyUser, case: Case) -> CaseReadings | None:
    """Which models have read a case; None where that is closed to this person."""
    if not opinions_are_open(user, case):
        return None
    anatomy = reading_anatomy(case)
    reads = [] if anatomy is None else _model_reads(anatomy)
    return CaseReadings(anatomy, tuple(ModelReading(_version(read), _at(read)) for read in reads))


def opinions_for(user: User, case: Case) -> list[CaseOpinion] | None:
    """What models say of a case, the classifier first, with the exposure that it makes; None where it is closed.

    Which of them is `labeling.reading.opinions.suggestions.standing`, as beside a read.
    """
    if not opinions_are_open(user, case):
        return None
    anatomy = reading_anatomy(case)
    if anatomy is None:
        return []
    with transaction.atomic():
        opinions = [_opinion(read) for read in standing(_model_reads(anatomy))]
        if opinions:
            note_exposure(user, case.pk, "model")
        return opinions


def vertebra_rows(case: Case, opinions: Sequence[CaseOpinion]) -> list[VertebraRow]:
    """The vertebrae of the anatomy that is read, from head to feet, with what was said of each."""
    anatomy = reading_anatomy(case)
    if anatomy is None:
        return []
    return [
        VertebraRow(
            row.level or f"vertebra {place}",
            row.cut,
            tuple(each.vertebrae.get(row.vertebra_id) for each in opinions),
        )
        for place, row in enumerate(AnatomyVertebra.objects.filter(anatomy=anatomy).order_by("rank", "pk"), 1)
    ]


def cases_to_prelabel(user: AnyUser, version: ModelVersion) -> int:
    """How many cases a classifier would read once it is activated: those with vertebrae that it has not read.

    But for those that this person is to read without the models: a number that changes would tell of them.
    """
    done = Read.objects.filter(reader__model_version=version, round__isnull=True).values("anatomy")
    waiting = anatomies_in_use().exclude(pk__in=done)
    blind = cases_before_models(user)
    return waiting.exclude(case__in=blind).values("case").distinct().count()


def _model_reads(anatomy: Anatomy) -> list[Read]:
    reads = Read.objects.filter(
        anatomy=anatomy, stack=anatomy.stack_id, state="locked", round__isnull=True, reader__kind=ReaderKind.MODEL
    )
    found = reads.select_related("reader__model_version__dataset").order_by("-locked_at", "-pk")
    return [read for read in found if _version(read).kind in KINDS]


def _opinion(read: Read) -> CaseOpinion:
    opinion, findings = opinion_of(read), list(Finding.objects.filter(read=read))
    evidence = {finding.vertebra_id: finding.evidence for finding in findings}
    said = {key: _with_evidence(one, evidence.get(key, {})) for key, one in opinion.vertebrae.items()}
    return CaseOpinion(opinion, _rule(findings), said)


def _with_evidence(said: Suggested, evidence: Mapping[str, Any]) -> VertebraOpinion:
    losses = tuple(
        (place, float(evidence[f"loss_{place}"])) for place in _PLACES if evidence.get(f"loss_{place}") is not None
    )
    why = f"{Why(said.why).label.capitalize()}." if said.why else ""
    return VertebraOpinion(said, said.reason or why, losses, str(evidence.get("shape") or ""))


def _rule(findings: Iterable[Finding]) -> str:
    for finding in findings:
        rule, least = finding.evidence.get("rule"), finding.evidence.get("threshold")
        if rule == "any slice":
            return "fracture where any slice shows one"
        if isinstance(least, int | float):
            return f"fracture from a score of {least:.2f}"
    return ""


def _version(read: Read) -> ModelVersion:
    version = read.reader.model_version
    if version is None:
        raise ValueError(f"Read {read.pk} was made by no model.")
    return version


def _at(read: Read) -> datetime:
    return read.locked_at or read.created_at
