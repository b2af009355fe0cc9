"""What came in, in one shape for DICOM and NIfTI: studies of persons, and their series, before anything is stored."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labeling.imaging.acquisition import Acquisition
from labeling.imaging.choice import Candidate
from labeling.imaging.geometry import Geometry
from labeling.imaging.refusal import Refusal
from labeling.imaging.volume import Volume
from labeling.models import Outcome, Series

__all__ = ["LEFT_OUT", "Arrival", "Facts", "Person", "Study", "outcome_of", "refused_row"]

#: Refusals of things that are as they should be and simply no CT volume.
LEFT_OUT = {"scout", "secondary-capture", "not-ct", "dicomdir", "dose-report", "not-dicom"}


def outcome_of(refusal: Refusal) -> Outcome:
    return Outcome.LEFT_OUT if refusal.code in LEFT_OUT else Outcome.REFUSED


@dataclass(frozen=True, slots=True)
class Person:
    """Who a study is of: the pseudonym, and what is sealed of the rest."""

    pseudonym: str
    sex: str
    identity: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the intake page shows of a series; columns of `Series`, nothing that names anyone."""

    number: int | None = None
    words: str = ""
    modality: str = "CT"
    kernel: str = ""
    orientation: str = ""
    images: int = 0
    rows: int | None = None
    columns: int | None = None
    spacing: Sequence[float] | None = None


@dataclass(eq=False)
class Arrival:
    """One series: its pseudonymised UIDs (in the order of axis 0 of its volume), its facts, and a way to its voxels.

    `read` decodes the voxels, may take seconds, and raises `Refusal`; a `refusal` is already known from the headers.
    """

    series_uid: str
    facts: Facts
    files: Sequence[str]
    read: Callable[[], Volume]
    acquisition: Callable[[], Acquisition]
    sop_uids: Sequence[str] = ()
    frame_of_reference: str = ""
    candidate: Candidate | None = None
    refusal: Refusal | None = None
    #: Compression took something from the images before they came here.
    lossy: bool = False
    identity: Mapping[str, Any] = field(default_factory=dict)

    @property
    def geometry(self) -> Geometry:
        if self.candidate is None:
            raise ValueError("A series that is refused has no geometry.")
        return self.candidate.geometry

    def row(self, **values: Any) -> Series:
        """An unsaved `Series` with the facts of this one."""
        facts = self.facts
        return Series(
            **{
                "series_uid": self.series_uid,
                "number": facts.number,
                "words": facts.words,
                "modality": facts.modality,
                "kernel": facts.kernel,
                "orientation": facts.orientation,
                "images": facts.images,
                "rows": facts.rows,
                "columns": facts.columns,
                "spacing": list(facts.spacing) if facts.spacing else None,
                "files": list(self.files),
                **values,
            }
        )


@dataclass(eq=False)
class Study:
    """One examination of one person, with its series."""

    person: Person
    study_uid: str
    study_date: datetime.date | None
    age: int | None
    origin: str
    series: list[Arrival]
    identity: Mapping[str, Any]


def refused_row(refusal: Refusal, files: Sequence[str], images: int = 0, **values: Any) -> Series:
    """An unsaved row for something that was turned away before it was a series."""
    return Series(
        outcome=outcome_of(refusal), code=refusal.code, why=refusal.sentence, files=list(files), images=images, **values
    )
