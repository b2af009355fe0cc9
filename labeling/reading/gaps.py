"""What a read still lacks before it can be locked: one definition for the page, the API's answer and the lock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from labeling.models import Read, ReaderKind, Verdict
from labeling.reading.projection import load_state
from labeling.reading.state import FindingState, ReadContext, ReadState, VertebraContext

__all__ = ["Gap", "gaps_of", "read_gaps"]


@dataclass(frozen=True)
class Gap:
    """One thing that blocks the lock.

    `kind` is one of no_verdict, no_fractured_slice, unseen_slices, fractured_slices, no_ao_type; `sop_uids` are the
    slices it is about, in k order.
    """

    vertebra: int
    level: str
    kind: str
    sentence: str
    sop_uids: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "vertebra": self.vertebra,
            "level": self.level,
            "kind": self.kind,
            "sentence": self.sentence,
            "sop_uids": list(self.sop_uids),
        }


def gaps_of(state: ReadState, context: ReadContext) -> tuple[Gap, ...]:
    """What a person's read lacks, cranial first; a vertebra that the image cuts never blocks."""
    return tuple(
        gap
        for vertebra in context.vertebrae.values()
        if not vertebra.cut
        for gap in _gaps_of_vertebra(state.finding(vertebra.id), vertebra, context)
    )


def _gaps_of_vertebra(finding: FindingState, vertebra: VertebraContext, context: ReadContext) -> Iterator[Gap]:
    def gap(kind: str, sentence: str, sops: tuple[str, ...] = ()) -> Gap:
        return Gap(vertebra.id, vertebra.level, kind, sentence, sops)

    name = vertebra.name
    if finding.verdict is None:
        yield gap("no_verdict", f"{name} has no verdict yet.")
        return
    fractured = tuple(sop for sop in vertebra.sops if sop in finding.fractured_sops)
    if finding.verdict == Verdict.FRACTURE:
        if context.unit == "slice" and not fractured:
            yield gap("no_fractured_slice", f"{name} is a fracture, but none of its slices is marked.", vertebra.sops)
        if context.ao_required and finding.ao_body is None:
            yield gap("no_ao_type", f"{name} is a fracture and needs its AO type.")
    if finding.verdict == Verdict.NEGATIVE and finding.fractured_sops:
        yield gap("fractured_slices", f"{name} is negative, but has a fractured slice.", finding.fractured_sops)
    if context.unit == "slice" and finding.verdict in (Verdict.FRACTURE, Verdict.NEGATIVE):
        unseen = tuple(sop for sop in vertebra.sops if sop not in context.seen and sop not in fractured)
        if unseen:
            slices = "slice has" if len(unseen) == 1 else "slices have"
            yield gap("unseen_slices", f"{len(unseen)} {slices} not been seen on {_of(vertebra)}.", unseen)


def _of(vertebra: VertebraContext) -> str:
    return vertebra.level or "this vertebra"


def read_gaps(read: Read) -> tuple[Gap, ...]:
    """What this read lacks; nothing where it is locked, or made by a model, a report or a panel."""
    if read.state == "locked" or read.reader.kind != ReaderKind.PERSON:
        return ()
    return gaps_of(*load_state(read))
