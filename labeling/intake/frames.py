"""Frames and label maps on disk: written before the rows that name them, swept away where no row does.

Everything that one batch writes lies in one folder under the media root. A file there that no row names belongs to a
case that was never committed: its worker died, or another import stored the case first.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from labeling.imaging import codec
from labeling.imaging.geometry import Geometry
from labeling.imaging.volume import Volume
from labeling.models import Anatomy, Series, Stack

__all__ = [
    "Pack",
    "digest",
    "frame_hashes",
    "media_path",
    "pack",
    "stack_geometry",
    "stack_volume",
    "sweep",
    "write_file",
    "write_named",
]


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack of frames: path relative to the media root, where each frame lies, and the digest of the volume."""

    path: str
    frames: list[codec.PackedFrame]
    digest: str


def media_path(relative: str) -> Path:
    return Path(settings.MEDIA_ROOT) / relative


def _folder(batch: uuid.UUID) -> str:
    return f"intake/{batch.hex}"


def _new_path(batch: uuid.UUID, suffix: str) -> str:
    relative = f"{_folder(batch)}/{uuid.uuid4().hex}{suffix}"
    media_path(relative).parent.mkdir(parents=True, exist_ok=True)
    return relative


def pack(batch: uuid.UUID, volume: Volume, tick: Callable[[], None] = lambda: None) -> Pack:
    """Encode the frames of a volume (axis 0) into a new pack; `tick` is called per frame and may raise to stop."""
    relative = _new_path(batch, ".frames")

    def frames() -> Iterator[NDArray[Any]]:
        for frame in volume.array:
            tick()
            yield frame

    with codec.FramePackWriter(media_path(relative)) as writer:
        written = writer.write_all(frames())
    return Pack(relative, written, digest(volume, [frame.sha256 for frame in written]))


def frame_hashes(volume: Volume) -> list[str]:
    """`codec.pixel_sha256` of every frame, without encoding any."""
    return [codec.pixel_sha256(frame) for frame in volume.array]


def digest(volume: Volume, hashes: Sequence[str]) -> str:
    """SHA-256, in hex, over where a volume lies, its rescale and its pixels: the same for the same CT, always."""
    whole = hashlib.sha256(repr((volume.geometry.shape, volume.slope, volume.intercept)).encode())
    # A ten-thousandth of a millimetre: more than any rounding between two writings of one affine.
    whole.update((np.round(volume.geometry.affine, 4) + 0.0).astype("<f8").tobytes())
    for one in hashes:
        whole.update(bytes.fromhex(one))
    return whole.hexdigest()


def write_file(batch: uuid.UUID, suffix: str, data: bytes) -> str:
    """Write a new file, flushed to the disk before it has its name; its path relative to the media root."""
    return write_named(_new_path(batch, suffix), data)


def write_named(relative: str, data: bytes) -> str:
    """Write a file at a path below the media root, whole or not at all; a file that lies there is replaced."""
    target = media_path(relative)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return relative


def stack_geometry(stack: Stack) -> Geometry:
    return Geometry((stack.slices_count, stack.rows, stack.columns), np.array(stack.affine))


def stack_volume(stack: Stack) -> Volume:
    """The stored values of a stack, decoded from its pack.

    Raises
    ------
    Refusal
        ``missing-pack``, ``damaged-pack`` or ``damaged-frame``.
    """
    array = np.empty((stack.slices_count, stack.rows, stack.columns), dtype=np.int16 if stack.signed else np.uint16)
    path = media_path(stack.pack)
    for k, offset, length in stack.slices.order_by("k").values_list("k", "offset", "length"):
        array[k] = codec.decode(codec.read_frame(path, offset, length), signed=stack.signed)
    return Volume(stack_geometry(stack), array, stack.slope, stack.intercept)


def sweep(batch: uuid.UUID) -> int:
    """Delete what a batch wrote and no row names; only when nobody works at it. Returns how many files went."""
    folder = media_path(_folder(batch))
    if not folder.is_dir():
        return 0
    prefix = f"{_folder(batch)}/"
    named = {
        *Series.objects.filter(pack__startswith=prefix).values_list("pack", flat=True),
        *Stack.objects.filter(pack__startswith=prefix).values_list("pack", flat=True),
        *Anatomy.objects.filter(label_map__startswith=prefix).values_list("label_map", flat=True),
        *Anatomy.objects.filter(outlines__startswith=prefix).values_list("outlines", flat=True),
    }
    gone = 0
    for path in folder.iterdir():
        if prefix + path.name not in named:
            path.unlink(missing_ok=True)
            gone += 1
    return gone
