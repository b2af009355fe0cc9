"""Bytes that lie: truncated, damaged, hostile DICOM files. Each is refused by itself and never shown as values."""

from __future__ import annotations

import zlib
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
from tests.imaging.refused import SHAPE, refusal_of, setting


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
