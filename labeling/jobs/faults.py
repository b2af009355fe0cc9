"""Errors that nobody foresaw: what may be logged of them, and which are really a full disk or too little memory."""

from __future__ import annotations

import errno
import logging
import traceback
from pathlib import Path

from labeling.imaging.refusal import Refusal

__all__ = ["disk_full", "log_without_values", "out_of_memory", "refusal_of"]

log = logging.getLogger(__name__)


def log_without_values(what: str, error: BaseException) -> None:
    """Log where an error was raised and its kind, never its text: that may quote a header."""
    places = " < ".join(
        f"{Path(at.filename).name}:{at.lineno}" for at in reversed(traceback.extract_tb(error.__traceback__))
    )
    log.error("%s: %s at %s", what, type(error).__name__, places)


def disk_full() -> Refusal:
    return Refusal("disk-full", "The disk is full. Free some space in the state folder, then start this job again.")


def out_of_memory() -> Refusal:
    return Refusal(
        "out-of-memory",
        "The memory of this machine ran out, so the work was stopped. End other programs or jobs, or choose smaller "
        "settings, then start this job again.",
    )


def refusal_of(error: BaseException) -> Refusal | None:
    """The refusal that an unexpected error really is, where another attempt would only meet it again."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full()
    # PostgreSQL's own word for a full disk (class 53, insufficient resources).
    if getattr(error.__cause__, "sqlstate", None) == "53100":
        return disk_full()
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return out_of_memory()
    return None
