"""Asking for a case to be measured: morphometry reads every anatomy, without weights and without being asked twice.

Whoever makes or confirms an anatomy calls `ask`; `labeling.reading.opinions.morphometry` does the work.
"""

from __future__ import annotations

from django.db import transaction

from labeling.anatomy.morphometry_recipe import METHOD, recipe, recipe_sha256
from labeling.jobs.queue import enqueue
from labeling.models import Anatomy, Job, ModelState, ModelVersion, Reader, ReaderKind
from labeling.reading.opinions.model_reads import model_read_of

__all__ = ["ask", "job_key", "morphometry_reader"]

_NOTE = (
    "Heights of the vertebral bodies against those of the same patient, by rules and without weights. "
    "It sees deformity and no fracture line, and its score is not calibrated."
)


def morphometry_reader() -> Reader:
    """The reader that morphometry is, as its constants are now; made on demand, the one before it retired."""
    sha256 = recipe_sha256()
    version = ModelVersion.objects.filter(sha256=sha256).first() or _new_version(sha256)
    reader, _ = Reader.objects.get_or_create(model_version=version, defaults={"kind": ReaderKind.MODEL})
    return reader


def _new_version(sha256: str) -> ModelVersion:
    with transaction.atomic():
        all_of_them = ModelVersion.objects.filter(kind="morphometry")
        # Of several workers that come upon the new method at once, all but one find it made.
        list(all_of_them.select_for_update().order_by("pk"))
        all_of_them.filter(state=ModelState.ACTIVE).exclude(sha256=sha256).update(state=ModelState.RETIRED)
        version, _ = ModelVersion.objects.get_or_create(
            sha256=sha256,
            defaults={
                "kind": "morphometry",
                "name": f"Morphometry {METHOD}",
                "recipe": recipe(),
                "state": ModelState.ACTIVE,
                "note": _NOTE,
            },
        )
        return version


def job_key(anatomy: Anatomy) -> str:
    """What makes measuring an anatomy the same work: the anatomy and the method."""
    return f"measure:{anatomy.pk}:{recipe_sha256()[:16]}"


def ask(anatomy: Anatomy) -> Job | None:
    """The job that measures this anatomy, announced once the transaction is committed; None where it was measured.

    Calling it again gives the same job; one that failed is started again.
    """
    reader = morphometry_reader()
    if model_read_of(reader, anatomy) is not None:
        return None
    return enqueue(
        job_key(anatomy),
        "measure",
        {"anatomy": anatomy.pk},
        title=f"Measure the vertebral bodies of {anatomy.case.name}",
        case=anatomy.case,
        model_version=reader.model_version,
    )
