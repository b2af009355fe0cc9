"""A vertebra mask becomes an anatomy: labels on the grid of the stack, body extents, outlines, and who is who."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from labeling.anatomy.bodies import MaskVertebra, body_extents, coverage
from labeling.imaging.geometry import Geometry
from labeling.imaging.nifti import read_labels
from labeling.imaging.refusal import Refusal
from labeling.imaging.resample import check_same_patient, labels_on
from labeling.imaging.volume import LabelMap, canonical_labels
from labeling.intake import frames
from labeling.intake.label_maps import label_map, labels_digest
from labeling.intake.new_anatomies import NewAnatomy, stored_before
from labeling.jobs.queue import Lease
from labeling.models import Anatomy, Case, IntakeBatch, Reader, Stack
from labeling.reading.roles import reader_of

__all__ = ["Attached", "attach_labels", "attach_mask", "label_map"]


@dataclass(frozen=True, slots=True)
class Attached:
    """The anatomy a mask became, and the sentence that says so."""

    anatomy: Anatomy
    sentence: str


def attach_mask(case: Case, path: Path, *, batch: IntakeBatch, lease: Lease | None = None) -> Anatomy:
    """Read a NIfTI mask with VerSe numbers and attach it to a case; see `attach_labels`."""
    return attach_labels(case, read_labels(path), batch=batch, lease=lease).anatomy


def attach_labels(case: Case, labels: LabelMap, *, batch: IntakeBatch, lease: Lease | None = None) -> Attached:
    """A new anatomy of a case from a label map, on the stack that is read.

    The first one names new vertebrae. A later one finds the known vertebrae by the overlap of their bodies, whatever
    they are called; what overlaps with none is a new vertebra. The same mask again gives the anatomy it gave before.

    Parameters
    ----------
    batch
        Under whose folder the files are written; its sender is the author.
    lease
        Of the job that does this; held while rows are written.

    Raises
    ------
    Refusal
        ``no-stack``; from `check_same_patient` where the mask lies elsewhere; ``mask-empty`` where none of it is on a
        slice.
    """
    stack = case.reading_stack
    if stack is None:
        raise Refusal("no-stack", "The case has no stack to place a mask on. Send its CT first.")
    # A slab of an even number of samples lies exactly between two: which of them names it must not hang on the order in
    # which a file stores its voxels.
    labels = canonical_labels(labels)
    digest = labels_digest(labels)
    before = stored_before(stack, digest)
    if before is not None:
        return _seen_before(before)
    volume = frames.stack_volume(stack)
    check_same_patient(volume, labels)
    placed = labels_on(volume.geometry, labels)
    found = body_extents(placed, volume.geometry, _covered(stack, volume.geometry))
    if not found:
        raise Refusal("mask-empty", "No vertebra of the mask lies on a slice. Send the mask of this series.")
    new = NewAnatomy(stack=stack, labels=placed, bodies=None, vertebrae=found, digest=digest, author=_author(batch))
    stored = new.store(partial(frames.write_file, batch.uuid), lease)
    return Attached(stored.anatomy, _sentence(stored.anatomy, found)) if stored.new else _seen_before(stored.anatomy)


def _covered(stack: Stack, geometry: Geometry) -> tuple[int, int, int, int, int, int] | None:
    """What the scan covered of the stack: a vertebra is cut at its border, wherever the mask ends."""
    source = stack.source.geometry
    if source is None:
        return None
    return coverage(geometry, Geometry(tuple(source["shape"]), np.array(source["affine"])))


def _author(batch: IntakeBatch) -> Reader | None:
    return None if batch.by is None else reader_of(batch.by)


def _sentence(anatomy: Anatomy, found: Sequence[MaskVertebra]) -> str:
    count = (
        f"{len(found)} vertebrae, {found[0].level} to {found[-1].level}"
        if len(found) > 1
        else f"1 vertebra, {found[0].level}"
    )
    notes = [one.note for one in found if one.note]
    return " ".join([f"{count}. Anatomy version {anatomy.n}.", *notes])


def _seen_before(anatomy: Anatomy) -> Attached:
    return Attached(anatomy, f"Seen before: this mask is anatomy version {anatomy.n} already.")
