"""The case that lies there on the first day: a real CT of lumbar vertebrae with its mask, public, out of a package."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from labeling.imaging.refusal import Refusal
from labeling.intake import batches
from labeling.intake.importer import import_batch
from labeling.models import Case, CaseOrigin, IntakeBatch

__all__ = ["seed_demonstration_case"]

_PACKAGE = "TPTBox"
_FOLDER = Path("tests") / "sample_ct"
_IMAGE = "sub-ct_label-22_ct.nii.gz"
_MASK = "sub-ct_seg-vert_label-22_msk.nii.gz"


def seed_demonstration_case() -> Case:
    """The demonstration case; imported the first time, found again every later time.

    Raises
    ------
    Refusal
        ``no-demonstration`` where the package that holds its images is not installed or holds them no more, or where
        they could not be imported.
    """
    there = Case.objects.filter(origin=CaseOrigin.DEMONSTRATION, anatomies__isnull=False).order_by("pk").first()
    if there is not None:
        return there
    image, mask = _files()
    batch = batches.new_batch(
        None, "Demonstration", "command", patient="demonstration", origin=CaseOrigin.DEMONSTRATION
    )
    for path in (image, mask):
        batches.add_path(batch, path)
    batches.finish_batch(batch, announce=False)
    import_batch(batch.uuid)
    case = Case.objects.filter(origin=CaseOrigin.DEMONSTRATION).order_by("pk").first()
    if case is None:
        raise Refusal("no-demonstration", _why_not(batch))
    return case


def _files() -> tuple[Path, Path]:
    # Found without importing it: the package imports half of scientific Python, and only its files are wanted.
    found = importlib.util.find_spec(_PACKAGE)
    for place in (found.submodule_search_locations or []) if found is not None else []:
        folder = Path(place) / _FOLDER
        if (folder / _IMAGE).is_file() and (folder / _MASK).is_file():
            return folder / _IMAGE, folder / _MASK
    raise Refusal(
        "no-demonstration",
        "The demonstration CT comes with the package tptbox, which is not installed. Install it, then seed again.",
    )


def _why_not(batch: IntakeBatch) -> str:
    batch.refresh_from_db()
    reasons = [batch.message, *batch.series.exclude(why="").values_list("why", flat=True)]
    return " ".join(["The demonstration CT did not come in.", *(reason for reason in reasons if reason)])
