"""What is asked before a training: from which masks, how long, and how large a network."""

from __future__ import annotations

from typing import Any

from django import forms

__all__ = ["SIZES", "TARGETS", "TrainingForm"]

TARGETS = [
    ("bodies", "Vertebral bodies", "Names come from anchors afterwards. What the reading needs."),
    ("vertebrae", "Whole vertebrae", "Bodies with their arches, as one label."),
    ("verse", "Numbered vertebrae", "One label for each level, VerSe numbers: the model votes on names."),
]
#: name -> (words, features of each resolution; None for those of nnU-Net's planner)
SIZES: dict[str, tuple[str, list[int] | None]] = {
    "planned": ("As nnU-Net plans it, for a graphics card", None),
    "small": ("Small, 16 to 128 features", [16, 32, 64, 128]),
    "slim": ("Slim, 8 to 64 features, for a processor", [8, 16, 32, 64]),
}
PLANNERS = [
    ("ExperimentPlanner", "Plain U-Net"),
    ("nnUNetPlannerResEncM", "Residual encoder, M"),
    ("nnUNetPlannerResEncL", "Residual encoder, L"),
    ("nnUNetPlannerResEncXL", "Residual encoder, XL"),
]
DEVICES = [("", "As this installation is set"), ("cuda", "Graphics card"), ("cpu", "Processor")]
#: Each field of the grid: what it is called, and what it does.
_WORDS = {
    "epochs": ("Epochs", "After each one a point of the curves, and a place to go on from."),
    "iterations": ("Steps in an epoch", "nnU-Net's own: 250."),
    "val_iterations": ("Validation steps", "At the end of each epoch. nnU-Net's own: 50."),
    "planner": ("Planner", "Which network nnU-Net plans."),
    "size": ("Network size", "Fewer features are faster and find less."),
    "device": ("Device", "Slim networks train on a processor in hours; others want a graphics card."),
    "gpu_memory_gb": ("Memory to plan for, GB", "Of the graphics card; patch and batch follow from it."),
    "seed": ("Seed", "The same seed, masks and settings ask for the same training."),
}


class TrainingForm(forms.Form):
    """Fields of a training. `settings` gives those that nnU-Net takes."""

    name = forms.CharField(max_length=80, strip=True)
    target = forms.ChoiceField(choices=[(name, words) for name, words, _ in TARGETS], initial="bodies")
    epochs = forms.IntegerField(min_value=1, max_value=10_000, initial=250)
    iterations = forms.IntegerField(min_value=1, max_value=10_000, initial=250)
    val_iterations = forms.IntegerField(min_value=1, max_value=10_000, initial=50)
    planner = forms.ChoiceField(choices=PLANNERS, initial="ExperimentPlanner")
    size = forms.ChoiceField(choices=[(name, words) for name, (words, _) in SIZES.items()], initial="planned")
    device = forms.ChoiceField(choices=DEVICES, initial="", required=False)
    gpu_memory_gb = forms.FloatField(min_value=0.5, max_value=200, initial=8)
    seed = forms.IntegerField(min_value=0, max_value=2**31 - 1, initial=0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            css = "select" if isinstance(field, forms.ChoiceField) else "input"
            field.widget.attrs.update({"class": css, "aria-describedby": f"about-{name}"})
        for name in ("name", "epochs"):
            self.fields[name].widget.attrs["autocomplete"] = "off"

    def clean_name(self) -> str:
        return str(self.cleaned_data["name"]).replace("\x00", "")

    def settings(self) -> dict[str, Any]:
        """The settings of the training; raises KeyError before the form is found right."""
        chosen = self.cleaned_data
        names = ("epochs", "iterations", "val_iterations", "planner", "gpu_memory_gb", "seed")
        left_open = {"features": SIZES[chosen["size"]][1], "device": chosen["device"]}
        return {name: chosen[name] for name in names} | {name: value for name, value in left_open.items() if value}

    def explained(self) -> list[tuple[forms.BoundField, str, str]]:
        """Field, name and explanation, in the order of the page."""
        return [(self[name], words, why) for name, (words, why) in _WORDS.items()]
