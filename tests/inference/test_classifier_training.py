"""A tiny classifier is trained for real on simulated spines: it learns, and it survives being killed."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.environment import ROOT
from inference.classifier.metrics import area_under_curve, interval
from inference.classifier.predict import run as predict
from labeling.imaging.vertebral_slices import BodyPlace
from tests.inference.classifier_sets import TINY, Simulated, refused, simulated, write_set

TRAINING, VALIDATION, HELD_OUT = range(0, 16), range(20, 27), range(40, 54)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where sets and models lie; `few` is a set with two slices of each vertebra, to try restarts on."""
    folder = tmp_path_factory.mktemp("classifier")
    write_set(folder / "few", {0: "training", 1: "training", 2: "training", 20: "validation", 21: "validation"}, cut=2)
    return folder


def train_job(house: Path, name: str, dataset: str, **settings: Any) -> Path:
    job = {
        "dataset": str(house / dataset),
        "work": str(house / f"work-{name}"),
        "out": str(house / name),
        "recipe": TINY.plain(),
        "weights": {"kind": "random"},
        "settings": {"seed": 5, "threads": 1, "device": "cpu", **settings},
    }
    path = house / f"{name}.json"
    path.write_text(json.dumps(job))
    return path


def child(verb: str, job: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "inference.classifier", verb, str(job)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, list[dict[str, Any]]]:
    """Exit status, everything that was said, and its lines of JSON."""
    text, _ = process.communicate(timeout=280)
    return process.returncode, text, [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def trained(house: Path) -> Path:
    """A model trained on simulated spines."""
    write_set(house / "set", {**dict.fromkeys(TRAINING, "training"), **dict.fromkeys(VALIDATION, "validation")})
    status, text, lines = ended(child("train", train_job(house, "model", "set")))
    assert status == 0, text
    assert {"stage": "Trained", "share": 1.0} in lines
    shares = [line["share"] for line in lines if "stage" in line]
    assert shares == sorted(shares)
    curves = {line["curve"] for line in lines if "curve" in line}
    assert curves == {"train loss", "validation loss", "vertebra average precision", "vertebra AUC"}
    return house / "model"


@pytest.fixture(scope="module")
def held_out() -> list[Simulated]:
    return [simulated(seed) for seed in HELD_OUT]


def asked(tmp_path: Path, model: Path, one: Simulated, bodies: list[BodyPlace] | None = None) -> dict[str, Any]:
    """A predict job for a simulated case."""
    tmp_path.mkdir(exist_ok=True)
    np.save(tmp_path / "volume.npy", one.case.hounsfield)
    np.savez_compressed(tmp_path / "labels.npz", labels=one.case.bodies)
    chosen = one.bodies if bodies is None else bodies
    fields = ("key", "level", "label_value", "first_k", "last_k", "box", "cut", "mask_ok")
    return {
        "model": str(model),
        "volume": str(tmp_path / "volume.npy"),
        "affine": one.case.geometry.affine.tolist(),
        "labels": str(tmp_path / "labels.npz"),
        "vertebrae": [{name: getattr(body, name) for name in fields} for body in chosen],
        "out": str(tmp_path / "out"),
        "device": "cpu",
        "threads": 1,
    }


def predicted(tmp_path: Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
    predict(asked(tmp_path, *args, **kwargs))
    found: dict[str, Any] = json.loads((tmp_path / "out" / "predictions.json").read_text())
    return found


def test_held_out_vertebrae_are_told_apart_better_than_by_chance(trained, held_out, tmp_path) -> None:
    scores, labels, patients, right = [], [], [], 0
    for number, one in enumerate(held_out):
        found = predicted(tmp_path / str(number), trained, one)
        for said in found["vertebrae"]:
            assert said["verdict"] in ("fracture", "negative"), said["reason"]
            assert len(said["ks"]) == len(said["p"]) == len(said["fractured"]) >= 3
            assert (said["verdict"] == "fracture") == any(said["fractured"])
            assert 0 <= said["score"] <= 1
            scores.append(said["score"])
            labels.append(bool(one.positive[said["key"]]))
            patients.append(number)
            right += (said["verdict"] == "fracture") == labels[-1]
    assert len(labels) >= 60
    assert 15 <= sum(labels) <= len(labels) - 15
    low, _ = interval(area_under_curve, labels, scores, patients)
    assert low > 0.5, f"AUC {area_under_curve(labels, scores):.3f}, from {low:.3f}"
    assert right > max(sum(labels), len(labels) - sum(labels)), "a constant guess is as good"


def test_the_model_says_what_it_is_and_how_good_on_validation(trained: Path) -> None:
    content = json.loads((trained / "model.json").read_text())
    assert content["called"] == "tiny, random start"
    assert content["start"]["said"] == "random weights, not pretrained"
    assert content["metrics"]["split"] == "validation"
    assert content["metrics"]["patients"] == len(VALIDATION)
    assert content["metrics"]["vertebrae"] == 5 * len(VALIDATION)
    assert content["calibration"]["vertebrae"]["kind"] == "platt"
    assert content["recipe_sha256"] == TINY.sha256()
    assert sorted(path.name for path in trained.iterdir()) == ["model.json", "model.safetensors"]
    result = json.loads((trained.parent / "work-model" / "result.json").read_text())
    assert result["weights_sha256"] == content["weights_sha256"]
    assert result["epochs"] == len(result["curves"]) <= TINY.epochs
    assert result["epochs"] - result["epoch"] <= TINY.patience


def test_the_same_seed_gives_the_same_bytes_also_through_kill_and_restart(house: Path) -> None:
    straight = child("train", train_job(house, "straight", "few", epochs=3))
    job = train_job(house, "killed", "few", epochs=3)
    broken = child("train", job)
    assert broken.stdout is not None
    for line in broken.stdout:
        if '"curve"' in line:
            break
    broken.send_signal(signal.SIGKILL)
    broken.communicate(timeout=30)
    assert not (house / "killed" / "model.json").exists()
    # What a death in mid-write leaves behind.
    (house / "work-killed" / "checkpoints" / "latest.part").write_bytes(b"half a checkpoint")
    again = child("train", job)
    status, text, lines = ended(straight)
    assert status == 0, text
    status, text, resumed = ended(again)
    assert status == 0, text
    assert "Taken up after epoch" in text
    points = [[line for line in said if "curve" in line] for said in (lines, resumed)]
    assert points[0] == points[1], "the curves are whole and the same"
    for name in ("model.safetensors", "model.json"):
        hashes = {hashlib.sha256((house / run / name).read_bytes()).hexdigest() for run in ("straight", "killed")}
        assert len(hashes) == 1, name


def test_another_seed_gives_other_weights_and_a_finished_training_is_not_done_twice(house: Path) -> None:
    status, text, _ = ended(child("train", train_job(house, "seed", "few", epochs=1, seed=6)))
    assert status == 0, text
    first = (house / "seed" / "model.safetensors").read_bytes()
    status, text, lines = ended(child("train", house / "seed.json"))
    assert status == 0, text
    assert "Taken up after epoch 1." in text
    assert not any(line.get("stage", "").startswith("Training") for line in lines)
    assert (house / "seed" / "model.safetensors").read_bytes() == first


def test_a_cancelled_training_ends_soon_and_leaves_no_model(house: Path) -> None:
    process = child("train", train_job(house, "cancelled", "few", epochs=500, patience=500))
    assert process.stdout is not None
    for line in process.stdout:
        if "Training: epoch" in line:
            break
    begun = time.monotonic()
    process.terminate()
    text, _ = process.communicate(timeout=30)
    assert process.returncode == 143, text
    assert time.monotonic() - begun < 15
    assert "The training was stopped" in text
    assert not (house / "cancelled" / "model.json").exists()


def test_what_cannot_be_trained_is_said_in_one_line(house: Path, tmp_path: Path) -> None:
    job = train_job(house, "refused", "nowhere")
    status, _, lines = ended(child("train", job))
    assert status == 3
    assert lines[-1]["refused"] == "not-a-dataset"
    assert "Freeze the set again" in lines[-1]["sentence"]
    (tmp_path / "job.json").write_text("[")
    status, _, lines = ended(child("predict", tmp_path / "job.json"))
    assert (status, lines[-1]["refused"]) == (3, "bad-job")


def test_a_case_is_predicted_by_the_child(trained: Path, held_out: list[Simulated], tmp_path: Path) -> None:
    job = asked(tmp_path, trained, held_out[0])
    (tmp_path / "job.json").write_text(json.dumps(job))
    status, text, lines = ended(child("predict", tmp_path / "job.json"))
    assert status == 0, text
    assert {"stage": "Classified", "share": 1.0} in lines
    found = json.loads((tmp_path / "out" / "predictions.json").read_text())
    same = predicted(tmp_path / "here", trained, held_out[0])
    assert found["vertebrae"] == same["vertebrae"], "the same wherever it runs"
    assert found["case"]["kind"] in ("fracture", "negative")
    assert set(found["seconds"]) == {"load", "cut", "classify"}
    assert found["model"]["weights_sha256"] == json.loads((trained / "model.json").read_text())["weights_sha256"]


def test_vertebrae_that_cannot_be_judged_are_never_negative(trained: Path, held_out, tmp_path: Path) -> None:
    one = held_out[1]
    thin = replace(one.bodies[1], first_k=one.bodies[1].first_k + 4, last_k=one.bodies[1].first_k + 4)
    bodies = [replace(one.bodies[0], mask_ok="missing"), thin, *one.bodies[2:]]
    found = predicted(tmp_path / "some", trained, one, bodies=bodies)
    assert [said["why"] for said in found["vertebrae"]] == ["mask_missing", "no_slice", "", "", ""]
    assert [said["verdict"] for said in found["vertebrae"][:2]] == ["not_assessable"] * 2
    assert found["vertebrae"][1]["score"] is None
    assert found["vertebrae"][1]["reason"].startswith("Too few slices: 1 slice ")
    assert found["case"]["kind"] != "negative"
    assert "3 of 5 assessed" in found["case"]["text"]
    cut = predicted(tmp_path / "cut", trained, one, bodies=[replace(body, cut=True) for body in one.bodies])
    assert {said["why"] for said in cut["vertebrae"]} == {"cut"}
    assert cut["case"]["text"] == "no complete vertebra in view"


def test_a_case_without_vertebrae_or_with_another_grid_is_refused(trained: Path, held_out, tmp_path: Path) -> None:
    with refused("no-anatomy", "This case has no vertebrae yet."):
        predict(asked(tmp_path / "a", trained, held_out[0], bodies=[]))
    job = asked(tmp_path / "b", trained, held_out[0])
    np.save(tmp_path / "b" / "other.npy", np.zeros((3, 4, 5), dtype=np.uint8))
    with refused("bad-job", "They must agree"):
        predict({**job, "labels": str(tmp_path / "b" / "other.npy")})
    with refused("bad-job", "lacks something"):
        predict({**job, "volume": str(tmp_path / "none.npy")})
    with refused("not-a-model", "missing or unreadable"):
        predict({**job, "model": str(tmp_path)})
    assert not (tmp_path / "b" / "out").exists()
