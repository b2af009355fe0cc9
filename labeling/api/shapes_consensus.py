"""The shapes of the consensus: what its screen is told, and what a panel sends."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers as s

from labeling.api.outputs import (
    FindingOut,
    GapOut,
    InjuryOut,
    PositionOut,
    RoomCaseOut,
    RulesOut,
    Shape,
    StackOut,
    StateOut,
)
from labeling.api.shapes_reading import RoomVertebraOut, SecondOut, VersionOut
from labeling.api.strict import StrictSerializer
from labeling.models import Acuity, AoBody, Difference, RoundKind, ShiftMoves, Verdict

_LETTERS = ["A", "B"]
_TOOK = ["a", "b", "neither"]
#: Characters of a question, an answer, or an explanation.
_LONGEST = 2000


class ConsensusReadOut(Shape):
    """The panel's own read."""

    id = s.IntegerField()
    version = s.IntegerField()
    state = s.ChoiceField(choices=["draft", "locked"])
    seq = s.IntegerField(help_text="The base_seq of what is settled next.")
    locked_at = s.DateTimeField(allow_null=True)
    writable = s.BooleanField()
    target = s.CharField(help_text="Of the reference that it becomes.")
    reopenable = s.BooleanField(help_text="Locked, and a later version may follow.")


class ConsensusRoundOut(Shape):
    id = s.IntegerField()
    name = s.CharField()
    kind = s.ChoiceField(choices=RoundKind.choices)
    rules = RulesOut()


class FollowedRoundOut(Shape):
    """The round whose reads are settled."""

    name = s.CharField()
    kind = s.ChoiceField(choices=RoundKind.choices)
    imported = s.BooleanField()


class ConsensusAnatomyOut(Shape):
    id = s.IntegerField()
    n = s.IntegerField()


class SettledReadOut(Shape):
    """One of the reads, on the anatomy of the consensus; moved, where a shift is set."""

    state = StateOut()
    locked_at = s.DateTimeField(allow_null=True)
    version = s.IntegerField()
    active_ms = s.IntegerField(allow_null=True)
    shift = s.IntegerField(help_text="By how many vertebrae toward the feet it is moved.")
    shift_moves = s.ChoiceField(choices=ShiftMoves.choices)
    slices_labelled = s.BooleanField()


class AskedOut(Shape):
    """One vertebra that the panel is asked about, the most harmful first."""

    vertebra = s.IntegerField()
    level = s.CharField()
    difference = s.ChoiceField(choices=Difference.choices)
    harm = s.IntegerField(help_text="The larger, the more harmful.")
    why = s.CharField(help_text="For people: Fracture or negative.")
    sop_uids = s.ListField(child=s.CharField(), help_text="The slices that one read calls fractured and one does not.")


class SettlementOut(Shape):
    """How one vertebra was settled."""

    took = s.ChoiceField(choices=_TOOK)
    reason = s.CharField()
    acuity = s.ChoiceField(choices=Acuity.choices)
    teach = s.BooleanField()
    explanation = s.CharField()


class ReasonOut(Shape):
    code = s.CharField()
    text = s.CharField()


class MemberOut(Shape):
    """A member of the panel."""

    reader = s.IntegerField()
    name = s.CharField()
    initials = s.CharField()
    senior = s.BooleanField()
    present = s.BooleanField()
    you = s.BooleanField()


class MembersOut(Shape):
    members = MemberOut(many=True)


class FindingBriefOut(Shape):
    verdict = s.ChoiceField(choices=Verdict.choices, allow_null=True)
    ao_body = s.ChoiceField(choices=AoBody.choices, allow_null=True)


class ShiftPreviewOut(Shape):
    vertebra = s.IntegerField()
    level = s.CharField()
    other = FindingBriefOut(allow_null=True)
    now = FindingBriefOut(allow_null=True)
    after = FindingBriefOut(allow_null=True)


class ShiftOut(Shape):
    """A shift by one vertebra that leaves fewer differences."""

    letter = s.ChoiceField(choices=_LETTERS)
    by = s.ChoiceField(choices=[-1, 1])
    moves = s.ChoiceField(choices=["names", "findings"])
    differ_now = s.IntegerField()
    differ_after = s.IntegerField()
    sentence = s.CharField()
    preview = ShiftPreviewOut(many=True)


class ShiftedOut(Shape):
    """A shift that is set, and who set it."""

    by = s.ChoiceField(choices=[-1, 1])
    moves = s.ChoiceField(choices=["names", "findings"])
    who = s.CharField()


class ReportToPanelOut(Shape):
    open = s.BooleanField()
    may_show = s.BooleanField()
    text = s.CharField(allow_null=True)


class PanelReportOut(Shape):
    report = ReportToPanelOut()


class QuestionOut(Shape):
    """A question to one reader, and the answer."""

    id = s.IntegerField()
    letter = s.ChoiceField(choices=_LETTERS)
    vertebra = s.IntegerField()
    text = s.CharField()
    at = s.DateTimeField()
    answer = s.CharField()
    answered_at = s.DateTimeField(allow_null=True)


class QuestionsOut(Shape):
    questions = QuestionOut(many=True)


class RecordOut(Shape):
    who = s.CharField(help_text="A, B, or the initials of a member; empty for the panel.")
    what = s.CharField()
    at = s.DateTimeField()


class NextConsensusOut(Shape):
    round = s.IntegerField()
    case = s.IntegerField()


class ConsensusOut(Shape):
    """All that the screen of a consensus shows."""

    consensus = ConsensusReadOut()
    round = ConsensusRoundOut()
    follows = FollowedRoundOut()
    case = RoomCaseOut()
    stack = StackOut()
    outlines_url = s.CharField(allow_null=True)
    anatomy = ConsensusAnatomyOut()
    vertebrae = RoomVertebraOut(many=True)
    letters = s.ListField(child=s.ChoiceField(choices=_LETTERS))
    reads = s.DictField(child=SettledReadOut(), help_text="By letter.")
    asked = AskedOut(many=True)
    agreed = s.ListField(child=s.IntegerField(), help_text="Vertebrae that are filled in.")
    settled = s.DictField(child=SettlementOut(), help_text="By vertebra.")
    state = StateOut()
    gaps = GapOut(many=True)
    reasons = ReasonOut(many=True)
    members = MemberOut(many=True)
    shift = ShiftOut(allow_null=True)
    shifted = s.DictField(child=ShiftedOut(), help_text="By letter.")
    report = ReportToPanelOut()
    questions = QuestionOut(many=True)
    record = RecordOut(many=True)
    position = PositionOut()
    next = NextConsensusOut(allow_null=True)
    versions = VersionOut(many=True)
    second = SecondOut()
    hindrance = s.CharField(help_text="Why nothing can be written; empty where it can.")


class SettledOut(Shape):
    """What the consensus says after something was settled or taken back."""

    seq = s.IntegerField()
    settled = s.DictField(child=SettlementOut())
    state = StateOut()
    gaps = GapOut(many=True)


class ReferenceOut(Shape):
    locked_at = s.DateTimeField()
    reference = s.IntegerField()
    next = NextConsensusOut(allow_null=True)


class CorrectedOut(Shape):
    consensus = s.IntegerField(help_text="The later version, a draft.")


class AnsweredOut(Shape):
    answered_at = s.DateTimeField()


# --- what is sent ---------------------------------------------------------------------------------------------------


class _WriteIn(StrictSerializer):
    uuid = s.UUIDField(help_text="Made by the client: sending the same twice is harmless.")
    base_seq = s.IntegerField(min_value=0, max_value=2**31 - 1)
    vertebra = s.IntegerField(min_value=1, max_value=2**63 - 1)


@extend_schema_field(FindingOut(allow_null=True))
class GivenFindingField(s.DictField):
    """Checked by `labeling.reading.state`, which knows the laws of a finding; the shape here tells the client."""


@extend_schema_field(InjuryOut(allow_null=True))
class GivenInjuryField(s.DictField):
    """As `GivenFindingField`."""


class SettleIn(_WriteIn):
    """How a panel settles one vertebra."""

    took = s.ChoiceField(choices=_TOOK)
    finding = GivenFindingField(required=False, allow_null=True, help_text="Only where neither is taken.")
    injury = GivenInjuryField(required=False, allow_null=True, help_text="Only where neither is taken.")
    reason = s.CharField(max_length=40)
    acuity = s.ChoiceField(choices=Acuity.choices)
    teach = s.BooleanField(required=False)
    explanation = s.CharField(max_length=_LONGEST, required=False, allow_blank=True)


class UnsettleIn(_WriteIn):
    """A vertebra that is open again."""


class MembersIn(StrictSerializer):
    reader = s.IntegerField(min_value=1, max_value=2**63 - 1)
    present = s.BooleanField()


class ShiftIn(StrictSerializer):
    letter = s.ChoiceField(choices=_LETTERS)
    by = s.IntegerField(min_value=-1, max_value=1)
    moves = s.ChoiceField(choices=["", "names", "findings"], required=False, default="", allow_blank=True)


class AskIn(StrictSerializer):
    letter = s.ChoiceField(choices=_LETTERS)
    vertebra = s.IntegerField(min_value=1, max_value=2**63 - 1)
    text = s.CharField(max_length=_LONGEST)


class AnswerIn(StrictSerializer):
    text = s.CharField(max_length=_LONGEST)
