"""Cases with a mask and a locked read: what a slice set is frozen out of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from labeling.intake.frames import write_named
from labeling.intake.label_maps import packed
from labeling.models import Case, Finding, Patient, Read, SliceLabel
from tests.factories import (
    lock_plainly,
    make_anatomy,
    make_case,
    make_patient,
    make_read,
    number,
    sops_of,
    vertebra_of,
)

KEPT = range(4, 8)
"""Of bodies on the slices 3 to 8, what 20 % shaved on each side leaves."""


def masked_case(patient: Patient | None = None, split: str = "training", **fields: Any) -> Case:
    """A case with L2 to L4 and a mask of them."""
    return with_mask(make_case(patient=patient or make_patient(split=split), **fields))


def with_mask(case: Case) -> Case:
    labels = np.zeros((12, 24, 16), dtype=np.uint8)
    for value, rows in {1: slice(0, 7), 2: slice(8, 15), 3: slice(16, 23)}.items():
        labels[3:9, rows, 1:14] = value
    make_anatomy(case, label_map=write_named(f"test/{number()}.npz", packed(labels)))
    return case


def locked(case: Case, verdicts: Mapping[str, str | None], fractured: range = range(5, 7), **fields: Any) -> Read:
    """A locked read; a fracture shows on the slices `fractured`, every other slice of the body is negative."""
    read = make_read(case, **fields)
    say(read, verdicts, fractured)
    return lock_plainly(read)


def say(read: Read, verdicts: Mapping[str, str | None], fractured: range = range(5, 7)) -> None:
    for level, verdict in verdicts.items():
        why = "other" if verdict == "not_assessable" else ""
        finding = Finding.objects.create(read=read, vertebra_id=vertebra_of(read, level), verdict=verdict, why=why)
        if verdict in ("fracture", "negative"):
            for k, sop in enumerate(sops_of(read), start=3):
                value = "fracture" if verdict == "fracture" and k in fractured else "negative"
                SliceLabel.objects.create(finding=finding, slice_id=sop, value=value, source="key")


ALL = {"L2": "negative", "L3": "fracture", "L4": "negative"}
