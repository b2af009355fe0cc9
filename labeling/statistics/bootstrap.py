"""The bootstrap by patient: patients are drawn with replacement, and all their vertebrae come with them.

Vertebrae of one patient are alike, so intervals that take them for independent are too narrow. Every statistic here is
a function of counts; the counts of a draw are the patients' counts times how often each patient was drawn. One draw is
therefore one row of a matrix product, and two thousand draws of all tables are a single one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["PatientBootstrap", "interval", "per_patient"]

#: Weights of this many draws and patients are turned to floating point at a time: 16 MiB.
_BLOCK: int = 1 << 22

#: Whole numbers up to here are exact in single precision, where the product is twice as fast.
_EXACT_IN_SINGLE: int = 1 << 24

#: Where more replicates than this are undefined, those left no longer stand for the whole.
_UNDEFINED_AT_MOST: float = 0.05


class PatientBootstrap:
    """How often each patient was drawn in each replicate; drawn once, so all that uses one instance is paired.

    Parameters
    ----------
    patients
        number of patients; draws are of that many.
    replicates
        number of draws.
    seed
        of numpy's PCG64: row r of `default_rng(seed).integers(0, patients, (replicates, patients))` lists the patients
        of replicate r.

    Raises
    ------
    ValueError
        where `patients` is negative or `replicates` below one.
    """

    def __init__(self, patients: int, replicates: int = 2000, seed: int = 0) -> None:
        if patients < 0:
            raise ValueError(f"A bootstrap needs a number of patients of 0 or more, not {patients}.")
        if replicates < 1:
            raise ValueError(f"A bootstrap needs one replicate or more, not {replicates}.")
        self.patients = patients
        self.replicates = replicates
        self.seed = seed
        # A patient is drawn once on average and practically never more than 15 times: a byte holds it.
        self._weights: NDArray[np.uint8] = np.zeros((replicates, patients), np.uint8)
        rng = np.random.default_rng(seed)
        step = self._rows_at_a_time()
        for start in range(0, replicates if patients else 0, step):
            rows = min(step, replicates - start)
            drawn = rng.integers(0, patients, (rows, patients))
            drawn += np.arange(rows)[:, np.newaxis] * patients
            weights = np.bincount(drawn.ravel(), minlength=rows * patients)
            self._weights[start : start + rows] = np.minimum(weights, 255).reshape(rows, patients)

    def totals(self, counts: ArrayLike) -> NDArray[np.float64]:
        """Counts summed over the patients of each replicate.

        Parameters
        ----------
        counts
            shape (patients, ...); whole or real numbers.

        Returns
        -------
        shape (replicates, ...), float64; exact where counts are whole.

        Raises
        ------
        ValueError
            where the first axis is not as long as there are patients.
        """
        table = np.asarray(counts)
        if table.ndim == 0 or table.shape[0] != self.patients:
            raise ValueError(f"Counts of {self.patients} patients are needed; these have the shape {table.shape}.")
        cells = int(np.prod(table.shape[1:], dtype=np.int64))
        flat = table.reshape(self.patients, cells)
        # Most cells of a large table stay empty; what is empty in every patient is so in every draw.
        filled = flat.any(axis=0)
        used = flat[:, filled]
        whole = table.dtype.kind in "biu"
        fits = whole and (not used.size or int(np.abs(used).max()) * self.patients < _EXACT_IN_SINGLE)
        kind = np.float32 if fits else np.float64
        used = used.astype(kind)
        result = np.zeros((self.replicates, cells))
        if used.size:
            step = self._rows_at_a_time()
            for start in range(0, self.replicates, step):
                rows = slice(start, start + step)
                result[rows, filled] = self._weights[rows].astype(kind) @ used
        return result.reshape(self.replicates, *table.shape[1:])

    def _rows_at_a_time(self) -> int:
        return max(1, _BLOCK // max(1, self.patients))


def per_patient(codes: ArrayLike, patient: ArrayLike, patients: int, cells: int) -> NDArray[np.int64]:
    """Counts of each cell in each patient.

    Parameters
    ----------
    codes
        (N,) the cell of each vertebra, 0 to cells - 1; -1 is left out.
    patient
        (N,) the patient of each vertebra, 0 to patients - 1.

    Returns
    -------
    shape (patients, cells).

    Raises
    ------
    ValueError
        where the two differ in length, or a number lies outside its range.
    """
    cell = np.asarray(codes, np.int64).ravel()
    whose = np.asarray(patient, np.int64).ravel()
    if cell.shape != whose.shape:
        raise ValueError(f"There are {cell.size} cells but {whose.size} patients; each vertebra needs one of both.")
    if cell.size and (cell.min() < -1 or cell.max() >= cells):
        raise ValueError(f"Cells are numbered from 0 to {cells - 1}; here they run from {cell.min()} to {cell.max()}.")
    if whose.size and (whose.min() < 0 or whose.max() >= patients):
        raise ValueError(
            f"Patients are numbered from 0 to {patients - 1}; here they run from {whose.min()} to {whose.max()}."
        )
    counted = cell >= 0
    return np.bincount(whose[counted] * cells + cell[counted], minlength=patients * cells).reshape(patients, cells)


def interval(replicates: ArrayLike, level: float = 0.95) -> tuple[float, float] | None:
    """Percentile interval; undefined (not finite) replicates are left out.

    Returns
    -------
    lower and upper bound (linear between neighbours, as numpy's percentile), or None where more than 5 % of the
    replicates are undefined, or there are none.

    Raises
    ------
    ValueError
        where `level` does not lie between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"The level of an interval lies between 0 and 1, not at {level}.")
    drawn = np.asarray(replicates, np.float64).ravel()
    defined = drawn[np.isfinite(drawn)]
    if not defined.size or drawn.size - defined.size > _UNDEFINED_AT_MOST * drawn.size:
        return None
    defined.sort()
    tail = (1 - level) / 2
    return _between(defined, tail), _between(defined, 1 - tail)


def _between(ordered: NDArray[np.float64], share: float) -> float:
    place = share * (ordered.size - 1)
    below = int(place)
    above = min(below + 1, ordered.size - 1)
    low, high = float(ordered[below]), float(ordered[above])
    return low + (high - low) * (place - below)
