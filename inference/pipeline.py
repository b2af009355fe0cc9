"""From the labels of a network to named vertebrae: arrays in, arrays out, no torch and no database.

Instances first, names second (`labeling.anatomy.instances`, `labeling.anatomy.naming`); what a model numbers has a
vote in the names and no more.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.anatomy.bodies import Coverage
from labeling.anatomy.fragments import LeftOut
from labeling.anatomy.instances import Instance, find_instances
from labeling.anatomy.levels import SACRUM
from labeling.anatomy.naming import Naming, name_instances, named_map
from labeling.imaging.geometry import Geometry
from labeling.imaging.refusal import Refusal
from labeling.imaging.volume import LabelMap

__all__ = ["NamedSpine", "named_spine"]

MARGIN_MM = 40.0
"""Kept about the labels: more than `labeling.anatomy.anchors` wants to see beside a body."""


@dataclass(frozen=True, eq=False)
class NamedSpine:
    """The vertebrae of a case.

    items
        From head to feet, slices counted on the grid of the labels.
    note, left_out
        As `labeling.anatomy.instances.Instances`.
    sacrum
        Whether it is in the labels.
    vertebrae, bodies
        (k, r, c) uint8 on the grid of the labels, axes right to left, head to feet, front to back: VerSe numbers,
        101, 102 ... for those without a name; the sacrum (26) in `vertebrae` only.
    """

    items: tuple[Instance, ...]
    naming: Naming
    note: str
    left_out: tuple[LeftOut, ...]
    sacrum: bool
    vertebrae: NDArray[np.uint8]
    bodies: NDArray[np.uint8]

    def plain(self) -> dict[str, Any]:
        """Everything but the arrays, as JSON holds it; `items` from head to feet."""
        items = [
            asdict(item) | {"level": name.level, "certainty": name.certainty}
            for item, name in zip(self.items, self.naming.names, strict=True)
        ]
        return {
            "items": items,
            "naming": {"note": self.naming.note, "other": list(self.naming.other)},
            "note": self.note,
            "left_out": [asdict(piece) for piece in self.left_out],
            "sacrum": self.sacrum,
        }


def named_spine(labels: LabelMap, *, kind: str, covered: Coverage | None = None, lowest: str = "L5") -> NamedSpine:
    """Instances and names of what a network labelled.

    Parameters
    ----------
    labels
        Axes right to left, head to feet, front to back; 0 = nothing, 26 = sacrum; VerSe numbers for kind ``verse``,
        else any number for a vertebra.
    kind
        ``bodies``, ``vertebrae`` or ``verse``, see `inference.segmentation.labels`.
    covered
        What the scan covered of the grid, see `labeling.anatomy.bodies.coverage`; None for all of it.
    lowest
        What the protocol says the lowest vertebra of a scan is.

    Raises
    ------
    Refusal
        ``no-vertebra`` where there is none.
    """
    # Most of a volume is no spine: all that follows is done within the box about the labels.
    box = _box(labels)
    start = np.array([side.start for side in box])
    first = covered or tuple(n for length in labels.array.shape for n in (0, length - 1))
    bounds = tuple(int(n - start[place // 2]) for place, n in enumerate(first))
    part = LabelMap(_geometry_of(labels.geometry, box), labels.array[box])
    found = find_instances(
        part,
        numbered=kind == "verse",
        bodies_only=kind == "bodies",
        covered=(bounds[0], bounds[1], bounds[2], bounds[3], bounds[4], bounds[5]),
    )
    if not found.items:
        why = found.note or "The mask is empty: no vertebra was found."
        raise Refusal("no-vertebra", f"{why} Try another model where this one does not know such scans.")
    naming = name_instances(found, whole=kind != "bodies", lowest=lowest)
    vertebrae, bodies = np.zeros(labels.array.shape, dtype=np.uint8), np.zeros(labels.array.shape, dtype=np.uint8)
    vertebrae[box], bodies[box] = named_map(found, naming), named_map(found, naming, bodies=True)
    if found.sacrum is not None:
        vertebrae[box][found.sacrum & (vertebrae[box] == 0)] = SACRUM
    shift = int(start[0])
    items = tuple(replace(one, first_k=one.first_k + shift, last_k=one.last_k + shift) for one in found.items)
    return NamedSpine(items, naming, found.note, found.left_out, found.sacrum is not None, vertebrae, bodies)


def _box(labels: LabelMap) -> tuple[slice, slice, slice]:
    """The box about what is labelled, with a margin; all of an empty map."""
    sides = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        used = np.flatnonzero(labels.array.any(axis=others))
        length = labels.array.shape[axis]
        margin = int(np.ceil(MARGIN_MM / labels.geometry.spacing[axis])) + 2
        first, last = (int(used[0]), int(used[-1])) if len(used) else (0, length - 1)
        sides.append(slice(max(0, first - margin), min(length, last + margin + 1)))
    return sides[0], sides[1], sides[2]


def _geometry_of(geometry: Geometry, box: tuple[slice, slice, slice]) -> Geometry:
    affine = geometry.affine.copy()
    affine[:3, 3] = geometry.to_patient([side.start for side in box])
    k, r, c = (side.stop - side.start for side in box)
    return Geometry((k, r, c), affine)
