"""Which patients train, validate and test: a first assignment; a patient that has one keeps it."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from labeling.imaging.refusal import Refusal
from labeling.models import Assignment, Patient, RoundKind, Split, SplitChange

__all__ = ["assign_split"]


def assign_split(patient: Patient, split: str, *, by: User | None, reason: str) -> bool:
    """Put a patient without a split into one; False where they are in it already.

    Cases of a test patient leave the pool of the labelling round: they are read in blind rounds alone.

    Raises
    ------
    Refusal
        ``other-split`` where the patient is in another one, ``already-read`` where a case that is to be a test case is
        being read in the labelling round.
    """
    with transaction.atomic():
        held = Patient.objects.select_for_update().get(pk=patient.pk)
        if held.split == split:
            return False
        if held.split != Split.UNASSIGNED:
            raise Refusal(
                "other-split",
                f"{held.pseudonym} is in {held.get_split_display()} already and stays there. Choose another patient.",
            )
        if split == Split.TEST:
            _leave_the_pool(held)
        SplitChange.objects.create(patient=held, by=by, before=held.split, after=split, reason=reason)
        held.split = split
        held.save(update_fields=["split"])
    patient.refresh_from_db()
    return True


def _leave_the_pool(patient: Patient) -> None:
    labelling = Assignment.objects.filter(round__kind=RoundKind.LABELLING, case__patient=patient)
    if labelling.filter(reader__isnull=False).exists():
        raise Refusal(
            "already-read",
            f"A case of {patient.pseudonym} is being read in the labelling round, so it can be no test case.",
        )
    labelling.delete()
