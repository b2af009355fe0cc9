"""Names of instances: true wherever they are said to be certain, certain wherever two landmarks are in view."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from inference.simulate.scene import lay_out
from labeling.anatomy.anchors import Ribs, anchors_of, ribs_of_mask, transverse_spans
from labeling.anatomy.instances import find_instances
from labeling.anatomy.levels import LEVELS, verse_of
from labeling.anatomy.naming import UNNAMED, Naming, name_instances, named_map
from labeling.imaging.geometry import Geometry
from labeling.imaging.volume import LabelMap
from tests.anatomy import simulated_masks as sim
from tests.anatomy.vertebra_phantom import column, sagittal

LONG = [field for field in sim.FIELDS if "long" in field or "C7 to L5" in field]
SACRUM_AND_RIB = ["lumbar", "lumbar, a narrow stack", "17 vertebrae", "thirteen thoracic, lumbar", *LONG]


def named(field: str, kind: str, renames: dict[str, str] | None = None) -> tuple[Naming, list[str], list[str]]:
    """The naming of a field, the true levels, and the wrong names among the certain ones."""
    case = sim.simulated(sim.FIELDS[field])
    found = sim.renamed(sim.undamaged(field, kind), renames or {})
    naming = name_instances(found, whole=not kind.endswith("bodies"))
    return naming, sim.truth_of(found, case.bodies), sim.wrong_certain(found, naming, case.bodies)


def certain(naming: Naming) -> list[str]:
    return [name.level for name in naming.names if name.certainty == "certain"]


@pytest.mark.parametrize("kind", sim.KINDS)
@pytest.mark.parametrize("field", sim.FIELDS)
def test_no_name_that_is_said_to_be_certain_is_wrong(field: str, kind: str) -> None:
    assert named(field, kind)[2] == []


@pytest.mark.parametrize("field", SACRUM_AND_RIB)
def test_a_numbered_mask_with_the_last_rib_and_the_sacrum_is_named_with_certainty(field: str) -> None:
    naming, levels, _ = named(field, "numbered")
    assert certain(naming) == levels
    assert naming.other == ()


@pytest.mark.parametrize("field", [field for field in SACRUM_AND_RIB if "six" not in field and "four" not in field])
def test_without_numbers_the_last_rib_and_the_sacrum_make_five_vertebrae_certain(field: str) -> None:
    """What carries the last rib is T12 or T13: without C7 or a model's word nobody knows."""
    naming, levels, _ = named(field, "binary")
    assert certain(naming) == ["L1", "L2", "L3", "L4", "L5"]
    assert levels[-5:] == certain(naming)


@pytest.mark.parametrize("field", ["six lumbar, lumbar", "four lumbar, lumbar"])
def test_six_or_four_vertebrae_between_rib_and_sacrum_have_two_readings(field: str) -> None:
    for kind in ("numbered", "binary"):
        naming, levels, _ = named(field, kind)
        assert certain(naming) == []
        assert naming.other
        assert "The other reading is" in naming.note
        assert levels in ([name.level for name in naming.names], list(naming.other))


@pytest.mark.parametrize("field", ["lumbar without the sacrum", "thoracic without L5", "neck"])
def test_without_two_landmarks_names_are_assumed(field: str) -> None:
    naming, levels, _ = named(field, "numbered bodies")
    assert {name.certainty for name in naming.names} == {"assumed"}
    assert [name.level for name in naming.names] == levels


def test_where_nothing_speaks_the_lowest_is_taken_for_l5() -> None:
    naming, _, _ = named("lumbar without the sacrum", "binary bodies")
    assert naming.names[-1].level == "L5"
    assert {name.certainty for name in naming.names} == {"assumed"}
    assert "no landmark is in view" in naming.note


# -- models that are wrong ---------------------------------------------------------------------------------------------


def shifted(field: str, by: int, regions: str = "CTL") -> dict[str, str]:
    """Every vertebra of these regions called as its neighbour, by a model that knows no T13."""
    usual = [level for level in LEVELS if level != "T13"]
    names = {}
    for level in sim.FIELDS[field].chain:
        place = usual.index("T12") + 1 if level == "T13" else usual.index(level)
        # With T13 in the spine what is called T12 without a shift lies one lower.
        names[level] = usual[min(max(place + by, 0), len(usual) - 1)] if level[0] in regions else level
    return names


@pytest.mark.parametrize("kind", ["numbered", "numbered bodies"])
@pytest.mark.parametrize("by", [-1, 1])
@pytest.mark.parametrize("field", sim.FIELDS)
def test_a_model_that_is_off_by_one_everywhere_makes_no_wrong_name_certain(field: str, by: int, kind: str) -> None:
    assert named(field, kind, shifted(field, by))[2] == []


@pytest.mark.parametrize("kind", ["numbered", "numbered bodies"])
@pytest.mark.parametrize("field", sim.FIELDS)
def test_a_single_wrong_label_makes_no_wrong_name_certain(field: str, kind: str) -> None:
    for above, below in pairwise(sim.FIELDS[field].chain):
        assert named(field, kind, {above: below})[2] == []
        assert named(field, kind, {below: above})[2] == []


def test_one_label_for_two_neighbours_makes_no_wrong_name_certain() -> None:
    case = sim.simulated(sim.LUMBAR)
    for value in range(19, 24):
        labels = np.where(case.labels == value + 1, value, case.labels).astype(np.uint8)
        found = sim.found_in(labels, case.geometry, "numbered")
        assert sim.wrong_certain(found, name_instances(found), case.bodies) == []


def test_a_model_that_knows_no_t13_is_not_believed_above_c7() -> None:
    """It calls T13 T12, T1 C7: what it calls T1 is then narrower than what it calls C7."""
    assert named("thirteen thoracic, long", "numbered", shifted("thirteen thoracic, long", -1, "CT"))[2] == []


def test_where_the_model_contradicts_the_landmarks_both_readings_are_said() -> None:
    naming, levels, _ = named("lumbar", "numbered", shifted("lumbar", -1))
    assert certain(naming) == []
    assert naming.other
    assert levels in ([name.level for name in naming.names], list(naming.other))


# -- landmarks ---------------------------------------------------------------------------------------------------------


def ribs_in(field: str) -> np.ndarray:
    """The mask of the ribs of a simulated case."""
    from inference.simulate.arch import rib_of
    from inference.simulate.design import rib_joint
    from inference.simulate.solids import draw_union

    scene = lay_out(sim.FIELDS[field], 1)
    mask = np.zeros(scene.grid.shape, dtype=bool)
    above = {disc.above: disc.height for disc in scene.stacked.discs}
    for over, level in pairwise(scene.spec.chain):
        joint = rib_joint(level, scene.spec.chain)
        if joint is None:
            continue
        parts = [(scene.stacked.bodies[level].frame, rib_of(scene.sizes[level], joint, above[over]))]
        box = tuple(slice(0, n) for n in scene.grid.shape)
        distance = draw_union(scene.grid, (box[0], box[1], box[2]), parts)
        mask |= scene.grid.mean((distance < 0).astype(np.float32)) > 0.5
    return mask


@pytest.mark.parametrize("field", ["lumbar", "thirteen thoracic, lumbar", "six lumbar, lumbar", "thoracic without L5"])
def test_the_last_rib_is_found_in_a_mask_of_ribs(field: str) -> None:
    case = sim.simulated(sim.FIELDS[field])
    found = sim.found_in(case.bodies, case.geometry, "binary bodies")
    ribs = ribs_of_mask(found, ribs_in(field) & (case.labels == 0), case.geometry)
    assert ribs is not None
    levels = sim.truth_of(found, case.bodies)
    carriers = [levels[value - 1] for value in ribs.carriers]
    thoracic = [level for level in levels if level[0] == "T"]
    assert carriers[-1] == thoracic[-1]
    assert anchors_of(found, ribs, whole=False).last_thoracic == levels.index(thoracic[-1])


def test_a_mask_of_ribs_on_another_grid_is_refused() -> None:
    case = sim.simulated(sim.LUMBAR)
    found = sim.found_in(case.bodies, case.geometry, "binary bodies")
    geometry = sagittal((3.0, 2.0, 2.0))
    with pytest.raises(ValueError, match="another grid"):
        ribs_of_mask(found, np.zeros(geometry.shape, dtype=bool), geometry)


def test_a_short_last_rib_makes_nothing_certain() -> None:
    case = sim.simulated(sim.LUMBAR)
    found = sim.found_in(case.labels, case.geometry, "binary")
    carriers = tuple(
        item.value for item, level in zip(found.items, sim.truth_of(found, case.bodies), strict=True) if level[0] == "T"
    )
    assert certain(name_instances(found, ribs=Ribs(carriers))) == ["L1", "L2", "L3", "L4", "L5"]
    naming = name_instances(found, ribs=Ribs(carriers, short=True))
    assert certain(naming) == []
    assert "The last rib is short" in naming.note


def test_the_processes_widen_from_t12_to_l1() -> None:
    case = sim.simulated(sim.LUMBAR)
    found = sim.found_in(case.labels, case.geometry, "numbered")
    spans = dict(zip(sim.truth_of(found, case.bodies), transverse_spans(found), strict=True))
    assert spans["L1"].mm > 1.25 * spans["T12"].mm
    assert spans["T12"].complete


def test_a_gap_in_the_chain_makes_names_above_it_assumed() -> None:
    case = sim.simulated(sim.LUMBAR)
    labels = np.where(case.labels == verse_of("L2"), 0, case.labels).astype(np.uint8)
    found = sim.found_in(labels, case.geometry, "numbered")
    naming = name_instances(found)
    assert certain(naming) == []
    assert "One vertebra is missing in the mask between L1 and L3." in naming.note
    assert [name.level for name in naming.names] == sim.truth_of(found, case.bodies)


# -- the map, and what is no spine -------------------------------------------------------------------------------------


def test_the_named_map_carries_the_numbers_and_those_without_a_name_stand_above_a_hundred() -> None:
    labels, geometry = column([20, 21, 22])
    found = find_instances(LabelMap(geometry, (labels > 0).astype(np.uint8)), numbered=False)
    nothing = name_instances(found, lowest="")
    assert {name.certainty for name in nothing.names} == {"unknown"}
    assert np.unique(named_map(found, nothing)).tolist() == [0, UNNAMED + 1, UNNAMED + 2, UNNAMED + 3]
    naming = name_instances(found)
    assert np.unique(named_map(found, naming)).tolist() == [0, verse_of("L3"), verse_of("L4"), verse_of("L5")]
    bodies = named_map(found, naming, bodies=True)
    assert 0 < (bodies > 0).sum() < (named_map(found, naming) > 0).sum()


def test_an_empty_mask_has_no_names() -> None:
    geometry = sagittal((3.0, 2.0, 2.0))
    found = find_instances(LabelMap(geometry, np.zeros(geometry.shape, dtype=np.uint8)))
    naming = name_instances(found)
    assert naming.names == ()
    assert naming.note == "There is no vertebra to name."
    assert not named_map(found, naming).any()


def test_more_vertebrae_than_a_spine_has_are_left_unnamed() -> None:
    cubes = np.zeros((20, 34 * 16, 30), dtype=np.uint8)
    for place in range(33):
        cubes[3:17, place * 16 + 4 : place * 16 + 14, 5:20] = 1
    geometry = Geometry((20, 34 * 16, 30), sagittal((2.0, 1.5, 1.5)).affine)
    found = find_instances(LabelMap(geometry, cubes), numbered=False, bodies_only=True)
    assert len(found.items) == 33
    naming = name_instances(found, whole=False)
    assert {name.certainty for name in naming.names} == {"unknown"}
    assert "More vertebrae than a spine has" in naming.note


def test_a_case_of_the_cohort_with_a_crushed_uppermost_vertebra() -> None:
    from inference.simulate import random_spec

    spec = replace(random_spec(100), pixel_mm=1.2)
    case = sim.simulated(spec, 100)
    found = sim.found_in(case.labels, case.geometry, "numbered")
    assert sim.faults(found, case, case.bodies) == []
