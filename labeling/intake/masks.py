"""A vertebra mask becomes an anatomy: labels on the grid of the stack, body extents, outlines, and who is who."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from labeling.anatomy.bodies import MaskVertebra, bodies_only, body_extents, coverage
from labeling.anatomy.boxes import overlap
from labeling.anatomy.levels import rank
from labeling.imaging import outlines
from labeling.imaging.geometry import Geometry
from labeling.imaging.nifti import read_labels
from labeling.imaging.refusal import Refusal
from labeling.imaging.resample import check_same_patient, labels_on
from labeling.imaging.volume import LabelMap, canonical_labels
from labeling.intake import frames
from labeling.intake.jobs import Lease
from labeling.models import Anatomy, AnatomyVertebra, Case, IntakeBatch, Reader, Stack, Vertebra
from labeling.reading.roles import reader_of

__all__ = ["Attached", "attach_labels", "attach_mask", "dice_pairs", "label_map"]

#: Dice overlap of two bodies from which they are the same vertebra.
SAME_BODY = 0.5

#: Share of two boxes in common from which they are of one body. A click on the middle of a body gives 0.5 to 0.8 with
#: the mask's box, its neighbours give nothing.
SAME_BOX = 0.25

Labels = NDArray[np.uint8]


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
    digest = _digest(labels)
    before = Anatomy.objects.filter(stack=stack, source_digest=digest).first()
    if before is not None:
        return _seen_before(before)
    volume = frames.stack_volume(stack)
    check_same_patient(volume, labels)
    placed = labels_on(volume.geometry, labels)
    found = body_extents(placed, volume.geometry, _covered(stack, volume.geometry))
    if not found:
        raise Refusal("mask-empty", "No vertebra of the mask lies on a slice. Send the mask of this series.")
    map_path = frames.write_file(batch.uuid, ".npz", _packed(placed))
    outline_path = frames.write_file(batch.uuid, ".json.gz", outlines.encode(outlines.outlines(placed)))
    with transaction.atomic():
        if lease is not None:
            lease.hold()
        Case.objects.select_for_update(of=("self",)).get(pk=case.pk)
        before = Anatomy.objects.filter(stack=stack, source_digest=digest).first()
        if before is not None:
            return _seen_before(before)
        parent = Anatomy.objects.filter(case=case).order_by("-n").first()
        anatomy = Anatomy.objects.create(
            case=case,
            stack=stack,
            n=1 if parent is None else parent.n + 1,
            parent=parent,
            author=_author(batch),
            label_map=map_path,
            outlines=outline_path,
            source_digest=digest,
        )
        known = {} if parent is None else _known(case, stack, placed, volume.geometry, found)
        _store_vertebrae(anatomy, found, known)
    return Attached(anatomy, _sentence(anatomy, found))


def label_map(anatomy: Anatomy) -> Labels:
    """The labels of an anatomy on the grid of its stack, (k, r, c) uint8.

    Raises
    ------
    Refusal
        ``missing-label-map`` where the file is not there or damaged.
    """
    try:
        with np.load(frames.media_path(anatomy.label_map), allow_pickle=False) as stored:
            array: Labels = stored["labels"]
    except (OSError, ValueError, KeyError, zlib.error) as error:
        raise Refusal("missing-label-map", "The stored mask is missing or damaged. Send the mask again.") from error
    return array


def _digest(labels: LabelMap) -> str:
    """Of canonical labels and where they lie: the same mask in another orientation or compression is the same mask."""
    whole = hashlib.sha256(repr(labels.geometry.shape).encode())
    whole.update((np.round(labels.geometry.affine, 4) + 0.0).astype("<f8").tobytes())
    for plane in labels.array:
        whole.update(np.ascontiguousarray(plane, dtype="<u2").tobytes())
    return whole.hexdigest()


def _packed(labels: Labels) -> bytes:
    memory = io.BytesIO()
    np.savez_compressed(memory, labels=labels)
    return memory.getvalue()


def _covered(stack: Stack, geometry: Geometry) -> tuple[int, int, int, int, int, int] | None:
    """What the scan covered of the stack: a vertebra is cut at its border, wherever the mask ends."""
    source = stack.source.geometry
    if source is None:
        return None
    return coverage(geometry, Geometry(tuple(source["shape"]), np.array(source["affine"])))


def _author(batch: IntakeBatch) -> Reader | None:
    return None if batch.by is None else reader_of(batch.by)


def _store_vertebrae(anatomy: Anatomy, found: Sequence[MaskVertebra], known: Mapping[int, Vertebra]) -> None:
    new = [one for one in found if one.label_value not in known]
    made = Vertebra.objects.bulk_create([Vertebra(case=anatomy.case) for _ in new])
    of_label = dict(known) | {one.label_value: vertebra for one, vertebra in zip(new, made, strict=True)}
    AnatomyVertebra.objects.bulk_create(
        [
            AnatomyVertebra(
                anatomy=anatomy,
                vertebra=of_label[one.label_value],
                label_value=one.label_value,
                level=one.level,
                rank=rank(one.level),
                certainty=one.certainty,
                first_k=one.first_k,
                last_k=one.last_k,
                box=list(one.box),
                cut=one.cut,
                cut_where=one.cut_where,
                origin="segmented",
            )
            for one in found
        ]
    )


def _known(
    case: Case, stack: Stack, placed: Labels, geometry: Geometry, found: Sequence[MaskVertebra]
) -> dict[int, Vertebra]:
    """Label value → the vertebra of the case that has its body, looking from the newest anatomy back."""
    bodies: Labels | None = None
    known: dict[int, Vertebra] = {}
    taken: set[int] = set()
    for anatomy in Anatomy.objects.filter(case=case, stack=stack).exclude(label_map="").order_by("-n"):
        rows = [
            row
            for row in anatomy.vertebrae.select_related("vertebra")
            if row.vertebra_id not in taken and row.vertebra.retired_into_id is None and row.label_value
        ]
        if not rows or len(known) == len(found):
            continue
        if bodies is None:
            bodies = bodies_only(placed, geometry)
        before = bodies_only(label_map(anatomy), geometry)
        of_value = {row.label_value: row.vertebra for row in rows}
        for new, old in dice_pairs(bodies, before):
            if new not in known and old in of_value and of_value[old].pk not in taken:
                known[new] = of_value[old]
                taken.add(of_value[old].pk)
    return known | _known_by_box(case, stack, [one for one in found if one.label_value not in known], taken)


def _known_by_box(case: Case, stack: Stack, found: Sequence[MaskVertebra], taken: set[int]) -> dict[int, Vertebra]:
    """As `_known`, for bodies that somebody had placed by hand before there was a mask of them."""
    rows = AnatomyVertebra.objects.filter(
        anatomy__case=case, anatomy__stack=stack, label_value=0, vertebra__retired_into__isnull=True
    ).exclude(vertebra__in=taken)
    placed: dict[int, AnatomyVertebra] = {}
    for row in rows.select_related("vertebra").order_by("-anatomy__n", "rank"):
        placed.setdefault(row.vertebra_id, row)
    pairs = [
        (overlap(one.box, row.box), one.label_value, row.vertebra)
        for one in found
        for row in placed.values()
        if one.body_voxels
    ]
    known: dict[int, Vertebra] = {}
    for share, label, vertebra in sorted(pairs, key=lambda pair: -pair[0]):
        if share >= SAME_BOX and label not in known and vertebra not in known.values():
            known[label] = vertebra
    return known


def dice_pairs(one: Labels, other: Labels, least: float = SAME_BODY) -> list[tuple[int, int]]:
    """Pairs of labels of two maps on one grid with a Dice overlap of at least `least`, best first, each label once."""
    together = np.bincount(one.ravel().astype(np.uint16) * 256 + other.ravel(), minlength=65536).reshape(256, 256)
    sizes_one, sizes_other = together.sum(axis=1), together.sum(axis=0)
    pairs: list[tuple[float, int, int]] = []
    for a, b in np.argwhere(together):
        if a and b:
            dice = 2 * together[a, b] / (sizes_one[a] + sizes_other[b])
            if dice >= least:
                pairs.append((-float(dice), int(a), int(b)))
    chosen: dict[int, int] = {}
    for _, a, b in sorted(pairs):
        if a not in chosen and b not in chosen.values():
            chosen[a] = b
    return list(chosen.items())


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
