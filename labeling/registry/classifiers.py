"""What the registry keeps of a classifier, out of what its model.json says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["recipe_of"]

_KEPT = (
    "called", "recipe", "recipe_sha256", "weights_sha256", "start", "calibration", "threshold", "seed", "epoch",
    "packages",
)  # fmt: skip


def recipe_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """`ModelVersion.recipe` of a classifier.

    ``called`` (the recipe in words), ``recipe`` (all of it), ``recipe_sha256``, ``slices`` (name of the slice
    recipe), ``weights_sha256``, ``start`` (``kind``, ``said``, ``sha256`` of the weights that training began with),
    ``calibration``, ``threshold``, ``rule``, ``seed``, ``epoch`` (the one that was kept), ``packages``,
    ``trained_on`` (SHA-256 of the images), and ``simulated`` (trained on simulated CT alone).
    """
    recipe = said["recipe"]
    about = {"slices": recipe["slices"]["name"], "rule": recipe["rule"], "trained_on": said["dataset"]}
    return {name: said[name] for name in _KEPT} | about | {"simulated": said.get("simulated") is True}
