"""The shapes of the anatomy check: what is known of the vertebrae of a case, and what becomes of a new version."""

from rest_framework import serializers as s

from labeling.anatomy.boxes import EDGES
from labeling.anatomy.levels import LEVELS
from labeling.api.outputs import ErrorOut, Shape, StackOut
from labeling.api.strict import ShortList, StrictSerializer
from labeling.models import Certainty

ORIGINS = ["segmented", "by_hand"]
MASK_OK = ["yes", "no", "missing"]
#: Far more than a spine has; how many are too many is said by `labeling.reading.anatomies` in a sentence.
MOST_SENT = 200
#: The largest whole number that PostgreSQL keeps as a key of ours.
LARGEST_KEY = 2**63 - 1
LARGEST_SLICE = 2**31 - 1

_BOX = "Of the body, in mm, LPS: x0, x1, y0, y1, z0, z1."


class AnatomyVersionOut(Shape):
    """One version of the anatomy of a case."""

    id = s.IntegerField()
    n = s.IntegerField(help_text="1, 2, 3 … per case.")
    parent = s.IntegerField(allow_null=True)  # type: ignore[assignment]
    author = s.CharField(help_text="A person's name; empty where a program made it.")
    created_at = s.DateTimeField()
    confirmed_by = s.CharField(help_text="Empty where nobody did.")
    confirmed_at = s.DateTimeField(allow_null=True)
    origin = s.CharField(help_text="Where it comes from, in words.")
    note = s.CharField(help_text="On what the names rest, and what was left out; empty where nobody said.")
    levels = s.CharField(help_text="In view, as T9–L5.")
    vertebrae = s.IntegerField()
    outlines_url = s.CharField(allow_null=True)


class AnatomyVertebraOut(Shape):
    id = s.IntegerField(allow_null=True)
    level = s.ChoiceField(choices=["", *LEVELS])
    certainty = s.ChoiceField(choices=Certainty.choices)
    cut = s.BooleanField()
    cut_where = s.CharField()
    first_k = s.IntegerField()
    last_k = s.IntegerField()
    box = s.ListField(child=s.FloatField(), help_text=_BOX)
    origin = s.ChoiceField(choices=ORIGINS)
    mask_ok = s.ChoiceField(choices=MASK_OK, allow_null=True)
    label_value = s.IntegerField(help_text="Its value in outlines and label map; 0 where it was placed by hand.")
    note = s.CharField(help_text="What was done to its mask: split, joined, one slice; empty where nothing was.")


class CaseAnatomyOut(Shape):
    """The newest anatomy of a case, and what this person may do to it. It says nothing of anybody's reads."""

    case = s.IntegerField()
    name = s.CharField()
    stack = StackOut()
    anatomy = AnatomyVersionOut(allow_null=True)
    vertebrae = AnatomyVertebraOut(many=True)
    versions = AnatomyVersionOut(many=True, help_text="Newest first.")
    may_edit = s.BooleanField()
    may_confirm = s.BooleanField()
    why_not = s.CharField(help_text="A sentence where they may not, else empty.")
    used_by = s.IntegerField(help_text="Own drafts that would follow a new version.")
    body_sizes = s.DictField(
        child=s.ListField(child=s.FloatField()),
        help_text="Per level the width, depth and height of a usual body in mm, for placing boxes; '' is any level.",
    )


class VertebraIn(StrictSerializer):
    vertebra = s.IntegerField(min_value=1, max_value=LARGEST_KEY, allow_null=True, help_text="Nothing for a new one.")
    level = s.ChoiceField(choices=["", *LEVELS], allow_blank=True)
    certainty = s.ChoiceField(choices=Certainty.choices)
    first_k = s.IntegerField(min_value=0, max_value=LARGEST_SLICE)
    last_k = s.IntegerField(min_value=0, max_value=LARGEST_SLICE)
    box = ShortList(child=s.FloatField(), min_length=6, max_length=6, allow_null=True, help_text=_BOX)
    cut = s.BooleanField()
    cut_where = s.ChoiceField(choices=["", *EDGES], allow_blank=True)
    mask_ok = s.ChoiceField(choices=MASK_OK, allow_null=True)
    origin = s.ChoiceField(choices=ORIGINS)


class AnatomyIn(StrictSerializer):
    """A new version, all its vertebrae from head to feet. What stands in the parent and not here was taken out."""

    parent = s.IntegerField(  # type: ignore[assignment]
        min_value=1,
        max_value=LARGEST_KEY,
        allow_null=True,
        help_text="The newest; nothing where there is none.",
    )
    vertebrae = VertebraIn(many=True, max_length=MOST_SENT)  # type: ignore[call-arg]
    confirm = s.BooleanField()
    read = s.IntegerField(
        min_value=1, max_value=LARGEST_KEY, allow_null=True, help_text="The own draft to tell of; all of them follow."
    )
    preview = s.BooleanField(help_text="Only say what would happen.")


class DroppedOut(Shape):
    """What a draft said that has no place in the new version."""

    vertebra = s.IntegerField()
    level = s.CharField()
    what = s.CharField()


class CarriedOut(Shape):
    read = s.IntegerField()
    kept = s.IntegerField(help_text="Vertebrae of which the draft still says what it said.")
    dropped = DroppedOut(many=True)


class AnatomyMadeOut(Shape):
    anatomy = s.IntegerField(allow_null=True, help_text="Nothing in a preview of a version that is not there yet.")
    n = s.IntegerField()
    carried = CarriedOut(allow_null=True)


class NewerAnatomyOut(ErrorOut):
    """code `newer_anatomy`: somebody made a version meanwhile."""

    anatomy = s.IntegerField(required=False, allow_null=True)
    n = s.IntegerField(required=False)
