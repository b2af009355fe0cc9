"""What time it is for a wash-out.

A demonstration or a test of a protocol cannot wait four weeks. Where an installation is told so (SAGITTAL_CLOCK_FILE),
dates that a wash-out compares with are looked at from that many days ahead. Nothing is ever *stored* with a moved time,
every page says that the clock is moved, and so does the protocol record.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

__all__ = ["days_ahead", "now"]


def days_ahead() -> int:
    """By how many days the clock of the wash-out is ahead; 0 in every real installation."""
    if settings.CLOCK_FILE is None:
        return 0
    try:
        return max(0, int(settings.CLOCK_FILE.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return 0


def now() -> datetime:
    """The time that `Assignment.not_before` is compared with."""
    return timezone.now() + timedelta(days=days_ahead())
