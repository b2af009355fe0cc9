"""Instances on simulated spines whose truth is known: every complete body is found, once, whatever the mask is like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.simulate import Fracture
from labeling.anatomy.instances import find_instances
from labeling.anatomy.levels import SACRUM, verse_of
from labeling.imaging.geometry import Geometry
from labeling.imaging.volume import LabelMap
from tests.anatomy import simulated_masks as sim
from tests.anatomy.vertebra_phantom import column, sagittal


@pytest.mark.parametrize("kind", sim.KINDS)
@pytest.mark.parametrize("field", sim.FIELDS)
def test_every_complete_vertebra_is_found_once_and_what_the_border_cuts_is_flagged(field: str, kind: str) -> None:
    case, found = sim.simulated(sim.FIELDS[field]), sim.undamaged(field, kind)
    assert sim.faults(found, case, case.bodies) == []
    assert (found.sacrum is not None) == case.sacrum_in_view
    assert [item.value for item in found.items] == list(range(1, len(found.items) + 1))
    assert not (found.bodies[found.bodies != found.vertebrae] > 0).any()


@pytest.mark.parametrize("kind", sim.KINDS)
@pytest.mark.parametrize("ao_type", ["A1", "A2", "A3", "A4"])
def test_broken_bodies_are_kept_whole(ao_type: str, kind: str) -> None:
    fractures = (Fracture("L1", ao_type, 0.9), Fracture("L3", ao_type, 0.4))
    case = sim.simulated(replace(sim.LUMBAR, fractures=fractures), 3)
    found = sim.found_in(sim.labels_of(case, kind), case.geometry, kind)
    assert sim.faults(found, case, case.bodies) == []


DAMAGES = ("holes", "specks", "line", "bridge", "broad bridge", "one label for two")


@settings(max_examples=14, deadline=None)
@given(
    st.sampled_from(["lumbar", "thoracic without L5", "lumbar, a narrow stack"]),
    st.sampled_from(sim.KINDS),
    st.sampled_from(DAMAGES),
    st.integers(0, 2**32 - 1),
)
def test_a_damaged_mask_loses_no_vertebra(field: str, kind: str, damage: str, seed: int) -> None:
    case = sim.simulated(sim.FIELDS[field])
    labels, rng = sim.labels_of(case, kind), np.random.default_rng(seed)
    if damage == "holes":
        labels = sim.with_holes(labels, case.bodies, case.geometry, rng)
    elif damage == "specks":
        labels = sim.with_specks(labels, case.bodies, case.geometry, rng)
    elif damage == "line":
        labels = sim.with_fracture_line(case, labels, rng)
    elif damage == "one label for two":
        labels = sim.with_one_label_for_two(case, labels, rng)
    else:
        labels = sim.with_bridge(case, labels, rng, 6.0 if damage == "bridge" else 14.0)
    found = sim.found_in(labels, case.geometry, kind)
    left = np.where((labels > 0) & (labels != SACRUM), case.bodies, 0).astype(np.uint8)
    assert sim.faults(found, case, left, share=0.75) == []


@pytest.mark.parametrize("kind", sim.KINDS)
def test_two_vertebrae_that_the_mask_has_fused_are_split_and_it_says_so(kind: str) -> None:
    case = sim.simulated(sim.LUMBAR)
    labels = sim.with_bridge(case, sim.labels_of(case, kind), np.random.default_rng(2), 14.0)
    if kind.startswith("numbered"):
        labels = sim.with_one_label_for_two(case, labels, np.random.default_rng(2))
    found = sim.found_in(labels, case.geometry, kind)
    assert sim.faults(found, case, case.bodies, share=0.8) == []
    assert "fused in the mask" in found.note
    assert sum("has been split" in item.note for item in found.items) == 2


@settings(max_examples=4, deadline=None)
@given(st.permutations([0, 1, 2]), st.tuples(st.booleans(), st.booleans(), st.booleans()), st.booleans())
def test_how_a_file_stores_its_voxels_makes_no_difference(
    order: list[int], flips: tuple[bool, bool, bool], numbered: bool
) -> None:
    kind = "numbered" if numbered else "binary"
    case = sim.simulated(sim.FIELDS["four lumbar vertebrae"])
    labels = sim.mask_of(case.labels, case.geometry, kind).array
    axes = np.eye(4)
    start = [n - 1 if flip else 0 for n, flip in zip(labels.shape, flips, strict=True)]
    signs = [-1.0 if flip else 1.0 for flip in flips]
    axes[:3, :3] = np.diag(signs)[:, order]
    axes[:3, 3] = start
    moved = labels[tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)].transpose(order)
    geometry = Geometry((moved.shape[0], moved.shape[1], moved.shape[2]), case.geometry.affine @ axes)
    one = find_instances(LabelMap(case.geometry, labels), numbered=numbered)
    other = find_instances(LabelMap(geometry, moved), numbered=numbered)
    np.testing.assert_array_equal(one.vertebrae, other.vertebrae)
    np.testing.assert_array_equal(one.bodies, other.bodies)
    assert [item.cut_where for item in one.items] == [item.cut_where for item in other.items]


def test_the_same_mask_gives_the_same_instances_and_stays_as_it_is() -> None:
    case = sim.simulated(sim.LUMBAR)
    mask = sim.mask_of(case.labels, case.geometry, "binary")
    mask.array.setflags(write=False)
    first, second = (find_instances(mask, numbered=False) for _ in range(2))
    assert first.items == second.items
    np.testing.assert_array_equal(first.vertebrae, second.vertebrae)


def test_a_body_is_cut_by_contact_and_not_by_its_size() -> None:
    """The upper half of T11 out of view: cut. A crushed L2 of less volume: not."""
    case = sim.simulated(replace(sim.LUMBAR, fractures=(Fracture("L2", "A4", 1.0),)), 5)
    rows = np.flatnonzero((case.bodies == verse_of("T11")).any(axis=(0, 2)))
    start = int(rows.mean())
    affine = case.geometry.affine.copy()
    affine[:3, 3] += affine[:3, 1] * start
    labels = case.labels[:, start:]
    geometry = Geometry((labels.shape[0], labels.shape[1], labels.shape[2]), affine)
    found = sim.found_in(labels, geometry, "numbered")
    flags = dict(zip(sim.truth_of(found, case.bodies[:, start:]), found.items, strict=True))
    assert flags["T11"].cut_where == "top"
    assert not any(item.cut for level, item in flags.items() if level != "T11")


def test_a_joint_that_reaches_the_border_does_not_make_the_body_below_it_cut() -> None:
    """Uppermost vertebra, tilted forward: the roots of its pedicles stand higher than its body and reach the border."""
    case = sim.simulated(replace(sim.FIELDS["thoracic without L5"], cut_top=False, plane="axial", slice_mm=1.5), 8)
    found = sim.found_in(case.labels, case.geometry, "numbered")
    assert sim.faults(found, case, case.bodies) == []


def test_a_vertebra_that_is_missing_in_the_mask_leaves_a_gap_that_is_counted() -> None:
    case = sim.simulated(sim.LUMBAR)
    labels = np.where(case.labels == verse_of("L2"), 0, case.labels).astype(np.uint8)
    found = sim.found_in(labels, case.geometry, "numbered bodies")
    levels = sim.truth_of(found, case.bodies)
    assert {
        level: item.missing_below for level, item in zip(levels, found.items, strict=True) if item.missing_below
    } == {"L1": 1}


def test_c1_is_a_vertebra_without_a_body() -> None:
    case = sim.simulated(replace(sim.FIELDS["neck"], top="C2", bottom="C6"))
    found = sim.found_in(case.labels, case.geometry, "numbered")
    assert sim.truth_of(found, case.bodies)[1] == "C2"
    assert found.items[0].votes[0][0] == verse_of("C1")
    assert "no body" in found.items[0].note


# -- what is no spine ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("numbered", [True, False])
def test_an_empty_mask_gives_a_sentence(numbered: bool) -> None:
    geometry = sagittal((3.0, 2.0, 2.0))
    found = find_instances(LabelMap(geometry, np.zeros(geometry.shape, dtype=np.uint8)), numbered=numbered)
    assert found.items == ()
    assert "The mask is empty" in found.note


@pytest.mark.parametrize("numbered", [True, False])
def test_a_mask_of_the_sacrum_alone_is_empty_but_for_it(numbered: bool) -> None:
    labels, geometry = column([20])
    found = find_instances(LabelMap(geometry, np.where(labels > 0, SACRUM, 0).astype(np.uint8)), numbered=numbered)
    assert found.items == ()
    assert found.sacrum is not None
    assert found.sacrum.any()


@pytest.mark.parametrize("numbered", [True, False])
def test_noise_gives_a_sentence(numbered: bool) -> None:
    geometry = sagittal((3.0, 2.0, 2.0))
    noise = (np.random.default_rng(0).random(geometry.shape) < 0.003) * np.uint8(20)
    found = find_instances(LabelMap(geometry, noise.astype(np.uint8)), numbered=numbered)
    assert found.items == ()
    assert "crumbs" in found.note


@pytest.mark.parametrize("numbered", [True, False])
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_dense_noise_raises_nothing(numbered: bool, share: float) -> None:
    geometry = sagittal((4.0, 3.0, 3.0))
    noise = (np.random.default_rng(0).random(geometry.shape) < share) * np.uint8(20)
    find_instances(LabelMap(geometry, noise.astype(np.uint8)), numbered=numbered)


@pytest.mark.parametrize("kind", sim.KINDS)
def test_a_vertebra_of_one_slice_is_kept_and_said_to_be_so(kind: str) -> None:
    labels, geometry = column([20, 21, 22])
    only = np.zeros_like(labels)
    only[20] = labels[20]
    found = sim.found_in(only, geometry, kind)
    assert len(found.items) == 3
    assert all("One slice only" in item.note for item in found.items)


def test_a_single_voxel_and_a_full_array_raise_nothing() -> None:
    for shape in ((1, 1, 1), (3, 4, 5), (1, 40, 40), (40, 1, 40), (40, 40, 1)):
        geometry = Geometry(shape, sagittal((3.0, 2.0, 2.0)).affine)
        for numbered in (True, False):
            find_instances(LabelMap(geometry, np.full(shape, 20, dtype=np.uint8)), numbered=numbered)


def test_a_number_that_names_nothing_is_refused() -> None:
    labels, geometry = column([20])
    with pytest.raises(ValueError, match="27"):
        find_instances(LabelMap(geometry, np.where(labels > 0, 27, 0).astype(np.uint8)))
