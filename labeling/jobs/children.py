"""Heavy work in a child process: watched, heard, and ended with everything it started when the job is no longer ours.

torch lives only there. The child speaks on standard output, one line at a time: lines that are JSON objects are
messages (see :mod:`labeling.jobs.lines`), all others and everything on standard error go to the log's tail.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import labeling
from labeling.imaging.refusal import Refusal
from labeling.jobs.faults import disk_full, out_of_memory
from labeling.jobs.journal import cleaned
from labeling.jobs.lines import CurvePoint, Lines, Said, Turned, message
from labeling.jobs.processes import held_bytes, signal_all
from labeling.jobs.queue import Lease, LeaseLost

__all__ = ["Ended", "supervise"]

LISTEN_SECONDS = 0.2
LOOK_EVERY_SECONDS = 1.0
#: Between asking the child to end and forcing it.
PATIENCE_SECONDS = 3.0
_CHUNK = 64 * 1024

#: The child computes. It reads no record and signs no session, so it is not handed the keys to them.
_NOT_FOR_CHILDREN = (
    "BROKER_URL",
    "DATABASE_URL",
    "SAGITTAL_IDENTITY_KEYS",
    "SAGITTAL_PSEUDONYM_KEY",
    "SAGITTAL_SECRET_KEY",
)

_DISK_FULL = ("No space left on device", "Disk quota exceeded")
_OUT_OF_MEMORY = ("MemoryError", "Cannot allocate memory", "can't allocate memory", "out of memory")
#: How Python ends the story of an error.
_ERROR = re.compile(r"[\w.]+(Error|Exception)\b")


@dataclass(frozen=True)
class Ended:
    """How a child ended that ended well."""

    seconds: float
    peak_bytes: int


def supervise(
    lease: Lease,
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    memory_bytes: int | None = None,
    nice: int = 10,
    shares: tuple[float, float] = (0.0, 1.0),
) -> Ended:
    """Run `command` in `folder` until it ends, and let people see how far it is.

    It has a session of its own. When the job is cancelled or handed to another worker the whole session is ended within
    five seconds; when this process dies, `child.tie_to_parent` in the child ends it.

    Parameters
    ----------
    environment
        Added to this process's own, less the secrets of the record.
    memory_bytes
        More than this, of all its processes together, ends it. Address space is not limited: torch maps far more than
        it uses.
    nice
        Added to the niceness, so that reading comes first.

    shares
        Of the whole job, what is done when the child begins and when it ends.

    Raises
    ------
    Refusal
        the child's own; ``out-of-memory``, ``disk-full``, ``shared-memory``, ``child-ended`` with its last words.
    LeaseLost
        where the job is no longer ours.
    """
    child = _Child(lease, command, folder, environment or {}, memory_bytes, nice)
    child.shares = shares
    try:
        child.watch()
    except LeaseLost:
        child.stop(PATIENCE_SECONDS)
        raise
    finally:
        child.stop(0.0)
    return child.verdict()


class _Child:
    """One child, from its start to its last process."""

    def __init__(
        self,
        lease: Lease,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        memory_bytes: int | None,
        nice: int,
    ) -> None:
        self.lease, self.memory_bytes = lease, memory_bytes
        self.shares = (0.0, 1.0)
        self.refused: Refusal | None = None
        self.peak = 0
        self.last_error = ""
        self.full_disk = self.no_memory = False
        self.stopped = False
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        with suppress(ProcessLookupError, PermissionError):
            os.setpriority(os.PRIO_PROCESS, self.process.pid, min(19, os.getpriority(os.PRIO_PROCESS, 0) + nice))
        self.selector = selectors.DefaultSelector()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                self.selector.register(stream, selectors.EVENT_READ, Lines())

    # -- while it runs ----------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Listen until the child has ended. Raises `LeaseLost` and the refusal of too much memory."""
        next_look = 0.0
        while self.process.poll() is None:
            self._listen(LISTEN_SECONDS)
            self.lease.flush()
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + LOOK_EVERY_SECONDS
                if not self.lease.look():
                    raise LeaseLost
                self._weigh()
        # What it left behind may hold the pipes open, and write to them, for ever.
        signal_all(self.process.pid, signal.SIGKILL)
        last = time.monotonic() + PATIENCE_SECONDS
        while self._listen(0.0) and time.monotonic() < last:
            pass
        for key in list(self.selector.get_map().values()):
            self._take(key.fileobj is self.process.stderr, key.data.end())

    def _listen(self, seconds: float) -> bool:
        """Take in what was printed; whether there was anything."""
        heard = False
        for key, _ in self.selector.select(seconds):
            stream: IO[bytes] = key.fileobj  # type: ignore[assignment]
            try:
                data = os.read(stream.fileno(), _CHUNK)
            except BlockingIOError:
                continue
            errors = stream is self.process.stderr
            if data:
                heard = True
                self._take(errors, key.data.feed(data))
            else:
                self.selector.unregister(stream)
                self._take(errors, key.data.end())
        return heard

    def _take(self, errors: bool, lines: list[str]) -> None:
        journal = self.lease.journal
        for line in lines:
            said = None if errors else message(line)
            if isinstance(said, Said):
                journal.say(said.stage, self._of_the_whole(said.share))
            elif isinstance(said, CurvePoint):
                journal.curve(said.name, said.x, said.y)
            elif isinstance(said, Turned):
                self.refused = Refusal(cleaned(said.code, 60), cleaned(said.sentence, 1000))
            else:
                journal.log(line)
                self.full_disk |= any(sign in line for sign in _DISK_FULL)
                self.no_memory |= any(sign in line for sign in _OUT_OF_MEMORY)
                if errors and (_ERROR.match(line) or not _ERROR.match(self.last_error)):
                    self.last_error = line

    def _of_the_whole(self, share: float | None) -> float | None:
        first, last = self.shares
        return None if share is None else first + (last - first) * min(1.0, max(0.0, share))

    def _weigh(self) -> None:
        held = held_bytes(self.process.pid, self.memory_bytes)
        self.peak = max(self.peak, held)
        if self.memory_bytes is not None and held > self.memory_bytes:
            most, used = self.memory_bytes / 1024**3, held / 1024**3
            raise Refusal(
                "out-of-memory",
                f"The work took {used:.1f} GB of memory where {most:.1f} GB are allowed, so it was stopped. "
                "Choose smaller settings or allow more, then start this job again.",
            )

    # -- its end ----------------------------------------------------------------------------------------------------

    def stop(self, patience: float) -> None:
        """End every process of the child's session: ask, wait so many seconds, then force. Harmless twice."""
        if self.stopped:
            return  # its number may be another's by now
        self.stopped = True
        session = self.process.pid
        if patience:
            signal_all(session, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
        signal_all(session, signal.SIGKILL)
        self.process.wait()
        self.selector.close()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def verdict(self) -> Ended:
        """How it ended by itself: well, or with the refusal that says why not."""
        status = self.process.returncode
        if self.refused is not None:
            raise self.refused
        if status == 0:
            return Ended(time.monotonic() - self.begun, self.peak)
        if self.full_disk:
            raise disk_full()
        # Nobody but the kernel kills so, when memory runs out; 137 is how a shell says it of its child.
        if self.no_memory or status in (-signal.SIGKILL, 128 + signal.SIGKILL):
            raise out_of_memory()
        if status == -signal.SIGBUS:
            raise Refusal(
                "shared-memory",
                "The shared memory (/dev/shm) or the disk of this machine ran out, so the work was stopped. Give it "
                "more, in a container by shm_size, then start this job again.",
            )
        words = cleaned(self.last_error or self.lease.journal.last_line, 300) or "It said nothing."
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        raise Refusal(
            "child-ended",
            f"The work ended with {how}. Its last words: {words} Mend that, then start this job again.",
        )


def _environment(added: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_CHILDREN}
    # The child runs in a folder of its own and is started as a module of this repository.
    repository = str(Path(labeling.__file__).resolve().parents[1])
    path = os.pathsep.join(one for one in (repository, kept.get("PYTHONPATH", "")) if one)
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8:replace", **added}
