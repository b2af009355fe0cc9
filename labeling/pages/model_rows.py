"""A model version as the pages draw it: metrics in words, what it was trained on, how many cases it has worked on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from labeling.models import ModelState, ModelVersion
from labeling.pages.classifier_words import is_random_start, metric_line, short_metric
from labeling.pages.job_rows import elapsed_words

__all__ = ["KINDS", "ModelRow", "is_simulated", "metric_words"]

#: kind -> (heading, what its count of cases means)
KINDS = {
    "segmentation": ("Segmentation, nnU-Net", "segmented"),
    "classifier": ("Classifier, slices to fracture", "pre-labelled"),
    "morphometry": ("Without training", "read"),
}
#: state -> (class of the chip, icon)
_CHIPS = {
    ModelState.CANDIDATE: ("chip-line", ""),
    ModelState.ACTIVE: ("chip-accent", "check"),
    ModelState.RETIRED: ("chip-none", ""),
}
METRICS_IN_LIST = 2
#: The order of a list.
STATES = (ModelState.ACTIVE, ModelState.CANDIDATE, ModelState.RETIRED)


def is_simulated(model: ModelVersion) -> bool:
    """Whether it has seen no real CT. Said wherever the model is named."""
    masks = model.dataset.recipe if model.dataset is not None else {}
    return True in (model.recipe.get("simulated"), masks.get("simulated")) or "simulated" in model.name.lower()


def metric_words(metrics: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Name and value of each number, nested ones as 'Dice: L1'; what decides comes first, the time it took last.

    Shares keep three digits; lists are left out. The database keeps no order of names, so one is made here.
    """
    found: list[tuple[str, str]] = []
    for name in sorted(metrics, key=_rank):
        value = metrics[name]
        words = f"{before}: {name}" if before else str(name)
        words = words.replace("_", " ")
        if isinstance(value, Mapping):
            found += metric_words(value, words)
        elif name == "seconds" and isinstance(value, int | float):
            found.append((words.replace("seconds", "took"), elapsed_words(timedelta(seconds=value))))
        elif isinstance(value, bool):
            found.append((words, "yes" if value else "no"))
        elif isinstance(value, int):
            found.append((words, f"{value:,}"))
        elif isinstance(value, float):
            found.append((words, f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"))
        elif isinstance(value, str) and value:
            found.append((words, value))
    return found


def _rank(name: str) -> tuple[int, str]:
    """Whole cases before patches of them, other numbers after both."""
    words = name.lower()
    return (3 if words == "seconds" else 2 if "dice" not in words else 0 if "whole" in words else 1, words)


@dataclass(frozen=True)
class ModelRow:
    """One version in a list."""

    model: ModelVersion
    cases: int

    @property
    def chip(self) -> str:
        return _CHIPS[ModelState(self.model.state)][0]

    @property
    def icon(self) -> str:
        return _CHIPS[ModelState(self.model.state)][1]

    @property
    def short_sha(self) -> str:
        return f"{self.model.sha256[:4]}…{self.model.sha256[-4:]}"

    @property
    def simulated(self) -> bool:
        return is_simulated(self.model)

    @property
    def metrics(self) -> str:
        """The first numbers, in one line; of a classifier the one that tells most, with its interval."""
        if self.model.kind == "classifier" and "vertebra AUC" in self.model.metrics:
            return short_metric(self.model.metrics)
        return ", ".join(f"{name} {value}" for name, value in metric_words(self.model.metrics)[:METRICS_IN_LIST])

    @property
    def is_random_start(self) -> bool:
        return is_random_start(self.model)

    @property
    def measured_on(self) -> str:
        """How much the metrics rest on; '' where that is not known."""
        return metric_line(self.model.metrics) if self.model.kind == "classifier" else ""

    @property
    def notes(self) -> str:
        """What is said wherever the version is named."""
        said = ["trained on simulated CT"] if self.simulated else []
        return ", ".join([*said, "random start"] if is_random_start(self.model) else said)

    @property
    def by(self) -> str:
        user = self.model.by
        return "" if user is None else user.get_full_name() or user.get_username()

    @property
    def rank(self) -> int:
        return STATES.index(ModelState(self.model.state))

    @property
    def is_active(self) -> bool:
        return self.model.state == ModelState.ACTIVE

    @property
    def has_files(self) -> bool:
        return bool(self.model.folder)
