"""The protocol record of a round: who read what in which order, what they were shown, and how it was settled.

It is plain values: names of cases and accounts, times in UTC, hashes of locked reads, reasons as they were given. No
identity, nothing that a read says, and no number of this database, so that the same record gives the same hash
wherever it is printed. Of a case that the asking person is still to read, or whose truth they are bound to set without
the models, it tells only who has it and when it was opened and locked; such a record says that it is partial.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from labeling.models import Round
from labeling.reading import clock
from labeling.reading.protocol.people import reader_rows
from labeling.reading.protocol.rows import CaseRows, at, case_rows, event_rows, people
from labeling.reading.protocol.settling import settled_rows
from labeling.reading.visibility import cases_before_models, note_exposure, owed_assignments

__all__ = ["FORMAT", "content_hash", "is_partial", "protocol_of"]

#: What makes two records comparable: raised whenever anything in them is told in another way.
FORMAT = "sagittal protocol record 1"


def protocol_of(user: User, round_: Round) -> dict[str, Any]:
    """The record of a round as this person may see it now.

    Reasons are free words, and how many differences were settled says something of the reads: who is told them of a
    case has an exposure ("numbers"), written here. That the person oversees is the caller's to know.
    """
    with transaction.atomic():
        names = people()
        rows = CaseRows(round_, names)
        settled = settled_rows(round_, names)
        # Reasons and exposures tell of models too, so what is blind to the models is closed as a whole.
        owed = {*owed_assignments(user).values_list("case", flat=True)}
        owed |= {*cases_before_models(user).values_list("pk", flat=True)}
        events = event_rows(round_, names, owed)
        keys = {case.pk for case in rows.cases}
        told = [
            case_rows(
                rows,
                case.pk,
                closed=case.pk in owed,
                settled=settled.get(case.pk),
                events=[row for of, row in events if of == case.pk],
            )
            for case in rows.cases
        ]
        for case in rows.cases:
            if case.pk not in owed and (case.pk in settled or rows.tells(case.pk)):
                note_exposure(user, case.pk, "numbers")
        of_cases_gone = [row for of, row in events if of is not None and of not in keys and of not in owed]
        return {
            "format": FORMAT,
            "round": _round_row(round_),
            "clock_days_ahead": clock.days_ahead(),
            "events": [row for of, row in events if of is None] + of_cases_gone,
            "readers": reader_rows(round_),
            "cases": told,
            "partial": bool(owed & keys),
        }


def _round_row(round_: Round) -> dict[str, Any]:
    return {
        "name": round_.name,
        "kind": round_.kind,
        "imported": round_.imported,
        "follows": None if round_.follows is None else round_.follows.name,
        "label_schema": round_.label_schema.version,
        "seed": round_.seed,
        "state": round_.state,
        "planned_by": None if round_.by is None else round_.by.get_username(),
        "planned": at(round_.created_at),
        "started": at(round_.started_at),
        "rules": round_.rules,
    }


def is_partial(record: dict[str, Any]) -> bool:
    """Whether cases are closed in this record to whom it was made for."""
    return bool(record["partial"])


def content_hash(record: dict[str, Any]) -> str:
    """sha256 (hex) of the record as canonical JSON: UTF-8, keys sorted, no spaces."""
    text = json.dumps(record, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
