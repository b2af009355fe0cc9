"""How a classifier is trained: the paper's recipe, frozen, and ours beside it.

Every number that changes the weights is a field, so that the hash of a recipe names what was done. A recipe under the
name `paper` is exactly the published one or it is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from labeling.imaging.refusal import Refusal
from labeling.imaging.vertebral_recipes import PAPER_SLICES, SAGITTAL_SLICES, SliceRecipe

__all__ = ["PAPER", "RECIPES", "SAGITTAL", "Augmentation", "Recipe"]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What is done to a slice before each step of the training; draws are uniform.

    rotation_deg
        Turned in the plane by up to this, either way.
    zoom
        From, to.
    flip
        Chance of a mirror image front to back.
    swap
        Chance that the neighbours left and right change places, which is a mirror image of the patient.
    gain, offset, noise
        The slices times 1 ± gain, plus or minus offset, plus normal noise; in shares of the range of the 8 bits.
    """

    rotation_deg: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    flip: float = 0.0
    swap: float = 0.0
    gain: float = 0.0
    offset: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to train.

    slices
        How slices are cut, see `labeling.imaging.vertebral_recipes`.
    architecture
        Its name in timm.
    input_channels
        Of the network; a single channel is given to all of them.
    centre, scale
        An 8 bit value v enters the network as (v / 255 - centre) / scale.
    optimizer, learning_rate, momentum, weight_decay
        ``sgd`` or ``adamw``.
    schedule, step_epochs, gamma
        ``step``: times gamma after every so many epochs. ``cosine``: down to nothing over all epochs.
    selection
        Which epoch is kept: ``validation loss`` (least) or ``vertebra average precision`` (greatest).
    patience
        Epochs without a better one after which the training ends; None for never.
    balanced
        Whether slices are drawn so that fractures are half of them.
    pooling
        A vertebra's logit out of those of its slices: ``max``, or ``top3``, the mean of the three greatest.
    rule
        What calls a vertebra fractured: ``any slice``, or its calibrated ``score`` at a threshold chosen on validation.
    """

    name: str
    version: int
    slices: SliceRecipe
    architecture: str
    input_channels: int
    centre: float
    scale: float
    optimizer: str
    learning_rate: float
    momentum: float
    weight_decay: float
    schedule: str
    step_epochs: int
    gamma: float
    batch: int
    epochs: int
    augmentation: Augmentation
    selection: str
    patience: int | None
    balanced: bool
    pooling: str
    rule: str

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        content = asdict(self)
        content["slices"] = self.slices.plain()
        content["augmentation"]["zoom"] = list(self.augmentation.zoom)
        return content

    def sha256(self) -> str:
        """Of the canonical JSON, in hex."""
        return hashlib.sha256(json.dumps(self.plain(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @classmethod
    def read(cls, given: str | Mapping[str, Any]) -> Recipe:
        """A recipe by its name, or from what `plain` gave.

        Raises
        ------
        Refusal
            ``bad-recipe`` for an unknown name, a field too many or too few, a value that makes no training, or a
            recipe that calls itself `paper` or `sagittal` in the version known here and is not.
        """
        if isinstance(given, str):
            if given not in RECIPES:
                raise _refused(f"There is no recipe {given!r}. There are {' and '.join(RECIPES)}.")
            return RECIPES[given]
        try:
            values = dict(given)
            values["slices"] = SliceRecipe.read(values["slices"])
            augmentation = dict(values["augmentation"])
            values["augmentation"] = Augmentation(**{**augmentation, "zoom": tuple(augmentation["zoom"])})
            recipe = cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise _refused(f"This is no recipe: {error}.") from error
        recipe._check()
        return recipe

    def changed(self, changes: Mapping[str, Any]) -> Recipe:
        """The same with other values for top-level fields, under another name.

        Raises
        ------
        Refusal
            ``bad-recipe``.
        """
        known = {field.name for field in fields(self)} - {"name", "version", "slices", "augmentation"}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise _refused(f"There is no setting {unknown[0]!r}. There are {', '.join(sorted(known))}.")
        real = {name: value for name, value in changes.items() if getattr(self, name) != value}
        if not real:
            return self
        recipe = replace(self, **real, name=f"{self.name}, changed" if self.name in RECIPES else self.name)
        recipe._check()
        return recipe

    def _check(self) -> None:
        for name, allowed in _WORDS.items():
            if getattr(self, name) not in allowed:
                raise _refused(f"The setting {name} is {getattr(self, name)!r}. There are {' and '.join(allowed)}.")
        for name, least, most in _WHOLE:
            value = getattr(self, name)
            if name == "patience" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise _refused(f"The setting {name} is {value!r}. Give a whole number from {least} to {most}.")
        for name in ("learning_rate", "scale", "gamma"):
            if not (isinstance(getattr(self, name), int | float) and 0 < getattr(self, name) <= 10):
                raise _refused(f"The setting {name} is {getattr(self, name)!r}. Give a number above zero.")
        canvas = self.slices.canvas
        if isinstance(canvas, bool) or not isinstance(canvas, int) or not 8 <= canvas <= MOST_CANVAS:
            raise _refused(f"The canvas of the slices is {canvas!r}. Give a whole number from 8 to {MOST_CANVAS}.")
        known = RECIPES.get(self.name)
        # A model that was trained by another version of a recipe says so, and stays what it is.
        if known is not None and known.version == self.version and known != self:
            raise _refused(f"This recipe calls itself {self.name} and differs from it. Give it a name of its own.")
        channels = len(self.slices.channels)
        if channels not in (1, self.input_channels):
            raise _refused(f"The slices have {channels} channels, the network takes {self.input_channels}.")


_WORDS: dict[str, tuple[str, ...]] = {
    "optimizer": ("sgd", "adamw"),
    "schedule": ("step", "cosine"),
    "selection": ("validation loss", "vertebra average precision"),
    "pooling": ("max", "top3"),
    "rule": ("any slice", "score"),
}

MOST_CANVAS = 1024
"""Pixels; a picture of a vertebra has a quarter of that."""

_WHOLE = (("batch", 1, 4096), ("epochs", 1, 1000), ("step_epochs", 1, 1000), ("patience", 1, 1000), ("version", 1, 999))


def _refused(sentence: str) -> Refusal:
    return Refusal("bad-recipe", sentence)


PAPER = Recipe(
    name="paper",
    version=1,
    slices=PAPER_SLICES,
    architecture="resnet18",
    # The published way reads a grey picture as RGB.
    input_channels=3,
    centre=0.0,
    scale=1.0,
    optimizer="sgd",
    learning_rate=0.001,
    momentum=0.9,
    weight_decay=0.0,
    # Within 5 epochs it never steps; it stands here because it was published so.
    schedule="step",
    step_epochs=7,
    gamma=0.1,
    batch=32,
    epochs=5,
    # How often each is done was not published: turns and zooms are drawn for each slice, every other one is mirrored.
    augmentation=Augmentation(rotation_deg=15.0, zoom=(0.9, 1.1), flip=0.5),
    selection="validation loss",
    patience=None,
    balanced=False,
    pooling="max",
    rule="any slice",
)

SAGITTAL = Recipe(
    name="sagittal",
    version=1,
    slices=SAGITTAL_SLICES,
    # Small enough for a processor, and its ImageNet weights come in a package, so nothing is fetched from a hub.
    architecture="tf_efficientnet_lite0",
    input_channels=4,
    centre=0.498,
    scale=0.502,
    optimizer="adamw",
    learning_rate=0.0005,
    momentum=0.9,
    weight_decay=0.05,
    schedule="cosine",
    step_epochs=7,
    gamma=0.1,
    batch=32,
    epochs=30,
    # No mirror image front to back: nobody faces to the right here. Left and right may change places.
    augmentation=Augmentation(rotation_deg=10.0, zoom=(0.92, 1.08), swap=0.5, gain=0.08, offset=0.04, noise=0.02),
    selection="vertebra average precision",
    patience=7,
    balanced=True,
    pooling="top3",
    rule="score",
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (PAPER, SAGITTAL)}
