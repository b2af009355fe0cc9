"""Simulated spines: the same for a seed, and true: masks, heights and slices agree with what was planted."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.simulate import CaseSpec, Fracture, Mimic, SimulatedCase, VertebraTruth, random_spec, simulate_case
from inference.simulate.scene import lay_out
from labeling.anatomy.bodies import body_extents
from labeling.anatomy.levels import SACRUM, rank, verse_of

SMALL = CaseSpec(
    top="L1", bottom="L3", sacrum=False, cut_bottom=True, pixel_mm=1.0, depth_mm=120.0, width_mm=72.0, age=60
)
GRAZE_SLICES = 2
"""The outermost slices of a body hold a sliver of it; whether one counts is a matter of taste up to here."""

FIELDS = {
    "lumbar with sacrum": replace(SMALL, top="T12", bottom="L5", sacrum=True, cut_bottom=False),
    "nothing but a disc above": replace(SMALL, top="T12", bottom="L3", cut_top=False, cut_bottom=False),
    "upper thoracic": replace(SMALL, top="T2", bottom="T5"),
    "neck": replace(SMALL, top="C3", bottom="T1"),
    "sixth lumbar": replace(SMALL, top="L3", bottom="L6", variant="L6", sacrum=True, cut_bottom=False),
    "thirteenth thoracic": replace(SMALL, top="T11", bottom="L2", variant="T13"),
    "four lumbar": replace(SMALL, top="T12", bottom="L4", variant="four-lumbar", sacrum=True, cut_bottom=False),
    "axial": replace(SMALL, plane="axial", bottom="L2", slice_mm=1.5, pixel_mm=1.5),
}


@cache
def made(spec: CaseSpec = SMALL, seed: int = 4) -> SimulatedCase:
    return simulate_case(spec, seed)


def broken(ao_type: str, severity: float | None = 0.5, level: str = "L2", **options: bool) -> CaseSpec:
    return replace(SMALL, fractures=(Fracture(level, ao_type, severity, **options),))


def digest(case: SimulatedCase) -> str:
    parts = [case.hounsfield, case.labels, case.bodies, case.geometry.affine]
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def measured_heights(case: SimulatedCase, truth: VertebraTruth) -> list[float]:
    """Anterior, middle and posterior height on the mask: area over width, in the slices about the midline."""
    turn = np.deg2rad(case.spec.rotation_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1.0]])
    voxels = np.argwhere(case.bodies == truth.label)
    middle = case.geometry.to_index(rotation @ np.array(truth.centre))[0]
    voxels = voxels[np.abs(voxels[:, 0] - middle) * case.geometry.spacing[0] <= 4.5]
    slices = len(np.unique(voxels[:, 0]))
    local = (case.geometry.to_patient(voxels) @ rotation - np.array(truth.centre)) @ np.array(truth.axes)
    at_middle = local[np.abs(local[:, 2]) < 3, 1]
    low, high = at_middle.min(), at_middle.max()
    u = (local[:, 1] - low) / (high - low)
    area = float(np.prod(case.geometry.spacing[1:]))
    windows = ((0.80, 0.93), (0.40, 0.60), (0.07, 0.20))
    return [((u >= a) & (u < b)).sum() * area / slices / ((b - a) * (high - low)) for a, b in windows]


def test_the_same_seed_gives_the_same_voxels_and_another_seed_others():
    first = digest(simulate_case(SMALL, 4))
    assert digest(simulate_case(SMALL, 4)) == first
    assert digest(simulate_case(SMALL, 5)) != first


@pytest.mark.parametrize("spec", FIELDS.values(), ids=FIELDS)
def test_every_vertebra_lies_where_its_truth_says(spec: CaseSpec):
    case = made(spec)
    assert case.levels == spec.complete
    found = {one.level: one for one in body_extents(case.labels, case.geometry)}
    assert list(found) == [one.level for one in case.vertebrae]
    for truth in case.vertebrae:
        if truth.in_view == "arch":
            continue
        one = found[truth.level]
        assert one.cut != truth.complete, truth.level
        if truth.complete:
            assert abs(one.first_k - truth.first_k) <= GRAZE_SLICES * (2 if spec.plane == "axial" else 1)
            assert abs(one.last_k - truth.last_k) <= GRAZE_SLICES * (2 if spec.plane == "axial" else 1)


@pytest.mark.parametrize("spec", FIELDS.values(), ids=FIELDS)
def test_the_names_in_the_mask_are_a_chain_of_the_variant(spec: CaseSpec):
    case = made(spec)
    chain = [one.level for one in case.vertebrae]
    start = spec.chain.index(chain[0])
    assert chain == list(spec.chain[start : start + len(chain)])
    assert chain == sorted(chain, key=rank)
    numbers = {*map(verse_of, chain), *([SACRUM] if case.sacrum_in_view else [])}
    assert set(np.unique(case.labels).tolist()) == {0, *numbers}
    assert case.sacrum_in_view or not spec.sacrum
    assert not (case.bodies[case.labels != case.bodies] > 0).any()


def test_ribs_sit_on_the_last_thoracic_vertebra_whatever_its_number():
    from inference.simulate.design import chain_of, rib_joint

    assert rib_joint("T13", chain_of("T13")) == "body"
    assert rib_joint("L1", chain_of("four-lumbar")) is None


@pytest.mark.parametrize("spec", [SMALL, FIELDS["upper thoracic"], broken("A1"), broken("A3", 0.3)])
def test_heights_on_the_body_mask_are_those_of_the_truth(spec: CaseSpec):
    case = made(replace(spec, pixel_mm=0.6, rotation_deg=4.0))
    for truth in case.vertebrae:
        if truth.heights is not None:
            true = [truth.heights.anterior, truth.heights.middle, truth.heights.posterior]
            np.testing.assert_allclose(measured_heights(case, truth), true, atol=1.0, err_msg=truth.level)


def losses(case: SimulatedCase, level: str = "L2") -> tuple[float, float, float]:
    truth = case.vertebra(level)
    assert truth.heights is not None
    assert truth.heights_before is not None
    now, before = truth.heights, truth.heights_before
    return 1 - now.anterior / before.anterior, 1 - now.middle / before.middle, 1 - now.posterior / before.posterior


@pytest.mark.parametrize("seed", range(3))
def test_each_type_lowers_what_it_breaks(seed: int):
    anterior, middle, posterior = losses(made(broken("A1", 0.6), seed))
    assert max(anterior, middle) > 0.12
    assert posterior < 0.05
    anterior, _, posterior = losses(made(broken("A3", 0.6), seed))
    assert anterior > 0.2
    assert 0.02 < posterior < anterior
    assert min(losses(made(broken("A4", 0.6), seed))) > 0.1
    assert max(losses(made(broken("A4", 0.6), seed))) < 0.72


def test_only_bursts_push_the_posterior_wall_back():
    for ao_type in ("A1", "A2"):
        assert made(broken(ao_type)).vertebra("L2").retropulsion == 0
        assert all(one.wall_back == 0 for one in made(broken(ao_type)).vertebra("L2").slices)
    for ao_type in ("A3", "A4"):
        truth = made(broken(ao_type)).vertebra("L2")
        assert truth.retropulsion > 1.5
        back = [one.k for one in truth.slices if one.wall_back >= 1]
        assert 0 < len(back) < truth.last_k - truth.first_k, "only between the pedicles"


def test_a_fracture_grows_with_its_severity():
    for ao_type in ("A3", "A4"):
        mild, severe = (losses(made(broken(ao_type, share)))[0] for share in (0.1, 0.9))
        assert severe > mild + 0.08, ao_type


def test_a_fracture_leaves_the_other_vertebrae_as_they_were():
    before = {one.level: one.heights for one in made().vertebrae}
    after = {one.level: one.heights for one in made(broken("A4")).vertebrae}
    assert before["L1"] == after["L1"]
    assert before["L3"] == after["L3"]
    assert before["L2"] != after["L2"]


@pytest.mark.parametrize("ao_type", ["A1", "A2", "A3", "A4"])
@pytest.mark.parametrize("old", [False, True])
def test_slices_show_a_fracture_inside_its_body_only(ao_type: str, old: bool):
    truth = made(broken(ao_type, 0.5, old=old)).vertebra("L2")
    slices = range(truth.first_k, truth.last_k + 1)
    assert [one.k for one in truth.slices] == list(slices)
    assert set(truth.positive_slices) <= set(slices)
    assert len(truth.positive_slices) >= (0.85 if ao_type == "A4" else 0.4) * len(slices)
    assert truth.old == old


@pytest.mark.parametrize("kind", ["schmorl", "wedge", "cupid"])
def test_a_mimic_moves_something_and_makes_no_slice_positive(kind: str):
    truth = made(replace(SMALL, mimics=(Mimic("L2", kind),)), 6).vertebra("L2")
    assert not truth.fractured
    assert truth.mimic == kind
    assert truth.positive_slices == ()
    assert max(one.step for one in truth.slices) > 0.4


def test_a_schmorl_node_is_seen_in_about_half_of_the_slices_and_leaves_the_rims():
    truth = made(replace(SMALL, mimics=(Mimic("L2", "schmorl"),)), 6).vertebra("L2")
    shown = [one for one in truth.slices if one.step >= 1]
    assert 0 < len(shown) <= 0.6 * len(truth.slices)
    assert truth.heights is not None
    assert truth.heights_before is not None
    assert abs(truth.heights.posterior - truth.heights_before.posterior) < 1.0


def test_attenuation_is_that_of_bone_muscle_and_air():
    case = made(replace(SMALL, pixel_mm=0.6, depth_mm=190.0))
    k, r, c = np.rint(case.geometry.to_index(np.array(case.vertebra("L2").centre))).astype(int)
    core = case.hounsfield[k - 1 : k + 2, r - 8 : r + 9, c - 12 : c + 8].astype(float)
    assert abs(core.mean() - case.marrow) < 40
    muscle = case.hounsfield[k - 7, r - 25 : r + 25, c + 78 : c + 100].astype(float)
    assert 25 < np.median(muscle) < 65
    # A bone kernel leaves 30 to 50 HU of noise in slices of 3 mm, and its grain is negative at two pixels.
    assert 28 < 1.48 * np.median(np.abs(muscle - np.median(muscle))) < 55
    away = muscle - np.median(muscle)
    assert (away[:, :-2] * away[:, 2:]).mean() < 0
    bone = case.hounsfield[case.labels > 0]
    assert 800 < np.percentile(bone, 99) < 1400
    assert case.hounsfield.min() == -1024
    assert case.hounsfield.max() <= 3071


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_the_cohort_draws_what_can_be_simulated(seed: int, axial: bool):
    spec = random_spec(seed, axial=axial)
    assert random_spec(seed, axial=axial) == spec
    assert 3 <= len(spec.complete) <= 17
    assert {one.level for one in spec.fractures} <= set(spec.complete)
    scene = lay_out(spec, seed)
    voxels = np.prod(scene.grid.shape)
    assert 1e6 < voxels < 6e7
    centres = [scene.stacked.bodies[level].frame.centre[2] for level in spec.chain]
    assert centres == sorted(centres, reverse=True), "from head to feet"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"top": "L6"}, "no vertebra of a normal spine"),
        ({"top": "L4", "bottom": "L2"}, "field of view"),
        ({"bottom": "L3", "sacrum": True}, "sacrum is in view only below L5"),
        ({"plane": "coronal"}, "no plane"),
        ({"language": "it"}, "no language"),
        ({"variant": "T14"}, "no kind of spine"),
        ({"pixel_mm": 0.0}, "above zero"),
        ({"fractures": (Fracture("L2", "B1"),)}, "no type of fracture"),
        ({"fractures": (Fracture("C5", "A1"),)}, "thoracic and lumbar"),
        ({"fractures": (Fracture("L2", "A1", None, "left"),)}, "no endplate"),
        ({"mimics": (Mimic("L2", "ghost"),)}, "mimics nothing"),
        ({"fractures": (Fracture("L2", "A1"),), "mimics": (Mimic("L2", "wedge"),)}, "Two findings"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(change: dict[str, object], sentence: str):
    with pytest.raises(ValueError, match=sentence):
        replace(SMALL, **change)  # type: ignore[arg-type]
