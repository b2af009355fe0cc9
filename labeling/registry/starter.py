"""The model that an installation begins with: trained on simulated CT alone, small enough to come with the code."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from labeling.imaging.refusal import Refusal
from labeling.models import ModelVersion
from labeling.registry.folders import folder_sha256
from labeling.registry.imports import describe, recipe_of
from labeling.registry.versions import activate, active, register

__all__ = ["seed_starter_model"]


def seed_starter_model() -> ModelVersion:
    """The starter model, registered; active where no other segmentation model is.

    Raises
    ------
    Refusal
        ``no-starter`` where it did not come with the code, ``not-a-model`` where it is damaged.
    """
    folder = Path(settings.STARTER_MODEL)
    if not folder.is_dir():
        raise Refusal(
            "no-starter", "The starter model for segmentation is not here. Bring in a model, or train one on masks."
        )
    version = ModelVersion.objects.filter(sha256=folder_sha256(folder)).first() or _registered(folder)
    if active("segmentation") is None and version.state == "candidate":
        activate(version, None)
    return version


def _registered(folder: Path) -> ModelVersion:
    facts = describe(folder)
    return register(
        folder,
        kind="segmentation",
        name=str(facts["name"]),
        by=None,
        recipe=recipe_of(facts) | {"simulated": True},
        metrics=facts["metrics"],
        note=str(facts["note"]),
    )
