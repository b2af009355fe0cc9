"""Two locked reads of one case and a panel that is to settle them, as a protocol leaves them behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User

from labeling.models import Assignment, Case, Read, Reader, ReaderKind, ReasonCode, Round, RoundKind, Seen
from labeling.reading import washout
from labeling.reading.consensus.opening import Choice, open_consensus, settle
from labeling.reading.consensus.rows import table_of
from labeling.reading.locking import lock_read
from labeling.reading.projection import take_snapshot, write_difference
from labeling.reading.roles import Role
from labeling.reading.state import FindingState, ReadState, SliceMark
from tests.factories import make_anatomy, make_assignment, make_case, make_read, make_reader, make_round, number

LEVELS = ("T10", "T11", "T12", "L1", "L2", "L3")

__all__ = ["LEVELS", "Sitting", "a_sitting", "publish_reasons", "said_by", "settle_all", "write"]


@dataclass
class Sitting:
    """A case whose reads are locked, and the consensus round whose panel settles them."""

    case: Case
    follows: Round
    round: Round
    reads: list[Read]
    seniors: list[User]

    @property
    def senior(self) -> User:
        return self.seniors[0]

    def open(self, user: User | None = None) -> Read:
        return open_consensus(user or self.senior, self.round.pk, self.case.pk)

    def seats(self) -> list[Assignment]:
        return list(Assignment.objects.filter(round=self.round, case=self.case).order_by("pk"))

    def vertebra(self, level: str) -> int:
        found = self.case.anatomies.latest("n").vertebrae.get(level=level)
        return int(found.vertebra_id)


def said_by(word: str | FindingState) -> FindingState:
    """A finding out of a verdict, or of the AO type of a fracture."""
    if isinstance(word, FindingState):
        return word
    if word.startswith("A"):
        return FindingState(verdict="fracture", ao_body=word)
    return FindingState(verdict=word, why="metal" if word == "not_assessable" else "")


def write(read: Read, said: Mapping[str, str | FindingState], *, rest: str = "negative") -> Read:
    """Makes a draft say this by level, and the rest of its vertebrae this verdict, with every slice seen."""
    Seen.objects.bulk_create(
        [Seen(read=read, slice_id=sop) for sop in read.stack.slices.values_list("sop_uid", flat=True)],
        ignore_conflicts=True,
    )
    before = take_snapshot(read)
    state = before.state
    for vertebra in before.context.vertebrae.values():
        state = state.with_finding(vertebra.id, _whole(said_by(said.get(vertebra.level, rest)), vertebra.sops, read))
    write_difference(read, before, ReadState(state.findings, state.injuries))
    return read


def _whole(finding: FindingState, sops: tuple[str, ...], read: Read) -> FindingState:
    """Where the unit is the slice, a verdict labels every slice of the body."""
    if read.round is None or read.round.rules["unit"] != "slice" or finding.slices or finding.verdict is None:
        return finding
    if finding.verdict not in ("fracture", "negative"):
        return finding
    slices = {sop: SliceMark(finding.verdict, "range") for sop in sops}
    return FindingState(**{**finding.__dict__, "slices": slices})


def a_sitting(
    *said: Mapping[str, str | FindingState],
    kind: RoundKind = RoundKind.INDEPENDENT,
    levels: tuple[str, ...] = LEVELS,
    case: Case | None = None,
    follows: Round | None = None,
    days: int = 0,
    seniors: int = 2,
    lock: bool = True,
    rules: dict[str, Any] | None = None,
) -> Sitting:
    """One locked read per mapping of level to verdict, and a panel of seniors that has read none of them."""
    publish_reasons()
    if case is None:
        case = make_case()
        make_anatomy(case, levels)
    follows = follows or make_round(kind, rules={"required_reads": len(said), "unit": "vertebra", **(rules or {})})
    panel = Reader.objects.create(kind=ReaderKind.PANEL, label=f"Panel {number()}")
    round_ = make_round(
        RoundKind.CONSENSUS,
        rules={"washout_days": days, "unit": follows.rules["unit"]},
        follows=follows,
        panel=panel,
    )
    people = [make_reader(Role.SENIOR) for _ in range(seniors)]
    for reader in people:
        make_assignment(case, round=round_, reader=reader)
    reads = []
    for one in said:
        read = write(make_read(case, round=follows, reader=make_reader(Role.SENIOR)), one)
        reads.append(lock_read(read_id=read.pk, reader=read.reader, base_seq=0) if lock else read)
    washout.refresh(round_, case)
    return Sitting(case, follows, round_, reads, [one.user for one in people if one.user is not None])


def publish_reasons() -> None:
    """The words of a new installation; a test with real transactions has emptied every table before the next one."""
    for code in ("schmorl-node", "limbus", "level", "borderline", "other"):
        ReasonCode.objects.get_or_create(code=code, version=1, defaults={"text": code})


def settle_all(sitting: Sitting, consensus: Read, *, took: str = "a", user: User | None = None) -> Read:
    """Settles everything that is asked by taking one read."""
    for asked in table_of(consensus).asked:
        consensus = settle(
            user or sitting.senior,
            consensus.pk,
            uuid=uuid4(),
            base_seq=Read.objects.get(pk=consensus.pk).seq,
            choice=Choice(asked.vertebra, took, "limbus", "unknown"),
        )
    return consensus
