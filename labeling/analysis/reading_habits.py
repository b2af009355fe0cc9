"""How people read: what they change once the model is revealed, and how fast and right they are within a session."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.db.models import Sum

from labeling.analysis.answers import Question
from labeling.analysis.columns import REFERENCE, reads_of
from labeling.analysis.gather import VERDICTS
from labeling.analysis.scope import Scope
from labeling.models import ActiveTime, Assignment, Case, Finding, ModelShowing, ReaderKind
from labeling.reading.visibility import visible_reads
from labeling.statistics import codes
from labeling.statistics.bootstrap import PatientBootstrap
from labeling.statistics.reveals import reveals
from labeling.statistics.sessions import by_position

__all__ = ["PAUSE", "answer"]

#: A pause this long between two locks begins a new session.
PAUSE = timedelta(minutes=30)

NO_REVEALS = (
    "No read stood beside this model yet. Plan a round in which it is revealed after the lock or shown first with a "
    "share of hidden cases, and have it read."
)
NO_READS = "Nobody has locked a read of these cases that you may see. Choose other cases, or have a round read first."
_JUDGED = (codes.NEGATIVE, codes.FRACTURE)


def answer(user: User, scope: Scope, question: Question) -> dict[str, Any]:
    """Automation bias towards the question's first reader, a model, and the course of sessions of all people.

    Returns
    -------
    note, bias (`Reveals.as_json` or None), bias_note, revealed, shown_first, hidden (reads), sessions
    (`Sessions.as_json` or None), reads, readers (how many people).
    """
    rows = list(
        visible_reads(user)
        .filter(case__in=scope.cases, state="locked", reader__kind=ReaderKind.PERSON, round__isnull=False)
        .order_by("version", "pk")
        .values_list("pk", "case", "reader", "round", "locked_at")
    )
    versions: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    locked: dict[tuple[int, int, int], datetime] = {}
    for pk, case, reader, round_, at in rows:
        key = (round_, case, reader)
        versions[key].append(pk)
        # The first lock ends the work of a session; later versions are second looks.
        if at is not None:
            locked.setdefault(key, at)
    columns = reads_of(user, scope.cases)
    truths = columns.get(REFERENCE, {})
    model = next((key for key in question.readers if key.startswith("m")), "")
    opinions = columns.get(model, {})
    wanted = {pk for reads in versions.values() for pk in (reads[0], reads[-1])} | set(truths.values())
    said = _said(wanted | set(opinions.values()))
    patients: dict[int, int] = {}
    owners = Case.objects.filter(pk__in=scope.cases).values_list("pk", "patient").order_by("pk")
    of_case = {pk: patients.setdefault(patient, len(patients)) for pk, patient in owners}
    bootstrap = PatientBootstrap(len(patients))
    bias = _bias(versions, said, truths, opinions, int(model[1:]) if model else 0, of_case, bootstrap)
    sessions = _sessions(versions, locked, said, truths, of_case, bootstrap) if versions else None
    return {
        "note": "" if versions else NO_READS,
        **bias,
        "sessions": sessions,
        "reads": len(versions),
        "readers": len({reader for _, _, reader in versions}),
    }


def _said(reads: set[int]) -> dict[int, dict[int, int]]:
    """Read -> vertebra -> verdict code."""
    found: dict[int, dict[int, int]] = defaultdict(dict)
    for read, vertebra, verdict in Finding.objects.filter(read__in=reads).values_list("read", "vertebra", "verdict"):
        found[read][vertebra] = VERDICTS[verdict]
    return found


def _bias(
    versions: dict[tuple[int, int, int], list[int]],
    said: dict[int, dict[int, int]],
    truths: dict[int, int],
    opinions: dict[int, int],
    model: int,
    of_case: dict[int, int],
    bootstrap: PatientBootstrap,
) -> dict[str, Any]:
    """Reads that stood beside this model, and of the same rounds those from which it stayed hidden."""
    of_read = {pk: key for key, reads in versions.items() for pk in reads}
    first: set[tuple[int, int, int]] = set()
    beside: dict[tuple[int, int, int], int] = {}
    showings = ModelShowing.objects.filter(read__in=of_read, model_read__reader=model).order_by("pk")
    for read, shown, was_first in showings.values_list("read", "model_read", "first"):
        beside.setdefault(of_read[read], shown)
        if was_first:
            first.add(of_read[read])
    said = {**said, **_said(set(beside.values()))}
    rounds = {round_ for round_, _, _ in beside}
    drawn = Assignment.objects.filter(round__in=rounds, model_hidden=True).values_list("round", "case", "reader")
    hidden = {key for key in drawn if key in versions} - first
    table: list[tuple[int, int, int, int, bool, int]] = []
    for key in sorted({*beside, *hidden}):
        case, reads = key[1], versions[key]
        opinion = said.get(beside.get(key, opinions.get(case, 0)), {})
        truth = said.get(truths.get(case, 0), {})
        before, after = said.get(reads[0], {}), said.get(reads[-1], {})
        if key in first:
            before = {}
        elif key in hidden:
            # Hidden until the lock: what counts is the read as it was locked.
            before, after = {}, before
        for vertebra, last in after.items():
            table.append(
                (
                    before.get(vertebra, codes.ABSENT),
                    last,
                    opinion.get(vertebra, codes.ABSENT),
                    truth.get(vertebra, codes.ABSENT),
                    key in hidden,
                    of_case[case],
                )
            )
    counts = {
        "revealed": len(set(beside) - first - hidden),
        "shown_first": len(first),
        "hidden": len(hidden),
    }
    if not table:
        return {"bias": None, "bias_note": NO_REVEALS, **counts}
    before_, after_, model_, reference, was_hidden, patient = (np.array(column) for column in zip(*table, strict=True))
    found = reveals(before_, after_, model_, reference, was_hidden, patient, bootstrap)
    return {"bias": found.as_json(), "bias_note": "", **counts}


def _sessions(
    versions: dict[tuple[int, int, int], list[int]],
    locked: dict[tuple[int, int, int], datetime],
    said: dict[int, dict[int, int]],
    truths: dict[int, int],
    of_case: dict[int, int],
    bootstrap: PatientBootstrap,
) -> dict[str, Any]:
    firsts = [reads[0] for reads in versions.values()]
    active = dict(
        ActiveTime.objects.filter(read__in=firsts)
        .order_by()
        .values("read")
        .annotate(all=Sum("ms"))
        .values_list("read", "all")
    )
    people = {reader: place for place, reader in enumerate(sorted({reader for _, _, reader in versions}))}
    last: dict[int, tuple[datetime, int]] = {}
    table = []
    for key in sorted(versions, key=lambda one: (one[2], locked[one], one)):
        _, case, reader = key
        before = last.get(reader)
        position = before[1] + 1 if before is not None and locked[key] - before[0] < PAUSE else 1
        last[reader] = (locked[key], position)
        own, truth = said.get(versions[key][0], {}), said.get(truths.get(case, 0), {})
        judged = [vertebra for vertebra, word in truth.items() if word in _JUDGED and own.get(vertebra) in _JUDGED]
        correct = sum(own[vertebra] == truth[vertebra] for vertebra in judged)
        seconds = active.get(versions[key][0], 0) / 1000
        table.append((seconds, correct, len(judged), position, people[reader], of_case[case]))
    seconds_, right, assessed, positions, readers, patient = (np.array(column) for column in zip(*table, strict=True))
    return by_position(seconds_, right, assessed, positions, readers, patient, bootstrap).as_json()
