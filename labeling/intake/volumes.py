"""The uncompressed volume behind a stack, kept on disk so that any plane of it can be cut out at once.

Frames are stored compressed; a coronal plane needs a row of every one of them. So a volume is decoded once, in the
background, into a file of HU that is mapped into memory. `labeling.intake.volume_cache` keeps those files.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from labeling.imaging import codec
from labeling.imaging.geometry import Geometry
from labeling.imaging.planes import axial_order, hounsfield
from labeling.imaging.refusal import Refusal
from labeling.imaging.volume import reordered
from labeling.intake.frames import stack_geometry
from labeling.intake.volume_cache import Lock, VolumeFiles, make_room, note_failure, say_failure
from labeling.models import Stack

__all__ = [
    "Preparing",
    "Ready",
    "Source",
    "can_be_cut",
    "decode_into",
    "prepared",
    "source_of",
    "stack_source",
    "uncompressed_source",
    "volume_of",
]

log = logging.getLogger(__name__)

_THREADS = 2  # per volume that is built: frames of other readers are sent by the same cores
_MOST_BUILDS = 2  # at a time, in one process
_CHUNK_FRAMES = 32
_SAY_EVERY_SECONDS = 0.1

_building: set[Path] = set()
_building_lock = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """A volume that can be cut: `array` of HU, int16, mapped read-only, axes head to feet, front to back, right to left
    as near as they can; `kind` says whether it is the native volume or the stack that is read."""

    array: NDArray[np.int16]
    geometry: Geometry
    kind: Literal["native", "stack"]


@dataclass(frozen=True, slots=True)
class Preparing:
    """Somebody decodes the volume: `share` of it, 0 to 1, is done."""

    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Where a volume comes from: frames of a pack along axis 0 of `geometry`, each as offset and length in bytes."""

    name: str
    kind: Literal["native", "stack"]
    geometry: Geometry
    slope: float
    intercept: float
    signed: bool
    pack: Path
    frames: tuple[tuple[int, int], ...]

    @property
    def bytes(self) -> int:
        return 2 * int(np.prod(self.geometry.shape, dtype=np.int64))


def volume_of(stack: Stack) -> Ready | Preparing:
    """The volume that a stack was made from, or how far it is; the first question starts the work.

    Raises
    ------
    Refusal
        ``no-volume`` where there is none that fits the cache, ``missing-pack``, ``damaged-pack`` or ``damaged-frame``
        where it cannot be decoded, ``disk-full``.
    """
    return prepared(source_of(stack))


def source_of(stack: Stack) -> Source:
    """The native volume of the series that a stack was made from; the stack itself where that has no frames of its own
    or takes more room than the cache has.

    Raises
    ------
    Refusal
        ``no-volume`` where neither fits.
    """
    return _source(stack.pk, Path(settings.MEDIA_ROOT), settings.VOLUME_CACHE_BYTES)


def can_be_cut(stack: Stack) -> bool:
    """Whether `volume_of` has anything to give for this stack; starts nothing."""
    try:
        source_of(stack)
    except Refusal:
        return False
    return True


def uncompressed_source(stack: Stack) -> Source:
    """The native volume of the series that a stack was made from, whatever room it takes; the stack itself where that
    has no frames of its own."""
    return _native_source(stack, Path(settings.MEDIA_ROOT)) or stack_source(stack)


def stack_source(stack: Stack) -> Source:
    """The stack itself, whatever it was made from."""
    return _stack_source(stack, Path(settings.MEDIA_ROOT))


@lru_cache(maxsize=64)
def _source(stack_pk: int, media_root: Path, room: int) -> Source:
    """Remembered, for scrolling asks many times a second and what a stack was made from never changes."""
    stack = Stack.objects.select_related("source").get(pk=stack_pk)
    native, own = _native_source(stack, media_root), _stack_source(stack, media_root)
    if native is not None and native.bytes <= room:
        return native
    if own.bytes <= room:
        return own
    raise Refusal(
        "no-volume",
        f"Other planes of this case take {own.bytes / 1e9:.2g} GB uncompressed, and room is set aside for "
        f"{room / 1e9:.2g} GB. Ask the administrator to raise SAGITTAL_VOLUME_CACHE_GB.",
    )


def _native_source(stack: Stack, media_root: Path) -> Source | None:
    series = stack.source
    if not series.pack or not series.geometry:
        return None
    geometry = Geometry(tuple(series.geometry["shape"]), np.array(series.geometry["affine"]))
    frames = tuple(series.instances.order_by("index").values_list("offset", "length"))
    if len(frames) != geometry.shape[0] or not all(length for _, length in frames):
        return None
    return Source(
        name=f"native-{series.source_digest[:40]}",
        kind="native",
        geometry=geometry,
        slope=series.geometry["slope"],
        intercept=series.geometry["intercept"],
        # A stack has the type of the series it was made from: slices are taken or averaged, never cast.
        signed=stack.signed,
        pack=media_root / series.pack,
        frames=frames,
    )


def _stack_source(stack: Stack, media_root: Path) -> Source:
    return Source(
        name=f"stack-{stack.source_digest[:24]}-{stack.recipe_sha[:16]}",
        kind="stack",
        geometry=stack_geometry(stack),
        slope=stack.slope,
        intercept=stack.intercept,
        signed=stack.signed,
        pack=media_root / stack.pack,
        frames=tuple(stack.slices.order_by("k").values_list("offset", "length")),
    )


def prepared(source: Source) -> Ready | Preparing:
    """The volume of a source out of the cache, or how far it is; starts a thread that fills it where nobody does.

    Raises
    ------
    Refusal
        why it could not be decoded lately, by whichever process.
    """
    files = VolumeFiles.of(source.name)
    ready = _ready(files, source)
    if ready is not None:
        return ready
    say_failure(files)
    with _building_lock:
        if files.whole in _building or len(_building) >= _MOST_BUILDS:
            return Preparing(files.share())
        lock = Lock.take(files.lock)
        if lock is None:
            return Preparing(files.share())
        if (ready := _ready(files, source)) is not None:  # somebody finished between the two questions
            lock.release()
            return ready
        _building.add(files.whole)
    threading.Thread(target=_build, args=(source, files, lock), name=f"volume {source.name}", daemon=True).start()
    return Preparing(0.0)


def _ready(files: VolumeFiles, source: Source) -> Ready | None:
    order, flips = axial_order(source.geometry)
    geometry = source.geometry.permuted(order, flips)
    try:
        array = np.memmap(files.whole, dtype="<i2", mode="r", shape=geometry.shape)
        os.utime(files.whole)  # looked at now: what was not looked at longest goes first
    except FileNotFoundError:
        return None
    except ValueError:  # shorter than it must be: not ours, or the disk lost some of it
        files.whole.unlink(missing_ok=True)
        return None
    return Ready(array, geometry, source.kind)


def _build(source: Source, files: VolumeFiles, lock: Lock) -> None:
    """Decode a volume into the cache. Runs in a thread of its own and asks no database."""
    try:
        lock.say(0.0)
        if not make_room(files, source.bytes):
            return  # others are being built in the room there is; whoever asks again tries again
        _decode(source, files.part, lock)
        files.failed.unlink(missing_ok=True)
        os.replace(files.part, files.whole)
    except Refusal as refusal:
        note_failure(files, refusal)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            log.exception("A volume could not be prepared")
        note_failure(files, _full() if error.errno in (errno.ENOSPC, errno.EDQUOT) else _unexpected())
    except Exception:
        # The edge of the thread: nobody above would hear of it.
        log.exception("A volume could not be prepared")
        note_failure(files, _unexpected())
    finally:
        files.part.unlink(missing_ok=True)
        lock.release()
        with _building_lock:
            _building.discard(files.whole)


def _full() -> Refusal:
    return Refusal("disk-full", "The disk is full, so other planes cannot be prepared. Tell the administrator.")


def _unexpected() -> Refusal:
    return Refusal(
        "unexpected", "Something unexpected stopped the other planes. Tell the administrator; the server's log says it."
    )


def _decode(source: Source, part: Path, lock: Lock) -> None:
    """Write the HU of a source into `part`, in axial order, and bring it to the disk."""
    order, flips = axial_order(source.geometry)
    shape = source.geometry.permuted(order, flips).shape
    written = np.memmap(part, dtype="<i2", mode="r+", shape=shape)
    decode_into(written, source, order, flips, lock.say)
    written.flush()
    with part.open("rb") as file:
        os.fsync(file.fileno())


def decode_into(
    array: NDArray[np.int16],
    source: Source,
    order: tuple[int, int, int],
    flips: tuple[bool, bool, bool],
    say: Callable[[float], None],
) -> None:
    """Fill `array` with the HU of a source, its axes permuted and flipped; `say` hears the share done, and may raise.

    Raises
    ------
    Refusal
        ``missing-pack``, ``damaged-pack`` or ``damaged-frame``.
    """
    # The array seen along the axes of the source: a frame goes to its place wherever that is.
    native = reordered(array, *_back(order, flips))
    said, count = time.monotonic(), source.geometry.shape[0]
    frame = partial(_frame, source)
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, count, _CHUNK_FRAMES):
            places = range(start, min(start + _CHUNK_FRAMES, count))
            # A chunk at a time: turned to another axis, single frames would be strewn over the file in words.
            native[start : places.stop] = np.stack(list(pool.map(frame, places)))
            if time.monotonic() - said >= _SAY_EVERY_SECONDS:
                said = time.monotonic()
                say(places.stop / count)


def _back(order: tuple[int, int, int], flips: tuple[bool, bool, bool]) -> tuple[Any, Any]:
    """The permutation and flips that undo a permutation and flips."""
    back = tuple(order.index(axis) for axis in range(3))
    return back, tuple(flips[place] for place in back)


def _frame(source: Source, place: int) -> NDArray[np.int16]:
    offset, length = source.frames[place]
    stored = codec.decode(codec.read_frame(source.pack, offset, length), signed=source.signed)
    if stored.shape != source.geometry.shape[1:]:
        raise Refusal(
            "damaged-frame",
            f"Frame {place + 1} of this case is {stored.shape[0]} x {stored.shape[1]}, not "
            f"{source.geometry.shape[1]} x {source.geometry.shape[2]}. Import the case again from its originals.",
        )
    return hounsfield(stored, source.slope, source.intercept)
