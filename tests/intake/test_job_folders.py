"""Folders of jobs: kept while anybody may go on in them, then gone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from labeling.intake.upkeep import remove_old_job_folders
from labeling.models import Job

pytestmark = pytest.mark.django_db


def test_only_what_ended_long_ago_or_is_no_job_goes(settings: Any):
    now, old = timezone.now(), timezone.now() - timedelta(days=8)
    fields = [
        {"state": "queued"},
        {"state": "failed", "finished_at": now},
        {"state": "failed", "finished_at": old},
        {"state": "cancelled", "finished_at": old},
        {"state": "done", "finished_at": now},
    ]
    jobs = [Job.objects.create(key=f"k{n}", kind="train-segmentation", **one) for n, one in enumerate(fields)]
    root = Path(settings.JOBS_ROOT)
    for name in (*(str(job.pk) for job in jobs), "999999", "not-a-job"):
        (root / name / "work").mkdir(parents=True)
    assert remove_old_job_folders() == 4
    assert {path.name for path in root.iterdir()} == {str(jobs[0].pk), str(jobs[1].pk), "not-a-job"}
    assert remove_old_job_folders() == 0
