"""The shapes of the reading room and of what belongs to it: write lease, versions, what may be fetched ahead."""

from rest_framework import serializers as s

from labeling.api.outputs import (
    GapOut,
    PositionOut,
    ReadOut,
    ReportOut,
    RoomCaseOut,
    RoundOut,
    Shape,
    StackOut,
    StateOut,
)
from labeling.models import AoBody, Certainty, SliceValue, Verdict, Why


class RoomVertebraOut(Shape):
    id = s.IntegerField()
    level = s.CharField()
    certainty = s.ChoiceField(choices=Certainty.choices)
    cut = s.BooleanField()
    cut_where = s.CharField()
    first_k = s.IntegerField()
    last_k = s.IntegerField()
    kept_first_k = s.IntegerField(
        allow_null=True,
        help_text="First slice that stays when datasets shave the outer slices; nothing where none does.",
    )
    kept_last_k = s.IntegerField(allow_null=True)
    label_value = s.IntegerField()
    origin = s.ChoiceField(choices=["segmented", "by_hand"])
    box = s.ListField(child=s.FloatField(), help_text="Of the body, in mm, LPS: x0, x1, y0, y1, z0, z1.")
    mask_ok = s.ChoiceField(choices=["yes", "no", "missing"], allow_null=True)


class RoomAnatomyOut(Shape):
    """The version of the anatomy that the read stands on."""

    id = s.IntegerField()
    n = s.IntegerField()
    confirmed = s.BooleanField()
    editable = s.BooleanField(help_text="Whether this reader may make a new version of it.")
    url = s.CharField(help_text="The page of the anatomy check.")


class VersionOut(Shape):
    """One version of the same reader's read."""

    read = s.IntegerField()
    version = s.IntegerField()
    locked_at = s.DateTimeField(allow_null=True)
    reason = s.CharField(help_text="Why it was reopened; empty for the first.")


class PriorOut(Shape):
    """An earlier examination of the same patient."""

    case = s.IntegerField()
    name = s.CharField()
    interval = s.CharField(help_text="As 8 months before.")
    url = s.CharField()


class SecondOut(Shape):
    """Which planes the second view can show beside the sagittal one."""

    axial = s.BooleanField()
    coronal = s.BooleanField()


class SuggestedSliceOut(Shape):
    """What a model says of one slice."""

    value = s.ChoiceField(choices=SliceValue.choices)
    p = s.FloatField(allow_null=True, help_text="Probability of fracture.")


class SuggestedOut(Shape):
    """What a model says of one vertebra; `slices` by SOP Instance UID."""

    verdict = s.ChoiceField(choices=Verdict.choices)
    why = s.ChoiceField(choices=Why.choices)
    reason = s.CharField(help_text="For people; empty where it has nothing to say.")
    score = s.FloatField(allow_null=True)
    slices = s.DictField(child=SuggestedSliceOut())
    ao_body = s.ChoiceField(choices=AoBody.choices, allow_null=True, help_text="Of the reference; no model gives one.")
    words = s.CharField(help_text="All that the reference says of the vertebra; empty for a model.")


class OpinionCaseOut(Shape):
    """A model's verdict on the case as a whole."""

    kind = s.ChoiceField(choices=["fracture", "negative", "incomplete"])
    text = s.CharField()


class OpinionOut(Shape):
    """The read of one model version on the anatomy of this read, or the truth of its case; `vertebrae` by the id of the
    vertebra."""

    read = s.IntegerField()
    kind = s.ChoiceField(choices=["truth", "classifier", "morphometry"])
    name = s.CharField()
    at = s.DateTimeField()
    case = OpinionCaseOut()
    vertebrae = s.DictField(child=SuggestedOut())


class ModelOut(Shape):
    """What the models say of the case, and what is true of it, as far as this reader is shown it now; the truth first,
    then the classifier."""

    rule = s.ChoiceField(choices=["shown", "after_lock", "never"])
    stage = s.ChoiceField(choices=["hidden", "first", "revealed"])
    opinions = OpinionOut(many=True)


class RoomOut(Shape):
    """All that the reading room needs to show a read."""

    read = ReadOut()
    round = RoundOut(allow_null=True)
    position = PositionOut()
    case = RoomCaseOut()
    report = ReportOut(allow_null=True)
    model = ModelOut(allow_null=True, help_text="Nothing where the read is not one's own or of no round.")
    stack = StackOut()
    vertebrae = RoomVertebraOut(many=True)
    anatomy = RoomAnatomyOut()
    outlines_url = s.CharField(allow_null=True)
    state = StateOut()
    seen = s.ListField(child=s.CharField())
    gaps = GapOut(many=True)
    reopenable = s.BooleanField(help_text="Locked, one's own, and no consensus has begun.")
    versions = VersionOut(many=True)
    active_ms = s.DictField(
        child=s.IntegerField(), help_text="Own active time by vertebra; the whole under the empty name."
    )
    priors = PriorOut(many=True)
    second = SecondOut()


class OpenedOut(Shape):
    """The read and its room, so that a next case is one way there and back."""

    read = s.IntegerField()
    room = RoomOut()


class OpenedNextOut(Shape):
    """The next read and its room; nothing of both where no case is left."""

    read = s.IntegerField(allow_null=True)
    room = RoomOut(allow_null=True)


class WriterOut(Shape):
    """Who writes: this tab, or another one until its lease runs out or is taken over."""

    mine = s.BooleanField()
    until = s.DateTimeField(allow_null=True)
    since = s.DateTimeField(
        allow_null=True, help_text="When the other one was last heard of; nothing where it is mine."
    )


class ReopenedOut(Shape):
    read = s.IntegerField(help_text="The new version, a draft.")


class SkippedOut(Shape):
    next = s.IntegerField(allow_null=True, help_text="The case to read next.")


class AheadOut(Shape):
    """What may be fetched before the next case is opened. Asking claims nothing and opens nothing."""

    case = s.IntegerField(allow_null=True)
    name = s.CharField()
    frames = s.ListField(child=s.CharField(), help_text="In the order to fetch: the first slice shown, then outwards.")
    outlines_url = s.CharField(allow_null=True)


class ProtocolOut(Shape):
    """The protocol record of a round, as it is printed; no identity, and no number of this database."""

    sha256 = s.CharField(help_text="Of the record as canonical JSON: the same record gives the same hash.")
    partial = s.BooleanField(  # type: ignore[assignment]
        help_text="Whether cases are closed that the asking person owes a read of."
    )
    record = s.DictField(child=s.JSONField())


class PreferencesOut(Shape):
    """How one reader works; keys by the name of the command."""

    keys = s.DictField(child=s.ListField(child=s.CharField()))
    single_keys = s.BooleanField(help_text="Whether keys without Ctrl, Alt or Meta do anything.")
