"""The parts of the classifier that need no training: recipes, frozen sets, augmentation, calibration, measures."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage
from sklearn.metrics import average_precision_score, roc_auc_score

from config.environment import ROOT
from inference.classifier.augment import augmented, generator
from inference.classifier.calibrate import Calibration, fit, threshold
from inference.classifier.data import training_loader, validation_loader
from inference.classifier.manifest import SliceWriter, read_slices
from inference.classifier.metrics import area_under_curve, average_precision, interval, pool
from inference.classifier.prepare import prepared
from inference.classifier.recipes import PAPER, SAGITTAL, Augmentation, Recipe
from labeling.imaging.vertebral_crops import CropFrame
from labeling.imaging.vertebral_recipes import PAPER_SLICES
from labeling.imaging.vertebral_slices import Metal, VertebralSlices
from tests.inference.classifier_sets import TINY_SLICES, refused

SMALL = replace(TINY_SLICES, name="small", canvas=16)


# -- recipes ---------------------------------------------------------------------------------------------------------


def test_the_recipe_paper_is_the_published_one_to_the_letter() -> None:
    assert (PAPER.architecture, PAPER.optimizer, PAPER.learning_rate, PAPER.momentum) == ("resnet18", "sgd", 0.001, 0.9)
    assert (PAPER.schedule, PAPER.step_epochs, PAPER.gamma, PAPER.batch, PAPER.epochs) == ("step", 7, 0.1, 32, 5)
    assert PAPER.augmentation == Augmentation(rotation_deg=15.0, zoom=(0.9, 1.1), flip=0.5)
    assert np.deg2rad(PAPER.augmentation.rotation_deg) == pytest.approx(np.pi / 12)
    assert (PAPER.selection, PAPER.patience, PAPER.balanced, PAPER.rule) == (
        "validation loss",
        None,
        False,
        "any slice",
    )
    assert PAPER.slices == PAPER_SLICES


def test_recipes_are_frozen_and_one_that_only_calls_itself_paper_is_refused() -> None:
    assert Recipe.read(json.loads(json.dumps(PAPER.plain()))) == PAPER
    assert Recipe.read("sagittal") is SAGITTAL
    assert Recipe.read(SAGITTAL.plain()).sha256() == SAGITTAL.sha256() != PAPER.sha256()
    with refused("bad-recipe", "calls itself paper and differs"):
        Recipe.read({**PAPER.plain(), "learning_rate": 0.01})
    # What another version of a recipe trained stays what it is.
    assert Recipe.read({**SAGITTAL.plain(), "version": 2, "epochs": 20}).name == "sagittal"
    changed = PAPER.changed({"epochs": 1})
    assert changed.name == "paper, changed"
    assert PAPER.changed({"epochs": 5}) is PAPER
    assert Recipe.read(changed.plain()) == changed


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ("mine", "There is no recipe 'mine'"),
        ({}, "This is no recipe"),
        ({**PAPER.plain(), "name": "x", "batch": 0}, "The setting batch is 0"),
        ({**PAPER.plain(), "name": "x", "optimizer": "adam"}, "There are sgd and adamw"),
        ({**PAPER.plain(), "name": "x", "learning_rate": -1.0}, "above zero"),
        ({**PAPER.plain(), "name": "x", "epochs": True}, "Give a whole number"),
        ({**SAGITTAL.plain(), "name": "x", "input_channels": 3}, "the network takes 3"),
        (
            {**SAGITTAL.plain(), "name": "x", "slices": {**SAGITTAL.slices.plain(), "canvas": 100_000}},
            "The canvas of the slices is 100000. Give a whole number from 8 to 1024.",
        ),
    ],
)
def test_what_makes_no_recipe_is_refused_with_a_sentence(given_, words) -> None:
    with refused("bad-recipe", words):
        Recipe.read(given_)


# -- frozen sets -----------------------------------------------------------------------------------------------------


def vertebra(key: int, count: int = 4, seed: int = 0) -> VertebralSlices:
    random = np.random.default_rng([seed, key])
    images = random.integers(0, 256, (count, 4, 16, 16), dtype=np.uint8)
    frame = CropFrame(np.eye(2, 3), (2, 3, 10, 9), (1.1, 1.1))
    return VertebralSlices(key, "L1", np.arange(count), images, frame, Metal())


def frozen(folder: Path, people: dict[str, tuple[str, list[int]]]) -> Path:
    """A set: patient -> split and the labels of the slices of one vertebra."""
    with SliceWriter(folder, SMALL) as writer:
        for number, (patient, (split, labels)) in enumerate(people.items()):
            uids = [f"1.{number}.{place}" for place in range(len(labels))]
            writer.add(
                vertebra(number, len(labels)),
                sop_uids=uids,
                labels=labels,
                case=f"c{number}",
                patient=patient,
                vertebra="v",
                split=split,
            )
    return folder


USUAL = {"a": ("training", [1, 0, 0, 0]), "b": ("training", [0, 0, 0]), "c": ("validation", [0, 1])}


def test_a_frozen_set_comes_back_as_it_was_written(tmp_path: Path) -> None:
    found = read_slices(frozen(tmp_path, USUAL), SMALL)
    assert found.images.shape == (9, 4, 16, 16)
    assert (found.images[4:7] == vertebra(1, 3).images).all()
    assert found.labels.tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 1]
    assert found.vertebrae.tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2]
    assert found.training.tolist() == [True] * 7 + [False] * 2
    assert found.patient_names == ("a", "b", "c")
    assert found.sop_uids[-1] == "1.2.1"
    assert found.sha256 == read_slices(frozen(tmp_path / "again", USUAL), SMALL).sha256


@pytest.mark.parametrize(
    ("people", "code", "words"),
    [
        ({**USUAL, "d": ("test", [1])}, "test-patient", "Line 10 of the manifest names a patient of the test split"),
        ({**USUAL, "d": ("elsewhere", [1])}, "bad-manifest", "the split 'elsewhere'"),
        ({"a": USUAL["a"], "b": USUAL["b"]}, "no-validation", "no slice for validation"),
        ({"b": USUAL["b"], "c": USUAL["c"]}, "one-class", "No slice for training is fractured"),
        ({}, "bad-manifest", "names 0 slices"),
    ],
)
def test_a_set_that_cannot_be_trained_on_is_refused(tmp_path: Path, people, code, words) -> None:
    with refused(code, words):
        read_slices(frozen(tmp_path, people), SMALL)


def test_a_patient_never_trains_and_validates(tmp_path: Path) -> None:
    with SliceWriter(tmp_path, SMALL) as writer:
        for key, split in ((0, "training"), (1, "validation")):
            writer.add(
                vertebra(key, 2),
                sop_uids=["1", "2"],
                labels=[0, 1],
                case=f"c{key}",
                patient="anna",
                vertebra="v",
                split=split,
            )
    with refused("patient-in-both", "The patient anna stands in training and in validation"):
        read_slices(tmp_path, SMALL)


def test_files_that_were_changed_are_named(tmp_path: Path) -> None:
    source = frozen(tmp_path / "source", USUAL)
    for number, (name, harm, code) in enumerate(
        [
            ("images.raw", lambda path: path.write_bytes(path.read_bytes()[:-1]), "wrong-sha256"),
            (
                "manifest.jsonl",
                lambda path: path.write_text(path.read_text().replace("1.2.1", "1.2.9")),
                "wrong-sha256",
            ),
            ("images.raw", Path.unlink, "not-a-dataset"),
            ("dataset.json", Path.unlink, "not-a-dataset"),
            ("dataset.json", lambda path: path.write_text("{"), "not-a-dataset"),
        ]
    ):
        folder = tmp_path / str(number)
        shutil.copytree(source, folder)
        harm(folder / name)
        with refused(code, name if code == "wrong-sha256" else "Freeze the set again"):
            read_slices(folder, SMALL)
    with refused("wrong-recipe", "were cut by the recipe small"):
        read_slices(source, TINY_SLICES)


def test_a_set_whose_writing_was_broken_off_is_none(tmp_path: Path) -> None:
    frozen(tmp_path, USUAL)
    entry = {"case": "c", "patient": "p", "vertebra": "v", "split": "training"}
    writer = SliceWriter(tmp_path, SMALL)
    writer.add(vertebra(0, 1), sop_uids=["1"], labels=[1], **entry)
    with pytest.raises(ValueError, match="They must agree"), writer:
        writer.add(vertebra(0, 2), sop_uids=["1"], labels=[1], **entry)
    with refused("not-a-dataset", "no complete set"):
        read_slices(tmp_path, SMALL)


def test_what_a_worker_imports_brings_no_torch() -> None:
    names = ("recipes", "description", "manifest", "metrics", "calibrate", "stopping", "__main__", "train", "predict")
    code = f"import sys, {', '.join(f'inference.classifier.{name}' for name in names)}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# -- batches ---------------------------------------------------------------------------------------------------------


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone(tmp_path: Path) -> None:
    found = read_slices(frozen(tmp_path, USUAL), SMALL)

    def order(seed: int, epoch: int) -> list[int]:
        loader = training_loader(found, 3, seed, balanced=False)
        loader.batch_sampler.sampler.set_epoch(epoch)
        batches = list(loader)
        assert [len(batch.labels) for batch in batches] == [3, 3, 1]
        assert all((batch.images.numpy() == found.images[batch.places.numpy()]).all() for batch in batches)
        assert all((batch.labels.numpy() == found.labels[batch.places.numpy()]).all() for batch in batches)
        return [int(place) for batch in batches for place in batch.places]

    assert order(1, 2) == order(1, 2)
    assert sorted(order(1, 2)) == list(range(7))
    assert len({tuple(order(seed, epoch)) for seed in range(4) for epoch in range(4)}) > 8
    assert [int(p) for batch in validation_loader(found, 2) for p in batch.places] == [7, 8]


def test_balanced_batches_hold_as_many_fractures_as_others(tmp_path: Path) -> None:
    found = read_slices(frozen(tmp_path, {**USUAL, "d": ("training", [0] * 60 + [1] * 3)}), SMALL)
    loader = training_loader(found, 16, 0, balanced=True)
    labels = []
    for epoch in range(20):
        loader.batch_sampler.sampler.set_epoch(epoch)
        labels += [int(label) for batch in loader for label in batch.labels]
    assert np.mean(labels) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_an_epoch_whose_logits_are_no_numbers_is_never_the_best(tmp_path: Path, wrong: float) -> None:
    from inference.classifier.module import SliceClassifier

    class Net(torch.nn.Module):
        value = wrong

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.tensor([[0.0, self.value]]).repeat(len(images), 1)

    found, net = read_slices(frozen(tmp_path, USUAL), SMALL), Net()
    module = SliceClassifier(net, SAGITTAL, found, 0, {})

    def validate(value: float) -> None:
        net.value = value
        module.on_validation_epoch_start()
        for place, batch in enumerate(validation_loader(found, 2)):
            module.validation_step(batch, place)
        module.on_validation_epoch_end()

    validate(wrong)
    assert (module.best_value, module.best_loss) == (np.inf, np.inf)
    validate(1.0)
    assert (module.best_epoch, np.isfinite(module.best_value)) == (1, True)
    kept = module.best_value, module.best_loss
    validate(wrong)
    assert (module.best_epoch, module.best_value, module.best_loss) == (1, *kept)


# -- augmentation ----------------------------------------------------------------------------------------------------

CONTENT = torch.tensor([[5, 4, 21, 26]])
CROP = (slice(5, 26), slice(4, 30))


def picture(channels: int = 1) -> torch.Tensor:
    images = torch.zeros(1, channels, 32, 32)
    smooth = ndimage.gaussian_filter(np.random.default_rng(3).random((channels, 21, 26)), (0, 2, 2)).astype(np.float32)
    images[0][:, CROP[0], CROP[1]] = torch.from_numpy(smooth)
    return images


def test_without_any_augmentation_a_batch_stays_as_it_is() -> None:
    images = picture(4)
    out = augmented(images, CONTENT, Augmentation(), generator(0, 0, 0), True, True)
    assert torch.allclose(out, images, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_turning_and_zooming_are_those_of_scipy_and_the_canvas_stays_empty(seed: int) -> None:
    how = Augmentation(rotation_deg=15.0, zoom=(0.9, 1.1))
    numbers = generator(seed, 0, 0)
    images = picture()
    out = augmented(images, CONTENT, how, numbers, False, False)[0, 0].numpy()
    drawn = generator(seed, 0, 0)
    turn = (2 * float(torch.rand(1, generator=drawn)) - 1) * np.pi / 12
    zoom = 0.9 + 0.2 * float(torch.rand(1, generator=drawn))
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) / zoom
    crop = images[0, 0].numpy()[CROP]
    middle = (np.array(crop.shape) - 1) / 2
    expected = ndimage.affine_transform(crop, matrix, middle - matrix @ middle, order=1, mode="nearest")
    assert np.abs(out[CROP] - expected).max() < 1e-4
    around = out.copy()
    around[CROP] = 0
    assert not around.any()


def test_a_mirror_image_runs_front_to_back_and_neighbours_change_places() -> None:
    images = picture(4)
    flipped = augmented(images, CONTENT, Augmentation(flip=1.0), generator(1, 0, 0), True, True)
    assert torch.allclose(flipped[0][:, CROP[0], CROP[1]], images[0][:, CROP[0], CROP[1]].flip(-1), atol=1e-5)
    swapped = augmented(images, CONTENT, Augmentation(swap=1.0), generator(1, 0, 0), True, True)
    assert torch.allclose(swapped, images[:, [2, 1, 0, 3]], atol=1e-5)


def test_grain_and_brightness_leave_mask_and_surroundings_alone_and_stay_in_range() -> None:
    images = picture(4)
    how = Augmentation(gain=0.2, offset=0.2, noise=0.1)
    out = augmented(images, CONTENT, how, generator(1, 0, 0), True, True)
    assert torch.allclose(out[:, 3], images[:, 3], atol=1e-5)
    assert not torch.allclose(out[:, :3], images[:, :3], atol=0.01)
    assert float(out.min()) >= 0
    assert float(out.max()) <= 1
    assert not out[0, :, :5].any()
    again = augmented(images, CONTENT, how, generator(1, 0, 0), True, True)
    assert (out == again).all()


def test_a_grey_slice_enters_all_channels_of_the_published_network() -> None:
    images = torch.rand(2, 1, 8, 8)
    assert (prepared(images, PAPER) == images.expand(-1, 3, -1, -1)).all()
    four = torch.rand(2, 4, 8, 8)
    assert torch.allclose(prepared(four, SAGITTAL), (four - 0.498) / 0.502)


# -- calibration and measures ----------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.floats(0.2, 3.0), st.floats(-1.0, 1.0), st.integers(0, 1000))
def test_calibration_finds_the_slope_and_offset_that_made_the_labels(slope, offset, seed) -> None:
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, 4000)
    labels = random.random(4000) < Calibration("", slope, offset, "")(logits)
    found = fit(logits, labels)
    assert found.kind == "platt"
    assert found.slope == pytest.approx(slope, rel=0.25, abs=0.1)  # six standard errors
    assert found.offset == pytest.approx(offset, abs=0.25)
    assert abs(found(logits).mean() - labels.mean()) < 0.01


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(-500, 500), st.booleans()), min_size=1, max_size=40))
def test_calibration_keeps_the_order_and_never_leaves_zero_to_one(pairs) -> None:
    logits, labels = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    found = fit(logits, labels)
    assert found.slope >= 0.01
    p = found(np.sort(logits))
    assert ((p >= 0) & (p <= 1)).all()
    assert (np.diff(p) >= 0).all()
    if labels.all() or not labels.any():
        assert found.kind == "none"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(-20, 20), st.booleans()), min_size=2, max_size=40))
def test_calibrated_scores_are_as_great_on_average_as_fractures_are_frequent(pairs) -> None:
    logits, labels = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    assume(labels.any() and not labels.all())
    many, few = labels.sum(), (~labels).sum()
    targets = np.where(labels, (many + 1) / (many + 2), 1 / (few + 2))
    assert fit(logits, labels)(logits).mean() == pytest.approx(targets.mean(), abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=60))
def test_measures_are_those_of_scikit_learn(pairs) -> None:
    scores, labels = np.array([float(a) for a, _ in pairs]), np.array([b for _, b in pairs])
    if labels.any():
        assert average_precision(labels, scores) == pytest.approx(average_precision_score(labels, scores))
    if labels.any() and not labels.all():
        assert area_under_curve(labels, scores) == pytest.approx(roc_auc_score(labels, scores))
    else:
        assert np.isnan(area_under_curve(labels, scores))


def test_an_interval_draws_patients_and_holds_the_value() -> None:
    random = np.random.default_rng(1)
    labels = random.random(120) < 0.3
    scores = labels + random.normal(0, 1, 120)
    low, high = interval(area_under_curve, labels, scores, np.arange(120) // 6, draws=500)
    assert low < area_under_curve(labels, scores) < high
    assert interval(area_under_curve, labels, np.zeros(120), np.arange(120) // 6, draws=50) == (0.5, 0.5)
    assert np.isnan(interval(area_under_curve, labels, scores, np.zeros(120), draws=50)).all(), (
        "one patient is no range"
    )


def test_a_vertebra_pools_its_slices() -> None:
    vertebrae = np.array([7, 3, 7, 3, 7, 7, 9])
    logits = [1.0, -1.0, 4.0, -3.0, 2.0, 3.0, 0.5]
    labels, patients = np.array([0, 0, 1, 0, 0, 0, 0]), np.array([1, 0, 1, 0, 1, 1, 2])
    greatest = pool(logits, vertebrae, "max", labels, patients)
    assert greatest.vertebrae.tolist() == [3, 7, 9]
    assert greatest.logits.tolist() == [-1.0, 4.0, 0.5]
    assert greatest.labels.tolist() == [False, True, False]
    assert greatest.patients.tolist() == [0, 1, 2]
    assert pool(logits, vertebrae, "top3").logits.tolist() == [-2.0, 3.0, 0.5]
    assert len(pool([], np.array([], dtype=np.int64), "top3").logits) == 0


def test_the_threshold_lies_between_scores_where_both_errors_together_are_least() -> None:
    assert threshold([0.1, 0.2, 0.6, 0.9], [False, False, True, True]) == pytest.approx(0.4)
    assert threshold([0.1, 0.2], [False, False]) == 0.5
    assert threshold([0.3, 0.3, 0.3], [True, False, True]) < 0.3
