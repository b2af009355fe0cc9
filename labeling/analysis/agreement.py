"""How far readers agree: every pair of them, all together, and each with themselves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from django.contrib.auth.models import User

from labeling.analysis.answers import Question
from labeling.analysis.columns import Column, columns_of
from labeling.analysis.gather import Gathered, gather
from labeling.analysis.scope import Scope
from labeling.imaging.refusal import Refusal
from labeling.models import Round, RoundKind
from labeling.statistics import codes
from labeling.statistics.agreement import AO_CATEGORIES, AO_WEIGHTS
from labeling.statistics.bootstrap import PatientBootstrap, per_patient
from labeling.statistics.estimates import Estimate, quotient, rate
from labeling.statistics.pairs import agree_many
from labeling.statistics.reliability import reliability

__all__ = ["MOST_READERS", "answer", "readers_of"]

#: Columns of the matrix; more are not readable, and each one more is a dozen pairs.
MOST_READERS = 12

NOBODY = "Nobody has locked a read of these cases that you may see. Choose other cases, or have a round read first."
ONE_READER = (
    "{} alone has read these cases. Agreement needs two: have a second person or a model read them, or settle them in "
    "a consensus."
)
WHY_WEIGHTS = (
    "1 is full agreement, 0 none. Fracture or not decides what follows, so nothing is credited across it. A1, A3 and "
    "A4 rise in harm; A2 stands in no order to them and gets one half against each. B and C are injuries of the "
    "segment and are counted apart."
)


def readers_of(columns: Sequence[Column], wanted: Sequence[str] = ()) -> tuple[list[Column], list[Column]]:
    """The columns of the matrix and those that found no room in it.

    Parameters
    ----------
    wanted
        Keys of columns; empty for everybody's own column, without those of single rounds, which say the same again.
    """
    chosen = [column for column in columns if (column.key in wanted if wanted else "-" not in column.key)]
    return chosen[:MOST_READERS], chosen[MOST_READERS:]


def answer(user: User, scope: Scope, question: Question) -> dict[str, Any]:
    """All pairs of the question's readers (all, where it names none), the readers together, and repeats.

    Returns
    -------
    readers (with how often each *calls* a fracture), left_out, pairs (`PairAgreement.as_json` by keys a and b),
    together (`Reliability.as_json` of groups of readers), repeats, weights, and a note where there is nothing to
    compare.

    Raises
    ------
    Refusal
        ``no-column`` where a reader that is named has read none of the cases.
    """
    known = columns_of(user, scope.cases)
    unknown = set(question.readers) - {column.key for column in known}
    if unknown:
        raise Refusal("no-column", f"The reader {min(unknown)[:40]!r} has no locked read of these cases.")
    columns, left_out = readers_of(known, question.readers)
    repeats = _repeats(known, columns)
    keys = [column.key for column in columns]
    gathered = gather(user, scope.cases, [*keys, *(key for first, again, _ in repeats for key in (first, again))])
    bootstrap = PatientBootstrap(gathered.patients)
    pairs = list(combinations(range(len(keys)), 2))
    again_pairs = [(gathered.place(first), gathered.place(again)) for first, again, _ in repeats]
    found = agree_many(
        gathered.verdict,
        gathered.ao,
        gathered.level,
        gathered.patient,
        bootstrap,
        case=gathered.case,
        pairs=[*pairs, *again_pairs],
    )
    names = {column.key: column.label for column in known}
    return {
        "readers": [_reader(gathered, place, bootstrap) for place in range(len(keys))],
        "left_out": [column.label for column in left_out],
        "pairs": [{"a": keys[a], "b": keys[b], "agreement": found[a, b].as_json()} for a, b in pairs],
        "together": _together(gathered, columns, bootstrap),
        "repeats": [
            {
                "reader": first,
                "again": again,
                "label": names[first],
                "round": round_,
                "agreement": found[places].as_json(),
            }
            for (first, again, round_), places in zip(repeats, again_pairs, strict=True)
        ],
        "weights": {"categories": list(AO_CATEGORIES), "rows": [list(row) for row in AO_WEIGHTS], "why": WHY_WEIGHTS},
        "vertebrae": int((gathered.verdict[: len(keys)] != codes.ABSENT).any(axis=0).sum()),
        "patients": gathered.patients,
        "replicates": bootstrap.replicates,
        "seed": bootstrap.seed,
        "note": NOBODY if not columns else ONE_READER.format(columns[0].label) if len(columns) == 1 else "",
    }


def _repeats(known: Sequence[Column], columns: Sequence[Column]) -> list[tuple[str, str, str]]:
    """(own column, column of the repeat, name of its round) of those who read cases twice and stand in the matrix."""
    people = {column.key.partition("-")[0] for column in columns}
    keys = {column.key for column in known}
    of_round = {key: int(key.partition("-")[2]) for key in keys if "-" in key}
    rounds = Round.objects.filter(kind=RoundKind.REPEAT, pk__in=of_round.values())
    named = dict(rounds.values_list("pk", "name"))
    found = []
    for column in known:
        own = column.key.partition("-")[0]
        if of_round.get(column.key) in named and own in people and own in keys:
            found.append((own, column.key, named[of_round[column.key]]))
    return found


def _reader(gathered: Gathered, place: int, bootstrap: PatientBootstrap) -> dict[str, Any]:
    column, said = gathered.columns[place], gathered.verdict[place]
    return {
        "key": column.key,
        "label": column.label,
        "kind": column.kind,
        "reads": column.reads,
        "incorporated": column.incorporated,
        "called": _called(gathered, place, bootstrap).as_json(),
        "indeterminate": int((said == codes.INDETERMINATE).sum()),
        "not_assessable": int((said == codes.NOT_ASSESSABLE).sum()),
    }


def _called(gathered: Gathered, place: int, bootstrap: PatientBootstrap) -> Estimate:
    """Fractures of all that this reader calls fracture or negative."""
    said = gathered.verdict[place]
    yes_or_no = np.where((said == codes.NEGATIVE) | (said == codes.FRACTURE), said, -1)
    counts = per_patient(yes_or_no, gathered.patient, bootstrap.patients, 2)
    drawn = bootstrap.totals(counts)
    fractures, of = int(counts[:, 1].sum()), int(counts.sum())
    patients = int((counts.sum(axis=1) > 0).sum())
    nothing = "This reader calls no vertebra fracture or negative."
    return rate(fractures, of, quotient(drawn[:, 1], drawn.sum(axis=1)), patients=patients, empty=nothing)


def _together(gathered: Gathered, columns: Sequence[Column], bootstrap: PatientBootstrap) -> list[dict[str, Any]]:
    """People alone, and everybody who reads for themselves; the reference is made of others, so it stands in neither.

    One column a reader: the same person twice would agree with themselves.
    """
    single = {column.key.partition("-")[0]: column for column in reversed(columns)}
    own = [column for column in columns if single[column.key.partition("-")[0]] is column]
    people = [column for column in own if column.kind == "person"]
    readers = [column for column in own if column.kind != "reference"]
    groups = [("People", people), ("People, models and report" if people else "Models and report", readers)]
    found = []
    for title, group in groups:
        if len(group) < 2 or (title != "People" and group == people):
            continue
        rows = [gathered.place(column.key) for column in group]
        of = reliability(gathered.verdict[rows], gathered.ao[rows], gathered.patient, bootstrap)
        found.append({"title": title, "readers": [column.label for column in group], "reliability": of.as_json()})
    return found
