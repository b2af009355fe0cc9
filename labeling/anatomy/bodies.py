"""What a vertebra mask says of the vertebrae of a case: where each body lies, whether it is cut, how sure its name is.

Rules that others build on
--------------------------
*Body extent*: the slices that cross the vertebral body, posterior elements off (`labeling.anatomy.corpus`).

*Cut*: the **body** touches the border of what the scan covered; at the top and the bottom within one row, because masks
often end one row short of the border, at the sides only by contact, because a body tapers over several slices there.
Size never says cut. An arch that leaves the field behind a complete body does not make it cut: reading is of the body.
Where the mask ends inside the scan nothing is cut.

*Certainty*: a level is *certain* where two anchors are in view and a chain without a gap joins it to both. Anchors are
(below) the sacrum with a complete L5 or L6, and (above) a complete C2, or C7 and T1 both complete. With one anchor, or
with none but the name that the mask gives, it is *assumed*. Ribs cannot be seen in a mask, so they are no anchor here.
A named mask is never *unknown*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from labeling.anatomy.corpus import largest_pieces, vertebral_body
from labeling.anatomy.levels import LEVELS, SACRUM, level_of, next_level, rank
from labeling.imaging.geometry import Geometry

__all__ = ["Coverage", "MaskVertebra", "bodies_only", "body_extents", "border_contact", "coverage"]

Labels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

Coverage = tuple[int, int, int, int, int, int]
"""First and last slice, row and column of a stack, inclusive, that the scan covered: (k0, k1, r0, r1, c0, c1)."""

Box = tuple[float, float, float, float, float, float]

NEAR_BORDER_ROWS = 1
"""Rows between a body and the top or bottom of the scan that still count as contact."""

MEDIAL_SHARE, FRONT_SHARE = 0.3, 0.4
"""Share of the width about the middle, and of the depth from the front, in which a body at the border is body and not
the root of a pedicle, which stands up from its rear corners."""

SLIP_MM = 5.0
"""How far behind the posterior wall of its neighbours a label at the border begins that is nothing but an arch."""


@dataclass(frozen=True, slots=True)
class MaskVertebra:
    """One vertebra of a mask.

    label_value
        Its VerSe number in the mask.
    level
        C1 ... L6.
    certainty
        ``certain``, ``assumed`` or ``unknown``.
    first_k, last_k
        Slices that cross the body, inclusive.
    box
        Body in millimetres, LPS: (x0, x1, y0, y1, z0, z1), outer borders of its voxels.
    cut, cut_where
        Whether the body leaves the scan, and where: ``top``, ``bottom``, ``left``, ``right``, ``front`` or ``back`` of
        the patient (the first of these that applies), else an empty string.
    body_voxels
        Voxels of the body on the stack's grid; 0 where only an arch is in view (then extent and box are the arch's).
    note
        A sentence where something was left out or is unusual, else empty.
    """

    label_value: int
    level: str
    certainty: str
    first_k: int
    last_k: int
    box: Box
    cut: bool
    cut_where: str
    body_voxels: int
    note: str = ""


@dataclass(frozen=True, eq=False)
class _Found:
    """A vertebra in the making: its whole label and its body, as voxel indices (n, 3) of the grid."""

    value: int
    whole: NDArray[np.intp]
    body: NDArray[np.intp]
    note: str


def coverage(geometry: Geometry, source: Geometry) -> Coverage:
    """The part of a stack's grid that lies within the voxels of the scan it was derived from.

    Parameters
    ----------
    geometry
        Of the stack, canonical.
    source
        Of the scan.

    Returns
    -------
    Inclusive index ranges of the box about the scan, clipped to the stack.
    """
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in source.shape])).reshape(3, -1).T
    indices = geometry.to_index(source.to_patient(corners))
    # A slab holds several samples: the centre of the outermost slab lies up to half a slab inside the outermost sample.
    low = np.clip(np.floor(indices.min(axis=0) + 0.5), 0, np.array(geometry.shape) - 1).astype(int)
    high = np.clip(np.ceil(indices.max(axis=0) - 0.5), 0, np.array(geometry.shape) - 1).astype(int)
    return int(low[0]), int(high[0]), int(low[1]), int(high[1]), int(low[2]), int(high[2])


def body_extents(labels: Labels, geometry: Geometry, covered: Coverage | None = None) -> list[MaskVertebra]:
    """The vertebrae of a mask on a sagittal stack, from head to feet.

    Parameters
    ----------
    labels
        (k, r, c), VerSe numbers, 0 = nothing; axes right to left, head to feet, front to back. The sacrum (26) counts
        as an anchor and is not returned.
    geometry
        Of the stack; its shape is that of `labels`.
    covered
        What the scan covered of the stack, see `coverage`; None for all of it.

    Raises
    ------
    ValueError
        where shapes differ or a value is no VerSe number; masks are checked at the door by
        `labeling.imaging.resample.check_same_patient`.
    """
    if labels.shape != geometry.shape:
        raise ValueError(f"The labels are {labels.shape}, the stack is {geometry.shape}. They must agree.")
    found = _found(labels, geometry)
    bounds = covered or (0, labels.shape[0] - 1, 0, labels.shape[1] - 1, 0, labels.shape[2] - 1)
    vertebrae = [_described(one, found, geometry, bounds) for one in found]
    return _with_certainty(vertebrae, sacrum=bool((labels == SACRUM).any()))


def bodies_only(labels: Labels, geometry: Geometry) -> Labels:
    """The labels (k, r, c) with posterior elements, crumbs and the sacrum taken off: a new array."""
    result = np.zeros_like(labels)
    for one in _found(labels, geometry):
        result[tuple(one.body.T)] = one.value
    return result


def _found(labels: Labels, geometry: Geometry) -> list[_Found]:
    found = []
    for value, region in enumerate(ndimage.find_objects(labels), start=1):
        if region is None or value == SACRUM:
            continue
        found.append(_one(value, labels[region] == value, np.array([part.start for part in region]), geometry))
    return sorted(found, key=lambda one: rank(level_of(one.value)))


def _one(value: int, mask: Mask, start: NDArray[np.intp], geometry: Geometry) -> _Found:
    level = level_of(value)
    pieces = largest_pieces(mask, geometry.spacing)
    whole = np.argwhere(pieces.mask)
    note = ""
    if pieces.left_out_mm3:
        note = (
            f"{level} is in two pieces {pieces.distance_mm:.0f} mm apart. The larger was kept, "
            f"{pieces.left_out_mm3 / 1000:.1f} ml were left out."
        )
    if level == "C1":
        # A ring without a body: what is read of it is the ring.
        return _Found(value, whole + start, whole + start, _joined(note, "C1 has no body; the whole ring is given."))
    low, high = whole.min(axis=0), whole.max(axis=0) + 1
    tight = pieces.mask[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    body = np.argwhere(vertebral_body(tight, geometry.spacing)) + low
    return _Found(value, whole + start, body + start, note)


def _described(one: _Found, found: Sequence[_Found], geometry: Geometry, bounds: Coverage) -> MaskVertebra:
    level = level_of(one.value)
    cut_where, leaves = border_contact(one.body, bounds), border_contact(one.whole, bounds)
    body, note, voxels = one.body, one.note, len(one.body)
    if leaves in ("top", "bottom") and _is_arch(one, found, geometry):
        body, cut_where, voxels = one.whole, leaves, 0
        note = f"Only the arch of {level} is in view; its body lies beyond the {leaves} of the scan."
    elif leaves and not cut_where:
        note = _joined(note, f"The arch of {level} leaves the scan at the {leaves}; its body is complete.")
    return MaskVertebra(
        label_value=one.value,
        level=level,
        certainty="assumed",
        first_k=int(body[:, 0].min()),
        last_k=int(body[:, 0].max()),
        box=_box(body, geometry),
        cut=bool(cut_where),
        cut_where=cut_where,
        body_voxels=voxels,
        note=note,
    )


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def border_contact(voxels: NDArray[np.intp], bounds: Coverage) -> str:
    """Where a body touches the border of what the scan covered: the first that applies of top, bottom, left, right,
    front and back, or an empty string.

    Parameters
    ----------
    voxels
        (n, 3) indices (k, r, c) of the body.
    """
    low, high = voxels.min(axis=0), voxels.max(axis=0)
    k0, k1, r0, r1, c0, c1 = bounds
    touches = {
        "top": _is_body(voxels[voxels[:, 1] <= r0 + NEAR_BORDER_ROWS], low, high),
        "bottom": _is_body(voxels[voxels[:, 1] >= r1 - NEAR_BORDER_ROWS], low, high),
        "left": high[0] >= k1,
        "right": low[0] <= k0,
        "front": low[2] <= c0,
        "back": high[2] >= c1,
    }
    return next((where for where, is_touched in touches.items() if is_touched), "")


def _is_body(contact: NDArray[np.intp], low: NDArray[np.intp], high: NDArray[np.intp]) -> bool:
    """Whether what touches the border, of a body from `low` to `high`, is more than the roots of its pedicles."""
    aside = np.abs(contact[:, 0] - 0.5 * (low[0] + high[0])) <= 0.5 * MEDIAL_SHARE * (high[0] - low[0])
    front = contact[:, 2] <= low[2] + FRONT_SHARE * (high[2] - low[2])
    return bool((aside | front).any())


def _is_arch(one: _Found, found: Sequence[_Found], geometry: Geometry) -> bool:
    """Whether a label at the border is an arch whose body is out of view: it lies behind the bodies next to it."""
    place = found.index(one)
    neighbours = [found[n].body for n in (place - 1, place + 1) if 0 <= n < len(found)]
    depth = float(geometry.spacing[2])
    front = float(np.percentile(one.whole[:, 2], 10)) * depth
    # Behind the posterior wall of every neighbour by more than two levels ever slip against each other.
    return bool(neighbours) and all(front > np.percentile(body[:, 2], 95) * depth + SLIP_MM for body in neighbours)


def _box(voxels: NDArray[np.intp], geometry: Geometry) -> Box:
    half = 0.5 * np.abs(geometry.affine[:3, :3]).sum(axis=1)
    points = geometry.to_patient(voxels)
    low, high = points.min(axis=0) - half, points.max(axis=0) + half
    return float(low[0]), float(high[0]), float(low[1]), float(high[1]), float(low[2]), float(high[2])


def _with_certainty(vertebrae: Sequence[MaskVertebra], sacrum: bool) -> list[MaskVertebra]:
    """*certain* for the chain without a gap that holds an anchor above and an anchor below, *assumed* for the rest."""
    complete = {one.level for one in vertebrae if not one.cut}
    present = [one.level for one in vertebrae]
    certain: set[str] = set()
    for chain in _chains(present):
        below = sacrum and chain[-1] in {"L5", "L6"} and chain[-1] in complete
        above = ("C2" in chain and "C2" in complete) or ({"C7", "T1"} <= set(chain) and {"C7", "T1"} <= complete)
        if below and above:
            certain.update(chain)
    return [replace(one, certainty="certain" if one.level in certain else "assumed") for one in vertebrae]


def _chains(present: Sequence[str]) -> list[list[str]]:
    """Runs of neighbouring levels, in order; T13 and L6 are steps only where they are present."""
    chains: list[list[str]] = []
    for level in sorted(present, key=LEVELS.index):
        if chains and next_level(chains[-1][-1], present) == level:
            chains[-1].append(level)
        else:
            chains.append([level])
    return chains
