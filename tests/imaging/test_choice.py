"""Which series is read, and the sentence that says why."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.imaging.choice import Candidate, choose, is_bone_kernel, kernel_kind
from labeling.imaging.geometry import Geometry
from labeling.imaging.refusal import Refusal

AXES = {
    "sagittal": [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
    "axial": [[0, 0, 1], [0, 1, 0], [1, 0, 0]],
    "coronal": [[0, 0, 1], [1, 0, 0], [0, -1, 0]],
}


def candidate(
    plane: str, kernel: str = "", craniocaudal_mm: float = 1.0, coverage_mm: float = 300.0, **more: bool
) -> Candidate:
    """Slices of `plane`; spacing across head-feet 0.7 mm, between sagittal slices 3 mm."""
    directions = np.array(AXES[plane], dtype=float)
    axis = int(np.abs(directions[2]).argmax())
    spacing = [0.7, 0.7, 0.7]
    spacing[0] = 3.0
    spacing[axis] = craniocaudal_mm
    shape = [60, 400, 400]
    shape[axis] = round(coverage_mm / craniocaudal_mm)
    affine = np.eye(4)
    affine[:3, :3] = directions * spacing
    return Candidate(Geometry((shape[0], shape[1], shape[2]), affine), kernel, **more)


@pytest.mark.parametrize(
    ("kernel", "kind"),
    [
        (["Br38f", "3"], "soft"),
        ("Br59f", "bone"),
        ("Br60f", "bone"),
        ("B60s", "bone"),
        ("B70f", "bone"),
        ("B30f", "soft"),
        ("B45f", "soft"),
        ("H60s", "bone"),
        ("U77u", "bone"),
        ("U90u", "bone"),
        ("Hr68h", "bone"),
        ("Ur77", "bone"),
        ("Qr40", "soft"),
        ("Bl57", "bone"),
        ("I70f\\3", "bone"),
        ("I30f", "soft"),
        ("BONE", "bone"),
        ("BONEPLUS", "bone"),
        ("bone plus", "bone"),
        ("EDGE", "bone"),
        ("ULTRA", "bone"),
        ("LUNG", "lung"),
        ("SOFT", "soft"),
        ("STANDARD", "soft"),
        ("DETAIL", "soft"),
        ("D", "bone"),
        ("E", "bone"),
        ("YB", "bone"),
        ("YA", "lung"),
        ("L", "lung"),
        ("B", "soft"),
        ("FC30", "bone"),
        ("FC35", "bone"),
        ("FC81", "bone"),
        ("FC08", "soft"),
        ("FC18-H", "soft"),
        ("FC51", "lung"),
        ("FC86", "bone"),
        ("SHARP_AC", "bone"),
        ("B_SOFT_B", "soft"),
        ("LUNG_SHARP", "lung"),
        ("MYSTERY", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
        ([], "unknown"),
    ],
)
def test_kernels_are_told_by_their_names(kernel: str | list[str] | None, kind: str) -> None:
    assert kernel_kind(kernel) == kind
    assert is_bone_kernel(kernel) == (kind == "bone")


def test_a_sagittal_series_with_a_bone_kernel_comes_first() -> None:
    choice = choose([candidate("axial", "Br60f", 0.6), candidate("sagittal", "Br38f"), candidate("sagittal", "Br60f")])
    assert (choice.index, choice.origin, choice.why) == (2, "native", "Sagittal, bone kernel")
    assert choice.native


def test_any_sagittal_series_comes_before_every_axial_one() -> None:
    choice = choose([candidate("axial", "Br60f", 0.6), candidate("sagittal", "Br38f")])
    assert (choice.index, choice.why) == (1, "Sagittal, soft kernel")
    assert choose([candidate("sagittal", "")]).why == "Sagittal, kernel not known"


def test_of_two_sagittal_series_the_one_that_shows_more_spine_is_read() -> None:
    choice = choose([candidate("sagittal", "Br60f", 0.5, 150), candidate("sagittal", "Br60f", 0.7, 400)])
    assert choice.index == 1


def test_without_a_sagittal_series_the_thin_axial_one_is_derived_from() -> None:
    choice = choose([candidate("axial", "Br60f", 5.0), candidate("axial", "Br38f", 1.0)])
    assert (choice.index, choice.origin) == (1, "derived")
    assert choice.why == "No sagittal series. 100 slabs of 2.8 mm, marked derived. Soft kernel."


def test_among_thin_series_the_bone_kernel_is_derived_from() -> None:
    assert choose([candidate("axial", "Br38f", 0.75), candidate("axial", "Br60f", 1.0)]).index == 1


def test_a_thin_series_of_a_small_part_is_not_derived_from() -> None:
    assert choose([candidate("axial", "Br60f", 0.6, 60), candidate("axial", "Br38f", 2.0, 400)]).index == 1


def test_a_coronal_series_serves_where_nothing_else_is_there() -> None:
    choice = choose([candidate("coronal", "Br60f", 0.7)])
    assert (choice.index, choice.origin) == (0, "derived")


def test_a_volume_without_slices_of_its_own_is_derived_from_even_if_it_looks_sagittal() -> None:
    choice = choose([candidate("sagittal", sliced=False)])
    assert choice.origin == "derived"
    assert choice.why == "No sagittal series. 60 slabs of 3 mm, marked derived. Kernel not known."


def test_equal_candidates_are_decided_by_their_order() -> None:
    assert choose([candidate("axial", "Br60f")] * 3).index == 0
    assert choose([candidate("sagittal", "Br60f")] * 3).index == 0


def test_a_case_without_candidates_has_nothing_to_read() -> None:
    with pytest.raises(Refusal, match="No series of this case can be read") as refused:
        choose([])
    assert refused.value.code == "nothing-to-read"
