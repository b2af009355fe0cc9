"""What a segmentation refuses: models that are none, volumes that show nothing, zip files that lead astray."""

from __future__ import annotations

import io
import json
import pickle
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.segmentation import models
from inference.segmentation.labels import meaning_of
from inference.segmentation.network import load
from inference.segmentation.packing import unpack_export
from inference.segmentation.predict import check_volume
from inference.segmentation.raw import read_dataset, take_over
from inference.segmentation.settings import TrainingSettings
from labeling.anatomy.levels import verse_of
from labeling.imaging.geometry import Geometry
from labeling.imaging.refusal import Refusal
from tests.inference import tiny

ROOT = Path(__file__).resolve().parents[2]


def refused(code: str) -> Any:
    return pytest.raises(Refusal, check=lambda error: error.code == code and error.sentence.endswith("."))


def geometry(shape: tuple[int, ...], spacing: float = 2.0) -> Geometry:
    one, two, three = shape
    return Geometry((one, two, three), np.diag([spacing, spacing, spacing, 1.0]))


# -- models ----------------------------------------------------------------------------------------------------------


def test_a_model_with_another_sha256_is_refused(tmp_path: Path):
    folder = tiny.untrained_model(tmp_path / "model")
    known = models.folder_sha256(folder)
    models.check_sha256(folder, known)
    (folder / "plans.json").write_text((folder / "plans.json").read_text() + " ")
    with refused("wrong-sha256"):
        models.check(folder, known)


def test_the_sha256_of_a_folder_knows_names_as_well_as_bytes(tmp_path: Path):
    for name, files in {
        "one": {"a": "xy", "b": ""},
        "two": {"a": "x", "b": "y"},
        "three": {"b": "xy", "a": ""},
    }.items():
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_text(text)
    assert len({models.folder_sha256(tmp_path / name) for name in ("one", "two", "three")}) == 3


def test_weights_of_another_network_are_refused(tmp_path: Path):
    folder = tiny.untrained_model(tmp_path / "model")
    plans = json.loads((folder / "plans.json").read_text())
    plans["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"]["features_per_stage"] = [8, 16]
    (folder / "plans.json").write_text(json.dumps(plans))
    with refused("wrong-architecture"):
        load(folder)


def test_a_network_that_is_not_of_nnunet_is_never_looked_up(tmp_path: Path):
    folder = tiny.untrained_model(tmp_path / "model")
    plans = json.loads((folder / "plans.json").read_text())
    plans["configurations"]["3d_fullres"]["architecture"]["network_class_name"] = "subprocess.Popen"
    (folder / "plans.json").write_text(json.dumps(plans))
    with refused("wrong-architecture"):
        load(folder)


class _Program:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("old", [False, True], ids=["zip", "plain pickle"])
def test_a_checkpoint_that_holds_a_program_is_refused_and_the_program_does_not_run(tmp_path: Path, old: bool):
    import torch

    folder = tiny.untrained_model(tmp_path / "model")
    path, ran = folder / "fold_0" / models.CHECKPOINT, tmp_path / "ran"
    content = {"network_weights": {}, "more": _Program(ran)}
    if old:
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    with refused("not-a-model"):
        load(folder)
    assert not ran.exists()


@pytest.mark.parametrize("damage", ["half", "empty", "text"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, damage: str):
    folder = tiny.untrained_model(tmp_path / "model")
    path = folder / "fold_0" / models.CHECKPOINT
    content = path.read_bytes()
    path.write_bytes({"half": content[: len(content) // 2], "empty": b"", "text": b"no checkpoint"}[damage])
    with refused("not-a-model"):
        load(folder)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path):
    import torch

    folder = tiny.untrained_model(tmp_path / "model")
    path = folder / "fold_0" / models.CHECKPOINT
    checkpoint = torch.load(path, weights_only=True)
    next(iter(checkpoint["network_weights"].values()))[0] = float("nan")
    torch.save(checkpoint, path)
    with refused("wrong-architecture"):
        load(folder)


@pytest.mark.parametrize("missing", ["plans.json", "dataset.json", "fold_0/checkpoint_final.pth"])
def test_a_folder_that_lacks_a_file_is_no_model(tmp_path: Path, missing: str):
    folder = tiny.untrained_model(tmp_path / "model")
    (folder / missing).unlink()
    with refused("not-a-model"):
        models.describe(folder)


def test_labels_are_read_by_their_names():
    assert meaning_of({"background": 0, "body": 1}).kind == "bodies"
    assert meaning_of({"background": 0, "vertebrae": 1, "sacrum": 2}).values == {1: 1, 2: 26}
    verse = meaning_of({"background": 0, "T12": 1, "T13": 2, "vertebrae_L1": 3, "sacrum": 4})
    assert verse.numbered
    assert verse.values == {1: verse_of("T12"), 2: verse_of("T13"), 3: verse_of("L1"), 4: 26}


@pytest.mark.parametrize(
    "labels",
    [
        {"background": 0, "liver": 1},
        {"background": 0, "body": 1, "L1": 2},
        {"background": 0, "body": [1, 2], "sacrum": 2},
        {"background": 0, "body": 2},
        {"background": 0, "sacrum": 1},
        {"background": 0, "L9": 1},
    ],
)
def test_labels_that_mean_nothing_here_are_refused(labels: dict[str, Any]):
    with refused("not-a-model"):
        meaning_of(labels)


# -- volumes ---------------------------------------------------------------------------------------------------------


def test_volumes_that_show_nothing_are_refused():
    shape = (20, 30, 30)
    noise = np.random.default_rng(1).normal(0, 300, shape)
    check_volume(noise.astype(np.int16), geometry(shape))
    noise[3, 4, 5] = np.nan
    with refused("nan-voxels"):
        check_volume(noise, geometry(shape))
    with refused("constant"):
        check_volume(np.full(shape, -1024, dtype=np.int16), geometry(shape))
    with refused("too-small"):
        check_volume(np.zeros((2, 30, 30), dtype=np.int16), geometry((2, 30, 30)))
    with refused("too-small"):
        check_volume(np.zeros(shape, dtype=np.int16), geometry(shape, 0.3))


def test_a_child_says_a_sentence_where_it_finds_no_vertebra(tmp_path: Path):
    folder = tiny.untrained_model(tmp_path / "model")
    silence(folder)
    job = tiny.predict_job(tmp_path / "case", folder, tiny.unseen())
    ended = subprocess.run(
        [sys.executable, "-m", "inference.segmentation", "predict", str(job)], cwd=ROOT, capture_output=True, text=True
    )
    said = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith('{"refused"')]
    assert ended.returncode == 3, ended.stderr
    assert [one["refused"] for one in said] == ["no-vertebra"]
    assert said[0]["sentence"].startswith("The mask is empty: no vertebra was found.")
    assert not (tmp_path / "case" / "out" / "done.json").exists()


def silence(folder: Path) -> None:
    """Make a model call everything background."""
    import torch

    path = folder / "fold_0" / models.CHECKPOINT
    checkpoint = torch.load(path, weights_only=True)
    for name, value in checkpoint["network_weights"].items():
        if "seg_layers" in name:
            value[:] = 0
            if name.endswith("bias"):
                value[0] = 1
    torch.save(checkpoint, path)


# -- training sets and settings --------------------------------------------------------------------------------------


def test_settings_that_make_no_training_are_refused():
    assert TrainingSettings.read(tiny.SETTINGS).plain() == {**TrainingSettings().plain(), **tiny.SETTINGS}
    for wrong in (
        {"epochs": 0},
        {"iterations": True},
        {"planner": "MyPlanner"},
        {"features": [8]},
        {"patch": [4, 4, 4]},
        {"spacing": [0.01, 1, 1]},
        {"learning_rate": 0},
        {"nonsense": 1},
        {"device": "tpu"},
        {"batch": 0},
    ):
        with refused("bad-settings"):
            TrainingSettings.read(wrong)


def test_training_sets_with_faults_are_refused(tmp_path: Path):
    from inference.segmentation.orientation import write_nifti

    with refused("bad-dataset"):
        read_dataset(tmp_path, 0)
    shape = (8, 9, 10)
    for part in ("imagesTr", "labelsTr"):
        (tmp_path / part).mkdir()
    for name in ("a", "b"):
        write_nifti(tmp_path / "imagesTr" / f"{name}_0000.nii.gz", np.full(shape, -50, dtype=np.int16), geometry(shape))
        write_nifti(tmp_path / "labelsTr" / f"{name}.nii.gz", np.ones(shape, dtype=np.uint8), geometry(shape))
    (tmp_path / "dataset.json").write_text(
        json.dumps({"labels": {"background": 0, "body": 1}, "file_ending": ".nii.gz"})
    )
    assert read_dataset(tmp_path, 0).names == ("a", "b")
    both, foreign = {"train": ["a"], "val": ["a"]}, {"train": ["a"], "val": ["c"]}
    for splits in ([], [foreign], [both], [{"train": ["a"], "val": []}]):
        (tmp_path / "splits.json").write_text(json.dumps(splits))
        with refused("bad-dataset"):
            read_dataset(tmp_path, 0)
    (tmp_path / "splits.json").write_text(json.dumps([{"train": ["a"], "val": ["b"]}]))
    write_nifti(tmp_path / "labelsTr" / "b.nii.gz", np.full(shape, 2, dtype=np.uint8), geometry(shape))
    with refused("bad-dataset"):
        take_over(read_dataset(tmp_path, 0), tmp_path / "work", lambda done, all_: None)
    write_nifti(tmp_path / "labelsTr" / "b.nii.gz", np.ones((8, 9, 11), dtype=np.uint8), geometry((8, 9, 11)))
    with refused("bad-dataset"):
        take_over(read_dataset(tmp_path, 0), tmp_path / "work", lambda done, all_: None)
    (tmp_path / "labelsTr" / "b.nii.gz").unlink()
    with refused("bad-dataset"):
        read_dataset(tmp_path, 0)


# -- zip files -------------------------------------------------------------------------------------------------------


def packed(path: Path, files: dict[str, bytes], **changes: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = changes.get(name.rsplit("/")[-1].replace(".", "_"), 0)
            opened.writestr(info, content)
    return path


def files_of(folder: Path, root: str = "") -> dict[str, bytes]:
    return {f"{root}{p.relative_to(folder).as_posix()}": p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_an_export_of_nnunet_is_unpacked_to_what_a_model_needs(tmp_path: Path):
    folder = tiny.untrained_model(tmp_path / "model")
    root = "Dataset501_Spine/nnUNetTrainer__nnUNetPlans__3d_fullres/"
    extra = {f"{root}fold_0/progress.png": b"png", f"{root}fold_0/debug.json": b"{}", "Dataset501_Spine/x.txt": b"x"}
    unpacked = unpack_export(packed(tmp_path / "a.zip", files_of(folder, root) | extra), tmp_path / "unpacked")
    assert files_of(unpacked) == files_of(folder)


@pytest.mark.parametrize("name", ["../plans.json", "/etc/plans.json", "a/../../plans.json", "C:\\plans.json"])
def test_a_zip_with_a_path_that_leads_outside_is_refused(tmp_path: Path, name: str):
    folder = tiny.untrained_model(tmp_path / "model")
    with refused("unsafe-zip"):
        unpack_export(packed(tmp_path / "a.zip", files_of(folder) | {name: b"x"}), tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()


def test_links_bombs_and_what_is_no_zip_are_refused(tmp_path: Path):
    folder = tiny.untrained_model(tmp_path / "model")
    link = packed(tmp_path / "link.zip", files_of(folder) | {"x": b"/etc/passwd"}, x=(stat.S_IFLNK | 0o777) << 16)
    with refused("unsafe-zip"):
        unpack_export(link, tmp_path / "unpacked")
    bomb = packed(tmp_path / "bomb.zip", files_of(folder) | {"fold_1/checkpoint_final.pth": bytes(20 << 20)})
    with refused("unsafe-zip"):
        unpack_export(bomb, tmp_path / "unpacked")
    long = b'{"note": "' + b"x " * (17 << 20) + b'"}'
    talk = packed(tmp_path / "talk.zip", files_of(folder) | {"sagittal.json": long})
    with refused("unsafe-zip"):
        unpack_export(talk, tmp_path / "unpacked")
    (tmp_path / "none.zip").write_bytes(b"no zip")
    with refused("not-a-zip"):
        unpack_export(tmp_path / "none.zip", tmp_path / "unpacked")
    whole = packed(tmp_path / "whole.zip", files_of(folder)).read_bytes()
    # One byte of the weights differs: the checksum of the archive says so.
    at = whole.index(b"checkpoint_final.pth") + 200
    (tmp_path / "damaged.zip").write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
    with refused("not-a-zip"):
        unpack_export(tmp_path / "damaged.zip", tmp_path / "unpacked")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr("readme.txt", "nothing")
    (tmp_path / "other.zip").write_bytes(buffer.getvalue())
    with refused("not-a-model"):
        unpack_export(tmp_path / "other.zip", tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()
    assert not (tmp_path / "unpacked.part").exists()
