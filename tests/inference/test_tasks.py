"""Segment, from the button to the anatomy: a real worker, a real queue, a real network."""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.processes import wait_until
from inference import tasks
from inference.tasks import job_folder
from labeling.imaging.outlines import decode
from labeling.imaging.refusal import Refusal
from labeling.intake.frames import media_path
from labeling.intake.label_maps import body_map, label_map
from labeling.intake.segmentations import segment
from labeling.jobs import queue
from labeling.models import Anatomy, Case, Job, ModelVersion, Reader, Vertebra
from labeling.registry import activate, register, retire
from labeling.registry.folders import kept_folder
from tests.inference.workers import (
    Worker,
    brought_in,
    ended,
    processes_below,
    registered,
    small_case,
    wait_for,
    worker_died,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    started = Worker(tmp_path)
    started.start()
    yield started
    started.kill()
    # Its children end with it.
    wait_until(lambda: not processes_below(tmp_path), 10)


@pytest.fixture
def model(tiny_model: Path) -> ModelVersion:
    return registered(tiny_model)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return brought_in(tmp_path / "sent", small_case(), "S-1")


def check_whole(case: Case, model: ModelVersion) -> Anatomy:
    """One anatomy, whole: authored by the model, with outlines and masks of what it names."""
    anatomy = case.anatomies.get()
    assert anatomy.author == Reader.objects.get(model_version=model)
    assert anatomy.stack == case.reading_stack
    rows = list(anatomy.vertebrae.all())
    assert [row.level for row in rows] == ["L1", "L2", "L3", "L4", "L5"]
    assert {row.certainty for row in rows} == {"assumed"}
    assert [(row.level, row.cut_where) for row in rows if row.cut] == [("L1", "top"), ("L5", "bottom")]
    labels, bodies = label_map(anatomy), body_map(anatomy)
    assert {row.label_value for row in rows} == set(labels[labels > 0].tolist()) == set(bodies[bodies > 0].tolist())
    for row in rows:
        crossed = (bodies == row.label_value).any(axis=(1, 2)).nonzero()[0]
        assert (row.first_k, row.last_k) == (crossed[0], crossed[-1])
        assert row.origin == "segmented"
    outlines = decode(media_path(anatomy.outlines).read_bytes())
    assert {value for of_slice in outlines.values() for value in of_slice} == {row.label_value for row in rows}
    assert "L5" in anatomy.note
    assert Vertebra.objects.filter(case=case).count() == 5
    return anatomy


def test_pressed_twice_a_case_is_segmented_once_and_its_levels_are_right(
    worker: Worker, model: ModelVersion, case: Case
):
    job = segment(case, model=None, by=None)
    assert segment(case, model=model, by=None) == job
    wait_for(job, ended)
    assert (job.state, job.message, job.progress) == ("done", "", 1.0)
    anatomy = check_whole(case, model)
    # Asked again after it is done: nothing is done again, and nothing is left on the disk.
    assert segment(case, model=model, by=None).state == "done"
    assert Job.objects.filter(kind="segment").count() == 1
    wait_until(lambda: not job_folder(job.pk).exists(), 5)
    # What was found is measured without being asked.
    measured = wait_for(Job.objects.get(kind="measure"), ended)
    assert (measured.state, measured.params) == ("done", {"anatomy": anatomy.pk})


def test_a_worker_killed_while_it_predicts_is_followed_by_one_that_finishes_once(
    worker: Worker, model: ModelVersion, case: Case, tmp_path: Path
):
    job = segment(case, model=model, by=None)
    wait_for(job, lambda job: bool(processes_below(tmp_path)))
    worker.kill()
    assert wait_until(lambda: not processes_below(tmp_path), 10), "the child outlived its worker"
    job.refresh_from_db()
    assert (job.state, Anatomy.objects.count()) == ("running", 0)
    worker.start()
    worker_died(job)
    wait_for(job, ended)
    assert (job.state, job.message, job.attempts) == ("done", "", 2)
    check_whole(case, model)


def test_a_cancelled_segmentation_ends_its_child_and_can_be_asked_for_again(
    worker: Worker, model: ModelVersion, case: Case, tmp_path: Path
):
    job = segment(case, model=model, by=None)
    wait_for(job, lambda job: bool(processes_below(tmp_path)))
    assert queue.cancel(job.key)
    assert wait_until(lambda: not processes_below(tmp_path), 8)
    job.refresh_from_db()
    assert (job.state, Anatomy.objects.count()) == ("cancelled", 0)
    assert segment(case, model=model, by=None) == job
    job.refresh_from_db()
    wait_for(job, ended)
    assert job.state == "done", job.message
    check_whole(case, model)


def test_a_child_that_the_kernel_kills_for_memory_fails_its_job_with_what_to_do(
    worker: Worker, model: ModelVersion, case: Case, tmp_path: Path
):
    job = segment(case, model=model, by=None)
    wait_for(job, lambda job: bool(processes_below(tmp_path)))
    for process in processes_below(tmp_path):
        os.kill(process, signal.SIGKILL)
    wait_for(job, ended)
    assert job.state == "failed"
    assert job.message.startswith("The memory of this machine ran out, so the work was stopped.")
    assert not Anatomy.objects.exists()


# -- what cannot be done, each said in a sentence; no queue is needed for these ----------------------------------------


def failed(job: Job) -> str:
    """The sentence of a job that is done here and now, and fails."""
    tasks.segment(job.pk)
    job.refresh_from_db()
    assert job.state == "failed"
    assert not Anatomy.objects.exists()
    assert not job_folder(job.pk).exists()
    return job.message


def test_a_case_without_a_stack_or_without_a_model_is_refused_at_the_button(model: ModelVersion, case: Case):
    retire(model, None)
    with pytest.raises(Refusal, match=r"^No segmentation model is active\. Register one on the models page"):
        segment(case, model=None, by=None)
    with pytest.raises(Refusal, match=r"^Tiny is retired\."):
        segment(case, model=model, by=None)
    Case.objects.filter(pk=case.pk).update(reading_stack=None)
    case.refresh_from_db()
    with pytest.raises(Refusal, match=r"^The case has no stack to segment\. Send its CT first\.$"):
        segment(case, model=activate(model, None), by=None)
    assert not Job.objects.filter(kind="segment").exists()


def test_a_model_that_was_retired_since_segments_nothing(model: ModelVersion, case: Case):
    job = segment(case, model=model, by=None)
    retire(model, None)
    assert failed(job) == "Tiny is retired. Choose another model, or activate it again."


def test_weights_that_were_changed_on_the_disk_are_never_loaded(model: ModelVersion, case: Case):
    job = segment(case, model=model, by=None)
    weights = kept_folder(model.folder) / "fold_0" / "checkpoint_final.pth"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    message = failed(job)
    assert message.startswith("The files of Tiny have another SHA-256 than ")
    assert message.endswith("They are not loaded. Import the model again.")


def test_weights_of_another_network_fail_with_a_sentence(tiny_model: Path, tmp_path: Path, case: Case):
    other = tmp_path / "other"
    for path in tiny_model.rglob("*"):
        if path.is_file():
            target = other / path.relative_to(tiny_model)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    plans = json.loads((other / "plans.json").read_text())
    plans["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"]["features_per_stage"] = [4, 8, 12]
    (other / "plans.json").write_text(json.dumps(plans))
    job = segment(case, model=register(other, kind="segmentation", name="Other", by=None), by=None)
    message = failed(job)
    assert "Traceback" not in message
    assert "weights" in message or "network" in message


def test_a_scan_without_a_patient_is_the_childs_to_refuse_and_its_sentence_is_the_jobs(
    model: ModelVersion, tmp_path: Path
):
    simulated = small_case()
    simulated.hounsfield[:] = 20
    job = segment(brought_in(tmp_path / "sent", simulated, "S-2"), model=model, by=None)
    assert failed(job).startswith("All voxels lie between 20 and 20 HU: the volume shows no patient.")


def test_a_full_disk_fails_the_job_before_anything_is_mapped(
    model: ModelVersion, case: Case, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    job = segment(case, model=model, by=None)
    monkeypatch.setattr(os, "posix_fallocate", full)
    assert failed(job).startswith("The disk is full. Free some space")
