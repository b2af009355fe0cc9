"""Deliveries as tests make them, and the worst that happens to their worker."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from labeling.intake import batches
from labeling.models import IntakeBatch, Job


def closed_batch(*paths: Path) -> IntakeBatch:
    batch = batches.new_batch(None, "delivery", "command")
    for path in paths:
        batches.add_path(batch, path)
    batches.finish_batch(batch)
    batch.refresh_from_db()
    return batch


def lose_the_lease(batch: IntakeBatch) -> None:
    Job.objects.filter(key=batches.job_key(batch)).update(lease_until=timezone.now() - timedelta(seconds=1))
