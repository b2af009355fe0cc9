"""Table 1 from the record."""

from __future__ import annotations

import pytest

from labeling.analysis.answers import Question, ask
from labeling.models import Reference, RoundKind
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.test_gather import said

pytestmark = pytest.mark.django_db


def ask_for(user, scope="all"):
    return ask(user, Question("table-one", scope)).answer


def cell(answer, key, split):
    rows = [row for section in answer["table"]["sections"] for row in section["rows"]]
    return next(row for row in rows if row["key"] == key)["cells"][split]


@pytest.fixture
def lead():
    return factories.make_user(Role.LEAD)


def settled(verdicts, **fields):
    """A case whose reference says this from head to feet."""
    case = factories.make_case(slices=4, **fields)
    anatomy = factories.make_anatomy(case, first_k=0, last_k=3)
    panel = factories.make_reader(Role.SENIOR)
    round_ = factories.make_round(RoundKind.INDEPENDENT)
    read = said(factories.make_read(case, reader=panel, anatomy=anatomy, round=round_), verdicts)
    Reference.objects.create(case=case, target="fracture", read=read)
    return case


def test_each_split_has_its_column_and_missing_values_are_counted(lead):
    training = factories.make_patient(split="training", sex="F")
    settled(
        ["fracture", "negative", "not_assessable"], patient=training, age=70, dlp=400.0, dlp_source="reported", kv=120.0
    )
    settled(["negative", "indeterminate", "fracture"], patient=factories.make_patient(split="test", sex="M"), age=80)
    factories.make_bare_case(patient=training, age=71)
    answer = ask_for(lead)
    assert answer["titles"] == {"training": "Training", "test": "Test"}
    assert answer["table"]["sizes"]["training"] == {"patients": 1, "cases": 2, "vertebrae": 2}
    assert answer["table"]["sizes"]["test"] == {"patients": 1, "cases": 1, "vertebrae": 3}
    assert cell(answer, "women", "training")["mean"] == "1 (100 %)"
    assert cell(answer, "age", "training")["mean"] == "70"
    assert (cell(answer, "dlp", "training")["mean"], cell(answer, "dlp", "training")["missing"]) == ("400", 1)
    assert cell(answer, "with_fracture", "test")["details"]["counts"] == {"yes": 1, "no": 1}
    assert cell(answer, "with_fracture", "test")["missing"] == 1
    assert cell(answer, "ao_A3", "training")["mean"] == "1 (100 %)"
    assert cell(answer, "certain", "training")["details"]["count"] == 2
    assert answer["notes"] == ["1 of 3 cases has no reference yet."]


def test_without_a_split_there_is_one_column(lead):
    settled(["fracture", "negative", "negative"])
    answer = ask_for(lead)
    assert answer["titles"] == {"all": "All cases"}
    factories.make_bare_case(patient=factories.make_patient(split="validation"))
    waiting = ask_for(lead)
    assert waiting["table"]["splits"] == ["validation", "unassigned"]
    assert set(waiting["titles"]) == {"validation", "unassigned"}
    assert waiting["notes"][-1].startswith("Who is in no split yet is counted, but compared with nobody")


def test_without_a_reference_or_a_case_it_says_so(lead):
    assert ask_for(lead)["notes"] == ["There is no case here that you may see numbers of."]
    factories.make_bare_case(patient=factories.make_patient(split="training"))
    answer = ask_for(lead)
    assert answer["notes"] == ["None of these cases has a reference yet: the rows of the vertebrae are empty."]
    assert answer["reference"] == 0


def test_an_excluded_case_and_one_that_is_owed_are_not_in_it():
    reader = factories.make_reader(Role.LEAD, Role.SENIOR)
    owed = settled(["fracture", "negative", "negative"])
    factories.make_assignment(owed, reader=reader, round=factories.make_round(RoundKind.INDEPENDENT))
    factories.make_bare_case(cohort_state="excluded", exclusion_reason="malignant")
    factories.make_bare_case()
    answer = ask_for(reader.user)
    assert answer["table"]["sizes"]["all"] == {"patients": 1, "cases": 1, "vertebrae": 0}
