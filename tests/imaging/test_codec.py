"""Frames at rest: bit for bit, and never half a pack."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from labeling.imaging.codec import (
    JPEG_LS_LOSSLESS,
    FramePackWriter,
    decode,
    encode,
    encoded,
    pixel_sha256,
    read_frame,
)
from labeling.imaging.refusal import Refusal
from tests.imaging.dicom_factory import stored_values, write_ct_series

frames = st.sampled_from(["<u2", "<i2", ">u2", ">i2"]).flatmap(
    lambda dtype: arrays.arrays(dtype, st.tuples(st.integers(1, 40), st.integers(1, 40)))
)


@given(frames)
@settings(max_examples=150)
def test_a_frame_comes_back_bit_for_bit(frame: np.ndarray) -> None:
    back = decode(encode(frame), signed=frame.dtype.kind == "i")
    assert back.dtype == frame.dtype.newbyteorder("=")
    np.testing.assert_array_equal(back, frame)
    assert pixel_sha256(back) == pixel_sha256(frame)


@pytest.mark.parametrize("dtype", ["uint16", "int16"])
@pytest.mark.parametrize("bits", [9, 12, 16])
@pytest.mark.parametrize("shape", [(1024, 512), (608, 512), (33, 1), (1, 33)])
def test_frames_of_every_size_and_depth_come_back(shape: tuple[int, int], bits: int, dtype: str) -> None:
    frame = stored_values((1, shape[0], max(2, shape[1])), dtype, bits)[0][:, : shape[1]]
    np.testing.assert_array_equal(decode(encode(frame), signed=dtype == "int16"), frame)


def test_a_view_with_any_memory_order_is_encoded_as_it_looks() -> None:
    volume = stored_values((6, 9, 8), "int16")
    frame = volume.transpose(2, 0, 1)[3, ::-1]
    np.testing.assert_array_equal(decode(encode(frame), signed=True), frame)
    assert pixel_sha256(frame) == hashlib.sha256(frame.astype("<i2").tobytes()).hexdigest()


def test_another_reader_decodes_the_codestream(tmp_path: Path) -> None:
    """The browser gets these bytes under the DICOM name of the syntax: here CharLS through pydicom reads them."""
    frame = stored_values((1, 31, 17), "int16")[0]
    (path,) = write_ct_series(tmp_path, frame[None])
    dataset = pydicom.dcmread(path)
    dataset.PixelData = pydicom.encaps.encapsulate([encode(frame)])
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(JPEG_LS_LOSSLESS)
    np.testing.assert_array_equal(dataset.pixel_array, frame)


@pytest.mark.parametrize("frame", [np.zeros((2, 2), np.float32), np.zeros((2, 2), np.uint8), np.zeros((2, 2, 2), "u2")])
def test_what_is_no_frame_of_16_bits_is_an_error(frame: np.ndarray) -> None:
    with pytest.raises(ValueError, match="16-bit integers"):
        encode(frame)


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_a_damaged_codestream_is_refused(cut: int) -> None:
    data = encode(stored_values((1, 40, 40))[0])
    with pytest.raises(Refusal) as refused:
        decode(data[:cut])
    assert refused.value.code == "damaged-frame"


def test_many_frames_are_encoded_in_their_order_and_lazily() -> None:
    volume = stored_values((50, 16, 12), "uint16")
    drawn = 0

    def lazily() -> Iterator[np.ndarray]:
        nonlocal drawn
        for frame in volume:
            drawn += 1
            yield frame

    ahead = []
    for n, (data, sha256) in enumerate(encoded(lazily())):
        ahead.append(drawn - n)
        np.testing.assert_array_equal(decode(data), volume[n])
        assert sha256 == pixel_sha256(volume[n])
    assert drawn == 50
    assert max(ahead) <= 9


def test_a_pack_gives_back_every_frame(tmp_path: Path) -> None:
    volume = stored_values((20, 30, 20), "int16")
    path = tmp_path / "stack.jls"
    with FramePackWriter(path) as pack:
        first = pack.write(volume[0])
        rest = pack.write_all(volume[1:])
        assert not path.exists()
    assert pack.frames == [first, *rest]
    assert [file.name for file in tmp_path.iterdir()] == ["stack.jls"]
    for frame, packed in zip(volume, pack.frames, strict=True):
        back = decode(read_frame(path, packed.offset, packed.length), signed=True)
        np.testing.assert_array_equal(back, frame)
        assert pixel_sha256(back) == packed.sha256
    assert path.stat().st_size == sum(packed.length for packed in pack.frames)


def test_an_error_in_the_middle_leaves_no_pack(tmp_path: Path) -> None:
    def spoiled() -> Iterator[np.ndarray]:
        yield from stored_values((3, 8, 8))
        raise RuntimeError("the source broke off")

    with pytest.raises(RuntimeError, match="broke off"), FramePackWriter(tmp_path / "stack.jls") as pack:
        pack.write_all(spoiled())
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_the_pack_that_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "stack.jls"
    with FramePackWriter(path) as pack:
        pack.write(stored_values((1, 8, 8))[0])
    before = path.read_bytes()
    with pytest.raises(ValueError, match="16-bit integers"), FramePackWriter(path) as pack:
        pack.write_all([stored_values((1, 9, 9))[0], np.zeros((2, 2), np.float32)])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_writer_leaves_no_pack_under_the_name(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        import numpy as np
        from labeling.imaging.codec import FramePackWriter
        with FramePackWriter(Path(sys.argv[1])) as pack:
            pack.write(np.zeros((64, 64), np.uint16))
            pack._file.flush()
            print("written", flush=True)
            time.sleep(60)
        """
    )
    path = tmp_path / "stack.jls"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, cwd=os.getcwd()
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        os.kill(process.pid, signal.SIGKILL)
    left = list(tmp_path.iterdir())
    assert path not in left
    assert all(file.suffix == ".part" for file in left)


def test_two_writers_of_one_path_leave_one_whole_pack(tmp_path: Path) -> None:
    path = tmp_path / "stack.jls"
    one, other = stored_values((2, 8, 8), seed=1), stored_values((2, 9, 9), seed=2)
    with FramePackWriter(path) as first:
        first.write(one[0])
        with FramePackWriter(path) as second:
            second.write_all(other)
        first.write(one[1])
    assert list(tmp_path.iterdir()) == [path]
    for frame, packed in zip(one, first.frames, strict=True):
        np.testing.assert_array_equal(decode(read_frame(path, packed.offset, packed.length), signed=True), frame)


def test_writing_outside_the_block_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="with block"):
        FramePackWriter(tmp_path / "stack.jls").write(np.zeros((2, 2), np.uint16))


def test_a_pack_that_is_missing_or_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="missing"):
        read_frame(tmp_path / "stack.jls", 0, 10)
    (tmp_path / "stack.jls").write_bytes(b"12345")
    with pytest.raises(Refusal, match="break off"):
        read_frame(tmp_path / "stack.jls", 0, 10)
