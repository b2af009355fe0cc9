"""A segmentation, asked for and stored: the volume that a model is given, and the anatomy that its result becomes.

What the model says of each vertebra (name, certainty, where the image cuts it) is taken as it is; where its body lies
is measured anew on the slices that are read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from numpy.typing import NDArray
from scipy import ndimage

from labeling.anatomy.bodies import Coverage, MaskVertebra, coverage
from labeling.anatomy.boxes import EDGES, Box
from labeling.anatomy.levels import LEVELS, verse_of
from labeling.anatomy.naming import UNNAMED
from labeling.imaging.geometry import Geometry, canonical_order
from labeling.imaging.refusal import Refusal
from labeling.imaging.resample import labels_on
from labeling.imaging.volume import LabelMap
from labeling.intake.frames import stack_geometry, write_named
from labeling.intake.label_maps import UNREADABLE, Labels, labels_digest
from labeling.intake.new_anatomies import NewAnatomy, Stored, stored_before
from labeling.intake.volumes import decode_into, uncompressed_source
from labeling.jobs import queue
from labeling.jobs.queue import Lease
from labeling.models import Case, Job, ModelState, ModelVersion, Stack
from labeling.registry.versions import active, reader_of_model

__all__ = ["Prepared", "prepare_volume", "refuse_unless_usable", "segment", "store_segmentation"]


def segment(case: Case, *, model: ModelVersion | None, by: User | None) -> Job:
    """Ask for the vertebrae of a case; asked twice it is one job and one anatomy.

    Parameters
    ----------
    model
        None for the one that is active.

    Raises
    ------
    Refusal
        ``no-stack``, ``no-model``, ``not-a-segmentation``, ``model-retired``.
    """
    stack = case.reading_stack
    if stack is None:
        raise Refusal("no-stack", "The case has no stack to segment. Send its CT first.")
    model = model or active("segmentation")
    if model is None:
        raise Refusal("no-model", "No segmentation model is active. Register one on the models page and activate it.")
    refuse_unless_usable(model)
    return queue.enqueue(
        f"segment:{stack.pk}:{model.sha256[:16]}",
        "segment",
        {"case": case.pk, "stack": stack.pk, "model": model.pk},
        title=f"Segment with {model.name}"[:120],
        case=case,
        model_version=model,
        by=by,
    )


def refuse_unless_usable(model: ModelVersion) -> None:
    """Raises a `Refusal` where a model version cannot segment: of another kind, or retired."""
    if model.kind != "segmentation" or not model.folder:
        raise Refusal("not-a-segmentation", f"{model.name} is no segmentation model. Choose another one.")
    if model.state == ModelState.RETIRED:
        raise Refusal("model-retired", f"{model.name} is retired. Choose another model, or activate it again.")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A volume that a model can be given.

    path
        Of the voxels, (k, r, c) int16 HU.
    covered
        First and last slice, row and column that the scan covered, see `labeling.anatomy.bodies.coverage`; None where
        that is not known.
    """

    path: Path
    geometry: Geometry
    covered: Coverage | None


def prepare_volume(stack: Stack, folder: Path, say: Callable[[float], None] = lambda share: None) -> Prepared:
    """Write the volume that a stack was made from as `volume.npy` in `folder`.

    HU as int16 with axes right to left, head to feet, front to back: the native volume where its frames are kept, else
    the stack. A volume that lies there whole is kept.

    Raises
    ------
    Refusal
        ``missing-pack``, ``damaged-pack`` or ``damaged-frame``.
    OSError
        where the disk is full.
    """
    source = uncompressed_source(stack)
    order, flips = canonical_order(source.geometry)
    geometry = source.geometry.permuted(order, flips)
    scan = stack.source.geometry
    covered = None if scan is None else coverage(geometry, Geometry(tuple(scan["shape"]), np.array(scan["affine"])))
    path, whole = folder / "volume.npy", folder / "volume.whole"
    if whole.is_file() and path.is_file():
        return Prepared(path, geometry, covered)
    folder.mkdir(parents=True, exist_ok=True)
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.dtype("<i2"), shape=geometry.shape)
    with path.open("r+b") as file:
        # Blocks, not a hole: a mapped hole that the disk has no room for kills the process instead of raising.
        os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
    decode_into(array, source, order, flips, say)
    array.flush()
    whole.touch()
    return Prepared(path, geometry, covered)


@dataclass(frozen=True, slots=True, eq=False)
class _Result:
    """What a model's folder holds: maps (k, r, c) on the grid of the volume, items from head to feet, and a note."""

    vertebrae: LabelMap
    bodies: LabelMap
    items: Sequence[Mapping[str, Any]]
    note: str

    @property
    def digest(self) -> str:
        whole = hashlib.sha256(b"segmentation")
        for part in (labels_digest(self.vertebrae), labels_digest(self.bodies)):
            whole.update(part.encode())
        said = [[one[name] for name in ("level", "certainty", "cut_where", "note")] for one in self.items]
        whole.update(json.dumps(said).encode())
        return whole.hexdigest()


def store_segmentation(
    lease: Lease | None, case: Case, stack: Stack, folder: Path, model: ModelVersion, geometry: Geometry
) -> Stored:
    """The anatomy that a model's result becomes; the same result again is the same anatomy.

    Parameters
    ----------
    folder
        With vertebrae.npz, bodies.npz and instances.json, as the model's process writes them.
    geometry
        Of the volume that the model was given.

    Raises
    ------
    Refusal
        ``bad-result`` where a file is missing, damaged or of another grid than the volume, ``no-vertebra`` where the
        model found none, ``beside-the-stack`` where none of it lies on a slice.
    LeaseLost
        where the job is no longer ours.
    """
    result = _read(folder, geometry)
    if not result.items:
        raise Refusal("no-vertebra", f"{model.name} found no vertebra. {result.note}".strip())
    digest = result.digest
    before = stored_before(stack, digest)
    if before is not None:
        return Stored(before, new=False)
    grid = stack_geometry(stack)
    placed, bodies = labels_on(grid, result.vertebrae), labels_on(grid, result.bodies)
    found, outside = _on_stack(result.items, placed, bodies, grid)
    if not found:
        raise Refusal("beside-the-stack", f"What {model.name} found lies beside the slices that are read.")
    note = " ".join([result.note, *outside]).strip()
    new = NewAnatomy(stack, placed, bodies, found, digest, reader_of_model(model), note)
    return new.store(lambda suffix, data: write_named(f"segmentations/{stack.pk}/{digest}{suffix}", data), lease)


def _read(folder: Path, geometry: Geometry) -> _Result:
    try:
        said = json.loads((folder / "instances.json").read_text())
        items, naming = list(said["items"]), said["naming"]
        note = " ".join(part for part in (str(naming.get("note", "")), str(said.get("note", ""))) if part)
        maps = [_map(folder / name, geometry) for name in ("vertebrae.npz", "bodies.npz")]
        for one in items:
            _check_item(one)
    except (*UNREADABLE, TypeError, AttributeError) as error:
        raise _bad("The result of the model is missing, damaged or says something that is no vertebra.") from error
    return _Result(maps[0], maps[1], items, note)


def _map(path: Path, geometry: Geometry) -> LabelMap:
    with np.load(path, allow_pickle=False) as stored:
        array: NDArray[Any] = stored["labels"]
    if array.shape != geometry.shape:
        raise _bad(f"The result of the model is {array.shape}, the volume is {geometry.shape}. They must agree.")
    return LabelMap(geometry, array)


def _check_item(one: Mapping[str, Any]) -> None:
    level, certainty = one["level"], one["certainty"]
    if (
        level not in ("", *LEVELS)
        or certainty not in ("certain", "assumed", "unknown")
        or bool(level) == (certainty == "unknown")
    ):
        raise ValueError(f"{level} {certainty}")
    if one["cut_where"] not in ("", *EDGES) or not isinstance(one["note"], str):
        raise ValueError(str(one["cut_where"]))


def _bad(what: str) -> Refusal:
    return Refusal("bad-result", f"{what} Start the job again; if it stays so, check the model.")


def _label_values(items: Sequence[Mapping[str, Any]]) -> list[int]:
    """The value of each item in the maps; as `labeling.anatomy.naming.named_map` gives them."""
    nameless, values = UNNAMED, []
    for one in items:
        nameless += not one["level"]
        values.append(verse_of(one["level"]) if one["level"] else nameless)
    return values


def _on_stack(
    items: Sequence[Mapping[str, Any]], placed: Labels, bodies: Labels, geometry: Geometry
) -> tuple[list[MaskVertebra], list[str]]:
    """The items with their extents on the slices, and a sentence for each that no slice crosses."""
    body_regions, whole_regions = ndimage.find_objects(bodies), ndimage.find_objects(placed)
    sizes = np.bincount(bodies.ravel(), minlength=256)
    found, outside = [], []
    for one, value in zip(items, _label_values(items), strict=True):
        region = _region(body_regions, value) or _region(whole_regions, value)
        if region is None:
            outside.append(f"{one['level'] or 'A vertebra'} lies beside the slices that are read and was left out.")
            continue
        found.append(
            MaskVertebra(
                label_value=value,
                level=one["level"],
                certainty=one["certainty"],
                first_k=region[0].start,
                last_k=region[0].stop - 1,
                box=_box(region, geometry),
                cut=bool(one["cut_where"]),
                cut_where=one["cut_where"],
                body_voxels=int(sizes[value]),
                note=one["note"],
            )
        )
    return found, outside


def _region(regions: Sequence[tuple[slice, ...] | None], value: int) -> tuple[slice, ...] | None:
    return regions[value - 1] if value <= len(regions) else None


def _box(region: tuple[slice, ...], geometry: Geometry) -> Box:
    """The box in mm, LPS, about the voxels of a region, outer borders included."""
    corners = np.array(np.meshgrid(*[(side.start - 0.5, side.stop - 0.5) for side in region])).reshape(3, -1).T
    points = geometry.to_patient(corners)
    (x0, y0, z0), (x1, y1, z1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return (x0, x1, y0, y1, z0, z1)
