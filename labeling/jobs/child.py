"""The child's side of `children.supervise`: it ends when its parent ends, however that happens.

Standard library only, and nothing of the record: the child loads large packages and no database.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import stat
import sys

__all__ = ["tie_to_parent"]

_PR_SET_PDEATHSIG = 1
_LOOK_EVERY_SECONDS = 0.5


def tie_to_parent() -> None:
    """End with whoever started us; called first of all, before any thread.

    `supervise` starts a child at the head of a session of its own, with a pipe as standard input that it never writes
    to and that the kernel closes when it dies. A guard, forked here, waits for that end, or for ours, and kills the
    whole process group: it works while we are deep in a computation, and nothing that we start outlives us. A process
    that was started by hand is left alone.
    """
    if os.getsid(0) != os.getpid() or not stat.S_ISFIFO(os.fstat(0).st_mode):
        return
    if sys.platform == "linux":
        # Should the guard itself be killed, for want of memory.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    child = os.getpid()
    if os.fork() == 0:
        _guard(child)
    # Nothing that we start may read from the pipe.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def _guard(child: int) -> None:
    """Wait until the pipe is closed or `child` is gone, then kill the group, which we are part of. Never returns."""
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        # The parent takes the end of the output for the end of the work.
        os.closerange(1, 65_536)
        while os.getppid() == child:
            readable, _, _ = select.select([0], [], [], _LOOK_EVERY_SECONDS)
            if readable and not os.read(0, 4096):
                break
    finally:
        os.killpg(os.getpgrp(), signal.SIGKILL)
