"""Instances and names on the masks of real CT: cropped at random, numbered and not."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from labeling.anatomy.bodies import bodies_only
from labeling.anatomy.instances import Instances, find_instances
from labeling.anatomy.levels import SACRUM, level_of, verse_of
from labeling.anatomy.naming import name_instances
from labeling.imaging.geometry import Geometry
from labeling.imaging.nifti import read_labels
from labeling.imaging.volume import LabelMap, canonical_labels

DATA = Path(os.environ.get("SAGITTAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))

S0327, EXAMPLE, VERSE = "ts_s0327_vert_verse_maskonly", "ts_example_vert_verse", "sub-verse004_seg-vert_msk"
BARELY = 0.15
"""Of a body the border has left so little that whether it is still an instance is a matter of taste."""

Labels = NDArray[np.uint8]


@cache
def mask(name: str) -> tuple[LabelMap, Labels]:
    """A mask in canonical order, and its bodies."""
    found = canonical_labels(read_labels(DATA / f"{name}.nii.gz"))
    labels = found.array.astype(np.uint8)
    without = np.where(labels == SACRUM, 0, labels).astype(np.uint8)
    return LabelMap(found.geometry, labels), bodies_only(without, found.geometry)


def cropped(whole: LabelMap, low: list[int], high: list[int]) -> LabelMap:
    affine = whole.geometry.affine.copy()
    affine[:3, 3] = whole.geometry.to_patient(low)
    array = whole.array[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    return LabelMap(Geometry((array.shape[0], array.shape[1], array.shape[2]), affine), array)


def instances(labels: LabelMap, kind: str, bodies: Labels) -> Instances:
    array = bodies if kind == "binary bodies" else labels.array
    if kind != "numbered":
        array = np.where(labels.array == SACRUM, SACRUM, array > 0).astype(np.uint8)
    return find_instances(
        LabelMap(labels.geometry, array), numbered=kind == "numbered", bodies_only=kind == "binary bodies"
    )


def levels_of(found: Instances, bodies: Labels) -> list[str]:
    """The level that most of each instance's body has in the mask; '' where there is none."""
    levels = []
    for item in found.items:
        counts = np.bincount(bodies[found.bodies == item.value], minlength=2)[1:]
        levels.append(level_of(int(counts.argmax()) + 1) if counts.any() else "")
    return levels


def lost(found: Instances, inside: Labels, whole: Labels) -> list[str]:
    """Bodies in full view that are not one instance of their own, or are called cut."""
    levels = levels_of(found, inside)
    wrong = []
    for value in np.unique(inside[inside > 0]).tolist():
        level, own = level_of(value), inside == value
        voxels = np.argwhere(own)
        clear = (voxels.min(axis=0) > 1).all() and (voxels.max(axis=0) < np.array(own.shape) - 2).all()
        complete = clear and own.sum() == (whole == value).sum()
        if levels.count(level) > 1:
            wrong.append(f"{level} is {levels.count(level)} instances")
        if level not in levels:
            if complete or own.sum() > BARELY * (whole == value).sum():
                wrong.append(f"{level} is lost")
            continue
        item = found.items[levels.index(level)]
        if complete and item.cut:
            wrong.append(f"{level} is whole and called cut at the {item.cut_where}")
        if complete and (found.bodies[own] == item.value).mean() < 0.8:
            wrong.append(f"{level} is torn")
    return wrong


@pytest.mark.parametrize("kind", ["numbered", "binary", "binary bodies"])
@pytest.mark.parametrize("seed", range(8))
def test_in_a_random_field_of_view_no_body_is_lost_and_no_certain_name_is_wrong(seed: int, kind: str) -> None:
    whole, bodies = mask(S0327)
    rng = np.random.default_rng(seed)
    shape = whole.array.shape
    rows = int(rng.integers(shape[1] // 4, shape[1]))
    start = int(rng.integers(0, shape[1] - rows + 1))
    used = np.flatnonzero((bodies > 0).any(axis=(1, 2)))
    low = [int(rng.integers(0, max(1, used[0] - 5))), start, 0]
    high = [
        int(rng.integers(used[-1] + 6, shape[0] + 1)) if used[-1] + 6 < shape[0] else shape[0],
        start + rows,
        shape[2],
    ]
    inside = bodies[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    found = instances(cropped(whole, low, high), kind, inside)
    assert lost(found, inside, bodies) == []
    naming = name_instances(found, whole=kind != "binary bodies")
    for name, level in zip(naming.names, levels_of(found, inside), strict=True):
        assert name.certainty != "certain" or name.level == level


@pytest.mark.parametrize("kind", ["numbered", "binary"])
def test_the_cut_t12_of_the_example_is_flagged_and_its_names_are_true(kind: str) -> None:
    whole, bodies = mask(EXAMPLE)
    found = instances(whole, kind, bodies)
    levels = levels_of(found, bodies)
    assert levels == ["T12", "L1", "L2", "L3", "L4", "L5"]
    assert [item.cut_where for item in found.items] == ["top", "", "", "", "", ""]
    naming = name_instances(found)
    assert [name.level for name in naming.names] == levels
    assert "the sacrum" in naming.note


@pytest.mark.parametrize("kind", ["numbered", "binary"])
def test_the_crushed_l1_is_one_vertebra_among_nine(kind: str) -> None:
    whole, bodies = mask(VERSE)
    found = instances(whole, kind, bodies)
    assert levels_of(found, bodies) == ["T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5"]
    assert [name.level for name in name_instances(found).names] == levels_of(found, bodies)
    assert lost(found, bodies, bodies) == []


@pytest.mark.parametrize("numbered", [True, False])
def test_the_thorax_is_cut_where_its_volume_ends(numbered: bool) -> None:
    """The mask of its T12, in a field of view that ends in the middle of it: above, then below."""
    whole = canonical_labels(read_labels(DATA / "ts_thorax_T12_mask.nii.gz"))
    labels = LabelMap(whole.geometry, np.where(whole.array > 0, verse_of("T12") if numbered else 1, 0).astype(np.uint8))
    rows = np.flatnonzero((labels.array > 0).any(axis=(0, 2)))
    middle = int(rows.mean())
    shape = labels.array.shape
    upper = find_instances(cropped(labels, [0, 0, 0], [shape[0], middle, shape[2]]), numbered=numbered)
    lower = find_instances(cropped(labels, [0, middle, 0], list(shape)), numbered=numbered)
    assert [one.cut_where for one in upper.items] == ["bottom"]
    assert lower.items[0].cut_where == "top"
    # Of a single vertebra without numbers nobody can say whether the process at the bottom is of the next one.
    assert len(lower.items) == 1 or not numbered
