"""A tiny classifier is trained for real in a child: the same bytes for a seed, also when it is killed on the way.

That it learns is held by `test_tasks_train_classifier`, where a worker trains one on what the record holds.
"""

from __future__ import annotations

import hashlib
import json
import shutil
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
from inference.classifier.predict import run as predict
from tests.inference.classifier_sets import TINY, Simulated, asked, predicted, refused, simulated, write_set

EPOCHS = 3


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where sets and models lie; `few` is a set with two slices of each vertebra."""
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
        "simulated": True,
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
def straight(house: Path) -> tuple[Path, str, list[dict[str, Any]]]:
    """A training from its beginning to its end: the folder of its model, and what was said."""
    status, text, lines = ended(child("train", train_job(house, "straight", "few", epochs=EPOCHS)))
    assert status == 0, text
    assert {"stage": "Trained", "share": 1.0} in lines
    shares = [line["share"] for line in lines if "stage" in line]
    assert shares == sorted(shares)
    curves = {line["curve"] for line in lines if "curve" in line}
    assert curves == {"train loss", "validation loss", "vertebra average precision", "vertebra AUC"}
    return house / "straight", text, lines


@pytest.fixture(scope="module")
def trained(straight: tuple[Path, str, list[dict[str, Any]]]) -> Path:
    """A model that has learned a little."""
    return straight[0]


@pytest.fixture(scope="module")
def unseen() -> Simulated:
    return simulated(40)


def test_the_model_says_what_it_is_and_how_good_on_validation(trained: Path) -> None:
    content = json.loads((trained / "model.json").read_text())
    assert content["called"] == "tiny, random start"
    assert content["start"]["said"] == "random weights, not pretrained"
    assert content["metrics"]["split"] == "validation"
    assert (content["metrics"]["patients"], content["metrics"]["vertebrae"]) == (2, 10)
    assert content["simulated"] is True
    assert content["recipe_sha256"] == TINY.changed({"epochs": EPOCHS}).sha256()
    assert sorted(path.name for path in trained.iterdir()) == ["model.json", "model.safetensors"]
    result = json.loads((trained.parent / "work-straight" / "result.json").read_text())
    assert result["weights_sha256"] == content["weights_sha256"]
    assert result["epochs"] == len(result["curves"]) == EPOCHS


def test_the_same_seed_gives_the_same_bytes_also_through_kill_and_restart(house: Path, straight) -> None:
    job = train_job(house, "killed", "few", epochs=EPOCHS)
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
    status, text, resumed = ended(child("train", job))
    assert status == 0, text
    assert "Taken up after epoch" in text
    points = [[line for line in said if "curve" in line] for said in (straight[2], resumed)]
    assert points[0] == points[1], "the curves are whole and the same"
    for name in ("model.safetensors", "model.json"):
        hashes = {hashlib.sha256((house / run / name).read_bytes()).hexdigest() for run in ("straight", "killed")}
        assert len(hashes) == 1, name


def test_another_seed_gives_other_weights_and_a_finished_training_is_not_done_twice(house: Path, straight) -> None:
    other = child("train", train_job(house, "seed", "few", epochs=1, seed=6))
    kept = (house / "straight" / "model.safetensors").read_bytes()
    status, text, lines = ended(child("train", house / "straight.json"))
    assert status == 0, text
    assert f"Taken up after epoch {EPOCHS}." in text
    assert not any(line.get("stage", "").startswith("Training") for line in lines)
    assert (house / "straight" / "model.safetensors").read_bytes() == kept
    status, text, _ = ended(other)
    assert status == 0, text
    assert (house / "seed" / "model.safetensors").read_bytes() != kept


def test_a_checkpoint_that_cannot_be_read_is_left_out_and_the_training_begins_anew(house: Path, straight) -> None:
    job = train_job(house, "damaged", "few", epochs=EPOCHS)
    shutil.copytree(house / "work-straight", house / "work-damaged")
    checkpoints = house / "work-damaged" / "checkpoints"
    assert [path.name for path in checkpoints.iterdir()] == ["latest.ckpt"]
    (checkpoints / "latest.ckpt").write_bytes(b"no checkpoint")
    (checkpoints / "tmpabcdefgh").write_bytes(b"half a checkpoint")
    status, text, _ = ended(child("train", job))
    assert status == 0, text
    assert "latest.ckpt cannot be read (UnpicklingError) and is left out." in text
    assert "Taken up" not in text
    for name in ("model.safetensors", "model.json"):
        assert (house / "damaged" / name).read_bytes() == (house / "straight" / name).read_bytes(), name
    assert [path.name for path in checkpoints.iterdir()] == ["latest.ckpt"]


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


def test_a_case_is_predicted_by_the_child(trained: Path, unseen: Simulated, tmp_path: Path) -> None:
    job = asked(tmp_path, trained, unseen)
    (tmp_path / "job.json").write_text(json.dumps(job))
    status, text, lines = ended(child("predict", tmp_path / "job.json"))
    assert status == 0, text
    assert {"stage": "Classified", "share": 1.0} in lines
    found = json.loads((tmp_path / "out" / "predictions.json").read_text())
    same = predicted(tmp_path / "here", trained, unseen)
    assert found["vertebrae"] == same["vertebrae"], "the same wherever it runs"
    assert found["case"]["kind"] in ("fracture", "negative")
    assert set(found["seconds"]) == {"load", "cut", "classify"}
    assert found["model"]["weights_sha256"] == json.loads((trained / "model.json").read_text())["weights_sha256"]


def test_vertebrae_that_cannot_be_judged_are_never_negative(trained: Path, unseen: Simulated, tmp_path: Path) -> None:
    one = unseen
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


def test_a_case_without_vertebrae_or_with_another_grid_is_refused(
    trained: Path, unseen: Simulated, tmp_path: Path
) -> None:
    with refused("no-anatomy", "This case has no vertebrae yet."):
        predict(asked(tmp_path / "a", trained, unseen, bodies=[]))
    job = asked(tmp_path / "b", trained, unseen)
    np.save(tmp_path / "b" / "other.npy", np.zeros((3, 4, 5), dtype=np.uint8))
    with refused("bad-job", "They must agree"):
        predict({**job, "labels": str(tmp_path / "b" / "other.npy")})
    with refused("bad-job", "lacks something"):
        predict({**job, "volume": str(tmp_path / "none.npy")})
    with refused("not-a-model", "missing or unreadable"):
        predict({**job, "model": str(tmp_path)})
    assert not (tmp_path / "b" / "out").exists()
