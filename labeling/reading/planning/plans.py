"""What a lead plans before there is a round, and what is shown of it before it is made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from labeling.models import Case, Reader, Round, RoundKind
from labeling.reading.planning.cases import CaseChoice, LeftOut
from labeling.reading.planning.hours import Pace
from labeling.reading.rules import DEFAULTS, Rules

__all__ = [
    "FOLLOWING",
    "MODEL_FIRST",
    "POOLED",
    "Bar",
    "Override",
    "Plan",
    "PlannedCase",
    "Preview",
    "ReaderPlan",
    "defaults_for",
]

#: Kinds that follow a round -> kinds that can be followed.
FOLLOWING = {
    RoundKind.REPEAT: (RoundKind.INDEPENDENT, RoundKind.LABELLING, RoundKind.REPEAT),
    RoundKind.CONSENSUS: (RoundKind.INDEPENDENT, RoundKind.LABELLING, RoundKind.CONSENSUS),
}
#: Kinds whose cases can lie in a pool: a repeat is of one's own read, and a panel has members.
POOLED = (RoundKind.PRACTICE, RoundKind.LABELLING, RoundKind.INDEPENDENT)
#: Kinds whose rules may show what a model says before a reader has said anything: where labels are made, nowhere else.
MODEL_FIRST = (RoundKind.LABELLING,)


def defaults_for(kind: RoundKind, follows: Round | None = None) -> Rules:
    """The rules that a round of this kind begins with: unit as the round it follows, no wash-out after a labelling
    round, whose readers settle what they were unsure of while they remember why."""
    rules = DEFAULTS[kind]
    if follows is None:
        return rules
    rules = replace(rules, unit=Rules.parse(follows.rules).unit)
    settles_labelling = kind == RoundKind.CONSENSUS and follows.kind == RoundKind.LABELLING
    return replace(rules, washout_days=0) if settles_labelling else rules


@dataclass(frozen=True)
class Override:
    """Why a reader reads a case blind although they were shown something of it; `case` None: every such case."""

    reader: int
    reason: str
    case: int | None = None


@dataclass(frozen=True)
class Plan:
    """A round that is to be. Readers and cases are given by primary keys.

    Attributes
    ----------
    pooled
        The cases lie in a pool and `readers` is empty; else every reader reads every case (of a repeat: their own).
    follows
        The round whose cases are read again (repeat) or whose reads are settled (consensus).
    seed
        Of the order and of what is drawn; None draws one.
    in_order
        Every reader reads in the order in which the cases are named, instead of a drawn and balanced one.
    """

    name: str
    kind: RoundKind
    rules: Rules
    cases: CaseChoice
    readers: tuple[int, ...] = ()
    pooled: bool = False
    follows: int | None = None
    overrides: tuple[Override, ...] = ()
    seed: int | None = None
    in_order: bool = False


@dataclass(frozen=True)
class Bar:
    """A reader who was shown something of a case: what, since when. `reason` is the lead's, '' where barred."""

    reader: Reader
    case: Case
    shown: tuple[tuple[str, datetime], ...]
    reason: str


@dataclass(frozen=True)
class PlannedCase:
    """One case of one reader. `opens` None and `waits`: the lock that the wash-out counts from is not there yet."""

    case: Case
    position: int
    reason: str
    opens: datetime | None
    waits: bool


@dataclass(frozen=True)
class ReaderPlan:
    """What one reader reads, in order, and what of the round's cases is barred from them."""

    reader: Reader
    cases: tuple[PlannedCase, ...]
    barred: tuple[Bar, ...]
    pace: Pace

    @property
    def ms(self) -> int | None:
        """Active time that it will take; None where no time was measured yet."""
        return None if self.pace.ms is None else self.pace.ms * len(self.cases)

    @property
    def dates(self) -> tuple[datetime, datetime] | None:
        """When the first and the last of the cases can be read, of those that are known."""
        known = [planned.opens for planned in self.cases if planned.opens is not None]
        return (min(known), max(known)) if known else None

    @property
    def waiting(self) -> int:
        """Cases whose wash-out has not begun."""
        return sum(planned.waits for planned in self.cases)


@dataclass(frozen=True)
class Preview:
    """A plan looked at: nothing of it is in the record.

    `entry` are the cases that enter, in the order they do; `refusals` (code, sentence) say why it cannot be made.
    """

    plan: Plan
    rules: Rules
    seed: int
    entry: tuple[Case, ...]
    left_out: tuple[LeftOut, ...]
    readers: tuple[ReaderPlan, ...]
    bars: tuple[Bar, ...]
    pool_ms: int | None
    warnings: tuple[str, ...]
    refusals: tuple[tuple[str, str], ...]

    @property
    def ms(self) -> int | None:
        """Active time of all readers together; None where that of one of them is not known."""
        if self.plan.pooled:
            return self.pool_ms
        times = [reader.ms for reader in self.readers]
        return None if not times or None in times else sum(time for time in times if time is not None)
