"""What somebody knows of a case once they were shown a read of it, written down in the transaction that serves it."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef

from labeling.models import Exposure, ModelShowing, Read, Reader, ReaderKind
from labeling.reading.roles import reader_of

__all__ = ["exposure_of", "note_exposure", "note_exposures", "stood_beside_a_model"]

_EXPOSURE_OF = {
    ReaderKind.PERSON: "read",
    ReaderKind.MODEL: "model",
    ReaderKind.REPORT: "report",
    ReaderKind.PANEL: "truth",
}


def exposure_of(kind: str) -> str:
    """What the read of this kind of reader is, once shown to somebody else."""
    return _EXPOSURE_OF[ReaderKind(kind)]


def note_exposure(user: User, case_id: int, what: str) -> None:
    """Write down that this person knows `what` of a case, in the caller's transaction."""
    note_exposures(reader_of(user), [(case_id, what)])


def note_exposures(reader: Reader, shown: Iterable[tuple[int, str]]) -> None:
    """The same for several (case, what) at once; what was written before stays as it was."""
    Exposure.objects.bulk_create(
        [Exposure(reader=reader, case_id=case, what=what) for case, what in shown], ignore_conflicts=True
    )


def stood_beside_a_model(reads: Iterable[int]) -> set[int]:
    """Those of these reads whose reader was shown a model beside them, or beside an earlier version."""
    shown = ModelShowing.objects.filter(
        read__round=OuterRef("round"), read__case=OuterRef("case"), read__reader=OuterRef("reader")
    )
    return set(Read.objects.filter(Exists(shown), pk__in=reads).values_list("pk", flat=True))
