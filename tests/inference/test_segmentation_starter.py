"""The starter model that comes with the code: small, honest about itself, and able to do a simulated case."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from inference.pipeline import named_spine
from inference.segmentation import starter
from inference.segmentation.models import check
from inference.segmentation.simulated import disturbed, spread_specs, write_simulated
from inference.simulate import CaseSpec, simulate_case
from labeling.imaging.volume import LabelMap
from tests.inference import tiny
from tests.inference.test_segmentation import LEAST_DICE, dice

MODEL = Path(starter.__file__).parent / "starter_model"

MOST_BYTES = 3 << 20


def test_the_starter_loads_and_says_what_it_is():
    facts = check(MODEL)
    assert facts.name == starter.NAME
    assert facts.note == starter.NOTE
    assert facts.labels == "bodies"
    assert facts.size < MOST_BYTES
    own = json.loads((MODEL / "sagittal.json").read_text())
    assert own["settings"] == {**own["settings"], **starter.SETTINGS}


def test_the_starter_finds_every_body_of_an_unseen_simulated_case():
    import torch

    from inference.segmentation.network import load
    from inference.segmentation.predict import segment

    case = simulate_case(CaseSpec(top="T12", bottom="L4", sacrum=False, cut_bottom=True, pixel_mm=0.9), 5151)
    labels = segment(load(MODEL), case.hounsfield, case.geometry, device=torch.device("cpu"))
    bodies = named_spine(LabelMap(case.geometry, labels), kind="bodies").bodies
    named = set()
    for level in case.levels:
        own = case.bodies == case.vertebra(level).label
        value = int(np.bincount(bodies[own]).argmax())
        assert value > 0, f"{level} was not found"
        assert dice(bodies == value, own) > LEAST_DICE, level
        named.add(value)
    assert len(named) == len(case.levels)


def test_training_sets_are_the_same_for_a_seed_and_go_over_all_fields_of_view(tmp_path: Path):
    assert spread_specs(8, 3) == spread_specs(8, 3)
    assert spread_specs(8, 3) != spread_specs(8, 4)
    specs = [spec for spec, _ in spread_specs(40, 3)]
    assert {spec.plane for spec in specs} == {"sagittal", "axial"}
    assert {"L5", "T12"} <= {level for spec in specs for level in spec.complete}
    assert any(spec.bottom.startswith(("T", "C")) for spec in specs)
    for name in ("one", "other"):
        write_simulated(tmp_path / name, tiny.specs()[:2], validate=1, seed=5)
    for path in (tmp_path / "one" / "imagesTr").iterdir():
        import nibabel

        one, other = (np.asarray(nibabel.load(tmp_path / n / "imagesTr" / path.name).dataobj) for n in ("one", "other"))
        assert (one == other).all()


def test_disturbances_leave_the_bodies_where_they_are():
    case = simulate_case(*tiny.specs()[1])
    image = disturbed(case, np.random.default_rng(4))
    assert image.dtype == np.int16
    assert image.shape == case.hounsfield.shape
    inside, outside = case.bodies > 0, (case.labels == 0) & (case.hounsfield > -200)
    # Marrow and cortex are still denser than what lies about them.
    assert np.median(image[inside]) > np.median(image[outside]) + 30
    assert (image != case.hounsfield).any()


@pytest.mark.parametrize("seed", range(3))
def test_disturbances_come_from_their_numbers_alone(seed: int):
    case = simulate_case(*tiny.specs()[1])
    one, other = (disturbed(case, np.random.default_rng(seed)) for _ in range(2))
    assert (one == other).all()
