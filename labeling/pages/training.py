"""The two forms that begin a training: one for segmentation, one for the classifier. Both freeze first, then ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labeling.datasets.mask_sets import LeftOut, freeze_masks, mask_cases, train_segmentation
from labeling.datasets.slice_sets import SlicePreview, freeze_slices, slice_preview, train_classifier
from labeling.imaging.refusal import Refusal
from labeling.models import Job
from labeling.pages.classifier_form import RECIPES, STARTS, ClassifierForm
from labeling.pages.person import person
from labeling.pages.training_form import TARGETS, TrainingForm
from labeling.reading.roles import may_manage_models

__all__ = ["classifier_page", "segmentation_page"]

FEWEST_PATIENTS = 2


@require_http_methods(["GET", "POST"])
@never_cache
def segmentation_page(request: HttpRequest) -> HttpResponse:
    """Freeze the masks of the training cases and ask for a training on them."""
    _refuse_unless_engineer(request)
    form, refusal = TrainingForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        try:
            return redirect("job", job_id=_train_segmentation(request, form).pk)
        except Refusal as error:
            refusal = error.sentence
    refused = request.method == "POST"
    context = {"form": form, "refusal": refusal, "targets": TARGETS, "fields": form.explained(), **_mask_facts()}
    return render(request, "pages/model_train.html", context, status=422 if refused else 200)


def _train_segmentation(request: HttpRequest, form: TrainingForm) -> Job:
    user, name = person(request), form.cleaned_data["name"]
    dataset = freeze_masks(name, user, target=form.cleaned_data["target"])
    return train_segmentation(dataset, form.settings(), user, name)


def _refuse_unless_engineer(request: HttpRequest) -> None:
    if not may_manage_models(person(request)):
        raise PermissionDenied


def _mask_facts() -> dict[str, Any]:
    left_out = LeftOut()
    masks = mask_cases(left_out=left_out)
    patients = len({anatomy.case.patient_id for anatomy in masks})
    too_few = ""
    if patients < FEWEST_PATIENTS:
        there = "There are none" if not patients else "There are those of one"
        too_few = f"Masks of two training patients are needed, one of them to validate on. {there}."
    return {
        "cases": len(masks),
        "patients": patients,
        "left_out": sorted(left_out.reasons.items(), key=lambda item: -item[1]),
        "too_few": too_few,
    }


# ---------------------------------------------------------------- the classifier


@require_http_methods(["GET", "POST"])
@never_cache
def classifier_page(request: HttpRequest) -> HttpResponse:
    """Freeze the labelled slices of the training cases and ask for a training on them."""
    _refuse_unless_engineer(request)
    form, refusal = ClassifierForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        try:
            return redirect("job", job_id=_train_classifier(request, form).pk)
        except Refusal as error:
            refusal = error.sentence
    refused = request.method == "POST"
    context = {
        "form": form,
        "refusal": refusal,
        "recipes": RECIPES,
        "starts": STARTS,
        "fields": form.explained(),
        **_slice_facts(person(request)),
    }
    return render(request, "pages/model_train_classifier.html", context, status=422 if refused else 200)


def _train_classifier(request: HttpRequest, form: ClassifierForm) -> Job:
    user, name = person(request), form.cleaned_data["name"]
    dataset = freeze_slices(name, user, recipe=form.cleaned_data["recipe"])
    return train_classifier(dataset, form.settings(), user, name)


@dataclass(frozen=True)
class _Line:
    """One number of the preview, for each recipe; `part` says how many of them are fractured."""

    name: str
    counts: tuple[tuple[int, int | None], ...]


def _slice_facts(user: User) -> dict[str, Any]:
    """What would be frozen, for each recipe, and what would be left out."""
    previews = [slice_preview(recipe.name, user) for recipe in RECIPES]
    refusals = [one.refusal for one in previews]
    return {
        "preview": _lines(previews),
        "left_out": _left_out(previews),
        "simulated": any(one.simulated for one in previews),
        # The same sentence once; one that holds for one recipe alone is said with its name.
        "too_few": refusals[0] if all(refusals) else "",
        "too_few_for": [
            (recipe.name, one.refusal)
            for recipe, one in zip(RECIPES, previews, strict=True)
            if one.refusal and not all(refusals)
        ],
    }


def _lines(previews: list[SlicePreview]) -> list[_Line]:
    return [
        _Line("Cases", tuple((one.cases, None) for one in previews)),
        _Line("Patients", tuple((one.patients, None) for one in previews)),
        _Line("Vertebrae", tuple((one.vertebrae, one.fractured_vertebrae) for one in previews)),
        _Line("Slices", tuple((one.slices, one.fractured_slices) for one in previews)),
    ]


def _left_out(previews: list[SlicePreview]) -> list[tuple[str, list[int]]]:
    """Reason -> how many each recipe leaves out, the most first."""
    reasons = {reason for one in previews for reason in one.left_out}
    found = [(reason, [one.left_out.get(reason, 0) for one in previews]) for reason in reasons]
    return sorted(found, key=lambda item: (-max(item[1]), item[0]))
