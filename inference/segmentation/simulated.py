"""Training sets of simulated spines: raw folders for nnU-Net with bodies and sacrum, made from nothing but a seed.

Simulated CTs are tidier than real ones: no table, no contrast medium, no metal, soft tissue of one kind. `disturbed`
adds what a network must learn to pass over. It helps, and makes no model for real CT.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.segmentation.orientation import write_nifti
from inference.segmentation.raw import image_path, label_path
from inference.simulate import CaseSpec, SimulatedCase, random_spec, simulate_case
from labeling.anatomy.levels import SACRUM
from labeling.imaging.geometry import Geometry

__all__ = ["LABELS", "body_labels", "disturbed", "spread_specs", "write_simulated"]

LABELS = {"background": 0, "body": 1, "sacrum": 2}

Hounsfield = NDArray[np.int16]


def spread_specs(count: int, seed: int) -> list[tuple[CaseSpec, int]]:
    """Specs and seeds that go over all fields of view alike, sagittal stacks and axial volumes in turn.

    The cohort's own draw is mostly lumbar; a network must also know a thorax and a neck.
    """
    rng = np.random.default_rng([seed, 77])
    specs = []
    for number in range(count):
        own = seed * 1000 + number
        spec = random_spec(own, axial=number % 2 == 1)
        chain = spec.chain
        if number % 4 == 3:
            last = int(rng.integers(9, len(chain) - 2))
            spec = replace(
                spec,
                top=chain[max(1, last - int(rng.integers(5, 9)))],
                bottom=chain[last],
                sacrum=False,
                cut_bottom=True,
                fractures=(),
                mimics=(),
            )
        if spec.plane == "axial":
            spec = replace(spec, width_mm=float(rng.uniform(110, 190)), pixel_mm=float(rng.choice([0.8, 1.0, 1.2])))
        specs.append((spec, own))
    return specs


def body_labels(case: SimulatedCase) -> NDArray[np.uint8]:
    """1 where there is a body, 2 where there is sacrum."""
    labels = np.zeros(case.labels.shape, dtype=np.uint8)
    labels[case.bodies > 0] = 1
    labels[case.labels == SACRUM] = 2
    return labels


def disturbed(case: SimulatedCase, rng: np.random.Generator) -> Hounsfield:
    """The image with what simulated CTs lack: other tissue values, bright organs, bowel gas, a table, metal, blur."""
    image = case.hounsfield.astype(np.float32)
    outside = case.labels == 0
    soft = outside & (image > -200) & (image < 200)
    spacing = case.geometry.spacing
    # Fat and muscle lie in patches, at the scale of organs.
    image[soft] += _clouds(image.shape, spacing, rng, 12.0, 45.0)[soft]
    for _ in range(int(rng.integers(2, 6))):
        blob = _blob(image.shape, spacing, rng, (6.0, 30.0))
        value = rng.choice([-700.0, 40.0, 180.0, 350.0])
        image[blob & soft] = value + rng.normal(0, 12, int((blob & soft).sum()))
    for _ in range(int(rng.integers(0, 4))):
        _other_bone(image, soft, spacing, rng)
    if rng.random() < 0.4:
        # The marrow of the young is dense, that of the old is fat; both are met in the bodies of one scan.
        image[~outside] = 200 + (image[~outside] - 200) * rng.uniform(0.8, 1.15) + rng.normal(0, 25)
    if rng.random() < 0.25:
        back = int(image.shape[2] * rng.uniform(0.9, 0.98))
        image[:, :, back : back + max(1, round(3 / spacing[2]))] = rng.uniform(-600, -100)
    if rng.random() < 0.15:
        rod = _blob(image.shape, spacing, rng, (2.5, 5.0)) & outside
        image[rod] = 2800.0
    if rng.random() < 0.5:
        sigma = rng.uniform(0.3, 1.1)
        image = ndimage.gaussian_filter(image, sigma / np.maximum(spacing, 0.6))
    image += rng.normal(0, rng.uniform(0, 25), image.shape)
    return np.clip(np.rint(image), -1024, 3071).astype(np.int16)


def write_simulated(
    folder: Path,
    specs: Sequence[tuple[CaseSpec, int]],
    validate: int,
    seed: int,
    *,
    step: tuple[int, int, int] = (1, 1, 1),
    disturb: bool = True,
    progress: Callable[[int, int], None] = lambda done, all_: None,
) -> None:
    """Write a raw folder with `validate` of the cases kept for validation (the last ones); what lies there is kept.

    `step` takes every n-th voxel along (k, r, c), for sets that must be small.
    """
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    names = [f"sim{own:06d}" for _, own in specs]
    for place, ((spec, own), name) in enumerate(zip(specs, names, strict=True)):
        progress(place, len(specs))
        if image_path(folder, name).is_file() and label_path(folder, name).is_file():
            continue
        case = simulate_case(spec, own)
        image = disturbed(case, np.random.default_rng([seed, own, 78])) if disturb else case.hounsfield
        thin = tuple(slice(None, None, one) for one in step)
        geometry = thinned(case.geometry, step)
        write_nifti(label_path(folder, name), body_labels(case)[thin], geometry)
        write_nifti(image_path(folder, name), image[thin], geometry)
    (folder / "splits.json").write_text(json.dumps([{"train": names[:-validate], "val": names[-validate:]}]))
    description = {
        "channel_names": {"0": "CT"},
        "labels": LABELS,
        "numTraining": len(names),
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(description, indent=1))


def thinned(geometry: Geometry, step: tuple[int, int, int]) -> Geometry:
    """The geometry of every n-th voxel."""
    affine = geometry.affine.copy()
    affine[:3, :3] *= step
    one, two, three = (-(-n // s) for n, s in zip(geometry.shape, step, strict=True))
    return Geometry((one, two, three), affine)


def _other_bone(
    image: NDArray[np.float32], soft: NDArray[np.bool_], spacing: NDArray[np.float64], rng: np.random.Generator
) -> None:
    """Something of cortex and marrow that is no vertebra: long as a rib, or large as a pelvis."""
    radius = (30.0, 60.0) if rng.random() < 0.3 else (4.0, 28.0)
    distance = _distance(image.shape, spacing, rng, radius)
    wall = rng.uniform(0.1, 0.4)
    image[(distance < 1 - wall) & soft] = rng.uniform(20, 250)
    image[(distance >= 1 - wall) & (distance < 1) & soft] = rng.uniform(300, 900)


def _clouds(
    shape: tuple[int, ...], spacing: NDArray[np.float64], rng: np.random.Generator, size_mm: float, deviation: float
) -> NDArray[np.float32]:
    """Smooth random values of a given deviation that change over `size_mm`."""
    coarse = tuple(max(2, round(n * s / size_mm) + 1) for n, s in zip(shape, spacing, strict=True))
    knots = rng.normal(0, deviation, coarse)
    zoomed = ndimage.zoom(
        knots, [n / c for n, c in zip(shape, coarse, strict=True)], order=1, grid_mode=True, mode="nearest"
    )
    return zoomed.astype(np.float32)


def _blob(
    shape: tuple[int, ...], spacing: NDArray[np.float64], rng: np.random.Generator, radius_mm: tuple[float, float]
) -> NDArray[np.bool_]:
    """An ellipsoid somewhere in the image."""
    return _distance(shape, spacing, rng, radius_mm) < 1


def _distance(
    shape: tuple[int, ...], spacing: NDArray[np.float64], rng: np.random.Generator, radius_mm: tuple[float, float]
) -> NDArray[np.float32]:
    """Squared distance from a point somewhere in the image, in radii drawn for each axis."""
    total = np.zeros(shape, dtype=np.float32)
    for axis, (n, s) in enumerate(zip(shape, spacing, strict=True)):
        radius = rng.uniform(*radius_mm)
        line = ((np.arange(n) - rng.uniform(0, n)) * s / radius) ** 2
        total += line.reshape([-1 if one == axis else 1 for one in range(3)]).astype(np.float32)
    return total
