"""What is asked before a classifier is trained: by which recipe, from which weights, how long."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django import forms

from labeling.datasets.slice_sets import WEIGHTS_PACKAGE, chosen_weights

__all__ = ["RECIPES", "STARTS", "ClassifierForm", "RecipeWords"]


@dataclass(frozen=True)
class RecipeWords:
    """A recipe as the form offers it; its numbers are those of `inference.classifier.recipes`."""

    name: str
    title: str
    sentence: str
    epochs: int
    batch: int


RECIPES = (
    RecipeWords(
        "sagittal",
        "Sagittal",
        "Ours: fixed window, crops in millimetres, neighbouring slices and the mask as channels, vertebrae judged as "
        "a whole and calibrated.",
        epochs=30,
        batch=32,
    ),
    RecipeWords(
        "paper",
        "Paper",
        "As published: ResNet-18 on single slices, each stretched to its own greys; a vertebra is fractured if any "
        "slice is.",
        epochs=5,
        batch=32,
    ),
)
STARTS = (
    (
        "usual",
        "As the recipe says",
        f"Sagittal: ImageNet weights of the package {WEIGHTS_PACKAGE}. Paper: a random start.",
    ),
    ("random", "Random start", "The version is called so wherever it is named."),
    ("file", "A file on the server", "Weights of the recipe's network. Nothing is ever fetched from elsewhere."),
)
DEVICES = [("", "As this installation is set"), ("cuda", "Graphics card"), ("cpu", "Processor")]

_OWN_EPOCHS = ", ".join(f"{recipe.epochs} for {recipe.name}" for recipe in RECIPES)
#: Each field of the grid: what it is called, and what it does.
_WORDS = {
    "epochs": ("Epochs", f"Empty: the recipe's own, {_OWN_EPOCHS}. Another number is called changed."),
    "batch": ("Slices in a batch", f"Empty: the recipe's own, {RECIPES[0].batch}."),
    "seed": ("Seed", "The same seed, slices and settings give the same weights on the same machine."),
    "device": ("Device", "A processor takes minutes to hours, as many slices as there are."),
}
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def _whole(least: int, most: int, **options: Any) -> forms.IntegerField:
    sentence = f"Give a whole number from {least} to {most:,}."
    words = dict.fromkeys(("required", "invalid", "min_value", "max_value"), sentence)
    return forms.IntegerField(min_value=least, max_value=most, error_messages=words, **options)


class ClassifierForm(forms.Form):
    """Fields of a training. `settings` gives what `train_classifier` takes."""

    name = forms.CharField(max_length=80, strip=True, error_messages={"required": "Give it a name."})
    recipe = forms.ChoiceField(choices=[(one.name, one.title) for one in RECIPES], initial="sagittal")
    start = forms.ChoiceField(choices=[(name, words) for name, words, _ in STARTS], initial="usual")
    path = forms.CharField(max_length=400, required=False, strip=True)
    sha256 = forms.CharField(max_length=64, required=False, strip=True)
    epochs = _whole(1, 1000, required=False)
    batch = _whole(1, 4096, required=False)
    seed = _whole(0, 2**31 - 1, initial=0)
    device = forms.ChoiceField(choices=DEVICES, initial="", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            css = "select" if isinstance(field, forms.ChoiceField) else "input"
            field.widget.attrs.update({"class": css, "aria-describedby": f"about-{name}", "autocomplete": "off"})
        for name in ("path", "sha256"):
            self.fields[name].widget.attrs.update({"class": "input mono", "spellcheck": "false"})

    def clean_name(self) -> str:
        return str(self.cleaned_data["name"]).replace("\x00", "")

    def clean(self) -> dict[str, Any]:
        """A file needs its path and its SHA-256; without a file neither means anything."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        if found.get("start") == "file":
            if not found.get("path"):
                self.add_error("path", "Give the path of the file, as the worker sees it.")
            if not _SHA256.fullmatch(found.get("sha256") or ""):
                self.add_error("sha256", "Give the file's SHA-256, 64 characters from 0 to 9 and a to f.")
        return found

    def settings(self) -> dict[str, Any]:
        """The settings of the training; raises KeyError before the form is found right."""
        chosen = self.cleaned_data
        given: dict[str, Any] = {"recipe": chosen["recipe"], "seed": chosen["seed"]}
        if chosen["start"] == "random":
            given["weights"] = chosen_weights("random")
        elif chosen["start"] == "file":
            given["weights"] = chosen_weights(chosen["path"], chosen["sha256"])
        return given | {name: chosen[name] for name in ("epochs", "batch", "device") if chosen[name]}

    def explained(self) -> list[tuple[forms.BoundField, str, str]]:
        """Field, name and explanation, in the order of the page."""
        return [(self[name], words, why) for name, (words, why) in _WORDS.items()]
