"""Morphometry against simulated spines whose heights and fractures are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest

from inference.simulate import CaseSpec, Fracture, Mimic, SimulatedCase, VertebraTruth, random_spec, simulate_case
from labeling.anatomy.bare_bodies import bare_bodies
from labeling.anatomy.morphometry import BodyMeasure, measure_spine

PLAIN = CaseSpec(top="T9", bottom="L5", pixel_mm=0.75, depth_mm=120.0, width_mm=78.0, age=70, cut_top=True)
BROKEN = {
    "A1 and A4": replace(PLAIN, fractures=(Fracture("T12", "A1", 0.6), Fracture("L3", "A4", 0.6))),
    "A2 and A3": replace(PLAIN, fractures=(Fracture("T11", "A3", 0.7), Fracture("L2", "A2", 0.8))),
}
MIMICS = replace(PLAIN, mimics=(Mimic("T11", "schmorl"), Mimic("L1", "wedge"), Mimic("L3", "schmorl")))

#: Drawn as a cohort is drawn; few enough to be measured in a minute.
COHORT = range(200, 204)


@dataclass(frozen=True)
class Pair:
    """A complete vertebra and what was measured of it."""

    truth: VertebraTruth
    found: BodyMeasure

    @property
    def errors(self) -> Sequence[float]:
        """Of the anterior, middle and posterior height, in mm."""
        known, heights = self.found, self.truth.heights
        assert heights is not None
        return (
            known.anterior_mm - heights.anterior,
            known.middle_mm - heights.middle,
            known.posterior_mm - heights.posterior,
        )


def measured(case: SimulatedCase) -> dict[str, BodyMeasure]:
    levels = {one.label: one.level for one in case.vertebrae}
    bodies = bare_bodies(case.labels, levels, case.geometry.spacing)
    cut = {one.label for one in case.vertebrae if not one.complete}
    found = measure_spine(
        bodies, case.geometry, levels, cut=cut, vertebrae=case.labels, stored=case.hounsfield, rescale=(1.0, 0.0)
    )
    return {one.level: one for one in found}


@cache
def pairs(spec: CaseSpec, seed: int) -> dict[str, Pair]:
    case = simulate_case(spec, seed)
    found = measured(case)
    assert {one.level for one in found.values() if one.why} >= {one.level for one in case.vertebrae if not one.complete}
    return {one.level: Pair(one, found[one.level]) for one in case.vertebrae if one.complete}


@cache
def cohort() -> tuple[Pair, ...]:
    specs = [replace(random_spec(seed), pixel_mm=0.8, depth_mm=120.0) for seed in COHORT]
    return tuple(
        pair
        for seed, spec in zip(COHORT, specs, strict=True)
        for level, pair in pairs(spec, seed).items()
        # Below C2 and above T1 bodies are low and the simulator's corners are large.
        if level[0] != "C"
    )


def untouched(found: Sequence[Pair]) -> list[Pair]:
    return [pair for pair in found if not pair.truth.fractured and not pair.truth.mimic]


def test_heights_of_untouched_bodies_are_within_the_errors_of_the_voxels() -> None:
    errors = np.array([pair.errors for pair in untouched(cohort())])
    assert len(errors) >= 20
    assert np.abs(errors.mean(axis=0)).max() <= 0.3
    assert errors.std(axis=0).max() <= 0.5


def test_no_untouched_body_is_called_broken() -> None:
    alarms = [pair.truth.level for pair in untouched(cohort()) if pair.found.is_suspicious]
    assert alarms == []


def test_bodies_that_lost_a_quarter_are_found() -> None:
    lost = [pair for pair in cohort() if pair.truth.fractured and pair.truth.loss >= 0.3]
    assert lost
    missed = [(pair.truth.level, pair.truth.ao_type) for pair in lost if not pair.found.is_suspicious]
    assert len(missed) <= 0.2 * len(lost), missed


@pytest.mark.parametrize(
    ("name", "seed", "level", "shapes"),
    [
        ("A1 and A4", 5, "T12", {"wedge"}),
        ("A1 and A4", 5, "L3", {"crush", "wedge"}),
        ("A2 and A3", 6, "T11", {"wedge", "crush"}),
        ("A2 and A3", 6, "L2", {"biconcave"}),
    ],
)
def test_each_type_of_fracture_is_found_in_its_shape(name: str, seed: int, level: str, shapes: set[str]) -> None:
    spine = pairs(BROKEN[name], seed)
    assert spine[level].found.shape in shapes
    assert spine[level].found.grade >= 2
    # A fragment pushed back lengthens the body, and a corner that has come off shortens it: front and back of a burst
    # are other places by each definition, its middle is not.
    assert abs(spine[level].errors[1]) <= 1.5
    broken = {one.level for one in BROKEN[name].fractures}
    assert {level for level, pair in spine.items() if pair.found.is_suspicious} == broken


def test_a_body_split_from_side_to_side_is_measured_on_both_sides_of_the_crack() -> None:
    split = replace(PLAIN, top="T12", bottom="L3", sacrum=False, fractures=(Fracture("L2", "A2", 0.8),))
    pair = pairs(split, 7)["L2"]
    assert pair.truth.loss < 0.05
    # Nothing of its height is lost, so there is nothing that heights could tell.
    assert np.abs(pair.errors).max() <= 0.6
    assert pair.found.grade == 0
    assert pair.found.evidence.deeper > 0.1


def test_mimics_are_not_suspicious() -> None:
    spine = pairs(MIMICS, 6)
    assert not any(pair.found.is_suspicious for pair in spine.values())
    assert all(pair.found.shape in ("", "notch") for pair in spine.values())


def test_the_density_of_the_core_follows_that_of_the_bone() -> None:
    densities = []
    for seed in (3, 6):
        case = simulate_case(replace(PLAIN, top="L1", bottom="L3", sacrum=False), seed)
        cores = [one.core_hu for one in measured(case).values() if not one.why]
        assert cores == pytest.approx([case.marrow] * 3, abs=0.25 * case.marrow + 12)
        densities.append((case.marrow, float(np.mean(cores))))
    (low, low_core), (high, high_core) = sorted(densities)
    assert (high - low) * (high_core - low_core) > 0
