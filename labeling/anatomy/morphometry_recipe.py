"""What makes two morphometries the same: the number of the method and every constant of it.

A read names the version it was made by, so a changed constant is another version. Whoever changes how something is
computed without changing a constant raises `METHOD`.
"""

from __future__ import annotations

import hashlib
import json
from types import ModuleType
from typing import Any

import numpy as np

from labeling.anatomy import (
    heights,
    heights_design,
    morphometry,
    morphometry_density,
    morphometry_levels,
    morphometry_shape,
)
from labeling.anatomy.levels import LEVELS

__all__ = ["METHOD", "recipe", "recipe_sha256"]

METHOD = 1

_MODULES: tuple[ModuleType, ...] = (heights, morphometry, morphometry_density, morphometry_levels, morphometry_shape)


def recipe() -> dict[str, Any]:
    """The method as JSON: its number, its constants by module and name, and the usual heights of each level."""
    return {
        "method": METHOD,
        "constants": {module.__name__.rpartition(".")[2]: _constants(module) for module in _MODULES},
        "usual_heights_mm": {level: heights_design.design_heights(level) for level in LEVELS},
    }


def recipe_sha256() -> str:
    """SHA-256, in hex, over the canonical JSON of the recipe."""
    canonical = json.dumps(recipe(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _constants(module: ModuleType) -> dict[str, Any]:
    imported = {"LEVELS"}
    return {
        name: _plain(value) for name, value in sorted(vars(module).items()) if name.isupper() and name not in imported
    }


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [round(float(one), 9) for one in value.ravel()]
    return list(value) if isinstance(value, tuple | range) else value
