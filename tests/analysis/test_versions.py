"""The stamp of the data: every kind of change that a number may depend on moves it, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from labeling.analysis.versions import data_version
from labeling.models import (
    ActiveTime,
    Case,
    Dataset,
    DatasetPatient,
    ModelShowing,
    Participant,
    Patient,
    Read,
    Reader,
    ReaderKind,
    Reference,
    Vertebra,
)
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.small_study import Study, make_study, says, sets_truth

pytestmark = pytest.mark.django_db


def _a_read_more(study: Study) -> None:
    says(study.cases[0], factories.make_reader(Role.SENIOR), "N N N N", study.round)


def _a_later_version(study: Study) -> None:
    first = study.reads[0, 0]
    same = {"anatomy": first.anatomy, "round": first.round, "supersedes": first, "reopen_reason": "A1 missed"}
    factories.lock_plainly(factories.make_read(first.case, reader=first.reader, version=first.version + 1, **same))


def _a_truth(study: Study) -> None:
    sets_truth(study.cases[0], "A1 N N N")


def _a_truth_of_another_read(study: Study) -> None:
    Reference.objects.create(case=study.cases[0], read=study.reads[0, 0])


def _someone_sat_in_the_panel(study: Study) -> None:
    panel = Reader.objects.create(kind=ReaderKind.PANEL, label="Panel")
    read = factories.make_read(study.cases[1], reader=panel, round=factories.make_round("consensus", panel=panel))
    Participant.objects.create(consensus=read, reader=factories.make_reader(Role.SENIOR))


def _a_split(study: Study) -> None:
    Patient.objects.filter(pk=study.cases[0].patient_id).update(split="validation")


def _an_exclusion(study: Study) -> None:
    Case.objects.filter(pk=study.cases[0].pk).update(cohort_state="excluded", exclusion_reason="malignant")


def _a_sex(study: Study) -> None:
    Patient.objects.filter(pk=study.cases[0].patient_id).update(sex="M")


def _a_tube_voltage(study: Study) -> None:
    Case.objects.filter(pk=study.cases[0].pk).update(kv=120)


def _a_joined_vertebra(study: Study) -> None:
    upper, lower = Vertebra.objects.filter(case=study.cases[0]).order_by("pk")[:2]
    Vertebra.objects.filter(pk=upper.pk).update(retired_into=lower)


def _a_training_set(study: Study) -> None:
    frozen = Dataset.objects.create(name="Set", purpose="train", sha256="a" * 64, manifest="m")
    DatasetPatient.objects.create(dataset=frozen, patient=study.cases[0].patient, split="training")


def _a_model_shown(study: Study) -> None:
    model = says(study.cases[0], factories.make_model_reader(), "N N N N", None, score=0.1)
    before = data_version(factories.make_user(Role.LEAD), [case.pk for case in study.cases])
    ModelShowing.objects.create(read=study.reads[0, 0], model_read=model, first=False)
    assert data_version(factories.make_user(Role.LEAD), [case.pk for case in study.cases]) != before


def _time_at_work(study: Study) -> None:
    ActiveTime.objects.create(read=study.reads[0, 0], tab=uuid4(), ms=4_000)


CHANGES = [
    _a_read_more,
    _a_later_version,
    _a_truth,
    _a_truth_of_another_read,
    _someone_sat_in_the_panel,
    _a_split,
    _an_exclusion,
    _a_sex,
    _a_tube_voltage,
    _a_joined_vertebra,
    _a_training_set,
    _a_model_shown,
    _time_at_work,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_").replace("_", " "))
def test_whatever_a_number_depends_on_moves_the_stamp(change: Callable[[Study], None]) -> None:
    study, lead = make_study(), factories.make_user(Role.LEAD)
    cases = [case.pk for case in study.cases]
    before = data_version(lead, cases)
    assert data_version(lead, cases) == before
    change(study)
    assert data_version(lead, cases) != before


def test_drafts_names_and_other_cases_leave_the_stamp_alone() -> None:
    study, lead = make_study(), factories.make_user(Role.LEAD)
    cases = [case.pk for case in study.cases]
    before = data_version(lead, cases)
    draft: Read = factories.make_read(study.cases[0], reader=factories.make_reader(Role.SENIOR), round=study.round)
    person = draft.reader.user
    assert person is not None
    person.first_name = "Renamed"
    person.save(update_fields=["first_name"])
    other = factories.make_case(slices=4)
    factories.lock_plainly(factories.make_read(other, anatomy=factories.make_anatomy(other)))
    assert data_version(lead, cases) == before
