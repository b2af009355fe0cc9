"""What nobody comes back for: deliveries never closed, files that no row names, folders of jobs that ended badly."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from labeling.intake import frames
from labeling.models import BatchState, IntakeBatch, Job, JobState

__all__ = ["close_abandoned", "remove_old_job_folders"]

#: A browser that went away does not come back to the same delivery after this.
ABANDONED_AFTER = timedelta(hours=24)
#: Only what ended lately is swept: older folders were swept then.
SWEPT_WITHIN = timedelta(minutes=5)


#: A training that failed or was cancelled goes on where it was, if somebody asks within this.
KEPT_FOR_ANOTHER_TRY = timedelta(days=7)


def close_abandoned() -> int:
    """Fail deliveries that were opened a day ago and never closed; sweep the folders of what has just failed."""
    now = timezone.now()
    closed = IntakeBatch.objects.filter(state=BatchState.RECEIVING, created_at__lt=now - ABANDONED_AFTER).update(
        state=BatchState.FAILED,
        stage="",
        message="The delivery was never closed. Its files are kept for inspection. Send it again.",
        finished_at=now,
    )
    failed = IntakeBatch.objects.filter(state=BatchState.FAILED, finished_at__gte=now - SWEPT_WITHIN)
    for batch in failed.values_list("uuid", flat=True):
        frames.sweep(batch)
    return closed


def remove_old_job_folders() -> int:
    """Delete the folders of jobs that ended long ago, and of those that there are no more; how many went."""
    root = Path(settings.JOBS_ROOT)
    folders = {int(path.name): path for path in root.iterdir() if path.name.isdigit()} if root.is_dir() else {}
    recent = timezone.now() - KEPT_FOR_ANOTHER_TRY
    kept = Job.objects.filter(pk__in=folders).exclude(finished_at__lt=recent).exclude(state=JobState.DONE)
    gone = set(folders) - set(kept.values_list("pk", flat=True))
    for job in gone:
        shutil.rmtree(folders[job], ignore_errors=True)
    return len(gone)
