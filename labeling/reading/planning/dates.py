"""From when on the cases of a repeat or a consensus can be read, as far as the locks they wait for are there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta

from labeling.models import Read, ReaderKind, Round, RoundKind
from labeling.reading.rules import Rules
from labeling.reading.washout import required_of

__all__ = ["Openings", "openings"]

#: (reader, case) -> from when on; the reader is None where it is the same for everybody. What still waits is not in it.
Openings = dict[tuple[int | None, int], datetime]


def openings(kind: RoundKind, rules: Rules, follows: Round | None, cases: Collection[int]) -> Openings:
    """When the wash-out of each case ends: days after one's own lock for a repeat, after the last required lock for a
    consensus. A read that is open again is not locked.

    This is a look ahead: what holds is `Assignment.not_before`, which `washout.refresh` reckons.
    """
    if follows is None or kind not in (RoundKind.REPEAT, RoundKind.CONSENSUS):
        return {}
    days = timedelta(days=rules.washout_days)
    whose = ReaderKind.PANEL if follows.kind == RoundKind.CONSENSUS else ReaderKind.PERSON
    newest = Read.objects.filter(
        round=follows, case__in=cases, reader__kind=whose, state="locked", successor__isnull=True
    )
    locks = newest.order_by("locked_at", "pk").values_list("case", "reader", "locked_at")
    if kind == RoundKind.REPEAT:
        return {(reader, case): at + days for case, reader, at in locks if at is not None}
    by_case: defaultdict[int, list[datetime]] = defaultdict(list)
    for case, _, at in locks:
        if at is not None:
            by_case[case].append(at)
    needed = required_of(follows)
    return {(None, case): found[needed - 1] + days for case, found in by_case.items() if len(found) >= needed}
