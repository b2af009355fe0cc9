"""Simulated readers have the skill they are given, and reports say what is true."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference.simulate import CaseSpec, Fracture, Mimic, SimulatedCase, simulate_case, simulate_read

SPEC = CaseSpec(
    top="T12",
    bottom="L5",
    pixel_mm=1.5,
    depth_mm=110.0,
    width_mm=70.0,
    fractures=(Fracture("L1", "A1", 0.6), Fracture("L3", "A4", 0.5)),
    mimics=(Mimic("L4", "schmorl"),),
)


@pytest.fixture(scope="module")
def case() -> SimulatedCase:
    return simulate_case(SPEC, 2)


def test_a_perfect_reader_says_the_truth(case: SimulatedCase):
    read = simulate_read(case, 1.0, 1.0, seed=1, type_accuracy=1.0)
    assert [one.level for one in read.findings] == list(case.levels)
    for one in read.findings:
        truth = case.vertebra(one.level)
        assert (one.verdict == "fracture") == truth.fractured
        assert one.ao_type == truth.ao_type
        assert set(one.slices) <= set(range(truth.first_k, truth.last_k + 1))


def test_the_same_seed_reads_the_same(case: SimulatedCase):
    assert simulate_read(case, 0.7, 0.9, seed=3) == simulate_read(case, 0.7, 0.9, seed=3)
    assert any(simulate_read(case, 0.7, 0.9, seed=3) != simulate_read(case, 0.7, 0.9, seed=n) for n in range(4, 9))


def test_over_many_cases_the_skill_is_what_was_asked_for(case: SimulatedCase):
    reads = [simulate_read(replace(case, seed=n), {"A1": 0.6, "A2": 1, "A3": 1, "A4": 0.9}, 0.9, 5) for n in range(600)]

    def share(level: str) -> float:
        place = case.levels.index(level)
        return sum(read.findings[place].verdict == "fracture" for read in reads) / len(reads)

    assert abs(share("L1") - 0.6) < 0.07
    assert abs(share("L3") - 0.9) < 0.05
    assert abs(share("L2") - 0.1) < 0.05
    assert share("L4") > 0.2, "a mimic is taken for a fracture more often"


def test_readers_miss_the_same_fractures(case: SimulatedCase):
    both = alone = 0
    place = case.levels.index("L1")
    for n in range(400):
        one, other = (simulate_read(replace(case, seed=n), 0.6, 0.9, seed).findings[place] for seed in (1, 2))
        both += one.verdict == other.verdict == "negative"
        alone += one.verdict == "negative"
    assert both / alone > 0.5, "independent readers would share 40 %"


def test_a_share_outside_of_0_to_1_is_refused(case: SimulatedCase):
    with pytest.raises(ValueError, match="from 0 to 1"):
        simulate_read(case, 1.2, 0.9, seed=1)
    with pytest.raises(ValueError, match="sensitivity for A2"):
        simulate_read(case, {"A1": 0.5}, 0.9, seed=1)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", ("LWK 1", "LWK 3", "A4")),
        ("fr", ("L1", "L3", "recul")),
        ("en", ("L1", "burst")),
    ],
)
def test_the_report_names_what_is_broken_and_that_it_is_simulated(language: str, words: tuple[str, ...]):
    report = simulate_case(replace(SPEC, language=language, bottom="L3", sacrum=False, mimics=()), 2).report
    assert report.startswith("Simulation.")
    assert all(word in report for word in words)


def test_the_report_of_a_whole_spine_denies_fractures():
    report = simulate_case(replace(SPEC, fractures=(), mimics=(), bottom="L1", sacrum=False, language="en"), 2).report
    assert "No acute vertebral fracture." in report
