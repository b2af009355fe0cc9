"""Every anatomy is measured once by each method, and the read that follows says what was measured and what was not."""

from __future__ import annotations

import io
import threading
from dataclasses import replace
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from django.core.management import call_command
from django.db import connections

from labeling.anatomy.morphometry import BodyMeasure
from labeling.anatomy.morphometry_recipe import recipe_sha256
from labeling.imaging.geometry import Geometry
from labeling.intake import frames
from labeling.jobs import queue
from labeling.jobs.running import run_job
from labeling.models import Anatomy, Job, JobState, ModelVersion, Read, Series, Stack
from labeling.reading.opinions.measuring import ask, job_key, morphometry_reader
from labeling.reading.opinions.morphometry import _resolution, finding_of, measure_anatomy, measure_job, score_of
from tests.anatomy.body_phantom import Notch, SpinePhantom, lost, row
from tests.factories import make_anatomy, make_bare_case, make_case, make_stack

pytestmark = pytest.mark.django_db

LEVELS = ("T11", "T12", "L1", "L2", "L3", "L4")
SIZE = (66.0, 240.0, 70.0)


@pytest.fixture(autouse=True)
def quiet_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's transaction hides the job from the heartbeat's own connection, which would take it for lost."""
    monkeypatch.setattr(queue, "HEARTBEAT_SECONDS", 3600.0)


def broken_spine() -> SpinePhantom:
    """T12 has lost a third in front, L1 a little over a fifth, L2 holds a notch."""
    spine = lost(lost(row(LEVELS), "T12", (0.34, 0.15, 0.0)), "L1", (0.22, 0.1, 0.0))
    bodies = [replace(body, notch=Notch()) if body.level == "L2" else body for body in spine.bodies]
    return replace(spine, bodies=tuple(bodies), spacing=(3.0, 0.5, 0.5), size=SIZE)


def measurable(**fields: Any) -> Anatomy:
    """An anatomy with the mask of `broken_spine` on a stack of its size."""
    labels = broken_spine().drawn()
    numbered = np.zeros_like(labels)
    for place, value in enumerate(broken_spine().levels):
        numbered[labels == value] = place + 1
    case = make_bare_case()
    slices, rows, columns = labels.shape
    case.reading_stack = make_stack(case, slices=slices, rows=rows, columns=columns)
    case.save(update_fields=["reading_stack"])
    memory = io.BytesIO()
    np.savez_compressed(memory, labels=numbered)
    path = frames.write_file(uuid4(), ".npz", memory.getvalue())
    return make_anatomy(case, LEVELS, label_map=path, **fields)


def by_level(read: Read) -> dict[str, Any]:
    levels = dict(read.anatomy.vertebrae.values_list("vertebra", "level"))
    return {levels[finding.vertebra_id]: finding for finding in read.findings.all()}


def test_losses_become_verdicts_and_a_notch_is_negative_with_a_note() -> None:
    read = measure_anatomy(None, measurable(cut=("T11",)))
    said = by_level(read)
    assert {level: finding.verdict for level, finding in said.items()} == {
        "T11": "not_assessable",
        "T12": "fracture",
        "L1": "indeterminate",
        "L2": "negative",
        "L3": "negative",
        "L4": "negative",
    }
    assert said["T11"].why == "cut"
    assert said["T11"].score is None
    assert said["T11"].evidence == {"reason": "The border of the image cuts T11, so it was not measured."}
    assert said["T12"].evidence["shape"] == "wedge"
    assert said["T12"].evidence["loss_anterior"] == pytest.approx(0.34, abs=0.03)
    assert said["T12"].comment.startswith("Height is lost in front")
    assert said["L2"].evidence["shape"] == "notch"
    assert said["L2"].evidence["evidence"]["endplate"] == "superior"
    assert "Schmorl node" in said["L2"].comment
    assert said["T12"].score > said["L1"].score > said["L3"].score
    assert said["L2"].score < 0.1
    assert isinstance(said["L3"].evidence["core_hu"], float)
    assert not read.findings.filter(slice_labels__isnull=False).exists()


def test_a_mask_that_was_called_wrong_or_never_was_there_is_not_measured() -> None:
    anatomy = measurable()
    anatomy.vertebrae.filter(level="T12").update(mask_ok="no")
    anatomy.vertebrae.filter(level="L3").update(label_value=0, origin="by_hand")
    anatomy.vertebrae.filter(level="L4").update(mask_ok="missing")
    said = by_level(measure_anatomy(None, anatomy))
    assert {level for level, finding in said.items() if finding.why == "mask_missing"} == {"T12", "L3", "L4"}
    assert "called wrong" in said["T12"].evidence["reason"]
    assert "has no mask" in said["L3"].evidence["reason"]
    assert said["L1"].verdict in ("negative", "indeterminate")


def test_an_anatomy_of_boxes_is_not_assessable_throughout() -> None:
    read = measure_anatomy(None, make_anatomy(make_case()))
    assert {(finding.verdict, finding.why) for finding in read.findings.all()} == {("not_assessable", "mask_missing")}
    assert read.state == "locked"


def test_measured_again_it_is_the_same_read_and_nothing_more_is_asked() -> None:
    anatomy = make_anatomy(make_case())
    job = ask(anatomy)
    assert job is not None
    assert (job.kind, job.state, job.case, job.params) == ("measure", "queued", anatomy.case, {"anatomy": anatomy.pk})
    assert job.key == job_key(anatomy) == f"measure:{anatomy.pk}:{recipe_sha256()[:16]}"
    assert ask(anatomy) == job
    read = measure_anatomy(None, anatomy)
    assert measure_anatomy(None, anatomy) == read
    assert ask(anatomy) is None
    assert Job.objects.count() == Read.objects.count() == 1


def test_the_job_measures_and_is_done() -> None:
    anatomy = measurable()
    job = ask(anatomy)
    assert job is not None
    assert run_job(job.pk, measure_job)
    job.refresh_from_db()
    assert (job.state, job.message, job.progress) == (JobState.DONE, "", 1.0)
    read = Read.objects.get()
    assert (read.reader, read.anatomy, read.state) == (morphometry_reader(), anatomy, "locked")
    assert not run_job(job.pk, measure_job)


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        ("gone", "The stored mask is missing or damaged. Send the mask again."),
        ("other", "The stored mask is (2, 3, 4)"),
        ("frames", "stack"),
    ],
)
def test_a_file_that_is_not_as_the_record_has_it_ends_the_job_with_a_sentence(harm: str, sentence: str) -> None:
    anatomy = measurable()
    path = frames.media_path(anatomy.label_map)
    if harm == "gone":
        path.unlink()
    elif harm == "other":
        np.savez_compressed(path, labels=np.zeros((2, 3, 4), dtype=np.uint8))
    else:
        frames.media_path(anatomy.stack.pack).write_bytes(b"")
    job = ask(anatomy)
    assert job is not None
    run_job(job.pk, measure_job)
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert sentence in job.message
    assert not Read.objects.exists()
    # Mended, it may be asked for again.
    again = ask(anatomy)
    assert again is not None
    assert again.state == JobState.QUEUED


def test_an_anatomy_that_is_gone_ends_the_job_with_a_sentence() -> None:
    job = queue.enqueue("measure:0:x", "measure", {"anatomy": 0}, title="Measure", announce=False)
    run_job(job.pk, measure_job)
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert "not there any more" in job.message


def test_another_method_is_another_reader_and_the_one_before_is_retired(monkeypatch: pytest.MonkeyPatch) -> None:
    first = morphometry_reader()
    assert morphometry_reader() == first
    assert (first.kind, first.model_version.kind, first.model_version.state) == ("model", "morphometry", "active")
    assert str(first) == "Morphometry 1"
    monkeypatch.setattr("labeling.anatomy.morphometry_recipe.METHOD", 2)
    second = morphometry_reader()
    assert second != first
    assert dict(ModelVersion.objects.values_list("sha256", "state")) == {
        first.model_version.sha256: "retired",
        second.model_version.sha256: "active",
    }


def test_vertebrae_without_a_name_are_measured_too() -> None:
    anatomy = measurable()
    path = frames.media_path(anatomy.label_map)
    labels = np.load(path)["labels"]
    np.savez_compressed(path, labels=np.where(labels, labels + 100, 0).astype(np.uint8))
    for row_ in anatomy.vertebrae.all():
        anatomy.vertebrae.filter(pk=row_.pk).update(label_value=row_.label_value + 100, level="", certainty="unknown")
    verdicts = [finding.verdict for finding in measure_anatomy(None, anatomy).findings.order_by("vertebra")]
    assert verdicts == ["negative", "fracture", "indeterminate", "negative", "negative", "negative"]


@pytest.mark.django_db(transaction=True)
def test_workers_that_come_upon_the_method_at_once_are_one_reader() -> None:
    start = threading.Barrier(4)
    found: list[Any] = []

    def work() -> None:
        try:
            start.wait(timeout=20)
            found.append(morphometry_reader().pk)
        except Exception as error:
            found.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(found) == 4
    assert len(set(found)) == 1, found
    assert ModelVersion.objects.get().state == "active"


def test_all_that_are_read_are_asked_for_once() -> None:
    older = make_anatomy(make_case())
    newer = make_anatomy(older.case, stack=older.stack)
    done = make_anatomy(make_case())
    make_case()
    measure_anatomy(None, done)
    said = io.StringIO()
    call_command("measure_all", stdout=said)
    assert said.getvalue() == "1 asked for, 1 measured already.\n"
    assert Job.objects.get().params == {"anatomy": newer.pk}
    call_command("measure_all", stdout=said)
    assert Job.objects.count() == 1


def test_the_score_rises_with_the_loss_and_is_of_what_stands_beside_a_notch() -> None:
    def measure(loss: float, **fields: Any) -> BodyMeasure:
        return BodyMeasure(20, "L1", loss_anterior=loss, grade=0, **fields)

    scores = [score_of(measure(loss)) for loss in (-0.9, 0.0, 0.15, 0.2, 0.225, 0.25, 0.4, 0.95)]
    assert scores == sorted(scores)
    assert 0 <= scores[0] < 0.01
    assert scores[4] == 0.5
    assert 0.99 < scores[-1] <= 1
    assert score_of(BodyMeasure(20, "L1", why="cut", reason="It is cut.")) is None


@pytest.mark.parametrize(
    ("loss", "shape", "verdict"),
    [
        (0.19, "", "negative"),
        (0.2, "wedge", "indeterminate"),
        (0.249, "crush", "indeterminate"),
        (0.25, "wedge", "fracture"),
        (0.5, "notch", "negative"),
    ],
)
def test_verdicts_at_the_limits(loss: float, shape: str, verdict: str) -> None:
    assert finding_of(1, BodyMeasure(20, "L1", loss_middle=loss, grade=0, shape=shape)).verdict == verdict


def test_a_stack_cut_out_of_thick_axial_slices_is_as_coarse_as_they_are() -> None:
    stack_grid = Geometry((30, 100, 100), np.array([[3, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]]))
    axial = np.array([[0, 0, 0.8, 0], [0, 0.8, 0, 0], [5.0, 0, 0, 0], [0, 0, 0, 1]])
    series = Series(geometry={"shape": [40, 200, 200], "affine": axial.tolist()})
    assert _resolution(Stack(origin="derived", source=series), stack_grid) == pytest.approx((0.8, 5.0, 0.8))
    assert _resolution(Stack(origin="native", source=series), stack_grid) is None
