"""The cache of uncompressed volumes: what is in it, who fills it, what goes first, and what it says when it cannot."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from labeling.imaging.codec import FramePackWriter
from labeling.imaging.geometry import Geometry
from labeling.imaging.planes import axial_plane, coronal_plane
from labeling.imaging.refusal import Refusal
from labeling.intake.volume_cache import Lock
from labeling.intake.volumes import Preparing, Ready, Source, prepared, source_of, volume_of
from labeling.models import Instance, Series, Stack
from tests import factories
from tests.imaging.test_resample import affine_of
from tests.intake.conftest import Deliver
from tests.intake.phantoms import ORIGIN, SHAPE, SPACING, dicom, hounsfield, nifti, sagittal_dicom

#: 12 slices, head to feet, 2 mm apart.
AXIAL = Geometry((12, 20, 24), affine_of("IPL", (2.0, 0.8, 0.8), (-10.0, -8.0, 100.0)))


def stored_values(geometry: Geometry) -> NDArray[np.uint16]:
    return (np.arange(np.prod(geometry.shape)) % 4096).astype(np.uint16).reshape(geometry.shape)


def a_source(folder: Path, name: str = "one", geometry: Geometry = AXIAL, **fields: Any) -> Source:
    folder.mkdir(exist_ok=True)
    with FramePackWriter(folder / f"{name}.frames") as writer:
        written = writer.write_all(stored_values(geometry))
    return Source(
        **{
            "name": name,
            "kind": "native",
            "geometry": geometry,
            "slope": 1.0,
            "intercept": -1024.0,
            "signed": False,
            "pack": folder / f"{name}.frames",
            "frames": tuple((frame.offset, frame.length) for frame in written),
            **fields,
        }
    )


def waited(source: Source, seconds: float = 20.0) -> Ready:
    """Asks again as the browser does, until the volume is there."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = prepared(source)
        if isinstance(found, Ready):
            return found
        assert 0.0 <= found.share <= 1.0
        time.sleep(0.01)
    raise TimeoutError("The volume was not prepared.")


@pytest.fixture
def folder(private_state: Path, settings: Any) -> Path:
    return private_state


def names(settings: Any, suffix: str = "hu") -> list[str]:
    return sorted(path.stem for path in Path(settings.VOLUME_CACHE_ROOT).glob(f"*.{suffix}"))


@pytest.mark.parametrize("codes", ["IPL", "SPL", "LIP", "RSA", "PIL", "ASR"])
def test_a_volume_of_any_orientation_is_kept_in_hounsfield_units_in_axial_order(folder: Path, codes: str) -> None:
    # More frames than are decoded at a time, so that chunks must meet.
    geometry = Geometry((70, 5, 6), affine_of(codes, (2.0, 0.8, 0.7), (1.0, 2.0, 3.0)))
    ready = waited(a_source(folder, geometry=geometry))
    hu = stored_values(geometry).astype(int) - 1024
    assert ready.array.dtype == np.int16
    for index in np.ndindex(geometry.shape):
        place = np.rint(ready.geometry.to_index(geometry.to_patient(index))).astype(int)
        assert ready.array[tuple(place)] == hu[index]
    directions = ready.geometry.directions
    assert directions[2, 0] < 0 < directions[1, 1]
    assert directions[0, 2] > 0
    with pytest.raises(ValueError, match="read-only"):
        ready.array[0, 0, 0] = 1


def test_nobody_but_the_server_reads_the_files(folder: Path, settings: Any) -> None:
    waited(a_source(folder))
    cache = Path(settings.VOLUME_CACHE_ROOT)
    assert {path.stat().st_mode & 0o077 for path in (cache, *cache.iterdir())} == {0}


def test_a_broken_rescale_is_rounded(folder: Path) -> None:
    ready = waited(a_source(folder, slope=0.5, intercept=-100.25))
    np.testing.assert_array_equal(ready.array, np.rint(stored_values(AXIAL) * 0.5 - 100.25))


def test_the_first_question_starts_the_work_and_the_share_grows(folder: Path) -> None:
    geometry = Geometry((400, 200, 100), affine_of("IPL", (1.0, 1.0, 1.0), (0, 0, 0)))
    source = a_source(folder, geometry=geometry)
    first = prepared(source)
    assert first == Preparing(0.0)
    shares = [0.0]
    while isinstance(found := prepared(source), Preparing):
        shares.append(found.share)
        time.sleep(0.005)
    assert shares == sorted(shares)


def test_many_threads_at_once_build_it_once(folder: Path, settings: Any) -> None:
    source = a_source(folder, geometry=Geometry((60, 90, 80), affine_of("IPL", (1, 1, 1), (0, 0, 0))))
    files: list[int] = []

    def ask() -> None:
        waited(source)
        files.append((Path(settings.VOLUME_CACHE_ROOT) / "one.hu").stat().st_ino)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A second one to be built would have taken the name from the first.
    assert len(files) == 8
    assert len(set(files)) == 1
    assert names(settings) == ["one"]
    assert names(settings, "part") == []


def _another_process(source: Source, begin: Any, sums: Any) -> None:
    begin.wait()
    sums.put(int(waited(source).array.astype(np.int64).sum()))


def test_several_processes_at_once_get_the_same_volume(folder: Path, settings: Any) -> None:
    source = a_source(folder, geometry=Geometry((60, 90, 80), affine_of("IPL", (1, 1, 1), (0, 0, 0))))
    fork = multiprocessing.get_context("fork")
    begin, sums = fork.Event(), fork.SimpleQueue()
    people = [fork.Process(target=_another_process, args=(source, begin, sums)) for _ in range(4)]
    for one in people:
        one.start()
    begin.set()
    expected = int((stored_values(source.geometry).astype(np.int64) - 1024).sum())
    assert [sums.get() for _ in people] == [expected] * 4
    for one in people:
        one.join()
    assert names(settings) == ["one"]


def _build_for_ever(source: Source) -> None:
    prepared(source)
    time.sleep(60)


def test_a_process_that_is_killed_while_it_builds_leaves_nothing_that_stops_the_next(
    folder: Path, settings: Any
) -> None:
    source = a_source(folder)
    whole = source.pack.read_bytes()
    source.pack.unlink()
    os.mkfifo(source.pack)  # whoever reads it waits for somebody who writes: nobody does
    builder = multiprocessing.get_context("fork").Process(target=_build_for_ever, args=(source,))
    builder.start()
    until = time.monotonic() + 20
    while not names(settings, "part") and time.monotonic() < until:
        time.sleep(0.01)
    assert prepared(source) == Preparing(0.0)  # somebody else is at it
    assert builder.pid is not None
    os.kill(builder.pid, signal.SIGKILL)
    builder.join()
    assert names(settings, "part") == ["one"]
    source.pack.unlink()
    source.pack.write_bytes(whole)
    waited(source)
    assert names(settings, "part") == []


def test_the_volume_not_looked_at_longest_goes_when_the_room_is_full(folder: Path, settings: Any) -> None:
    settings.VOLUME_CACHE_BYTES = 2 * a_source(folder).bytes
    first, second, third = (a_source(folder, name) for name in ("first", "second", "third"))
    kept = waited(first)
    waited(second)
    os.utime(Path(settings.VOLUME_CACHE_ROOT) / "second.hu", (1, 1))
    waited(first)
    waited(third)
    assert names(settings) == ["first", "third"]
    os.utime(Path(settings.VOLUME_CACHE_ROOT) / "first.hu", (1, 1))
    waited(second)
    assert names(settings) == ["second", "third"]
    # Whoever had it open keeps it.
    assert axial_plane(kept.array, kept.geometry, 100.0).values[0, 1] == -1023


def test_the_part_of_a_dead_process_takes_no_room(folder: Path, settings: Any) -> None:
    source = a_source(folder)
    settings.VOLUME_CACHE_BYTES = source.bytes
    cache = Path(settings.VOLUME_CACHE_ROOT)
    cache.mkdir()
    (cache / "gone.part").write_bytes(b"0" * source.bytes)
    waited(source)
    assert names(settings, "part") == []


def test_a_volume_waits_while_others_are_built_in_the_room_there_is(folder: Path, settings: Any) -> None:
    source = a_source(folder)
    settings.VOLUME_CACHE_BYTES = source.bytes
    cache = Path(settings.VOLUME_CACHE_ROOT)
    cache.mkdir()
    (cache / "other.part").write_bytes(b"0" * source.bytes)
    lock = Lock.take(cache / "other.lock")
    assert lock is not None
    for _ in range(5):
        assert isinstance(prepared(source), Preparing)
        time.sleep(0.02)
    assert names(settings) == []
    lock.release()
    waited(source)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda pack: pack.unlink(), "missing-pack"),
        (lambda pack: pack.write_bytes(pack.read_bytes()[:-40]), "damaged-pack"),
        (lambda pack: pack.write_bytes(b"\0" * pack.stat().st_size), "damaged-frame"),
    ],
)
def test_a_damaged_pack_gives_a_sentence_and_is_tried_again_later(
    folder: Path, settings: Any, spoil: Any, code: str
) -> None:
    source = a_source(folder)
    whole = source.pack.read_bytes()
    spoil(source.pack)
    with pytest.raises(Refusal) as refused:
        waited(source)
    assert refused.value.code == code
    assert "Import the case again" in refused.value.sentence
    assert names(settings) == names(settings, "part") == []
    # Another process says the same without trying; once the pack is back, a later question finds it.
    source.pack.write_bytes(whole)
    with pytest.raises(Refusal):
        prepared(source)
    os.utime(Path(settings.VOLUME_CACHE_ROOT) / "one.failed", (1, 1))
    waited(source)
    assert names(settings, "failed") == []


def test_frames_of_another_shape_than_the_volume_are_said_to_be_damaged(folder: Path) -> None:
    other = Geometry((12, 24, 20), AXIAL.affine)
    with pytest.raises(Refusal, match="Frame 1 of this case is 20 x 24, not 24 x 20"):
        waited(replace(a_source(folder), geometry=other))


def test_a_full_disk_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(Refusal) as refused:
        waited(a_source(folder))
    assert refused.value.code == "disk-full"


def test_a_file_that_lost_its_end_is_made_again(folder: Path, settings: Any) -> None:
    source = a_source(folder)
    waited(source)
    path = Path(settings.VOLUME_CACHE_ROOT) / "one.hu"
    path.write_bytes(path.read_bytes()[:-2])
    np.testing.assert_array_equal(waited(source).array, stored_values(AXIAL).astype(np.int16) - 1024)


# --- which volume a stack stands for ----------------------------------------------------------------------------------


def a_stack_with_a_native_series(folder: Path, settings: Any) -> tuple[Stack, Series]:
    """A stack whose series has axial frames of its own, as intake stores them."""
    case = factories.make_case()
    assert case.reading_stack is not None
    stack = Stack.objects.select_related("source").get(pk=case.reading_stack.pk)
    series = stack.source
    media = Path(settings.MEDIA_ROOT)
    with FramePackWriter(media / "native.frames") as writer:
        written = writer.write_all(stored_values(AXIAL))
    series.pack = "native.frames"
    series.geometry = {
        "shape": list(AXIAL.shape),
        "affine": AXIAL.affine.tolist(),
        "slope": 1.0,
        "intercept": -1024.0,
    }
    series.save()
    Instance.objects.bulk_create(
        Instance(series=series, sop_uid=factories.uid(), index=index, offset=frame.offset, length=frame.length)
        for index, frame in enumerate(written)
    )
    return stack, series


def volume_at_last(stack: Stack) -> Ready:
    return waited(source_of(stack))


@pytest.mark.django_db
def test_a_stack_gives_the_native_volume_of_its_series(folder: Path, settings: Any) -> None:
    stack, _ = a_stack_with_a_native_series(folder, settings)
    assert isinstance(volume_of(stack), Preparing)
    ready = volume_at_last(stack)
    assert ready.kind == "native"
    plane = axial_plane(ready.array, ready.geometry, 96.0)
    np.testing.assert_array_equal(plane.values, stored_values(AXIAL)[2].astype(np.int16) - 1024)
    plane = coronal_plane(ready.array, ready.geometry, -8.0 + 3 * 0.8)
    np.testing.assert_array_equal(plane.values, stored_values(AXIAL)[:, 3].astype(np.int16) - 1024)


@pytest.mark.django_db
def test_a_series_without_frames_of_its_own_gives_the_stack_that_is_read(folder: Path) -> None:
    case = factories.make_case()
    assert case.reading_stack is not None
    ready = volume_at_last(case.reading_stack)
    assert ready.kind == "stack"
    # Stored value k + row + column, rescaled by -1024; 24 rows run head to feet, 16 columns front to back.
    assert ready.array.shape == (24, 16, 12)
    assert ready.array[5, 7, 9] == 5 + 7 + 9 - 1024


@pytest.mark.django_db
def test_frames_that_are_not_all_there_count_as_none(folder: Path, settings: Any) -> None:
    stack, series = a_stack_with_a_native_series(folder, settings)
    series.instances.filter(index=11).update(length=0)
    assert source_of(stack).kind == "stack"


@pytest.mark.django_db
def test_a_volume_larger_than_the_room_gives_the_stack_and_one_larger_still_a_sentence(
    folder: Path, settings: Any
) -> None:
    stack, _ = a_stack_with_a_native_series(folder, settings)
    stack_bytes = 2 * stack.slices_count * stack.rows * stack.columns
    settings.VOLUME_CACHE_BYTES = 2 * int(np.prod(AXIAL.shape))
    assert source_of(stack).kind == "native"
    settings.VOLUME_CACHE_BYTES -= 1
    assert source_of(stack).kind == "stack"
    settings.VOLUME_CACHE_BYTES = stack_bytes - 1
    with pytest.raises(Refusal, match="SAGITTAL_VOLUME_CACHE_GB") as refused:
        source_of(stack)
    assert refused.value.code == "no-volume"


# --- from the delivery to the plane -----------------------------------------------------------------------------------


def the_stack() -> Stack:
    return Stack.objects.get()


def assert_axial_planes_are_the_phantom(ready: Ready, every_x: int = 1) -> None:
    """The phantom is (z up, y back, x left); a native sagittal series holds every second x."""
    values = hounsfield()
    for z in (0, 17, SHAPE[0] - 1):
        plane = axial_plane(ready.array, ready.geometry, ORIGIN[2] + z * SPACING[0])
        np.testing.assert_array_equal(plane.values, values[z][:, ::every_x])
        np.testing.assert_allclose(plane.origin, (ORIGIN[0], ORIGIN[1], ORIGIN[2] + z * SPACING[0]), atol=1e-3)
    for y in (0, 20):
        plane = coronal_plane(ready.array, ready.geometry, ORIGIN[1] + y * SPACING[1])
        np.testing.assert_array_equal(plane.values, values[::-1, y, ::every_x])
        top = ORIGIN[2] + (SHAPE[0] - 1) * SPACING[0]
        np.testing.assert_allclose(plane.origin, (ORIGIN[0], ORIGIN[1] + y * SPACING[1], top), atol=1e-3)


@pytest.mark.django_db
@pytest.mark.parametrize("stored", ["signed", "unsigned"])
def test_planes_of_axial_dicom_are_the_samples_that_came_in(deliver: Deliver, tmp_path: Path, stored: str) -> None:
    if stored == "signed":
        dicom(tmp_path / "in")
    else:
        dicom(tmp_path / "in", stored=(hounsfield() + 1024).astype(np.uint16), intercept=-1024)
    deliver(tmp_path / "in")
    ready = volume_at_last(the_stack())
    assert ready.kind == "native"
    assert_axial_planes_are_the_phantom(ready)


@pytest.mark.django_db
@pytest.mark.parametrize("face_left", [True, False])
def test_planes_of_a_native_sagittal_series_are_its_samples(deliver: Deliver, tmp_path: Path, face_left: bool) -> None:
    sagittal_dicom(tmp_path / "in", face_left=face_left)
    deliver(tmp_path / "in")
    ready = volume_at_last(the_stack())
    assert ready.kind == "native"
    assert_axial_planes_are_the_phantom(ready, every_x=2)


@pytest.mark.django_db
@pytest.mark.parametrize("orientation", ["LPS", "RAS", "SAL"])
def test_planes_of_nifti_in_any_orientation_are_the_samples_that_came_in(
    deliver: Deliver, tmp_path: Path, orientation: str
) -> None:
    deliver(nifti(tmp_path / "x.nii.gz", hounsfield(), orientation=orientation))
    assert_axial_planes_are_the_phantom(volume_at_last(the_stack()))
