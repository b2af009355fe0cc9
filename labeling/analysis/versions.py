"""The version of the data that a number was computed from: one hash over what it depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from django.db.models import Sum

from labeling.analysis.columns import locked_reads
from labeling.models import AnatomyVertebra, Case, DatasetPatient, ModelShowing, Participant, Read, Reference, Vertebra
from labeling.reading.roles import AnyUser

__all__ = ["METHODS", "data_version"]

#: Raised when the same data give other numbers: answers that were kept are then computed anew.
METHODS = 1

#: What Table 1 says of how a case was acquired.
_ACQUISITION = ("kv", "mas", "dlp", "collimation_mm", "slice_thickness", "source_rows", "source_columns")


def data_version(user: AnyUser, cases: Sequence[int]) -> str:
    """sha256 over the locked reads of these cases that this person may know, how they were made, what is true, splits,
    states, acquisition.

    Names of readers are no data. Anatomies of locked reads never change, but vertebrae may be joined later.
    """
    digest = hashlib.sha256(f"methods {METHODS}\n".encode())
    queries = (
        locked_reads(user, cases).order_by("pk").values_list("pk", "content_sha"),
        Reference.objects.filter(case__in=cases, current=True).order_by("pk").values_list("pk", "target", "read"),
        Case.objects.filter(pk__in=cases)
        .order_by("pk")
        .values_list("pk", "patient__split", "cohort_state", "exclusion_reason", "patient__sex", "age", *_ACQUISITION),
        Vertebra.objects.filter(case__in=cases, retired_into__isnull=False)
        .order_by("pk")
        .values_list("pk", "retired_into"),
        Participant.objects.filter(consensus__case__in=cases).order_by("pk").values_list("pk"),
        DatasetPatient.objects.filter(patient__cases__in=cases).order_by("pk").distinct().values_list("pk"),
        AnatomyVertebra.objects.filter(anatomy__case__in=cases, anatomy__reads__state="locked")
        .order_by("pk")
        .distinct()
        .values_list("pk", "level"),
        # What a reader was shown beside a read, and how long the read took: of locked ones, which change no more.
        ModelShowing.objects.filter(read__case__in=cases, read__state="locked").order_by("pk").values_list("pk"),
        Read.objects.filter(case__in=cases, state="locked", active_times__isnull=False)
        .order_by("pk")
        .values_list("pk")
        .annotate(Sum("active_times__ms")),
    )
    for rows in queries:
        for row in rows.iterator(chunk_size=20_000):
            digest.update(repr(row).encode())
        digest.update(b"\n")
    return digest.hexdigest()
