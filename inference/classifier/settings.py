"""What may be set of a training, checked before anything is begun. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference.classifier.recipes import Recipe
from labeling.imaging.refusal import Refusal

__all__ = ["CHANGEABLE", "DEVICES", "TrainingSettings"]

CHANGEABLE = ("epochs", "batch", "learning_rate", "patience", "architecture")
"""Fields of a recipe that the settings of a job may change; the model is then called changed."""

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """The recipe as it is used, and what else a training is told; 0 threads for all cores."""

    recipe: Recipe
    seed: int
    device: str
    threads: int

    @classmethod
    def read(cls, recipe: str | Mapping[str, Any], given: Mapping[str, Any]) -> TrainingSettings:
        """Out of a recipe (its name, or all of it) and ``seed``, ``device``, ``threads`` and what of it is changed.

        Raises
        ------
        Refusal
            ``bad-recipe``, ``bad-settings``.
        """
        changes = dict(given)
        seed, device, threads = (
            changes.pop(name, usual) for name, usual in (("seed", 0), ("device", "auto"), ("threads", 0))
        )
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**31:
            raise _refused(f"The seed is {seed!r}. Give a whole number from 0 up.")
        if device not in DEVICES:
            raise _refused(f"There is no device {device!r}. There are auto, cpu and cuda.")
        if isinstance(threads, bool) or not isinstance(threads, int) or not 0 <= threads <= 1024:
            raise _refused(f"The number of threads is {threads!r}. Give a whole number, 0 for all cores.")
        unknown = sorted(set(changes) - set(CHANGEABLE))
        if unknown:
            raise _refused(f"There is no setting {unknown[0]!r}. There are {', '.join(CHANGEABLE)}.")
        return cls(Recipe.read(recipe).changed(changes), seed, device, threads)


def _refused(sentence: str) -> Refusal:
    return Refusal("bad-settings", sentence)
