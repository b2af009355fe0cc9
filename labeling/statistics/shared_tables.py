"""The table that two readers share: what each says of a vertebra, side by side.

Eight answers say fracture yes or no: negative, A1, A2, A3, A4, B, C, and a fracture without a type. One table of
8 × 8 holds all others: fracture yes or no, the AO types, the types where both say fracture, each type against the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labeling.statistics.codes import AO_NAMES, FRACTURE, NEGATIVE, NO_TYPE, VERDICT_NAMES

__all__ = ["ANSWERS", "UNTYPED", "answers", "fracture_table", "in_spine_order", "pick", "shared_cells", "type_table"]

#: negative, A1 to A4, B, C (the codes of AO), and UNTYPED.
ANSWERS: Final = 8
UNTYPED: Final = 7

#: Regions from the head down.
_REGIONS: Final = "CTLS"


def answers(verdict: ArrayLike, ao: ArrayLike) -> NDArray[np.int8]:
    """One answer a vertebra, 0 to 7; -1 where the reader says neither yes nor no.

    The verdict decides: a negative has no type whatever `ao` says, and a fracture whose type is none is one without.

    Raises
    ------
    ValueError
        where shapes differ or a code is unknown.
    """
    # Checked before they become bytes, where 256 would turn into 0.
    says, kind = np.asarray(verdict), np.asarray(ao)
    if says.shape != kind.shape:
        raise ValueError(f"Verdicts have the shape {says.shape}, AO types {kind.shape}; each verdict needs one type.")
    if says.size and (says.min() < min(VERDICT_NAMES) or says.max() > max(VERDICT_NAMES)):
        raise ValueError(f"Verdicts run from {min(VERDICT_NAMES)} to {max(VERDICT_NAMES)}; there is another code.")
    if kind.size and (kind.min() < NO_TYPE or kind.max() > max(AO_NAMES)):
        raise ValueError(f"AO types run from {NO_TYPE} to {max(AO_NAMES)}; there is another code.")
    typed = np.where(kind > 0, kind, UNTYPED)
    return np.where(says == FRACTURE, typed, np.where(says == NEGATIVE, 0, -1)).astype(np.int8)


def shared_cells(a: NDArray[np.int8], b: NDArray[np.int8]) -> NDArray[np.int64]:
    """The cell of the 8 × 8 table of each vertebra (row A, column B, flat); -1 where one says neither yes nor no."""
    both = (a >= 0) & (b >= 0)
    return np.where(both, a.astype(np.int64) * ANSWERS + b, -1)


def fracture_table(table: NDArray) -> NDArray:
    """(..., 8, 8) to (..., 2, 2): negative and fracture."""
    result = np.empty((*table.shape[:-2], 2, 2), table.dtype)
    result[..., 0, 0] = table[..., 0, 0]
    result[..., 0, 1] = table[..., 0, 1:].sum(axis=-1)
    result[..., 1, 0] = table[..., 1:, 0].sum(axis=-1)
    result[..., 1, 1] = table[..., 1:, 1:].sum(axis=(-2, -1))
    return result


def type_table(table: NDArray, kind: int) -> NDArray:
    """(..., 8, 8) to (..., 2, 2): this AO type and all else. Vertebrae with a fracture without type are left out."""
    typed = table[..., :UNTYPED, :UNTYPED]
    both = typed[..., kind, kind]
    a = typed[..., kind, :].sum(axis=-1) - both
    b = typed[..., :, kind].sum(axis=-1) - both
    neither = typed.sum(axis=(-2, -1)) - a - b - both
    return np.stack([np.stack([neither, b], axis=-1), np.stack([a, both], axis=-1)], axis=-2)


def pick(table: NDArray, kept: Sequence[int]) -> NDArray:
    """(..., 8, 8) to (..., K, K): those vertebrae to which both give one of the answers in `kept`."""
    chosen = np.asarray(kept)
    return table[..., chosen[:, np.newaxis], chosen]


def in_spine_order(levels: Sequence[str]) -> list[str]:
    """Level names from the head down (C, T, L, S and their numbers), others after them by name."""

    def place(name: str) -> tuple[int, int, str]:
        region = _REGIONS.find(name[:1]) if name else -1
        number = name[1:]
        if region < 0 or not number.isdigit():
            return len(_REGIONS), 0, name
        return region, int(number), name

    return sorted(levels, key=place)
