"""Where two reads differ: pure, the same from either side, the most harmful difference first.

Both reads are laid onto one anatomy before they get here (`laid`). A vertebra is either asked or agreed, never both and
never neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from labeling.models import Acuity, AoBody, Difference, LabelSource, SegmentType, SliceValue, Verdict, Why
from labeling.reading.state import (
    BLANK,
    FindingState,
    Injury,
    ReadContext,
    ReadState,
    SliceMark,
    VertebraContext,
)

__all__ = [
    "Asked",
    "agreed",
    "agreed_injury",
    "below",
    "carried",
    "differences",
    "effective_level",
    "fitted",
    "in_order_of_harm",
    "laid",
    "marked_unclear",
]

#: How harmful a difference is: the larger, the more. A distance of AO types (1 to 4) is added to `_AO`.
_FRACTURE_OR_NOT, _VERDICT, _AO, _LEVEL, _SLICES, _UNCLEAR = 100, 90, 60, 40, 30, 20

#: Two readers mean the same slices where at least this share of all that either calls fractured is called so by both.
_LEAST_OVERLAP = 0.5

_BODY: dict[str | None, int] = {None: 0, **{word: place for place, word in enumerate(AoBody.values, 1)}}
_SEGMENT: dict[str, int] = {"": 0, **{word: place for place, word in enumerate(SegmentType.values, 1)}}

_VERDICTS: dict[str | None, str] = {
    Verdict.FRACTURE.value: "fracture",
    Verdict.NEGATIVE.value: "negative",
    Verdict.INDETERMINATE.value: "indeterminate",
    Verdict.NOT_ASSESSABLE.value: "not assessable",
    None: "not judged",
}


@dataclass(frozen=True)
class Asked:
    """A vertebra that a panel is asked about.

    `difference` is one of `labeling.models.Difference`, the most harmful of all there are; `harm` the larger, the more
    harmful; `why` says it to people ("A1 or A3"); `sops` are the slices that one read calls fractured and the other
    does not, in k order.
    """

    vertebra: int
    difference: str
    harm: int
    why: str
    sops: tuple[str, ...] = ()


# --- laying a read onto an anatomy ----------------------------------------------------------------------------------


def laid(state: ReadState, levels: Mapping[int, str], context: ReadContext) -> ReadState:
    """A read as it says the same on another anatomy of its case.

    Parameters
    ----------
    state
        What the read says.
    levels
        The vertebrae that its own anatomy knows, by what that calls them ('' where unknown).
    context
        The vertebrae, slices and unit to lay it onto; a vertebra that `levels` lacks was never judged.
    """
    after = ReadState()
    for vertebra in context.vertebrae.values():
        if vertebra.id not in levels:
            continue
        finding = state.finding(vertebra.id)
        own = finding.level_said or levels[vertebra.id]
        said = "" if own == vertebra.level else own
        after = after.with_finding(vertebra.id, fitted(replace(finding, level_said=said), vertebra, context))
        injury = state.injuries.get(vertebra.id)
        if injury is not None:
            # At the edge of one image there may be a vertebra below in another.
            lower = None if injury.lower is None else below(vertebra.id, context)
            after = after.with_injury(vertebra.id, replace(injury, lower=lower))
    return after


def fitted(finding: FindingState, vertebra: VertebraContext, context: ReadContext) -> FindingState:
    """The finding as it stands on this vertebra: marks beside its body left out, a cut vertebra not assessable where
    nothing was said, and where the unit is the slice, every slice of a negative body negative."""
    if finding.verdict is None and vertebra.cut:
        finding = replace(finding, verdict=Verdict.NOT_ASSESSABLE.value, why=Why.CUT.value, ao_body=None, slices={})
    inside = {*vertebra.every_sop}
    slices = {sop: mark for sop, mark in finding.slices.items() if sop in inside}
    if context.unit == "slice" and finding.verdict == Verdict.NEGATIVE:
        implied = SliceMark(SliceValue.NEGATIVE.value, LabelSource.RANGE.value)
        slices = {**dict.fromkeys(vertebra.sops, implied), **slices}
    measures = tuple(measure for measure in finding.measures if measure.sop_uid in context.slices)
    return replace(finding, slices=slices, measures=measures)


def below(vertebra: int, context: ReadContext) -> int | None:
    """The next vertebra toward the feet; None at the edge of the image."""
    order = list(context.vertebrae)
    following = order[order.index(vertebra) + 1 :]
    return following[0] if following else None


def effective_level(finding: FindingState, vertebra: VertebraContext) -> str:
    """What a read calls a vertebra: the level it said, else that of the anatomy."""
    return finding.level_said or vertebra.level


# --- differing ------------------------------------------------------------------------------------------------------


def differences(a: ReadState, b: ReadState, context: ReadContext, unit: str) -> tuple[Asked, ...]:
    """The vertebrae on which two reads differ, the most harmful first, ties cranial first.

    They differ in the verdict; in the AO type (of the body, of the processes, of the segment below); in the level they
    call it; and where `unit` is the slice and both call it a fracture, if the slices they call fractured overlap by
    less than half.
    """
    found = [_difference(a, b, vertebra, unit) for vertebra in context.vertebrae.values()]
    return in_order_of_harm([one for one in found if one is not None], context)


def marked_unclear(a: ReadState, b: ReadState, context: ReadContext) -> tuple[Asked, ...]:
    """The vertebrae that a reader asks a second opinion on, cranial first."""
    return tuple(
        Asked(vertebra, Difference.UNCLEAR.value, _UNCLEAR, "Marked unclear", _differing_sops(a, b, one))
        for vertebra, one in context.vertebrae.items()
        if a.finding(vertebra).unclear or b.finding(vertebra).unclear
    )


def in_order_of_harm(asked: list[Asked], context: ReadContext) -> tuple[Asked, ...]:
    """The same, the most harmful first; of two that are as harmful the cranial one."""
    order = {vertebra: place for place, vertebra in enumerate(context.vertebrae)}
    return tuple(sorted(asked, key=lambda one: (-one.harm, order[one.vertebra])))


def _difference(a: ReadState, b: ReadState, vertebra: VertebraContext, unit: str) -> Asked | None:
    """The most harmful difference of two reads on one vertebra; None where they agree."""
    one, other = a.finding(vertebra.id), b.finding(vertebra.id)
    torn, other_torn = _segment_of(a, vertebra.id), _segment_of(b, vertebra.id)
    sops = _differing_sops(a, b, vertebra)

    def asked(difference: Difference, harm: int, why: str) -> Asked:
        return Asked(vertebra.id, difference.value, harm, why[:1].upper() + why[1:], sops)

    if one.verdict != other.verdict:
        plain = {one.verdict, other.verdict} == {Verdict.FRACTURE.value, Verdict.NEGATIVE.value}
        why = _either(one.verdict, other.verdict, list(_VERDICTS), _VERDICTS.__getitem__)
        return asked(Difference.VERDICT, _FRACTURE_OR_NOT if plain else _VERDICT, why)
    if distance := _ao_distance(one, other, torn, other_torn):
        return asked(Difference.AO, _AO + distance, _ao_words(one, other, torn, other_torn))
    levels = effective_level(one, vertebra), effective_level(other, vertebra)
    if levels[0] != levels[1]:
        why = " or ".join(level or "no name" for level in sorted(levels, key=lambda level: (level == "", level)))
        return asked(Difference.LEVEL, _LEVEL, why)
    if unit == "slice" and one.verdict == Verdict.FRACTURE and not _overlap(one, other):
        return asked(Difference.SLICES, _SLICES, "Slices only")
    return None


def _ao_distance(one: FindingState, other: FindingState, torn: str, other_torn: str) -> int:
    """How far apart two AO types are, 0 where they are the same: A1 to A4 lie 1 apart each, as do B1 to C."""
    processes = int(one.process_fracture != other.process_fracture)
    body = abs(_BODY[one.ao_body] - _BODY[other.ao_body])
    return max(body, abs(_SEGMENT[torn] - _SEGMENT[other_torn]), processes)


def _ao_words(one: FindingState, other: FindingState, torn: str, other_torn: str) -> str:
    if one.ao_body != other.ao_body:
        return _either(one.ao_body, other.ao_body, [*AoBody.values, None], lambda word: word or "no type")
    if torn != other_torn:
        return _either(torn, other_torn, [*SegmentType.values, ""], lambda word: f"{word or 'nothing'} below")
    return "process fracture or none"


def _either(one: str | None, other: str | None, order: list[str | None], words: Callable[[str | None], str]) -> str:
    """ "A or B", whichever read says which."""
    return " or ".join(words(each) for each in sorted((one, other), key=order.index))


def _segment_of(state: ReadState, vertebra: int) -> str:
    injury = state.injuries.get(vertebra)
    return "" if injury is None else injury.type


def _differing_sops(a: ReadState, b: ReadState, vertebra: VertebraContext) -> tuple[str, ...]:
    one, other = {*a.finding(vertebra.id).fractured_sops}, {*b.finding(vertebra.id).fractured_sops}
    apart = one ^ other
    margin = len(vertebra.margin_sops) // 2
    in_order = (*vertebra.margin_sops[:margin], *vertebra.sops, *vertebra.margin_sops[margin:])
    return tuple(sop for sop in in_order if sop in apart)


def _overlap(one: FindingState, other: FindingState) -> bool:
    first, second = {*one.fractured_sops}, {*other.fractured_sops}
    either = first | second
    return not either or len(first & second) / len(either) >= _LEAST_OVERLAP


# --- agreeing -------------------------------------------------------------------------------------------------------


def carried(finding: FindingState) -> FindingState:
    """What of a reader's finding goes into a consensus: all but what is the reader's own, their doubt and comment.

    The panel has not labelled slice by slice, so a mark becomes one of a range."""
    slices = {sop: SliceMark(mark.value, LabelSource.RANGE.value) for sop, mark in finding.slices.items()}
    return replace(finding, unclear=False, comment="", slices=slices)


def agreed(a: FindingState, b: FindingState) -> FindingState:
    """What two findings that do not differ say together: the same verdict, AO type and level, and every slice that one
    of them labels (fractured where either says so). What they say differently beside that is said by neither."""
    one, other = carried(a), carried(b)
    fracture = {sop: mark for each in (one, other) for sop, mark in each.slices.items() if _is_fracture(mark)}
    why = min(one.why, other.why, key=Why.values.index)
    return replace(
        one,
        why=why,
        slices={**one.slices, **other.slices, **fracture},
        acuity=one.acuity if one.acuity == other.acuity else Acuity.UNKNOWN.value,
        # Both call it the same; one of them may not have said so.
        level_said=max(one.level_said, other.level_said),
        measures=one.measures if one.measures == other.measures else BLANK.measures,
    )


def agreed_injury(a: Injury | None, b: Injury | None) -> Injury | None:
    """The injury of the segment below that both name."""
    if a is None or b is None or a.type != b.type:
        return None
    return a if a.lower is not None else b


def _is_fracture(mark: SliceMark) -> bool:
    return mark.value == SliceValue.FRACTURE
