"""The second view: axial and coronal planes of the case that is read, and slices of the patient's earlier cases.

A plane is HU as little-endian 16-bit integers, row by row; what and where it is stands in the header X-Plane as JSON.
"""

import json
import math
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.anatomy.levels import LEVELS
from labeling.api.base import ApiView, person
from labeling.api.outputs import ErrorOut, Shape
from labeling.api.strict import StrictSerializer, query
from labeling.imaging.planes import Plane, axial_plane, coronal_plane
from labeling.intake.volumes import Preparing, volume_of
from labeling.reading.priors import prior_slice
from labeling.reading.visibility import read_for

Decorator = Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]

#: Beyond, no scanner reaches (millimetres).
FARTHEST = 1e5

HEADER = (
    "JSON: rows, columns; spacing [row, column] in mm; origin, right, down: centre of the first pixel and unit vectors "
    "[x, y, z] in LPS; position, step: where the plane lies and how far the next one is, mm; index, count: its place "
    "among the planes (axial from head to feet, coronal from front to back, sagittal from right to left); source: "
    "native or stack."
)


class Millimetres(s.FloatField):
    """A place in the patient: a number, and not one of those that are none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=-FARTHEST, max_value=FARTHEST, **options)

    def to_internal_value(self, data: Any) -> float:
        value = super().to_internal_value(data)
        if not math.isfinite(value):
            raise s.ValidationError("This is no number of millimetres.")
        return value


class AxialIn(StrictSerializer):
    z = Millimetres(help_text="LPS, mm. The nearest plane is given.")


class CoronalIn(StrictSerializer):
    y = Millimetres(help_text="LPS, mm. The nearest plane is given.")


class PriorIn(StrictSerializer):
    level = s.ChoiceField(choices=["", *LEVELS], default="", help_text="The level looked for; the nearest is given.")
    share = s.FloatField(
        min_value=0, max_value=1, default=0.5, help_text="Of the width of its body, from the patient's right to left."
    )

    def validate_share(self, value: float) -> float:
        if math.isnan(value):
            raise s.ValidationError("This is no number from 0 to 1.")
        return value


class PreparingOut(Shape):
    """The volume is being decoded; ask again."""

    preparing = s.FloatField(min_value=0, max_value=1, help_text="The share that is done.")


def _described(operation: str, asked: type[StrictSerializer], answers: dict[int, Any], more: str = "") -> Decorator:
    """What the three views have in common in the schema."""
    header = OpenApiParameter("X-Plane", str, "header", response=[200], description=HEADER + more)
    pixels: dict[Any, Any] = {(200, "application/octet-stream"): bytes}
    decorator: Decorator = extend_schema(
        operation_id=operation,
        parameters=[asked, header],
        responses={**pixels, 400: ErrorOut, 404: ErrorOut, **answers},
    )
    return decorator


#: What a volume answers besides its planes.
VOLUME_ANSWERS = {202: PreparingOut, 422: ErrorOut, 500: ErrorOut, 507: ErrorOut}


class AxialPlaneView(ApiView):
    """The axial plane of the case of a read that lies nearest to z: patient's right on the left, front above."""

    @_described("axial_plane", AxialIn, VOLUME_ANSWERS)
    def get(self, request: Request, read_id: int) -> HttpResponse:
        z = query(request, AxialIn)["z"]
        volume = volume_of(read_for(person(request), read_id).stack)
        if isinstance(volume, Preparing):
            return _preparing(volume)
        return _pixels(axial_plane(volume.array, volume.geometry, z), source=volume.kind)


class CoronalPlaneView(ApiView):
    """The coronal plane of the case of a read that lies nearest to y: patient's right on the left, head above."""

    @_described("coronal_plane", CoronalIn, VOLUME_ANSWERS)
    def get(self, request: Request, read_id: int) -> HttpResponse:
        y = query(request, CoronalIn)["y"]
        volume = volume_of(read_for(person(request), read_id).stack)
        if isinstance(volume, Preparing):
            return _preparing(volume)
        return _pixels(coronal_plane(volume.array, volume.geometry, y), source=volume.kind)


class PriorSliceView(ApiView):
    """A sagittal slice of an earlier case of the same patient, at a level."""

    @_described(
        "prior_slice",
        PriorIn,
        {500: ErrorOut},
        " And level: the one that is shown, empty where none is known; centre: [column, row] of its body.",
    )
    def get(self, request: Request, read_id: int, prior_id: int) -> HttpResponse:
        asked = query(request, PriorIn)
        user = person(request)
        found = prior_slice(user, read_for(user, read_id), prior_id, level=asked["level"], share=asked["share"])
        return _pixels(
            found.plane, source="stack", level=found.level, centre=[round(place, 2) for place in found.centre]
        )


def _preparing(volume: Preparing) -> Response:
    return Response({"preparing": round(volume.share, 4)}, status=202, headers={"Cache-Control": "no-store"})


def _pixels(plane: Plane, **more: Any) -> HttpResponse:
    rows, columns = plane.values.shape
    header = {
        "rows": rows,
        "columns": columns,
        "spacing": _rounded(plane.spacing),
        "origin": _rounded(plane.origin),
        "right": _rounded(plane.right),
        "down": _rounded(plane.down),
        "position": round(plane.position, 4) + 0.0,
        "step": round(plane.step, 6),
        "index": plane.index,
        "count": plane.count,
        **more,
    }
    response = HttpResponse(plane.values.astype("<i2", copy=False).tobytes(), content_type="application/octet-stream")
    response.headers["Content-Length"] = str(len(response.content))
    response.headers["X-Plane"] = json.dumps(header, separators=(",", ":"))
    # The stack of a read never changes. By cookie: the next person at the workstation must not be served this cache.
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    response.headers["Vary"] = "Cookie"
    return response


def _rounded(numbers: Any) -> list[float]:
    """Plain floats, without a minus before a zero."""
    return [round(float(number), 6) + 0.0 for number in numbers]
