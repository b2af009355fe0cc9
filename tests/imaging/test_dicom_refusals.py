"""What is turned away, each with its own code and a sentence that says what, where and what to do."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest

from labeling.imaging.dicom_series import assemble, scan
from labeling.imaging.refusal import Refusal
from tests.imaging import dicom_factory as factory
from tests.imaging.dicom_factory import stored_values, write_ct_series

SHAPE = (6, 8, 7)


def refusal_of(paths: list[Path]) -> Refusal:
    found = scan(paths)
    assert len(found.series) == 1, found
    with pytest.raises(Refusal) as refused:
        assemble(found.series[0])
    return refused.value


def setting(keyword: str, value: Any, only: int | None = None) -> Callable[[pydicom.Dataset, int], None]:
    def change(dataset: pydicom.Dataset, n: int) -> None:
        if only is None or n == only:
            setattr(dataset, keyword, value)

    return change


def without(keyword: str, only: int | None = None) -> Callable[[pydicom.Dataset, int], None]:
    def change(dataset: pydicom.Dataset, n: int) -> None:
        if only is None or n == only:
            delattr(dataset, keyword)

    return change


def moved(places: list[float]) -> Callable[[pydicom.Dataset, int], None]:
    def change(dataset: pydicom.Dataset, n: int) -> None:
        dataset.ImagePositionPatient = [-100, -120, places[n]]

    return change


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


@pytest.mark.parametrize("syntax", factory.TRANSFER_SYNTAXES)
@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused_by_its_number(tmp_path: Path, syntax: str, share: float) -> None:
    transfer_syntax = factory.TRANSFER_SYNTAXES[syntax]
    paths = write_ct_series(tmp_path, stored_values((4, 64, 64)), transfer_syntax=transfer_syntax)
    whole = paths[2].read_bytes()
    start = whole.rindex(b"\x7f\xe0\x00\x10" if syntax == "explicit big endian" else b"\xe0\x7f\x10\x00")
    paths[2].write_bytes(whole[: start + 20 + int((len(whole) - start - 20) * share)])
    refusal = refusal_of(paths)
    assert refusal.code == "truncated-pixels"
    assert refusal.sentence.startswith("Image 3 breaks off: ")


@pytest.mark.parametrize("syntax", factory.TRANSFER_SYNTAXES)
def test_a_file_that_ends_before_its_pixels_is_refused(tmp_path: Path, syntax: str) -> None:
    transfer_syntax = factory.TRANSFER_SYNTAXES[syntax]
    paths = write_ct_series(tmp_path, stored_values(SHAPE), transfer_syntax=transfer_syntax)
    whole = paths[2].read_bytes()
    start = whole.rindex(b"\x7f\xe0\x00\x10" if syntax == "explicit big endian" else b"\xe0\x7f\x10\x00")
    paths[2].write_bytes(whole[:start])
    assert refusal_of(paths).code == "truncated-pixels"


@pytest.mark.parametrize("syntax", ["JPEG lossless", "JPEG-LS", "JPEG 2000", "RLE"])
def test_damaged_codestreams_are_refused_and_never_shown_as_values(tmp_path: Path, syntax: str) -> None:
    transfer_syntax = factory.TRANSFER_SYNTAXES[syntax]
    paths = write_ct_series(tmp_path, stored_values((4, 64, 64)), transfer_syntax=transfer_syntax)
    dataset = pydicom.dcmread(paths[1])
    (frame,) = pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1)
    dataset.PixelData = pydicom.encaps.encapsulate([frame[: len(frame) // 2]])
    dataset.save_as(paths[1])
    refusal = refusal_of(paths)
    assert (refusal.code, "image 2" in refusal.sentence) == ("broken-pixels", True)


def test_a_codestream_of_another_size_is_refused_before_it_is_unfolded(tmp_path: Path) -> None:
    paths = write_ct_series(tmp_path, stored_values(SHAPE), transfer_syntax=factory.JPEG_2000)
    dataset = pydicom.dcmread(paths[1])
    large = np.zeros((4000, 4000), np.int16)
    dataset.PixelData = pydicom.encaps.encapsulate([factory.codestream(large, factory.JPEG_2000, 16)])
    dataset.save_as(paths[1])
    assert refusal_of(paths).code == "broken-pixels"


def test_a_header_that_breaks_off_is_refused_alone(tmp_path: Path) -> None:
    paths = write_ct_series(tmp_path, stored_values(SHAPE))
    whole = paths[5].read_bytes()
    for length in range(132, 1000, 7):
        paths[5].write_bytes(whole[:length])
        found = scan(paths)
        if found.refused:
            assert [(file.path, file.code) for file in found.refused] == [(paths[5], "broken-header")]
        else:
            (series,) = found.series
            with pytest.raises(Refusal):
                assemble(series)


@pytest.mark.parametrize("content", [b"\0", b"\0" * 131, b"\0" * 128 + b"DICM", b"PK\x03\x04" + b"\0" * 400])
def test_bytes_that_are_no_header_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "image.dcm"
    path.write_bytes(content)
    (refused,) = scan([path]).refused
    assert refused.code in ("not-dicom", "broken-header", "no-uid")
    assert refused.sentence.endswith(".")


def test_a_deflated_file_is_refused_before_it_is_inflated(tmp_path: Path) -> None:
    (path,) = write_ct_series(tmp_path, stored_values((1, 8, 7)))
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    dataset.save_as(path)
    (refused,) = scan([path]).refused
    assert refused.code == "transfer-syntax"


def test_a_file_that_vanished_is_refused_and_not_an_error(tmp_path: Path) -> None:
    (refused,) = scan([tmp_path / "gone.dcm"]).refused
    assert refused.code == "unreadable-file"


def test_a_deflated_file_is_refused_also_where_its_transfer_syntax_stands_late(tmp_path: Path) -> None:
    path = write_ct_series(tmp_path, stored_values(SHAPE))[0]
    content = path.read_bytes()
    syntax = content.index(b"\x02\x00\x10\x00UI")
    padding = b"\x02\x00\x02\x01OB\0\0" + (5000).to_bytes(4, "little") + bytes(5000)
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    path.write_bytes(
        content[:syntax]
        + padding
        + b"\x02\x00\x10\x00UI\x16\x001.2.840.10008.1.2.1.99"
        + bomb.compress(bytes(64 * 2**20))
        + bomb.flush()
    )
    assert [one.code for one in scan([path]).refused] == ["transfer-syntax"]


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
def test_one_file_with_a_damaged_uid_does_not_take_the_others_with_it(tmp_path: Path, keyword: str) -> None:
    paths = write_ct_series(tmp_path, stored_values(SHAPE))
    tag = pydicom.tag.Tag(keyword)
    element = tag.group.to_bytes(2, "little") + tag.element.to_bytes(2, "little") + b"UI"
    paths[2].write_bytes(paths[2].read_bytes().replace(element, element[:4] + b"U\x0e"))
    found = scan(paths)
    assert [(one.path, one.code) for one in found.refused] == [(paths[2], "broken-header")]
    assert len(found.series[0].instances) == SHAPE[0] - 1


def test_a_sequence_without_end_is_a_broken_header_and_no_matter_of_rights(tmp_path: Path) -> None:
    path = write_ct_series(tmp_path, stored_values(SHAPE))[0]
    endless = b"\x40\x00\x30\xa7SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff\x10\x00\x10\x00PN\x04\x00abcd"
    path.write_bytes(path.read_bytes().split(b"\xe0\x7f\x10\x00")[0] + endless)
    assert [one.code for one in scan([path]).refused] == ["broken-header"]


@pytest.mark.parametrize("keyword", ["RescaleSlope", "RescaleIntercept"])
@pytest.mark.parametrize("value", ["1e9999999999", "-1e9999999999", "1e-9999999999", "1e300"])
def test_a_rescale_of_a_billion_digits_is_refused_at_once(tmp_path: Path, keyword: str, value: str) -> None:
    paths = write_ct_series(tmp_path, stored_values(SHAPE), change=setting(keyword, value))
    if (keyword, value) == ("RescaleIntercept", "1e-9999999999"):
        assert assemble(scan(paths).series[0]).slope == 1.0  # it is 0, to any precision
        return
    assert refusal_of(paths).code == "no-rescale"


def test_a_refusal_never_repeats_what_was_typed_in_place_of_a_code(tmp_path: Path) -> None:
    typed = write_ct_series(tmp_path / "a", stored_values(SHAPE), change=setting("PhotometricInterpretation", "MUSTER"))
    assert refusal_of(typed).sentence.startswith("Image 1 is of an unknown kind, not a gray CT slice")
    other = write_ct_series(tmp_path / "b", stored_values(SHAPE))
    for path in other:
        path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"MUSTERMANN^ERIKA1940"))
    assert refusal_of(other).sentence.startswith("Image 1 is stored as an unknown transfer syntax, which is not read")


def test_a_header_of_many_megabytes_is_not_kept_in_memory(tmp_path: Path) -> None:
    def fat(dataset: pydicom.Dataset, n: int) -> None:
        dataset.private_block(0x0029, "VENDOR", create=True).add_new(0x10, "OB", bytes(2**21))

    series = scan(write_ct_series(tmp_path, stored_values(SHAPE), change=fat)).series[0]
    assert all(header.get_item(0x00291010, keep_deferred=True).value is None for header in series.headers)
    assert assemble(series).array.shape == SHAPE


@pytest.mark.parametrize("syntax", [factory.JPEG_LS, factory.JPEG_2000])
def test_a_codestream_with_loss_under_a_lossless_name_is_refused(tmp_path: Path, syntax: str) -> None:
    values = stored_values(SHAPE, "uint16", 12)
    paths = write_ct_series(tmp_path, values, transfer_syntax=syntax, bits_stored=12)
    for path, frame in zip(paths, values, strict=True):
        recoded(path, with_loss(frame, syntax), syntax)
    assert refusal_of(paths).code == "lossy-pixels"


LOSSY = {"JPEG-LS near-lossless": (factory.JPEG_LS, "81"), "JPEG 2000": (factory.JPEG_2000, "91")}


@pytest.mark.parametrize(("coded", "ending"), LOSSY.values(), ids=LOSSY)
def test_a_series_that_lost_something_to_compression_says_so(tmp_path: Path, coded: str, ending: str) -> None:
    values = stored_values(SHAPE, "uint16", 12)
    plain = write_ct_series(tmp_path / "plain", values, bits_stored=12)
    assert not scan(plain).series[0].lossy
    flagged = write_ct_series(tmp_path / "flag", values, change=setting("LossyImageCompression", "01"), bits_stored=12)
    assert scan(flagged).series[0].lossy
    for path, frame in zip(plain, values, strict=True):
        recoded(path, with_loss(frame, coded), f"1.2.840.10008.1.2.4.{ending}")
    series = scan(plain).series[0]
    assert series.lossy
    assert assemble(series).array.shape == SHAPE


def with_loss(frame: Any, syntax: str) -> bytes:
    if syntax == factory.JPEG_LS:
        return bytes(imagecodecs.jpegls_encode(frame, level=20))
    return bytes(imagecodecs.jpeg2k_encode(frame, level=30, reversible=False, codecformat="j2k"))


def recoded(path: Path, stream: bytes, syntax: str) -> None:
    dataset = pydicom.dcmread(path)
    dataset.PixelData = pydicom.encaps.encapsulate([stream])
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    dataset.save_as(path, enforce_file_format=True)


def test_what_pydicom_complains_about_reaches_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    paths = write_ct_series(tmp_path, stored_values(SHAPE), change=setting("SpecificCharacterSet", "MUSTERMANN"))
    series = scan(paths).series[0]
    assert series.description == "spine"
    assert "MUSTERMANN" not in caplog.text
