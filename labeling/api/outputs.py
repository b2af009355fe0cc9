"""The shapes of answers, for the schema and the TypeScript client generated from it.

Views answer with plain dictionaries that the domain builds; a test holds every real answer against these shapes.
"""

from typing import Any

from rest_framework import serializers as s

from labeling.models import (
    Acuity,
    AoBody,
    BatchState,
    CaseOrigin,
    LabelSource,
    Orientation,
    Outcome,
    RoundKind,
    SegmentType,
    SliceValue,
    Verdict,
    Why,
)
from labeling.reading.roles import Role
from labeling.reading.worklist import TABS


# No docstring: the schema would repeat it for every shape that has none of its own.
class Shape(s.Serializer[Any]):
    pass


class ErrorOut(Shape):
    """Every error, of every address; some carry more fields."""

    ok = s.BooleanField(default=False)
    code = s.CharField(help_text="A machine word.")
    sentence = s.CharField(help_text="What is wrong, where, and what to do next.")
    fields = s.DictField(  # type: ignore[assignment]
        child=s.ListField(child=s.CharField()), required=False, help_text="bad_input: the fields that are wrong."
    )


class MeOut(Shape):
    username = s.CharField()
    name = s.CharField()
    roles = s.ListField(child=s.ChoiceField(choices=Role.choices))


class VertebraCellOut(Shape):
    """One vertebra of a row: `state` is a verdict, `open` without one, or `cut`."""

    id = s.IntegerField()
    level = s.CharField()
    state = s.ChoiceField(choices=[*Verdict.values, "open", "cut"])
    ao_body = s.ChoiceField(choices=AoBody.choices, allow_null=True)
    unclear = s.BooleanField()


class WorklistRowOut(Shape):
    """One case of one round."""

    assignment = s.IntegerField()
    case = s.IntegerField()
    name = s.CharField()
    sex = s.CharField()
    age = s.CharField()
    round = s.CharField()
    levels = s.CharField(help_text="In view, as T9–L5.")
    vertebrae = VertebraCellOut(many=True)
    state = s.ChoiceField(choices=["to_read", "draft", "locked", "skipped"])
    state_word = s.CharField()
    readable = s.BooleanField()
    pooled = s.BooleanField(help_text="Nobody has claimed it yet.")
    position = s.IntegerField()
    read = s.IntegerField(allow_null=True)
    version = s.IntegerField(allow_null=True, help_text="Of the own read: 2 and more once it was reopened.")
    active_ms = s.IntegerField(help_text="Own active time on the case so far, all versions.")
    skip_reason = s.CharField(help_text="Its code, where the case was skipped.")


class ResumeOut(Shape):
    """The draft last written to."""

    case = s.IntegerField()
    name = s.CharField()
    read = s.IntegerField()
    row = WorklistRowOut()


class TabCountsOut(Shape):
    mine = s.IntegerField()
    to_read = s.IntegerField()
    draft = s.IntegerField()
    locked = s.IntegerField()
    skipped = s.IntegerField()
    unclear = s.IntegerField()


class WorklistOut(Shape):
    """One page of a tab, with the counts of all tabs."""

    tab = s.ChoiceField(choices=TABS)
    search = s.CharField()
    page = s.IntegerField()
    pages = s.IntegerField()
    total = s.IntegerField()
    counts = TabCountsOut()
    rows = WorklistRowOut(many=True)
    resume = ResumeOut(allow_null=True)
    pace_ms = s.IntegerField(allow_null=True, help_text="Median time of the own last reads; nothing before the first.")
    left_ms = s.IntegerField(allow_null=True, help_text="Pace times what is open.")
    done = s.IntegerField(help_text="Locked, of `of` cases in all; skipped ones are in neither.")
    of = s.IntegerField()


class SliceMarkOut(Shape):
    value = s.ChoiceField(choices=SliceValue.choices)
    source = s.ChoiceField(choices=LabelSource.choices)  # type: ignore[assignment]


class MeasureOut(Shape):
    """A length (two points) or the heights of a body (six: upper and lower of anterior, middle, posterior)."""

    kind = s.ChoiceField(choices=["length", "heights"])
    sop_uid = s.CharField()
    points = s.ListField(
        child=s.ListField(child=s.FloatField(), min_length=2, max_length=2),
        help_text="[column, row] of that slice; 0,0 is the centre of the first pixel.",
    )


class FindingOut(Shape):
    """What a read says of one vertebra; `slices` by SOP Instance UID."""

    verdict = s.ChoiceField(choices=Verdict.choices, allow_null=True)
    why = s.ChoiceField(choices=Why.choices)
    ao_body = s.ChoiceField(choices=AoBody.choices, allow_null=True)
    process_fracture = s.BooleanField()
    acuity = s.ChoiceField(choices=Acuity.choices)
    unclear = s.BooleanField()
    comment = s.CharField()
    level_said = s.CharField()
    slices = s.DictField(child=SliceMarkOut())
    measures = MeasureOut(many=True)


class InjuryOut(Shape):
    """An injury of the segment below a vertebra."""

    lower = s.IntegerField(allow_null=True)
    type = s.ChoiceField(choices=SegmentType.choices)


class StateOut(Shape):
    """Findings by vertebra, injuries by the upper vertebra of their segment."""

    findings = s.DictField(child=FindingOut())
    injuries = s.DictField(child=InjuryOut())


class GapOut(Shape):
    """One thing that is open before the read can be locked."""

    vertebra = s.IntegerField()
    level = s.CharField()
    kind = s.CharField()
    sentence = s.CharField()
    sop_uids = s.ListField(child=s.CharField())


class GapsOut(Shape):
    gaps = GapOut(many=True)


class ReadOut(Shape):
    id = s.IntegerField()
    version = s.IntegerField()
    state = s.ChoiceField(choices=["draft", "locked"])
    seq = s.IntegerField(help_text="Operations applied so far; the base_seq of the next one.")
    locked_at = s.DateTimeField(allow_null=True)
    writable = s.BooleanField()
    viewed = s.DictField(help_text="Where the reader stopped: k, vertebra, window.")


class RulesOut(Shape):
    unit = s.ChoiceField(choices=["slice", "vertebra"])
    report = s.ChoiceField(choices=["shown", "after_lock", "hidden"])
    model = s.ChoiceField(choices=["shown", "after_lock", "never"])
    outlines = s.ChoiceField(choices=["shown", "hidden"])
    anatomy = s.ChoiceField(choices=["editable", "pinned"])
    ao_required = s.BooleanField()
    required_reads = s.IntegerField()
    washout_days = s.IntegerField()
    second_reader_share = s.FloatField()
    model_hidden_share = s.FloatField()
    feedback = s.ChoiceField(choices=["at_once", "after_consensus", "when_closed", "none"])
    audit_share = s.FloatField()


class RoundOut(Shape):
    name = s.CharField()
    kind = s.ChoiceField(choices=RoundKind.choices)
    rules = RulesOut()


class PositionOut(Shape):
    """The place of the case in the reader's list, from 1; 0 where it stands in none."""

    index = s.IntegerField()
    of = s.IntegerField()


class FactOut(Shape):
    label = s.CharField()  # type: ignore[assignment]
    value = s.CharField()


class RoomCaseOut(Shape):
    id = s.IntegerField()
    name = s.CharField()
    sex = s.CharField()
    age = s.CharField()
    origin = s.ChoiceField(choices=CaseOrigin.choices)
    limited = s.CharField()
    facts = FactOut(many=True)


class ReportOut(Shape):
    text = s.CharField()


class StackSliceOut(Shape):
    sop_uid = s.CharField()
    k = s.IntegerField()
    position_mm = s.FloatField()


class StackOut(Shape):
    """The slices in reading order; `frames_url` holds {sop_uid}, `metadata` is WADO-RS metadata per slice."""

    study_uid = s.CharField()
    series_uid = s.CharField()
    origin = s.ChoiceField(choices=["native", "derived"])
    rows = s.IntegerField()
    columns = s.IntegerField()
    row_spacing = s.FloatField()
    column_spacing = s.FloatField()
    slice_spacing = s.FloatField()
    slices = StackSliceOut(many=True)
    frames_url = s.CharField()
    metadata = s.ListField(child=s.DictField())
    affine = s.ListField(
        child=s.ListField(child=s.FloatField()), help_text="4x4: (k, row, column, 1) to x, y, z in mm, LPS."
    )


class WrittenOut(Shape):
    """What one operation changed, and what is open after it."""

    seq = s.IntegerField()
    findings = s.DictField(child=FindingOut())
    injuries = s.DictField(child=InjuryOut(allow_null=True))
    gaps = GapOut(many=True)


class ConflictOut(ErrorOut):
    """code `conflict`: the read went on, its newest state is here. `locked`: it takes no more. `elsewhere`: another
    window or device is writing."""

    seq = s.IntegerField(required=False)
    state = StateOut(required=False)
    anatomy = s.IntegerField(
        required=False, help_text="That the read stands on by now; another one: load the room again."
    )


class NotCompleteOut(ErrorOut):
    gaps = GapOut(many=True, required=False)


class SeenOut(Shape):
    seen = s.IntegerField(help_text="How many slices of the read were seen by now.")


class LockedOut(Shape):
    locked_at = s.DateTimeField()
    version = s.IntegerField()
    next = s.IntegerField(allow_null=True, help_text="The case to read next.")
    reveal = s.BooleanField(
        help_text="Whether the room of this read now shows something of the models that it did not show before."
    )


class CaseLinkOut(Shape):
    id = s.IntegerField()
    name = s.CharField()


class BatchSeriesOut(Shape):
    """One series of a delivery, what became of it and why."""

    id = s.IntegerField()
    case = CaseLinkOut(allow_null=True)
    number = s.IntegerField(allow_null=True)
    words = s.CharField()
    modality = s.CharField()
    kernel = s.CharField()
    orientation = s.ChoiceField(choices=Orientation.choices)
    images = s.IntegerField()
    rows = s.IntegerField(allow_null=True)
    columns = s.IntegerField(allow_null=True)
    spacing = s.ListField(child=s.FloatField(), allow_null=True)
    outcome = s.ChoiceField(choices=Outcome.choices)
    code = s.CharField()
    why = s.CharField()


class BatchOut(Shape):
    """One delivery."""

    uuid = s.UUIDField()
    name = s.CharField()
    source = s.ChoiceField(choices=["upload", "command", "dicom"])  # type: ignore[assignment]
    state = s.ChoiceField(choices=BatchState.choices)
    mine = s.BooleanField()
    files_total = s.IntegerField()
    files_done = s.IntegerField()
    bytes_total = s.IntegerField()
    stage = s.CharField()
    message = s.CharField()
    created_at = s.DateTimeField()
    finished_at = s.DateTimeField(allow_null=True)
    series = BatchSeriesOut(many=True)


class BatchesOut(Shape):
    batches = BatchOut(many=True)


class NewBatchOut(Shape):
    uuid = s.UUIDField()


class FileOut(Shape):
    bytes = s.IntegerField(help_text="Stored of this file.")


#: {"<k>": {"<label value>": [[[column, row], …], …]}}; 0,0 is the centre of the first pixel.
OUTLINES = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": {
            "type": "array",
            "items": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
        },
    },
}
