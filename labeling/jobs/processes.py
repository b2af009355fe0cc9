"""The processes of one session as the kernel lists them: how much memory they hold, and an end for all of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["held_bytes", "members", "signal_all", "start_time"]

_PAGE = os.sysconf("SC_PAGE_SIZE")
_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


def start_time(pid: int) -> str:
    """The kernel's start time of a living process, which tells it from a later one of the same number; else empty."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except _GONE:
        return ""
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()


def members(session: int) -> Iterator[tuple[int, int]]:
    """Every living process of a session with its resident bytes; proc(5), fields 3, 6 and 24 of `stat`."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            # The second field is the program's name, in brackets, and may hold anything.
            fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
        except _GONE:
            continue
        if int(fields[3]) == session and fields[0] not in (b"Z", b"X"):
            yield int(folder.name), int(fields[21]) * _PAGE


def held_bytes(session: int, limit: int | None = None) -> int:
    """Memory that the processes of a session hold.

    Resident memory counts what processes share once for each of them. Where that sum is above `limit` they are asked
    for their proportional share (smaps_rollup), which costs more and is never too much.
    """
    found = list(members(session))
    resident = sum(size for _, size in found)
    if limit is None or resident <= limit:
        return resident
    return sum(_proportional(pid, size) for pid, size in found)


def _proportional(pid: int, resident: int) -> int:
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return resident


def signal_all(session: int, number: signal.Signals) -> None:
    """Send a signal to the group of the session's head, and to those that left the group but not the session."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(session, number)
    for pid, _ in members(session):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
