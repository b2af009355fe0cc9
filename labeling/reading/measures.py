"""Lengths and vertebral heights: points that a reader placed on a slice, and the millimetres that follow from them.

Only the points are stored. Millimetres and losses are worked out when they are shown or exported, here and in the
browser by the same steps, so that both give the same numbers to the last bit.

A point is (column, row) in pixel coordinates of its slice; 0,0 is the centre of the first pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from labeling.reading.payloads import Payload
from labeling.reading.refusals import OperationRefused

__all__ = [
    "HEIGHTS",
    "LENGTH",
    "MOST_MEASURES",
    "Heights",
    "Losses",
    "Measure",
    "heights_mm",
    "heights_of",
    "length_mm",
    "lengths_of",
    "loss_against",
    "loss_within",
    "measures_from_json",
]

LENGTH, HEIGHTS = "length", "heights"

#: Points of each kind. Those of `heights`: anterior upper, anterior lower, middle upper, middle lower, posterior upper,
#: posterior lower.
_POINTS = {LENGTH: 2, HEIGHTS: 6}

#: Measures of one vertebra in one read.
MOST_MEASURES = 20

#: Rows and Columns of a DICOM image are 16 bit (PS3.3 C.7.6.3); a point may lie on the outer edge of the last pixel.
_NEAREST, _FARTHEST = -0.5, 65535.5

Point = tuple[float, float]


@dataclass(frozen=True)
class Measure:
    """One length (2 points) or one set of vertebral heights (6 points) on one slice."""

    kind: str
    sop_uid: str
    points: tuple[Point, ...]

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "sop_uid": self.sop_uid, "points": [list(point) for point in self.points]}


@dataclass(frozen=True)
class Heights:
    """The three heights of a vertebral body in mm (Genant 1993: at the front wall, the middle and the back wall)."""

    anterior: float
    middle: float
    posterior: float


@dataclass(frozen=True)
class Losses:
    """What is missing of each height, as a share: 0.25 is a quarter lost, below 0 is taller. None: no reference."""

    anterior: float | None
    middle: float | None
    posterior: float | None


def measures_from_json(data: object) -> tuple[Measure, ...]:
    """Measures from their JSON form: a list of {"kind", "sop_uid", "points"}.

    Raises
    ------
    OperationRefused
        where the list is too long, holds two sets of heights, or a measure is not exactly of its form.
    """
    if not isinstance(data, list):
        raise OperationRefused("bad_payload", "measures must be a list.")
    if len(data) > MOST_MEASURES:
        raise OperationRefused("too_many_measures", f"A vertebra holds at most {MOST_MEASURES} measures. Delete some.")
    measures = tuple(_measure_from_json(item) for item in data)
    if sum(measure.kind == HEIGHTS for measure in measures) > 1:
        raise OperationRefused("two_heights", "A vertebra has one set of heights. Delete the other one first.")
    return measures


def _measure_from_json(data: object) -> Measure:
    payload = Payload(data, where="measure")
    kind = payload.word("kind", tuple(_POINTS))
    sop_uid, points = payload.raw("sop_uid"), payload.raw("points")
    if not isinstance(sop_uid, str):
        raise OperationRefused("bad_payload", "sop_uid of measure must be text.")
    if not isinstance(points, list) or len(points) != _POINTS[kind]:
        raise OperationRefused("bad_payload", f"points of a measure of {kind} must be a list of {_POINTS[kind]}.")
    payload.close()
    return Measure(kind, sop_uid, tuple(_point_from_json(point) for point in points))


def _point_from_json(data: object) -> Point:
    if not isinstance(data, list) or len(data) != 2:
        raise OperationRefused("bad_payload", "A point of a measure is [column, row].")
    column, row = (_coordinate(value) for value in data)
    return column, row


def _coordinate(value: object) -> float:
    """A whole hundredth of a pixel within any DICOM image; anything finer is noise of the hand, and would be text
    that no two programs write alike."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not _NEAREST <= value <= _FARTHEST:
        raise OperationRefused("bad_payload", "A point of a measure lies outside every image.")
    if round(float(value), 2) != value:
        raise OperationRefused("bad_payload", "A point of a measure has at most two decimals.")
    # Adding 0.0 turns -0.0 into 0.0: equal numbers must be equal text, because the text is hashed.
    return float(value) + 0.0


def length_mm(points: Sequence[Sequence[float]], row_spacing: float, column_spacing: float) -> float:
    """The distance of two points in mm; `row_spacing` is between rows, `column_spacing` between columns (PS3.3
    10.7.1.3)."""
    (first_column, first_row), (second_column, second_row) = points
    across = (second_column - first_column) * column_spacing
    down = (second_row - first_row) * row_spacing
    # Not math.hypot: the square root of a sum is exact IEEE arithmetic, the same in every browser.
    return math.sqrt(across * across + down * down)


def heights_mm(measure: Measure, row_spacing: float, column_spacing: float) -> Heights:
    """The three heights of a measure of the kind `heights`, in mm."""
    pairs = (measure.points[0:2], measure.points[2:4], measure.points[4:6])
    return Heights(*(length_mm(pair, row_spacing, column_spacing) for pair in pairs))


def heights_of(measures: Sequence[Measure], row_spacing: float, column_spacing: float) -> Heights | None:
    """The heights among these measures; None where there are none."""
    for measure in measures:
        if measure.kind == HEIGHTS:
            return heights_mm(measure, row_spacing, column_spacing)
    return None


def lengths_of(measures: Sequence[Measure], row_spacing: float, column_spacing: float) -> list[float]:
    """The lengths among these measures in mm, in the order in which they were placed."""
    return [length_mm(each.points, row_spacing, column_spacing) for each in measures if each.kind == LENGTH]


def loss_against(heights: Heights, neighbours: Sequence[Heights | None]) -> Losses:
    """The loss of each height against the mean of the same height of the vertebrae above and below.

    A neighbour that was not measured is None; with one neighbour it alone is the reference, without any there is none.
    """
    known = [neighbour for neighbour in neighbours if neighbour is not None]
    return Losses(
        *(
            _loss(getattr(heights, each.name), [getattr(neighbour, each.name) for neighbour in known])
            for each in fields(Heights)
        )
    )


def loss_within(heights: Heights) -> Losses:
    """The loss of the anterior and the middle height against the vertebra's own posterior height."""
    posterior = [heights.posterior]
    return Losses(_loss(heights.anterior, posterior), _loss(heights.middle, posterior), None)


def _loss(height: float, references: Sequence[float]) -> float | None:
    total = 0.0
    for reference in references:
        total += reference
    if not total:
        return None
    return 1 - height / (total / len(references))
