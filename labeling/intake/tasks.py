"""The two Celery tasks of intake. A message is only a kick: the job's row decides whether there is anything to do."""

from __future__ import annotations

from labeling.intake import importer, upkeep
from labeling.jobs.running import task

__all__ = ["close_abandoned", "import_batch"]


@task("labeling.intake.import_batch", limit_seconds=6 * 3600)
def import_batch(batch: str) -> None:
    """Import the batch of this UUID, unless somebody else does or did."""
    importer.import_batch(batch)


@task("labeling.intake.close_abandoned", limit_seconds=300)
def close_abandoned() -> None:
    """Close the deliveries that nobody finishes, and clear away what ended jobs have left."""
    upkeep.close_abandoned()
    upkeep.remove_old_job_folders()
