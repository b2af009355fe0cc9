"""What a person says of the vertebrae of a case, checked before it becomes a version of the anatomy.

Nothing here is put right silently: a list that cannot be is refused with a sentence that names the vertebra.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isfinite

from labeling.anatomy.boxes import EDGES, Box, centre_of, extent_of, nearest_edge
from labeling.anatomy.numbering import MOST_VERTEBRAE, order_problem
from labeling.imaging.geometry import Geometry
from labeling.imaging.refusal import Refusal

__all__ = ["LARGEST_SIDE_MM", "SMALLEST_SIDE_MM", "Placed", "checked"]

SMALLEST_SIDE_MM, LARGEST_SIDE_MM = 3.0, 200.0
"""Sides of a box that a hand has drawn. A mask may hold the last row of a cut body, so it may be lower than that."""


@dataclass(frozen=True, slots=True)
class Placed:
    """One vertebra as a person leaves it.

    vertebra
        Its identity, None for one that was not there before.
    level, certainty
        C1 ... L6 and ``certain`` or ``assumed``; '' and ``unknown``.
    first_k, last_k
        Slices that cross the body, inclusive.
    box
        Of the body; None leaves the one that a mask gave.
    cut, cut_where
        Whether the body leaves the image, and at which of `labeling.anatomy.boxes.EDGES`; '' lets the box say.
    mask_ok
        ``yes``, ``no``, ``missing``, or None where nobody has looked.
    origin
        ``segmented`` or ``by_hand``.
    """

    vertebra: int | None
    level: str
    certainty: str
    first_k: int
    last_k: int
    box: Box | None
    cut: bool
    cut_where: str
    mask_ok: str | None
    origin: str


def checked(placed: Sequence[Placed], geometry: Geometry) -> tuple[Placed, ...]:
    """The same vertebrae, from head to feet, once they can be those of one person on this stack.

    Where a vertebra is cut without a word of where, the border nearest to its box is added.

    Parameters
    ----------
    placed
        From head to feet, every one with its box.
    geometry
        Of the stack, canonical: slices right to left, rows head to feet, columns front to back.

    Raises
    ------
    Refusal
        ``no-vertebra``, ``too-many-vertebrae``, ``vertebra-twice``, ``level-order``, ``certainty``, ``extent``,
        ``no-box``, ``box``, ``order``, ``cut``, ``mask-ok``.
    """
    if not placed:
        raise Refusal("no-vertebra", "An anatomy holds at least one vertebra. Place one first.")
    if len(placed) > MOST_VERTEBRAE:
        raise Refusal(
            "too-many-vertebrae",
            f"{len(placed)} vertebrae are more than a spine has. At most {MOST_VERTEBRAE} fit, C1 to L6.",
        )
    known = [one.vertebra for one in placed if one.vertebra is not None]
    if len(set(known)) < len(known):
        raise Refusal("vertebra-twice", "One vertebra stands twice in the list. Load the anatomy again.")
    if problem := order_problem([one.level for one in placed]):
        raise Refusal("level-order", problem)
    result = tuple(_checked(one, place, geometry) for place, one in enumerate(placed))
    _check_order(result, geometry)
    return result


def _name(one: Placed, place: int) -> str:
    return one.level or f"Vertebra {place + 1} from the top"


def _checked(one: Placed, place: int, geometry: Geometry) -> Placed:
    name = _name(one, place)
    if bool(one.level) == (one.certainty == "unknown"):
        raise Refusal(
            "certainty",
            f"{name} has a name, so it is certain or assumed."
            if one.level
            else f"{name} has no name, so its level is unknown.",
        )
    box = _checked_box(one, name, geometry)
    _check_extent(one, box, name, geometry)
    if one.cut_where and not one.cut:
        raise Refusal("cut", f"{name} is complete, so it is cut nowhere. Say that it is cut, or leave the border out.")
    if one.cut_where not in ("", *EDGES):
        raise Refusal("cut", f"{name} is cut at {one.cut_where!r}. It is one of {', '.join(EDGES)}.")
    if one.mask_ok == "yes" and one.origin == "by_hand":
        raise Refusal("mask-ok", f"{name} was placed by hand, so there is no mask of it to be right.")
    return replace(one, cut_where=nearest_edge(box, geometry)) if one.cut and not one.cut_where else one


def _check_extent(one: Placed, box: Box, name: str, geometry: Geometry) -> None:
    slices = geometry.shape[0]
    if not 0 <= one.first_k <= one.last_k:
        raise Refusal("extent", f"The first slice of {name} comes after its last. Set them the other way round.")
    if one.last_k >= slices:
        raise Refusal(
            "extent",
            f"{name} is said to reach slice {one.last_k + 1}, but there are {slices}. Set its last slice anew.",
        )
    first, last = extent_of(box, geometry)
    if one.last_k < first or one.first_k > last:
        raise Refusal(
            "extent",
            f"The box of {name} lies on slices {first + 1} to {last + 1}, but it is said to cross slices "
            f"{one.first_k + 1} to {one.last_k + 1}. Move the box or set the slices.",
        )


def _checked_box(one: Placed, name: str, geometry: Geometry) -> Box:
    if one.box is None:
        raise Refusal("no-box", f"{name} was placed by hand and needs a box. Click the centre of its body.")
    if not all(isfinite(side) for side in one.box):
        raise Refusal("box", f"The box of {name} holds a value that is not a number. Place it again.")
    sides = [one.box[end] - one.box[end - 1] for end in (1, 3, 5)]
    smallest = SMALLEST_SIDE_MM if one.origin == "by_hand" else 0.0
    if min(sides) <= 0 or min(sides) < smallest:
        raise Refusal(
            "box", f"The box of {name} is {min(sides):.1f} mm thin. A body measures {SMALLEST_SIDE_MM:.0f} mm and more."
        )
    if max(sides) > LARGEST_SIDE_MM:
        raise Refusal("box", f"The box of {name} is {max(sides):.0f} mm long. No body is. Pull it to the body's size.")
    index = geometry.to_index(centre_of(one.box))
    if any(at < -0.5 or at > count - 0.5 for at, count in zip(index.tolist(), geometry.shape, strict=True)):
        raise Refusal("box", f"The box of {name} lies outside of the image. Place it on the body.")
    return one.box


def _check_order(placed: Sequence[Placed], geometry: Geometry) -> None:
    """A body whose middle stands above the top of the one before it is in the wrong place of the list."""
    for place, (above, below) in enumerate(pairwise(placed)):
        if above.box is None or below.box is None:
            continue
        x, y, _ = centre_of(above.box)
        top = float(geometry.to_index((x, y, above.box[5]))[1])
        if float(geometry.to_index(centre_of(below.box))[1]) < top:
            raise Refusal(
                "order",
                f"{_name(below, place + 1)} lies above {_name(above, place)}. The list runs from head to feet: "
                "change the names or the order.",
            )
