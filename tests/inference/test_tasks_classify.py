"""Pre-labels, from the anatomy to the read: a real queue and worker, a real classifier that was never trained."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections, transaction

from config.processes import wait_until
from inference import tasks
from inference.simulate import SimulatedCase
from inference.tasks import job_folder
from labeling.intake.frames import media_path
from labeling.jobs import queue
from labeling.models import Anatomy, AnatomyVertebra, Case, Finding, Job, ModelVersion, Read, SliceLabel
from labeling.reading.opinions import measuring, prelabels
from labeling.registry import activate, register, retire
from labeling.registry.folders import kept_folder
from tests.inference.classifier_sets import TINY, simulated
from tests.inference.test_classifier_weights import model_in
from tests.inference.workers import Worker, brought_in, ended, processes_below, wait_for, worker_died

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

SEED = 3


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a classifier with random weights, as a training would leave it."""
    return model_in(tmp_path_factory.mktemp("classifier") / "m")


@pytest.fixture
def version(model: Path) -> ModelVersion:
    """That classifier in the registry; nobody has activated it yet."""
    return register(model, kind="classifier", name="Random", by=None)


@cache
def drawn() -> SimulatedCase:
    return simulated(SEED).case


def case_in(folder: Path, *, metal: str = "") -> Case:
    """A simulated case with its mask; `metal` names the vertebra that a screw lies in."""
    made = drawn()
    if metal:
        (one,) = (one for one in made.vertebrae if one.level == metal)
        k, r, c = made.geometry.to_index([one.centre])[0].round().astype(int)
        made = replace(made, hounsfield=made.hounsfield.copy())
        made.hounsfield[k - 1 : k + 2, r - 2 : r + 3, c - 4 : c + 5] = 3071
    return brought_in(folder / "sent", made, "S-1", mask=True)


def done_here(job: Job | None) -> Job:
    """The job, done here and now."""
    assert job is not None
    tasks.classify(job.pk)
    job.refresh_from_db()
    assert (job.state, job.message) == ("done", ""), job.log_tail
    assert not job_folder(job.pk).exists()
    return job


def failed(job: Job | None) -> str:
    """The sentence of a job that is done here and now, and fails."""
    assert job is not None
    tasks.classify(job.pk)
    job.refresh_from_db()
    assert job.state == "failed", job.log_tail
    assert not Read.objects.filter(reader__model_version__kind="classifier").exists()
    assert not job_folder(job.pk).exists()
    assert "Traceback" not in job.message
    return job.message


def rows(anatomy: Anatomy) -> dict[str, AnatomyVertebra]:
    return {row.level: row for row in anatomy.vertebrae.all()}


def change(anatomy: Anatomy, level: str, **values: Any) -> None:
    assert anatomy.vertebrae.filter(level=level).update(**values) == 1


def said_of(read: Read) -> dict[str, Finding]:
    levels = dict(read.anatomy.vertebrae.values_list("vertebra", "level"))
    return {levels[one.vertebra_id]: one for one in read.findings.all()}


def check_whole(read: Read, version: ModelVersion) -> None:
    """A locked read of every vertebra; what was assessed has a score, and a p for every slice that was kept."""
    assert (read.state, read.round, read.reader.model_version) == ("locked", None, version)
    said, places = said_of(read), rows(read.anatomy)
    assert set(said) == set(places)
    ks = dict(read.stack.slices.values_list("sop_uid", "k"))
    for level, one in said.items():
        marks = {ks[mark.slice_id]: mark for mark in one.slice_labels.all()}
        assert one.comment == ""
        assert one.evidence["called"] == "tiny"
        if one.verdict == "not_assessable":
            assert one.why
            assert level in one.evidence["reason"]
            assert (one.score, marks) == (None, {})
            continue
        assert one.evidence["reason"] == ""
        assert 0 <= one.score <= 1
        assert len(marks) >= 3
        assert all(places[level].first_k <= k <= places[level].last_k for k in marks)
        assert all(mark.source == "model" and 0 <= mark.p <= 1 for mark in marks.values())
        assert (one.verdict == "fracture") == any(mark.value == "fracture" for mark in marks.values())


# -- what is stored ----------------------------------------------------------------------------------------------------


def test_a_case_is_read_once_by_each_version_and_what_cannot_be_judged_says_why(
    version: ModelVersion, model: Path, tmp_path: Path
):
    case = case_in(tmp_path, metal="L2")
    anatomy = case.anatomies.get()
    assert [one.level for one in anatomy.vertebrae.filter(cut=False)] == ["T12", "L1", "L2", "L3", "L4"]
    place = rows(anatomy)["L3"]
    change(anatomy, "T12", mask_ok="no")
    change(anatomy, "L1", label_value=0, origin="by_hand")
    change(anatomy, "L3", first_k=place.first_k + 3, last_k=place.first_k + 3)
    # Nothing is asked of a model that nobody has activated; activating it asks for all that is read.
    assert prelabels.ask(anatomy) is None
    activate(version, None)
    job = Job.objects.get(kind="classify")
    assert (job.params, job.queue) == ({"anatomy": anatomy.pk, "model": version.pk}, "infer")
    assert prelabels.ask(anatomy) == job
    done_here(job)
    read = Read.objects.get(reader__model_version=version)
    check_whole(read, version)
    said = said_of(read)
    assert {level: (one.verdict, one.why) for level, one in said.items() if one.why} == {
        "T12": ("not_assessable", "mask_missing"),
        "L1": ("not_assessable", "mask_missing"),
        "L2": ("not_assessable", "metal"),
        "L3": ("not_assessable", "no_slice"),
        **{row.level: ("not_assessable", "cut") for row in anatomy.vertebrae.filter(cut=True)},
    }
    assert said["L4"].verdict in ("fracture", "negative")
    assert said["T12"].evidence["reason"].startswith("The mask of T12 is marked wrong.")
    assert said["L1"].evidence["reason"] == "L1 was placed by hand: this model needs a mask."
    assert "over 3000 HU" in said["L2"].evidence["reason"]
    assert said["L2"].evidence["metal"]["mm3"] >= 30
    assert said["L3"].evidence["reason"].startswith("Too few slices: 1 slice cross")

    # A new version adds a read and changes none. Of an anatomy on which everything leaves the image it says so.
    before = (read.content_sha, read.locked_at, SliceLabel.objects.filter(finding__read=read).count())
    newer = Anatomy.objects.create(case=case, stack=anatomy.stack, n=2, parent=anatomy, label_map=anatomy.label_map)
    for row in anatomy.vertebrae.all():
        row.pk, row.anatomy, row.cut = None, newer, True
        row.save()
    other = register(model_in(tmp_path / "other", seed=1), kind="classifier", name="Newer", by=None)
    activate(other, None)
    (job,) = Job.objects.filter(kind="classify", state="queued")
    assert job.params == {"anatomy": newer.pk, "model": other.pk}
    done_here(job)
    second = Read.objects.get(reader__model_version=other)
    check_whole(second, other)
    assert {(one.verdict, one.why, one.score) for one in second.findings.all()} == {("not_assessable", "cut", None)}
    read.refresh_from_db()
    assert (read.content_sha, read.locked_at, SliceLabel.objects.filter(finding__read=read).count()) == before

    # Asked again nothing is done, and a job that is told again starts no child.
    assert prelabels.ask(anatomy, version=version) is None
    assert prelabels.ask(newer) is None
    told = {"anatomy": anatomy.pk, "model": version.pk}
    again = queue.enqueue("told again", "classify", told, title="Again", announce=False)
    shutil.rmtree(media_path(case.reading_stack.pack).parent)  # what a child would need
    assert "read before" in done_here(again).log_tail
    assert Read.objects.get(reader__model_version=version) == read


# -- a worker that dies ------------------------------------------------------------------------------------------------


@contextmanager
def held(case: Case) -> Iterator[None]:
    """Somebody writes to this case: whoever stores a read of it waits."""
    let_go, has = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                Case.objects.select_for_update().get(pk=case.pk)
                has.set()
                let_go.wait(180)
        finally:
            connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    assert has.wait(10)
    try:
        yield
    finally:
        let_go.set()
        thread.join()


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return bool(cursor.fetchone()[0])


def test_a_worker_killed_while_it_predicts_and_while_it_stores_leaves_one_read(version: ModelVersion, tmp_path: Path):
    case = case_in(tmp_path)
    activate(version, None)
    job = Job.objects.get(kind="classify")
    # Measuring stores a read of the case too, and is not what is waited for here.
    assert queue.cancel(measuring.job_key(case.anatomies.get()))
    worker = Worker(tmp_path)
    worker.start()
    try:
        wait_for(job, lambda job: bool(processes_below(tmp_path)))
        worker.kill()
        assert wait_until(lambda: not processes_below(tmp_path), 10), "the child outlived its worker"
        assert not Read.objects.filter(reader__model_version=version).exists()
        worker_died(job)
        with held(case):
            worker.start()
            assert wait_until(somebody_waits, 120)
            job.refresh_from_db()
            assert (job.state, job.attempts) == ("running", 2)
            worker.kill()
        worker_died(job)
        assert not Read.objects.filter(reader__model_version=version).exists()
        worker.start()
        wait_for(job, ended)
    finally:
        worker.kill()
    assert (job.state, job.message, job.attempts) == ("done", "", 3)
    check_whole(Read.objects.get(reader__model_version=version), version)
    assert wait_until(lambda: not job_folder(job.pk).exists(), 5)


# -- what cannot be done, each said in a sentence ----------------------------------------------------------------------


def test_a_classifier_that_is_retired_while_it_predicts_adds_no_read(
    version: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anatomy = case_in(tmp_path).anatomies.get()
    module = sys.modules[tasks.classify.__module__]
    predict = module._predict

    def and_is_retired(*args: Any) -> None:
        predict(*args)
        retire(ModelVersion.objects.get(pk=version.pk), None)

    monkeypatch.setattr(module, "_predict", and_is_retired)
    assert failed(prelabels.ask(anatomy, version=version)).startswith("Random is retired.")


def test_what_cannot_be_classified_ends_with_a_sentence(version: ModelVersion, model: Path, tmp_path: Path):
    case = case_in(tmp_path)
    anatomy = case.anatomies.get()
    activate(version, None)
    bare = Anatomy.objects.create(case=case, stack=anatomy.stack, n=2)
    assert failed(prelabels.ask(bare)).startswith("This case has no vertebrae yet. Segment it, send a mask")
    gone = queue.enqueue("gone", "classify", {"anatomy": 0, "model": version.pk}, title="Gone")
    assert failed(gone) == "The anatomy that was to be read is not there any more. Nothing is left to do."
    retire(version, None)
    assert failed(prelabels.ask(anatomy, version=version)).startswith("Random is retired.")
    bones = register(model, kind="segmentation", name="Bones", by=None)
    assert bones == version  # the same files are the same version
    segmentation = ModelVersion.objects.create(kind="segmentation", name="Bones", sha256="5" * 64, folder="5" * 64)
    assert failed(prelabels.ask(anatomy, version=segmentation)) == "Bones is no classifier. Choose another model."
    other = tmp_path / "other"
    shutil.copytree(model_in(tmp_path / "wide", replace(TINY, architecture="test_vit")), other)
    content = json.loads((other / "model.json").read_text())
    content["recipe"] = TINY.plain()
    (other / "model.json").write_text(json.dumps(content))
    wrong = register(other, kind="classifier", name="Other", by=None)
    assert failed(prelabels.ask(anatomy, version=wrong)).startswith("These weights are not those of a test_resnet: ")
    mask = media_path(anatomy.label_map)
    whole = mask.read_bytes()
    mask.write_bytes(b"no mask")
    activate(version, None)
    assert failed(prelabels.ask(anatomy)) == "The stored mask is missing or damaged. Send the mask again."
    mask.write_bytes(whole)
    weights = kept_folder(version.folder) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    assert failed(prelabels.ask(anatomy)).startswith("The files of Random have another SHA-256 than ")
