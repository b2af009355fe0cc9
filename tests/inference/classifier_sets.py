"""Small frozen sets of slices out of simulated spines, and a recipe that a processor trains in a minute."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.classifier.manifest import SliceWriter
from inference.classifier.recipes import SAGITTAL, Augmentation, Recipe
from inference.simulate import CaseSpec, Fracture, Mimic, SimulatedCase, simulate_case
from labeling.imaging.refusal import Refusal
from labeling.imaging.vertebral_recipes import SAGITTAL_SLICES, SliceRecipe
from labeling.imaging.vertebral_slices import BodyPlace, VertebralSlices, vertebral_slices

LEVELS = ("T12", "L1", "L2", "L3", "L4")

TINY_SLICES = replace(SAGITTAL_SLICES, name="tiny", pixel_mm=1.1, canvas=64)

TINY: Recipe = replace(
    SAGITTAL,
    name="tiny",
    slices=TINY_SLICES,
    architecture="test_resnet",
    learning_rate=0.003,
    epochs=4,
    patience=3,
    augmentation=Augmentation(rotation_deg=6.0, zoom=(0.95, 1.05), swap=0.5, gain=0.05, offset=0.03, noise=0.02),
)


@contextmanager
def refused(code: str, words: str = "") -> Iterator[None]:
    """Expects a refusal of this code whose sentence holds these words."""
    with pytest.raises(Refusal) as caught:
        yield
    assert caught.value.code == code, caught.value.sentence
    assert words in caught.value.sentence


@dataclass(frozen=True)
class Simulated:
    """One simulated case, where its bodies lie, and which slices of each are fractured."""

    case: SimulatedCase
    bodies: list[BodyPlace]
    positive: dict[int, set[int]]

    def slices(self, recipe: SliceRecipe = TINY_SLICES) -> list[VertebralSlices]:
        return vertebral_slices(self.case.hounsfield, self.case.geometry, self.bodies, self.case.bodies, recipe)


def simulated(seed: int, **more: object) -> Simulated:
    """A short lumbar spine: five vertebrae, about two of them fractured, and one that only looks so."""
    random = np.random.default_rng([seed, 77])
    broken = [level for level in LEVELS if random.random() < 0.4]
    fractures = tuple(
        Fracture(
            level, str(random.choice(["A1", "A3", "A4"], p=[0.6, 0.2, 0.2])), None, old=bool(random.random() < 0.3)
        )
        for level in broken
    )
    whole = [level for level in LEVELS if level not in broken]
    mimics = (Mimic(whole[-1], str(random.choice(["schmorl", "wedge", "cupid"]))),) if whole else ()
    spec = CaseSpec(
        **{
            "top": "T12",
            "bottom": "L4",
            "cut_top": False,
            "sacrum": False,
            "pixel_mm": 1.0,
            "depth_mm": 70.0,
            "width_mm": 60.0,
            "fractures": fractures,
            "mimics": mimics,
            **more,
        }
    )
    case = simulate_case(spec, seed)
    bodies, positive = [], {}
    for one in case.vertebrae:
        if one.complete:
            bodies.append(place_of(case, one.label, one.level))
            positive[one.label] = set(one.positive_slices)
    return Simulated(case, bodies, positive)


def place_of(case: SimulatedCase, label: int, level: str) -> BodyPlace:
    """As an anatomy would hold it."""
    voxels = np.argwhere(case.bodies == label)
    half = 0.5 * np.abs(case.geometry.affine[:3, :3]).sum(axis=1)
    points = case.geometry.to_patient(voxels)
    low, high = points.min(axis=0) - half, points.max(axis=0) + half
    x0, x1, y0, y1, z0, z1 = (float(v) for pair in zip(low, high, strict=True) for v in pair)
    first, last = int(voxels[:, 0].min()), int(voxels[:, 0].max())
    return BodyPlace(label, level, label, first, last, (x0, x1, y0, y1, z0, z1))


def write_set(folder: Path, cases: dict[int, str], recipe: SliceRecipe = TINY_SLICES, cut: int | None = None) -> Path:
    """Freeze the cases of these seeds, each in its split; `cut` keeps so many slices of each vertebra."""
    with SliceWriter(folder, recipe) as writer:
        for seed, split in cases.items():
            one = simulated(seed)
            for slices in one.slices(recipe):
                if cut is not None:
                    slices = replace(slices, ks=slices.ks[:cut], images=slices.images[:cut])
                writer.add(
                    slices,
                    sop_uids=[f"1.2.{seed}.{slices.key}.{k}" for k in slices.ks],
                    labels=[int(k in one.positive[slices.key]) for k in slices.ks.tolist()],
                    case=f"case-{seed}",
                    patient=f"patient-{seed}",
                    vertebra=str(slices.key),
                    split=split,
                )
    return folder


def asked(folder: Path, model: Path, one: Simulated, bodies: list[BodyPlace] | None = None) -> dict[str, Any]:
    """A predict job for a simulated case, with whole vertebrae as the record has them, its files below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "volume.npy", one.case.hounsfield)
    np.savez_compressed(folder / "labels.npz", labels=one.case.labels)
    chosen = one.bodies if bodies is None else bodies
    fields = ("key", "level", "label_value", "first_k", "last_k", "box", "cut", "mask_ok")
    return {
        "model": str(model),
        "volume": str(folder / "volume.npy"),
        "affine": one.case.geometry.affine.tolist(),
        "labels": str(folder / "labels.npz"),
        "vertebrae": [{name: getattr(body, name) for name in fields} for body in chosen],
        "out": str(folder / "out"),
        "device": "cpu",
        "threads": 1,
    }


def predicted(folder: Path, model: Path, one: Simulated, bodies: list[BodyPlace] | None = None) -> dict[str, Any]:
    """What a model says of a simulated case, in this process."""
    from inference.classifier.predict import run

    run(asked(folder, model, one, bodies))
    found: dict[str, Any] = json.loads((folder / "out" / "predictions.json").read_text())
    return found
