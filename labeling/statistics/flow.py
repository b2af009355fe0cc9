"""The flowchart of inclusion (Figure 3): boxes, what left between them and why, and whether it adds up."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Reason:
    """Why some left, and how many; `href` opens them."""

    text: str
    count: int
    href: str = ""


@dataclass(frozen=True)
class Box:
    """A box on the way. `title` is what is counted ('reports'), `lines` are further words ('466 patients')."""

    key: str
    title: str
    count: int
    lines: tuple[str, ...] = ()
    href: str = ""


@dataclass(frozen=True)
class Side:
    """Those who leave the box `leaves`: `count` in all, by reason."""

    key: str
    leaves: str
    title: str
    count: int
    reasons: tuple[Reason, ...] = ()
    href: str = ""


@dataclass(frozen=True)
class Arrow:
    """From one box to the next; several from one are a split. `words` stand at its line ('9 : 1 by patient')."""

    source: str
    target: str
    words: str = ""


@dataclass(frozen=True)
class Flow:
    """A tree of boxes: each box but the first has one arrow that enters it.

    Raises:
        ValueError: a key used twice or unknown, a box entered twice, no first box or several, or a negative count.
    """

    title: str
    boxes: tuple[Box, ...]
    sides: tuple[Side, ...] = ()
    arrows: tuple[Arrow, ...] = ()

    def __post_init__(self) -> None:
        keys = [box.key for box in self.boxes] + [side.key for side in self.sides]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"The flowchart has two boxes with the key {twice[0]}. Give each box its own key.")
        known = {box.key for box in self.boxes}
        for name in [end for arrow in self.arrows for end in (arrow.source, arrow.target)] + [
            side.leaves for side in self.sides
        ]:
            if name not in known:
                raise ValueError(f"The flowchart has no box {name}, yet an arrow or a side box refers to it.")
        entered = [arrow.target for arrow in self.arrows]
        if len(set(entered)) < len(entered) or len(self.boxes) - len(entered) != 1 or len(self._reached()) < len(known):
            raise ValueError("The flowchart is no tree: draw one arrow into every box but the first.")
        reasons = [reason.count for side in self.sides for reason in side.reasons]
        for count in [box.count for box in self.boxes] + [side.count for side in self.sides] + reasons:
            if count < 0:
                raise ValueError(f"A box of the flowchart counts {count}. Counts are 0 or more.")

    @property
    def first(self) -> Box:
        entered = {arrow.target for arrow in self.arrows}
        return next(box for box in self.boxes if box.key not in entered)

    def box(self, key: str) -> Box:
        return next(box for box in self.boxes if box.key == key)

    def targets(self, key: str) -> tuple[Box, ...]:
        return tuple(self.box(arrow.target) for arrow in self.arrows if arrow.source == key)

    def leaving(self, key: str) -> tuple[Side, ...]:
        return tuple(side for side in self.sides if side.leaves == key)

    def _reached(self) -> set[str]:
        entered = {arrow.target for arrow in self.arrows}
        waiting = [box.key for box in self.boxes if box.key not in entered][:1]
        reached: set[str] = set()
        while waiting:
            key = waiting.pop()
            reached.add(key)
            waiting += [arrow.target for arrow in self.arrows if arrow.source == key and arrow.target not in reached]
        return reached

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"adds_up": adds_up(self)}


def adds_up(flow: Flow) -> list[str]:
    """One sentence per box whose count is not what it should be; empty where the flowchart adds up.

    A box holds those who leave it plus those who go on; a side box holds the sum of its reasons. A box without an
    arrow onwards is an end and owes nothing more than those who left before.
    """
    sentences = []
    for side in flow.sides:
        found = sum(reason.count for reason in side.reasons)
        if side.reasons and found != side.count:
            sentences.append(f"“{side.title}” says {side.count:,}, but its reasons sum to {found:,}.")
    for box in flow.boxes:
        sentence = _balance(flow, box)
        if sentence:
            sentences.append(sentence)
    return sentences


def _balance(flow: Flow, box: Box) -> str:
    left = sum(side.count for side in flow.leaving(box.key))
    remaining = box.count - left
    gone = f" minus {left:,} who left, which is {remaining:,}" if left else ""
    if remaining < 0:
        return f"“{box.title}” holds {box.count:,}, but {left:,} leave it."
    targets = flow.targets(box.key)
    if not targets or sum(target.count for target in targets) == remaining:
        return ""
    named = " and ".join(f"“{target.title}” ({target.count:,})" for target in targets)
    verb = "is" if len(targets) == 1 else "are"
    found = sum(target.count for target in targets)
    difference = abs(found - remaining)
    fault = "too many" if found > remaining else "missing"
    sum_of = f", together {found:,}," if len(targets) > 1 else ""
    return (
        f"{named}{sum_of} {verb} not what flows in: “{box.title}” holds {box.count:,}{gone}; "
        f"{difference:,} {'is' if difference == 1 else 'are'} {fault}."
    )


def chain(title: str, boxes: Sequence[Box], sides: Sequence[Side] = ()) -> Flow:
    """A flow without a split: each box leads to the next."""
    arrows = tuple(Arrow(a.key, b.key) for a, b in pairwise(boxes))
    return Flow(title, tuple(boxes), tuple(sides), arrows)
