"""The vertebrae behind a number are as many as the number says, and who is shown them is on record."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.analysis.behind import CELLS, Asking, Behind, behind
from labeling.analysis.behind_rows import rows_behind
from labeling.analysis.gather import gather
from labeling.analysis.scope import scope_of
from labeling.imaging.refusal import Refusal
from labeling.models import Exposure
from labeling.reading.roles import Role, reader_of
from labeling.statistics.accuracy import judge
from labeling.statistics.bootstrap import PatientBootstrap
from tests import factories
from tests.analysis.small_study import Study, make_study, says, sets_truth

pytestmark = pytest.mark.django_db

#: Reckoned by hand from the words of the study.
COUNTS = {
    "all": 12,
    "compared": 10,
    "differ": 3,
    "both": 2,
    "tp": 2,
    "fp": 1,
    "fn": 2,
    "tn": 5,
    "judged_positives": 4,
    "judged_negatives": 6,
    "judged_called": 3,
    "judged_cleared": 7,
    "unreported": 2,
    "right": 7,
    "indeterminate": 1,
    "not_assessable": 1,
    "absent": 0,
    "only": 0,
    "called": 3,
    "called_negative": 7,
    "decided": 10,
    "called_indeterminate": 1,
    "called_not_assessable": 1,
    "positives": 4,
    "negatives": 8,
    "indeterminate_positives": 0,
    "indeterminate_negatives": 1,
    "not_assessable_positives": 0,
    "not_assessable_negatives": 1,
    "absent_positives": 0,
    "absent_negatives": 0,
    "reference_undecided": 0,
    "reference_absent": 0,
}


@pytest.fixture
def study() -> Study:
    return make_study()


def found(study: Study, user=None, **fields: str) -> Behind:
    user = user or factories.make_user(Role.LEAD)
    asking = Asking(**{"reader": study.key(0), "against": study.key(1), **fields})
    return behind(user, scope_of(user, "all"), asking)


@pytest.mark.parametrize("cell", CELLS)
def test_each_cell_holds_what_was_counted_by_hand(study: Study, cell: str) -> None:
    assert found(study, cell=cell).count == COUNTS[cell]


def test_a_row_says_what_both_said_and_where_it_is(study: Study) -> None:
    lead = factories.make_user(Role.LEAD)
    one = found(study, lead, cell="fp")
    (row,) = rows_behind(lead, one)
    assert (row.case, row.case_name, row.level) == (study.cases[1].pk, study.cases[1].name, "L2")
    assert (row.reader.verdict, row.reader.ao) == ("fracture", "A3")
    assert (row.against.verdict, row.against.ao) == ("negative", "")
    assert row.truth is None
    read = study.reads[0, 1]
    assert (row.read, row.vertebra) == (read.pk, factories.vertebra_of(read, "L2"))
    assert row.k == 1
    assert one.sentence == "Reader 1: fracture, Reader 2: negative"


def test_rows_run_by_case_and_from_head_to_feet(study: Study) -> None:
    lead = factories.make_user(Role.LEAD)
    rows = rows_behind(lead, found(study, lead, cell="all"))
    order = {case.pk: place for place, case in enumerate(sorted(study.cases, key=lambda case: case.name))}
    assert [(order[row.case], row.level) for row in rows] == sorted((order[row.case], row.level) for row in rows)
    assert rows_behind(lead, found(study, lead, cell="all"), 5, 7) == rows[5:7]


def test_levels_and_types_narrow(study: Study) -> None:
    assert found(study, cell="differ", level="L2").count == 1
    assert found(study, cell="tp", ao="A1").count == 1
    # Of the type that the second names, who stands in the place of the reference.
    assert found(study, cell="fn", ao="A3").count == 1
    assert found(study, cell="fp", ao="A3").count == 1
    assert found(study, cell="compared", reader_ao="A3", against_ao="none").count == 1
    assert found(study, cell="compared", reader_ao="differ", against_ao="differ").count == 3
    # A3 or not: the first says so twice, the second twice, both once.
    kinds = [found(study, cell=cell, kind="A3").count for cell in ("tp", "fp", "fn", "tn")]
    assert kinds == [1, 1, 1, 7]


def test_a_fracture_without_type_is_in_no_cell_of_a_type() -> None:
    study = make_study(("F N N N",), ("A1 N N N",))
    assert found(study, cell="tp").count == 1
    assert found(study, cell="tp", reader_ao="no type").count == 1
    assert sum(found(study, cell=cell, kind="A1").count for cell in ("tp", "fp", "fn", "tn")) == 3


def test_cases_are_counted_as_accuracy_counts_them(study: Study) -> None:
    lead = factories.make_user(Role.LEAD)
    for place, words in enumerate(("A1 N N N", "N N N N", "N N N ·")):
        sets_truth(study.cases[place], words)
    scope = scope_of(lead, "all")
    gathered = gather(lead, scope.cases, [study.key(0), "reference"])
    for unit in ("vertebra", "case"):
        judged = judge(
            gathered.verdict[0], gathered.verdict[1], gathered.ao[1], gathered.level, gathered.patient,
            PatientBootstrap(gathered.patients, 50), case=gathered.case, unit=unit,
        )  # fmt: skip
        for cell, n in zip(("tp", "fp", "fn", "tn"), judged.table.counts, strict=True):
            asking = Asking(study.key(0), "reference", cell, unit)
            assert behind(lead, scope, asking).count == n, (unit, cell)
        for cell, n in judged.apart.as_json().items():
            assert behind(lead, scope, Asking(study.key(0), "reference", cell, unit)).count == n, (unit, cell)


def test_the_reference_stands_beside_where_it_is_neither_of_the_two(study: Study) -> None:
    lead = factories.make_user(Role.LEAD)
    sets_truth(study.cases[1], "A3 A2 N N")
    (row,) = rows_behind(lead, found(study, lead, cell="fp"))
    assert row.truth is not None
    assert (row.truth.verdict, row.truth.ao) == ("fracture", "A2")


def test_slices_are_rows_of_their_own(study: Study) -> None:
    lead = factories.make_user(Role.LEAD)
    sets_truth(study.cases[0], "A1 N N N", slices="FFNN")
    model = says(study.cases[0], factories.make_model_reader(), "A1 N N N", None, 0.8, slices="FNNF")
    counts = {}
    for cell in ("tp", "fp", "fn", "tn"):
        asking = Asking(f"m{model.reader_id}", "reference", cell, "slice")
        one = behind(lead, scope_of(lead, "all"), asking)
        counts[cell] = [(row.slice, row.level) for row in rows_behind(lead, one)]
    assert counts == {"tp": [(1, "L1")], "fp": [(4, "L1")], "fn": [(2, "L1")], "tn": [(3, "L1")]}


def test_who_is_shown_rows_knows_these_cases_and_no_others(study: Study) -> None:
    lead = factories.make_user(Role.LEAD)
    model = factories.make_model_reader()
    for place in (0, 1):
        says(study.cases[place], model, "N N N N", None, 0.2)
    sets_truth(study.cases[1], "A3 A2 N N")
    rows_behind(lead, found(study, lead, against=f"m{model.pk}", cell="fp", level="L2"))
    shown = set(Exposure.objects.filter(reader=reader_of(lead)).values_list("case", "what"))
    assert shown == {(study.cases[1].pk, what) for what in ("numbers", "read", "model", "truth")}


def test_an_own_read_exposes_nobody_to_it() -> None:
    study = make_study(("A1 N N N",))
    both = factories.make_reader(Role.LEAD, Role.SENIOR)
    assert both.user is not None
    says(study.cases[0], both, "N N N N", study.round)
    own = f"p{both.pk}"
    one = behind(both.user, scope_of(both.user, "all"), Asking(own, own, "decided"))
    rows = rows_behind(both.user, one)
    assert len(rows) == 4
    assert set(Exposure.objects.filter(reader=both).values_list("what", flat=True)) == {"numbers"}
    # The own read opens before another's.
    assert {row.read for row in rows} == {study.cases[0].reads.get(reader=both).pk}


def test_where_no_person_has_read_only_the_case_page_shows_it() -> None:
    case = make_study(("A1 N N N",)).cases[0]
    other = factories.make_case(slices=4)
    factories.make_anatomy(other, ("L1", "L2", "L3", "L4"), first_k=0, last_k=3)
    model = factories.make_model_reader()
    says(other, model, "A1 N N N", None, 0.9)
    lead = factories.make_user(Role.LEAD)
    one = behind(lead, scope_of(lead, "all"), Asking(f"m{model.pk}", f"m{model.pk}", "called"))
    (row,) = rows_behind(lead, one)
    assert (row.case, row.read) == (other.pk, None)
    assert row.reader.score == pytest.approx(0.9)
    assert row.case != case.pk


def test_who_owes_a_case_finds_it_in_no_list(study: Study) -> None:
    both = factories.make_reader(Role.LEAD, Role.SENIOR)
    assert both.user is not None
    factories.make_assignment(study.cases[1], reader=both, round=factories.make_round("independent"))
    for cell in CELLS:
        one = found(study, both.user, cell=cell)
        assert study.cases[1].pk not in {row.case for row in rows_behind(both.user, one)}
    assert found(study, both.user, cell="fp").count == 0


@pytest.mark.parametrize("fields", [{"cell": "none"}, {"unit": "bone"}, {"ao": "A9"}, {"kind": "Z"}])
def test_what_there_is_not_is_refused(study: Study, fields: dict[str, str]) -> None:
    with pytest.raises(Refusal, match="There is no such number"):
        found(study, **fields)


def test_nothing_behind_a_number_is_an_empty_list(study: Study) -> None:
    one = found(study, cell="absent")
    assert one.count == 0
    assert isinstance(one.places, np.ndarray)
    assert rows_behind(factories.make_user(Role.LEAD), one) == []
