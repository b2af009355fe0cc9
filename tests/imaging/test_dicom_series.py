"""DICOM files become volumes: exact values, exact positions, and sorting by content."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.imaging.dicom_series import DicomSeries, assemble, scan
from labeling.imaging.volume import Volume
from tests.imaging import dicom_factory as factory
from tests.imaging.dicom_factory import stored_values, write_ct_series
from tests.imaging.test_geometry import angle, rotation

SIGNS = {"signed": "int16", "unsigned": "uint16"}
SHAPE = (4, 23, 17)


def only_series(folder: Path) -> DicomSeries:
    found = scan(sorted(folder.iterdir()))
    assert found.refused == []
    assert len(found.series) == 1
    return found.series[0]


def assembled(folder: Path) -> Volume:
    return assemble(only_series(folder))


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("syntax", factory.TRANSFER_SYNTAXES)
def test_hounsfield_units_are_exact_in_every_transfer_syntax(tmp_path: Path, syntax: str, sign: str, bits: int) -> None:
    stored = stored_values(SHAPE, SIGNS[sign], bits)
    write_ct_series(tmp_path, stored, bits_stored=bits, transfer_syntax=factory.TRANSFER_SYNTAXES[syntax])
    volume = assembled(tmp_path)
    assert volume.array.dtype == np.uint16
    np.testing.assert_array_equal(volume.hu(), stored.astype(np.int32) - 1024)


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("syntax", [name for name in factory.TRANSFER_SYNTAXES if name != "HTJ2K"])
def test_the_files_of_the_factory_say_the_same_to_another_reader(tmp_path: Path, syntax: str, sign: str) -> None:
    """Else a fault of the codec on both sides would cancel out: GDCM decodes here, inside SimpleITK."""
    stored = stored_values(SHAPE, SIGNS[sign], 16)
    paths = write_ct_series(tmp_path, stored, transfer_syntax=factory.TRANSFER_SYNTAXES[syntax])
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in paths])
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(reader.Execute()), stored.astype(np.int32) - 1024)


def test_bits_above_the_stored_ones_are_not_read_as_values(tmp_path: Path) -> None:
    stored = stored_values(SHAPE, "int16", 12)
    without_sign = (stored.view(np.uint16) & 0x0FFF).view(np.int16)
    write_ct_series(tmp_path / "signed", without_sign, bits_stored=12)
    np.testing.assert_array_equal(assembled(tmp_path / "signed").hu(), stored - 1024)
    unsigned = stored_values(SHAPE, "uint16", 12)
    write_ct_series(tmp_path / "unsigned", unsigned | 0x8000, bits_stored=12)
    np.testing.assert_array_equal(assembled(tmp_path / "unsigned").hu(), unsigned.astype(np.int32) - 1024)


def test_signed_values_become_unsigned_by_a_round_shift_of_the_intercept(tmp_path: Path) -> None:
    stored = np.full(SHAPE, -2000, np.int16)
    stored[1] = 1500
    write_ct_series(tmp_path, stored, intercept=-1024)
    volume = assembled(tmp_path)
    assert (volume.array.dtype, volume.slope, volume.intercept) == (np.uint16, 1.0, -3072.0)
    np.testing.assert_array_equal(volume.hu(), stored.astype(np.int32) - 1024)


def test_unsigned_values_are_kept_as_they_are(tmp_path: Path) -> None:
    stored = stored_values(SHAPE, "uint16", 12)
    write_ct_series(tmp_path, stored, bits_stored=12)
    volume = assembled(tmp_path)
    assert volume.intercept == -1024
    np.testing.assert_array_equal(volume.array, stored)


def test_signed_values_stay_signed_where_a_moved_intercept_would_not_be_exact(tmp_path: Path) -> None:
    stored = stored_values(SHAPE, "int16", 12)
    write_ct_series(tmp_path, stored, slope="0.3", intercept="0.1")
    volume = assembled(tmp_path)
    assert (volume.array.dtype, volume.slope, volume.intercept) == (np.int16, 0.3, 0.1)
    np.testing.assert_array_equal(volume.array, stored)


@pytest.mark.parametrize("sign", SIGNS)
def test_slices_that_differ_in_rescale_come_to_one_scale(tmp_path: Path, sign: str) -> None:
    stored = stored_values(SHAPE, SIGNS[sign], 12)
    slopes, intercepts = ("1", "2", "1", "3"), ("-1024", "-1000", "-1024", "-1500")

    def change(dataset: pydicom.Dataset, n: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = slopes[n], intercepts[n]

    write_ct_series(tmp_path, stored, change=change)
    volume = assembled(tmp_path)
    expected = [
        int(a) * frame.astype(np.int32) + int(b) for a, b, frame in zip(slopes, intercepts, stored, strict=True)
    ]
    np.testing.assert_array_equal(volume.slope * volume.array.astype(float) + volume.intercept, expected)
    assert volume.slope == 1


def test_fractional_rescales_that_differ_keep_their_common_step(tmp_path: Path) -> None:
    stored = stored_values(SHAPE, "uint16", 12)

    def change(dataset: pydicom.Dataset, n: int) -> None:
        dataset.RescaleSlope = "0.5" if n % 2 else "1.5"

    write_ct_series(tmp_path, stored, change=change)
    volume = assembled(tmp_path)
    expected = [(0.5 if n % 2 else 1.5) * frame.astype(float) - 1024 for n, frame in enumerate(stored)]
    np.testing.assert_array_equal(volume.slope * volume.array.astype(float) + volume.intercept, expected)


@settings(max_examples=25)
@given(
    st.tuples(angle, angle, angle),
    st.tuples(*[st.floats(-800, 800)] * 3),
    st.floats(0.3, 5),
    st.floats(0.2, 1.5),
    st.floats(0.2, 1.5),
    st.booleans(),
)
def test_positions_are_within_a_hundredth_of_a_millimetre(
    angles: tuple, origin: tuple, step: float, row_mm: float, column_mm: float, reversed_files: bool
) -> None:
    frame = rotation(angles)
    orientation = (*frame[:, 0], *frame[:, 1])
    stored = stored_values((5, 9, 7))
    with tempfile.TemporaryDirectory() as folder:
        write_ct_series(
            Path(folder),
            stored,
            orientation=orientation,
            origin=origin,
            step_mm=-step if reversed_files else step,
            pixel_spacing=(row_mm, column_mm),
        )
        series = only_series(Path(folder))
        volume = assemble(series)
        np.testing.assert_allclose(series.spacing, (step, row_mm, column_mm), rtol=1e-5)
    for k, header in enumerate(series.headers):
        # PS3.3 equation C.7.6.2.1-1, from the header of the very slice, at its four corners
        start, cosines = np.array(header.ImagePositionPatient), np.array(header.ImageOrientationPatient)
        rows, columns = header.PixelSpacing
        for r, c in itertools.product((0, 8), (0, 6)):
            expected = start + cosines[:3] * columns * c + cosines[3:] * rows * r
            assert np.linalg.norm(volume.geometry.to_patient((k, r, c)) - expected) < 0.01
    order = range(4, -1, -1) if reversed_files else range(5)
    np.testing.assert_array_equal(volume.hu(), stored[list(order)].astype(np.int32) - 1024)


@given(st.permutations(range(6)))
@settings(max_examples=10)
def test_the_order_of_files_does_not_matter(order: list) -> None:
    stored = stored_values((6, 5, 4))
    with tempfile.TemporaryDirectory() as folder:
        paths = write_ct_series(Path(folder), stored)
        (series,) = scan([paths[n] for n in order]).series
        np.testing.assert_array_equal(assemble(series).hu(), stored.astype(np.int32) - 1024)
        assert series.paths == tuple(paths)


@pytest.mark.parametrize("decimals", [1, 2, 3])
@pytest.mark.parametrize("step", [0.45, 0.7, 1.0, 2.79])
def test_positions_rounded_by_the_scanner_are_accepted_and_do_not_add_up(
    tmp_path: Path, decimals: int, step: float
) -> None:
    def change(dataset: pydicom.Dataset, n: int) -> None:
        dataset.ImagePositionPatient = [-100, -120, f"{-300 + n * step:.{decimals}f}"]

    write_ct_series(tmp_path, stored_values((80, 3, 3)), change=change)
    geometry = assembled(tmp_path).geometry
    assert geometry.spacing[0] == pytest.approx(step, abs=0.05 / 79 * 2)
    assert geometry.to_patient((40, 0, 0))[2] == pytest.approx(-300 + 40 * step, abs=0.03)


def test_files_are_known_by_content_and_not_by_name(tmp_path: Path) -> None:
    write_ct_series(tmp_path, stored_values(SHAPE), suffix="")
    (tmp_path / "notes.dcm").write_text("This is a text that somebody named like an image. " * 10)
    (tmp_path / "empty.dcm").touch()
    (tmp_path / "folder.dcm").mkdir()
    found = scan(sorted(tmp_path.iterdir()))
    assert len(found.series[0].instances) == 4
    assert {file.path.name: file.code for file in found.refused} == {
        "notes.dcm": "not-dicom",
        "empty.dcm": "empty-file",
        "folder.dcm": "not-a-file",
    }


def test_a_data_set_without_preamble_is_read(tmp_path: Path) -> None:
    stored = stored_values(SHAPE)
    for path in write_ct_series(tmp_path, stored, transfer_syntax=factory.IMPLICIT_LITTLE):
        dataset = pydicom.dcmread(path)
        bare = pydicom.Dataset(dataset)
        with path.open("wb") as file:
            pydicom.filewriter.write_dataset(pydicom.filebase.DicomFileLike(file), _implicit(bare))
    np.testing.assert_array_equal(assembled(tmp_path).hu(), stored.astype(np.int32) - 1024)


def _implicit(dataset: pydicom.Dataset) -> pydicom.Dataset:
    dataset.set_original_encoding(True, True)
    return dataset


def test_two_patients_and_two_series_are_told_apart(tmp_path: Path) -> None:
    write_ct_series(tmp_path, stored_values(SHAPE), patient_id="A", study_uid="1.2", series_uid="1.2.3", prefix="a")
    write_ct_series(tmp_path, stored_values(SHAPE), patient_id="B", study_uid="1.2", series_uid="1.2.3", prefix="b")
    write_ct_series(tmp_path, stored_values(SHAPE), patient_id="A", study_uid="1.2", series_uid="1.2.4", prefix="c")
    write_ct_series(
        tmp_path,
        stored_values(SHAPE),
        patient_id="A",
        study_uid="1.2",
        series_uid="1.2.3",
        prefix="d",
        attributes={"IssuerOfPatientID": "Elsewhere"},
    )
    found = scan(sorted(tmp_path.iterdir())).series
    keys = {(one.patient_id, one.issuer, one.series_uid) for one in found}
    assert keys == {("A", "", "1.2.3"), ("B", "", "1.2.3"), ("A", "", "1.2.4"), ("A", "Elsewhere", "1.2.3")}


def test_a_series_says_what_it_is(tmp_path: Path) -> None:
    write_ct_series(
        tmp_path, stored_values(SHAPE), orientation=factory.SAGITTAL, kernel=("Br60f", "3"), pixel_spacing=(0.6, 0.45)
    )
    series = only_series(tmp_path)
    assert (series.orientation, series.kernel, series.modality) == ("sagittal", ("Br60f", "3"), "CT")
    assert (series.rows, series.columns, series.patient_id, series.issuer) == (23, 17, "P1", "")
    assert series.spacing == pytest.approx((1.0, 0.6, 0.45))
    assert series.image_type == ("ORIGINAL", "PRIMARY", "AXIAL")
    assert series.description == "spine"
    assert len(set(series.sop_uids)) == 4


def test_the_same_file_twice_is_read_once(tmp_path: Path) -> None:
    stored = stored_values(SHAPE)
    for path in write_ct_series(tmp_path, stored):
        path.with_name(f"copy-{path.name}").write_bytes(path.read_bytes())
    np.testing.assert_array_equal(assembled(tmp_path).hu(), stored.astype(np.int32) - 1024)


def test_uids_that_an_export_left_out_are_made_again_alike(tmp_path: Path) -> None:
    def blank(dataset: pydicom.Dataset, n: int) -> None:
        dataset.StudyInstanceUID = dataset.SeriesInstanceUID = dataset.SOPInstanceUID = dataset.SOPClassUID = ""

    write_ct_series(tmp_path, stored_values(SHAPE), change=blank)
    once, again = only_series(tmp_path), only_series(tmp_path)
    assert once.study_uid.startswith("2.25.")
    assert (once.study_uid, once.series_uid, once.sop_uids) == (again.study_uid, again.series_uid, again.sop_uids)
    assert once.headers[0].StudyInstanceUID == once.study_uid
    assert once.sop_uids[0] == pydicom.dcmread(once.paths[0]).file_meta.MediaStorageSOPInstanceUID
    assert assemble(once).geometry.shape == SHAPE


def test_a_scout_inside_a_series_is_set_apart_from_the_volume(tmp_path: Path) -> None:
    stored = stored_values((12, 5, 4))
    write_ct_series(tmp_path, stored, study_uid="1.2", series_uid="1.2.3")
    write_ct_series(
        tmp_path,
        stored_values((1, 9, 9)),
        study_uid="1.2",
        series_uid="1.2.3",
        orientation=factory.CORONAL,
        prefix="scout",
        attributes={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
    )
    volume, scout = scan(sorted(tmp_path.iterdir())).series
    assert (len(volume.instances), len(scout.instances)) == (12, 1)
    np.testing.assert_array_equal(assemble(volume).hu(), stored.astype(np.int32) - 1024)


def test_an_unmarked_image_of_another_plane_is_set_apart_too(tmp_path: Path) -> None:
    write_ct_series(tmp_path, stored_values((12, 5, 4)), study_uid="1.2", series_uid="1.2.3")
    write_ct_series(
        tmp_path,
        stored_values((2, 9, 9)),
        study_uid="1.2",
        series_uid="1.2.3",
        orientation=factory.CORONAL,
        prefix="reference",
    )
    volume, other = scan(sorted(tmp_path.iterdir())).series
    assert (len(volume.instances), len(other.instances)) == (12, 2)


@pytest.mark.parametrize("kind", ["class", "concept"])
def test_radiation_dose_reports_are_kept_apart(tmp_path: Path, kind: str) -> None:
    def change(dataset: pydicom.Dataset, n: int) -> None:
        dataset.Modality = "SR"
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.67" if kind == "class" else "1.2.840.10008.5.1.4.1.1.88.22"
        concept = pydicom.Dataset()
        concept.CodeValue = "113701"
        dataset.ConceptNameCodeSequence = [concept]

    write_ct_series(tmp_path, stored_values((1, 2, 2)), change=change, prefix="dose")
    write_ct_series(tmp_path, stored_values(SHAPE))
    found = scan(sorted(tmp_path.iterdir()))
    assert len(found.series) == 1
    assert [report.Modality for report in found.dose_reports] == ["SR"]


def test_assembly_leaves_the_headers_without_pixels(tmp_path: Path) -> None:
    write_ct_series(tmp_path, stored_values(SHAPE))
    series = only_series(tmp_path)
    assemble(series)
    assert all("PixelData" not in header for header in series.headers)
