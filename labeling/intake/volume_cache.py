"""The files of the cache of volumes, shared by several processes.

- ``<name>.hu`` is complete, for it got its name in one step after it was on the disk;
- ``<name>.part`` is being written by whoever holds the lock on ``<name>.lock``, which also holds the share done;
- ``<name>.failed`` says for a minute why it could not be written.

A process that dies leaves a part whose lock is free: the next one begins anew. All volumes together take no more than a
set number of bytes, and the one that was not looked at longest goes first.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from labeling.imaging.refusal import Refusal

__all__ = ["Lock", "VolumeFiles", "make_room", "note_failure", "say_failure"]

_FAILURE_KEPT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class VolumeFiles:
    """The files of one volume."""

    whole: Path
    part: Path
    lock: Path
    failed: Path

    @classmethod
    def of(cls, name: str) -> VolumeFiles:
        folder = _folder()
        return cls(*(folder / f"{name}.{suffix}" for suffix in ("hu", "part", "lock", "failed")))

    def share(self) -> float:
        """What the builder wrote last; 0 where it has not yet."""
        try:
            return min(1.0, max(0.0, float(self.lock.read_text() or 0)))
        except (OSError, ValueError):
            return 0.0


def _folder() -> Path:
    folder = Path(settings.VOLUME_CACHE_ROOT)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


class Lock:
    """An exclusive lock on a file. It ends with the process that holds it, however that dies."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> Lock | None:
        """The lock, or None while another process or thread holds it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def say(self, share: float) -> None:
        """Write the share done, always the same six letters, so that nobody reads half of a number."""
        os.pwrite(self._descriptor, f"{share:.4f}".encode(), 0)

    def release(self) -> None:
        os.close(self._descriptor)


def say_failure(files: VolumeFiles) -> None:
    """Raise the `Refusal` that a process wrote down within the last minute, if any did."""
    try:
        if time.time() - files.failed.stat().st_mtime > _FAILURE_KEPT_SECONDS:
            return
        said = json.loads(files.failed.read_text())
    except FileNotFoundError:
        return
    raise Refusal(said["code"], said["sentence"])


def note_failure(files: VolumeFiles, refusal: Refusal) -> None:
    """Write down why a volume cannot be had, for the other processes to say as well."""
    part = files.failed.with_name(f"{files.failed.name}.{uuid.uuid4().hex}")
    with suppress(OSError):  # a disk that is full: the next question tries again and finds out itself
        part.write_text(json.dumps({"code": refusal.code, "sentence": refusal.sentence}))
        os.replace(part, files.failed)
    part.unlink(missing_ok=True)


def make_room(files: VolumeFiles, needed: int) -> bool:
    """Set `needed` bytes aside as the part of a volume, removing what was not looked at longest.

    False where volumes that are being built right now leave too little.
    """
    with _room_lock(files.whole.parent):
        wholes = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in files.whole.parent.glob("*.hu"))
        taken = sum(size for _, size, _ in wholes) + _being_built(files)
        for _, size, path in wholes:
            if taken + needed <= settings.VOLUME_CACHE_BYTES:
                break
            path.unlink(missing_ok=True)  # who has it mapped keeps it until they let go
            taken -= size
        if taken + needed > settings.VOLUME_CACHE_BYTES:
            return False
        descriptor = os.open(files.part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            # Blocks, not a hole: a mapped hole that the disk has no room for kills the process instead of raising.
            os.posix_fallocate(descriptor, 0, needed)
        finally:
            os.close(descriptor)
        return True


def _being_built(own: VolumeFiles) -> int:
    """Bytes of the parts that others write; parts whose process died are removed."""
    taken = 0
    for part in own.whole.parent.glob("*.part"):
        lock = None if part == own.part else Lock.take(part.with_suffix(".lock"))
        if part == own.part or lock is not None:
            part.unlink(missing_ok=True)
            if lock is not None:
                lock.release()
        else:
            with suppress(FileNotFoundError):  # finished since
                taken += part.stat().st_size
    return taken


@contextmanager
def _room_lock(folder: Path) -> Iterator[None]:
    """One process at a time counts and removes; waits for the others, who take no longer than that."""
    descriptor = os.open(folder / "room", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
