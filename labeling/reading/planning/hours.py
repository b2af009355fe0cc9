"""How long a round will take: what reads of its kind have taken, as measured by active time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from statistics import median

from django.db.models import Sum

from labeling.models import ActiveTime, Read, RoundKind
from labeling.reading.activity import PACE_OF_READS

__all__ = ["Pace", "Paces", "paces"]

#: Rounds that are read alike, so that the time of one tells of the other.
_ALIKE = {
    RoundKind.PRACTICE: (RoundKind.PRACTICE, RoundKind.LABELLING),
    RoundKind.LABELLING: (RoundKind.LABELLING, RoundKind.PRACTICE),
    RoundKind.INDEPENDENT: (RoundKind.INDEPENDENT, RoundKind.REPEAT),
    RoundKind.REPEAT: (RoundKind.REPEAT, RoundKind.INDEPENDENT),
    RoundKind.CONSENSUS: (RoundKind.CONSENSUS,),
}
#: The median of all is of this many last reads.
_OF_ALL = 200


@dataclass(frozen=True)
class Pace:
    """Milliseconds of active time per case. `of` says whose: ``own``, ``all``, or '' where none is measured yet."""

    ms: int | None
    of: str


@dataclass(frozen=True)
class Paces:
    """The pace of each reader (by primary key) in rounds of one kind, and that of all of them together."""

    own: dict[int, int]
    all: int | None

    def of(self, reader: int) -> Pace:
        """The reader's own pace, else that of all."""
        if reader in self.own:
            return Pace(self.own[reader], "own")
        return Pace(self.all, "all" if self.all is not None else "")


def paces(kind: RoundKind | str, readers: Collection[int]) -> Paces:
    """The median active time per case in rounds that are read as one of this kind, all versions of a read together.

    A consensus is read by its panel, so there only the pace of all is known.
    """
    locked = Read.objects.filter(state="locked", version=1, round__kind__in=_ALIKE[RoundKind(kind)])
    last = list(locked.order_by("-locked_at", "-pk").values_list("round", "case", "reader")[:_OF_ALL])
    for reader in readers:
        own_last = locked.filter(reader=reader).order_by("-locked_at", "-pk")
        last += own_last.values_list("round", "case", "reader")[:PACE_OF_READS]
    took = _took(last)
    own: defaultdict[int, list[int]] = defaultdict(list)
    for (_, _, reader), ms in took.items():
        own[reader].append(ms)
    known = {reader: round(median(own[reader][:PACE_OF_READS])) for reader in readers if own[reader]}
    return Paces(known, round(median(took.values())) if took else None)


def _took(reads: Collection[tuple[int, int, int]]) -> dict[tuple[int, int, int], int]:
    """(round, case, reader) -> ms, in the order given; without those of which no time was measured."""
    wanted = dict.fromkeys(reads)
    times = ActiveTime.objects.filter(
        read__round__in={key[0] for key in wanted}, read__case__in={key[1] for key in wanted}
    )
    summed = times.order_by().values_list("read__round", "read__case", "read__reader").annotate(total=Sum("ms"))
    found = {(round_, case, reader): total for round_, case, reader, total in summed}
    return {key: found[key] for key in wanted if found.get(key)}
