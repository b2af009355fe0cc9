"""What stands behind a number: the vertebrae (cases, slices) that it counts, each with what was said of it.

A number of a page is a *cell*: which of two readers' words put a vertebra into it. The counts here are made from the
same arrays as the number, so they are equal to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from django.contrib.auth.models import User
from numpy.typing import NDArray

from labeling.analysis.columns import REFERENCE, columns_of
from labeling.analysis.gather import Gathered, gather, gather_slices
from labeling.analysis.scope import Scope, scope_of
from labeling.imaging.refusal import Refusal
from labeling.statistics.cases import by_case
from labeling.statistics.codes import (
    A4,
    ABSENT,
    AO_NAMES,
    FRACTURE,
    INDETERMINATE,
    NEGATIVE,
    NO_TYPE,
    NONE,
    NOT_ASSESSABLE,
)
from labeling.statistics.shared_tables import UNTYPED, answers

__all__ = ["CELLS", "UNITS", "Asking", "Behind", "Units", "behind"]

Said = NDArray[np.int8]
Mask = NDArray[np.bool_]

#: What a row is. *compared-case*: the case over the vertebrae that both call fracture or negative, as agreement counts
#: cases; *case*: over all that is said of it, as accuracy does.
UNITS = ("vertebra", "case", "compared-case", "slice")


def _decided(said: Said) -> Mask:
    return np.isin(said, (NEGATIVE, FRACTURE))


def _both(a: Said, b: Said) -> Mask:
    return np.asarray((a != ABSENT) & (b != ABSENT))


def _compared(a: Said, b: Said) -> Mask:
    return _decided(a) & _decided(b)


def _unsure(a: Said, b: Said) -> Mask:
    return np.asarray(_both(a, b) & ((a == INDETERMINATE) | (b == INDETERMINATE)))


def _barred(a: Said, b: Said) -> Mask:
    return np.asarray(_both(a, b) & ~_unsure(a, b) & ((a == NOT_ASSESSABLE) | (b == NOT_ASSESSABLE)))


#: Cell -> its words ({a} is the reader, {b} whom they stand against), and who is in it.
CELLS: dict[str, tuple[str, Callable[[Said, Said], Mask]]] = {
    "all": ("At least one of the two says something", lambda a, b: (a != ABSENT) | (b != ABSENT)),
    "compared": ("Both say fracture or negative", _compared),
    "differ": (
        "One says fracture, the other negative",
        lambda a, b: _compared(a, b) & (a != b),
    ),
    "both": ("Both say fracture", lambda a, b: (a == FRACTURE) & (b == FRACTURE)),
    "tp": ("{a}: fracture, {b}: fracture", lambda a, b: (a == FRACTURE) & (b == FRACTURE)),
    "fp": ("{a}: fracture, {b}: negative", lambda a, b: (a == FRACTURE) & (b == NEGATIVE)),
    "fn": ("{a}: negative, {b}: fracture", lambda a, b: (a == NEGATIVE) & (b == FRACTURE)),
    "tn": ("{a}: negative, {b}: negative", lambda a, b: (a == NEGATIVE) & (b == NEGATIVE)),
    # The margins of a 2x2 table: of what both call fracture or negative.
    "judged_positives": ("{b}: fracture, {a}: fracture or negative", lambda a, b: _compared(a, b) & (b == FRACTURE)),
    "judged_negatives": ("{b}: negative, {a}: fracture or negative", lambda a, b: _compared(a, b) & (b == NEGATIVE)),
    "judged_called": ("{a}: fracture, {b}: fracture or negative", lambda a, b: _compared(a, b) & (a == FRACTURE)),
    "judged_cleared": ("{a}: negative, {b}: fracture or negative", lambda a, b: _compared(a, b) & (a == NEGATIVE)),
    # Of a report: whoever reads it does not learn of the fracture.
    "unreported": ("{b}: fracture, {a}: another word or none", lambda a, b: (a != FRACTURE) & (b == FRACTURE)),
    "right": ("Both say the same, fracture or negative", lambda a, b: _compared(a, b) & (a == b)),
    "indeterminate": ("Indeterminate for one of the two or both", _unsure),
    "not_assessable": ("Not assessable for one of the two or both", _barred),
    "absent": ("{b} says something, {a} nothing", lambda a, b: (a == ABSENT) & (b != ABSENT)),
    "only": ("{a} says something, {b} nothing", lambda a, b: (a != ABSENT) & (b == ABSENT)),
    "called": ("{a}: fracture", lambda a, b: a == FRACTURE),
    "called_negative": ("{a}: negative", lambda a, b: a == NEGATIVE),
    "decided": ("{a}: fracture or negative", lambda a, b: _decided(a)),
    "called_indeterminate": ("{a}: indeterminate", lambda a, b: a == INDETERMINATE),
    "called_not_assessable": ("{a}: not assessable", lambda a, b: a == NOT_ASSESSABLE),
    # By the word of whom they stand against, as `statistics.accuracy.Apart` counts them.
    "positives": ("{b}: fracture", lambda a, b: b == FRACTURE),
    "negatives": ("{b}: negative", lambda a, b: b == NEGATIVE),
    "indeterminate_positives": ("{a}: indeterminate, {b}: fracture", lambda a, b: _is(a, INDETERMINATE, b, FRACTURE)),
    "indeterminate_negatives": ("{a}: indeterminate, {b}: negative", lambda a, b: _is(a, INDETERMINATE, b, NEGATIVE)),
    "not_assessable_positives": (
        "{a}: not assessable, {b}: fracture",
        lambda a, b: _is(a, NOT_ASSESSABLE, b, FRACTURE),
    ),
    "not_assessable_negatives": (
        "{a}: not assessable, {b}: negative",
        lambda a, b: _is(a, NOT_ASSESSABLE, b, NEGATIVE),
    ),
    "absent_positives": ("{a}: nothing, {b}: fracture", lambda a, b: _is(a, ABSENT, b, FRACTURE)),
    "absent_negatives": ("{a}: nothing, {b}: negative", lambda a, b: _is(a, ABSENT, b, NEGATIVE)),
    "reference_undecided": (
        "{b}: indeterminate or not assessable",
        lambda a, b: (b == INDETERMINATE) | (b == NOT_ASSESSABLE),
    ),
    "reference_absent": ("{a} says something, {b} nothing", lambda a, b: (a != ABSENT) & (b == ABSENT)),
}

_AO_OF_NAME = {name: code for code, name in AO_NAMES.items()}


def _is(a: Said, first: int, b: Said, second: int) -> Mask:
    return np.asarray((a == first) & (b == second))


@dataclass(frozen=True)
class Asking:
    """Which number.

    Attributes
    ----------
    reader, against
        Keys of columns.
    cell
        Of `CELLS`.
    unit
        Of `UNITS`.
    level
        C1 … L6; '' for all.
    ao
        A1 … C, 'no type' or 'none': the type that `against` gives, or where it calls no fracture, `reader`. '' for all.
    kind
        A1 … C: the 2x2 is of this type against all else; fractures without a type are in none of its cells.
    reader_ao, against_ao
        A cell of the AO table: what the two say. 'differ' in both: they say different ones of none and A1 to A4.
    truth
        Only what the reference calls 'fracture', 'negative', or a fracture of a type A1 … C. '' for all.
    threshold
        The reader is a score: what reaches this number counts as called a fracture. '' for what the reader called.
    both
        'read': only cases of which both have a read. '' for all.
    without
        'validation': no cases of validation patients, on whom a threshold was chosen. '' for all.
    """

    reader: str
    against: str
    cell: str = "differ"
    unit: str = "vertebra"
    level: str = ""
    ao: str = ""
    kind: str = ""
    reader_ao: str = ""
    against_ao: str = ""
    truth: str = ""
    threshold: str = ""
    both: str = ""
    without: str = ""


@dataclass(frozen=True, eq=False)
class Units:
    """M units as two readers, and where there is one the reference, see them: their words and where they lie.

    vertebra is the place in the `Gathered`, -1 where the unit is a case; slice is a SOP Instance UID, '' where it is
    none. truth is None without a reference.
    """

    case: NDArray[np.int64]
    vertebra: NDArray[np.int64]
    slice: tuple[str, ...]
    reader: tuple[Said, Said, NDArray[np.float64]]
    against: tuple[Said, Said, NDArray[np.float64]]
    truth: tuple[Said, Said] | None


@dataclass(frozen=True, eq=False)
class Behind:
    """The units of a number: `places` in `units`, in the order of cases and from head to feet."""

    asking: Asking
    gathered: Gathered
    units: Units
    places: NDArray[np.int64]
    sentence: str

    @property
    def count(self) -> int:
        return len(self.places)


def behind(user: User, scope: Scope, asking: Asking) -> Behind:
    """What is in a cell, of the cases of the scope.

    Raises
    ------
    Refusal
        ``no-cell`` where there is no such cell, unit or type; ``no-column`` and ``no-reference`` as `gather`.
    """
    names = [name for name in (asking.ao, asking.reader_ao, asking.against_ao) if name and name != "differ"]
    if asking.cell not in CELLS or asking.unit not in UNITS or not {*names, asking.kind or "A1"} <= set(_AO_OF_NAME):
        raise Refusal("no-cell", "There is no such number. Choose one from the list.")
    if asking.truth and asking.truth not in ("fracture", "negative", *_AO_OF_NAME):
        raise Refusal("no-cell", "The reference says no such thing. Choose a number from the list.")
    keys = [asking.reader, asking.against]
    columns = {column.key: column.label for column in columns_of(user, scope.cases)}
    if REFERENCE in columns:
        keys.append(REFERENCE)
    elif asking.truth:
        raise Refusal("no-reference", "None of these cases has a reference yet. Settle them in a consensus first.")
    gathered = gather(user, scope.cases, keys)
    units = _called_by_score(_units(gathered, asking), asking)
    words, chosen = CELLS[asking.cell]
    a, b = units.reader[0], units.against[0]
    if asking.kind:
        a, b = (_of_kind(units.reader, asking.kind), _of_kind(units.against, asking.kind))
    kept = _filtered(gathered, units, asking)
    if asking.both:
        pair = [gathered.place(asking.reader), gathered.place(asking.against)]
        kept &= np.asarray((gathered.read[pair] > 0).all(axis=0))[units.case]
    if asking.without:
        kept &= ~np.isin(gathered.cases, scope_of(user, "validation").cases)[units.case]
    places = np.flatnonzero(chosen(a, b) & kept)
    sentence = words.format(a=columns[asking.reader], b=columns[asking.against])
    return Behind(asking, gathered, units, places, _with_filters(sentence, asking))


def _units(gathered: Gathered, asking: Asking) -> Units:
    rows = [gathered.place(asking.reader), gathered.place(asking.against)]
    if any(column.key == REFERENCE for column in gathered.columns):
        rows.append(gathered.place(REFERENCE))
    if asking.unit == "slice":
        return _slices(gathered, asking, rows)
    if asking.unit != "vertebra":
        return _cases(gathered, rows, shared=asking.unit == "compared-case", by_truth=bool(asking.truth))
    said = [(gathered.verdict[row], gathered.ao[row], gathered.score[row]) for row in rows]
    size = len(gathered.vertebra)
    truth = said[2][:2] if len(said) > 2 else None
    return Units(gathered.case, np.arange(size), ("",) * size, said[0], said[1], truth)


def _called_by_score(units: Units, asking: Asking) -> Units:
    """The units with the reader's words as the threshold makes them; without a score, nothing is said."""
    if not asking.threshold:
        return units
    try:
        threshold = float(asking.threshold)
    except ValueError:
        raise Refusal("no-cell", f"The threshold {asking.threshold[:40]!r} is no number.") from None
    _, ao, score = units.reader
    called = np.where(score >= threshold, FRACTURE, np.where(np.isfinite(score), NEGATIVE, ABSENT)).astype(np.int8)
    return replace(units, reader=(called, ao, score))


def _slices(gathered: Gathered, asking: Asking, rows: list[int]) -> Units:
    slices = gather_slices(gathered, asking.against)
    at = slices.vertebra_place
    # A slice that is no fracture has no type, whatever the vertebra has.
    said = [
        (
            slices.verdict[row],
            np.where(slices.verdict[row] == FRACTURE, gathered.ao[row][at], NONE).astype(np.int8),
            slices.score[row],
        )
        for row in rows
    ]
    truth = said[2][:2] if len(said) > 2 else None
    return Units(gathered.case[at], at, slices.sop_uid, said[0], said[1], truth)


def _cases(gathered: Gathered, rows: list[int], *, shared: bool, by_truth: bool = False) -> Units:
    """One row a case. shared: over the vertebrae that the two compare alone. by_truth: asked is what the reference
    names, as where both are held against it."""
    verdicts, types = gathered.verdict, gathered.ao
    if shared:
        kept = _compared(verdicts[rows[0]], verdicts[rows[1]])
        verdicts = np.where(kept, verdicts, ABSENT).astype(np.int8)
    asked = verdicts[rows[2 if by_truth else 1]].astype(np.int64)
    found = []
    for row in rows:
        said = verdicts[row].astype(np.int64)
        # The reader's case is of what was asked; their own highest type is found the other way round.
        word = by_case(said, asked, asked, gathered.case, gathered.patient)[0]
        highest = by_case(said, said, types[row].astype(np.int64), gathered.case, gathered.patient)[2]
        score = np.full(len(word), -np.inf)
        np.maximum.at(score, gathered.case, np.nan_to_num(gathered.score[row], nan=-np.inf))
        ao = np.where(word == FRACTURE, highest, NONE)
        found.append((word.astype(np.int8), ao.astype(np.int8), np.where(np.isfinite(score), score, np.nan)))
    size = len(found[0][0])
    truth = found[2][:2] if len(found) > 2 else None
    return Units(np.arange(size), np.full(size, -1), ("",) * size, found[0], found[1], truth)


def _of_kind(said: tuple[Said, Said, NDArray[np.float64]], kind: str) -> Said:
    """The words of one reader where the question is this type, or anything else."""
    given = answers(said[0], said[1])
    typed = (given >= 0) & (given != UNTYPED)
    return np.where(typed, np.where(given == _AO_OF_NAME[kind], FRACTURE, NEGATIVE), ABSENT).astype(np.int8)


def _filtered(gathered: Gathered, units: Units, asking: Asking) -> Mask:
    kept = np.ones(len(units.case), bool)
    if asking.level:
        kept &= (units.vertebra >= 0) & (gathered.level[units.vertebra] == asking.level)
    if asking.truth and units.truth is not None:
        word, kind = units.truth
        kept &= word == (NEGATIVE if asking.truth == "negative" else FRACTURE)
        if asking.truth in _AO_OF_NAME:
            kept &= kind == _AO_OF_NAME[asking.truth]
    a, b = answers(*units.reader[:2]), answers(*units.against[:2])
    if asking.ao:
        kept &= np.where(b > 0, b, np.where(a > 0, a, np.maximum(a, b))) == _answer_named(asking.ao)
    if "differ" in (asking.reader_ao, asking.against_ao):
        kept &= (a >= NONE) & (a <= A4) & (b >= NONE) & (b <= A4) & (a != b)
        return kept
    if asking.reader_ao:
        kept &= a == _answer_named(asking.reader_ao)
    if asking.against_ao:
        kept &= b == _answer_named(asking.against_ao)
    return kept


def _answer_named(name: str) -> int:
    code = _AO_OF_NAME[name]
    return UNTYPED if code == NO_TYPE else code


def _with_filters(sentence: str, asking: Asking) -> str:
    """The words of a cell with what narrows it."""
    more = [asking.level]
    if asking.truth:
        more.append(f"in the reference: {asking.truth}")
    if asking.threshold:
        more.append(f"called from a score of {float(asking.threshold):.3g} up")
    if asking.both:
        more.append("of cases that both have read")
    if asking.without:
        more.append("without validation patients")
    if asking.ao:
        more.append(f"AO type {asking.ao}" if asking.ao in ("none", "no type") else asking.ao)
    if asking.kind:
        more.append(f"where the question is {asking.kind} or not")
    if "differ" in (asking.reader_ao, asking.against_ao):
        more.append("other AO type")
    elif asking.reader_ao or asking.against_ao:
        more.append(f"types {asking.reader_ao or 'any'} and {asking.against_ao or 'any'}")
    unit = {"case": "per case", "compared-case": "per case, over compared vertebrae", "slice": "per slice"}
    more.append(unit.get(asking.unit, ""))
    return ", ".join([sentence, *(word for word in more if word)])
