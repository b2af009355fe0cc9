"""Leases, heartbeats, the reaper and the stop button: who may write what, and when nobody may any more."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from labeling.intake import batches, frames, importer
from labeling.intake.importer import import_batch
from labeling.intake.upkeep import close_abandoned
from labeling.jobs import queue, reaper
from labeling.models import (
    Assignment,
    Case,
    IntakeBatch,
    Job,
)
from tests.intake.deliveries import closed_batch, lose_the_lease
from tests.intake.phantoms import dicom, hounsfield, nifti

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.django_db(transaction=True)
def test_a_heartbeat_keeps_the_lease_and_notices_when_it_is_gone(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(queue, "HEARTBEAT_SECONDS", 0.02)
    dicom(tmp_path / "in")
    batch = closed_batch(tmp_path / "in")
    key = batches.job_key(batch)
    lease = queue.claim(key)
    assert lease is not None
    lose_the_lease(batch)
    with lease:
        deadline = time.monotonic() + 5
        while Job.objects.get(key=key).lease_until < timezone.now() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert Job.objects.get(key=key).lease_until > timezone.now()
        lease.check()
        Job.objects.filter(key=key).update(owner="another worker")
        while time.monotonic() < deadline:
            try:
                lease.check()
            except queue.LeaseLost:
                break
            time.sleep(0.01)
        with pytest.raises(queue.LeaseLost):
            lease.check()


@pytest.mark.django_db
def test_a_worker_that_lost_its_lease_commits_nothing(tmp_path: Path, monkeypatch):
    dicom(tmp_path / "in")
    batch = closed_batch(tmp_path / "in")
    whole = frames.pack

    def taken_over(*arguments: Any) -> Any:
        Job.objects.filter(key=batches.job_key(batch)).update(owner="another worker")
        return whole(*arguments)

    monkeypatch.setattr(frames, "pack", taken_over)
    import_batch(batch.uuid)
    assert not Case.objects.exists()
    assert Job.objects.get(key=batches.job_key(batch)).owner == "another worker"


@pytest.mark.django_db
def test_the_reaper_gives_up_after_the_third_attempt_with_a_sentence(tmp_path: Path):
    dicom(tmp_path / "in")
    batch = closed_batch(tmp_path / "in")
    for attempt in range(1, queue.MOST_ATTEMPTS + 1):
        assert queue.claim(batches.job_key(batch)) is not None
        IntakeBatch.objects.filter(pk=batch.pk).update(state="running")
        assert Job.objects.get(key=batches.job_key(batch)).attempts == attempt
        lose_the_lease(batch)
        reaper.reap()
    batch.refresh_from_db()
    assert batch.state == "failed"
    assert "died 3 times" in batch.message
    assert Job.objects.get(key=batches.job_key(batch)).state == "failed"
    assert not import_batch(batch.uuid)


@pytest.mark.django_db
def test_a_batch_whose_worker_died_says_so_until_another_takes_it(tmp_path: Path):
    dicom(tmp_path / "in")
    batch = closed_batch(tmp_path / "in")
    queue.claim(batches.job_key(batch))
    IntakeBatch.objects.filter(pk=batch.pk).update(state="running", stage="Reading headers: 3 of 66")
    lose_the_lease(batch)
    reaper.reap()
    batch.refresh_from_db()
    assert batch.stage == "The worker died. Waiting for another one"
    import_batch(batch.uuid)
    batch.refresh_from_db()
    assert (batch.state, batch.stage) == ("done", "")


@pytest.mark.django_db
def test_a_job_that_is_handed_out_after_its_batch_ended_touches_nothing(tmp_path: Path):
    (tmp_path / "note.txt").write_text("no image")
    batch = closed_batch(tmp_path / "note.txt")
    import_batch(batch.uuid)
    Job.objects.update(state="queued")
    assert not import_batch(batch.uuid)
    assert batch.series.get().code == "not-dicom"
    assert Job.objects.get().state == "done"


@pytest.mark.django_db
def test_the_reaper_leaves_living_workers_alone(tmp_path: Path):
    dicom(tmp_path / "in")
    batch = closed_batch(tmp_path / "in")
    lease = queue.claim(batches.job_key(batch))
    assert lease is not None
    reaper.reap()
    lease.hold()


@pytest.mark.django_db
def test_a_delivery_that_was_never_closed_ends_after_a_day():
    batch = batches.new_batch(None, "x", "upload")
    close_abandoned()
    batch.refresh_from_db()
    assert batch.state == "receiving"
    IntakeBatch.objects.filter(pk=batch.pk).update(created_at=timezone.now() - timedelta(hours=25))
    close_abandoned()
    batch.refresh_from_db()
    assert batch.state == "failed"
    assert "never closed" in batch.message


@pytest.mark.django_db
def test_a_person_stops_a_waiting_delivery_and_nothing_of_it_is_read(tmp_path: Path):
    dicom(tmp_path / "in")
    batch = closed_batch(tmp_path / "in")
    assert batches.stop_batch(batch)
    assert not import_batch(batch.uuid)
    batch.refresh_from_db()
    assert (batch.state, batch.message[:7]) == ("failed", "Stopped")
    assert not batches.stop_batch(batch)


@pytest.mark.django_db
def test_a_person_stops_a_running_import_and_what_is_stored_stays(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(importer, "_WRITE_EVERY_SECONDS", 0.0)
    dicom(tmp_path / "in" / "a", patient_id="1")
    dicom(tmp_path / "in" / "b", patient_id="2", seed=1)
    batch = closed_batch(tmp_path / "in")
    whole = frames.pack

    def stop_at_the_second(*arguments: Any) -> Any:
        if Case.objects.exists():
            batches.stop_batch(batch)
        return whole(*arguments)

    monkeypatch.setattr(frames, "pack", stop_at_the_second)
    import_batch(batch.uuid)
    batch.refresh_from_db()
    assert batch.state == "failed"
    assert Case.objects.count() == 1
    assert Assignment.objects.count() <= 1


@pytest.mark.django_db
def test_an_unexpected_error_is_tried_again_and_then_told(tmp_path: Path, monkeypatch, caplog):
    nifti(tmp_path / "in" / "x.nii.gz", hounsfield())
    batch = closed_batch(tmp_path / "in")

    def fault(*_: Any, **__: Any) -> Any:
        raise RuntimeError("Muster^Eva")

    monkeypatch.setattr(importer, "scan", fault)
    for _ in range(queue.MOST_ATTEMPTS):
        assert import_batch(batch.uuid)
    assert not import_batch(batch.uuid)
    batch.refresh_from_db()
    assert batch.state == "failed"
    assert "3 times" in batch.message
    assert "Muster" not in caplog.text
    assert "RuntimeError" in caplog.text
