"""From the record to arrays: who said what of which vertebra."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.analysis.columns import columns_of
from labeling.analysis.gather import gather
from labeling.analysis.scope import scope_of
from labeling.analysis.versions import data_version
from labeling.imaging.refusal import Refusal
from labeling.models import Finding, Read, RoundKind, Verdict
from labeling.reading.roles import Role
from labeling.statistics import codes
from tests import factories

pytestmark = pytest.mark.django_db


def said(read: Read, verdicts: list[str | None]) -> Read:
    """A locked read with these verdicts from head to feet; a fracture is of type A3."""
    for row, verdict in zip(read.anatomy.vertebrae.order_by("rank"), verdicts, strict=True):
        why = "cut" if verdict == Verdict.NOT_ASSESSABLE else ""
        ao = "A3" if verdict == Verdict.FRACTURE else None
        Finding.objects.update_or_create(
            read=read, vertebra=row.vertebra, defaults={"verdict": verdict, "why": why, "ao_body": ao}
        )
    return factories.lock_plainly(read)


@pytest.fixture
def study():
    case = factories.make_case(slices=4, patient=factories.make_patient(split="test"))
    anatomy = factories.make_anatomy(case, first_k=0, last_k=3)
    round_ = factories.make_round(RoundKind.INDEPENDENT, state="open")
    readers = [factories.make_reader(Role.SENIOR) for _ in range(2)]
    words = (["fracture", "negative", None], ["fracture", "indeterminate", "not_assessable"])
    reads = []
    for reader, verdicts in zip(readers, words, strict=True):
        factories.make_assignment(case, reader=reader, round=round_)
        reads.append(said(factories.make_read(case, reader=reader, anatomy=anatomy, round=round_), list(verdicts)))
    return case, readers, reads


def test_what_two_readers_said_stands_in_one_row_per_vertebra(study):
    case, readers, reads = study
    lead = factories.make_user(Role.LEAD)
    scope = scope_of(lead, "test")
    found = gather(lead, scope.cases, [f"p{reader.pk}" for reader in readers])
    assert found.case_names == (case.name,)
    assert found.verdict.tolist() == [
        [codes.FRACTURE, codes.NEGATIVE, codes.ABSENT],
        [codes.FRACTURE, codes.INDETERMINATE, codes.NOT_ASSESSABLE],
    ]
    assert found.ao[:, 0].tolist() == [codes.A3, codes.A3]
    assert found.read[:, 0].tolist() == [read.pk for read in reads]
    assert list(found.level) == [row.level for row in reads[0].anatomy.vertebrae.order_by("rank")]
    assert np.isnan(found.score).all()


def test_a_reader_who_owes_a_case_sees_no_number_of_it(study):
    case, _, _ = study
    both = factories.make_reader(Role.LEAD, Role.SENIOR)
    factories.make_assignment(case, reader=both, round=factories.make_round(RoundKind.INDEPENDENT, state="open"))
    assert scope_of(both.user, "test").cases == ()
    assert scope_of(factories.make_user(Role.LEAD), "test").cases == (case.pk,)


def test_another_lock_is_another_version_of_the_data(study):
    case, _, _ = study
    lead = factories.make_user(Role.LEAD)
    before = data_version(lead, [case.pk])
    assert data_version(lead, [case.pk]) == before
    round_ = factories.make_round(RoundKind.INDEPENDENT, state="open")
    third = factories.make_reader(Role.SENIOR)
    factories.make_assignment(case, reader=third, round=round_)
    said(factories.make_read(case, reader=third, round=round_), ["negative"] * 3)
    assert data_version(lead, [case.pk]) != before


def test_without_a_reference_it_says_what_to_do(study):
    case, _, _ = study
    lead = factories.make_user(Role.LEAD)
    assert [column.kind for column in columns_of(lead, [case.pk])][:2] == ["person", "person"]
    with pytest.raises(Refusal, match="Settle them in a consensus first"):
        gather(lead, [case.pk], ["reference"])
