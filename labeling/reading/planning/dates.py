"""From when on the cases of a repeat or a consensus can be read, as far as the locks they wait for are there."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from labeling.models import Round, RoundKind
from labeling.reading.rules import Rules
from labeling.reading.washout import last_locks

__all__ = ["Openings", "openings"]

#: (reader, case) -> from when on; the reader is None where it is the same for everybody. What still waits is not in it.
Openings = dict[tuple[int | None, int], datetime]


def openings(kind: RoundKind, rules: Rules, follows: Round | None, cases: Collection[int]) -> Openings:
    """When the wash-out of each case ends: days after one's own lock for a repeat, after the last required lock for a
    consensus. A read that is open again is not locked.

    This is a look ahead, by the same locks as `washout.refresh` reckons `Assignment.not_before` from.
    """
    if follows is None or kind not in (RoundKind.REPEAT, RoundKind.CONSENSUS):
        return {}
    days = timedelta(days=rules.washout_days)
    locks = last_locks(follows, cases, settles=kind == RoundKind.CONSENSUS)
    return {key: at + days for key, at in locks.items()}
