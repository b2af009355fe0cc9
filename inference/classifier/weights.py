"""Networks and their weights: where training begins, and what it leaves. For the child: it needs torch.

Weights come from a file whose SHA-256 is given, from a package that is installed, or from nowhere, and then they are
called random. Nothing is ever fetched from a hub.
"""

from __future__ import annotations

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
from inference.classifier.sources import PACKAGES, file_of_weights, other_network
from labeling.imaging.refusal import Refusal

__all__ = ["Start", "load_model", "network", "save_weights", "start"]

CLASSES = 2

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
    # timm takes `hf-hub:…` and `local-dir:…` for names too, and would fetch or open what they name.
    if not isinstance(architecture, str) or {":", "/"} & set(architecture) or not timm.is_model(architecture):
        raise Refusal("wrong-architecture", f"There is no network {architecture!r} that can be built. Choose another.")
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
        ``{"kind": "random"}``, ``{"kind": "package", "name": ...}`` (see `sources`), or ``{"kind": "path", "path":
        ..., "sha256": ...}``: a .safetensors or .pth file of the recipe's architecture. The head is new unless the file
        has one with two outputs; a first layer of another number of channels is adapted.
    seed
        Of the random weights.

    Raises
    ------
    Refusal
        ``bad-weights`` for another kind, ``no-package``, ``wrong-sha256``, ``not-a-model``, ``wrong-architecture``.
    """
    found = file_of_weights(given, recipe.architecture)
    torch.manual_seed(seed)
    net = network(recipe.architecture, recipe.input_channels)
    if found is None:
        return net, Start("random", RANDOM)
    path, sha256 = found
    kind = str(given["kind"])
    if kind == "package":
        state, said = _of_package(path, recipe.architecture), f"ImageNet weights of the package {_name(given)}"
    else:
        state, said = _opened(path), f"weights from {path.name}"
    _take(net, state, recipe.architecture)
    return net, Start(kind, said, sha256)


def _name(given: Mapping[str, Any]) -> str:
    return str(given.get("name", next(iter(PACKAGES))))


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
        raise other_network(recipe.architecture, other)
    net.load_state_dict(state)
    return net.eval(), description


def _of_package(path: Path, architecture: str) -> dict[str, Tensor]:
    """The tensors of a package under the names that timm has for them; they come in the same order."""
    tensors = list(_opened(path).values())
    full = timm.create_model(architecture, pretrained=False).state_dict()
    if len(full) != len(tensors) or any(a.shape != b.shape for a, b in zip(full.values(), tensors, strict=False)):
        raise other_network(architecture, f"the tensors of {path.name} are others")
    return dict(zip(full, tensors, strict=True))


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
        raise other_network(architecture, other)
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


def _unreadable(path: Path, error: Exception) -> Refusal:
    return Refusal(
        "not-a-model", f"The weights in {path.name} cannot be read ({type(error).__name__}). Get them again."
    )
