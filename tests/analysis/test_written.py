"""The written report: its numbers are those of the pages, names stand as text, and degenerate cohorts are readable."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from pypdf import PdfReader

from labeling.analysis.answers import Question, ask
from labeling.analysis.scope import scope_of
from labeling.analysis.written.asking import ask_all
from labeling.analysis.written.contents import TITLE, written_of
from labeling.analysis.written.items import CLAIM, FILL_IN, STARD
from labeling.analysis.written.pieces import Cell, Figure, Section, Table, Text, Written
from labeling.analysis.written.typeset import pdf_of
from labeling.models import Exposure, Reader, ReaderKind, TestConsultation
from labeling.reading.roles import Role, reader_of
from labeling.statistics.estimate_words import coefficient, percent
from tests import factories
from tests.analysis.scored_study import make_scored_study
from tests.analysis.small_study import FIRST, SECOND, Study, make_study, says, sets_truth

pytestmark = pytest.mark.django_db

TRUTH = ("A1 N N A3", "A3 A3 N N", "N N N N")


@pytest.fixture
def lead() -> User:
    return factories.make_user(Role.LEAD)


def study_with_all() -> Study:
    """Two seniors, one of them twice, the report, and the truth of three test cases."""
    study = make_study(FIRST, SECOND, again="A1 N A1 N", split="test")
    report = Reader.objects.create(kind=ReaderKind.REPORT, label="Clinical report")
    for case, words in zip(study.cases, TRUTH, strict=True):
        sets_truth(case, words)
        says(case, report, words.replace("A3", "N"), None)
    return study


def written(user: User, on: str = "all") -> Written:
    return written_of(user, ask_all(user, scope_of(user, on)))


def section(report: Written, key: str) -> Section:
    return next(one for one in report.sections if one.key == key)


def tables(report: Written, key: str) -> list[Table]:
    return [block for block in section(report, key).blocks if isinstance(block, Table)]


def sentences(report: Written, key: str) -> str:
    return " ".join(block.text for block in section(report, key).blocks if isinstance(block, Text))


def row(table: Table, name: str) -> tuple[Cell, ...]:
    return next(cells for cells in table.rows if cells[0].text == name and len(cells) > 1)


def words_of(report: Written) -> Iterator[str]:
    """Everything that is printed, but for the insides of figures."""
    for one in report.sections:
        for block in one.blocks:
            yield json.dumps({**block.as_json(), "svg": ""}, ensure_ascii=False)


def pages_of(report: Written) -> list[str]:
    """The text of each page of the PDF, in one line."""
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf_of(report))).pages]


def test_table_2_is_the_answer_of_the_page_of_accuracy(lead: User) -> None:
    study = study_with_all()
    report = written(lead)
    table = tables(report, "accuracy")[0]
    assert table.label == "Table 2"
    for reader in (0, 1):
        key = study.key(reader)
        question = Question("accuracy", "all", (key, "reference"), (("unit", "vertebra"),))
        answer = ask(lead, question).answer
        assert answer is not None
        column = table.head.index(answer["reader"]["label"])
        counts = answer["accuracy"]["table"]
        for name, words in (("tp", "True positives"), ("fp", "False positives"), ("tn", "True negatives")):
            cell = row(table, words)[column]
            assert cell.text == str(counts[name])
            assert cell.to is not None
            assert ("cell", name) in cell.to.query
        printed = percent(counts["rates"]["sensitivity"])
        cell = row(table, "Sensitivity")[column]
        assert (cell.text, cell.sub) == (printed.value, f"{printed.of} · {printed.interval}")


def test_kappa_of_each_pair_and_the_repeat_are_those_of_the_page_of_agreement(lead: User) -> None:
    study_with_all()
    report = written(lead)
    answer = ask(lead, Question("agreement", "all")).answer
    assert answer is not None
    pairs = tables(report, "agreement")[0]
    assert len(pairs.rows) == len(answer["pairs"])
    for cells, pair in zip(pairs.rows, answer["pairs"], strict=True):
        printed = coefficient(pair["agreement"]["fracture"]["kappa"])
        assert (cells[2].text, cells[2].sub) == (printed.value, printed.interval)
    assert len(tables(report, "agreement")[-1].rows) == len(answer["repeats"]) == 1


def test_curves_threshold_and_calibration_of_a_model_stand_in_the_report(lead: User) -> None:
    study = make_scored_study("test")
    report = written_of(lead, ask_all(lead, scope_of(lead, "test"), study.key(0)))
    figures = [block.title for block in section(report, "curves").blocks if isinstance(block, Figure)]
    assert figures[:2] == ["ROC", "Precision and recall"]
    assert "validation set alone" in sentences(report, "curves")
    models = tables(report, "models")[0]
    shas = {"".join(cells[1].text.split()) for cells in models.rows}
    assert shas == {model.model_version.sha256 for model in study.models if model.model_version}


def test_rules_of_a_round_and_who_read_it_are_told(lead: User) -> None:
    study = study_with_all()
    rounds = tables(written(lead), "reading")[0]
    cells = row(rounds, study.round.name)
    assert "3 cases, 6 locked reads" in cells[1].text
    assert "Reader 1" in cells[1].sub
    assert "report hidden; model hidden until the reference was locked" in cells[2].text
    assert f"Seed {study.round.seed}" in cells[3].text


def test_the_same_data_give_the_same_bytes_and_consultations_since_then_change_nothing(lead: User) -> None:
    study_with_all()
    first = written(lead)
    TestConsultation.objects.create(by=lead, what="a look", cases=3)
    again = written(lead)
    assert again.as_json() == first.as_json()
    assert pdf_of(again) == pdf_of(first)


def test_the_pdf_has_every_section_numbered_pages_and_says_once_what_it_is_for(lead: User) -> None:
    study_with_all()
    report = written(lead)
    pages = pages_of(report)
    whole = " ".join(pages)
    for one in report.sections:
        assert f"{one.number} {one.title}" in whole
    assert f"{len(pages)} of {len(pages)}" in pages[-1]
    assert TITLE in pages[1]
    assert whole.count("not for diagnosis") == 1
    assert "Table 2" in whole
    assert "80.0 %" not in pages[0]


def test_markup_in_a_name_comes_out_as_text(lead: User) -> None:
    study = study_with_all()
    person = study.readers[0].user
    assert person is not None
    person.first_name, person.last_name = "#import *Eve*", "<b>$x$</b>"
    person.save()
    report = written(lead)
    assert "#import *Eve* <b>$x$</b>" in " ".join(pages_of(report))
    drawn = [block.svg for one in report.sections for block in one.blocks if isinstance(block, Figure)]
    assert drawn
    assert not any("<b>" in svg for svg in drawn)


def test_a_case_that_the_asker_owes_is_in_nothing(lead: User) -> None:
    study = study_with_all()
    whole = written(lead)
    other = factories.make_user(Role.LEAD, Role.SENIOR)
    reader = reader_of(other)
    factories.make_assignment(study.cases[0], round=factories.make_round("independent", state="open"), reader=reader)
    less = written(other)
    assert "3 cases of 3 patients" in dict(whole.facts)["Cases"]
    assert "2 cases of 2 patients" in dict(less.facts)["Cases"]
    rounds = row(tables(less, "reading")[0], study.round.name)
    assert "2 cases, 4 locked reads" in rounds[1].text
    assert not Exposure.objects.filter(reader=reader).exists()


def test_no_case_and_no_patient_is_named(lead: User) -> None:
    study = study_with_all()
    told = " ".join(words_of(written(lead)))
    for case in study.cases:
        assert case.name not in told
        assert case.patient.pseudonym not in told


@pytest.mark.parametrize("reads", ["nothing", "one reader", "no reference"])
def test_degenerate_cohorts_give_a_readable_report(lead: User, reads: str) -> None:
    if reads == "one reader":
        study = make_study(("N N N N",))
        sets_truth(study.cases[0], "N N N N")
    if reads == "no reference":
        make_study()
    report = written(lead)
    assert all(one.blocks for one in report.sections)
    told = " ".join(words_of(report))
    assert "NaN" not in told
    assert not re.search(r"\bNone\b(?! of)", told)
    assert len(pages_of(report)) >= 4
    if reads != "one reader":
        assert "There is no accuracy to report." in sentences(report, "accuracy")


def test_every_item_names_its_sections_or_is_left_to_the_authors(lead: User) -> None:
    report = written(lead)
    assert (len(CLAIM), len(STARD)) == (44, 34)
    for key, items in (("claim", CLAIM), ("stard", STARD)):
        where = [cells[2].text for cells in tables(report, key)[0].rows]
        for (_, _, keys, _), words in zip(items, where, strict=True):
            assert words.startswith("Section") if keys else words == FILL_IN
            assert all(str(section(report, one).number) in words for one in keys)
