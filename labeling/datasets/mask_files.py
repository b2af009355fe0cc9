"""A frozen mask set as files: a raw folder as nnU-Net lays it out, written case by case."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from labeling.anatomy.levels import LEVELS, SACRUM
from labeling.datasets.mask_sets import MaskRow, manifest_rows
from labeling.imaging.geometry import Geometry
from labeling.imaging.refusal import Refusal
from labeling.intake.frames import stack_volume
from labeling.intake.label_maps import Labels, body_map, label_map, labels_sha256
from labeling.jobs.queue import Lease
from labeling.models import Anatomy, Dataset

__all__ = ["class_names", "write_masks"]

_ENDING = ".nii.gz"
_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_masks(dataset: Dataset, folder: Path, lease: Lease | None = None) -> Path:
    """Write a mask set into `folder`: imagesTr, labelsTr, splits.json, and dataset.json last. What lies there is kept.

    Images and masks are on the grid of the stack that is read.

    Raises
    ------
    Refusal
        ``mask-changed`` where the record no longer holds what was frozen; as `manifest_rows`.
    LeaseLost
        where the job is no longer ours.
    """
    head, rows = manifest_rows(dataset)
    names = class_names(head, rows)
    splits: dict[str, list[str]] = {"train": [], "val": []}
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for place, row in enumerate(rows):
        if lease is not None:
            lease.say(f"Writing case {place + 1} of {len(rows)}", None)
        name = f"case_{place:04d}"
        splits[row.part].append(name)
        label_path = folder / "labelsTr" / f"{name}{_ENDING}"
        if not label_path.is_file():
            _write_case(row, head, names, folder / "imagesTr" / f"{name}_0000{_ENDING}", label_path)
    (folder / "splits.json").write_text(json.dumps([splits]))
    description = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **names},
        "numTraining": len(rows),
        "file_ending": _ENDING,
        "overwrite_image_reader_writer": "SimpleITKIO",
    }
    (folder / "dataset.json").write_text(json.dumps(description, indent=1))
    return folder


def class_names(head: Mapping[str, Any], rows: list[MaskRow]) -> dict[str, int]:
    """The classes of a set by name, numbered from 1 without a gap, as nnU-Net wants them."""
    if head["masks"] == "verse":
        used = {level for row in rows for level in row.levels.values()}
        names = [level for level in LEVELS if level in used]
    else:
        names = ["body" if head["masks"] == "bodies" else "vertebra"]
    if head["sacrum"]:
        names.append("sacrum")
    return {name: number for number, name in enumerate(names, start=1)}


def _write_case(
    row: MaskRow, head: Mapping[str, Any], names: Mapping[str, int], image_path: Path, label_path: Path
) -> None:
    anatomy = (
        Anatomy.objects.filter(case__study_uid=row.case, n=row.anatomy, stack__series_uid=row.stack)
        .select_related("stack")
        .first()
    )
    whole = None if anatomy is None else label_map(anatomy)
    if anatomy is None or whole is None or labels_sha256(whole) != row.labels:
        raise Refusal("mask-changed", "The record no longer holds a mask of this set as it was. Freeze the set again.")
    labels = _classes(row, head, names, whole, body_map(anatomy) if head["masks"] == "bodies" else whole)
    volume = stack_volume(anatomy.stack)
    hounsfield = np.clip(np.rint(volume.hu()), -32768, 32767).astype(np.int16)
    _write(image_path, hounsfield, volume.geometry)
    _write(label_path, labels, volume.geometry)  # last: with it the case is complete


def _classes(
    row: MaskRow, head: Mapping[str, Any], names: Mapping[str, int], whole: Labels, shown: Labels
) -> NDArray[np.uint8]:
    """The labels of a case as classes. What a person has taken out of the anatomy is background; names are theirs."""
    table = np.zeros(256, dtype=np.uint8)
    for value, level in row.levels.items():
        table[int(value)] = names[level] if head["masks"] == "verse" else 1
    classes: NDArray[np.uint8] = table[shown]
    if "sacrum" in names:
        classes[(whole == SACRUM) & (classes == 0)] = names["sacrum"]
    return classes


def _write(path: Path, array: NDArray[Any], geometry: Geometry) -> None:
    """A (k, r, c) array as NIfTI, whole or not at all."""
    image: Any = nibabel.Nifti1Image(np.ascontiguousarray(array), _TO_RAS @ geometry.affine)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")
    part = path.with_name(f"part-{path.name}")
    with gzip.open(part, "wb", compresslevel=1) as file:
        file.write(image.to_bytes())
    os.replace(part, path)
