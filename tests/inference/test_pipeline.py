"""From labels to named vertebrae: on masks of known truth, as a model gives them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inference.pipeline import named_spine
from inference.simulate import CaseSpec, SimulatedCase, simulate_case
from labeling.anatomy.instances import Instance, find_instances
from labeling.anatomy.levels import SACRUM, verse_of
from labeling.anatomy.naming import name_instances, named_map
from labeling.imaging.geometry import Geometry
from labeling.imaging.refusal import Refusal
from labeling.imaging.volume import LabelMap


@pytest.fixture(scope="module")
def lumbar() -> SimulatedCase:
    return simulate_case(CaseSpec(top="T12", bottom="L5", pixel_mm=1.2, width_mm=72.0, depth_mm=130.0), 21)


def as_bodies(case: SimulatedCase) -> LabelMap:
    labels = (case.bodies > 0).astype(np.uint8)
    labels[case.labels == SACRUM] = SACRUM
    return LabelMap(case.geometry, labels)


def test_bodies_over_a_sacrum_are_named_from_it(lumbar: SimulatedCase):
    spine = named_spine(as_bodies(lumbar), kind="bodies")
    levels = [name.level for name in spine.naming.names]
    assert levels[-6:] == ["T12", "L1", "L2", "L3", "L4", "L5"]
    assert spine.sacrum
    for level in lumbar.levels:
        assert (spine.bodies[lumbar.bodies == verse_of(level)] == verse_of(level)).mean() > 0.95
    assert (spine.vertebrae == SACRUM).any()
    assert not (spine.bodies == SACRUM).any()
    plain = spine.plain()
    assert [item["level"] for item in plain["items"]] == levels
    assert plain["items"][-1]["certainty"] in ("certain", "assumed")


def test_numbers_of_a_model_vote(lumbar: SimulatedCase):
    spine = named_spine(LabelMap(lumbar.geometry, lumbar.labels), kind="verse")
    assert [name.level for name in spine.naming.names][-6:] == ["T12", "L1", "L2", "L3", "L4", "L5"]


def test_a_large_empty_field_about_the_spine_changes_nothing(lumbar: SimulatedCase):
    """Work is done in a box about the labels; slices, places and cuts are those of the whole grid."""
    before = (30, 90, 70)
    padded = np.pad(as_bodies(lumbar).array, [(n, 40) for n in before])
    affine = lumbar.geometry.affine.copy()
    affine[:3, 3] = lumbar.geometry.to_patient([-n for n in before])
    geometry = Geometry((padded.shape[0], padded.shape[1], padded.shape[2]), affine)
    covered = tuple(
        edge for n, length in zip(before, lumbar.geometry.shape, strict=True) for edge in (n, n + length - 1)
    )
    labels = LabelMap(geometry, padded)
    spine = named_spine(labels, kind="bodies", covered=covered)
    whole = find_instances(labels, numbered=False, bodies_only=True, covered=covered)
    naming = name_instances(whole, whole=False)
    assert spine.naming == naming
    assert [rounded(item) for item in spine.items] == [rounded(item) for item in whole.items]
    assert (spine.bodies == named_map(whole, naming, bodies=True)).all()
    assert spine.items[0].cut_where == "top"


def rounded(item: Instance) -> Instance:
    box, centre = (tuple(round(n, 6) for n in values) for values in (item.box, item.centre))
    return replace(item, box=box, centre=centre)


def test_an_empty_mask_is_refused_with_what_to_do(lumbar: SimulatedCase):
    nothing = LabelMap(lumbar.geometry, np.zeros(lumbar.geometry.shape, dtype=np.uint8))
    with pytest.raises(Refusal, check=lambda error: error.code == "no-vertebra") as caught:
        named_spine(nothing, kind="bodies")
    assert "place the vertebrae by hand" in caught.value.sentence
