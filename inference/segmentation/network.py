"""The networks of a model folder, ready to predict. Only for the child: it imports torch.

A checkpoint is a pickle, and a pickle can run code when it is opened. So only what holds weights, numbers and texts is
opened; whatever else a checkpoint brings is refused.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inference.segmentation.labels import Meaning
from inference.segmentation.models import CHECKPOINT, describe, meaning_in, read_json
from labeling.imaging.refusal import Refusal

__all__ = ["Model", "load"]


@dataclass(frozen=True, eq=False)
class Model:
    """A model ready to predict.

    networks
        One for each fold; their scores are averaged.
    order
        Which axis of `orientation.to_network`'s array each axis of the network is.
    spacing
        Millimetres along the axes of the network.
    patch
        Voxels that it sees at once, along its axes.
    normalisation
        Clips at `low` and `high`, then subtracts `mean` and divides by `deviation`.
    mirrors
        Axes along which it may look twice.
    """

    networks: tuple[torch.nn.Module, ...]
    meaning: Meaning
    order: tuple[int, int, int]
    spacing: tuple[float, float, float]
    patch: tuple[int, int, int]
    low: float
    high: float
    mean: float
    deviation: float
    mirrors: tuple[int, ...]

    @property
    def heads(self) -> int:
        """Scores for each voxel, background included."""
        return self.meaning.classes + 1


def load(folder: Path) -> Model:
    """Build and fill the networks of a model folder.

    Raises
    ------
    Refusal
        ``not-a-model`` as `describe`, or for a checkpoint that holds more than weights; ``wrong-architecture`` where
        the weights do not fit the network that plans.json describes.
    """
    facts, meaning = describe(folder), meaning_in(folder)
    plans = read_json(folder / "plans.json")
    configuration = plans["configurations"][facts.configuration]
    networks: list[torch.nn.Module] = []
    mirrors: tuple[int, ...] = ()
    for fold in facts.folds:
        checkpoint = _opened(folder / fold / CHECKPOINT)
        trained = checkpoint.get("init_args", {}).get("configuration", facts.configuration)
        if trained != facts.configuration:
            raise _wrong(f"Its weights are those of {trained}, its plans are read as {facts.configuration}.")
        network = _built(configuration, meaning.classes + 1)
        _fill(network, checkpoint, fold)
        networks.append(network.eval())
        mirrors = tuple(int(axis) for axis in checkpoint.get("inference_allowed_mirroring_axes") or ())
    try:
        if configuration["normalization_schemes"] != ["CTNormalization"]:
            raise _wrong(f"Its images are normalised by {configuration['normalization_schemes']}, not as CT.")
        intensities = plans["foreground_intensity_properties_per_channel"]["0"]
        return Model(
            tuple(networks),
            meaning,
            _three(plans["transpose_forward"]),
            _three([float(value) for value in configuration["spacing"]]),
            _three([int(value) for value in configuration["patch_size"]]),
            float(intensities["percentile_00_5"]),
            float(intensities["percentile_99_5"]),
            float(intensities["mean"]),
            max(float(intensities["std"]), 1e-8),
            mirrors,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _wrong(f"Its plans lack {error}.") from error


def _opened(path: Path) -> dict[str, Any]:
    kinds = [type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "?")]
    scalar, rebuild = np.float64(0).__reduce__()[0], np.zeros(1).__reduce__()[0]
    # numpy 1 and 2 write other names for the same two functions.
    old = [(scalar, "numpy.core.multiarray.scalar"), (rebuild, "numpy.core.multiarray._reconstruct")]
    numbers: list[Any] = [np.dtype, np.ndarray, scalar, rebuild, *kinds, *old]
    try:
        with torch.serialization.safe_globals(numbers):
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise Refusal(
            "not-a-model",
            "The checkpoint of the model holds more than weights and numbers, which could run as a program. It was not "
            "opened. Ask who made the model for a plain nnU-Net 2 checkpoint.",
        ) from error
    except (OSError, EOFError, RuntimeError, ValueError, KeyError) as error:
        raise Refusal(
            "not-a-model", f"{path.parent.name}/{path.name} of the model is damaged. Import the model again."
        ) from error
    if not isinstance(checkpoint, dict) or "network_weights" not in checkpoint:
        raise Refusal("not-a-model", f"{path.name} of the model holds no weights of nnU-Net 2. Import another model.")
    return checkpoint


def _built(configuration: dict[str, Any], heads: int) -> torch.nn.Module:
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    try:
        architecture = configuration["architecture"]
        name = str(architecture["network_class_name"])
        if not name.startswith("dynamic_network_architectures."):
            raise _wrong(f"Its network is {name}, which is none of nnU-Net's own.")
        imports = architecture["_kw_requires_import"]
        if any(not str(architecture["arch_kwargs"][key] or "torch.nn.").startswith("torch.nn.") for key in imports):
            raise _wrong("Its network is built of parts that are not PyTorch's.")
        network: torch.nn.Module = get_network_from_plans(
            name, architecture["arch_kwargs"], imports, 1, heads, allow_init=False, deep_supervision=False
        )
    except (KeyError, TypeError, ValueError, AttributeError, ImportError, AssertionError) as error:
        raise _wrong(f"plans.json describes no network that can be built ({type(error).__name__}: {error}).") from error
    return network


def _fill(network: torch.nn.Module, checkpoint: dict[str, Any], fold: str) -> None:
    weights = {key.removeprefix("module."): value.float() for key, value in checkpoint["network_weights"].items()}
    try:
        network.load_state_dict(weights)
    except (RuntimeError, AttributeError) as error:
        raise _wrong(f"The weights of {fold} do not fit the network that plans.json describes.") from error
    if not all(bool(torch.isfinite(value).all()) for value in weights.values()):
        raise _wrong(f"The weights of {fold} hold values that are not numbers: the training went astray.")


def _three(values: Any) -> Any:
    one, two, three = values
    return (one, two, three)


def _wrong(what: str) -> Refusal:
    return Refusal(
        "wrong-architecture",
        f"The network of the model cannot be used. {what} Import the model again, or train one here.",
    )
