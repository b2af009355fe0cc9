"""What the API takes, field by field. Unknown fields are refused (see :mod:`labeling.api.strict`)."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers as s

from labeling.anatomy.levels import LEVELS
from labeling.api.outputs import FindingOut, InjuryOut, MeasureOut, Shape
from labeling.api.strict import ShortList, StrictSerializer
from labeling.models import Acuity, AoBody, SegmentType, SkipReason, SliceValue, Verdict, Why
from labeling.reading.verbs import VERBS
from labeling.reading.worklist import TABS

#: Longer than any UID (PS3.5 9.1).
UID_LENGTH = 64
#: A stack has a few hundred slices; a thousand at once is the whole of the largest.
MOST_SLICES = 2000
#: A spine has 26 vertebrae and more only by mistake.
MOST_VERTEBRAE = 200
#: Commands of the room whose keys somebody may change.
MOST_COMMANDS = 200


class LabelSlicesPayload(Shape):
    vertebra = s.IntegerField()
    sop_uids = s.ListField(child=s.CharField(max_length=UID_LENGTH))
    value = s.ChoiceField(choices=SliceValue.choices, allow_null=True)
    source = s.ChoiceField(choices=["key", "range"])  # type: ignore[assignment]


class VertebraPayload(Shape):
    vertebra = s.IntegerField()


class SetVerdictPayload(Shape):
    vertebra = s.IntegerField()
    verdict = s.ChoiceField(choices=Verdict.choices, allow_null=True)
    why = s.ChoiceField(choices=Why.choices, required=False)


class SetAoPayload(Shape):
    vertebra = s.IntegerField()
    ao_body = s.ChoiceField(choices=AoBody.choices, allow_null=True)


class SetFlagPayload(Shape):
    vertebra = s.IntegerField()
    value = s.BooleanField()


class SetAcuityPayload(Shape):
    vertebra = s.IntegerField()
    acuity = s.ChoiceField(choices=Acuity.choices)


class SetCommentPayload(Shape):
    vertebra = s.IntegerField()
    text = s.CharField(max_length=2000, allow_blank=True)


class SetLevelSaidPayload(Shape):
    vertebra = s.IntegerField()
    level = s.ChoiceField(choices=["", *LEVELS])


class SetInjuryPayload(Shape):
    upper = s.IntegerField()
    lower = s.IntegerField(allow_null=True)
    type = s.ChoiceField(choices=SegmentType.choices, allow_null=True)


class SetMeasuresPayload(Shape):
    vertebra = s.IntegerField()
    measures = MeasureOut(many=True)


class RestorePayload(Shape):
    vertebra = s.IntegerField()
    finding = FindingOut(allow_null=True)
    injury = InjuryOut(allow_null=True, required=False)


class AcceptPayload(Shape):
    """What a model says of a vertebra, taken over as it is."""

    vertebra = s.IntegerField()
    model_read = s.IntegerField(help_text="The read of the opinion.")
    verdict = s.ChoiceField(choices=["fracture", "negative"])
    slices = s.DictField(child=s.ChoiceField(choices=SliceValue.choices), help_text="By SOP Instance UID.")
    all = s.BooleanField(help_text="One of all the remaining vertebrae, accepted together: everything was seen.")


@extend_schema_field(
    PolymorphicProxySerializer(
        component_name="OperationPayload",
        serializers=[
            LabelSlicesPayload,
            VertebraPayload,
            SetVerdictPayload,
            SetAoPayload,
            SetFlagPayload,
            SetAcuityPayload,
            SetCommentPayload,
            SetLevelSaidPayload,
            SetInjuryPayload,
            SetMeasuresPayload,
            RestorePayload,
            AcceptPayload,
        ],
        resource_type_field_name=None,
    )
)
class PayloadField(s.DictField):
    """Checked by `labeling.reading.verbs`, which knows what each verb needs; the shapes here tell the client."""


class SuggestionIn(StrictSerializer):
    """The model's opinion that stood on the screen."""

    read = s.IntegerField(min_value=1, max_value=2**63 - 1)


class ShownIn(StrictSerializer):
    """What was on screen when the reader clicked."""

    sop_uid = s.CharField(max_length=UID_LENGTH, allow_blank=True)
    window = ShortList(child=s.FloatField(), min_length=2, max_length=2, required=False, allow_null=True)
    rendered_at = s.CharField(max_length=40, required=False, allow_null=True, allow_blank=True)
    suggestion = SuggestionIn(required=False, allow_null=True)


_TAB = "Made by the tab when it opens the read; a script that writes alone needs none."


class OperationIn(StrictSerializer):
    """One click."""

    uuid = s.UUIDField(help_text="Made by the client: sending the same operation twice is harmless.")
    base_seq = s.IntegerField(min_value=0, max_value=2**31 - 1)
    verb = s.ChoiceField(choices=list(VERBS))
    payload = PayloadField()
    shown = ShownIn(required=False)
    client_at = s.DateTimeField()
    tab = s.UUIDField(required=False, help_text=_TAB)
    anatomy = s.IntegerField(
        min_value=1, max_value=2**63 - 1, required=False, help_text="On which it was made; another one is a conflict."
    )


class ViewedIn(StrictSerializer):
    """Where the reader is."""

    k = s.IntegerField(min_value=0, max_value=100_000, required=False, allow_null=True)
    vertebra = s.IntegerField(min_value=1, required=False, allow_null=True)
    window = ShortList(child=s.FloatField(), min_length=2, max_length=2, required=False, allow_null=True)


class ActiveIn(StrictSerializer):
    """Active time of this tab on one vertebra, or (null) on the case as a whole, since it opened the read."""

    vertebra = s.IntegerField(min_value=1, allow_null=True)
    ms = s.IntegerField(min_value=0, max_value=2**31 - 1)


class SeenIn(StrictSerializer):
    sop_uids = ShortList(child=s.CharField(max_length=UID_LENGTH), max_length=MOST_SLICES)
    viewed = ViewedIn(required=False)
    tab = s.UUIDField(required=False, help_text=_TAB)
    active = ShortList(
        child=ActiveIn(), required=False, max_length=MOST_VERTEBRAE, help_text="Totals of this tab; needs it."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("active") and "tab" not in attrs:
            raise s.ValidationError({"tab": ["Active time is the time of a tab. Say which."]})
        return attrs


class LockIn(StrictSerializer):
    base_seq = s.IntegerField(min_value=0, max_value=2**31 - 1)
    tab = s.UUIDField(required=False, help_text=_TAB)


class WriterIn(StrictSerializer):
    """A tab that wants to write, or to go on writing."""

    tab = s.UUIDField()
    take = s.BooleanField(required=False, help_text="Take over from another tab that is writing.")


class ReleaseIn(StrictSerializer):
    """A tab that lets go. As a form, it may bear the CSRF token, for what a closing page can still send."""

    tab = s.UUIDField()
    csrfmiddlewaretoken = s.CharField(required=False, max_length=200)


class ReopenIn(StrictSerializer):
    reason = s.CharField(min_length=3, max_length=500)


class SkipIn(StrictSerializer):
    reason = s.ChoiceField(choices=[choice for choice in SkipReason.choices if choice[0]])
    note = s.CharField(max_length=500, required=False, allow_blank=True)


class ChordsField(ShortList):
    child = s.CharField(max_length=40, trim_whitespace=False)


class KeysField(s.DictField):
    """Chords by command; how many there are is checked before any of them."""

    def run_child_validation(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        if len(data) > MOST_COMMANDS or any(len(str(name)) > 80 for name in data):
            raise s.ValidationError(f"At most {MOST_COMMANDS} commands have keys, each with a name of 80 letters.")
        keys: dict[str, list[str]] = super().run_child_validation(data)
        return keys


class PreferencesIn(StrictSerializer):
    """All preferences at once: what is left out goes back to how it was delivered."""

    keys = KeysField(child=ChordsField(max_length=10), required=False)
    single_keys = s.BooleanField(required=False)


class NothingIn(StrictSerializer):
    """A body without any field."""


class AheadIn(StrictSerializer):
    after = s.IntegerField(min_value=1, required=False, help_text="The case that is being read.")


class WorklistIn(StrictSerializer):
    tab = s.ChoiceField(choices=TABS, required=False, allow_blank=True)
    search = s.CharField(max_length=80, required=False, allow_blank=True)
    page = s.IntegerField(min_value=1, max_value=100_000, required=False)


class ExportIn(StrictSerializer):
    format = s.ChoiceField(choices=["csv", "json"], required=False)
    round = s.CharField(max_length=80, required=False, allow_blank=True, help_text="Name of a round; all without it.")


class NewBatchIn(StrictSerializer):
    """A delivery to be filled with files."""

    name = s.CharField(max_length=200, help_text="What was dropped: a file's or a folder's name.")
    patient = s.CharField(
        max_length=200, required=False, allow_blank=True, help_text="Whose the files without a patient identifier are."
    )
    case = s.IntegerField(min_value=1, required=False, allow_null=True, help_text="The case that masks belong to.")
