"""A label map brought onto a sagittal stack by geometry, and the question whether it belongs there at all.

Array shapes say nothing about where a mask lies: a mask of the same shape may be another patient's, and one of another
shape, orientation and spacing may fit to the micrometre. Only positions in the patient are compared here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .geometry import Geometry
from .refusal import Refusal
from .volume import LabelMap, Volume

__all__ = ["VERSE_NUMBERS", "check_same_patient", "check_verse_numbers", "labels_on", "overlap_fraction"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

VERSE_NUMBERS = frozenset([*range(1, 27), 28])
"""C1 to L6, the sacrum 26, and T13."""

STRAIGHT_VOXELS = 1e-3
"""Greatest drift, in voxels over the whole stack, at which two grids count as parallel."""

TIE = 1e-6
"""Slices of even slabs lie exactly between two samples; without this the rounding of floats would choose row by row."""

MOSTLY_INSIDE = 0.5
"""Share of the labelled voxels that must lie within the stack."""

AIR_HU, MOST_AIR = -200.0, 0.10
"""No bone is air; a few voxels are gas in a disc or a body (vacuum)."""

FAT_HU, MOST_FAT = -50.0, 0.30
"""Fatty marrow and noise make up to 0.12 of the core of an osteoporotic vertebra."""

DENSE_HU, LEAST_DENSE = 150.0, 0.06
"""Shell and arch: 0.5 to 0.6 of a whole vertebra, 0.14 of a spongy core alone, 0.00 to 0.03 of muscle and liver."""

ELSEWHERE_OWN, ELSEWHERE_BEST, ELSEWHERE_TIMES = 0.33, 0.42, 1.7
"""A mask lies beside its bone if its own place is below the first and another above the second and so much denser."""

HARD_HU, LEAST_HARD = 300.0, 0.12
"""A better place must be bone: enhanced kidneys and veins pass `DENSE_HU`, but hold nothing as hard as an arch."""

SEARCH_MM, SEARCH_STEP_MM = 60.0, 5.0
"""How far to the sides and to the back the better place is looked for. Not to the front: an enhanced heart lies there,
and would draw the right mask of a porous spine."""

FEWEST_VOXELS = 50
"""Below this the densities of a mask say nothing."""

_SAMPLE = 20_000
_SIDES = (("to the left of", "to the right of"), ("behind", "in front of"), ("above", "below"))


def labels_on(geometry: Geometry, labels: LabelMap) -> NDArray[np.uint8]:
    """Labels on another grid: for each voxel of `geometry` the label whose centre is nearest in the patient.

    Parameters
    ----------
    geometry
        Of the stack.
    labels
        Any orientation and spacing; labels up to 255.

    Returns
    -------
    A new array of the shape of `geometry`; 0 outside of the map. Exactly between two samples the one with the higher
    index is taken, on all rows alike.

    Raises
    ------
    Refusal
        ``mask-not-verse`` for labels over 255.
    """
    if labels.array.size and int(labels.array.max()) > 255:
        raise Refusal("mask-not-verse", f"The mask holds the number {labels.array.max()}. VerSe numbers end at 28.")
    result = np.zeros(geometry.shape, dtype=np.uint8)
    matrix = np.linalg.inv(labels.geometry.affine) @ geometry.affine
    source = _straight(matrix, geometry.shape)
    if source is not None:
        _fill_straight(result, matrix, source, labels.array)
    else:
        _fill_oblique(result, matrix, labels.array)
    return result


def overlap_fraction(geometry: Geometry, labels: LabelMap) -> float:
    """The share of the labelled voxels whose centres lie within the voxels of `geometry`; 0 for an empty map."""
    inside = total = 0
    limits = np.array(geometry.shape) - 0.5
    for points in _labelled_points(labels):
        indices = geometry.to_index(points)
        inside += int(((indices >= -0.5) & (indices <= limits)).all(axis=1).sum())
        total += len(points)
    return inside / total if total else 0.0


def check_verse_numbers(labels: LabelMap) -> None:
    """Refuse a mask whose labels do not name vertebrae.

    Raises
    ------
    Refusal
        ``mask-empty``, ``mask-not-verse`` (with the numbers), or ``mask-binary`` where everything is marked 1.
    """
    numbers = [int(value) for value in np.unique(labels.array) if value != 0]
    if not numbers:
        raise Refusal("mask-empty", "The mask is empty: it marks no vertebra. Send another mask.")
    foreign = [number for number in numbers if number not in VERSE_NUMBERS]
    if foreign:
        raise Refusal(
            "mask-not-verse",
            f"The mask holds {_listed(foreign)}, which name no vertebra. "
            "VerSe numbers are 1 to 26 (C1 to sacrum) and 28 (T13). Number the vertebrae so and send it again.",
        )
    if numbers == [1]:
        raise Refusal(
            "mask-binary",
            "The mask marks everything with 1, which would name it C1. Give each vertebra its VerSe number "
            "(20 = L1) and send it again.",
        )


def check_same_patient(stack: Volume, labels: LabelMap, name: str = "the stack") -> None:
    """Refuse a mask that does not lie on the bones of a stack.

    Parameters
    ----------
    stack
        The sagittal stack; axes (k, r, c).
    labels
        A vertebra mask.
    name
        What the stack is called in the sentence, for instance its pseudonym.

    Raises
    ------
    Refusal
        as `check_verse_numbers`; ``mask-elsewhere`` where the mask lies outside of every slice,
        ``mask-partly-outside`` where most of it does, ``mask-not-on-bone`` where it lies on air, fat or soft tissue or
        would fit better at another place. The last is lenient: it is there for the mask of another patient, not for a
        poor one.
    """
    check_verse_numbers(labels)
    share = overlap_fraction(stack.geometry, labels)
    if share == 0.0:
        raise Refusal(
            "mask-elsewhere",
            f"The mask lies {_where(stack.geometry, labels)} every slice of {name}. It may belong to another patient.",
        )
    if share < MOSTLY_INSIDE:
        raise Refusal(
            "mask-partly-outside",
            f"Only {share * 100:.0f} % of the mask lies within the slices of {name}. "
            "It may belong to another series or patient. Send the mask of this series.",
        )
    _check_bone(stack, labels, name)


# -- placing -------------------------------------------------------------------------------------------------------


def _straight(matrix: Floats, shape: tuple[int, int, int]) -> tuple[int, int, int] | None:
    """For each axis of the label map the one stack axis it runs along, or None where the grids are not parallel."""
    drift = np.abs(matrix[:3, :3]) * (np.array(shape) - 1)
    order = [int(np.argmax(np.abs(matrix[axis, :3]))) for axis in range(3)]
    for axis in range(3):
        drift[axis, order[axis]] = 0.0
    if sorted(order) != [0, 1, 2] or drift.max() > STRAIGHT_VOXELS:
        return None
    return order[0], order[1], order[2]


def _fill_straight(
    result: NDArray[np.uint8], matrix: Floats, source: tuple[int, int, int], array: NDArray[Any]
) -> None:
    """Each label axis depends on one stack axis: three short tables instead of a position per voxel."""
    picks: list[Ints] = []
    targets: list[Ints] = [np.empty(0, dtype=np.intp)] * 3
    for axis, along in enumerate(source):
        position = matrix[axis, along] * np.arange(result.shape[along]) + matrix[axis, 3]
        nearest = np.floor(position + 0.5 + TIE).astype(np.intp)
        inside = np.flatnonzero((nearest >= 0) & (nearest < array.shape[axis]))
        picks.append(nearest[inside])
        targets[along] = inside
    if any(len(target) == 0 for target in targets):
        return
    # Slice by slice, so that no second copy of the whole stack is made.
    slice_axis = source.index(0)
    order = tuple(source.index(along) for along in (0, 1, 2))
    for k, pick in zip(targets[0], picks[slice_axis], strict=True):
        chosen = [*picks]
        chosen[slice_axis] = np.array([pick])
        result[k][np.ix_(targets[1], targets[2])] = array[np.ix_(*chosen)].transpose(order)[0]


def _fill_oblique(result: NDArray[np.uint8], matrix: Floats, array: NDArray[Any]) -> None:
    """The general case, a slice at a time, within the box of the stack that the labelled part of the map can reach."""
    box = _reach(result.shape, matrix, array)
    if box is None:
        return
    k_range, r_range, c_range = box
    rows, columns = np.arange(*r_range)[:, None], np.arange(*c_range)[None, :]
    for k in range(*k_range):
        inside = np.ones((rows.size, columns.size), dtype=bool)
        nearest = []
        for axis in range(3):
            position = matrix[axis, 1] * rows + matrix[axis, 2] * columns + (matrix[axis, 0] * k + matrix[axis, 3])
            index = np.floor(position + 0.5 + TIE).astype(np.intp)
            inside &= (index >= 0) & (index < array.shape[axis])
            nearest.append(index)
        target = result[k, r_range[0] : r_range[1], c_range[0] : c_range[1]]
        target[inside] = array[nearest[0][inside], nearest[1][inside], nearest[2][inside]]


def _reach(shape: tuple[int, ...], matrix: Floats, array: NDArray[Any]) -> list[tuple[int, int]] | None:
    """Half-open ranges of stack indices that can hit a label, or None."""
    box = _labelled_box(array)
    if box is None:
        return None
    low, high = box
    corners = np.array(np.meshgrid(*zip(low - 1, high + 1, strict=True))).reshape(3, -1).T
    inverse = np.linalg.inv(matrix)
    indices = corners @ inverse[:3, :3].T + inverse[:3, 3]
    first = np.clip(np.floor(indices.min(axis=0)), 0, shape).astype(int)
    last = np.clip(np.ceil(indices.max(axis=0)) + 1, 0, shape).astype(int)
    if (first >= last).any():
        return None
    return [(int(a), int(b)) for a, b in zip(first, last, strict=True)]


def _labelled_box(array: NDArray[Any]) -> tuple[Ints, Ints] | None:
    """First and last index, inclusive, of the labelled voxels along each axis; None for an empty array."""
    low, high = [], []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        used = np.flatnonzero(array.any(axis=others))
        if not len(used):
            return None
        low.append(used[0])
        high.append(used[-1])
    return np.array(low), np.array(high)


def _labelled_points(labels: LabelMap) -> Iterator[Floats]:
    """Centres (n, 3) in mm, LPS, of the labelled voxels, plane by plane of the last axis."""
    for k in np.flatnonzero(labels.array.any(axis=(0, 1))):
        plane = np.argwhere(labels.array[:, :, k])
        yield labels.geometry.to_patient(np.column_stack([plane, np.full(len(plane), k)]))


# -- judging -------------------------------------------------------------------------------------------------------


def _listed(numbers: list[int]) -> str:
    """'the numbers 27, 41 to 50': runs shortened, ten entries at most."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    words = [str(a) if a == b else f"{a}, {b}" if b == a + 1 else f"{a} to {b}" for a, b in runs]
    shown = ", ".join(words[:10]) + (" and more" if len(words) > 10 else "")
    return f"the number{'s' if len(numbers) > 1 else ''} {shown}"


def _where(geometry: Geometry, labels: LabelMap) -> str:
    """'112 mm above': the widest gap between the boxes of mask and stack along a patient axis."""
    points = np.concatenate([np.array([p.min(axis=0), p.max(axis=0)]) for p in _labelled_points(labels)])
    corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in geometry.shape])).reshape(3, -1).T
    field = geometry.to_patient(corners)
    gaps = []
    for axis, (over, under) in enumerate(_SIDES):
        gaps.append((float(points[:, axis].min() - field[:, axis].max()), over))
        gaps.append((float(field[:, axis].min() - points[:, axis].max()), under))
    gap, word = max(gaps)
    return f"{gap:.0f} mm {word}" if gap >= 0.5 else "beside"


@dataclass(frozen=True)
class _Densities:
    """Shares of the labelled voxels that are air, fat (or air), dense bone, and hard bone."""

    air: float
    fat: float
    dense: float
    hard: float


def _check_bone(stack: Volume, labels: LabelMap, name: str) -> None:
    voxels = np.argwhere(labels_on(stack.geometry, labels))
    if len(voxels) < FEWEST_VOXELS:
        return
    sample = voxels[:: max(1, len(voxels) // _SAMPLE)]
    own = _densities(stack, sample)
    if own.air > MOST_AIR or own.fat > MOST_FAT:
        share, tissue = (own.air, "air") if own.air > MOST_AIR else (own.fat, "fat and air")
        raise Refusal(
            "mask-not-on-bone",
            f"{share * 100:.0f} % of the mask lies on {tissue} in {name}, where vertebrae should be. "
            "It may belong to another patient. Send the mask of this series.",
        )
    if own.dense < LEAST_DENSE:
        raise Refusal(
            "mask-not-on-bone",
            f"Only {own.dense * 100:.0f} % of the mask lies on dense bone in {name}: it marks soft tissue. "
            "It may belong to another patient. Send the mask of this series.",
        )
    if own.dense < ELSEWHERE_OWN:
        _check_elsewhere(stack, sample, own.dense, name)


def _check_elsewhere(stack: Volume, voxels: Ints, own: float, name: str) -> None:
    """Refuse where the same mask, moved sideways or to the back, would lie on far more bone."""
    steps = np.arange(-SEARCH_MM, SEARCH_MM + 1, SEARCH_STEP_MM)
    best, best_k, best_c = own, 0.0, 0.0
    for along_k in steps:
        for along_c in steps[steps >= 0]:
            move = np.rint(np.array([along_k, 0.0, along_c]) / stack.geometry.spacing).astype(np.intp)
            moved = voxels + move
            inside = moved[((moved >= 0) & (moved < stack.geometry.shape)).all(axis=1)]
            if not len(inside):
                continue
            there = _densities(stack, inside)
            # What is moved out of the image counts as no bone: a small corner of it proves nothing.
            share = len(inside) / len(voxels)
            if there.dense * share > best and there.hard * share >= LEAST_HARD:
                best, best_k, best_c = there.dense * share, float(along_k), float(along_c)
    if best >= ELSEWHERE_BEST and best >= ELSEWHERE_TIMES * own:
        words = []
        if best_k:
            words.append(f"{abs(best_k):.0f} mm further to the {'left' if best_k > 0 else 'right'}")
        if best_c:
            words.append(f"{best_c:.0f} mm further to the back")
        raise Refusal(
            "mask-not-on-bone",
            f"The mask lies beside the bone in {name}: it would fit {' and '.join(words)}. "
            "It may belong to another series or patient. Send the mask of this series.",
        )


def _densities(stack: Volume, voxels: Ints) -> _Densities:
    values = stack.array[voxels[:, 0], voxels[:, 1], voxels[:, 2]] * stack.slope + stack.intercept
    shares = (values < AIR_HU, values < FAT_HU, values > DENSE_HU, values > HARD_HU)
    return _Densities(*(float(share.mean()) for share in shares))
