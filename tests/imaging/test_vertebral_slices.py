"""Vertebral slices: what is kept, where the crops lie, and that their values are the ones that a recipe promises."""

from __future__ import annotations

import io
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labeling.imaging.geometry import Geometry
from labeling.imaging.vertebral_recipes import PAPER_SLICES, SAGITTAL_SLICES, SliceRecipe, kept_slices
from labeling.imaging.vertebral_slices import BodyPlace, VertebralSlices, vertebral_slices

LOW, HIGH = -200.0, 1000.0


def stack_geometry(shape, spacing=(3.0, 0.6, 0.6), turn_deg=0.0, shear=0.0) -> Geometry:
    """Right to left, head to feet, front to back; turned about the left-right axis, or with columns leaning upward."""
    angle = np.deg2rad(turn_deg)
    k = np.array([1.0, 0, 0])
    r = np.array([0, np.sin(angle), -np.cos(angle)])
    c = np.array([0, np.cos(angle), np.sin(angle)])
    c = (c - shear * r) / np.linalg.norm(c - shear * r)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = k * spacing[0], r * spacing[1], c * spacing[2]
    affine[:3, 3] = (-40.0, -90.0, 120.0)
    return Geometry(shape, affine)


def box_of(geometry: Geometry, k, r, c) -> tuple[float, ...]:
    """The box in mm about the outer borders of voxels, as `bodies` makes it."""
    voxels = np.array(np.meshgrid(k, r, c)).reshape(3, -1).T
    half = 0.5 * np.abs(geometry.affine[:3, :3]).sum(axis=1)
    points = geometry.to_patient(voxels)
    low, high = points.min(axis=0) - half, points.max(axis=0) + half
    return tuple(float(v) for pair in zip(low, high, strict=True) for v in pair)


def body_in(geometry: Geometry, k=(5, 14), r=(40, 80), c=(50, 100), **more) -> tuple[BodyPlace, np.ndarray]:
    labels = np.zeros(geometry.shape, dtype=np.uint8)
    labels[k[0] : k[1] + 1, r[0] : r[1] + 1, c[0] : c[1] + 1] = 22
    place = BodyPlace(7, "L3", 22, *k, box_of(geometry, k, r, c), **more)
    return place, labels


def one(hounsfield, geometry, body, labels, recipe: SliceRecipe = SAGITTAL_SLICES) -> VertebralSlices:
    return vertebral_slices(hounsfield, geometry, [body], labels, recipe)[0]


def noisy(shape, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-300, 1500, shape, dtype=np.int16)


@st.composite
def placed(draw):
    """A stack and a body within it."""
    shape = draw(st.tuples(st.integers(1, 30), st.integers(20, 120), st.integers(20, 120)))
    spacing = (draw(st.floats(0.5, 5)), draw(st.floats(0.25, 2.5)), draw(st.floats(0.25, 2.5)))
    geometry = stack_geometry(shape, spacing, draw(st.floats(-25, 25)), draw(st.sampled_from([0.0, 0.0, 0.1, -0.2])))
    spans = [sorted((draw(st.integers(0, n - 1)), draw(st.integers(0, n - 1)))) for n in shape]
    return geometry, *body_in(geometry, *spans)


@settings(max_examples=60, deadline=None)
@given(placed(), st.sampled_from([PAPER_SLICES, SAGITTAL_SLICES]))
def test_every_kept_slice_is_inside_the_body_and_the_crop_holds_it_with_its_margin(given_, recipe) -> None:
    geometry, body, labels = given_
    hounsfield = noisy(geometry.shape)
    before = hounsfield.copy(), labels.copy()
    found = one(hounsfield, geometry, body, labels, recipe)
    assert (hounsfield == before[0]).all()
    assert (labels == before[1]).all()
    width = body.last_k - body.first_k + 1
    expected = width - 10 if recipe is PAPER_SLICES else width - 2 * min(int(width * 0.2 + 1e-9), (width - 3) // 2)
    if width < (11 if recipe is PAPER_SLICES else 3):
        assert (found.why, len(found.images)) == ("no_slice", 0)
        assert found.reason.startswith("Too few slices: ")
        return
    assert found.why == ""
    assert len(found.ks) == expected
    assert found.ks[0] - body.first_k == body.last_k - found.ks[-1], "the same on both sides"
    assert (np.diff(found.ks) == 1).all()
    assert found.images.shape == (expected, len(recipe.channels), recipe.canvas, recipe.canvas)
    assert found.images.dtype == np.uint8
    check_margin(found, geometry, labels, recipe)


def check_margin(found: VertebralSlices, geometry: Geometry, labels: np.ndarray, recipe: SliceRecipe) -> None:
    """The border of the crop lies its margin beyond the body, unless image or canvas end before."""
    frame = found.frame
    assert frame is not None
    assert frame.pixel_mm[0] == pytest.approx(frame.pixel_mm[1], rel=2e-3), "square"
    top, left, height, width = frame.content
    edges = np.array([(y, x, 1.0) for y in (top - 0.5, top + height - 0.5) for x in (left - 0.5, left + width - 0.5)])
    index = edges @ frame.affine.T
    voxels = np.argwhere(labels.any(axis=0))
    sheared = geometry.is_sheared()
    for axis, size in ((0, height), (1, width)):
        low, high = voxels[:, axis].min() - 0.5, voxels[:, axis].max() + 0.5
        step = geometry.spacing[axis + 1]
        margin = recipe.margin_mm or recipe.margin_px * frame.pixel_mm[axis]
        if size >= recipe.canvas:
            continue
        before, after = (low - index[:, axis].min()) * step, (index[:, axis].max() - high) * step
        slack = 1.5 * frame.pixel_mm[axis]
        if recipe.margin_px is None:
            assert before >= margin - 1e-6 or sheared
            assert after >= margin - 1e-6 or sheared
            assert abs(before - after) < 1e-6, "the body in the middle"
        else:
            # At the border of the image made square, which runs from the first to the last centre of its voxels.
            first, last = index[:, axis].min() * step, (geometry.shape[axis + 1] - 1 - index[:, axis].max()) * step
            assert before >= margin - slack or first <= slack
            assert after >= margin - slack or last <= slack
        assert sheared or max(before, after) <= margin + slack


@settings(max_examples=40, deadline=None)
@given(st.floats(0.3, 0.6), st.floats(0.3, 0.6), st.floats(-30, 30), st.sampled_from([0.0, 0.2, -0.3]))
def test_a_crop_shows_every_point_of_the_patient_where_its_frame_says(row_mm, column_mm, turn, shear) -> None:
    geometry = stack_geometry((12, 120, 130), (3.0, row_mm, column_mm), turn, shear)
    body, labels = body_in(geometry, (3, 8), (40, 70), (50, 90))
    points = geometry.to_patient(np.argwhere(np.ones(geometry.shape, dtype=bool))).reshape(*geometry.shape, 3)
    for axis, scale in ((1, 4.0), (2, 4.0)):
        middle = points[..., axis].mean()
        ramp = ((points[..., axis] - middle) * scale + 400).astype(np.float32)
        found = one(ramp, geometry, body, labels)
        frame = found.frame
        top, left, height, width = frame.content
        y, x = np.meshgrid(np.arange(top, top + height), np.arange(left, left + width), indexing="ij")
        index = np.stack([y, x, np.ones_like(y)], axis=-1) @ frame.affine.T
        whole = np.concatenate([np.full((*y.shape, 1), float(found.ks[0])), index], axis=-1)
        expected = (geometry.to_patient(whole.reshape(-1, 3))[:, axis].reshape(y.shape) - middle) * scale + 400
        edge = np.array(geometry.shape[1:]) - 2
        inside = ((index >= 1) & (index <= edge)).all(axis=-1)
        shown = found.images[0, 1, top : top + height, left : left + width] / 255 * (HIGH - LOW) + LOW
        assert np.abs(shown - expected)[inside].max() < 3.0, "half a step of the 8 bits, and rounding"
        # Distances on the canvas are those in the patient, in every direction: pixels are square also where rows and
        # columns of the stack are not perpendicular.
        step = geometry.to_patient([[0, *(frame.affine @ p)] for p in ((9, 9, 1), (9, 10, 1), (10, 9, 1))])
        right, down = step[1] - step[0], step[2] - step[0]
        assert np.linalg.norm(right) == pytest.approx(0.6)
        assert np.linalg.norm(down) == pytest.approx(0.6)
        assert abs(right @ down) < 1e-9
        assert right[1] > 0 > down[2], "face to the left, head up"


def published(image: np.ndarray, mask: np.ndarray) -> tuple[list[int], np.ndarray]:
    """The paper's way, slice by slice: bounding box, 20 pixels, 5 slices, a grey picture, read back, scaled, padded."""
    k, r, c = np.argwhere(mask).T
    top, bottom = max(r.min() - 20, 0), min(r.max() + 20, image.shape[1] - 1)
    front, back = max(c.min() - 20, 0), min(c.max() + 20, image.shape[2] - 1)
    kept, made = [], []
    for place in range(k.min() + 5, k.max() - 5 + 1):
        buffer = io.BytesIO()
        matplotlib.image.imsave(
            buffer, image[place, top : bottom + 1, front : back + 1].astype(np.float64), cmap="gray", format="png"
        )
        pixels = np.asarray(Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")).astype(np.float32)
        assert (pixels[..., 0] == pixels[..., 1]).all()
        pixels = pixels[..., 0]
        scaled = (pixels - pixels.min()) / (pixels.max() - pixels.min())
        canvas = np.zeros((256, 256), dtype=np.float32)
        height, width = min(scaled.shape[0], 256), min(scaled.shape[1], 256)
        y, x = (256 - height) // 2, (256 - width) // 2
        from_y = max(scaled.shape[0] // 2 - 128, 0) if scaled.shape[0] > 256 else 0
        from_x = max(scaled.shape[1] // 2 - 128, 0) if scaled.shape[1] > 256 else 0
        canvas[y : y + height, x : x + width] = scaled[from_y : from_y + height, from_x : from_x + width]
        kept.append(int(place))
        made.append(canvas)
    return kept, np.array(made)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 60), st.integers(0, 90), st.integers(20, 330))
def test_the_paper_recipe_gives_the_values_of_the_published_way(seed, top, front, size) -> None:
    geometry = stack_geometry((14, 300, 400), (3.0, 0.5, 0.5))
    body, labels = body_in(geometry, (1, 12), (top, min(top + size, 299)), (front, min(front + size, 399)))
    hounsfield = noisy(geometry.shape, seed)
    kept, expected = published(hounsfield, labels > 0)
    found = one(hounsfield, geometry, body, labels, PAPER_SLICES)
    assert found.ks.tolist() == kept
    assert (found.images[:, 0].astype(np.float32) / np.float32(255) == expected).all()


def test_the_paper_recipe_first_makes_pixels_square() -> None:
    geometry = stack_geometry((13, 60, 200), (3.0, 1.5, 0.5))
    body, labels = body_in(geometry, (0, 12), (20, 35), (60, 110))
    hounsfield = noisy(geometry.shape, 3)
    found = one(hounsfield, geometry, body, labels, PAPER_SLICES)
    fine = np.arange(0, 59 * 3 + 1) / 3
    square = np.array([[np.interp(fine, np.arange(60), line) for line in plane.T] for plane in hounsfield])
    mask = np.zeros((13, len(fine), 200), dtype=bool)
    mask[0:13, (fine >= 19.5 - 1e-6) & (fine <= 35.5 + 1e-6), 60:111] = True
    kept, expected = published(np.moveaxis(square, 1, 2), mask)
    assert found.ks.tolist() == kept
    assert found.frame.pixel_mm == pytest.approx((0.5, 0.5))
    assert np.abs(found.images[:, 0] / 255 - expected).max() <= 2 / 255, "a level, where rounding falls otherwise"


def test_a_crop_of_one_value_is_black_and_no_crash() -> None:
    geometry = stack_geometry((13, 90, 90))
    body, labels = body_in(geometry, (0, 12), (30, 50), (30, 50))
    found = one(np.full(geometry.shape, 40, dtype=np.int16), geometry, body, labels, PAPER_SLICES)
    assert found.why == ""
    assert not found.images.any()


def test_neighbours_stand_three_millimetres_beside_the_slice_and_the_mask_is_the_last_channel() -> None:
    geometry = stack_geometry((30, 100, 100), (1.0, 0.6, 0.6))
    body, labels = body_in(geometry, (0, 12), (30, 60), (30, 70))
    hounsfield = np.broadcast_to((np.arange(30) * 40)[:, None, None], geometry.shape).astype(np.int16)
    found = one(hounsfield, geometry, body, labels)
    assert found.ks.tolist() == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    values = found.images[:, :3, 64, 64] / 255 * (HIGH - LOW) + LOW
    assert np.abs(values - np.clip(found.ks[:, None] + [-3, 0, 3], 0, 29) * 40).max() < 3
    mask = found.images[:, 3]
    assert set(np.unique(mask[:, 40:90, 40:90])) >= {0, 255}
    area = mask[0].sum() / 255 * 0.6**2
    assert area == pytest.approx(31 * 41 * 0.36, rel=0.02)


def test_what_lies_around_the_crop_and_beyond_the_image_is_zero() -> None:
    geometry = stack_geometry((10, 60, 60))
    body, labels = body_in(geometry, (0, 9), (0, 30), (10, 40))
    found = one(np.full(geometry.shape, 900, dtype=np.int16), geometry, body, labels)
    top, left, height, width = found.frame.content
    around = np.ones((128, 128), dtype=bool)
    around[top : top + height, left : left + width] = False
    assert not found.images[:, :, around].any()
    assert not found.images[:, :3, top : top + 15, 64].any(), "above the first row of the image"
    assert (found.images[:, :3, 64, 64] > 200).all()


def test_a_body_larger_than_the_image_is_shown_by_its_middle_and_said_so() -> None:
    geometry = stack_geometry((10, 200, 200), (3.0, 0.6, 0.6))
    body, labels = body_in(geometry, (0, 9), (10, 150), (20, 120))
    found = one(noisy(geometry.shape), geometry, body, labels)
    assert found.why == ""
    assert found.frame.content[0::2] == (0, 128)
    assert "larger than the image" in found.note
    assert one(noisy(geometry.shape), geometry, *body_in(geometry)).note == ""


def test_only_the_part_of_a_whole_vertebra_in_the_box_of_its_body_counts() -> None:
    geometry = stack_geometry((12, 160, 200))
    body, labels = body_in(geometry)
    whole = labels.copy()
    whole[5:15, 60:70, 100:170] = 22
    whole[:, 2:9, 2:9] = 21
    ours, theirs = one(noisy(geometry.shape), geometry, body, labels), one(noisy(geometry.shape), geometry, body, whole)
    assert ours.frame.content == theirs.frame.content
    assert (ours.images[:, :3] == theirs.images[:, :3]).all()


@pytest.mark.parametrize(
    ("change", "why", "words"),
    [
        ({"cut": True}, "cut", "L3 is cut by the edge of the image."),
        ({"mask_ok": "no"}, "mask_missing", "marked wrong"),
        ({"mask_ok": "missing"}, "mask_missing", "is missing"),
        ({"label_value": 9}, "mask_missing", "marks nothing where L3 should be"),
        ({"label_value": 0}, "mask_missing", "placed by hand"),
        ({"last_k": 5}, "no_slice", "1 slice cross"),
        ({"first_k": 30, "last_k": 40}, "mask_missing", "marks nothing"),
    ],
)
def test_a_vertebra_that_cannot_be_assessed_says_why_and_is_never_negative(change, why, words) -> None:
    geometry = stack_geometry((20, 120, 140))
    body, labels = body_in(geometry)
    found = one(noisy(geometry.shape), geometry, replace(body, **change), labels)
    assert found.why == why
    assert words in found.reason
    assert found.images.shape == (0, 4, 128, 128)
    assert found.frame is None
    assert len(found.ks) == 0


def test_the_paper_recipe_takes_a_body_that_was_placed_by_hand() -> None:
    geometry = stack_geometry((20, 120, 140))
    body, labels = body_in(geometry, (3, 16))
    by_hand = one(noisy(geometry.shape), geometry, replace(body, label_value=0), None, PAPER_SLICES)
    assert by_hand.why == ""
    assert (by_hand.images == one(noisy(geometry.shape), geometry, body, labels, PAPER_SLICES).images).all()


def test_pixels_of_over_three_millimetres_are_too_coarse() -> None:
    geometry = stack_geometry((20, 40, 60), (3.0, 3.2, 1.0))
    body, labels = body_in(geometry, (5, 14), (10, 20), (20, 40))
    found = one(noisy(geometry.shape), geometry, body, labels)
    assert found.why == "coarse"
    assert found.reason.startswith("Pixels are 3.2 mm apart")


def test_metal_is_measured_and_placed_and_a_speck_of_it_does_not_count() -> None:
    geometry = stack_geometry((20, 160, 160))
    body, labels = body_in(geometry, (5, 14), (50, 90), (50, 90))
    hounsfield = noisy(geometry.shape)
    hounsfield[8, 70, 60:65] = 3071
    speck = one(hounsfield, geometry, body, labels)
    assert speck.why == ""
    assert speck.metal.mm3 == pytest.approx(5 * 3 * 0.36, abs=0.1)
    hounsfield[6:10, 66:74, 90:104] = 3071
    found = one(hounsfield, geometry, body, labels)
    assert found.why == "metal"
    assert (found.metal.first_k, found.metal.last_k) == (6, 9)
    assert found.metal.mm3 == pytest.approx((4 * 8 * 14 + 5) * 3 * 0.36, rel=0.01)
    assert "ml of metal over 3000 HU lie by L3, on average 16 mm behind the middle of its body." in found.reason
    far = hounsfield.copy()
    far[...] = noisy(geometry.shape)
    far[6:10, 0:5, 0:5] = 3071
    assert one(far, geometry, body, labels).metal.mm3 == 0, "outside of the crop"


def test_images_of_other_shapes_and_stacks_out_of_order_are_refused() -> None:
    geometry = stack_geometry((10, 20, 20))
    with pytest.raises(ValueError, match="must agree"):
        vertebral_slices(np.zeros((10, 20, 21), dtype=np.int16), geometry, [], None, SAGITTAL_SLICES)
    flipped = geometry.permuted((0, 1, 2), (True, False, False))
    with pytest.raises(ValueError, match="right to left"):
        vertebral_slices(np.zeros((10, 20, 20), dtype=np.int16), flipped, [], None, SAGITTAL_SLICES)


def test_a_memory_mapped_volume_gives_the_same(tmp_path) -> None:
    geometry = stack_geometry((20, 120, 140))
    body, labels = body_in(geometry)
    np.save(tmp_path / "v.npy", noisy(geometry.shape))
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    assert (
        one(mapped, geometry, body, labels).images == one(noisy(geometry.shape), geometry, body, labels).images
    ).all()


def test_a_recipe_is_named_by_its_numbers() -> None:
    assert SliceRecipe.read(PAPER_SLICES.plain()) == PAPER_SLICES
    assert SliceRecipe.read(SAGITTAL_SLICES.plain()).sha256() == SAGITTAL_SLICES.sha256()
    assert replace(SAGITTAL_SLICES, pixel_mm=0.7).sha256() != SAGITTAL_SLICES.sha256()
    assert kept_slices(0, 10, PAPER_SLICES) == (5, 5)
    assert kept_slices(0, 9, PAPER_SLICES) is None
    with pytest.raises(ValueError, match="no recipe"):
        SliceRecipe.read({"name": "x"})
    with pytest.raises(ValueError, match="one of both"):
        replace(PAPER_SLICES, margin_mm=3.0)
