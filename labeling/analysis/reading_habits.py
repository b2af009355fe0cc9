"""How people read: what they change once the model is revealed, and how fast and right they are within a session."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
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

__all__ = ["PAUSE", "BiasRow", "Habits", "SessionRow", "answer", "habits_of"]

#: Round, case and reader.
_Key = tuple[int, int, int]

#: A pause this long between two locks begins a new session.
PAUSE = timedelta(minutes=30)

NO_REVEALS = (
    "No read stood beside this model yet. Plan a round in which it is revealed after the lock or shown first with a "
    "share of hidden cases, and have it read."
)
NO_READS = "Nobody has locked a read of these cases that you may see. Choose other cases, or have a round read first."
_JUDGED = (codes.NEGATIVE, codes.FRACTURE)


@dataclass(frozen=True)
class BiasRow:
    """A vertebra of a read that stood beside a model, or from which it stayed hidden; verdicts are `codes`.

    how: "revealed" after the lock, "shown first", or "hidden". read: the first version.
    """

    read: int
    case: int
    before: int
    after: int
    model: int
    reference: int
    how: str


@dataclass(frozen=True)
class SessionRow:
    """A case that a person read: at which place of a session, how long, how many judged right of those assessed."""

    case: int
    reader: int
    position: int
    seconds: float
    correct: int
    assessed: int


@dataclass(frozen=True)
class Habits:
    """What `answer` counts. beside: reads revealed, shown first and hidden; patients: numbered as the cases came in."""

    bias: list[BiasRow]
    beside: dict[str, int]
    sessions: list[SessionRow]
    patient_of: dict[int, int]


def answer(user: User, scope: Scope, question: Question) -> dict[str, Any]:
    """Automation bias towards the question's first reader, a model, and the course of sessions of all people.

    Returns
    -------
    note, bias (`Reveals.as_json` or None), bias_note, revealed, shown_first, hidden (reads), sessions
    (`Sessions.as_json` or None), reads, readers (how many people).
    """
    model = next((key for key in question.readers if key.startswith("m")), "")
    found = habits_of(user, scope, model)
    bootstrap = PatientBootstrap(len(set(found.patient_of.values())))
    return {
        "note": "" if found.sessions else NO_READS,
        "bias": _bias(found, bootstrap),
        "bias_note": "" if found.bias else NO_REVEALS,
        **found.beside,
        "sessions": _sessions(found, bootstrap) if found.sessions else None,
        "reads": len(found.sessions),
        "readers": len({row.reader for row in found.sessions}),
    }


def habits_of(user: User, scope: Scope, model: str) -> Habits:
    """The rows behind the answer: of the model with this key of a column ('' for none), and of all sessions."""
    rows = list(
        visible_reads(user)
        .filter(case__in=scope.cases, state="locked", reader__kind=ReaderKind.PERSON, round__isnull=False)
        .order_by("version", "pk")
        .values_list("pk", "case", "reader", "round", "locked_at")
    )
    versions: dict[_Key, list[int]] = defaultdict(list)
    locked: dict[_Key, datetime] = {}
    for pk, case, reader, round_, at in rows:
        key = (round_, case, reader)
        versions[key].append(pk)
        # The first lock ends the work of a session; later versions are second looks.
        if at is not None:
            locked.setdefault(key, at)
    columns = reads_of(user, scope.cases)
    truths, opinions = columns.get(REFERENCE, {}), columns.get(model, {})
    wanted = {pk for reads in versions.values() for pk in (reads[0], reads[-1])} | set(truths.values())
    said = _said(wanted | set(opinions.values()))
    patients: dict[int, int] = {}
    owners = Case.objects.filter(pk__in=scope.cases).values_list("pk", "patient").order_by("pk")
    of_case = {pk: patients.setdefault(patient, len(patients)) for pk, patient in owners}
    bias, beside = _bias_rows(versions, said, truths, opinions, int(model[1:]) if model else 0)
    return Habits(bias, beside, _session_rows(versions, locked, said, truths), of_case)


def _said(reads: set[int]) -> dict[int, dict[int, int]]:
    """Read -> vertebra -> verdict code."""
    found: dict[int, dict[int, int]] = defaultdict(dict)
    for read, vertebra, verdict in Finding.objects.filter(read__in=reads).values_list("read", "vertebra", "verdict"):
        found[read][vertebra] = VERDICTS[verdict]
    return found


def _bias_rows(
    versions: dict[_Key, list[int]],
    said: dict[int, dict[int, int]],
    truths: dict[int, int],
    opinions: dict[int, int],
    model: int,
) -> tuple[list[BiasRow], dict[str, int]]:
    """Reads that stood beside this model, and of the same rounds those from which it stayed hidden."""
    of_read = {pk: key for key, reads in versions.items() for pk in reads}
    first: set[_Key] = set()
    beside: dict[_Key, int] = {}
    showings = ModelShowing.objects.filter(read__in=of_read, model_read__reader=model).order_by("pk")
    for read, shown, was_first in showings.values_list("read", "model_read", "first"):
        beside.setdefault(of_read[read], shown)
        if was_first:
            first.add(of_read[read])
    said = {**said, **_said(set(beside.values()))}
    rounds = {round_ for round_, _, _ in beside}
    drawn = Assignment.objects.filter(round__in=rounds, model_hidden=True).values_list("round", "case", "reader")
    hidden = {key for key in drawn if key in versions} - first
    table = []
    for key in sorted({*beside, *hidden}):
        case, reads = key[1], versions[key]
        opinion = said.get(beside.get(key, opinions.get(case, 0)), {})
        truth = said.get(truths.get(case, 0), {})
        before, after = said.get(reads[0], {}), said.get(reads[-1], {})
        how = "revealed"
        if key in first:
            before, how = {}, "shown first"
        elif key in hidden:
            # Hidden until the lock: what counts is the read as it was locked.
            before, after, how = {}, before, "hidden"
        for vertebra, last in after.items():
            first_said, said_by_model, is_true = (one.get(vertebra, codes.ABSENT) for one in (before, opinion, truth))
            table.append(BiasRow(reads[0], case, first_said, last, said_by_model, is_true, how))
    counts = {"revealed": len(set(beside) - first - hidden), "shown_first": len(first), "hidden": len(hidden)}
    return table, counts


def _bias(found: Habits, bootstrap: PatientBootstrap) -> dict[str, Any] | None:
    if not found.bias:
        return None
    before, after, model, reference = (
        np.array([getattr(row, name) for row in found.bias]) for name in ("before", "after", "model", "reference")
    )
    hidden = np.array([row.how == "hidden" for row in found.bias])
    patient = np.array([found.patient_of[row.case] for row in found.bias])
    return reveals(before, after, model, reference, hidden, patient, bootstrap).as_json()


def _session_rows(
    versions: dict[_Key, list[int]],
    locked: dict[_Key, datetime],
    said: dict[int, dict[int, int]],
    truths: dict[int, int],
) -> list[SessionRow]:
    firsts = [reads[0] for reads in versions.values()]
    active = dict(
        ActiveTime.objects.filter(read__in=firsts)
        .order_by()
        .values("read")
        .annotate(all=Sum("ms"))
        .values_list("read", "all")
    )
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
        table.append(SessionRow(case, reader, position, seconds, correct, len(judged)))
    return table


def _sessions(found: Habits, bootstrap: PatientBootstrap) -> dict[str, Any]:
    people = {reader: place for place, reader in enumerate(sorted({row.reader for row in found.sessions}))}
    seconds, correct, assessed, position = (
        np.array([getattr(row, name) for row in found.sessions])
        for name in ("seconds", "correct", "assessed", "position")
    )
    readers = np.array([people[row.reader] for row in found.sessions])
    patient = np.array([found.patient_of[row.case] for row in found.sessions])
    return by_position(seconds, correct, assessed, position, readers, patient, bootstrap).as_json()
