"""What a model found becomes an anatomy: names as it gave them, bodies where the slices cross them, nobody twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from labeling.anatomy.naming import UNNAMED
from labeling.imaging.geometry import Geometry
from labeling.imaging.outlines import decode
from labeling.imaging.refusal import Refusal
from labeling.intake.frames import media_path
from labeling.intake.label_maps import body_map, label_map
from labeling.intake.segmentations import prepare_volume, store_segmentation
from labeling.jobs import queue
from labeling.jobs.queue import LeaseLost
from labeling.models import Anatomy, AnatomyVertebra, Case, Job, ModelVersion, Reader, Stack, Vertebra
from labeling.reading.rounds import newest_anatomy, reading_anatomy
from tests.factories import lock_plainly, make_read, make_reader
from tests.intake.conftest import Deliver
from tests.intake.phantoms import MASK, dicom, hounsfield, nifti, sagittal_dicom

pytestmark = pytest.mark.django_db

NAMES = ("L1", "L2", "L3", "L4")


@pytest.fixture
def model() -> ModelVersion:
    return ModelVersion.objects.create(kind="segmentation", name="Model", sha256="a" * 64, folder="a" * 64)


@pytest.fixture
def case(deliver: Deliver, tmp_path: Path) -> Case:
    dicom(tmp_path / "ct")
    deliver(tmp_path / "ct")
    return Case.objects.get()


def canonical(array: np.ndarray) -> np.ndarray:
    """An array of the phantom (z, y, x) with axes right to left, head to feet, front to back."""
    return array[::-1].transpose(2, 0, 1)


def item(level: str, **fields: Any) -> dict[str, Any]:
    certainty = "assumed" if level else "unknown"
    return {"level": level, "certainty": certainty, "cut": False, "cut_where": "", "note": "", **fields}


def result(
    folder: Path, levels: Sequence[str] = NAMES, *, values: np.ndarray | None = None, note: str = "", **fields: Any
) -> Path:
    """What the model's process leaves: the phantom's four bodies under these names."""
    numbers = dict(zip(NAMES, (20, 21, 22, 23), strict=True))
    own = canonical(MASK if values is None else values)
    labels, nameless = np.zeros_like(own), UNNAMED
    for number, level in zip((20, 21, 22, 23), levels, strict=True):
        nameless += not level
        labels[own == number] = numbers.get(level, 0) if level else nameless
    folder.mkdir(parents=True)
    for name in ("vertebrae", "bodies"):
        np.savez_compressed(folder / f"{name}.npz", labels=labels)
    items = [item(level, **fields) for level in levels]
    said = {"items": items, "naming": {"note": "Counted from the sacrum.", "other": []}, "note": note}
    (folder / "instances.json").write_text(json.dumps(said))
    return folder


def stored(case: Case, folder: Path, model: ModelVersion, work: Path, lease: Any = None) -> Anatomy:
    stack = Stack.objects.get(pk=case.reading_stack_id)
    geometry = prepare_volume(stack, work).geometry
    return store_segmentation(lease, case, stack, folder, model, geometry).anatomy


def test_the_model_gets_the_native_volume_in_hounsfield_units_and_told_what_the_scan_covered(
    case: Case, tmp_path: Path
):
    shares: list[float] = []
    assert case.reading_stack is not None
    given = prepare_volume(case.reading_stack, tmp_path / "job", shares.append)
    array = np.load(given.path, mmap_mode="r")
    assert array.dtype == np.dtype("<i2")
    np.testing.assert_array_equal(array, canonical(hounsfield()))
    assert given.geometry.shape == array.shape
    assert given.covered == (0, 47, 0, 65, 0, 47)
    assert (given.geometry.spacing == (1.5, 2.0, 1.5)).all()
    # Asked again after a worker died: what is whole is not written again.
    before = given.path.stat().st_mtime_ns
    prepare_volume(case.reading_stack, tmp_path / "job")
    assert given.path.stat().st_mtime_ns == before


def test_without_native_frames_the_model_gets_the_stack(case: Case, tmp_path: Path):
    stack = case.reading_stack
    assert stack is not None
    stack.source.instances.all().delete()
    given = prepare_volume(stack, tmp_path / "job")
    assert given.geometry.shape == (stack.slices_count, stack.rows, stack.columns)
    assert given.covered == (0, stack.slices_count - 1, 0, stack.rows - 1, 0, stack.columns - 1)


def test_names_certainty_cuts_and_notes_are_the_models_and_extents_those_of_the_slices(
    case: Case, model: ModelVersion, tmp_path: Path
):
    folder = result(tmp_path / "out", certainty="certain", cut_where="top")
    said = json.loads((folder / "instances.json").read_text())
    for place in (0, 2, 3):
        said["items"][place]["note"] = "It was split."
    said["items"][1]["cut_where"] = ""
    said["note"] = "Two vertebrae were fused."
    (folder / "instances.json").write_text(json.dumps(said))
    anatomy = stored(case, folder, model, tmp_path / "job")
    assert anatomy.author == Reader.objects.get(model_version=model)
    assert anatomy.note == "Counted from the sacrum. Two vertebrae were fused."
    rows = list(anatomy.vertebrae.all())
    assert [(row.level, row.certainty, row.cut_where, row.note) for row in rows] == [
        (level, "certain", "" if level == "L2" else "top", "" if level == "L2" else "It was split.") for level in NAMES
    ]
    assert [row.cut for row in rows] == [True, False, True, True]
    # 39 mm of a body on slabs of 3 mm; boxes are borders of voxels.
    labels = label_map(anatomy)
    for row in rows:
        crossed = np.flatnonzero((labels == row.label_value).any(axis=(1, 2)))
        assert (row.first_k, row.last_k) == (crossed[0], crossed[-1])
        assert row.box[1] - row.box[0] == pytest.approx(3.0 * len(crossed))
        assert row.box[5] - row.box[4] == pytest.approx(24.0)
    np.testing.assert_array_equal(body_map(anatomy), labels)
    assert set(decode(media_path(anatomy.outlines).read_bytes())[rows[0].first_k + 3]) == {20, 21, 22, 23}


def test_vertebrae_without_a_name_keep_their_order_and_meet_their_names_later(
    case: Case, model: ModelVersion, tmp_path: Path
):
    nameless = stored(case, result(tmp_path / "a", ("", "", "", "")), model, tmp_path / "job")
    rows = list(nameless.vertebrae.all())
    assert [(row.label_value, row.level, row.certainty) for row in rows] == [
        (value, "", "unknown") for value in (101, 102, 103, 104)
    ]
    named = stored(case, result(tmp_path / "b"), model, tmp_path / "job")
    assert (named.n, named.parent) == (2, nameless)
    assert [row.level for row in named.vertebrae.all()] == list(NAMES)
    assert [row.vertebra_id for row in named.vertebrae.all()] == [row.vertebra_id for row in rows]
    assert Vertebra.objects.count() == 4


def test_the_same_result_again_is_the_same_anatomy_and_other_words_about_it_the_next(
    case: Case, model: ModelVersion, tmp_path: Path
):
    first = stored(case, result(tmp_path / "a"), model, tmp_path / "job")
    assert stored(case, result(tmp_path / "b"), model, tmp_path / "job") == first
    files = {path.name for path in media_path(first.label_map).parent.iterdir()}
    assert files == {Path(first.label_map).name, Path(first.outlines).name}
    sure = stored(case, result(tmp_path / "c", certainty="certain"), model, tmp_path / "job")
    assert sure.n == 2


def test_a_mask_that_came_in_before_and_the_segmentation_speak_of_the_same_vertebrae(
    deliver: Deliver, case: Case, model: ModelVersion, tmp_path: Path
):
    deliver(nifti(tmp_path / "mask.nii.gz", MASK), case=case, mask=True)
    of_mask = [row.vertebra_id for row in case.anatomies.get().vertebrae.all()]
    # L1 lies 10 of 24 mm lower: less than half of it is where it was. The others are as they were.
    moved = MASK.copy()
    moved[MASK == 20] = 0
    place = np.flatnonzero((MASK == 20).any(axis=(1, 2)))
    moved[place - 7][:, 14:34, 11:37] = 0
    shifted = np.zeros_like(MASK)
    shifted[place.min() - 7 : place.min() + 5][MASK[place] == 20] = 20
    moved = np.where((shifted > 0), 20, moved).astype(np.uint8)
    anatomy = stored(case, result(tmp_path / "a", values=moved), model, tmp_path / "job")
    found = [row.vertebra_id for row in anatomy.vertebrae.all()]
    assert found[1:] == of_mask[1:]
    assert found[0] not in of_mask


def test_what_a_person_confirmed_stays_what_is_read_and_a_locked_read_stays_where_it_was(
    case: Case, model: ModelVersion, tmp_path: Path
):
    first = stored(case, result(tmp_path / "a"), model, tmp_path / "job")
    locked = lock_plainly(make_read(case, anatomy=first))
    Anatomy.objects.filter(pk=first.pk).update(confirmed_by=make_reader(), confirmed_at=timezone.now())
    second = stored(case, result(tmp_path / "b", ("L1", "L2", "L3", "")), model, tmp_path / "job")
    assert newest_anatomy(case) == second
    assert reading_anatomy(case) == first
    locked.refresh_from_db()
    assert locked.anatomy == first


def test_a_worker_that_lost_its_job_stores_nothing(case: Case, model: ModelVersion, tmp_path: Path):
    queue.enqueue("k", "segment", {}, title="t", announce=False)
    lease = queue.claim("k")
    assert lease is not None
    Job.objects.update(owner="another")
    with pytest.raises(LeaseLost):
        stored(case, result(tmp_path / "a"), model, tmp_path / "job", lease)
    assert not Anatomy.objects.exists()
    assert not AnatomyVertebra.objects.exists()


def _without(name: str) -> Any:
    return lambda folder: (folder / name).unlink()


def _instances(**changes: Any) -> Any:
    def damage(folder: Path) -> None:
        said = json.loads((folder / "instances.json").read_text())
        said["items"][0] |= changes
        (folder / "instances.json").write_text(json.dumps(said))

    return damage


def _other_grid(folder: Path) -> None:
    np.savez_compressed(folder / "bodies.npz", labels=np.zeros((4, 5, 6), dtype=np.uint8))


def _cut_short(folder: Path) -> None:
    (folder / "vertebrae.npz").write_bytes((folder / "vertebrae.npz").read_bytes()[:200])


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (_without("instances.json"), "The result of the model is missing, damaged"),
        (_without("bodies.npz"), "The result of the model is missing, damaged"),
        (_cut_short, "The result of the model is missing, damaged"),
        (_other_grid, r"The result of the model is \(4, 5, 6\), the volume is \(48, 66, 48\). They must agree"),
        (_instances(level="L9"), "says something that is no vertebra"),
        (_instances(certainty="unknown"), "says something that is no vertebra"),
        (_instances(cut_where="somewhere"), "says something that is no vertebra"),
    ],
)
def test_a_result_that_is_none_is_refused_with_what_to_do(
    damage: Any, sentence: str, case: Case, model: ModelVersion, tmp_path: Path
):
    folder = result(tmp_path / "a")
    damage(folder)
    with pytest.raises(Refusal, match=sentence) as refused:
        stored(case, folder, model, tmp_path / "job")
    assert refused.value.sentence.endswith("Start the job again; if it stays so, check the model.")
    assert not Anatomy.objects.exists()


def test_an_empty_result_says_that_nothing_was_found(case: Case, model: ModelVersion, tmp_path: Path):
    folder = result(tmp_path / "a", note="The mask is empty.")
    said = json.loads((folder / "instances.json").read_text()) | {"items": []}
    (folder / "instances.json").write_text(json.dumps(said))
    with pytest.raises(Refusal, match=r"^Model found no vertebra\. Counted from the sacrum\. The mask is empty\.$"):
        stored(case, folder, model, tmp_path / "job")


def test_a_vertebra_beside_all_slices_is_left_out_and_said(deliver: Deliver, model: ModelVersion, tmp_path: Path):
    sagittal_dicom(tmp_path / "ct")
    deliver(tmp_path / "ct")
    case = Case.objects.get()
    stack = case.reading_stack
    assert stack is not None
    # A volume twice as wide as the stack, with L1 in the part that no slice shows.
    wide = np.zeros((2 * stack.slices_count, stack.rows, stack.columns), dtype=np.uint8)
    wide[2:8, 4:16, 14:34] = 21
    wide[stack.slices_count + 2 : stack.slices_count + 8, 20:32, 14:34] = 20
    geometry = Geometry(wide.shape, np.array(stack.affine))
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("vertebrae", "bodies"):
        np.savez_compressed(folder / f"{name}.npz", labels=wide)
    said = {"items": [item("L1"), item("L2")], "naming": {"note": "", "other": []}, "note": ""}
    (folder / "instances.json").write_text(json.dumps(said))
    anatomy = store_segmentation(None, case, stack, folder, model, geometry).anatomy
    assert [row.level for row in anatomy.vertebrae.all()] == ["L2"]
    assert anatomy.note == "L1 lies beside the slices that are read and was left out."
