"""Where the frame of an instance lies on the disk, remembered in the process.

Stacks and slices never change (the database refuses it), so what was found once stays true. Nothing here says who may
see it: ask :mod:`labeling.api.dicomweb.access` first.
"""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from labeling.imaging.codec import decode
from labeling.imaging.refusal import Refusal
from labeling.models import Slice


@dataclass(frozen=True, slots=True)
class FrameLocation:
    """One frame in a pack: bytes `offset` to `offset + length` of the file at `path` below the media root."""

    path: str
    offset: int
    length: int
    signed: bool
    pixel_sha256: str


def locate(study_uid: str, series_uid: str, sop_uid: str) -> FrameLocation:
    """The location of a frame.

    Raises
    ------
    Slice.DoesNotExist
        where study, series and instance do not belong together. This is not remembered: it may come in later.
    """
    try:
        return _locations(study_uid, series_uid)[sop_uid]
    except KeyError:
        raise Slice.DoesNotExist from None


@lru_cache(maxsize=200)
def _locations(study_uid: str, series_uid: str) -> dict[str, FrameLocation]:
    """All frames of a stack by SOP Instance UID: who asks for one will ask for the others."""
    slices = (
        Slice.objects.filter(stack__series_uid=series_uid, stack__case__study_uid=study_uid)
        .select_related("stack")
        .only("offset", "length", "pixel_sha256", "stack__pack", "stack__signed")
    )
    found = {
        one.sop_uid: FrameLocation(one.stack.pack, one.offset, one.length, one.stack.signed, one.pixel_sha256)
        for one in slices
    }
    if not found:
        raise Slice.DoesNotExist
    return found


def stored_frame(location: FrameLocation) -> bytes:
    """The JPEG-LS codestream as it is stored.

    The file is opened for each frame: that takes 15 µs, and leaves no descriptor to a file that was replaced.

    Raises
    ------
    Refusal
        ``missing-pack`` or ``damaged-pack``.
    """
    path = Path(settings.MEDIA_ROOT) / location.path
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Refusal("missing-pack", "The stored frames of this stack are missing. Import the case again.") from error
    try:
        data = os.pread(descriptor, location.length, location.offset)
    finally:
        os.close(descriptor)
    if len(data) != location.length:
        raise Refusal("damaged-pack", "The stored frames of this stack break off. Import the case again.")
    return data


def raw_frame(location: FrameLocation) -> bytes:
    """The pixels row by row as 16-bit little-endian words, decoded from the stored frame.

    Raises
    ------
    Refusal
        as `stored_frame`, or ``damaged-frame``.
    """
    return decode(stored_frame(location), signed=location.signed).astype("<u2", copy=False).tobytes()
