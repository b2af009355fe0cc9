"""A patient gets a split once and keeps it; test patients leave the labelling pool."""

from __future__ import annotations

import pytest

from labeling.imaging.refusal import Refusal
from labeling.models import Assignment, SplitChange
from labeling.reading.rounds import enter_open_round, seed_open_labelling_round
from labeling.reading.splits import assign_split
from tests.factories import make_case, make_reader

pytestmark = pytest.mark.django_db


def test_the_first_split_is_written_down_and_stays():
    patient = make_case().patient
    assert assign_split(patient, "training", by=None, reason="Simulated cohort")
    assert not assign_split(patient, "training", by=None, reason="again")
    change = SplitChange.objects.get()
    assert (change.before, change.after, change.reason) == ("unassigned", "training", "Simulated cohort")
    with pytest.raises(Refusal, match=r"is in training already and stays there"):
        assign_split(patient, "test", by=None, reason="no")
    patient.refresh_from_db()
    assert patient.split == "training"


def test_a_test_patient_leaves_the_pool_unless_somebody_has_begun():
    seed_open_labelling_round()
    free, begun = make_case(), make_case()
    for case in (free, begun):
        assert enter_open_round(case) is not None
    Assignment.objects.filter(case=begun).update(reader=make_reader())
    assert assign_split(free.patient, "test", by=None, reason="drawn")
    assert not Assignment.objects.filter(case=free).exists()
    assert enter_open_round(free) is None
    with pytest.raises(Refusal, match="is being read in the labelling round"):
        assign_split(begun.patient, "test", by=None, reason="drawn")
    begun.patient.refresh_from_db()
    assert begun.patient.split == "unassigned"
