"""The two Celery tasks of intake. A message is only a kick: the job's row decides whether there is anything to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import shared_task

from labeling.intake import importer, jobs, upkeep

__all__ = ["import_batch", "reap"]


def task(name: str, *, limit_seconds: int) -> Callable[[Callable[..., Any]], Any]:
    """The project's way of making a task: a full name, a hard limit, no result; the queue is named by who sends it."""
    decorate: Callable[[Callable[..., Any]], Any] = shared_task(
        name=name, ignore_result=True, time_limit=limit_seconds, acks_late=False
    )
    return decorate


@task("labeling.intake.import_batch", limit_seconds=6 * 3600)
def import_batch(batch: str) -> None:
    """Import the batch of this UUID, unless somebody else does or did."""
    importer.import_batch(batch)


@task("labeling.intake.reap", limit_seconds=300)
def reap() -> None:
    """Bring back what lost its worker, close what nobody finishes."""
    jobs.reap("import", importer.give_up, importer.wait_for_another)
    upkeep.close_abandoned()
