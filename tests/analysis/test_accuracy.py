"""Accuracy of a study that is small enough to reckon by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils import timezone

from labeling.analysis.accuracy import question_of
from labeling.analysis.answers import ask
from labeling.imaging.refusal import Refusal
from labeling.models import Anatomy, AnatomyVertebra, Dataset, DatasetPatient, Participant, Reader, Vertebra
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.small_study import LEVELS, Study, make_study, says, sets_truth

pytestmark = pytest.mark.django_db

#: Of three cases of three patients. The reader: two found, one missed (A3), one false alarm, five negative; one
#: indeterminate negative, one fracture (A4) not assessable, and one vertebra that the reference leaves open.
TRUTH = ("A1 N N N", "A3 A3 N N", "N A4 N x")
READER = ("A1 N ? N", "A1 N N F", "N x N N")


@pytest.fixture
def study() -> Study:
    study = make_study(READER)
    for case, words in zip(study.cases, TRUTH, strict=True):
        sets_truth(case, words)
    return study


def asked(reader: str = "", against: str = "", unit: str = "vertebra", on: str = "all", user: Any = None) -> Any:
    answer = ask(user or factories.make_user(Role.LEAD), question_of(on, reader, against, unit)).answer
    json.dumps(answer, allow_nan=False)
    return answer


def fraction(estimate: Any) -> tuple[int, int]:
    return estimate["numerator"], estimate["denominator"]


def test_the_table_and_its_rates_are_what_was_reckoned_by_hand(study: Study) -> None:
    found = asked(study.key(0))
    table = found["accuracy"]["table"]
    assert [table[cell] for cell in ("tp", "fp", "fn", "tn")] == [2, 1, 1, 5]
    wanted = {
        "sensitivity": 2 / 3,
        "specificity": 5 / 6,
        "accuracy": 7 / 9,
        "ppv": 2 / 3,
        "npv": 5 / 6,
        "false_discovery": 1 / 3,
        "false_omission": 1 / 6,
        "f_score": 2 / 3,
        "prevalence": 1 / 3,
        "lr_positive": 4.0,
        "lr_negative": 0.4,
        "balanced_accuracy": 0.75,
        "matthews": (2 * 5 - 1) / 18,
    }
    assert {name: one["value"] for name, one in table["rates"].items()} == pytest.approx(wanted)
    assert fraction(table["rates"]["accuracy"]) == (7, 9)
    assert found["reader"]["label"] == "Reader 1"
    assert (found["patients"], found["accuracy"]["units"]) == (3, 12)


def test_what_is_not_decided_is_counted_apart_with_both_worst_cases(study: Study) -> None:
    found = asked(study.key(0))["accuracy"]
    assert {name: n for name, n in found["apart"].items() if n} == {
        "indeterminate_negatives": 1,
        "not_assessable_positives": 1,
        "reference_undecided": 1,
    }
    against, best = found["worst"]["against"]["rates"], found["worst"]["for"]["rates"]
    assert (fraction(against["sensitivity"]), fraction(against["specificity"])) == ((2, 4), (5, 7))
    assert (fraction(best["sensitivity"]), fraction(best["specificity"])) == ((3, 4), (6, 7))
    # The fracture that was not assessed stays in the denominator.
    assert fraction(found["intention"]) == (2, 4)


def test_the_headline_goes_by_ao_type(study: Study) -> None:
    lines = asked(study.key(0))["accuracy"]["by_type"]
    assert {name: fraction(line["sensitivity"]) for name, line in lines.items()} == {
        "A1": (1, 1), "A2": (0, 0), "A3": (1, 2), "A4": (0, 0), "B": (0, 0), "C": (0, 0),
    }  # fmt: skip
    assert lines["A4"]["not_assessable"] == 1
    assert fraction(lines["A4"]["kept"]) == (0, 1)
    assert lines["A2"]["sensitivity"]["value"] is None
    assert lines["A2"]["sensitivity"]["note"]


def test_levels_and_false_alarms(study: Study) -> None:
    found = asked(study.key(0))["accuracy"]
    assert list(found["by_level"]) == list(LEVELS)
    assert [found["by_level"]["L4"][cell] for cell in ("tp", "fp", "fn", "tn")] == [0, 1, 0, 1]
    assert found["false_alarms"]["per_examination"]["value"] == pytest.approx(1 / 3)
    assert fraction(found["false_alarms"]["examinations"]) == (1, 3)


def test_a_case_is_judged_whole_and_with_wilson(study: Study) -> None:
    found = asked(study.key(0), unit="case")["accuracy"]
    assert [found["table"][cell] for cell in ("tp", "fp", "fn", "tn")] == [2, 0, 0, 0]
    assert found["apart"]["not_assessable_positives"] == 1
    sensitivity = found["table"]["rates"]["sensitivity"]
    assert sensitivity["method"] == "Wilson"
    assert sensitivity["low"] == pytest.approx(2 / (2 + 1.959964**2), abs=1e-6)
    assert found["table"]["rates"]["specificity"]["note"] == "The reference holds no negative among what was judged."


def test_slices_are_judged_where_the_reference_has_labels(study: Study) -> None:
    assert asked(study.key(0), unit="slice")["note"].startswith("No slice of these cases is labelled")
    case = factories.make_case(slices=4, patient=factories.make_patient(split="training"))
    factories.make_anatomy(case, LEVELS, first_k=0, last_k=3)
    sets_truth(case, "A1 N N N", slices="FFNN")
    model = factories.make_model_reader()
    says(case, model, "A1 N N N", None, 0.7, slices="FNFN")
    found = asked(f"m{model.pk}", unit="slice")["accuracy"]
    assert [found["table"][cell] for cell in ("tp", "fp", "fn", "tn")] == [1, 1, 1, 1]
    assert fraction(found["by_type"]["A1"]["sensitivity"]) == (1, 2)
    assert found["false_alarms"] is None


def test_every_reader_stands_in_a_line_and_in_the_same_line_whoever_is_chosen(study: Study) -> None:
    model = factories.make_model_reader()
    says(study.cases[0], model, "N N N N", None, 0.2)
    first, second = asked(study.key(0)), asked(f"m{model.pk}")
    assert first["summary"] == second["summary"]
    line = {one["key"]: one for one in first["summary"]}[f"m{model.pk}"]
    assert [line[cell] for cell in ("tp", "fp", "fn", "tn")] == [0, 0, 1, 3]
    # Two cases it has not read: their three fractures are not found in the second line.
    assert fraction(line["intention"]) == (0, 4)
    assert second["cases"] == {"asked": 3, "read": 1, "unread": 2, "unread_fractures": 3}
    assert second["accuracy"]["table"]["rates"]["ppv"]["note"] == "The reader called no fracture."


def sets_truth_with(study: Study, place: int) -> None:
    """The reference of a case, by a panel in which the first reader sat."""
    panel = Reader.objects.create(kind="panel", label=f"Panel {factories.number()}")
    round_ = factories.make_round("consensus", panel=panel)
    read = factories.make_read(study.cases[place], reader=panel, round=round_)
    Participant.objects.create(consensus=read, reader=study.readers[0])
    factories.lock_plainly(read)
    study.cases[place].references.create(read=read)


def test_who_made_the_reference_and_who_was_trained_on_it_are_incorporated() -> None:
    study = make_study(READER)
    sets_truth_with(study, 0)
    sets_truth(study.cases[1], TRUTH[1])
    model = factories.make_model_reader()
    says(study.cases[1], model, TRUTH[1], None, 0.9)
    dataset = Dataset.objects.create(name="own", purpose="train")
    DatasetPatient.objects.create(dataset=dataset, patient=study.cases[1].patient, split="training")
    assert model.model_version is not None
    type(model.model_version).objects.filter(pk=model.model_version_id).update(dataset=dataset)
    found = asked()
    assert {one["key"]: bool(one["incorporated"]) for one in found["summary"]} == {
        study.key(0): True,
        f"m{model.pk}": True,
    }
    assert found["accuracy"]["incorporated"] is True
    # In another reader's reads nobody is.
    assert not any(one["incorporated"] for one in asked(f"m{model.pk}", study.key(0))["summary"])


def test_segmentation_is_counted_as_in_the_paper(study: Study) -> None:
    right, wrong = study.cases[0], factories.make_case(slices=4, patient=factories.make_patient(split="training"))
    root = factories.make_anatomy(wrong, ("T12", "L1", "L2"), first_k=0, last_k=3, cut=("L2",))
    rows = list(root.vertebrae.order_by("rank"))
    last = Anatomy.objects.create(case=wrong, stack=root.stack, n=2, parent=root)
    # All were named one too high, the third is cut, and a fourth was put in by hand.
    for row, level in zip(rows, ("L1", "L2", "L3"), strict=True):
        row.pk, row.anatomy, row.level = None, last, level
        row.save(force_insert=True)
    row.pk, row.vertebra, row.level, row.rank = None, Vertebra.objects.create(case=wrong), "L4", 3
    row.origin, row.cut, row.cut_where, row.label_value = "by_hand", False, "", 0
    row.save(force_insert=True)
    sets_truth_on(wrong, last)
    for anatomy in (last, right.anatomies.get()):
        Anatomy.objects.filter(pk=anatomy.pk).update(confirmed_by=study.readers[0], confirmed_at=timezone.now())
    found = asked(study.key(0))["segmentation"]
    numbers = found["numbers"]
    assert fraction(numbers["segmented"]) == (6, 7)
    assert fraction(numbers["named_right"]) == (4, 6)
    assert fraction(numbers["cases_segmented"]) == (1, 2)
    assert fraction(numbers["cases_right"]) == (1, 2)
    assert (found["cut"], found["unchecked"], found["cases"]) == (1, 2, 2)
    assert found["failed"] == [{"case": wrong.pk, "name": wrong.name, "missed": 1, "misnamed": 2}]


def sets_truth_on(case: Any, anatomy: Anatomy) -> None:
    """A reference on this anatomy that says nothing of its vertebrae."""
    panel = Reader.objects.create(kind="panel", label=f"Panel {factories.number()}")
    read = factories.make_read(
        case, reader=panel, round=factories.make_round("consensus", panel=panel), anatomy=anatomy
    )
    factories.lock_plainly(read)
    case.references.create(read=read)


def test_an_anatomy_that_nobody_confirmed_is_not_counted(study: Study) -> None:
    found = asked(study.key(0))["segmentation"]
    assert found["numbers"] is None
    assert found["unchecked"] == 3
    assert found["note"].startswith("Nobody has confirmed")
    assert AnatomyVertebra.objects.exists()


def test_what_cannot_be_judged_says_why() -> None:
    assert asked()["note"].startswith("Nobody has locked a read")
    study = make_study(READER)
    assert asked(study.key(0))["note"].startswith("None of these cases has a reference yet.")
    assert asked("", study.key(0))["note"].startswith("Nobody else has locked a read")
    for case in study.cases:
        sets_truth(case, "N N N N")
    with pytest.raises(Refusal, match="has no locked read"):
        asked("p999999")
    found = asked(study.key(0))["accuracy"]["table"]["rates"]
    assert found["sensitivity"]["value"] is None
    assert found["sensitivity"]["note"]


def test_a_case_that_is_owed_is_in_no_number(study: Study) -> None:
    both = factories.make_reader(Role.LEAD, Role.SENIOR)
    factories.make_assignment(study.cases[1], reader=both, round=factories.make_round("independent"))
    table = asked(study.key(0), user=both.user)["accuracy"]["table"]
    assert [table[cell] for cell in ("tp", "fp", "fn", "tn")] == [1, 0, 0, 4]
