"""Label maps on disk: the labels of a stack and, where a segmentation gave them, the bodies alone."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib

import numpy as np
from numpy.typing import NDArray

from labeling.anatomy.bodies import bodies_only
from labeling.anatomy.levels import LEVELS, SACRUM, verse_of
from labeling.imaging.refusal import Refusal
from labeling.imaging.volume import LabelMap
from labeling.intake.frames import media_path, stack_geometry
from labeling.models import Anatomy

__all__ = ["UNREADABLE", "Labels", "body_map", "label_map", "labels_digest", "labels_sha256", "packed"]

Labels = NDArray[np.uint8]

UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)
"""What numpy raises on a file of maps that is missing, cut short or something else."""

_NAMES = np.array([*(verse_of(level) for level in LEVELS), SACRUM], dtype=np.uint8)


def packed(labels: Labels, bodies: Labels | None = None) -> bytes:
    """Both maps, (k, r, c) uint8 on the grid of the stack, as one compressed file."""
    memory = io.BytesIO()
    maps = {"labels": labels} if bodies is None else {"labels": labels, "bodies": bodies}
    np.savez_compressed(memory, **maps)  # type: ignore[arg-type]
    return memory.getvalue()


def label_map(anatomy: Anatomy) -> Labels:
    """The labels of an anatomy on the grid of its stack, (k, r, c) uint8: VerSe numbers, from 101 on without a name.

    Raises
    ------
    Refusal
        ``missing-label-map`` where the file is not there or damaged.
    """
    labels = _stored(anatomy, "labels")
    if labels is None:
        raise _missing()
    return labels


def body_map(anatomy: Anatomy) -> Labels:
    """As `label_map`, with posterior elements and the sacrum taken off.

    Raises
    ------
    Refusal
        as `label_map`.
    """
    bodies = _stored(anatomy, "bodies")
    if bodies is not None:
        return bodies
    labels = label_map(anatomy)
    return bodies_only(np.where(np.isin(labels, _NAMES), labels, 0).astype(np.uint8), stack_geometry(anatomy.stack))


def labels_digest(labels: LabelMap) -> str:
    """Of canonical labels and where they lie: the same mask in another orientation or compression is the same mask."""
    whole = hashlib.sha256(repr(labels.geometry.shape).encode())
    whole.update((np.round(labels.geometry.affine, 4) + 0.0).astype("<f8").tobytes())
    for plane in labels.array:
        whole.update(np.ascontiguousarray(plane, dtype="<u2").tobytes())
    return whole.hexdigest()


def labels_sha256(labels: Labels) -> str:
    """Of a stored label map: its shape and its values, however it is compressed."""
    return hashlib.sha256(repr(labels.shape).encode() + np.ascontiguousarray(labels).tobytes()).hexdigest()


def _stored(anatomy: Anatomy, name: str) -> Labels | None:
    try:
        with np.load(media_path(anatomy.label_map), allow_pickle=False) as stored:
            array: Labels | None = stored[name] if name in stored.files else None
            return array
    except UNREADABLE as error:
        raise _missing() from error


def _missing() -> Refusal:
    return Refusal("missing-label-map", "The stored mask is missing or damaged. Send the mask again.")
