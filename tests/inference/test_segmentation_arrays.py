"""Turning, resampling and the sliding window: what comes out is what nnU-Net and plain interpolation give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.segmentation.network import load
from inference.segmentation.orientation import from_network, network_spacing, to_network, write_nifti
from inference.segmentation.raw import read_dataset, take_over
from inference.segmentation.sampling import patient_box, resampled, spline_orders, target_shape
from inference.segmentation.windows import LabelWriter, padded, slide
from labeling.imaging.geometry import Geometry
from tests.inference import tiny

SIDES = st.tuples(*[st.integers(3, 14)] * 3)


def numbers(shape: tuple[int, ...], seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 100, shape)


def test_a_network_sees_feet_to_head_back_to_front_left_to_right():
    array = numbers((3, 4, 5))
    turned = to_network(array)
    # k grows to the left, r to the feet, c to the back.
    assert turned.shape == (4, 5, 3)
    assert turned[0, 0, 0] == array[-1, -1, -1]
    assert turned[-1, 0, 0] == array[-1, 0, -1]
    assert turned[0, -1, 0] == array[-1, -1, 0]
    assert turned[0, 0, -1] == array[0, -1, -1]
    assert (from_network(turned) == array).all()


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_images_of_any_orientation_reach_the_network_in_the_same_one(tmp_path: Path, axes: tuple[int, int, int]):
    """Written in LPS with permuted and flipped axes, taken over, and read as nnU-Net reads."""
    import nibabel
    import SimpleITK

    array = np.rint(numbers((6, 7, 8))).astype(np.int16)
    geometry = Geometry((6, 7, 8), np.array([[3.0, 0, 0, 5], [0, 0, 1.5, -7], [0, -2.0, 0, 9], [0, 0, 0, 1]]))
    other = geometry.permuted(axes, (True, False, True))
    moved = np.flip(array.transpose(axes), (0, 2))
    for part in ("imagesTr", "labelsTr"):
        (tmp_path / part).mkdir()
    for name in ("a", "b"):
        affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ other.affine
        nibabel.save(nibabel.Nifti1Image(moved, affine), tmp_path / "imagesTr" / f"{name}_0000.nii.gz")
        labels = (moved > 0).astype(np.uint8)
        nibabel.save(nibabel.Nifti1Image(labels, affine), tmp_path / "labelsTr" / f"{name}.nii.gz")
    (tmp_path / "dataset.json").write_text('{"labels": {"background": 0, "body": 1}, "file_ending": ".nii.gz"}')
    take_over(read_dataset(tmp_path, 0), tmp_path / "work", lambda done, all_: None)
    image = SimpleITK.ReadImage(str(tmp_path / "work" / "imagesTr" / "a_0000.nii.gz"))
    mask = SimpleITK.ReadImage(str(tmp_path / "work" / "labelsTr" / "a.nii.gz"))
    assert (SimpleITK.GetArrayFromImage(image) == to_network(array)).all()
    assert (SimpleITK.GetArrayFromImage(mask) == (to_network(array) > 0)).all()
    assert np.allclose(image.GetSpacing()[::-1], network_spacing(geometry))


def test_a_file_that_is_written_is_complete_or_not_there(tmp_path: Path):
    geometry = Geometry((6, 7, 8), np.diag([3.0, 2.0, 1.5, 1.0]))
    write_nifti(tmp_path / "a.nii.gz", np.zeros((6, 7, 8), dtype=np.int16), geometry)
    assert [path.name for path in tmp_path.iterdir()] == ["a.nii.gz"]


@settings(max_examples=15, deadline=None)
@given(shape=SIDES, spacing=st.sampled_from([(1.0, 1.0, 1.0), (3.0, 0.8, 0.7), (5.0, 1.0, 1.0), (0.7, 1.0, 0.7)]))
def test_resampling_gives_the_numbers_of_nnunet(shape: tuple[int, int, int], spacing: tuple[float, float, float]):
    from nnunetv2.preprocessing.resampling.default_resampling import compute_new_shape, resample_data_or_seg_to_shape

    volume, wanted = numbers(shape), (1.5, 1.5, 1.5)
    new = target_shape(shape, spacing, wanted)
    assert new == tuple(np.maximum(compute_new_shape(shape, spacing, wanted), 1))
    clip = (float(volume.min()), float(volume.max()))
    # As nnU-Net's plans say it.
    how = {"order": 3, "order_z": 0, "force_separate_z": None}
    theirs = resample_data_or_seg_to_shape(volume[None], new, spacing, wanted, **how)[0]
    ours = resampled(volume, new, spline_orders(spacing, wanted), clip)
    # nnU-Net cuts off what splines overshoot slice by slice, here it is cut off for the volume: those are left out.
    low, high = volume.min(axis=(1, 2)).max(), volume.max(axis=(1, 2)).min()
    within = (ours > low) & (ours < high)
    assert np.abs(ours - theirs)[within].max(initial=0) < 0.05


def test_the_box_about_a_patient_leaves_air_and_noise_outside():
    volume = np.full((60, 80, 90), -1000, dtype=np.int16)
    volume[20:40, :, 30:60] = 40
    volume[5, 5, 5] = 500
    box = patient_box(volume, (2.0, 2.0, 2.0))
    for side, (first, last, length) in zip(box, [(20, 40, 60), (0, 80, 80), (30, 60, 90)], strict=True):
        assert max(0, first - 8) <= side.start <= first
        assert last <= side.stop <= min(length, last + 8)
    nothing = np.full((10, 10, 10), -1000, dtype=np.int16)
    assert patient_box(nothing, (1.0, 1.0, 1.0)) == (slice(0, 10),) * 3


@settings(max_examples=25, deadline=None)
@given(small=SIDES, large=SIDES, cuts=st.lists(st.integers(1, 5), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_rows_of_scores_give_the_labels_of_whole_scores(
    small: tuple[int, int, int], large: tuple[int, int, int], cuts: list[int], seed: int
):
    """Taken back in any parts, as when all of them are interpolated at once; on ties nothing is asked."""
    import torch

    scores = torch.from_numpy(numbers((4, *small), seed)).float()
    scores[0] += 120  # most of it is background
    whole = torch.nn.functional.interpolate(scores[None], large, mode="trilinear", align_corners=False)[0]
    result = np.zeros(large, dtype=np.uint8)
    table = np.zeros(256, dtype=np.uint8)
    table[:4] = (0, 8, 28, 26)
    writer = LabelWriter(result, small, table)
    row = 0
    while row < small[0]:
        step = cuts[row % len(cuts)]
        writer.write(scores[:, row : row + step])
        row += step
    best = whole.sort(dim=0, descending=True).values
    sure = (best[0] - best[1] > 1e-2).numpy()
    assert (result == table[whole.argmax(dim=0).numpy()])[sure].all()


@pytest.mark.parametrize("along", [0, 1, 2])
def test_the_window_hands_out_every_row_once_and_in_order(tmp_path: Path, along: int):
    """A network that gives each voxel its own value back: so must the window, whatever tiles it is cut into."""
    import torch

    class Copy(torch.nn.Module):
        def forward(self, tile: torch.Tensor) -> torch.Tensor:
            return torch.cat([tile, -tile], dim=1)

    model = replace(load(tiny.untrained_model(tmp_path / "model")), networks=(Copy(),), patch=(8, 16, 8))
    image, inner = padded(numbers((21, 13, 30)).astype(np.float32), model.patch)
    assert image.shape == (21, 16, 30)
    assert (inner[1].start, inner[1].stop) == (1, 14)
    rows: list[torch.Tensor] = []
    shares: list[int] = []
    slide(
        model,
        torch.from_numpy(image),
        along,
        lambda scores: rows.append(scores.clone()),
        device=torch.device("cpu"),
        progress=lambda done, all_: shares.append(done * 1000 // all_),
    )
    found = torch.cat(rows, dim=1).movedim(1, along + 1).numpy()
    assert np.abs(found[0] - image).max() < 1e-3
    assert np.abs(found[1] + image).max() < 1e-3
    assert shares == sorted(shares)
    assert shares[-1] == 1000
