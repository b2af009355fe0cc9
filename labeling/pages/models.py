"""The models page and one model: versions, what they were trained on, what they are worth, which one works."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import filesizeformat
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from labeling.imaging.refusal import Refusal
from labeling.models import Anatomy, Dataset, ModelState, ModelVersion
from labeling.pages.classifier_words import (
    about_metrics,
    classifier_facts,
    dataset_counts,
    metric_table,
)
from labeling.pages.curves import charts
from labeling.pages.job_rows import rows_of
from labeling.pages.jobs import overseer
from labeling.pages.model_rows import KINDS, ModelRow, metric_words
from labeling.pages.person import person
from labeling.reading.jobs import visible_jobs
from labeling.reading.opinions.model_opinions import cases_to_prelabel
from labeling.reading.roles import AnyUser, may_choose_models, may_manage_models
from labeling.reading.visibility import model_case_counts
from labeling.registry.folders import kept_folder
from labeling.registry.versions import activate, retire

JOBS_SHOWN = 10
FILES_SHOWN = 60


@require_GET
@never_cache
def models_page(request: HttpRequest) -> HttpResponse:
    user = overseer(request)
    counts = _case_counts(user)
    versions = ModelVersion.objects.select_related("dataset", "by").order_by("-created_at", "-pk")
    rows: dict[str, list[ModelRow]] = {kind: [] for kind in KINDS}
    for model in versions:
        rows[model.kind].append(ModelRow(model, counts.get(model.pk, 0)))
    for found in rows.values():
        found.sort(key=lambda row: row.rank)
    training = visible_jobs(user).filter(kind__startswith="train-", state__in=["queued", "running"])
    jobs = list(training.defer("curves", "log_tail")[:10])
    kinds = {job.kind for job in jobs}
    context = {
        "groups": [(kind, heading, verb, rows[kind]) for kind, (heading, verb) in KINDS.items()],
        "any": any(rows.values()),
        "segmenting": _working(rows["segmentation"]),
        "classifying": _working(rows["classifier"]),
        "training": rows_of(jobs, user),
        "training_kind": kinds.pop() if len(kinds) == 1 else "",
        "may_manage": may_manage_models(user),
    }
    return render(request, "pages/models.html", context)


def _working(rows: list[ModelRow]) -> ModelRow | None:
    return next((row for row in rows if row.is_active), None)


def _case_counts(user: AnyUser) -> dict[int, int]:
    """Model version -> how many cases it has segmented or read. Counts tell no verdict, so they expose nobody."""
    made = Anatomy.objects.filter(author__model_version__isnull=False).order_by()
    segmented = made.values_list("author__model_version").annotate(n=Count("case", distinct=True))
    return dict(segmented) | model_case_counts(user)


@require_GET
@never_cache
def model_page(request: HttpRequest, model_id: int) -> HttpResponse:
    user = overseer(request)
    model = get_object_or_404(ModelVersion.objects.select_related("dataset", "parent", "by"), pk=model_id)
    row = ModelRow(model, _case_counts(user).get(model.pk, 0))
    jobs = visible_jobs(user).filter(model_version=model)
    trained_by = jobs.filter(kind__startswith="train-").first()
    actives = ModelVersion.objects.filter(kind=model.kind, state=ModelState.ACTIVE).exclude(pk=model.pk)
    context = {
        "model": model,
        "row": row,
        "kind": KINDS[model.kind],
        **_told(model),
        "charts": charts(trained_by.curves) if trained_by is not None else [],
        "trained_by": trained_by,
        "jobs": rows_of(jobs.defer("curves", "log_tail")[:JOBS_SHOWN], user),
        "jobs_count": jobs.count(),
        "files": model_files(model),
        "dataset": _dataset_facts(model.dataset),
        "replaces": actives.first(),
        "may_choose": may_choose_models(user),
        "to_prelabel": cases_to_prelabel(user, model) if model.kind == "classifier" and not row.is_active else 0,
    }
    return render(request, "pages/model.html", context)


def _told(model: ModelVersion) -> dict[str, Any]:
    """Metrics and recipe: of a classifier in words, with every number of the recipe below."""
    if model.kind != "classifier":
        return {"metrics": metric_words(model.metrics), "recipe": recipe_words(model.recipe)}
    measured = metric_table(model.metrics)
    return {
        "measured": measured,
        "about_measured": about_metrics(model.metrics),
        # What an imported one was measured by elsewhere, in whatever words.
        "metrics": [] if measured else metric_words(model.metrics),
        "classifier": classifier_facts(model.recipe),
        "recipe": recipe_words(_flat(model.recipe)),
    }


def _flat(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A classifier's recipe with what is nested twice moved up, so that each part has a heading of its own."""
    flat = dict(recipe)
    inner = flat.pop("recipe", {})
    training = dict(inner) if isinstance(inner, Mapping) else {}
    for part in ("slices", "augmentation"):
        nested = training.pop(part, None)
        if isinstance(nested, Mapping):
            flat[part] = nested
    calibration = flat.pop("calibration", {})
    if isinstance(calibration, Mapping):
        flat |= {f"calibration of {name}": value for name, value in calibration.items()}
    return {**flat, "training": training} if training else flat


def recipe_words(recipe: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """A recipe as groups of lines: what stands by itself first, without a heading, then each nested part under its own.

    Lists stand in one line, None is left out, and names are in the order of the alphabet: the database keeps none.
    """
    groups: dict[str, list[tuple[str, str]]] = {"": []}
    for name in sorted(recipe):
        value = recipe[name]
        title = name.replace("_", " ")
        if isinstance(value, Mapping):
            groups[title] = [(key.replace("_", " "), _plain(value[key])) for key in sorted(value)]
        else:
            groups[""].append((title, filesizeformat(value) if name == "size" else _plain(value)))
    kept = {title: [line for line in lines if line[1]] for title, lines in groups.items()}
    return [(title[:1].upper() + title[1:], lines) for title, lines in kept.items() if lines]


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    return ", ".join(_plain(each) for each in value) if isinstance(value, list | tuple) else str(value)


def model_files(model: ModelVersion) -> list[tuple[str, int]] | None:
    """Names and bytes of the files of a model; None where its folder is not there, [] where it needs none."""
    if not model.folder:
        return []
    folder = kept_folder(model.folder)
    if not folder.is_dir():
        return None
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(str(path.relative_to(folder)), path.stat().st_size) for path in files[:FILES_SHOWN]]


def _dataset_facts(dataset: Dataset | None) -> dict[str, Any] | None:
    if dataset is None:
        return None
    return {
        "dataset": dataset,
        "patients": dataset.patients.count(),
        "cases": dataset.recipe.get("cases"),
        "counts": dataset_counts(dataset),
        "simulated": bool(dataset.recipe.get("simulated")),
        "left_out": sorted((dataset.recipe.get("left_out") or {}).items(), key=lambda item: -item[1]),
    }


@require_POST
def activate_model(request: HttpRequest, model_id: int) -> HttpResponse:
    return _change(request, model_id, _activate)


@require_POST
def retire_model(request: HttpRequest, model_id: int) -> HttpResponse:
    return _change(request, model_id, _retire)


def _activate(model: ModelVersion, user: User) -> str:
    cases = cases_to_prelabel(user, model) if model.kind == "classifier" else 0
    activate(model, user)
    many = f" {cases} case{'' if cases == 1 else 's'} will be pre-labelled with it." if cases else ""
    return f"{model.name} works from now on.{many}"


def _retire(model: ModelVersion, user: User) -> str:
    retire(model, user)
    return f"{model.name} is retired."


def _change(request: HttpRequest, model_id: int, act: Callable[[ModelVersion, User], str]) -> HttpResponse:
    user = overseer(request)
    if not may_choose_models(user):
        raise PermissionDenied
    model = get_object_or_404(ModelVersion, pk=model_id)
    try:
        messages.success(request, act(model, user))
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    return redirect("model", model_id=model.pk)


@require_GET
@never_cache
def import_page(request: HttpRequest) -> HttpResponse:
    """The form; its script sends the file to /api/models, because forms take no files."""
    if not may_manage_models(person(request)):
        raise PermissionDenied
    return render(request, "pages/model_import.html", {"most": settings.MODEL_MAX_BYTES})
