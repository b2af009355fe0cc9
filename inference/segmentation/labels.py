"""What the labels of a model mean: bodies, whole vertebrae, or VerSe numbers, told by the names in its dataset.json."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.anatomy.levels import LEVELS, SACRUM, verse_of
from labeling.imaging.refusal import Refusal

__all__ = ["BODIES", "VERSE", "VERTEBRAE", "Meaning", "meaning_of"]

BODIES, VERTEBRAE, VERSE = "bodies", "vertebrae", "verse"

_BODY = re.compile(r"(vertebral?[ _-]*)?(body|bodies|corpus|corpora)")
_VERTEBRA = re.compile(r"(vertebra|vertebrae|vertebral|spine)")
_LEVEL = re.compile(r"(?:vertebrae?[ _-]*)?([ctl])[ _-]?(\d{1,2})")
_SACRUM = re.compile(r"(vertebrae?[ _-]*)?(sacrum|s1)")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a model's numbers say.

    kind
        ``bodies`` (1 = any body), ``vertebrae`` (1 = any whole vertebra) or ``verse`` (a number for each level).
    values
        The model's number to ours: VerSe numbers for kind ``verse``; else 1, and 26 for the sacrum.
    """

    kind: str
    values: Mapping[int, int]

    @property
    def numbered(self) -> bool:
        return self.kind == VERSE

    @property
    def classes(self) -> int:
        """Labels, background not counted."""
        return len(self.values)

    def table(self) -> NDArray[np.uint8]:
        """A table from the model's numbers to ours, 256 entries."""
        table = np.zeros(256, dtype=np.uint8)
        for own, ours in self.values.items():
            table[own] = ours
        return table


def meaning_of(names: Mapping[str, Any]) -> Meaning:
    """The meaning of the labels of a dataset.json: name to number, background 0, as nnU-Net writes it.

    Names are those of levels (``L1``, ``vertebrae_T12``), ``sacrum``, or one of ``body`` and ``vertebra``.

    Raises
    ------
    Refusal
        ``not-a-model`` where the names are others, or the labels are regions that overlap.
    """
    values: dict[int, int] = {}
    kinds: set[str] = set()
    for name, number in names.items():
        if name == "background":
            continue
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 254:
            raise Refusal(
                "not-a-model",
                f"The label {name!r} of the model has the value {number!r}. Each label is one whole number from 1 on; "
                "overlapping regions are not read. Train a model with plain labels.",
            )
        kind, ours = _one(name)
        if kind:
            kinds.add(kind)
        values[number] = ours
    if len(kinds) != 1 or sorted(values) != list(range(1, len(values) + 1)):
        raise Refusal(
            "not-a-model",
            f"The labels of the model are {_listed(names)}. Sagittal reads models of 'body', of 'vertebra' or of "
            "levels ('C1' to 'L6', 'sacrum'), numbered 1, 2 and so on.",
        )
    return Meaning(kinds.pop(), values)


def _one(name: str) -> tuple[str, int]:
    text = name.strip().lower()
    if _SACRUM.fullmatch(text):
        return "", SACRUM
    if _BODY.fullmatch(text):
        return BODIES, 1
    if _VERTEBRA.fullmatch(text):
        return VERTEBRAE, 1
    level = _LEVEL.fullmatch(text)
    if level is not None and (named := f"{level[1].upper()}{int(level[2])}") in LEVELS:
        return VERSE, verse_of(named)
    raise Refusal(
        "not-a-model",
        f"The model has a label {name!r}. Sagittal reads models of 'body', of 'vertebra' or of levels "
        "('C1' to 'L6', 'sacrum').",
    )


def _listed(names: Mapping[str, Any]) -> str:
    shown = ", ".join(str(name) for name in list(names)[:8])
    return shown + (" and more" if len(names) > 8 else "")
