"""Which reads a person may take out, and that they then know them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from labeling.models import Read
from labeling.reading.exposures import exposure_of, note_exposures, stood_beside_a_model
from labeling.reading.owing import cases_before_models, closed_to
from labeling.reading.roles import may_export, reader_of

__all__ = ["export_counts", "exportable_reads"]


def exportable_reads(user: User, *, round_name: str = "") -> QuerySet[Read]:
    """The locked reads that this person may take out, newest version each; calling it is being shown them.

    Left out are the reads of cases that this person owes a read of, and those that may hold a model's word on cases
    that they are to settle, or have read, without it. The answer is fixed to the reads found now: what is locked while
    it streams was not recorded as shown, so it does not come.
    """
    if not may_export(user):
        return Read.objects.none()
    with transaction.atomic():
        reads = _exportable(user)
        if round_name:
            reads = reads.filter(round__name=round_name)
        found = list(reads.values_list("pk", "case_id", "reader__kind", "reader__user_id"))
        others = {(case, exposure_of(kind)) for _, case, kind, owner in found if owner != user.pk}
        others |= _models_told_of(user, {pk: case for pk, case, _, owner in found if owner != user.pk})
        if others:
            note_exposures(reader_of(user), sorted(others))
    return Read.objects.filter(pk__in=[pk for pk, *_ in found])


def _models_told_of(user: User, cases: Mapping[int, int]) -> set[tuple[int, str]]:
    """The exposures to models that lie in these reads (read -> case). What is left of a case that the models are kept
    from was said without them."""
    blind = set(cases_before_models(user).values_list("pk", flat=True))
    return {(cases[pk], "model") for pk in stood_beside_a_model(cases) if cases[pk] not in blind}


def export_counts(user: User) -> list[dict[str, Any]]:
    """Per round, by name: how many reads, findings and slice labels an export would hold. Counting exposes nobody."""
    if not may_export(user):
        return []
    reads = _exportable(user).filter(round__isnull=False)
    per_round = reads.values("round__name").order_by("round__name")
    # Each counted by itself: counted over one join, the labels would multiply the findings.
    counted = {row["round__name"]: row["n"] for row in per_round.annotate(n=Count("pk"))}
    findings = {row["round__name"]: row["n"] for row in per_round.annotate(n=Count("findings"))}
    labels = {row["round__name"]: row["n"] for row in per_round.annotate(n=Count("findings__slice_labels"))}
    return [
        {"name": name, "reads": reads, "findings": findings[name], "slice_labels": labels[name]}
        for name, reads in counted.items()
    ]


def _exportable(user: User) -> QuerySet[Read]:
    later = Read.objects.filter(supersedes=OuterRef("pk"), state="locked")
    telling = _may_hold_a_models_word().filter(case__in=cases_before_models(user)).exclude(reader__user=user.pk)
    reads = Read.objects.filter(~Exists(later), state="locked").exclude(closed_to(user))
    return reads.exclude(pk__in=telling.values("pk"))


def _may_hold_a_models_word() -> QuerySet[Read]:
    """Reads in which marks may have been accepted from a model: by the rules, not by whether one has read the case,
    which a read that is missing would tell."""
    once_locked = Q(round__rules__model="after_lock", version__gt=1)
    return Read.objects.filter(Q(round__rules__model="shown") | once_locked)
