"""A tiny nnU-Net, trained for real in a child process, killed once, taken up again, and asked about an unseen case."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from inference.segmentation.models import check, describe, folder_sha256
from inference.segmentation.packing import export, unpack_export
from tests.inference import tiny
from tests.inference.children import Child

pytestmark = pytest.mark.timeout(900)

LEAST_DICE = 0.8


@pytest.fixture(scope="module")
def predicted(killed_and_trained: tuple[Path, Child, Child]) -> tuple[Path, Child]:
    folder = killed_and_trained[0]
    child = Child("predict", tiny.predict_job(folder / "case", folder / "model", tiny.unseen()))
    assert child.finish() == 0, "\n".join(child.log[-20:])
    return folder / "case" / "out", child


def test_a_killed_training_goes_on_after_its_last_epoch(killed_and_trained: tuple[Path, Child, Child]):
    _, first, second = killed_and_trained
    assert first.process.returncode == -signal.SIGKILL
    epochs = set(range(1, tiny.SETTINGS["epochs"] + 1))
    before, after = first.curve("train loss"), second.curve("train loss")
    assert set(before) < epochs
    assert set(after) == epochs
    assert all(after[epoch] == loss for epoch, loss in before.items())
    assert any("Taken up after epoch" in line for line in second.log)
    assert sum("Already" in line for line in second.log) == 4


def test_the_share_of_a_job_only_grows(killed_and_trained: tuple[Path, Child, Child], predicted: tuple[Path, Child]):
    for child in (*killed_and_trained[1:], predicted[1]):
        shares = [one["share"] for one in child.said if "stage" in one]
        assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_every_body_of_an_unseen_case_is_found(predicted: tuple[Path, Child]):
    case, (out, _) = tiny.unseen(), predicted
    bodies = np.load(out / "bodies.npz")["labels"]
    truth = case.bodies > 0
    assert dice(bodies > 0, truth) > LEAST_DICE
    named = set()
    for one in case.vertebrae:
        if one.complete:
            own = case.bodies == one.label
            value = int(np.bincount(bodies[own]).argmax())
            assert value > 0, f"{one.level} was not found"
            assert dice(bodies == value, own) > LEAST_DICE, one.level
            named.add(value)
    assert len(named) == len(case.levels)


def test_what_is_said_of_the_vertebrae_fits_the_maps(predicted: tuple[Path, Child]):
    out, _ = predicted
    assert (out / "done.json").is_file()
    said = json.loads((out / "instances.json").read_text())
    bodies = np.load(out / "bodies.npz")["labels"]
    assert bodies.dtype == np.uint8
    assert len(said["items"]) == len(set(np.unique(bodies).tolist()) - {0})
    for item in said["items"]:
        assert item["certainty"] in ("assumed", "unknown")
        assert item["first_k"] <= item["last_k"] < bodies.shape[0]
    assert said["items"][0]["cut_where"] == "top"
    assert said["model"]["labels"] == "bodies"
    assert 0 < said["peak_bytes"] < 4 << 30
    assert set(said["seconds"]) >= {"segment", "find", "write"}


def test_a_trained_model_says_what_it_is_and_travels_as_a_zip(
    killed_and_trained: tuple[Path, Child, Child], tmp_path: Path
):
    model = killed_and_trained[0] / "model"
    facts = describe(model)
    assert (facts.labels, facts.classes, facts.spacing) == ("bodies", 2, (3.0, 3.0, 3.0))
    own = json.loads((model / "sagittal.json").read_text())
    assert len(own["curves"]["Dice"]) == tiny.SETTINGS["epochs"]
    assert own["metrics"]["Dice of patches"] > 0.5
    assert own["cases"] == {"train": 5, "val": 1}
    assert own["seconds"] > 0
    unpacked = unpack_export(export(model, tmp_path / "model.zip"), tmp_path / "unpacked")
    assert folder_sha256(unpacked) == folder_sha256(model)
    assert check(unpacked, folder_sha256(model)) == facts


def test_nnunet_itself_predicts_the_same(killed_and_trained: tuple[Path, Child, Child]):
    """A second opinion on turning, resampling, tiles and scores; they differ on the rim of bodies, by interpolation."""
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    from inference.segmentation.network import load
    from inference.segmentation.orientation import from_network, network_spacing, to_network
    from inference.segmentation.predict import segment

    model, case = killed_and_trained[0] / "model", tiny.unseen()
    ours = segment(load(model), case.hounsfield, case.geometry, device=torch.device("cpu"))
    predictor = nnUNetPredictor(use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(model), use_folds=(0,))
    image = np.ascontiguousarray(to_network(case.hounsfield))[None].astype(np.float32)
    theirs = from_network(predictor.predict_single_npy_array(image, {"spacing": list(network_spacing(case.geometry))}))
    assert dice(ours == 1, theirs == 1) > 0.97


def test_a_training_whose_last_checkpoint_is_torn_goes_on_from_the_one_before_and_stops_when_told(
    killed_and_trained: tuple[Path, Child, Child],
):
    folder = killed_and_trained[0]
    job = json.loads((folder / "train.json").read_text())
    job["out"] = str(folder / "longer")
    job["settings"] = job["settings"] | {"epochs": 200}
    path = folder / "longer.json"
    path.write_text(json.dumps(job))
    latest = next(folder.glob("work/results/**/checkpoint_latest.pth"))
    os.truncate(latest, latest.stat().st_size // 2)
    child = Child("train", path)
    for said in child.lines():
        if str(said.get("stage", "")).startswith("Training"):
            break
    begun = time.monotonic()
    os.kill(child.process.pid, signal.SIGTERM)
    assert child.finish() == 143
    # An iteration and the end of the interpreter; who supervises kills after a few seconds.
    assert time.monotonic() - begun < 30
    assert not (folder / "longer").exists()
    assert any("checkpoint_latest.pth cannot be read" in line for line in child.log)
    assert f"Taken up after epoch {tiny.SETTINGS['epochs'] - 1}." in child.log
    assert list(folder.glob("work/results/**/checkpoint_previous.pth"))
    assert not list(folder.glob("work/results/**/*.part"))


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other)))
