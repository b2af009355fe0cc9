"""Automation bias: what readers change once they have seen the model's verdict, and whether the change was right.

Two sources. Reads that were locked before the model was revealed and could be changed after it show changes, within the
reader. The share of cases in which the model stayed hidden shows how people read without it, between cases; only both
together tell a bias from a second look. Right or wrong can only be said where a reference exists.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labeling.statistics.bootstrap import PatientBootstrap, per_patient
from labeling.statistics.codes import ABSENT, FRACTURE, NEGATIVE, NOT_ASSESSABLE
from labeling.statistics.estimates import Estimate, coefficient, missing, quotient, rate

NO_REVEAL = "No vertebra was read before and after a reveal."
NO_CHANGE = "No verdict was changed after the reveal."
NO_DISAGREEMENT = "Readers and model never differed before a reveal."
NO_AGREEMENT = "Readers and model never agreed before a reveal."
NO_TRUTH = "No reference exists for these vertebrae: right or wrong cannot be said."
NONE_HIDDEN = "In no case did the model stay hidden."
NONE_SHOWN = "In no case was the model shown."

Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Compared:
    """One rate with the model shown, with it hidden, and shown minus hidden."""

    shown: Estimate
    hidden: Estimate
    difference: Estimate

    def as_json(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name).as_json() for one in fields(self)}


@dataclass(frozen=True)
class Reveals:
    """Rates over vertebrae with intervals by patient.

    changed: of those read before and after a reveal. toward, away, elsewhere: of the changed, to the model's verdict,
    from it, or neither (from one verdict that is not the model's to another). followed: of those that differed from the
    model before. abandoned: of those that agreed with it before. made_right, made_wrong: of the changed that have a
    reference (the remainder was wrong before and after, as an indeterminate is). right_before, right_after: of those
    revealed that have a reference, and gain the difference. followed_wrong: of those that were right where the model
    was wrong, the share changed to the model's verdict. The last three compare cases with the model shown against those
    where it stayed hidden: how often the final read agrees with the model, and its sensitivity and specificity.
    """

    changed: Estimate
    toward: Estimate
    away: Estimate
    elsewhere: Estimate
    followed: Estimate
    abandoned: Estimate
    made_right: Estimate
    made_wrong: Estimate
    right_before: Estimate
    right_after: Estimate
    gain: Estimate
    followed_wrong: Estimate
    agreement_with_model: Compared
    sensitivity: Compared
    specificity: Compared

    def as_json(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name).as_json() for one in fields(self)}


def reveals(
    before: ArrayLike,
    after: ArrayLike,
    model: ArrayLike,
    reference: ArrayLike,
    hidden: ArrayLike,
    patient: ArrayLike,
    bootstrap: PatientBootstrap,
) -> Reveals:
    """All numbers of automation bias from one row per vertebra and reader.

    Parameters
    ----------
    before, after
        (N,) verdict codes of the reader, locked before the reveal, and the last one. Where the model stayed hidden,
        `after` is the read itself and `before` may be ABSENT; where the model was shown from the start, `before` is
        ABSENT, and the row counts among the shown.
    model, reference
        (N,) verdict codes; ABSENT where there is none.
    hidden
        (N,) bool, the model stayed hidden from this reader in this case.
    patient
        (N,) patient numbers from 0; `bootstrap` draws them.

    Raises
    ------
    ValueError
        where the columns differ in length, or a code or a patient is out of range.
    """
    rows = _Rows.of(before, after, model, reference, hidden, patient, bootstrap)
    revealed, changed = rows.revealed, rows.changed
    wrong_model = rows.judged & (rows.model != rows.reference)
    was_right = rows.judged & (rows.before == rows.reference)
    is_right = rows.judged & (rows.after == rows.reference)
    agreed = rows.before == rows.model
    arrived = rows.after == rows.model
    judged_changes = NO_TRUTH if changed.any() else NO_CHANGE
    return Reveals(
        changed=rows.share(changed, revealed, NO_REVEAL),
        toward=rows.share(changed & arrived, changed, NO_CHANGE),
        away=rows.share(changed & agreed, changed, NO_CHANGE),
        elsewhere=rows.share(changed & ~arrived & ~agreed, changed, NO_CHANGE),
        followed=rows.share(changed & arrived, revealed & ~agreed, NO_DISAGREEMENT),
        abandoned=rows.share(changed & agreed, revealed & agreed, NO_AGREEMENT),
        made_right=rows.share(changed & is_right, changed & rows.judged, judged_changes),
        made_wrong=rows.share(changed & was_right, changed & rows.judged, judged_changes),
        right_before=rows.share(revealed & was_right, revealed & rows.judged, NO_TRUTH),
        right_after=rows.share(revealed & is_right, revealed & rows.judged, NO_TRUTH),
        gain=rows.gain(revealed & was_right, revealed & is_right, revealed & rows.judged),
        followed_wrong=rows.share(
            changed & arrived & wrong_model & was_right,
            revealed & wrong_model & was_right,
            "Nowhere was the reader right and the model wrong before a reveal.",
        ),
        agreement_with_model=rows.compare(rows.read & rows.has_model & arrived, rows.read & rows.has_model),
        sensitivity=rows.compare(
            rows.called & (rows.reference == FRACTURE), rows.decided & (rows.reference == FRACTURE)
        ),
        specificity=rows.compare(
            ~rows.called & rows.decided & (rows.reference == NEGATIVE), rows.decided & (rows.reference == NEGATIVE)
        ),
    )


@dataclass(frozen=True)
class _Rows:
    """The columns as arrays of one length, and the counting over patients."""

    before: Codes
    after: Codes
    model: Codes
    reference: Codes
    hidden: Mask
    patient: Codes
    bootstrap: PatientBootstrap

    @classmethod
    def of(cls, *columns: Any) -> "_Rows":
        names = ("before", "after", "model", "reference", "hidden", "patient")
        arrays = [np.asarray(column).ravel() for column in columns[:6]]
        lengths = {array.size for array in arrays}
        if len(lengths) > 1:
            told = ", ".join(f"{name} {array.size}" for name, array in zip(names, arrays, strict=True))
            raise ValueError(f"Columns of the reveals differ in length: {told}. Give one value a vertebra in each.")
        codes = [array.astype(np.int64) for array in arrays]
        for name, array in zip(names[:4], codes[:4], strict=True):
            if array.size and (array.min() < ABSENT or array.max() > NOT_ASSESSABLE):
                raise ValueError(f"Verdicts are coded from {ABSENT} to {NOT_ASSESSABLE}; `{name}` holds another code.")
        bootstrap: PatientBootstrap = columns[6]
        if codes[5].size and (codes[5].min() < 0 or codes[5].max() >= bootstrap.patients):
            raise ValueError(f"Patients are numbered from 0 to {bootstrap.patients - 1}; here is another number.")
        before, after, model, reference = codes[:4]
        return cls(before, after, model, reference, arrays[4].astype(bool), codes[5], bootstrap)

    @property
    def has_model(self) -> Mask:
        return np.asarray(self.model != ABSENT)

    @property
    def read(self) -> Mask:
        return np.asarray(self.after != ABSENT)

    @property
    def revealed(self) -> Mask:
        return np.asarray((self.before != ABSENT) & self.read & self.has_model & ~self.hidden)

    @property
    def changed(self) -> Mask:
        return np.asarray(self.revealed & (self.before != self.after))

    @property
    def judged(self) -> Mask:
        """Where the reference says fracture or negative."""
        return np.isin(self.reference, (NEGATIVE, FRACTURE))

    @property
    def decided(self) -> Mask:
        """Where the reader's last verdict is fracture or negative, and the model spoke: both shares hold the same."""
        return np.isin(self.after, (NEGATIVE, FRACTURE)) & self.has_model

    @property
    def called(self) -> Mask:
        return np.asarray(self.decided & (self.after == FRACTURE))

    def counts(self, chosen: Mask) -> NDArray[np.int64]:
        """(patients,) how many of the chosen each patient holds."""
        cells = np.where(chosen, 0, -1)
        return per_patient(cells, self.patient, self.bootstrap.patients, 1)[:, 0]

    def drawn(self, event: Mask, among: Mask) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        counts = np.stack([self.counts(event & among), self.counts(among)], axis=1)
        totals = self.bootstrap.totals(counts)
        return quotient(totals[:, 0], totals[:, 1]), counts

    def share(self, event: Mask, among: Mask, empty: str) -> Estimate:
        replicates, counts = self.drawn(event, among)
        numerator, denominator = (int(total) for total in counts.sum(axis=0))
        contributing = int((counts[:, 1] > 0).sum())
        return rate(numerator, denominator, replicates, patients=contributing, empty=empty)

    def gain(self, event: Mask, other: Mask, among: Mask) -> Estimate:
        size = int(among.sum())
        if not size:
            return missing(NO_TRUTH, denominator=0)
        difference = self.drawn(other, among)[0] - self.drawn(event, among)[0]
        return coefficient(float((other.sum() - event.sum()) / size), difference, denominator=size)

    def compare(self, event: Mask, among: Mask) -> Compared:
        shown = self.share(event, among & ~self.hidden, NONE_SHOWN)
        hidden = self.share(event, among & self.hidden, NONE_HIDDEN)
        if shown.value is None or hidden.value is None:
            return Compared(shown, hidden, missing(shown.note or hidden.note))
        replicates = self.drawn(event, among & ~self.hidden)[0] - self.drawn(event, among & self.hidden)[0]
        size = (shown.denominator or 0) + (hidden.denominator or 0)
        return Compared(shown, hidden, coefficient(shown.value - hidden.value, replicates, denominator=size))
