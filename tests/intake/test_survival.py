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
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections

from labeling.imaging.codec import decode, read_frame
from labeling.intake import batches, importer
from labeling.intake.frames import media_path
from labeling.intake.importer import import_batch
from labeling.jobs import reaper
from labeling.models import (
    Anatomy,
    Case,
    Identity,
    IntakeBatch,
    Job,
    Outcome,
    Patient,
    Series,
    Stack,
)
from tests.intake.deliveries import closed_batch, lose_the_lease
from tests.intake.phantoms import MASK, SHAPE, dicom, nifti, sagittal_dicom

REPOSITORY = Path(__file__).resolve().parents[2]


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
        reaper.reap()
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
