"""NIfTI files: what comes in exactly, and what is turned away with a reason."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, ornt_transform

from labeling.imaging import nifti, nifti_header
from labeling.imaging.nifti import looks_like_labels, read_ct, read_labels
from labeling.imaging.refusal import Refusal
from tests.imaging.nifti_factory import RAS, SHAPE, hounsfield, write

TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
IN_TURN = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def refused(read: Callable[[Path], object], path: Path) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(path)
    assert path.name in caught.value.sentence
    assert caught.value.sentence.endswith(".")
    return caught.value


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz", "scan.bin"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_a_ct_keeps_every_value_and_turns_ras_into_lps(tmp_path: Path, name: str, kind: type[nib.Nifti1Image]) -> None:
    array = hounsfield()
    volume = read_ct(write(tmp_path, array, name=name, kind=kind))
    np.testing.assert_array_equal(volume.hu(), array)
    np.testing.assert_allclose(volume.geometry.affine, TO_LPS @ RAS, atol=1e-6)
    assert volume.array.dtype == np.uint16
    assert (volume.slope, volume.intercept) == (1.0, -1024.0)


@pytest.mark.parametrize("codes", ["RAS", "LPS", "LAS", "PIR", "ASL", "SRA", "IPL"])
def test_a_ct_lies_in_the_same_place_in_every_orientation(tmp_path: Path, codes: str) -> None:
    array = hounsfield()
    reference = read_ct(write(tmp_path, array))
    turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(codes))
    turned = nib.Nifti1Image(array, RAS).as_reoriented(turn)
    np.testing.assert_allclose(turned.affine, RAS @ inv_ornt_aff(turn, SHAPE))
    volume = read_ct(write(tmp_path, np.asarray(turned.dataobj), turned.affine))
    points = np.argwhere(np.ones(SHAPE, dtype=bool))
    there = np.rint(volume.geometry.to_index(reference.geometry.to_patient(points))).astype(int)
    np.testing.assert_array_equal(volume.hu()[tuple(there.T)], reference.hu()[tuple(points.T)])


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64", "float32", "float64", ">i2", ">f4"])
def test_every_plain_number_type_and_byte_order_is_read(tmp_path: Path, dtype: str) -> None:
    array = hounsfield(dtype=np.dtype(dtype))
    image = nib.Nifti1Image(array, RAS, nib.Nifti1Header(endianness=">" if dtype.startswith(">") else "<"), dtype=dtype)
    path = tmp_path / "scan.nii"
    path.write_bytes(image.to_bytes())
    np.testing.assert_array_equal(read_ct(path).hu(), array.astype(np.int16))


@IN_TURN
@given(low=st.integers(-32768, -1), high=st.integers(0, 32767))
def test_the_whole_range_of_sixteen_bits_is_exact(tmp_path: Path, low: int, high: int) -> None:
    array = np.array([low, high, (low + high) // 2, 0], dtype=np.int16).reshape(1, 2, 2)
    volume = read_ct(write(tmp_path, array))
    np.testing.assert_array_equal(volume.hu(), array)
    assert volume.intercept % 1024 == 0
    assert volume.intercept <= low


def test_fractions_of_a_hounsfield_unit_are_rounded_to_the_nearest(tmp_path: Path) -> None:
    array = np.array([-1000.4, -0.6, 0.5, 1.5, 99.51, 300.49], dtype=np.float32).reshape(1, 2, 3)
    assert read_ct(write(tmp_path, array)).hu().ravel().tolist() == [-1000, -1, 0, 2, 100, 300]


def test_slope_and_intercept_of_the_file_are_applied(tmp_path: Path) -> None:
    def scaled(header: nib.Nifti1Header) -> None:
        header["scl_slope"], header["scl_inter"] = 2.0, -1000.0

    array = np.arange(210, dtype=np.uint16).reshape(SHAPE)
    np.testing.assert_array_equal(read_ct(write(tmp_path, array, change=scaled)).hu(), 2 * array.astype(int) - 1000)


@pytest.mark.parametrize("slope", [0.0, np.nan, np.inf])
def test_a_slope_that_is_no_number_means_no_scaling(tmp_path: Path, slope: float) -> None:
    def unscaled(header: nib.Nifti1Header) -> None:
        header["scl_slope"], header["scl_inter"] = slope, 7.0

    np.testing.assert_array_equal(read_ct(write(tmp_path, hounsfield(), change=unscaled)).hu(), hounsfield())


def test_a_fourth_axis_of_one_is_no_fourth_axis(tmp_path: Path) -> None:
    volume = read_ct(write(tmp_path, hounsfield()[..., None]))
    np.testing.assert_array_equal(volume.hu(), hounsfield())


def test_the_qform_is_used_where_no_sform_is_set(tmp_path: Path) -> None:
    def only_qform(header: nib.Nifti1Header) -> None:
        header.set_qform(RAS, code=1)
        header["pixdim"][0] = 0  # the standard: zero means one
        header["sform_code"] = 0

    volume = read_ct(write(tmp_path, hounsfield(), change=only_qform))
    np.testing.assert_allclose(volume.geometry.affine, TO_LPS @ RAS, atol=1e-5)


def test_a_mask_stored_as_floats_comes_in_as_whole_numbers(tmp_path: Path) -> None:
    array = np.zeros(SHAPE)
    array[2, 3, 4] = 28
    labels = read_labels(write(tmp_path, array))
    assert labels.array.dtype == np.uint8
    np.testing.assert_array_equal(labels.array, array)


def test_labels_over_255_are_kept(tmp_path: Path) -> None:
    array = np.zeros(SHAPE, dtype=np.int32)
    array[4, 5, 6], array[0, 0, 0] = 1000, 20
    np.testing.assert_array_equal(read_labels(write(tmp_path, array)).array, array)


@pytest.mark.parametrize("value", [-1, 0.5, 70000])
def test_a_mask_of_anything_but_whole_numbers_from_zero_up_is_refused(tmp_path: Path, value: float) -> None:
    array = np.zeros(SHAPE)
    array[1, 1, 1] = value
    refusal = refused(read_labels, write(tmp_path, array))
    assert refusal.code == "not-labels"
    assert f"{value:g}" in refusal.sentence


def test_labels_and_ct_are_told_apart_by_their_values(tmp_path: Path) -> None:
    labels = np.random.default_rng(2).integers(0, 27, SHAPE)
    assert looks_like_labels(write(tmp_path, labels.astype(np.float32)))
    assert looks_like_labels(write(tmp_path, labels.astype(np.uint8)))
    assert not looks_like_labels(write(tmp_path, hounsfield()))
    assert not looks_like_labels(write(tmp_path, np.arange(210, dtype=np.uint8).reshape(SHAPE)))  # a windowed picture
    assert not looks_like_labels(write(tmp_path, labels + 0.25))
    assert not looks_like_labels(tmp_path / "absent.nii")
    (tmp_path / "noise.nii").write_bytes(b"no image at all" * 100)
    assert not looks_like_labels(tmp_path / "noise.nii")


def spoiled(**fields: Any) -> Callable[[nib.Nifti1Header], None]:
    def change(header: nib.Nifti1Header) -> None:
        for field, value in fields.items():
            header[field] = value

    return change


def with_sform(affine: Any) -> Callable[[nib.Nifti1Header], None]:
    return lambda header: header.set_sform(np.array(affine, dtype=float), code=2)


def with_spacing(*spacing: float) -> Callable[[nib.Nifti1Header], None]:
    def change(header: nib.Nifti1Header) -> None:
        header["pixdim"][1:4] = spacing

    return change


def two_opinions(header: nib.Nifti1Header) -> None:
    header.set_sform(RAS, code=2)
    header.set_qform(RAS @ np.diag([-1, -1, 1, 1]), code=1)


SPOILED_HEADERS = [
    pytest.param(with_spacing(0, 1, 1), "bad-spacing", id="spacing-of-zero"),
    pytest.param(with_spacing(2, np.nan, 3), "bad-spacing", id="spacing-that-is-no-number"),
    pytest.param(with_spacing(2, -1.5, 3), "bad-spacing", id="negative-spacing"),
    pytest.param(with_spacing(1, 1, 1), "spacing-contradicts", id="spacing-that-differs-from-the-affine"),
    pytest.param(with_sform(np.diag([2, 1.5, 0, 1])), "singular-affine", id="flat-affine"),
    pytest.param(with_sform(np.full((4, 4), np.nan)), "singular-affine", id="affine-that-is-no-number"),
    pytest.param(
        with_sform([[2, 0, 0, 0], [0, 1.5, 0, 0], [0, 0.9, 2.86, 0], [0, 0, 0, 1]]), "spacing-contradicts", id="scaled"
    ),
    pytest.param(
        with_sform([[2, 0, 0, 0], [0, 1.5, 0.78, 0], [0, 0, 2.897, 0], [0, 0, 0, 1]]),
        "sheared-affine",
        id="gantry-tilt",
    ),
    pytest.param(spoiled(sform_code=0, qform_code=0), "no-orientation", id="no-orientation"),
    pytest.param(two_opinions, "orientation-contradicts", id="sform-and-qform-turned-against-each-other"),
    pytest.param(spoiled(qform_code=1, quatern_b=9.0), "bad-qform", id="quaternion-that-is-no-rotation"),
    pytest.param(spoiled(xyzt_units=1), "bad-units", id="metres"),
    pytest.param(spoiled(dim=[3, 5, 0, 7, 1, 1, 1, 1]), "bad-header", id="empty-axis"),
    pytest.param(spoiled(dim=[9, 5, 6, 7, 1, 1, 1, 1]), "bad-header", id="nine-axes"),
    pytest.param(spoiled(dim=[2, 5, 6, 1, 1, 1, 1, 1]), "not-3d", id="two-axes"),
    pytest.param(spoiled(dim=[4, 5, 6, 3, 2, 1, 1, 1]), "not-3d", id="four-axes"),
    pytest.param(spoiled(dim=[3, 512, 512, 32767, 1, 1, 1, 1]), "too-large", id="eight-billion-voxels"),
    pytest.param(spoiled(dim=[3, 32767, 32767, 1, 1, 1, 1, 1]), "too-large", id="one-endless-plane"),
    pytest.param(spoiled(dim=[3, 512, 512, 600, 1, 1, 1, 1]), "truncated-file", id="more-than-the-file-can-hold"),
    pytest.param(spoiled(datatype=32), "bad-datatype", id="complex"),
    pytest.param(spoiled(datatype=999), "bad-datatype", id="unknown-type"),
    pytest.param(spoiled(vox_offset=0), "bad-header", id="voxels-within-the-header"),
    pytest.param(spoiled(vox_offset=np.nan), "bad-header", id="voxels-nowhere"),
    pytest.param(spoiled(scl_slope=1.0, scl_inter=np.nan), "bad-scaling", id="intercept-that-is-no-number"),
    pytest.param(spoiled(magic=b"ni1"), "header-without-voxels", id="header-of-a-pair"),
    pytest.param(spoiled(magic=b"abc"), "not-nifti", id="analyze"),
    pytest.param(spoiled(scl_slope=1000.0), "hu-out-of-range", id="values-beyond-sixteen-bits"),
]


@pytest.mark.parametrize(("change", "code"), SPOILED_HEADERS)
def test_a_header_that_cannot_be_believed_is_refused(
    tmp_path: Path, change: Callable[[nib.Nifti1Header], None], code: str
) -> None:
    assert refused(read_ct, write(tmp_path, hounsfield(), change=change)).code == code


def test_the_sentence_names_both_spacings_that_contradict(tmp_path: Path) -> None:
    refusal = refused(read_ct, write(tmp_path, hounsfield(), change=with_spacing(1, 1, 1)))
    assert "1 x 1 x 1 mm" in refusal.sentence
    assert "2 x 1.5 x 3 mm" in refusal.sentence


@pytest.mark.parametrize(
    ("array", "code"),
    [
        pytest.param(
            np.where(hounsfield() > 1400, np.nan, hounsfield()), "nan-voxels", id="voxels-that-are-no-numbers"
        ),
        pytest.param(np.where(hounsfield() > 1400, np.inf, hounsfield()), "nan-voxels", id="endless-voxels"),
        pytest.param(hounsfield(dtype=np.int32) * 100, "hu-out-of-range", id="values-beyond-sixteen-bits"),
        pytest.param(hounsfield() - hounsfield().min(), "not-hounsfield", id="nothing-below-zero"),
        pytest.param(np.arange(210, dtype=np.uint8).reshape(SHAPE), "eight-bit-ct", id="eight-bits"),
        pytest.param(np.arange(210, dtype=np.int8).reshape(SHAPE), "eight-bit-ct", id="eight-signed-bits"),
        pytest.param(np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")]), "rgb", id="colours"),
    ],
)
def test_values_that_are_no_ct_are_refused(tmp_path: Path, array: Any, code: str) -> None:
    assert refused(read_ct, write(tmp_path, array)).code == code


def test_an_empty_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "scan.nii.gz"
    empty.touch()
    assert refused(read_ct, empty).code == "empty-file"
    folder = tmp_path / "folder.nii"
    folder.mkdir()
    assert refused(read_ct, folder).code == "not-a-file"


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
@pytest.mark.parametrize("keep", [1, 10, 300, 500, -1])
def test_a_file_that_breaks_off_is_refused(tmp_path: Path, name: str, keep: int) -> None:
    path = write(tmp_path, hounsfield(), name=name)
    path.write_bytes(path.read_bytes()[:keep])
    assert refused(read_ct, path).code in {"truncated-file", "damaged-file"}


def test_one_flipped_bit_in_a_compressed_file_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path, hounsfield((20, 20, 20)))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    assert refused(read_ct, path).code in {"damaged-file", "truncated-file", "hu-out-of-range"}
    content = bytearray(write(tmp_path, hounsfield()).read_bytes())
    content[-6] ^= 1  # only the checksum
    path.write_bytes(bytes(content))
    assert refused(read_ct, path).code == "damaged-file"


def test_what_is_no_nifti_is_refused_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(b"PK\x03\x04" + bytes(1000))
    assert refused(read_ct, path).code == "not-nifti"
    path.write_bytes(gzip.compress(bytes(2000)))
    assert refused(read_labels, path).code == "not-nifti"


def test_a_ct_that_unpacks_two_hundred_times_is_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nifti, "RATIO_FROM_BYTES", 2**20)
    path = write(tmp_path, np.full((128, 128, 128), -1000, dtype=np.int16))
    assert refused(read_ct, path).code == "compression-bomb"


def test_what_is_hidden_behind_the_last_voxel_is_not_unpacked(tmp_path: Path) -> None:
    path = write(tmp_path, hounsfield())
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + bytes(50 * 2**20)))
    assert refused(read_ct, path).code == "longer-than-declared"


def test_a_large_volume_is_read_in_slabs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nifti, "_SLAB_BYTES", 130)
    np.testing.assert_array_equal(read_ct(write(tmp_path, hounsfield())).hu(), hounsfield())
    monkeypatch.setattr(nifti_header, "MAX_VOXELS", 209)
    assert refused(read_ct, write(tmp_path, hounsfield())).code == "too-large"


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.integers(0, 351), st.integers(0, 255)), min_size=1, max_size=6))
def test_any_damaged_header_is_read_or_refused_and_never_crashes(tmp_path: Path, flips: list[tuple[int, int]]) -> None:
    array = np.zeros(SHAPE, dtype=np.int16)
    array[0, 0, 0] = -1000
    content = bytearray(nib.Nifti1Image(array, RAS).to_bytes())
    for place, value in flips:
        content[place] = value
    path = tmp_path / "scan.nii"
    path.write_bytes(bytes(content))
    looks_like_labels(path)
    for read in (read_ct, read_labels):
        with suppress(Refusal):
            read(path)
