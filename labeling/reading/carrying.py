"""Labels carried over to another version of the anatomy, without a database and the same every time.

The log of a read says only *that* its anatomy changed, from which to which; what that did to the labels is found again
by this function. So it may never depend on anything but its arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from labeling.models import Verdict
from labeling.reading.state import BLANK, FindingState, Injury, ReadContext, ReadState, VertebraContext

__all__ = ["Dropped", "carried"]


@dataclass(frozen=True)
class Dropped:
    """Something a read said of a vertebra that has no place under the new anatomy; `what` is a few words."""

    vertebra: int
    level: str
    what: str

    def as_json(self) -> dict[str, Any]:
        return {"vertebra": self.vertebra, "level": self.level, "what": self.what}


def carried(state: ReadState, old: ReadContext, new: ReadContext) -> tuple[ReadState, list[Dropped]]:
    """What a read says under another anatomy of the same stack, and what of it was lost.

    A vertebra that is no longer there takes its finding with it. Labels of slices that lie neither in the new body nor
    in its margin go; every other label stays as it is. A verdict stays, but *negative* where the unit is the slice and
    the new body has slices without a label: nobody has said anything of those. An injury whose two vertebrae are no
    longer neighbours goes.

    Parameters
    ----------
    state
        Lawful under `old`.
    old, new
        The same read, judged against the anatomy it had and the one it gets.

    Returns
    -------
    A state that is lawful under `new`, and what was dropped, in the order of the old vertebrae.
    """
    after = ReadState()
    dropped: list[Dropped] = []
    for key, before in old.vertebrae.items():
        finding = state.finding(key)
        if key not in new.vertebrae:
            if finding != BLANK:
                dropped.append(Dropped(key, before.level, _words_of(finding)))
            if key in state.injuries:
                dropped.append(Dropped(key, before.level, _words_of_injury(state.injuries[key])))
            continue
        kept, lost = _carried_finding(finding, new.vertebrae[key], new)
        dropped += [Dropped(key, before.level, what) for what in lost]
        after = after.with_finding(key, kept)
        injury = state.injuries.get(key)
        if injury is None:
            continue
        if _stands(injury, key, new):
            after = after.with_injury(key, injury)
        else:
            dropped.append(Dropped(key, before.level, _words_of_injury(injury)))
    return after, dropped


def _carried_finding(
    finding: FindingState, vertebra: VertebraContext, context: ReadContext
) -> tuple[FindingState, list[str]]:
    inside = {*vertebra.every_sop}
    slices = {sop: mark for sop, mark in finding.slices.items() if sop in inside}
    lost = []
    if gone := len(finding.slices) - len(slices):
        lost.append(f"{gone} slice {'label' if gone == 1 else 'labels'} outside of its new extent")
    measures = tuple(one for one in finding.measures if one.sop_uid in context.slices)
    if len(measures) < len(finding.measures):
        lost.append("measures on slices of another stack")
    after = replace(finding, slices=slices, measures=measures)
    open_slices = sum(sop not in slices for sop in vertebra.sops)
    if context.unit == "slice" and finding.verdict == Verdict.NEGATIVE and open_slices:
        # The labels stay, so that one key finishes it once the new slices were seen.
        after = replace(after, verdict=None)
        lost.append(
            f"negative: {open_slices} {'slice' if open_slices == 1 else 'slices'} of its new extent not labelled"
        )
    return after, lost


def _stands(injury: Injury, upper: int, context: ReadContext) -> bool:
    """Whether the lower vertebra of an injury is still the next one below; None stands where the image ends."""
    order = list(context.vertebrae)
    below = order[order.index(upper) + 1 :]
    return injury.lower is None or (bool(below) and below[0] == injury.lower)


def _words_of(finding: FindingState) -> str:
    words = [finding.verdict.replace("_", " ") if finding.verdict else "no verdict yet"]
    if finding.ao_body:
        words.append(finding.ao_body)
    if count := len(finding.slices):
        words.append(f"{count} slice {'label' if count == 1 else 'labels'}")
    if finding.comment:
        words.append("a comment")
    if finding.measures:
        words.append("measures")
    return ", ".join(words)


def _words_of_injury(injury: Injury) -> str:
    return f"{injury.type} injury of the segment below"
