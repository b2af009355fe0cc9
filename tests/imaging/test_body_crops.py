"""Crops of vertebral bodies: as many millimetres for each stack, the body in the middle."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labeling.imaging.body_crops import PIXEL_MM, SIZE_MM, body_crop, place_in_crop, png
from labeling.imaging.planes import Plane

HEIGHT, WIDTH = (round(side / PIXEL_MM) for side in SIZE_MM)


def slice_of(spacing: tuple[float, float], box: tuple[float, ...], size_mm: float = 200.0) -> Plane:
    """A slice of air in which the body is 1000 HU; patient axes: rows to the feet, columns to the back."""
    rows, columns = (round(size_mm / one) for one in spacing)
    y = np.arange(columns) * spacing[1]
    z = -np.arange(rows) * spacing[0]
    inside = ((z >= box[4]) & (z <= box[5]))[:, None] & ((y >= box[2]) & (y <= box[3]))[None, :]
    values = np.where(inside, 1000, -1000).astype(np.int16)
    right, down = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, -1.0])
    return Plane(values, spacing, np.zeros(3), right, down, 0.0, 3.0, 0, 1)


@settings(deadline=None, max_examples=40)
@given(
    spacing=st.tuples(st.floats(0.3, 2.0), st.floats(0.3, 2.0)),
    middle=st.tuples(st.floats(60, 140), st.floats(-140, -60)),
)
def test_a_body_is_in_the_middle_and_as_large_whatever_the_spacing(
    spacing: tuple[float, float], middle: tuple[float, float]
) -> None:
    y, z = middle
    box = (-5.0, 5.0, y - 15, y + 15, z - 12, z + 12)
    crop = body_crop(slice_of(spacing, box), box)
    assert crop.shape == (HEIGHT, WIDTH)
    bright = np.argwhere(crop > 127)
    extent = (bright.max(axis=0) - bright.min(axis=0) + 1) * PIXEL_MM
    assert extent == pytest.approx((24, 30), abs=2 * max(spacing) + PIXEL_MM)
    assert bright.mean(axis=0) == pytest.approx(((HEIGHT - 1) / 2, (WIDTH - 1) / 2), abs=max(spacing) / PIXEL_MM + 1)


def test_a_body_at_the_border_is_black_outside_the_image() -> None:
    box = (0.0, 0.0, 0.0, 10.0, -10.0, 0.0)
    crop = body_crop(slice_of((1.0, 1.0), box), box)
    assert crop[0, 0] == 0
    assert crop[HEIGHT // 2, WIDTH // 2] > 200


def test_a_place_of_the_slice_is_found_in_the_crop() -> None:
    box = (0.0, 0.0, 90.0, 110.0, -110.0, -90.0)
    plane = slice_of((0.5, 2.0), box)
    assert place_in_crop(plane, box, 50.0, 200.0) == pytest.approx(((WIDTH - 1) / 2, (HEIGHT - 1) / 2))
    assert place_in_crop(plane, box, 51.0, 202.0) == pytest.approx(
        ((WIDTH - 1) / 2 + 2 / PIXEL_MM, (HEIGHT - 1) / 2 + 1 / PIXEL_MM)
    )


def test_the_same_crop_is_the_same_file() -> None:
    crop = np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH)
    assert png(crop) == png(crop)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(crop)))), crop)
