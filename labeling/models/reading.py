"""A read: one reader's opinion of one case on one stack and one pinned anatomy."""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from labeling.models.anatomy import Anatomy, Vertebra
from labeling.models.cohort import Case
from labeling.models.imaging import Slice, Stack
from labeling.models.readers import Reader
from labeling.models.rounds import Round


class Verdict(models.TextChoices):
    NEGATIVE = "negative", "negative"
    FRACTURE = "fracture", "fracture"
    INDETERMINATE = "indeterminate", "indeterminate: the image cannot decide"
    NOT_ASSESSABLE = "not_assessable", "not assessable"


class Why(models.TextChoices):
    """Why a vertebra is not assessable."""

    NONE = "", "–"
    CUT = "cut", "cut by the edge of the image"
    METAL = "metal", "metal"
    MOTION = "motion", "motion"
    COARSE = "coarse", "too coarse"
    MASK_MISSING = "mask_missing", "mask missing"
    NO_SLICE = "no_slice", "too few slices"
    DESTROYED = "destroyed", "destroyed or operated"
    OTHER = "other", "other"


class AoBody(models.TextChoices):
    A1 = "A1", "A1 wedge or impaction"
    A2 = "A2", "A2 split or pincer"
    A3 = "A3", "A3 incomplete burst"
    A4 = "A4", "A4 complete burst"


class Acuity(models.TextChoices):
    UNKNOWN = "unknown", "unknown"
    ACUTE = "acute", "acute"
    OLD = "old", "old"


class SegmentType(models.TextChoices):
    B1 = "B1", "B1 transosseous tension band"
    B2 = "B2", "B2 posterior tension band"
    B3 = "B3", "B3 hyperextension"
    C = "C", "C displacement"


class SliceValue(models.TextChoices):
    FRACTURE = "fracture", "fracture"
    NEGATIVE = "negative", "negative"


class LabelSource(models.TextChoices):
    KEY = "key", "one slice, by hand"
    RANGE = "range", "a range, by hand"
    IMPLIED = "implied", "implied at lock"
    ACCEPTED = "accepted", "accepted suggestion"
    MODEL = "model", "model"


_LOCKED_PARENT = """
    IF EXISTS (SELECT 1 FROM labeling_read r WHERE r.id IN ({reads}) AND r.state = 'locked') THEN
        RAISE EXCEPTION '{name}: the read is locked' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
"""
# Both sides of an update: a row may neither leave a locked read nor enter one.
_OF_READ = "NEW.read_id, OLD.read_id"
_OF_FINDING = "SELECT f.read_id FROM labeling_finding f WHERE f.id IN (NEW.finding_id, OLD.finding_id)"


def _frozen_with_its_read(name: str, reads: str) -> pgtrigger.Trigger:
    """Rows under a locked read never change, appear or vanish; the lock itself writes them while still a draft."""
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        func=_LOCKED_PARENT.format(name=name, reads=reads),
    )


class Read(models.Model):
    """Draft until locked; a locked read never changes, reopening copies it to a new version."""

    round = models.ForeignKey(Round, null=True, blank=True, on_delete=models.PROTECT, related_name="reads")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="reads")
    reader = models.ForeignKey(Reader, on_delete=models.PROTECT, related_name="reads")
    stack = models.ForeignKey(Stack, on_delete=models.PROTECT, related_name="reads")
    anatomy = models.ForeignKey(Anatomy, on_delete=models.PROTECT, related_name="reads")
    version = models.PositiveIntegerField(default=1)
    supersedes = models.OneToOneField("self", null=True, blank=True, on_delete=models.PROTECT, related_name="successor")
    reopen_reason = models.TextField(blank=True, default="")
    state = models.CharField(max_length=6, choices=[("draft", "draft"), ("locked", "locked")], default="draft")
    seq = models.PositiveIntegerField(default=0, help_text="Number of operations applied so far.")
    writer = models.UUIDField(null=True, blank=True, help_text="The tab that may write.")
    writer_until = models.DateTimeField(null=True, blank=True)
    viewed = models.JSONField(default=dict, blank=True, help_text="Where the reader stopped: slice, vertebra, window.")
    locked_at = models.DateTimeField(null=True, blank=True)
    content_sha = models.CharField(max_length=64, blank=True, default="", help_text="sha256 of its findings at lock.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="read_version_is_unique",
                fields=["round", "case", "reader", "version"],
            ),
            models.UniqueConstraint(
                name="one_draft_per_reader_case_and_round",
                fields=["round", "case", "reader"],
                condition=Q(state="draft"),
            ),
            models.UniqueConstraint(
                name="model_reads_a_stack_and_anatomy_once",
                fields=["reader", "stack", "anatomy", "version"],
                condition=Q(round__isnull=True),
            ),
            models.CheckConstraint(name="read_state_is_known_word", condition=Q(state__in=["draft", "locked"])),
            models.CheckConstraint(
                name="locked_read_has_time_and_hash",
                condition=(Q(state="draft", locked_at__isnull=True, content_sha=""))
                | (Q(state="locked", locked_at__isnull=False) & ~Q(content_sha="")),
            ),
            models.CheckConstraint(
                name="later_version_supersedes_with_a_reason",
                condition=Q(version=1, supersedes__isnull=True)
                | (Q(version__gt=1, supersedes__isnull=False) & ~Q(reopen_reason="")),
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="locked_read_never_changes",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__state="locked"),
            ),
            pgtrigger.Trigger(
                name="later_version_follows_a_lock_until_consensus",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__version__gt=1),
                func="""
                    IF NOT EXISTS (SELECT 1 FROM labeling_read r
                                   WHERE r.id = NEW.supersedes_id AND r.state = 'locked'
                                     AND r.case_id = NEW.case_id AND r.reader_id = NEW.reader_id
                                     AND r.round_id IS NOT DISTINCT FROM NEW.round_id
                                     AND r.version = NEW.version - 1) THEN
                        RAISE EXCEPTION 'later_version_follows_a_lock_until_consensus: no locked version before'
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    -- A truth stays open to correction, whatever was settled beside it or after it.
                    IF NOT EXISTS (SELECT 1 FROM labeling_reader p WHERE p.id = NEW.reader_id AND p.kind = 'panel')
                       AND (EXISTS (SELECT 1 FROM labeling_settles s WHERE s.read_id = NEW.supersedes_id)
                            OR EXISTS (SELECT 1 FROM labeling_read r JOIN labeling_round o ON o.id = r.round_id
                                       WHERE r.case_id = NEW.case_id AND o.kind = 'consensus'
                                         AND r.round_id IS DISTINCT FROM NEW.round_id)) THEN
                        RAISE EXCEPTION 'later_version_follows_a_lock_until_consensus: a consensus has begun'
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]


class Finding(models.Model):
    """The verdict of a read on one vertebra. No verdict yet is NULL: not assessed is never negative."""

    read = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="findings")
    vertebra = models.ForeignKey(Vertebra, on_delete=models.PROTECT, related_name="findings")
    verdict = models.CharField(max_length=14, choices=Verdict.choices, null=True, blank=True)
    why = models.CharField(max_length=14, choices=Why.choices, blank=True, default=Why.NONE)
    ao_body = models.CharField(max_length=2, choices=AoBody.choices, null=True, blank=True)
    process_fracture = models.BooleanField(default=False)
    acuity = models.CharField(max_length=7, choices=Acuity.choices, default=Acuity.UNKNOWN)
    level_said = models.CharField(max_length=3, blank=True, default="")
    score = models.FloatField(null=True, blank=True)
    unclear = models.BooleanField(default=False)
    comment = models.TextField(blank=True, default="")
    measures = models.JSONField(
        default=list, blank=True, help_text="Lengths and vertebral heights as points on a slice; see reading.measures."
    )
    evidence = models.JSONField(
        default=dict,
        blank=True,
        help_text="What a model measured: heights, losses, density, reason.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_finding_per_read_and_vertebra", fields=["read", "vertebra"]),
            models.CheckConstraint(
                name="finding_verdict_is_known_word", condition=Q(verdict__isnull=True) | Q(verdict__in=Verdict.values)
            ),
            models.CheckConstraint(
                name="finding_ao_body_only_on_fracture",
                condition=Q(ao_body__isnull=True) | Q(verdict="fracture", verdict__isnull=False),
            ),
            models.CheckConstraint(
                name="finding_ao_body_is_known_word", condition=Q(ao_body__isnull=True) | Q(ao_body__in=AoBody.values)
            ),
            models.CheckConstraint(
                name="finding_not_assessable_says_why",
                condition=(Q(verdict="not_assessable", verdict__isnull=False) & ~Q(why="") & Q(why__in=Why.values))
                | ((Q(verdict__isnull=True) | ~Q(verdict="not_assessable")) & Q(why="")),
            ),
            models.CheckConstraint(name="finding_acuity_is_known_word", condition=Q(acuity__in=Acuity.values)),
            models.CheckConstraint(
                name="finding_score_is_a_probability", condition=Q(score__isnull=True) | Q(score__gte=0, score__lte=1)
            ),
        ]
        triggers = [_frozen_with_its_read("finding_of_a_locked_read_never_changes", _OF_READ)]


class SegmentInjury(models.Model):
    """B1-B3 or C between two vertebrae, beside the A types of both; lower is NULL at the edge of the image."""

    read = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="segment_injuries")
    upper = models.ForeignKey(Vertebra, on_delete=models.PROTECT, related_name="+")
    lower = models.ForeignKey(Vertebra, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    type = models.CharField(max_length=2, choices=SegmentType.choices)

    class Meta:
        verbose_name_plural = "segment injuries"
        constraints = [
            models.UniqueConstraint(name="one_injury_per_segment", fields=["read", "upper"]),
            models.CheckConstraint(name="injury_type_is_known_word", condition=Q(type__in=SegmentType.values)),
            models.CheckConstraint(
                name="injury_lies_between_two_vertebrae", condition=Q(lower__isnull=True) | ~Q(lower=F("upper"))
            ),
        ]
        triggers = [_frozen_with_its_read("injury_of_a_locked_read_never_changes", _OF_READ)]


class SliceLabel(models.Model):
    """Fracture or negative for one vertebral slice, anchored to its SOP Instance UID."""

    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="slice_labels")
    slice = models.ForeignKey(Slice, db_column="sop_uid", on_delete=models.PROTECT, related_name="+")
    value = models.CharField(max_length=8, choices=SliceValue.choices)
    source = models.CharField(max_length=8, choices=LabelSource.choices)
    p = models.FloatField(null=True, blank=True, help_text="Probability, where a model wrote it.")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_label_per_finding_and_slice", fields=["finding", "slice"]),
            models.CheckConstraint(name="slice_value_is_known_word", condition=Q(value__in=SliceValue.values)),
            models.CheckConstraint(name="slice_source_is_known_word", condition=Q(source__in=LabelSource.values)),
            models.CheckConstraint(
                name="slice_p_is_a_probability", condition=Q(p__isnull=True) | Q(p__gte=0, p__lte=1)
            ),
        ]
        triggers = [_frozen_with_its_read("label_of_a_locked_read_never_changes", _OF_FINDING)]


class LabelOperation(models.Model):
    """One click, as it was sent. Insert only; undo is another operation. Written by reading.labels alone."""

    uuid = models.UUIDField(primary_key=True, help_text="Made by the client, so that sending twice is harmless.")
    read = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="operations")
    seq = models.PositiveIntegerField(help_text="1, 2, 3 … per read")
    verb = models.CharField(max_length=24)
    payload = models.JSONField()
    shown = models.JSONField(default=dict, help_text="What was on screen: SOP Instance UID, window, suggestion.")
    client_at = models.DateTimeField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="operation_order_has_no_doubles", fields=["read", "seq"])]
        triggers = [
            pgtrigger.Protect(name="operation_is_insert_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="locked_read_takes_no_operation",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=_LOCKED_PARENT.format(name="locked_read_takes_no_operation", reads="NEW.read_id"),
            ),
        ]


class Seen(models.Model):
    """The browser's claim that this slice was on screen at full resolution."""

    read = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="seen")
    slice = models.ForeignKey(Slice, db_column="sop_uid", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="slice_is_seen_once_per_read", fields=["read", "slice"])]


class ActiveTime(models.Model):
    """Time in which a reader was at work on a read: focused and moving, not coffee. Shown to the reader alone.

    Each tab tells its own total again and again, so that a message sent twice counts once; the time of a read is the
    sum over its tabs. Without a vertebra it is time on the case as a whole.
    """

    read = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="active_times")
    tab = models.UUIDField(help_text="Made by the tab when it opens a read.")
    vertebra = models.ForeignKey(Vertebra, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    ms = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="active_time_is_one_total_per_tab_and_vertebra",
                fields=["read", "tab", "vertebra"],
                nulls_distinct=False,
            )
        ]


class ModelShowing(models.Model):
    """Which model's read was shown beside which person's read, from when on; written by the door that serves it.

    `Exposure` says that somebody knows *a* model's opinion of a case; this says which one, and whether before or after
    their own was locked. Both are insert only.
    """

    read = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="model_showings")
    model_read = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="shown_beside")
    first = models.BooleanField(help_text="Shown before the read (or its first version) was locked.")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="showing_is_written_once", fields=["read", "model_read"]),
        ]
        triggers = [
            pgtrigger.Protect(name="showing_is_insert_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="showing_is_of_a_model_on_the_same_case",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF NOT EXISTS (SELECT 1 FROM labeling_read m
                                   JOIN labeling_reader o ON o.id = m.reader_id AND o.kind = 'model'
                                   JOIN labeling_read r ON r.id = NEW.read_id AND r.case_id = m.case_id
                                   WHERE m.id = NEW.model_read_id AND m.state = 'locked') THEN
                        RAISE EXCEPTION 'showing_is_of_a_model_on_the_same_case: read % is none', NEW.model_read_id
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]
