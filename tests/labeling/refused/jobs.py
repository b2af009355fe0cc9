"""Datasets, audit and jobs."""

from __future__ import annotations

from typing import Any

from labeling.models import (
    AuditEvent,
    Dataset,
    DatasetPatient,
    Job,
    TestConsultation,
)
from tests.factories import (
    digest,
    make_patient,
    number,
)
from tests.labeling.refused import Try, refused_by, rows


def _dataset(**fields: Any) -> Dataset:
    return Dataset.objects.create(
        **{"name": f"set {number()}", "purpose": "train", "sha256": digest(), "manifest": "a.json", **fields}
    )


rows("dataset_purpose_is_known_word", "an_unknown_purpose", _dataset, purpose="x")


@refused_by("frozen_dataset_never_changes")
def a_frozen_dataset_renamed() -> Try:
    dataset = _dataset()
    return lambda: Dataset.objects.filter(pk=dataset.pk).update(name="other")


@refused_by("patient_is_in_a_dataset_once")
def one_patient_twice_in_a_dataset() -> Try:
    row = {"dataset": _dataset(), "patient": make_patient(split="training"), "split": "training"}
    DatasetPatient.objects.create(**row)
    return lambda: DatasetPatient.objects.create(**row)


@refused_by("training_set_holds_training_patients")
def a_test_patient_in_a_training_set() -> Try:
    row = {"dataset": _dataset(), "patient": make_patient(split="test"), "split": "training"}
    return lambda: DatasetPatient.objects.create(**row)


@refused_by("consultation_is_insert_only")
def a_look_at_the_test_set_forgotten() -> Try:
    look = TestConsultation.objects.create(what="sensitivity", cases=47)
    return lambda: TestConsultation.objects.filter(pk=look.pk).delete()


@refused_by("audit_is_insert_only")
def an_audit_event_reworded() -> Try:
    event = AuditEvent.objects.create(verb="login")
    return lambda: AuditEvent.objects.filter(pk=event.pk).update(verb="logout")


def _job(**wrong: Any) -> Job:
    return Job.objects.create(**{"key": f"job {number()}", "kind": "import", **wrong})


rows("job_state_is_known_word", "an_unknown_state", _job, state="x")
rows("job_running_has_owner_and_lease", "a_job_that_nobody_runs", _job, state="running")
rows("job_progress_is_a_share", "more_than_all_of_a_job", _job, progress=1.01)
