"""For each constraint and trigger of the record, acts that PostgreSQL must refuse, on a world that is right but for it.

An act is a function that builds the world and gives back what to try; its name says what is tried.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["ACTS", "Try", "refused_by", "rows"]

Try = Callable[[], Any]

#: (constraint, what is tried, the act)
ACTS: list[tuple[str, str, Callable[[], Try]]] = []


def refused_by(constraint: str) -> Callable[[Callable[[], Try]], Callable[[], Try]]:
    def register(act: Callable[[], Try]) -> Callable[[], Try]:
        ACTS.append((constraint, act.__name__, act))
        return act

    return register


def rows(constraint: str, what: str, make: Callable[..., Any], **wrong: Any) -> None:
    """An act that is nothing but one row with these wrong values."""
    ACTS.append((constraint, what, lambda: lambda: make(**wrong)))


# The acts register themselves; their files need what stands above.
from tests.labeling.refused import anatomy, cohort, consensus, jobs, reads, rounds, study  # noqa: E402, F401
