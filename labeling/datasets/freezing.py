"""A set is frozen: its row and its patients in one transaction, with the database's word on who may train."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from labeling.imaging.refusal import Refusal
from labeling.models import AuditEvent, Dataset, DatasetPatient, Patient, Split

__all__ = ["store_training_set"]


def store_training_set(
    name: str,
    by: User | None,
    *,
    what: str,
    sha256: str,
    manifest: str,
    recipe: dict[str, Any],
    patients: Iterable[Patient],
    kept_back: set[str],
) -> Dataset:
    """The row of a set to train on, or of the same set that somebody else froze at the same moment.

    Parameters
    ----------
    what
        ``masks`` or ``slices``, for the audit and for sentences.
    kept_back
        Pseudonyms of the patients to validate on.

    Raises
    ------
    Refusal
        ``split-changed`` where a patient is not of the training split (the trigger's word), ``name-taken``.
    """
    try:
        with transaction.atomic():
            dataset = Dataset.objects.create(
                name=name.strip()[:80], purpose="train", sha256=sha256, manifest=manifest, recipe=recipe
            )
            DatasetPatient.objects.bulk_create(
                DatasetPatient(
                    dataset=dataset,
                    patient=patient,
                    split=Split.VALIDATION if patient.pseudonym in kept_back else Split.TRAINING,
                )
                for patient in {patient.pk: patient for patient in patients}.values()
            )
            AuditEvent.objects.create(by=by, verb=f"freeze_{what}", detail={"dataset": dataset.pk, "sha256": sha256})
    except IntegrityError as error:
        if "training_set_holds_training_patients" in str(error):
            raise Refusal(
                "split-changed", f"A patient left the training split meanwhile. Freeze the {what} again."
            ) from error
        twin = Dataset.objects.filter(sha256=sha256).first()
        if twin is None:
            raise Refusal("name-taken", f"There is a dataset called {name} already. Choose another name.") from error
        return twin
    return dataset
