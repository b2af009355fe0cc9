"""What is said of a case as a whole, out of what is said of its vertebrae.

A case is negative only where every vertebra that is completely in view was assessed and none is fractured. What was not
assessed is never negative, and neither is what the image cannot decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Assessed", "CaseVerdict", "case_verdict"]

FRACTURE, NEGATIVE, INDETERMINATE, NOT_ASSESSABLE = "fracture", "negative", "indeterminate", "not_assessable"


@dataclass(frozen=True, slots=True)
class Assessed:
    """What one read says of one vertebra.

    name
        Its level, or what it is called without one.
    verdict
        ``fracture``, ``negative``, ``indeterminate``, ``not_assessable``, or None where nothing was said.
    cut
        Whether its body leaves the image. It need not be assessed; a fracture seen in it counts.
    """

    name: str
    verdict: str | None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class CaseVerdict:
    """The verdict on a case.

    kind
        ``fracture``, ``negative`` or ``incomplete``.
    text
        ``fracture at T12 and L1``, ``negative`` or ``4 of 5 assessed``; a fracture in a case that was not assessed
        throughout says both.
    fractured, indeterminate, missing
        Names, in the order given. `missing` are the complete vertebrae that were not assessed.
    assessed, complete
        k and n: complete vertebrae with a verdict of fracture or negative, and complete vertebrae.
    """

    kind: str
    text: str
    fractured: tuple[str, ...]
    indeterminate: tuple[str, ...]
    missing: tuple[str, ...]
    assessed: int
    complete: int


def case_verdict(vertebrae: Sequence[Assessed]) -> CaseVerdict:
    """The verdict on a case out of those on its vertebrae, from head to feet.

    A vertebra that the image cannot decide (*indeterminate*) keeps the case from being negative; it counts as looked
    at but not as assessed, and is named.

    Raises
    ------
    ValueError
        for a verdict that is no word of a finding.
    """
    for one in vertebrae:
        if one.verdict not in (None, FRACTURE, NEGATIVE, INDETERMINATE, NOT_ASSESSABLE):
            raise ValueError(f"{one.verdict!r} is no verdict on {one.name}.")
    whole = [one for one in vertebrae if not one.cut]
    fractured = tuple(one.name for one in vertebrae if one.verdict == FRACTURE)
    unclear = tuple(one.name for one in vertebrae if one.verdict == INDETERMINATE)
    missing = tuple(one.name for one in whole if one.verdict in (None, NOT_ASSESSABLE))
    assessed = sum(one.verdict in (FRACTURE, NEGATIVE) for one in whole)
    count = f"{assessed} of {len(whole)} assessed"
    if unclear:
        count += f", indeterminate: {_listed(unclear)}"
    is_done = bool(whole) and assessed == len(whole) and not unclear
    if fractured:
        text = f"fracture at {_listed(fractured)}" + ("" if is_done else f"; {count}")
        return CaseVerdict(FRACTURE, text, fractured, unclear, missing, assessed, len(whole))
    if is_done:
        return CaseVerdict(NEGATIVE, "negative", fractured, unclear, missing, assessed, len(whole))
    text = count if whole else "no complete vertebra in view"
    if not whole and unclear:
        text += f", indeterminate: {_listed(unclear)}"
    return CaseVerdict("incomplete", text, fractured, unclear, missing, assessed, len(whole))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
