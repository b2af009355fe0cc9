"""The operations on a read, one small function each: state, context and payload in, state out.

=================  =========================================================================================
verb               payload
=================  =========================================================================================
label_slices       vertebra, sop_uids, value fracture | negative | null, source key | range (key: one slice)
rest_negative      vertebra
set_verdict        vertebra, verdict | null, why (only with not_assessable)
set_ao             vertebra, ao_body | null
set_process_fracture, set_unclear   vertebra, value
set_acuity         vertebra, acuity
set_comment        vertebra, text
set_level_said     vertebra, level | ''
set_measures       vertebra, measures [{kind length | heights, sop_uid, points [[column, row], …]}, …]
set_injury         upper, lower | null, type | null (vertebra, where sent, is the upper one)
accept             vertebra, model_read, verdict fracture | negative, slices {sop: value}, all
restore            vertebra, finding | null, injury | null (absent: the injury stays)
=================  =========================================================================================

`accept` takes over what a model says. That its payload is what a model said, and that the reader was shown it, is not
judged here but in `labeling.reading.opinions.suggestions`, which knows the record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from labeling.anatomy.levels import LEVELS
from labeling.models import Acuity, AoBody, LabelSource, SegmentType, SliceValue, Verdict, Why
from labeling.reading.measures import measures_from_json
from labeling.reading.payloads import Payload
from labeling.reading.refusals import OperationRefused
from labeling.reading.state import (
    BLANK,
    COMMENT_MAX,
    FindingState,
    Injury,
    ReadContext,
    ReadState,
    SliceMark,
    VertebraContext,
    check_finding,
    finding_from_json,
    fractured_slices_sentence,
    injury_from_json,
    outside_sentence,
)

__all__ = ["VERBS", "touched_vertebra"]

Step = Callable[[ReadState, ReadContext, Payload], ReadState]

_HAND_SOURCES = (LabelSource.KEY.value, LabelSource.RANGE.value)
_ACCEPTED_VERDICTS = (Verdict.FRACTURE.value, Verdict.NEGATIVE.value)


def touched_vertebra(payload: dict[str, object]) -> int | None:
    """The one vertebra an operation is about; None where the payload names none."""
    vertebra = payload.get("vertebra", payload.get("upper"))
    return vertebra if isinstance(vertebra, int) and not isinstance(vertebra, bool) else None


def _label_slices(state: ReadState, context: ReadContext, payload: Payload) -> ReadState:
    vertebra = context.vertebra(payload.number("vertebra"))
    sops = payload.texts("sop_uids")
    value = payload.word_or_none("value", SliceValue.values)
    source = payload.word("source", _HAND_SOURCES)
    if source == LabelSource.KEY and len(sops) != 1:
        raise OperationRefused("bad_payload", "A label by key is for one slice.")
    if not set(sops) <= {*vertebra.every_sop}:
        raise OperationRefused("outside", outside_sentence(vertebra))
    if value == SliceValue.NEGATIVE and source == LabelSource.RANGE:
        # One key may say of a slice that is on screen what it likes; a range speaks of slices that are not.
        _demand_seen(sops, vertebra, context)
    before = state.finding(vertebra.id)
    kept = {sop: mark for sop, mark in before.slices.items() if sop not in sops}
    written = {} if value is None else {sop: SliceMark(value, source) for sop in sops}
    after = _verdict_after_labels(before, {**kept, **written}, vertebra, context)
    return state.with_finding(vertebra.id, check_finding(after, vertebra, context))


def _verdict_after_labels(
    before: FindingState, slices: dict[str, SliceMark], vertebra: VertebraContext, context: ReadContext
) -> FindingState:
    """The finding with these labels and the verdict that follows from them.

    A fractured slice makes a fracture. Where the unit is the slice, the verdict goes back to none when the last
    fractured slice goes or a negative vertebra loses a label, and to negative once every vertebral slice is negative.
    """
    after = replace(before, slices=slices)
    if after.fractured_sops:
        return replace(after, verdict=Verdict.FRACTURE.value, why="")
    if slices == before.slices:
        return after
    if before.verdict in (Verdict.INDETERMINATE, Verdict.NOT_ASSESSABLE):
        after = replace(after, verdict=None, why="")
    if context.unit != "slice":
        return after
    if before.fractured_sops or (before.verdict == Verdict.NEGATIVE and not set(vertebra.sops) <= set(slices)):
        after = replace(after, verdict=None, ao_body=None)
    if after.verdict is None and set(vertebra.sops) <= set(slices):
        after = replace(after, verdict=Verdict.NEGATIVE.value)
    return after


def _rest_negative(state: ReadState, context: ReadContext, payload: Payload) -> ReadState:
    vertebra = context.vertebra(payload.number("vertebra"))
    before = state.finding(vertebra.id)
    if before.verdict == Verdict.FRACTURE and not before.fractured_sops:
        # "The rest" of nothing: one key must not turn a fracture that was just graded into a negative.
        raise OperationRefused(
            "fracture_without_slice",
            f"{vertebra.name} is called a fracture, but none of its slices is. Mark one first, or clear the vertebra.",
        )
    return state.with_finding(vertebra.id, _with_rest_negative(before, vertebra, context))


def _demand_seen(sops: Iterable[str], vertebra: VertebraContext, context: ReadContext) -> None:
    """
    Raises
    ------
    OperationRefused
        where slices were never on screen: what nobody looked at is not negative.
    """
    unseen = sum(sop not in context.seen for sop in sops)
    if unseen:
        slices = "slice has" if unseen == 1 else "slices have"
        raise OperationRefused("unseen", f"{unseen} {slices} not been seen on {vertebra.level or 'this vertebra'}.")


def _with_rest_negative(before: FindingState, vertebra: VertebraContext, context: ReadContext) -> FindingState:
    _demand_seen(vertebra.sops, vertebra, context)
    after = replace(before, slices={**_negative_in_range(vertebra), **before.slices}, why="")
    if after.fractured_sops:
        return replace(after, verdict=Verdict.FRACTURE.value)
    return replace(after, verdict=Verdict.NEGATIVE.value, ao_body=None)


def _negative_in_range(vertebra: VertebraContext) -> dict[str, SliceMark]:
    return {sop: SliceMark(SliceValue.NEGATIVE.value, LabelSource.RANGE.value) for sop in vertebra.sops}


def _set_verdict(state: ReadState, context: ReadContext, payload: Payload) -> ReadState:
    vertebra = context.vertebra(payload.number("vertebra"))
    verdict = payload.word_or_none("verdict", Verdict.values)
    why = (payload.word_or_none("why", Why.values) or "") if payload.has("why") else ""
    if verdict != Verdict.NOT_ASSESSABLE and why:
        raise OperationRefused("why", f"{vertebra.name} needs a reason only when it is not assessable.")
    if verdict == Verdict.NOT_ASSESSABLE and not why:
        raise OperationRefused("why", f"Say why {vertebra.level or 'this vertebra'} is not assessable.")
    before = state.finding(vertebra.id)
    if verdict == Verdict.NEGATIVE:
        after = _called_negative(before, vertebra, context)
    elif verdict == Verdict.FRACTURE:
        after = replace(before, verdict=verdict, why="")
    else:
        # The image cannot decide, nothing can be seen, or the reader starts over: no slice is labelled then.
        after = replace(before, verdict=verdict, why=why, ao_body=None, slices={})
    return state.with_finding(vertebra.id, check_finding(after, vertebra, context))


def _called_negative(before: FindingState, vertebra: VertebraContext, context: ReadContext) -> FindingState:
    if before.fractured_sops:
        raise OperationRefused("fractured_slices", fractured_slices_sentence(vertebra.name, len(before.fractured_sops)))
    if context.unit == "slice":
        return _with_rest_negative(before, vertebra, context)
    return replace(before, verdict=Verdict.NEGATIVE.value, why="", ao_body=None)


def _set_ao(state: ReadState, context: ReadContext, payload: Payload) -> ReadState:
    vertebra = context.vertebra(payload.number("vertebra"))
    ao_body = payload.word_or_none("ao_body", AoBody.values)
    before = state.finding(vertebra.id)
    if ao_body is None:
        return state.with_finding(vertebra.id, replace(before, ao_body=None))
    return state.with_finding(vertebra.id, replace(before, ao_body=ao_body, verdict=Verdict.FRACTURE.value, why=""))


def _set_process_fracture(state: ReadState, context: ReadContext, payload: Payload) -> ReadState:
    vertebra = context.vertebra(payload.number("vertebra")).id
    return state.with_finding(vertebra, replace(state.finding(vertebra), process_fracture=payload.flag("value")))


def _set_acuity(state: ReadState, context: ReadContext, payload: Payload) -> ReadState:
    vertebra = context.vertebra(payload.number("vertebra")).id
    return state.with_finding(vertebra, replace(state.finding(vertebra), acuity=payload.word("acuity", Acuity.values)))


def _set_unclear(state: ReadState, context: ReadContext, payload: Payload) -> ReadState:
    vertebra = context.vertebra(payload.number("vertebra")).id
    return state.with_finding(vertebra, replace(state.finding(vertebra), unclear=payload.flag("value")))


def _set_comment(state: ReadState, context: ReadContext, payload: Payload) -> ReadState:
    vertebra = context.vertebra(payload.number("vertebra")).id
    return state.with_finding(vertebra, replace(state.finding(vertebra), comment=payload.text("text", COMMENT_MAX)))


def _set_level_said(state: ReadState, context: ReadContext, payload: Payload) -> ReadState:
    vertebra = context.vertebra(payload.number("vertebra")).id
    level = payload.word("level", ("", *LEVELS))
    return state.with_finding(vertebra, replace(state.finding(vertebra), level_said=level))


def _set_measures(state: ReadState, context: ReadContext, payload: Payload) -> ReadState:
    vertebra = context.vertebra(payload.number("vertebra"))
    measured = replace(state.finding(vertebra.id), measures=measures_from_json(payload.raw("measures")))
    return state.with_finding(vertebra.id, check_finding(measured, vertebra, context))


def _set_injury(state: ReadState, context: ReadContext, payload: Payload) -> ReadState:
    upper = context.vertebra(payload.number("upper"))
    if payload.has("vertebra") and payload.number("vertebra") != upper.id:
        raise OperationRefused("bad_payload", "The vertebra of a segment injury is its upper one.")
    lower = payload.number_or_none("lower")
    kind = payload.word_or_none("type", SegmentType.values)
    injury = None if kind is None else _checked_injury(Injury(lower, kind), upper, context)
    return state.with_injury(upper.id, injury)


def _checked_injury(injury: Injury, upper: VertebraContext, context: ReadContext) -> Injury:
    """An injury lies between a vertebra and the next one below; None stands where the image ends."""
    order = list(context.vertebrae)
    below = order[order.index(upper.id) + 1 :]
    if injury.lower is not None and (not below or injury.lower != below[0]):
        raise OperationRefused("not_neighbours", f"The segment below {upper.level or 'this vertebra'} ends elsewhere.")
    return injury


def _restore(state: ReadState, context: ReadContext, payload: Payload) -> ReadState:
    vertebra = context.vertebra(payload.number("vertebra"))
    said = payload.raw("finding")
    finding = BLANK if said is None else check_finding(finding_from_json(said), vertebra, context)
    after = state.with_finding(vertebra.id, finding)
    if not payload.has("injury"):
        return after
    raw = payload.raw("injury")
    injury = None if raw is None else _checked_injury(injury_from_json(raw), vertebra, context)
    return after.with_injury(vertebra.id, injury)


def _accept(state: ReadState, context: ReadContext, payload: Payload) -> ReadState:
    """What a model says of a vertebra becomes what the reader says of it, once they have looked at all of it.

    The slices that the model spoke of are marked as accepted; where the unit is the slice, the others of the body are
    negative, as by `rest_negative`. An AO type that the reader had given stays with a fracture.
    """
    vertebra = context.vertebra(payload.number("vertebra"))
    payload.number("model_read")
    verdict = payload.word("verdict", _ACCEPTED_VERDICTS)
    said = _slices_said(payload)
    together = payload.flag("all")
    if not set(said) <= {*vertebra.every_sop}:
        raise OperationRefused("outside", outside_sentence(vertebra))
    for each in context.vertebrae.values():
        # All at once is for who has been through the whole case; one by one, for who has been through this vertebra.
        if each.id == vertebra.id or (together and not each.cut):
            _demand_seen(each.sops, each, context)
    before = state.finding(vertebra.id)
    if together and any(mark.value != said.get(sop, SliceValue.NEGATIVE) for sop, mark in before.slices.items()):
        # Who has looked and said otherwise decides on this vertebra by itself; beside what it names a suggestion is
        # negative.
        raise OperationRefused(
            "contradicted",
            f"{vertebra.name} has a slice label that says otherwise. Accept it by itself, or clear the label.",
        )
    if verdict == Verdict.FRACTURE and SliceValue.FRACTURE not in said.values():
        raise OperationRefused(
            "no_fractured_slice", f"The suggestion calls {vertebra.name} a fracture, but none of its slices."
        )
    marks = {sop: SliceMark(value, LabelSource.ACCEPTED.value) for sop, value in said.items()}
    if context.unit == "slice":
        marks = {**_negative_in_range(vertebra), **marks}
    ao_body = before.ao_body if verdict == Verdict.FRACTURE else None
    after = replace(before, verdict=verdict, why="", ao_body=ao_body, slices=marks)
    return state.with_finding(vertebra.id, check_finding(after, vertebra, context))


def _slices_said(payload: Payload) -> dict[str, str]:
    said = payload.mapping("slices")
    each = Payload(said, where="slices")
    return {sop: each.word(sop, SliceValue.values) for sop in said}


VERBS: dict[str, Step] = {
    "label_slices": _label_slices,
    "rest_negative": _rest_negative,
    "set_verdict": _set_verdict,
    "set_ao": _set_ao,
    "set_process_fracture": _set_process_fracture,
    "set_acuity": _set_acuity,
    "set_unclear": _set_unclear,
    "set_comment": _set_comment,
    "set_level_said": _set_level_said,
    "set_measures": _set_measures,
    "set_injury": _set_injury,
    "accept": _accept,
    "restore": _restore,
}
