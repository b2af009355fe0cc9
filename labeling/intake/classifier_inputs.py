"""What a classifier is given of a case: its stack as HU on disk, its label map, and where each body lies.

The one way from the record to `labeling.imaging.vertebral_slices`, for pre-labels and for training sets alike: what a
network is trained on is what it is asked about.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labeling.imaging.geometry import Geometry
from labeling.imaging.refusal import Refusal
from labeling.imaging.vertebral_slices import BodyPlace
from labeling.intake.label_maps import label_map
from labeling.intake.volumes import decode_into, stack_source
from labeling.models import Anatomy, Stack

__all__ = ["ClassifierInput", "body_places", "prepare_input", "prepare_stack"]


@dataclass(frozen=True, slots=True)
class ClassifierInput:
    """The files of a case, ready for `labeling.imaging.vertebral_slices.vertebral_slices`.

    volume
        .npy, (k, r, c) int16 HU of the stack.
    labels
        .npy, (k, r, c) uint8 on the same grid; None where the anatomy has no mask.
    bodies
        From head to feet; the key of each is the number of its `Vertebra`.
    """

    volume: Path
    labels: Path | None
    geometry: Geometry
    bodies: list[BodyPlace]


def prepare_input(anatomy: Anatomy, folder: Path, say: Callable[[float], None] = lambda share: None) -> ClassifierInput:
    """Write stack and label map of an anatomy into `folder`; a volume that lies there whole is kept.

    Raises
    ------
    Refusal
        ``no-anatomy`` for an anatomy without vertebrae, ``missing-label-map``, ``mask-of-another-geometry``, and those
        of `prepare_stack`.
    OSError
        where the disk is full.
    """
    bodies = body_places(anatomy)
    if not bodies:
        raise Refusal(
            "no-anatomy",
            "This case has no vertebrae yet. Segment it, send a mask or place its vertebrae by hand first.",
        )
    volume, geometry = prepare_stack(anatomy.stack, folder, say)
    return ClassifierInput(volume, _labels(anatomy, folder, geometry), geometry, bodies)


def prepare_stack(
    stack: Stack, folder: Path, say: Callable[[float], None] = lambda share: None
) -> tuple[Path, Geometry]:
    """Write the HU of a stack as `stack.npy` in `folder`, a chunk of slices at a time; one that lies there is kept.

    Returns
    -------
    path, geometry
        of (k, r, c) int16 HU; right to left, head to feet, front to back.

    Raises
    ------
    Refusal
        ``missing-pack``, ``damaged-pack`` or ``damaged-frame``.
    OSError
        where the disk is full.
    """
    source = stack_source(stack)
    path, part = folder / "stack.npy", folder / "stack.npy.part"
    if path.is_file():
        return path, source.geometry
    folder.mkdir(parents=True, exist_ok=True)
    array = np.lib.format.open_memmap(part, mode="w+", dtype=np.dtype("<i2"), shape=source.geometry.shape)
    with part.open("r+b") as file:
        # Blocks, not a hole: a mapped hole that the disk has no room for kills the process instead of raising.
        os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
    # As it is: a stack runs right to left, head to feet, front to back already.
    decode_into(array, source, (0, 1, 2), (False, False, False), say)
    array.flush()
    os.replace(part, path)
    return path, source.geometry


def body_places(anatomy: Anatomy) -> list[BodyPlace]:
    """Where an anatomy says that its vertebral bodies lie, from head to feet."""
    return [
        BodyPlace(
            key=row.vertebra_id,
            level=row.level,
            label_value=row.label_value,
            first_k=row.first_k,
            last_k=row.last_k,
            box=tuple(row.box),
            cut=row.cut,
            mask_ok=row.mask_ok or None,
        )
        for row in anatomy.vertebrae.order_by("rank", "pk")
    ]


def _labels(anatomy: Anatomy, folder: Path, geometry: Geometry) -> Path | None:
    if not anatomy.label_map:
        return None
    labels = label_map(anatomy)
    if labels.shape != geometry.shape:
        raise Refusal(
            "mask-of-another-geometry",
            f"The stored mask is {labels.shape}, the stack is {geometry.shape}. Send the mask of this series again.",
        )
    path = folder / "labels.npy"
    np.save(path, labels)
    return path
