"""Everything that is turned away, by real files through the whole import: a sentence, and the original is kept."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import FileDataset
from pydicom.uid import generate_uid

from labeling.intake import frames, quarantine
from labeling.models import Case, IntakeBatch, Outcome, Series
from tests.imaging.dicom_factory import JPEG_LS
from tests.intake.conftest import Deliver
from tests.intake.phantoms import SHAPE, dicom, hounsfield, sagittal_dicom

pytestmark = pytest.mark.django_db

Change = Callable[[FileDataset, int], None]


def only(**values: Any) -> Change:
    """Set attributes on every image."""

    def change(dataset: FileDataset, n: int) -> None:
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    return change


def at(image: int, **values: Any) -> Change:
    """Set attributes on one image."""

    def change(dataset: FileDataset, n: int) -> None:
        if n == image:
            only(**values)(dataset, n)

    return change


def tilted(dataset: FileDataset, n: int) -> None:
    x, y, z = (float(value) for value in dataset.ImagePositionPatient)
    dataset.ImagePositionPatient = [x, y + 0.35 * (z - 100), z]
    dataset.GantryDetectorTilt = 19.3


def as_rgb(dataset: FileDataset, n: int) -> None:
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelData = dataset.PixelData[: dataset.Rows * dataset.Columns] * 3


def as_8_bit(dataset: FileDataset, n: int) -> None:
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelData = dataset.PixelData[::2]


HEADERS: dict[str, tuple[Change, str, Outcome, str]] = {
    "MR": (only(Modality="MR", SOPClassUID="1.2.840.10008.5.1.4.1.1.4"), "not-ct", Outcome.LEFT_OUT, "MR"),
    "Secondary Capture": (
        only(SOPClassUID="1.2.840.10008.5.1.4.1.1.7"),
        "secondary-capture",
        Outcome.LEFT_OUT,
        "screen captures",
    ),
    "scout": (only(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "scout", Outcome.LEFT_OUT, "scout"),
    "Enhanced CT": (
        only(SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1", NumberOfFrames=3),
        "enhanced-ct",
        Outcome.REFUSED,
        "Enhanced",
    ),
    "gantry tilt": (tilted, "gantry-tilt", Outcome.REFUSED, "tilted by 19.3 degrees"),
    "NaN spacing": (only(PixelSpacing=["NaN", "NaN"]), "no-spacing", Outcome.REFUSED, "Pixel Spacing"),
    "no spacing": (only(PixelSpacing=None), "no-spacing", Outcome.REFUSED, "Pixel Spacing"),
    "duplicate position": (
        at(5, ImagePositionPatient=[-36.0, -36.0, 108.0]),
        "duplicate-positions",
        Outcome.REFUSED,
        "same position",
    ),
    "uneven slices": (at(5, ImagePositionPatient=[-36.0, -36.0, 110.8]), "uneven-slices", Outcome.REFUSED, "unevenly"),
    "inconsistent orientation": (
        at(5, ImageOrientationPatient=[0.98, 0.199, 0, -0.199, 0.98, 0]),
        "inconsistent-orientation",
        Outcome.REFUSED,
        "orientation changes",
    ),
    "8 bit": (as_8_bit, "8-bit", Outcome.REFUSED, "8 bits"),
    "RGB": (as_rgb, "color", Outcome.REFUSED, "RGB"),
    "no rescale": (only(RescaleIntercept=None), "no-rescale", Outcome.REFUSED, "Rescale"),
}


@pytest.mark.parametrize("what", sorted(HEADERS))
def test_a_bad_series_is_turned_away_with_its_reason_and_the_good_one_comes_in(
    deliver: Deliver, tmp_path: Path, settings, what: str
):
    change, code, outcome, words = HEADERS[what]
    study = generate_uid()
    dicom(tmp_path / "in" / "bad", study_uid=study, change=change, attributes={"SeriesNumber": 1})
    sagittal_dicom(tmp_path / "in" / "good", study_uid=study, attributes={"SeriesNumber": 7})
    batch = deliver(tmp_path / "in")
    assert batch.state == "done"
    bad = batch.series.get(code=code)
    assert (bad.outcome, bad.images) == (outcome, SHAPE[0])
    assert words in bad.why
    assert batch.series.get(outcome=Outcome.READING).case == Case.objects.get()
    folder = Path(settings.QUARANTINE_ROOT) / batch.uuid.hex
    assert len(bad.files) == SHAPE[0]
    assert all((folder / file).is_file() for file in bad.files)


def test_missing_slices_name_the_gap(deliver: Deliver, tmp_path: Path):
    paths = dicom(tmp_path / "in")
    for path in paths[20:24]:
        path.unlink()
    batch = deliver(tmp_path / "in")
    series = batch.series.get()
    assert (series.outcome, series.code, batch.state) == (Outcome.REFUSED, "missing-slices", "done")
    assert "jump from 138.0 to 148.0 mm after image 20" in series.why
    assert not Case.objects.exists()


def test_a_truncated_image_names_itself(deliver: Deliver, tmp_path: Path):
    paths = dicom(tmp_path / "in")
    data = paths[30].read_bytes()
    paths[30].write_bytes(data[:-1000])
    series = deliver(tmp_path / "in").series.get()
    assert (series.outcome, series.code) == (Outcome.REFUSED, "truncated-pixels")
    assert "Image 31 breaks off" in series.why


def test_damaged_compressed_pixels_are_found_and_another_series_is_read_instead(deliver: Deliver, tmp_path: Path):
    study = generate_uid()
    bad = sagittal_dicom(tmp_path / "in" / "sag", study_uid=study, transfer_syntax=JPEG_LS)
    data = bytearray(bad[10].read_bytes())
    data[-900:-40] = bytes(860)
    bad[10].write_bytes(data)
    dicom(tmp_path / "in" / "axial", study_uid=study)
    batch = deliver(tmp_path / "in")
    refused, derived = batch.series.order_by("outcome", "pk")[::-1][0], batch.series.get(outcome=Outcome.DERIVED)
    assert refused.code in {"broken-pixels", "truncated-pixels"}
    assert derived.case.reading_stack.origin == "derived"


def test_files_that_are_no_images_are_one_row_per_reason(deliver: Deliver, tmp_path: Path):
    dicom(tmp_path / "in")
    (tmp_path / "in" / "README.txt").write_text("Torso CT")
    (tmp_path / "in" / "notes.dcm").write_text("not DICOM, whatever the name")
    (tmp_path / "in" / "empty.dcm").write_bytes(b"")
    Image.fromarray(np.zeros((8, 8), dtype=np.uint8)).save(tmp_path / "in" / "IM0099.dcm", format="png")
    (tmp_path / "in" / ".DS_Store").write_bytes(b"litter")
    batch = deliver(tmp_path / "in")
    assert batch.series.get(code="not-dicom").images == 3
    assert batch.series.get(code="empty-file").images == 1
    assert batch.series.filter(outcome=Outcome.DERIVED).count() == 1
    assert batch.series.count() == 3


def test_dicom_under_a_wrong_extension_is_read_by_its_content(deliver: Deliver, tmp_path: Path):
    dicom(tmp_path / "in", suffix=".jpg")
    assert deliver(tmp_path / "in").series.get().outcome == Outcome.DERIVED


def test_a_symbolic_link_in_a_folder_is_not_followed(deliver: Deliver, tmp_path: Path):
    dicom(tmp_path / "in")
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "passwd").write_text("root")
    (tmp_path / "in" / "link").symlink_to(secret / "passwd")
    (tmp_path / "in" / "folder").symlink_to(secret)
    batch = deliver(tmp_path / "in")
    assert batch.series.filter(code="link").count() == 2
    assert batch.files_total == SHAPE[0]


def test_a_broken_series_can_be_sent_again_and_comes_in(deliver: Deliver, tmp_path: Path):
    paths = dicom(tmp_path / "in")
    aside = paths[20].rename(tmp_path / "aside")
    assert deliver(tmp_path / "in").series.get().code == "missing-slices"
    shutil.move(aside, paths[20])
    assert deliver(tmp_path / "in").series.get().outcome == Outcome.DERIVED


def test_nothing_that_is_turned_away_has_a_file_in_the_media_folder(deliver: Deliver, tmp_path: Path, settings):
    dicom(tmp_path / "in", change=only(Modality="MR", SOPClassUID="1.2.840.10008.5.1.4.1.1.4"))
    deliver(tmp_path / "in")
    assert not [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def full_disk(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_fills_up_while_frames_are_written_ends_the_batch_with_what_to_do(
    deliver: Deliver, tmp_path: Path, monkeypatch
):
    """The system call is made to fail, as no test may fill the disk; all of our code runs."""
    dicom(tmp_path / "in")
    monkeypatch.setattr(os, "fsync", full_disk)
    batch = deliver(tmp_path / "in")
    assert batch.state == "failed"
    assert "disk is full" in batch.message
    assert "Make room" in batch.message
    assert not Case.objects.exists()
    monkeypatch.undo()
    assert deliver(tmp_path / "in").series.get().outcome == Outcome.DERIVED
    assert Case.objects.count() == 1


def test_a_disk_that_fills_up_while_files_arrive_says_so(deliver: Deliver, tmp_path: Path, monkeypatch):
    dicom(tmp_path / "in")
    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(quarantine.Refusal, match="disk is full"):
        deliver(tmp_path / "in")


def test_an_unexpected_fault_in_one_study_leaves_the_others(deliver: Deliver, tmp_path: Path, monkeypatch, caplog):
    dicom(tmp_path / "in" / "a", patient_id="1", stored=np.full(SHAPE, 77, dtype=np.int16))
    dicom(tmp_path / "in" / "b", patient_id="2", seed=1)
    whole = frames.digest

    def fault(volume, hashes):
        if int(volume.array.min()) == int(volume.array.max()):
            raise ZeroDivisionError("Muster^Eva")
        return whole(volume, hashes)

    monkeypatch.setattr(frames, "digest", fault)
    batch = deliver(tmp_path / "in")
    assert batch.state == "done"
    assert batch.series.get(code="unexpected").outcome == Outcome.REFUSED
    assert batch.series.filter(outcome=Outcome.DERIVED).count() == 1
    assert "ZeroDivisionError" in caplog.text
    assert "Muster" not in caplog.text


def test_every_refusal_says_why_and_names_no_file(deliver: Deliver, tmp_path: Path):
    dicom(tmp_path / "in" / "Muster_Eva", change=only(PixelSpacing=None), prefix="Muster")
    deliver(tmp_path / "in")
    for series in Series.objects.all():
        assert series.why
        assert "Muster" not in series.why + " ".join(series.files)
    assert IntakeBatch.objects.get().name == "in"


def test_hounsfield_values_of_the_phantom_are_what_the_tests_believe():
    assert hounsfield().shape == SHAPE
    assert hounsfield().min() == -1000
