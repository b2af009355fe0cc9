"""What nobody comes back for: deliveries that were never closed, and files that no row names."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from labeling.intake import frames
from labeling.models import BatchState, IntakeBatch

__all__ = ["close_abandoned"]

#: A browser that went away does not come back to the same delivery after this.
ABANDONED_AFTER = timedelta(hours=24)
#: Only what ended lately is swept: older folders were swept then.
SWEPT_WITHIN = timedelta(minutes=5)


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
