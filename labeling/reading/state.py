"""The state of a read in memory, without a database: findings, slice marks, injuries, and what their laws are.

A vertebra that nothing was said of is not in `ReadState.findings`; it reads as `BLANK`. Nothing here is ever changed in
place: each step of `labeling.reading.verbs` gives a new state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from labeling.anatomy.levels import LEVELS
from labeling.models import Acuity, AoBody, LabelSource, SegmentType, SliceValue, Verdict, Why
from labeling.reading.measures import Measure, measures_from_json
from labeling.reading.payloads import Payload
from labeling.reading.refusals import OperationRefused

__all__ = [
    "BLANK",
    "COMMENT_MAX",
    "FindingState",
    "Injury",
    "OperationRefused",
    "ReadContext",
    "ReadState",
    "SliceMark",
    "VertebraContext",
    "apply",
    "check_finding",
    "finding_from_json",
    "injury_from_json",
]

#: Characters of a comment on one vertebra.
COMMENT_MAX = 2000

#: A person's draft never holds what only a model writes.
_SOURCES_OF_A_PERSON = tuple(source.value for source in LabelSource if source != LabelSource.MODEL)


@dataclass(frozen=True)
class SliceMark:
    """The label of one slice of one vertebra."""

    value: str
    source: str


@dataclass(frozen=True)
class FindingState:
    """What a read says of one vertebra. A verdict of None is *no verdict yet*, which is never negative."""

    verdict: str | None = None
    why: str = ""
    ao_body: str | None = None
    process_fracture: bool = False
    acuity: str = "unknown"
    unclear: bool = False
    comment: str = ""
    level_said: str = ""
    slices: Mapping[str, SliceMark] = field(default_factory=dict)
    measures: tuple[Measure, ...] = ()

    @property
    def fractured_sops(self) -> tuple[str, ...]:
        """SOP Instance UIDs of the slices marked fracture, those in the margin included."""
        return tuple(sop for sop, mark in self.slices.items() if mark.value == SliceValue.FRACTURE)

    def as_json(self) -> dict[str, Any]:
        """The form of the API and of `restore`; `finding_from_json` reads it."""
        return {
            "verdict": self.verdict,
            "why": self.why,
            "ao_body": self.ao_body,
            "process_fracture": self.process_fracture,
            "acuity": self.acuity,
            "unclear": self.unclear,
            "comment": self.comment,
            "level_said": self.level_said,
            "slices": {sop: {"value": mark.value, "source": mark.source} for sop, mark in sorted(self.slices.items())},
            "measures": [measure.as_json() for measure in self.measures],
        }


BLANK = FindingState()


@dataclass(frozen=True)
class Injury:
    """An injury of the segment below a vertebra; `lower` is None at the edge of the image."""

    lower: int | None
    type: str

    def as_json(self) -> dict[str, Any]:
        return {"lower": self.lower, "type": self.type}


@dataclass(frozen=True)
class ReadState:
    """All that a read says: findings by vertebra, injuries by the upper vertebra of their segment."""

    findings: Mapping[int, FindingState] = field(default_factory=dict)
    injuries: Mapping[int, Injury] = field(default_factory=dict)

    def finding(self, vertebra: int) -> FindingState:
        return self.findings.get(vertebra, BLANK)

    def with_finding(self, vertebra: int, finding: FindingState) -> ReadState:
        """The same state with another finding; a blank one is the same as none."""
        others = {key: value for key, value in self.findings.items() if key != vertebra}
        return ReadState(others if finding == BLANK else {**others, vertebra: finding}, self.injuries)

    def with_injury(self, upper: int, injury: Injury | None) -> ReadState:
        """The same state with another injury below this vertebra, or with none."""
        others = {key: value for key, value in self.injuries.items() if key != upper}
        return ReadState(self.findings, others if injury is None else {**others, upper: injury})

    def as_json(self) -> dict[str, Any]:
        """The form of the API; keys are strings, in the order of the vertebrae's numbers."""
        return {
            "findings": {str(key): self.findings[key].as_json() for key in sorted(self.findings)},
            "injuries": {str(key): self.injuries[key].as_json() for key in sorted(self.injuries)},
        }


@dataclass(frozen=True)
class VertebraContext:
    """What the anatomy says of one vertebra of the read.

    Attributes
    ----------
    id, level
        Its identity, and its name ('' where unknown).
    sops
        SOP Instance UIDs of the slices that cross its body (*vertebral slices*), in k order.
    margin_sops
        Those of the two slices beyond each end, where a label is accepted too.
    cut
        Whether the edge of the image cuts it.
    """

    id: int
    level: str
    sops: tuple[str, ...]
    margin_sops: tuple[str, ...] = ()
    cut: bool = False

    @property
    def name(self) -> str:
        return self.level or "This vertebra"

    @property
    def every_sop(self) -> tuple[str, ...]:
        """All slices that take a label: those of the body and those of the margin."""
        return (*self.sops, *self.margin_sops)


@dataclass(frozen=True)
class ReadContext:
    """What a read is judged against: the unit and duties of its round, its vertebrae (cranial first), the slices seen,
    and all slices of its stack (a length may lie beside a body)."""

    unit: str
    ao_required: bool
    vertebrae: Mapping[int, VertebraContext]
    seen: frozenset[str] = frozenset()
    slices: frozenset[str] = frozenset()

    def vertebra(self, vertebra: int) -> VertebraContext:
        """
        Raises
        ------
        OperationRefused
            where the anatomy of the read knows no such vertebra.
        """
        try:
            return self.vertebrae[vertebra]
        except KeyError:
            raise OperationRefused("unknown_vertebra", "This vertebra is not in the anatomy of this read.") from None

    def looking_back(self) -> ReadContext:
        """The same with every slice seen, to fold a log with: what was accepted once is not judged a second time.

        Coverage only ever decides whether an operation is accepted, never what it does, so the fold says the same; and
        a log written before a rule asked for coverage can still be read.
        """
        bodies = (sop for each in self.vertebrae.values() for sop in each.every_sop)
        return replace(self, seen=self.seen | self.slices | {*bodies})


def check_finding(finding: FindingState, vertebra: VertebraContext, context: ReadContext) -> FindingState:
    """The same finding, once it keeps every law of a finding.

    Raises
    ------
    OperationRefused
        where an AO type stands without a fracture, slices are marked on a vertebra that cannot be assessed, a negative
        vertebra holds a fractured slice, *not assessable* lacks its reason, a slice does not cross the vertebra, or
        something was measured on a slice of another stack.
    """
    name = vertebra.name
    if not set(finding.slices) <= {*vertebra.every_sop}:
        raise OperationRefused("outside", outside_sentence(vertebra))
    if not {measure.sop_uid for measure in finding.measures} <= context.slices:
        raise OperationRefused("another_stack", "Something was measured on a slice that is not of this stack.")
    if finding.ao_body is not None and finding.verdict != Verdict.FRACTURE:
        raise OperationRefused("ao_without_fracture", f"{name} has an AO type but is not called a fracture.")
    if finding.verdict in (Verdict.INDETERMINATE, Verdict.NOT_ASSESSABLE) and finding.slices:
        raise OperationRefused("slices_without_verdict", f"{name} cannot be judged, so its slices carry no label.")
    if (finding.verdict == Verdict.NOT_ASSESSABLE) != bool(finding.why):
        raise OperationRefused("why", f"{name} needs a reason exactly when it is not assessable.")
    fractured = finding.fractured_sops
    if finding.verdict == Verdict.NEGATIVE and fractured:
        raise OperationRefused("fractured_slices", fractured_slices_sentence(name, len(fractured)))
    if context.unit == "slice" and fractured and finding.verdict != Verdict.FRACTURE:
        raise OperationRefused("fractured_slices", f"{name} has a fractured slice, so it is a fracture.")
    unlabelled = not set(vertebra.sops) <= set(finding.slices)
    if context.unit == "slice" and finding.verdict == Verdict.NEGATIVE and unlabelled:
        raise OperationRefused("unlabelled", f"{name} is negative only when each of its slices is.")
    return finding


def outside_sentence(vertebra: VertebraContext) -> str:
    return f"This slice does not cross {vertebra.level or 'this vertebra'}."


def fractured_slices_sentence(name: str, count: int) -> str:
    slices, them = ("slice", "it") if count == 1 else ("slices", "them")
    return f"{name} has {count} fractured {slices}. Clear {them} first."


def finding_from_json(data: object) -> FindingState:
    """A finding from its JSON form, with the words checked but not yet the laws (`check_finding`).

    Raises
    ------
    OperationRefused
        where a field is unknown, missing or not one of its words.
    """
    fields = Payload(data, where="finding")
    finding = FindingState(
        verdict=fields.word_or_none("verdict", Verdict.values),
        why=fields.word("why", Why.values),
        ao_body=fields.word_or_none("ao_body", AoBody.values),
        process_fracture=fields.flag("process_fracture"),
        acuity=fields.word("acuity", Acuity.values),
        unclear=fields.flag("unclear"),
        comment=fields.text("comment", COMMENT_MAX),
        level_said=fields.word("level_said", ("", *LEVELS)),
        slices={sop: _mark_from_json(mark) for sop, mark in fields.mapping("slices").items()},
        # Operations from before there were measures are in logs and in browsers' queues: absent is none.
        measures=measures_from_json(fields.raw("measures")) if fields.has("measures") else (),
    )
    fields.close()
    return finding


def _mark_from_json(data: object) -> SliceMark:
    fields = Payload(data, where="slice")
    mark = SliceMark(fields.word("value", SliceValue.values), fields.word("source", _SOURCES_OF_A_PERSON))
    fields.close()
    return mark


def injury_from_json(data: object) -> Injury:
    """An injury from its JSON form {"lower", "type"}."""
    fields = Payload(data, where="injury")
    injury = Injury(fields.number_or_none("lower"), fields.word("type", SegmentType.values))
    fields.close()
    return injury


def apply(state: ReadState, context: ReadContext, verb: str, payload: Mapping[str, Any]) -> ReadState:
    """The state after one operation; `state` itself stays as it was.

    `labeling.reading.verbs` lists the verbs and their payloads.

    Raises
    ------
    OperationRefused
        where the verb or a field is unknown, or the operation would break a law of a finding.
    """
    # Imported here because each verb is written in terms of the states above.
    from labeling.reading.verbs import VERBS

    step: Callable[[ReadState, ReadContext, Payload], ReadState] | None = VERBS.get(verb)
    if step is None:
        raise OperationRefused("unknown_verb", f"There is no operation called {verb}.")
    fields = Payload(payload, where=verb)
    after = step(state, context, fields)
    fields.close()
    return after
