"""Table 1 from plain columns."""

import json

import numpy as np
import pytest
from scipy import stats

from labeling.statistics.table_one import Rows, matrix_text, table_one

SPLITS = ["training"] * 120 + ["validation"] * 30 + ["test"] * 30


def cohort() -> tuple[Rows, Rows, Rows]:
    draws = np.random.default_rng(11)
    people = range(180)
    patients = Rows(
        people,
        SPLITS,
        {
            "sex": [*draws.choice(["F", "M"], 178, p=[0.68, 0.32]), None, "O"],
            "age": [None, *np.clip(draws.normal(72, 9, 179).round(), 40, 90)],
        },
    )
    cases = Rows(
        people,
        SPLITS,
        {
            "dlp": [None, None, *draws.lognormal(6, 0.8, 178)],
            "kv": draws.choice([100, 120], 180),
            "mas": draws.normal(217, 60, 180),
            "collimation": [0.6] * 180,
            "slice_thickness": draws.choice([2.0, 3.0], 180),
            "rows": [608, 2228] + [1046] * 178,
            "columns": [512, 1024] + [512] * 178,
        },
    )
    whose = np.repeat(np.arange(180), 7)
    vertebrae = Rows(
        whose.tolist(), [SPLITS[n] for n in whose], {"ao": draws.choice([0, 1, 3, 4, 5, -1], 1260).tolist()}
    )
    return patients, cases, vertebrae


def test_table_one_holds_every_row_per_split_and_goes_through_json():
    table = table_one(*cohort())
    told = json.loads(json.dumps(table.as_json()))
    assert told["splits"] == ["training", "validation", "test"]
    assert told["sizes"]["training"] == {"patients": 120, "cases": 120, "vertebrae": 840}
    assert [section["title"] for section in told["sections"]] == [
        "Patients", "Acquisition", "Vertebrae", "AO type of the fractures",
    ]  # fmt: skip
    assert [row["key"] for row in told["sections"][1]["rows"]] == [
        "dlp", "kv", "mas", "collimation", "slice_thickness", "matrix",
    ]  # fmt: skip


def test_each_row_names_its_unit_and_its_test():
    patients, cases, vertebrae = cohort()
    table = table_one(patients, cases, vertebrae)
    groups = [[float(a) for a in patients.of("age", split) if a is not None] for split in table.splits]
    age = table.row("age")
    assert age.counted == "patient"
    assert age.cells["training"].mean == f"{np.mean(groups[0]):.0f} ± {np.std(groups[0], ddof=1):.0f}"
    assert age.comparison.p == pytest.approx(stats.kruskal(*groups).pvalue, abs=1e-9)
    assert table.row("mas").comparison.test == "Welch's analysis of variance"
    dlp = table.row("dlp")
    known = [[a for a in cases.of("dlp", split) if a is not None] for split in table.splits]
    assert (dlp.counted, dlp.comparison.test) == ("case", "Kruskal-Wallis test")
    assert dlp.comparison.p == pytest.approx(stats.kruskal(*known).pvalue, abs=1e-9)
    assert "All values are 0.6" in table.row("collimation").comparison.note
    assert table.row("women").comparison.test in ("chi-square test", "Fisher-Freeman-Halton test, 9,999 random tables")
    assert table.row("ao_A1").comparison.test == "chi-square, 4,999 permutations of patients"
    assert table.row("ao_A3").comparison is None, "one test compares the whole distribution"


def test_missing_values_and_the_highest_age_are_told():
    table = table_one(*cohort())
    assert "Sex in 1 patient; Age in 1 patient; DLP in 2 cases." in " ".join(table.notes)
    assert any(note.startswith("Age 90 stands for 90 or more (") for note in table.notes)
    assert table.row("women").cells["test"].details["counts"]["other"] == 1


def test_the_matrix_runs_from_the_smallest_to_the_largest():
    assert table_one(*cohort()).row("matrix").cells["training"].mean == "608 × 512 to 2228 × 1024"
    assert matrix_text([(512, 512)]) == "512 × 512"
    assert matrix_text([]) == "–"


def test_ao_types_count_fractures_only():
    vertebrae = Rows([1, 1, 2, 3], ["test"] * 4, {"ao": [0, 1, 5, None]})
    table = table_one(Rows([], []), Rows([], []), vertebrae)
    assert table.row("ao_A1").cells["test"].mean == "1 (50 %)"
    assert table.row("ao_B or C").cells["test"].mean == "1 (50 %)"
    assert table.row("with_fracture").cells["test"].mean == "2 (67 %)"
    assert table.row("with_fracture").cells["test"].missing == 1


def test_an_empty_cohort_gives_dashes_and_sentences():
    table = table_one(Rows([], []), Rows([], []), Rows([], []))
    for _, rows in table.sections:
        for row in rows:
            assert {cell.mean for cell in row.cells.values()} <= {"–", "0"}
            assert row.comparison is None or row.comparison.note
    assert "No value is missing." in table.notes


def test_columns_of_different_length_and_a_patient_in_two_splits_are_refused():
    with pytest.raises(ValueError, match="differ in length: patient 2, split 2, age 1"):
        Rows([1, 2], ["test", "test"], {"age": [80]})
    torn = Rows([1, 1, 2, 3], ["test", "training", "test", "training"], {"ao": [0, 1, 1, 0]})
    with pytest.raises(ValueError, match="Patient 1 stands in two groups"):
        table_one(Rows([], []), Rows([], []), torn)


def test_who_waits_for_a_split_has_a_column_but_no_part_in_the_tests():
    def waiting(rows: Rows) -> Rows:
        return Rows(rows.patient, ["waits" if split == "test" else split for split in rows.split], rows.values)

    shown = ("training", "validation", "waits")
    two = table_one(*cohort(), splits=shown[:2])
    three = table_one(*(waiting(rows) for rows in cohort()), splits=shown, untested=shown[2:])
    assert three.row("age").cells["waits"].mean != "–"
    for _, rows in three.sections:
        for row in rows:
            assert row.comparison == two.row(row.key).comparison, row.key
    assert three.row("age").comparison != table_one(*(waiting(rows) for rows in cohort()), shown).row("age").comparison


def test_patients_without_a_split_are_left_out():
    table = table_one(Rows([1, 2], [None, "test"], {"age": [50, 80]}), Rows([], []), Rows([], []))
    assert table.row("age").cells["test"].mean == "80"
    assert table.sizes["test"]["patients"] == 1
