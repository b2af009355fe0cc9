"""A classifier as its page tells it: how it was trained, where it began, what it is worth, in sentences and counts.

A classifier describes itself in `model.json` (see `inference.classifier.description`); what of it was registered stands
in the recipe of its version. What is missing there is left out here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from labeling.models import Dataset, ModelVersion

__all__ = [
    "Metric",
    "about_metrics",
    "classifier_facts",
    "dataset_counts",
    "is_random_start",
    "metric_line",
    "metric_table",
    "short_metric",
]

Told = Mapping[str, Any]


@dataclass(frozen=True)
class Metric:
    """One number: name, value, 95 % interval, and the counts that it comes from; '' for what there is not."""

    name: str
    value: str
    interval: str
    counts: str


def short_metric(metrics: Told) -> str:
    """'AUC 0.83, 0.71 to 0.92', or that it is not defined: with one class alone nothing can be told apart."""
    value = metrics.get("vertebra AUC")
    if not _is_number(value):
        return "AUC not defined"
    interval = _interval(metrics)
    return f"AUC {value:.2f}" + (f", {interval}" if interval else "")


def metric_line(metrics: Told) -> str:
    """'64 vertebrae of 5 patients', or ''."""
    vertebrae, patients = metrics.get("vertebrae"), metrics.get("patients")
    if not (_is_number(vertebrae) and _is_number(patients)):
        return ""
    return f"{_many(vertebrae, 'vertebra', 'vertebrae')} of {_many(patients, 'patient', 'patients')}"


def metric_table(metrics: Told) -> list[Metric]:
    """The numbers on validation; none where it has none."""
    if not {"vertebra AUC", "vertebrae"} & set(metrics):
        return []
    vertebrae, fractured = int(metrics.get("vertebrae") or 0), int(metrics.get("fractured") or 0)
    of_all = ", ".join(one for one in (metric_line(metrics), f"{fractured} of them fractured") if one)
    found = [
        Metric("AUC of vertebrae", _two(metrics.get("vertebra AUC")), _interval(metrics), of_all),
        Metric("Average precision", _two(metrics.get("vertebra average precision")), "", of_all),
    ]
    for name, among in (("sensitivity", fractured), ("specificity", vertebrae - fractured)):
        value = metrics.get(name)
        share = f"{100 * value:.1f} %" if _is_number(value) else "not defined"
        which = "fractured" if name == "sensitivity" else "other"
        counts = f"{round(value * among)} of {among} {which}" if _is_number(value) else f"{among} {which}"
        found.append(Metric(name.capitalize(), share, "", counts))
    return found


def about_metrics(metrics: Told) -> str:
    """How far these numbers are to be believed, in sentences."""
    if metrics.get("split") != "validation":
        return ""
    said = (
        "On the patients of its set that were kept back to validate on; intervals by drawing patients. Its epoch, its "
        "calibration and its threshold were chosen on them too, so all of this is rather too good."
    )
    patients = metrics.get("patients")
    return said + (
        " Few patients: others may give quite other numbers." if _is_number(patients) and patients < 10 else ""
    )


def classifier_facts(told: Told) -> list[tuple[str, str]]:
    """How it was made and how it judges: name and sentence, in the order of the work."""
    recipe: Told = _mapping(told.get("recipe")) or {}
    slices: Told = _mapping(recipe.get("slices")) or {}
    calibration: Told = _mapping((_mapping(told.get("calibration")) or {}).get("vertebrae")) or {}
    facts = [
        ("Recipe", str(told.get("called") or recipe.get("name") or "")),
        ("Started from", _start(told)),
        ("Slices", _slices(slices)),
        ("Network", _network(recipe, slices)),
        ("Training", _training(recipe)),
        ("Kept", _kept(told, recipe)),
        ("Verdict", _rule(told, recipe)),
        ("Calibration", str(calibration.get("note") or "")),
        ("Seed", str(told["seed"]) if "seed" in told else ""),
    ]
    return [(name, words) for name, words in facts if words]


def dataset_counts(dataset: Dataset) -> list[str]:
    """What a frozen set of slices holds, one line each."""
    counts = _mapping(dataset.recipe.get("counts")) or {}
    lines = []
    if "patients" in counts:
        kept = counts.get("validation_patients")
        aside = f", {kept} of them to validate on" if kept else ""
        lines.append(f"{_many(counts['patients'], 'patient', 'patients')}{aside}")
    for name, one, many in (("vertebrae", "vertebra", "vertebrae"), ("slices", "slice", "slices")):
        if name in counts:
            lines.append(f"{_many(counts[name], one, many)}, {counts.get(f'fractured_{name}', 0):,} fractured")
    return lines


def is_random_start(model: ModelVersion) -> bool:
    """Whether its training began without pretrained weights, which is said wherever it is named."""
    return (_mapping(model.recipe.get("start")) or {}).get("kind") == "random"


def _start(told: Told) -> str:
    start = _mapping(told.get("start"))
    if start is None:
        return ""
    said = str(start.get("said") or "")
    if start.get("kind") == "random":
        return "Random start: no pretrained weights"
    sha256 = str(start.get("sha256") or "")
    return said[:1].upper() + said[1:] + (f", sha256 {sha256[:12]}…" if sha256 else "")


def _slices(slices: Told) -> str:
    if not slices:
        return ""
    shaved = slices.get("shaved_slices")
    if shaved is not None:
        cut = f"{shaved} slices shaved off on each side"
    else:
        least = slices.get("least_kept")
        cut = f"{100 * slices.get('shaved_share', 0):.0f} % of the body's width shaved off on each side"
        cut += f", {least} slices kept at least" if least else ""
    if slices.get("margin_mm") is not None:
        crop = f"crops with {slices['margin_mm']:g} mm around the body on pixels of {slices.get('pixel_mm') or 0:g} mm"
    else:
        crop = f"crops with {slices.get('margin_px')} pixels around the body"
    window = slices.get("window")
    greys = f"{window[0]:g} to {window[1]:g} HU" if window else "each stretched from its darkest to its brightest value"
    beside = []
    if slices.get("neighbour_mm") is not None:
        beside.append(f"the slices {slices['neighbour_mm']:g} mm to both sides")
    if slices.get("mask"):
        beside.append("the mask")
    with_them = f", with {' and '.join(beside)} as channels" if beside else ""
    return f"{cut}; {crop}, {greys}{with_them}".replace(" -", " −")


def _network(recipe: Told, slices: Told) -> str:
    if not recipe.get("architecture"):
        return ""
    canvas = slices.get("canvas")
    return f"{recipe['architecture']}, {recipe.get('input_channels')} channels" + (
        f" of {canvas} × {canvas} pixels" if canvas else ""
    )


def _training(recipe: Told) -> str:
    if not recipe.get("optimizer"):
        return ""
    optimizer = {"sgd": "SGD", "adamw": "AdamW"}.get(str(recipe["optimizer"]), str(recipe["optimizer"]))
    parts = [
        f"{optimizer}, learning rate {recipe.get('learning_rate')}",
        f"batches of {recipe.get('batch')}",
        f"up to {recipe.get('epochs')} epochs",
    ]
    if recipe.get("patience"):
        parts.append(f"ended after {recipe['patience']} without a better one")
    return ", ".join(parts) + ("; fractures drawn as often as others" if recipe.get("balanced") else "")


def _kept(told: Told, recipe: Told) -> str:
    if "epoch" not in told:
        return ""
    selection = str(recipe.get("selection") or "")
    least = "least" if "loss" in selection else "greatest"
    return f"Epoch {told['epoch']}" + (f", the one with the {least} {selection}" if selection else "")


def _rule(told: Told, recipe: Told) -> str:
    if recipe.get("rule") == "any slice":
        return "A vertebra is fractured where any of its slices is, above a probability of 0.5"
    threshold = told.get("threshold")
    if not _is_number(threshold):
        return ""
    pooled = {"max": "the greatest of its slices", "top3": "the mean of its three greatest slices"}
    how = pooled.get(str(recipe.get("pooling")), "its slices together")
    return f"A vertebra is fractured where {how}, calibrated, comes to {threshold:.2f} or more"


def _interval(metrics: Told) -> str:
    low, high = metrics.get("vertebra AUC from"), metrics.get("vertebra AUC to")
    return f"{low:.2f} to {high:.2f}" if _is_number(low) and _is_number(high) else ""


def _two(value: Any) -> str:
    return f"{value:.2f}" if _is_number(value) else "not defined"


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _many(count: float, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _mapping(value: Any) -> Told | None:
    return value if isinstance(value, Mapping) else None
