"""Morphometry on the sample masks, against what was measured and looked at on them by hand."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from labeling.anatomy.bare_bodies import bare_bodies
from labeling.anatomy.bodies import body_extents
from labeling.anatomy.corpus import vertebral_body
from labeling.anatomy.levels import level_of
from labeling.anatomy.morphometry import BodyMeasure, measure_spine
from labeling.imaging.geometry import Geometry
from labeling.imaging.nifti import read_ct, read_labels
from labeling.imaging.volume import LabelMap, canonical, canonical_labels
from labeling.models import Anatomy
from labeling.reading.opinions.morphometry import measure_anatomy
from tests.intake import conftest as intake

DATA = Path(os.environ.get("SAGITTAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))

deliver, quiet_heartbeat = intake.deliver, intake.quiet_heartbeat

VERSE, S0327 = "sub-verse004_seg-vert_msk", "ts_s0327_vert_verse_maskonly"
EXAMPLE, THORAX = "ts_example_vert_verse", "ts_thorax_ct_1p5mm"

#: Anterior, middle and posterior height in mm, measured on the mask surface by another code.
TABLE = {
    VERSE: {
        "T9": (16.9, 15.1, 19.2),
        "T10": (18.0, 16.1, 20.4),
        "T11": (22.9, 21.9, 23.9),
        "T12": (23.5, 23.3, 24.4),
        "L1": (12.1, 9.1, 13.2),
        "L2": (28.5, 25.5, 26.6),
        "L3": (28.7, 24.7, 25.9),
        "L4": (27.9, 25.2, 25.0),
        "L5": (26.0, 25.5, 23.5),
    },
    S0327: {
        "T5": (18.5, 18.3, 21.0),
        "T7": (19.3, 20.6, 23.2),
        "T9": (21.0, 20.7, 21.5),
        "T10": (21.2, 20.9, 23.8),
        "T11": (23.8, 21.8, 25.3),
        "T12": (26.0, 23.9, 26.8),
        "L1": (26.6, 25.4, 28.2),
        "L2": (28.3, 26.4, 29.8),
        "L3": (23.7, 17.1, 26.6),
        "L4": (29.0, 26.5, 27.5),
        "L5": (29.5, 26.4, 24.5),
    },
}
#: Two codes differ by less than a voxel (1 mm and 1.5 mm here); where a body is crushed or notched by more.
TOLERANCE, TOLERANCE_LOST = 1.0, 2.0


def data(name: str) -> Path:
    path = DATA / f"{name}.nii.gz"
    assert path.is_file(), f"{path} is missing."
    return path


def measured(labels: LabelMap, stored: NDArray[np.int16] | None = None) -> dict[str, BodyMeasure]:
    labels = canonical_labels(labels)
    array = np.ascontiguousarray(labels.array).astype(np.uint8)
    found = body_extents(array, labels.geometry)
    levels = {one.label_value: one.level for one in found}
    cut = {one.label_value for one in found if one.cut}
    bodies = bare_bodies(array, levels, labels.geometry.spacing)
    measures = measure_spine(bodies, labels.geometry, levels, cut=cut, vertebrae=array, stored=stored)
    return {one.level: one for one in measures}


@cache
def of(name: str) -> dict[str, BodyMeasure]:
    return measured(read_labels(data(name)))


@pytest.mark.parametrize("name", TABLE)
def test_heights_are_those_of_the_table(name: str) -> None:
    for level, expected in TABLE[name].items():
        one = of(name)[level]
        tolerance = TOLERANCE_LOST if one.grade else TOLERANCE
        heights = (one.anterior_mm, one.middle_mm, one.posterior_mm)
        assert heights == pytest.approx(expected, abs=tolerance), level


def test_the_crushed_vertebra_is_severe_and_its_neighbours_are_not() -> None:
    spine = of(VERSE)
    assert (spine["L1"].grade, spine["L1"].shape) == (3, "crush")
    losses = (spine["L1"].loss_anterior, spine["L1"].loss_middle, spine["L1"].loss_posterior)
    assert losses == pytest.approx((0.54, 0.63, 0.49), abs=0.08)
    assert spine["L1"].evidence.share_lost > 0.95
    assert spine["L1"].evidence.wider > 0.1
    assert spine["L1"].evidence.deeper > 0.1
    assert "broader than its neighbours" in spine["L1"].note
    assert [level for level, one in spine.items() if one.is_suspicious] == ["L1"]
    assert spine["T12"].grade == spine["L2"].grade == 0


def test_the_deep_notch_is_the_only_find_and_is_called_a_notch() -> None:
    spine = of(S0327)
    assert {level: one.shape for level, one in spine.items() if one.grade} == {"L3": "notch"}
    assert not any(one.is_suspicious for one in spine.values())
    assert spine["L3"].evidence.endplate == "superior"
    assert 7 <= spine["L3"].evidence.deepest_mm <= 10
    assert "Schmorl node" in spine["L3"].note


def test_a_spine_of_seventeen_is_measured_in_less_than_five_seconds_of_one_core() -> None:
    labels = canonical_labels(read_labels(data(S0327)))
    array = np.ascontiguousarray(labels.array).astype(np.uint8)
    levels = {value: level_of(value) for value in np.unique(array[array > 0]).tolist()}
    bodies = bare_bodies(array, levels, labels.geometry.spacing)
    begun = process_time()
    assert len(measure_spine(bodies, labels.geometry, levels, vertebrae=array)) >= 17
    assert process_time() - begun < 5.0


def test_vertebrae_that_the_border_cuts_are_not_judged() -> None:
    cut = {level: one.why for name in (S0327, EXAMPLE) for level, one in of(name).items() if one.why}
    assert cut == dict.fromkeys(("C7", "T1", "T11", "T12"), "cut")


def test_coarse_cubes_give_no_false_alarm_and_their_cores_the_density_of_the_notes() -> None:
    ct = canonical(read_ct(data("ts_example_ct")))
    spine = measured(read_labels(data(EXAMPLE)), ct.hu())
    assert [level for level, one in spine.items() if one.grade] == []
    cores = [spine[level].core_hu for level in ("L2", "L3", "L4", "L5")]
    assert all(105 <= core <= 124 for core in cores), cores


def test_one_vertebra_alone_is_held_against_itself_and_says_so() -> None:
    ct = canonical(read_ct(data("tptbox_L3_ct")))
    one = measured(read_labels(data("tptbox_L3_vert_msk")), ct.hu())["L3"]
    assert (one.anterior_mm, one.middle_mm, one.posterior_mm) == pytest.approx((30.3, 23.6, 27.0), abs=TOLERANCE)
    assert one.grade == 0
    assert "Too few complete neighbours" in one.note
    assert one.core_hu == pytest.approx(55, abs=5)


def test_another_order_in_the_file_gives_the_same_numbers() -> None:
    labels = read_labels(data(VERSE))
    order, flips = (2, 0, 1), (True, False, True)
    steps = tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)
    turned = LabelMap(labels.geometry.permuted(order, flips), labels.array.transpose(order)[steps])
    assert measured(turned) == of(VERSE)


def _brightest(image: NDArray[np.float32], low: int, high: int) -> NDArray[np.intp]:
    """Where between `low` and `high` of axis 1 an image (k, n, ...) is brightest."""
    return low + image[:, low:high].argmax(axis=1)


def _outlined(hu: NDArray[np.float32], upper: tuple[int, int], lower: tuple[int, int]) -> NDArray[np.bool_]:
    """A body between its bright endplates and walls, which lie in these rows of slices 36 to 56."""
    top = ndimage.median_filter(_brightest(hu, *upper), 3)[:, None, :]
    bottom = ndimage.median_filter(_brightest(hu, *lower), 3)[:, None, :]
    walls = hu[:, upper[1] : lower[0]].mean(axis=1)
    front = ndimage.median_filter(_brightest(walls, 92, 99), 5)[:, None, None]
    back = ndimage.median_filter(_brightest(walls, 106, 113), 5)[:, None, None]
    k, r, c = np.ogrid[: hu.shape[0], : hu.shape[1], : hu.shape[2]]
    return (k >= 36) & (k <= 56) & (r >= top) & (r <= bottom) & (c >= front) & (c <= back)


def test_the_dent_in_t11_is_a_notch_in_the_midline_between_full_rims() -> None:
    ct = canonical(read_ct(data(THORAX)))
    hu = ct.hu().astype(np.float32)
    mask = np.ascontiguousarray(canonical_labels(read_labels(data("ts_thorax_T12_mask"))).array) > 0
    bodies = np.zeros(hu.shape, dtype=np.uint8)
    bodies[_outlined(hu, (104, 107), (117, 120))] = 17
    bodies[_outlined(hu, (120, 129), (131, 136))] = 18
    bodies[vertebral_body(mask, ct.geometry.spacing)] = 19
    geometry: Geometry = ct.geometry
    t10, t11, t12 = measure_spine(bodies, geometry, {17: "T10", 18: "T11", 19: "T12"}, stored=hu)
    assert (t12.anterior_mm, t12.middle_mm, t12.posterior_mm) == pytest.approx((22.7, 22.7, 24.3), abs=TOLERANCE)
    assert t10.grade == t12.grade == 0
    assert t11.shape == "notch"
    assert not t11.is_suspicious
    assert t11.evidence.endplate == "superior"
    assert 9 <= t11.middle_mm <= 12.5
    # The rims and everything beside the notch stand.
    assert t11.evidence.posterior_rim < 0.15
    assert t11.evidence.rest < 0.2
    assert t11.evidence.core_lateral == 0.0
    # Sclerosis about the notch: the bone below it is denser than that of both neighbours.
    assert t11.core_hu > max(t10.core_hu, t12.core_hu) + 30


@pytest.mark.django_db
def test_an_imported_case_is_measured_as_its_stack_is_read(deliver: intake.Deliver) -> None:
    deliver(data("ts_example_ct"), data(EXAMPLE))
    anatomy = Anatomy.objects.get()
    read = measure_anatomy(None, anatomy)
    levels = dict(anatomy.vertebrae.values_list("vertebra", "level"))
    said = {levels[finding.vertebra_id]: finding for finding in read.findings.all()}
    assert {level: (finding.verdict, finding.why) for level, finding in said.items()} == {
        "T11": ("not_assessable", "cut"),
        "T12": ("not_assessable", "cut"),
        **{f"L{number}": ("negative", "") for number in range(1, 6)},
    }
    assert 100 <= said["L3"].evidence["core_hu"] <= 120
