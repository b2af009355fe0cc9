"""What is turned away, each with its own code and a sentence that says what, where and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from labeling.imaging.dicom_series import assemble, scan
from tests.imaging import dicom_factory as factory
from tests.imaging.dicom_factory import stored_values, write_ct_series
from tests.imaging.refused import SHAPE, moved, refusal_of, setting, without

CASES: list[tuple[str, Callable[[pydicom.Dataset, int], None], str, str]] = [
    ("MR", setting("Modality", "MR"), "not-ct", "The series is MR, not CT. Only CT slices are read."),
    (
        "another class",
        setting("SOPClassUID", "1.2.840.10008.5.1.4.1.1.128"),
        "not-ct",
        "The series holds objects that are not CT images. Only CT slices are read.",
    ),
    (
        "secondary capture",
        setting("SOPClassUID", "1.2.840.10008.5.1.4.1.1.7"),
        "secondary-capture",
        "The images are screen captures (Secondary Capture), not CT slices. Send the originals.",
    ),
    (
        "multi-frame secondary capture",
        setting("SOPClassUID", "1.2.840.10008.5.1.4.1.1.7.2"),
        "secondary-capture",
        "The images are screen captures",
    ),
    (
        "enhanced",
        setting("SOPClassUID", "1.2.840.10008.5.1.4.1.1.2.1"),
        "enhanced-ct",
        "This is an Enhanced (multi-frame) CT, not read for now. Send it as single CT slices.",
    ),
    ("frames", setting("NumberOfFrames", 4), "enhanced-ct", "This is an Enhanced (multi-frame) CT"),
    (
        "scout",
        setting("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]),
        "scout",
        "The series is a scout (LOCALIZER), not a volume. It was left out.",
    ),
    ("8 bit", setting("BitsAllocated", 8), "8-bit", "Image 1 has 8 bits per pixel; Hounsfield units need more."),
    ("32 bit", setting("BitsAllocated", 32), "bit-depth", "Image 1 has 16 bits stored in 32 allocated"),
    ("high bit", setting("HighBit", 12), "bit-depth", "high bit 12"),
    ("no sign", without("PixelRepresentation"), "bit-depth", "Image 1 does not say whether its values are signed"),
    ("RGB", setting("SamplesPerPixel", 3), "color", "not a gray CT slice"),
    (
        "palette",
        setting("PhotometricInterpretation", "PALETTE COLOR", 3),
        "color",
        "Image 4 is PALETTE COLOR, not a gray CT slice (MONOCHROME2). Send the originals.",
    ),
    ("inverted", setting("PhotometricInterpretation", "MONOCHROME1"), "color", "Image 1 is MONOCHROME1"),
    ("huge", setting("Rows", 60000), "matrix", "Image 1 is 60000 x 7 pixels. Sides of 1 to 4096 are read."),
    (
        "no spacing",
        without("PixelSpacing", 2),
        "no-spacing",
        "Pixel Spacing is missing in image 3. Without it nothing can be measured.",
    ),
    (
        "zero spacing",
        setting("PixelSpacing", ["0", "0.5"], 1),
        "no-spacing",
        "Pixel Spacing of image 2 is 0 x 0.5 mm. Send the series again.",
    ),
    ("negative spacing", setting("PixelSpacing", ["0.5", "-0.5"]), "no-spacing", "is 0.5 x -0.5 mm"),
    ("NaN spacing", setting("PixelSpacing", ["NaN", "0.5"]), "no-spacing", "is nan x 0.5 mm"),
    ("one spacing", setting("PixelSpacing", "0.5"), "no-spacing", "Pixel Spacing is missing in image 1."),
    (
        "changing spacing",
        setting("PixelSpacing", ["0.6", "0.6"], 4),
        "inconsistent-spacing",
        "Pixel Spacing changes inside the series: 0.5 x 0.5 mm in image 1, 0.6 x 0.6 mm in image 5. "
        "Send one series at a time.",
    ),
    (
        "no position",
        without("ImagePositionPatient", 3),
        "no-position",
        "Image Position is missing or no number in image 4",
    ),
    ("NaN position", setting("ImagePositionPatient", ["0", "nan", "0"], 3), "no-position", "in image 4"),
    ("infinite position", setting("ImagePositionPatient", ["0", "inf", "0"], 0), "no-position", "in image 1"),
    (
        "no orientation",
        without("ImageOrientationPatient"),
        "no-orientation",
        "Image Orientation is missing or no number",
    ),
    (
        "NaN orientation",
        setting("ImageOrientationPatient", ["NaN", "0", "0", "0", "1", "0"], 2),
        "no-orientation",
        "in image 3",
    ),
    (
        "no right angle",
        setting("ImageOrientationPatient", ["1", "0", "0", "0.5", "0.866025", "0"]),
        "orientation",
        "Image Orientation of image 1 is not two unit vectors at right angles (lengths 1.000 and 1.000, cosine 0.500).",
    ),
    (
        "no unit vector",
        setting("ImageOrientationPatient", ["2", "0", "0", "0", "1", "0"]),
        "orientation",
        "lengths 2.000 and 1.000",
    ),
    (
        "zero vectors",
        setting("ImageOrientationPatient", ["0", "0", "0", "0", "0", "0"]),
        "orientation",
        "lengths 0.000 and 0.000",
    ),
    (
        "changing orientation",
        setting("ImageOrientationPatient", ["1", "0", "0", "0", "0.8", "0.6"], 5),
        "inconsistent-orientation",
        "The orientation changes inside the series, first in image 6. Send one series at a time.",
    ),
    (
        "changing frame of reference",
        setting("FrameOfReferenceUID", "1.2.3", 5),
        "frame-of-reference",
        "The series mixes 2 frames of reference, so its positions do not belong together. Send one series at a time.",
    ),
    (
        "missing slices",
        moved([80, 82, 92, 94, 96, 98]),
        "missing-slices",
        "Slices are missing. Positions jump from 82.0 to 92.0 mm after image 2. Send the series again.",
    ),
    (
        "one missing slice of many",
        moved([0, 0.7, 1.4, 2.1, 3.5, 4.2]),
        "missing-slices",
        "Positions jump from 2.1 to 3.5 mm after image 4.",
    ),
    (
        "uneven slices",
        moved([0, 1, 2, 3.3, 4.3, 5.3]),
        "uneven-slices",
        "Slices are unevenly spaced: 1.30 mm after image 3, 1.00 mm as a rule. "
        "Send a reconstruction with even spacing.",
    ),
    (
        "duplicate position",
        moved([0, 1, 2, 2, 3, 4]),
        "duplicate-positions",
        "Images 3 and 4 lie at the same position, 2.0 mm, but are not the same image. Send the series again.",
    ),
    ("one place for all", moved([7.0] * 6), "duplicate-positions", "Images 1 and 2 lie at the same position, 7.0 mm"),
    (
        "two acquisitions",
        moved([0, 0, 1, 1, 2, 2]),
        "interleaved-acquisitions",
        "The series holds 2 acquisitions of the same region, slice by slice. Send each as its own series.",
    ),
    (
        "no slope",
        without("RescaleSlope", 1),
        "no-rescale",
        "Rescale Slope or Intercept is missing or no number in image 2: its values are no Hounsfield units. "
        "Send the originals.",
    ),
    ("NaN intercept", setting("RescaleIntercept", "nan"), "no-rescale", "missing or no number in image 1"),
    ("zero slope", setting("RescaleSlope", "0"), "no-rescale", "Rescale Slope of image 1 is 0; it must be above zero."),
    (
        "lossy JPEG",
        lambda dataset, n: setattr(dataset.file_meta, "TransferSyntaxUID", "1.2.840.10008.1.2.4.51"),
        "transfer-syntax",
        "is stored as JPEG Extended (Process 2 and 4), which is not read. Send it uncompressed.",
    ),
]


@pytest.mark.parametrize(("change", "code", "sentence"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_series_is_refused_with_a_plain_sentence(tmp_path: Path, change: Any, code: str, sentence: str) -> None:
    compressed = factory.JPEG_LS if code == "transfer-syntax" else factory.EXPLICIT_LITTLE
    refusal = refusal_of(write_ct_series(tmp_path, stored_values(SHAPE), change=change, transfer_syntax=compressed))
    assert refusal.code == code
    assert sentence in refusal.sentence
    assert str(tmp_path) not in refusal.sentence


def test_a_sagittal_series_names_the_gap_in_patient_millimetres(tmp_path: Path) -> None:
    def change(dataset: pydicom.Dataset, n: int) -> None:
        dataset.ImagePositionPatient = [[30, 27, 24, 18, 15, 12][n], -100, 50]

    refusal = refusal_of(write_ct_series(tmp_path, stored_values(SHAPE), orientation=factory.SAGITTAL, change=change))
    assert "Positions jump from 24.0 to 18.0 mm after image 3." in refusal.sentence


def test_slices_of_two_sizes_are_refused(tmp_path: Path) -> None:
    for rows, prefix in ((8, "a"), (9, "b")):
        write_ct_series(tmp_path, stored_values((4, rows, 7)), study_uid="1.2", series_uid="1.3", prefix=prefix)
    refusal = refusal_of(sorted(tmp_path.iterdir()))
    assert refusal.code == "matrix"
    assert "8 x 7 and 9 x 7" in refusal.sentence


@pytest.mark.parametrize(("count", "words"), [(1, "has 1 image."), (2, "has 2 images.")])
def test_one_or_two_images_are_no_volume(tmp_path: Path, count: int, words: str) -> None:
    refusal = refusal_of(write_ct_series(tmp_path, stored_values((count, 8, 7))))
    assert refusal.code == "too-few-slices"
    assert words in refusal.sentence


def test_two_acquisitions_between_each_other_are_named(tmp_path: Path) -> None:
    def change(dataset: pydicom.Dataset, n: int) -> None:
        dataset.AcquisitionNumber = n % 2
        dataset.ImagePositionPatient = [0, 0, 3 * (n // 2) + (n % 2)]

    refusal = refusal_of(write_ct_series(tmp_path, stored_values((10, 8, 7)), change=change))
    assert (refusal.code, "2 acquisitions" in refusal.sentence) == ("interleaved-acquisitions", True)


@pytest.mark.parametrize(
    ("tag", "words"), [("-12", "The gantry was tilted by 12.0 degrees"), (None, "leans by 12.0 degrees")]
)
def test_a_tilted_gantry_is_refused(tmp_path: Path, tag: str | None, words: str) -> None:
    def change(dataset: pydicom.Dataset, n: int) -> None:
        # The table moves along z; the slices lean by 12 degrees, so the step has a part within the plane.
        dataset.ImagePositionPatient = [-100, -120, f"{-300 + 3 * n}"]
        if tag:
            dataset.GantryDetectorTilt = tag

    lean = np.radians(12)
    orientation = (1.0, 0.0, 0.0, 0.0, float(np.cos(lean)), float(np.sin(lean)))
    refusal = refusal_of(write_ct_series(tmp_path, stored_values(SHAPE), orientation=orientation, change=change))
    assert refusal.code == "gantry-tilt"
    assert words in refusal.sentence


def test_a_tilt_that_is_only_a_word_in_the_header_is_no_tilt(tmp_path: Path) -> None:
    paths = write_ct_series(tmp_path, stored_values(SHAPE), attributes={"GantryDetectorTilt": "12"})
    assert assemble(scan(paths).series[0]).geometry.shape == SHAPE


def test_rescales_without_a_common_16_bit_scale_are_refused(tmp_path: Path) -> None:
    def change(dataset: pydicom.Dataset, n: int) -> None:
        dataset.RescaleSlope = f"{1 + 0.137 * n:.3f}"

    refusal = refusal_of(write_ct_series(tmp_path, stored_values(SHAPE), change=change))
    assert refusal.code == "rescale-differs"


def test_one_uid_on_two_images_is_refused(tmp_path: Path) -> None:
    paths = write_ct_series(tmp_path, stored_values(SHAPE), change=setting("SOPInstanceUID", "1.2.3.4", None))
    refusal = refusal_of(paths)
    assert refusal.code == "duplicate-uid"
    assert "the same SOP Instance UID" in refusal.sentence
