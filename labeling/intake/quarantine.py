"""Where originals lie: one folder per batch, never served, under names that say nothing about anyone.

A file keeps its bytes and loses its name: on disk it is called by a hash, and the name it came with lies beside it in a
``.name`` file that only the pairing of images and masks reads. So no path that is stored, logged or shown holds a name.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from django.conf import settings

from labeling.imaging.refusal import Refusal

__all__ = [
    "Source",
    "TurnedAway",
    "batch_folder",
    "disk_space_guard",
    "receive",
    "received",
    "remove_unpacked",
    "top_level",
    "turn_away",
    "unpacked_folder",
]

_CHUNK = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Source:
    """A file in quarantine, and the name it came with (relative, slashes forward); the name is for pairing only."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Something that is no image file: its quarantine path where it was kept, and why it was turned away."""

    path: Path | None
    code: str
    sentence: str


def batch_folder(batch: uuid.UUID) -> Path:
    return Path(settings.QUARANTINE_ROOT) / batch.hex


def _received_folder(batch: uuid.UUID) -> Path:
    return batch_folder(batch) / "received"


def unpacked_folder(batch: uuid.UUID) -> Path:
    return batch_folder(batch) / "unpacked"


def top_level(name: str) -> str:
    """The first part of what a person dropped: "torso/IM1" gives "torso". Control characters go, 200 letters stay."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", ".", "..")]
    return "".join(letter for letter in (parts[0] if parts else "") if letter.isprintable())[:200]


def receive(batch: uuid.UUID, name: str, stream: BinaryIO, *, most_bytes: int) -> tuple[int, int]:
    """Write one file of a batch; the same name sent again replaces the file, so a retry makes no second one.

    Returns
    -------
    size, replaced
        Bytes written, and bytes of an earlier file of this name (-1 if there was none).

    Raises
    ------
    Refusal
        ``too-large`` past `most_bytes`, ``disk-full``.
    """
    folder = _received_folder(batch)
    identifier = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    part = folder / f"{uuid.uuid4().hex}.part"
    size = 0
    try:
        with disk_space_guard():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with part.open("xb") as file:
                while chunk := stream.read(_CHUNK):
                    size += len(chunk)
                    if size > most_bytes:
                        raise Refusal("too-large", "The delivery is larger than the limit. Send it in parts.")
                    file.write(chunk)
            (folder / f"{identifier}.name").write_text(json.dumps(name))
            target = folder / identifier
            replaced = target.stat().st_size if target.exists() else -1
            os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return size, replaced


def turn_away(batch: uuid.UUID, refusal: Refusal) -> None:
    """Remember something that was not taken in at all (a symbolic link), so that the batch can say so."""
    folder = _received_folder(batch)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / f"{uuid.uuid4().hex}.refused").write_text(json.dumps([refusal.code, refusal.sentence]))


def received(batch: uuid.UUID) -> tuple[list[Source], list[TurnedAway]]:
    """The files of a batch in the order of their names, and what was turned away at the door."""
    sources: list[Source] = []
    turned_away: list[TurnedAway] = []
    folder = _received_folder(batch)
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix == ".refused":
            code, sentence = json.loads(path.read_text())
            turned_away.append(TurnedAway(None, code, sentence))
        elif path.suffix == "":
            sources.append(Source(path, json.loads(path.with_suffix(".name").read_text())))
    return sorted(sources, key=lambda source: source.name), turned_away


def remove_unpacked(batch: uuid.UUID) -> None:
    shutil.rmtree(unpacked_folder(batch), ignore_errors=True)


@contextmanager
def disk_space_guard() -> Iterator[None]:
    """Turn a full disk into a refusal that says what to do; other errors of the system pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise Refusal(
            "disk-full",
            "The disk is full. Nothing of the case being stored was kept. Make room, then send the delivery again: "
            "what came in before is recognised.",
        ) from None
