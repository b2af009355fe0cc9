"""Frames at rest: JPEG-LS lossless, one pack of frames per stack, bit for bit what came in.

Source of the encoding: ISO/IEC 14495-1; DICOM transfer syntax 1.2.840.10008.1.2.4.80.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import uuid
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from .refusal import Refusal

__all__ = [
    "JPEG_LS_LOSSLESS",
    "FramePackWriter",
    "PackedFrame",
    "decode",
    "encode",
    "encoded",
    "pixel_sha256",
    "read_frame",
]

JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"

_THREADS = min(4, os.cpu_count() or 1)


def _words(frame: NDArray[Any]) -> NDArray[np.uint16]:
    """The 16-bit words of a frame, little endian and contiguous, whatever its sign and memory order."""
    if frame.ndim != 2 or frame.dtype.kind not in "iu" or frame.dtype.itemsize != 2:
        raise ValueError(f"A frame is (rows, columns) of 16-bit integers, not {frame.shape} of {frame.dtype}.")
    little = np.ascontiguousarray(frame, dtype=frame.dtype.newbyteorder("<"))
    return little.view("<u2")


def encode(frame: NDArray[Any]) -> bytes:
    """A frame (rows, columns) of uint16 or int16 as a JPEG-LS lossless codestream of 16-bit unsigned samples.

    Signed values go in as their two's complement, as DICOM wants it (PS3.5 8.2.3); `decode` needs to be told.

    Raises
    ------
    ValueError
        where the frame is not two-dimensional or not 16 bit.
    """
    words = _words(frame)
    try:
        return bytes(imagecodecs.jpegls_encode(words, level=0))
    except imagecodecs.JpeglsError:
        # Noise over all 16 bits grows, and the codec's own buffer is then too small. A sample takes at most 64 bits
        # (the LIMIT of ISO/IEC 14495-1, A.2.1), four times its own.
        return bytes(imagecodecs.jpegls_encode(words, level=0, out=4 * words.nbytes + 4096))


def decode(data: bytes, signed: bool = False) -> NDArray[Any]:
    """The frame of a codestream of `encode`: (rows, columns), int16 where `signed`, else uint16.

    Raises
    ------
    Refusal
        ``damaged-frame`` where the codestream cannot be decoded.
    """
    try:
        frame = imagecodecs.jpegls_decode(data)
    except (RuntimeError, ValueError) as error:
        raise Refusal(
            "damaged-frame", "A stored frame is damaged. Import the case again from its originals."
        ) from error
    if frame.ndim != 2 or frame.dtype.itemsize > 2:
        raise Refusal("damaged-frame", "A stored frame is no gray image of 16 bits. Import the case again.")
    words = frame.astype(np.uint16, copy=False)
    return words.view(np.int16) if signed else words


def pixel_sha256(frame: NDArray[Any]) -> str:
    """SHA-256, in hex, of the pixels of a frame: little-endian 16-bit words, row by row."""
    return hashlib.sha256(_words(frame).tobytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class PackedFrame:
    """Where a frame lies in its pack (bytes), and `pixel_sha256` of its pixels before encoding."""

    offset: int
    length: int
    sha256: str


def _encode_with_hash(frame: NDArray[Any]) -> tuple[bytes, str]:
    return encode(frame), pixel_sha256(frame)


def encoded(frames: Iterable[NDArray[Any]]) -> Iterator[tuple[bytes, str]]:
    """Codestream and `pixel_sha256` of each frame, in order, encoded on several cores.

    At most a few frames are held at once: the iterable may be lazy.
    """
    if _THREADS == 1:
        yield from map(_encode_with_hash, frames)
        return
    frames = iter(frames)
    with ThreadPoolExecutor(_THREADS) as pool:
        # The codec and the hash release the interpreter lock. Two per thread keeps the pool busy while one is written.
        waiting: deque[Future[tuple[bytes, str]]] = deque(
            pool.submit(_encode_with_hash, frame) for frame in itertools.islice(frames, 2 * _THREADS)
        )
        while waiting:
            done = waiting.popleft().result()
            for frame in itertools.islice(frames, 1):
                waiting.append(pool.submit(_encode_with_hash, frame))
            yield done


class FramePackWriter:
    """Writes encoded frames one after another into one file, all or nothing.

    The frames go into ``<name>.<random>.part`` beside `path`; when the ``with`` block ends well they are flushed to
    the disk and the file takes its name in one step. When the block is left by an exception, nothing stays; when the
    process dies, only a ``.part`` file does. Two writers of one path do not disturb each other: the last to end wins.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.frames: list[PackedFrame] = []
        self._part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
        self._file: BinaryIO | None = None
        self._offset = 0

    def __enter__(self) -> FramePackWriter:
        self._file = self._part.open("xb")
        return self

    def write(self, frame: NDArray[Any]) -> PackedFrame:
        """Append one frame (rows, columns) of 16-bit integers."""
        return self._append(*_encode_with_hash(frame))

    def write_all(self, frames: Iterable[NDArray[Any]]) -> list[PackedFrame]:
        """Append many frames, encoded on several cores, in their order."""
        return [self._append(data, sha256) for data, sha256 in encoded(frames)]

    def _append(self, data: bytes, sha256: str) -> PackedFrame:
        if self._file is None:
            raise ValueError("A frame pack is written inside its with block.")
        self._file.write(data)
        packed = PackedFrame(self._offset, len(data), sha256)
        self._offset += len(data)
        self.frames.append(packed)
        return packed

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            if kind is None:
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            kind = OSError
            raise
        finally:
            file.close()
            if kind is not None:
                self._part.unlink(missing_ok=True)
        if kind is None:
            os.replace(self._part, self.path)
            _sync_folder(self.path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut: on Linux the folder itself has to reach the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_frame(path: Path, offset: int, length: int) -> bytes:
    """The codestream of one frame of a pack.

    Raises
    ------
    Refusal
        ``damaged-pack`` where the pack ends before the frame does, ``missing-pack`` where it is not there.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(length)
    except FileNotFoundError as error:
        raise Refusal("missing-pack", "The stored frames of this stack are missing. Import the case again.") from error
    if len(data) != length:
        raise Refusal("damaged-pack", "The stored frames of this stack break off. Import the case again.")
    return data
