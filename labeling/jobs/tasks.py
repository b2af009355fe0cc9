"""The Celery task of this room: the reaper, sent by the clock."""

from __future__ import annotations

from labeling.jobs import reaper
from labeling.jobs.running import task

__all__ = ["reap"]


@task("labeling.jobs.reap", limit_seconds=300)
def reap() -> None:
    """Bring back what lost its worker."""
    reaper.reap()
