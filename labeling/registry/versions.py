"""Model versions: registered once by the SHA-256 of their files, one of each kind active, none ever lost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from labeling.imaging.refusal import Refusal
from labeling.models import AuditEvent, Dataset, ModelState, ModelVersion, Reader, ReaderKind
from labeling.registry.folders import folder_sha256, keep, kept_folder

__all__ = ["activate", "active", "model_folder", "reader_of_model", "register", "retire", "storable"]


def register(
    folder: Path,
    *,
    kind: str,
    name: str,
    by: User | None,
    recipe: Mapping[str, Any] | None = None,
    dataset: Dataset | None = None,
    metrics: Mapping[str, Any] | None = None,
    note: str = "",
    parent: ModelVersion | None = None,
) -> ModelVersion:
    """Keep the files of a model and give it a row, as a candidate; the same files again are the same version.

    Parameters
    ----------
    parent
        The version whose weights it began with.

    Raises
    ------
    Refusal
        ``not-a-model`` where the folder is missing, empty or holds a link.
    OSError
        where the disk is full.
    """
    sha256 = folder_sha256(folder)
    keep(folder, sha256)
    with transaction.atomic():
        version, new = ModelVersion.objects.get_or_create(
            sha256=sha256,
            defaults={
                "kind": kind,
                "name": name.strip()[:80] or "Model",
                "recipe": storable(recipe or {}),
                "dataset": dataset,
                "metrics": storable(metrics or {}),
                "folder": sha256,
                "note": storable(note),
                "by": by,
                "parent": parent,
            },
        )
        if new:
            _audit(by, "register_model", version)
    return version


def storable(said: Any) -> Any:
    """What a model says of itself as the database can hold it: numbers that are none, and NUL, are left out."""
    if isinstance(said, Mapping):
        kept = {str(name).replace("\0", ""): storable(value) for name, value in said.items()}
        return {name: value for name, value in kept.items() if value is not None}
    if isinstance(said, list | tuple):
        return [storable(value) for value in said]
    if isinstance(said, str):
        return said.replace("\0", "")
    return None if isinstance(said, float) and not math.isfinite(said) else said


def active(kind: str) -> ModelVersion | None:
    """The active version of a kind, if there is one."""
    return ModelVersion.objects.filter(kind=kind, state=ModelState.ACTIVE).first()


def activate(version: ModelVersion, by: User | None) -> ModelVersion:
    """Make this the one that is used unless another is named; the one before becomes a candidate again."""
    with transaction.atomic():
        # All rows of the kind, always in one order: two people who activate at once do not wait for each other's.
        rows = ModelVersion.objects.select_for_update().filter(kind=version.kind).order_by("pk")
        held = {row.pk: row for row in rows}[version.pk]
        if held.state != ModelState.ACTIVE:
            ModelVersion.objects.filter(kind=version.kind, state=ModelState.ACTIVE).update(state=ModelState.CANDIDATE)
            held.state = ModelState.ACTIVE
            held.save(update_fields=["state"])
            _audit(by, "activate_model", held)
        if held.kind == "classifier":
            # Also where it is active already: who died between the two had asked for nothing, and twice is once.
            transaction.on_commit(lambda: _read_everywhere(held))
    version.refresh_from_db()
    return version


def _read_everywhere(version: ModelVersion) -> None:
    # Imported late: who asks for pre-labels asks here which model is active.
    from labeling.reading.opinions.prelabels import ask_everywhere

    ask_everywhere(version)


def retire(version: ModelVersion, by: User | None) -> ModelVersion:
    """Use it no more; what it has made stays, and it can be activated again."""
    with transaction.atomic():
        if (
            ModelVersion.objects.filter(pk=version.pk)
            .exclude(state=ModelState.RETIRED)
            .update(state=ModelState.RETIRED)
        ):
            _audit(by, "retire_model", version)
    version.refresh_from_db()
    return version


def model_folder(version: ModelVersion) -> Path:
    """The files of a version, checked against its SHA-256.

    Raises
    ------
    Refusal
        ``no-files`` where it has none, ``wrong-sha256`` where they are missing, changed or damaged.
    """
    if not version.folder:
        raise Refusal("no-files", f"{version.name} has no files to load. Choose another model.")
    folder = kept_folder(version.folder)
    try:
        found = folder_sha256(folder)
    except Refusal:
        found = ""
    if found != version.sha256:
        what = f"have another SHA-256 than {version.sha256[:12]}…" if found else "are missing"
        raise Refusal(
            "wrong-sha256", f"The files of {version.name} {what}. They are not loaded. Import the model again."
        )
    return folder


def reader_of_model(version: ModelVersion) -> Reader:
    """The reader that this version is, made on demand."""
    reader, _ = Reader.objects.get_or_create(model_version=version, defaults={"kind": ReaderKind.MODEL})
    return reader


def _audit(by: User | None, verb: str, version: ModelVersion) -> None:
    AuditEvent.objects.create(by=by, verb=verb, detail={"model_version": version.pk, "sha256": version.sha256})
