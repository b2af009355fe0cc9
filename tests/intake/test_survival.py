"""Crashes, second workers, two imports at once: one case or none, never half of one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from labeling.imaging.codec import decode, read_frame
from labeling.intake import batches, frames, importer, jobs, tasks
from labeling.intake.frames import media_path
from labeling.intake.importer import import_batch
from labeling.models import (
    Anatomy,
    Assignment,
    Case,
    Identity,
    IntakeBatch,
    Job,
    Outcome,
    Patient,
    Series,
    Stack,
)
from tests.intake.phantoms import MASK, SHAPE, dicom, hounsfield, nifti, sagittal_dicom

REPOSITORY = Path(__file__).resolve().parents[2]


def closed_batch(*paths: Path) -> IntakeBatch:
    batch = batches.new_batch(None, "delivery", "command")
    for path in paths:
        batches.add_path(batch, path)
    batches.finish_batch(batch)
    batch.refresh_from_db()
    return batch


def media_files(root: Any) -> set[str]:
    folder = Path(root)
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def check_whole(settings: Any) -> None:
    """Whatever is in the database is complete, and every file that a row names is there and can be read."""
    for case in Case.objects.all():
        stack = case.reading_stack
        assert stack is not None
        assert stack.slices.count() == stack.slices_count
        assert Identity.objects.filter(case=case).exists()
        for one in stack.slices.all():
            decode(read_frame(media_path(stack.pack), one.offset, one.length))
        for series in case.series.exclude(pack=""):
            assert series.instances.count() == series.images
            for instance in series.instances.all():
                decode(read_frame(media_path(series.pack), instance.offset, instance.length))
        for anatomy in case.anatomies.all():
            assert media_path(anatomy.label_map).is_file()
            assert media_path(anatomy.outlines).is_file()
            assert anatomy.vertebrae.exists()
    assert Patient.objects.filter(cases__isnull=True).count() == 0


WORKER = textwrap.dedent(
    """
    import os, signal, sys
    import django

    django.setup()
    from labeling.intake import importer

    count, last = 0, int(sys.argv[2])

    def kill_at_line(frame, event, argument):
        global count
        if "/labeling/intake/" not in frame.f_code.co_filename:
            return None
        if event == "line":
            count += 1
            if count == last:
                os.kill(os.getpid(), signal.SIGKILL)
        return kill_at_line

    sys.settrace(kill_at_line)
    importer.import_batch(sys.argv[1])
    sys.settrace(None)
    print(count)
    """
)


def worker_environment(settings: Any, state: Path) -> dict[str, str]:
    """The environment of another process on this test's database and folders."""
    database = connection.settings_dict
    options = database.get("OPTIONS", {})
    host = database["HOST"] or options.get("host", "")
    password = f":{database['PASSWORD']}" if database["PASSWORD"] else ""
    port = f"&port={database['PORT']}" if database["PORT"] else ""
    return {
        **os.environ,
        "DATABASE_URL": f"postgres://{database['USER']}{password}@/{database['NAME']}?host={host}{port}",
        "SAGITTAL_STATE": str(state),
        "SAGITTAL_PSEUDONYM_KEY": settings.PSEUDONYM_KEY.decode(),
        "SAGITTAL_IDENTITY_KEYS": ",".join(key.decode() for key in settings.IDENTITY_KEYS),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }


def worker(batch: IntakeBatch, line: int, settings: Any, state: Path) -> subprocess.CompletedProcess[str]:
    """A worker process of its own that dies by SIGKILL at its n-th line of intake code; 0 lets it live."""
    return subprocess.run(
        [sys.executable, "-c", WORKER, str(batch.uuid), str(line)],
        env=worker_environment(settings, state),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def lose_the_lease(batch: IntakeBatch) -> None:
    Job.objects.filter(key=batches.job_key(batch)).update(lease_until=timezone.now() - timedelta(seconds=1))


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_anywhere_leaves_no_half_case_and_the_next_one_finishes(tmp_path: Path, settings):
    sagittal_dicom(tmp_path / "in" / "ct", face_left=False)
    nifti(tmp_path / "in" / "labels.nii.gz", MASK)
    rehearsal = closed_batch(tmp_path / "in")
    lived = worker(rehearsal, 0, settings, tmp_path)
    assert lived.returncode == 0, lived.stderr
    lines = int(lived.stdout)
    assert Case.objects.count() == 1
    assert Anatomy.objects.count() == 1
    forget_everything(settings)

    for share in (0.02, 0.3, 0.55, 0.7, 0.8, 0.86, 0.9, 0.93, 0.96, 0.985):
        batch = closed_batch(tmp_path / "in")
        died = worker(batch, int(lines * share), settings, tmp_path)
        assert died.returncode == -9
        assert Job.objects.get(key=batches.job_key(batch)).state in ("queued", "running")
        check_whole(settings)
        lose_the_lease(batch)
        tasks.reap()
        assert import_batch(batch.uuid)
        batch.refresh_from_db()
        assert (batch.state, batch.message) == ("done", "")
        check_whole(settings)
        assert Case.objects.count() == 1
        assert Anatomy.objects.count() == 1
        assert {series.outcome for series in batch.series.all()} == {Outcome.READING, Outcome.MASK}
        named = {*Series.objects.exclude(pack="").values_list("pack", flat=True)}
        named |= {*Stack.objects.values_list("pack", flat=True), *Anatomy.objects.values_list("label_map", flat=True)}
        named |= set(Anatomy.objects.values_list("outlines", flat=True))
        assert media_files(settings.MEDIA_ROOT) == named
        forget_everything(settings)


def forget_everything(settings: Any) -> None:
    shutil.rmtree(settings.MEDIA_ROOT)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'labeling_%'")
        tables = ", ".join(f'"{name}"' for (name,) in cursor.fetchall())
        cursor.execute(f"TRUNCATE {tables} CASCADE")


@pytest.mark.django_db(transaction=True)
def test_a_real_worker_takes_the_delivery_from_the_queue(tmp_path: Path, settings):
    dicom(tmp_path / "in")
    celery = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "config.celery", "worker", "-Q", "io", "-c", "1", "-l", "warning"],
        env=worker_environment(settings, tmp_path),
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        batch = closed_batch(tmp_path / "in")
        deadline = time.monotonic() + 90
        while batch.state in ("queued", "running") and time.monotonic() < deadline:
            time.sleep(0.2)
            batch.refresh_from_db()
        assert (batch.state, batch.message) == ("done", "")
        assert batch.series.get().outcome == Outcome.DERIVED
    finally:
        os.killpg(celery.pid, signal.SIGTERM)
        celery.wait(timeout=30)


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_the_same_study_at_once_make_one_case(tmp_path: Path, settings):
    dicom(tmp_path / "in")
    two = [closed_batch(tmp_path / "in") for _ in range(2)]
    at_once(*(lambda batch=batch: import_batch(batch.uuid) for batch in two))
    assert Case.objects.count() == 1
    assert Stack.objects.count() == 1
    assert Patient.objects.count() == 1
    outcomes = sorted(series.outcome for series in Series.objects.all())
    assert outcomes == ["derived", "seen_before"]
    assert {series.case for series in Series.objects.all()} == {Case.objects.get()}
    check_whole(settings)
    assert len(media_files(settings.MEDIA_ROOT)) == 2


@pytest.mark.django_db(transaction=True)
def test_two_studies_of_one_patient_at_once_are_cases_one_and_two(tmp_path: Path):
    dicom(tmp_path / "a")
    dicom(tmp_path / "b", seed=1)
    two = [closed_batch(tmp_path / folder) for folder in "ab"]
    at_once(*(lambda batch=batch: import_batch(batch.uuid) for batch in two))
    assert sorted(Case.objects.values_list("number", flat=True)) == [1, 2]
    assert Patient.objects.count() == 1


def at_once(*calls: Any) -> None:
    errors: list[BaseException] = []

    def run(call: Any) -> None:
        try:
            call()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


@pytest.mark.django_db(transaction=True)
def test_the_same_message_twice_is_one_import(tmp_path: Path):
    dicom(tmp_path / "in")
    batch = closed_batch(tmp_path / "in")
    answers: list[bool] = []
    at_once(*(lambda: answers.append(import_batch(batch.uuid)) for _ in range(3)))
    assert sorted(answers) == [False, False, True]
    assert Series.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_progress_is_seen_from_outside_while_the_import_runs(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(importer, "_WRITE_EVERY_SECONDS", 0.0)
    dicom(tmp_path / "in" / "a")
    dicom(tmp_path / "in" / "b", seed=1, patient_id="P2")
    batch = closed_batch(tmp_path / "in")
    seen: list[tuple[str, str, int]] = []
    running = threading.Event()

    def watch() -> None:
        while not running.is_set():
            current = IntakeBatch.objects.get(pk=batch.pk)
            now = (current.state, current.stage, current.files_done)
            if not seen or seen[-1] != now:
                seen.append(now)
            time.sleep(0.002)
        connections.close_all()

    watcher = threading.Thread(target=watch)
    watcher.start()
    import_batch(batch.uuid)
    running.set()
    watcher.join()
    stages = [stage for _, stage, _ in seen]
    assert any(stage.startswith("Reading headers: ") for stage in stages)
    assert any(stage.startswith("Examination 1 of 2: ") for stage in stages)
    assert any(stage.startswith("Examination 2 of 2: ") for stage in stages)
    assert {state for state, _, _ in seen} >= {"running"}
    assert SHAPE[0] in {done for _, _, done in seen}


@pytest.mark.django_db(transaction=True)
def test_a_heartbeat_keeps_the_lease_and_notices_when_it_is_gone(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(jobs, "HEARTBEAT_SECONDS", 0.02)
    dicom(tmp_path / "in")
    batch = closed_batch(tmp_path / "in")
    key = batches.job_key(batch)
    lease = jobs.claim(key)
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
            except jobs.LeaseLost:
                break
            time.sleep(0.01)
        with pytest.raises(jobs.LeaseLost):
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
    for attempt in range(1, jobs.MOST_ATTEMPTS + 1):
        assert jobs.claim(batches.job_key(batch)) is not None
        IntakeBatch.objects.filter(pk=batch.pk).update(state="running")
        assert Job.objects.get(key=batches.job_key(batch)).attempts == attempt
        lose_the_lease(batch)
        tasks.reap()
    batch.refresh_from_db()
    assert batch.state == "failed"
    assert "died 3 times" in batch.message
    assert Job.objects.get(key=batches.job_key(batch)).state == "failed"
    assert not import_batch(batch.uuid)


@pytest.mark.django_db
def test_a_batch_whose_worker_died_says_so_until_another_takes_it(tmp_path: Path):
    dicom(tmp_path / "in")
    batch = closed_batch(tmp_path / "in")
    jobs.claim(batches.job_key(batch))
    IntakeBatch.objects.filter(pk=batch.pk).update(state="running", stage="Reading headers: 3 of 66")
    lose_the_lease(batch)
    tasks.reap()
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
    lease = jobs.claim(batches.job_key(batch))
    assert lease is not None
    tasks.reap()
    lease.hold()


@pytest.mark.django_db
def test_a_delivery_that_was_never_closed_ends_after_a_day():
    batch = batches.new_batch(None, "x", "upload")
    tasks.reap()
    batch.refresh_from_db()
    assert batch.state == "receiving"
    IntakeBatch.objects.filter(pk=batch.pk).update(created_at=timezone.now() - timedelta(hours=25))
    tasks.reap()
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
    for _ in range(jobs.MOST_ATTEMPTS):
        assert import_batch(batch.uuid)
    assert not import_batch(batch.uuid)
    batch.refresh_from_db()
    assert batch.state == "failed"
    assert "3 times" in batch.message
    assert "Muster" not in caplog.text
    assert "RuntimeError" in caplog.text
