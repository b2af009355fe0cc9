"""The Celery task of this room: people are called once a wash-out is over, sent by the clock."""

from __future__ import annotations

from labeling.jobs.running import task
from labeling.reading.planning import calling

__all__ = ["call"]


@task("labeling.reading.call", limit_seconds=300)
def call() -> None:
    """Tell everybody what they can read again or settle by now."""
    calling.call()
