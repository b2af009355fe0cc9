"""Mask sets: whole masks of training patients, frozen under a hash that a rebuild gives again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from labeling.datasets.mask_files import class_names, write_masks
from labeling.datasets.mask_sets import LeftOut, freeze_masks, manifest_rows, mask_cases
from labeling.imaging.refusal import Refusal
from labeling.intake.frames import media_path, stack_volume, write_named
from labeling.intake.label_maps import label_map, packed
from labeling.models import Anatomy, Case, Dataset, DatasetPatient, Split
from labeling.registry.versions import reader_of_model
from tests.factories import make_anatomy, make_case, make_model_reader, make_patient, make_reader, number

pytestmark = pytest.mark.django_db

#: Label value → rows of its block in the maps made here.
BLOCKS = {1: slice(1, 6), 2: slice(8, 13), 3: slice(15, 20)}
SACRUM_ROWS = slice(21, 24)


def masked(
    split: str = Split.TRAINING, *, sacrum: bool = False, levels: Any = ("L2", "L3", "L4"), **fields: Any
) -> Anatomy:
    """A case of this split with a mask of three blocks, (12, 24, 16)."""
    case = make_case(patient=fields.pop("patient", None) or make_patient(split=split))
    labels = np.zeros((12, 24, 16), dtype=np.uint8)
    for value, rows in BLOCKS.items():
        labels[3:9, rows, 4:14] = value
    bodies = labels.copy()
    bodies[:, :, 11:] = 0
    if sacrum:
        labels[3:9, SACRUM_ROWS, 4:14] = 26
    path = write_named(f"test/{number()}.npz", packed(labels, bodies))
    return make_anatomy(case, levels, label_map=path, **fields)


def confirm(anatomy: Anatomy) -> None:
    Anatomy.objects.filter(pk=anatomy.pk).update(confirmed_by=make_reader(), confirmed_at=timezone.now())


def test_only_masks_that_can_be_trusted_to_be_whole_count_and_the_others_are_counted():
    good = [masked(), masked()]
    masked(Split.TEST)
    masked(Split.VALIDATION)
    masked(Split.UNASSIGNED)
    make_case(patient=make_patient(split="training"))
    make_anatomy(make_case(patient=make_patient(split="training")))
    guess, checked = masked(author=make_model_reader()), masked(author=make_model_reader())
    confirm(checked)
    wrong, by_hand = masked(), masked()
    wrong.vertebrae.filter(level="L3").update(mask_ok="no")
    by_hand.vertebrae.filter(level="L3").update(label_value=0, origin="by_hand")
    excluded = masked()
    Case.objects.filter(pk=excluded.case_id).update(cohort_state="excluded", exclusion_reason="instrumented")
    left_out = LeftOut()
    found = mask_cases(Split.TRAINING, left_out)
    assert {anatomy.pk for anatomy in found} == {one.pk for one in (*good, checked)}
    assert guess not in found
    assert left_out.reasons == {
        "no anatomy": 1,
        "no mask": 1,
        "made by a model and not checked": 1,
        "a mask is ticked wrong or missing": 1,
        "a vertebra is placed by hand and has no mask": 1,
    }


def test_a_guess_whose_names_a_person_moved_is_a_guess_until_somebody_confirms_it():
    guess = masked(author=make_model_reader())
    moved = make_anatomy(guess.case, label_map=guess.label_map, author=make_reader())
    assert mask_cases() == []
    confirm(moved)
    assert mask_cases() == [moved]


def test_a_guess_that_comes_later_does_not_push_a_mask_out_that_was_sent():
    anatomy = masked()
    guess = write_named(f"test/{number()}.npz", packed(label_map(anatomy), label_map(anatomy)))
    make_anatomy(anatomy.case, label_map=guess, author=make_model_reader())
    assert mask_cases() == [anatomy]


def test_a_model_that_comes_later_does_not_push_a_confirmed_mask_out():
    anatomy = masked()
    confirm(anatomy)
    make_anatomy(anatomy.case, label_map=anatomy.label_map, author=make_model_reader())
    assert mask_cases() == [anatomy]


def test_the_same_masks_are_the_same_set_and_another_mask_another():
    for _ in range(3):
        masked()
    first = freeze_masks("First", None)
    media_path(first.manifest).unlink()
    assert freeze_masks("Again", None) == first
    assert len(manifest_rows(first)[1]) == 3, "freezing again brings its file back"
    assert first.purpose == "train"
    assert first.recipe["cases"] == first.recipe["patients"] == 3
    assert freeze_masks("Whole", None, "vertebrae") != first
    masked()
    more = freeze_masks("More", None)
    assert more.sha256 != first.sha256
    masked()
    with pytest.raises(Refusal, match=r"^There is a dataset called More already"):
        freeze_masks("More", None)


def test_whole_patients_are_kept_back_and_further_ones_move_nobody_over():
    patients = [make_patient(split="training") for _ in range(5)]
    for patient in patients:
        masked(patient=patient)
        masked(patient=patient)
    dataset = freeze_masks("Ten masks", None)
    _, rows = manifest_rows(dataset)
    kept = {row.patient for row in rows if row.part == "val"}
    assert len(kept) == 1
    assert {row.part for row in rows if row.patient in kept} == {"val"}
    assert set(dataset.patients.filter(split="validation").values_list("patient__pseudonym", flat=True)) == kept


def test_a_test_patient_cannot_be_in_a_training_set_whatever_the_code_does():
    masked()
    masked()
    dataset = freeze_masks("Set", None)
    tested = masked(Split.TEST).case.patient
    with pytest.raises(IntegrityError, match="training_set_holds_training_patients"), transaction.atomic():
        DatasetPatient.objects.create(dataset=dataset, patient=tested, split="training")
    assert not dataset.patients.filter(patient=tested).exists()


def test_one_patient_is_too_few_and_the_sentence_says_what_was_left_out():
    masked()
    masked(author=make_model_reader())
    with pytest.raises(Refusal) as refused:
        freeze_masks("Set", None)
    assert refused.value.sentence == (
        "There are masks of one training patient only, and two patients are needed: one to validate on. "
        "Left out: made by a model and not checked: 1. Put patients into training."
    )
    assert not Dataset.objects.exists()


def loaded(path: Path) -> np.ndarray:
    return np.asarray(nibabel.load(path).dataobj)


def test_written_masks_hold_the_image_and_what_the_target_asks_for(tmp_path: Path):
    anatomies = [masked(levels=("L2", "L3", "L5"), sacrum=True), masked(levels=("L2", "L3", "L5"), sacrum=True)]
    # A person took L3 out: it is background, in every target.
    for anatomy in anatomies:
        anatomy.vertebrae.filter(level="L3").delete()
    expected = {"bodies": {"body": 1, "sacrum": 2}, "vertebrae": {"vertebra": 1, "sacrum": 2}}
    expected["verse"] = {"L2": 1, "L5": 2, "sacrum": 3}
    for target, names in expected.items():
        dataset = freeze_masks(target, None, target)
        folder = write_masks(dataset, tmp_path / target)
        described = json.loads((folder / "dataset.json").read_text())
        assert described["labels"] == {"background": 0, **names}
        image, labels = (
            loaded(folder / "imagesTr" / "case_0000_0000.nii.gz"),
            loaded(folder / "labelsTr" / "case_0000.nii.gz"),
        )
        np.testing.assert_array_equal(image, stack_volume(anatomies[0].stack).hu())
        depth = slice(4, 11) if target == "bodies" else slice(4, 14)
        wanted = np.zeros(labels.shape, dtype=np.uint8)
        wanted[3:9, BLOCKS[1], depth] = 1
        wanted[3:9, BLOCKS[3], depth] = 2 if target == "verse" else 1
        wanted[3:9, SACRUM_ROWS, 4:14] = names["sacrum"]
        np.testing.assert_array_equal(labels, wanted)
        splits = json.loads((folder / "splits.json").read_text())
        assert sorted(splits[0]["train"] + splits[0]["val"]) == ["case_0000", "case_0001"]
        assert len(splits[0]["val"]) == 1


def test_an_image_lies_in_the_patient_as_its_stack_does(tmp_path: Path):
    anatomy = masked()
    masked()
    write_masks(freeze_masks("Set", None), tmp_path / "raw")
    image: Any = nibabel.load(tmp_path / "raw" / "imagesTr" / "case_0000_0000.nii.gz")
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    np.testing.assert_allclose(lps, np.array(anatomy.stack.affine), atol=1e-4)


def test_the_sacrum_is_no_class_where_one_mask_is_silent_about_it():
    masked(levels=("L3", "L4", "L5"), sacrum=True)
    masked(levels=("T1", "T2", "T3"))
    assert freeze_masks("Silent thorax", None).recipe["sacrum"] is True
    masked(levels=("L3", "L4", "L5"))
    dataset = freeze_masks("Silent lumbar", None)
    assert dataset.recipe["sacrum"] is False
    assert class_names(*manifest_rows(dataset)) == {"body": 1}


def test_names_are_asked_for_only_where_they_are_taught():
    masked()
    masked(levels=("", "", ""))
    assert freeze_masks("Bodies", None).recipe["cases"] == 2
    with pytest.raises(Refusal, match="a vertebra has no name: 1"):
        freeze_masks("Names", None, "verse")
    with pytest.raises(Refusal, match=r"There is no target 'ribs'"):
        freeze_masks("Ribs", None, "ribs")


def test_a_confirmed_model_mask_counts_and_says_so():
    for _ in range(2):
        anatomy = masked(author=reader_of_model(make_model_reader().model_version))
        confirm(anatomy)
    _, rows = manifest_rows(freeze_masks("Checked", None))
    assert all(row.confirmed for row in rows)


def test_a_manifest_that_was_changed_is_not_believed():
    masked()
    masked()
    dataset = freeze_masks("Set", None)
    path = media_path(dataset.manifest)
    path.write_text(path.read_text().replace("L3", "L4"))
    with pytest.raises(Refusal, match=r"^The manifest of Set is missing or was changed"):
        manifest_rows(dataset)
