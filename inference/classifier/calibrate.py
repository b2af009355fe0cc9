"""From logits to probabilities that mean what they say, fitted on validation alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["LEAST_SLOPE", "NONE", "Calibration", "fit", "threshold"]

Floats = NDArray[np.float64]

LEAST_SLOPE = 0.01
"""Below it the order of the scores would be lost."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """p = 1 / (1 + exp(-(slope * logit + offset))).

    kind
        ``platt`` (slope and offset) or ``none``.
    note
        A sentence on what it rests on.
    """

    kind: str
    slope: float
    offset: float
    note: str

    def __call__(self, logits: ArrayLike) -> Floats:
        value = self.slope * np.asarray(logits, dtype=np.float64) + self.offset
        # Both branches of the usual formula, so that no exponential grows beyond bounds.
        small = np.exp(-np.abs(value))
        probability: Floats = np.where(value >= 0, 1 / (1 + small), small / (1 + small))
        return probability

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)


NONE = Calibration("none", 1.0, 0.0, "Not calibrated.")


def fit(logits: ArrayLike, labels: ArrayLike) -> Calibration:
    """Platt's sigmoid by Newton's method, with his targets, so that split classes end somewhere.

    The offset is always fitted, however few there are: a network that saw fractures as often as others says nothing of
    how often they are. The slope is never below `LEAST_SLOPE`: the order of scores is kept. Source: Platt 1999; Lin,
    Lin and Weng, Mach Learn 2007;68:267.
    """
    value, positive = np.asarray(logits, dtype=np.float64), np.asarray(labels, dtype=bool)
    many, few = int(positive.sum()), int((~positive).sum())
    if not many or not few:
        return Calibration("none", 1.0, 0.0, "Not calibrated: the validation set holds one class only.")
    target = np.where(positive, (many + 1) / (many + 2), 1 / (few + 2))
    # Logits of any size and place: the steps are taken on standardised ones.
    middle, spread = float(value.mean()), float(value.std()) or 1.0
    ones = np.ones_like(value)
    standard = (value - middle) / spread
    slope, offset = _newton(np.column_stack([standard, ones]), target, np.zeros_like(value))
    slope /= spread
    if slope < LEAST_SLOPE:
        slope = LEAST_SLOPE
        (offset,) = _newton(ones[:, None], target, slope * (value - middle))
    note = f"Fitted on {many} fractured and {few} other ones of the validation set."
    return Calibration("platt", slope, offset - slope * middle, note)


def _newton(design: Floats, target: Floats, base: Floats) -> list[float]:
    """Weights (m) of the columns of `design` (n, m) that bring the sigmoid of ``base + design @ weights`` nearest to
    `target` (n), by likelihood."""
    weights = np.zeros(design.shape[1])
    for _ in range(200):
        p = Calibration("", 1.0, 0.0, "")(base + design @ weights)
        gradient = design.T @ (p - target) + 1e-6 * weights
        curvature = (design * (p * (1 - p))[:, None]).T @ design + 1e-6 * np.eye(len(weights))
        step = np.linalg.solve(curvature, gradient)
        # Far from the goal a full step overshoots.
        weights -= step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < 1e-9:
            break
    return [float(value) for value in weights]


def threshold(scores: ArrayLike, labels: ArrayLike) -> float:
    """The score from which sensitivity plus specificity is greatest (Youden); of equals the lowest, 0.5 for one class.

    It lies half way between two scores that occur.
    """
    value, positive = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=bool)
    if positive.all() or not positive.any():
        return 0.5
    levels = np.unique(value)
    cuts = np.concatenate([[levels[0] / 2], (levels[1:] + levels[:-1]) / 2])
    called = value[None, :] >= cuts[:, None]
    gain = called[:, positive].mean(axis=1) - called[:, ~positive].mean(axis=1)
    return float(cuts[int(np.argmax(gain >= gain.max() - 1e-12))])
