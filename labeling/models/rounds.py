"""Rounds, who is assigned what in them, and who has been shown what."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from labeling.models.cohort import Case
from labeling.models.readers import Reader


class RoundKind(models.TextChoices):
    PRACTICE = "practice", "Practice"
    LABELLING = "labelling", "Labelling"
    INDEPENDENT = "independent", "Independent"
    REPEAT = "repeat", "Repeat"
    CONSENSUS = "consensus", "Consensus"


class RoundState(models.TextChoices):
    PLANNED = "planned", "planned"
    OPEN = "open", "open"
    PAUSED = "paused", "paused"
    CLOSED = "closed", "closed"


class LabelSchema(models.Model):
    """A published version of help texts and reason codes; the enumerations themselves are fixed in code."""

    version = models.PositiveIntegerField(unique=True)
    texts = models.JSONField(default=dict)
    published_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="published_schema_never_changes", operation=pgtrigger.Update | pgtrigger.Delete)
        ]


class Round(models.Model):
    """A kind of reading and its rules, held by the server; see reading.rules for what the rules mean."""

    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=12, choices=RoundKind.choices)
    rules = models.JSONField(help_text="Validated by reading.rules.Rules.")
    label_schema = models.ForeignKey(LabelSchema, on_delete=models.PROTECT, related_name="rounds")
    state = models.CharField(max_length=8, choices=RoundState.choices, default=RoundState.PLANNED)
    seed = models.BigIntegerField(default=0, help_text="Of the drawn order and the drawn shares.")
    started_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    follows = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="followed_by",
        help_text="The round whose cases are read again (repeat), or whose reads are settled (consensus).",
    )
    panel = models.OneToOneField(
        Reader,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The reader that a consensus is read by.",
    )
    imported = models.BooleanField(
        default=False, help_text="Its reads came from a spreadsheet: nothing is known of what their readers saw."
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="only_repeat_and_consensus_follow_a_round",
                condition=Q(follows__isnull=True) | Q(kind__in=["repeat", "consensus"]),
            ),
            models.CheckConstraint(
                name="only_a_consensus_has_a_panel", condition=Q(panel__isnull=True) | Q(kind="consensus")
            ),
            models.CheckConstraint(
                name="round_does_not_follow_itself",
                condition=Q(follows__isnull=True) | ~Q(follows=models.F("pk")),
            ),
            models.CheckConstraint(name="round_kind_is_known_word", condition=Q(kind__in=RoundKind.values)),
            models.CheckConstraint(name="round_state_is_known_word", condition=Q(state__in=RoundState.values)),
            models.CheckConstraint(
                name="round_started_has_a_start",
                condition=Q(state="planned", started_at__isnull=True)
                | (~Q(state="planned") & Q(started_at__isnull=False)),
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="rules_of_a_started_round_never_change",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__started_at__isnull=False)
                & (
                    pgtrigger.Q(old__rules__df=pgtrigger.F("new__rules"))
                    | pgtrigger.Q(old__kind__df=pgtrigger.F("new__kind"))
                    | pgtrigger.Q(old__label_schema__df=pgtrigger.F("new__label_schema"))
                    | pgtrigger.Q(old__started_at__df=pgtrigger.F("new__started_at"))
                    | pgtrigger.Q(old__seed__df=pgtrigger.F("new__seed"))
                    | pgtrigger.Q(old__follows__df=pgtrigger.F("new__follows"))
                    | pgtrigger.Q(old__panel__df=pgtrigger.F("new__panel"))
                    | pgtrigger.Q(old__imported__df=pgtrigger.F("new__imported"))
                ),
            )
        ]

    def __str__(self) -> str:
        return self.name


class AssignmentState(models.TextChoices):
    OPEN = "open", "to read"
    SKIPPED = "skipped", "skipped"


class SkipReason(models.TextChoices):
    """Why a reader passes a case by. A skip is a state of its own, never a negative."""

    NONE = "", "–"
    IMAGE = "image", "the image cannot be read"
    WRONG_STUDY = "wrong_study", "no spine, or the wrong examination"
    ANATOMY = "anatomy", "vertebrae are wrong or missing"
    EXCLUDE = "exclude", "should not be in the study (tumour, implant, infection)"
    KNOWN = "known", "I know this patient or this case"
    LATER = "later", "later"


class Assignment(models.Model):
    """A case for a reader in a round. Without a reader it lies in the round's pool until someone claims it."""

    round = models.ForeignKey(Round, on_delete=models.PROTECT, related_name="assignments")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="assignments")
    reader = models.ForeignKey(Reader, null=True, blank=True, on_delete=models.PROTECT, related_name="assignments")
    position = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=AssignmentState.choices, default=AssignmentState.OPEN)
    skip_reason = models.CharField(max_length=40, choices=SkipReason.choices, blank=True, default=SkipReason.NONE)
    skip_note = models.TextField(blank=True, default="")
    not_before = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    exposure_override = models.TextField(blank=True, default="", help_text="The lead's printed reason, if any.")
    model_hidden = models.BooleanField(
        default=False, help_text="Drawn: where the round shows the model first, it stays hidden here until the lock."
    )
    washout_override = models.TextField(
        blank=True, default="", help_text="Why the lead lets this be read before the wash-out is over; printed."
    )
    read_twice = models.BooleanField(
        default=False, help_text="Drawn: the case goes to a second reader of the round too, so that noise is measured."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="case_is_assigned_once_per_reader", fields=["round", "case", "reader"]),
            models.UniqueConstraint(
                name="case_lies_in_a_pool_once", fields=["round", "case"], condition=Q(reader__isnull=True)
            ),
            models.UniqueConstraint(
                name="position_is_unique_per_reader",
                fields=["round", "reader", "position"],
                condition=Q(reader__isnull=False),
            ),
            models.CheckConstraint(
                name="assignment_state_is_known_word", condition=Q(state__in=AssignmentState.values)
            ),
            models.CheckConstraint(
                name="assignment_skip_has_a_reason", condition=~Q(state="skipped") | ~Q(skip_reason="")
            ),
            models.CheckConstraint(
                name="assignment_skip_reason_is_known_word", condition=Q(skip_reason__in=SkipReason.values)
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="blind_round_refuses_the_exposed",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                condition=pgtrigger.Q(new__reader__isnull=False, new__exposure_override=""),
                func="""
                    -- What a reader is shown after the assignment (feedback, say) does not take it away again.
                    IF TG_OP = 'UPDATE' AND OLD.reader_id IS NOT DISTINCT FROM NEW.reader_id
                       AND OLD.case_id = NEW.case_id AND OLD.round_id = NEW.round_id
                       AND OLD.exposure_override = NEW.exposure_override THEN
                        RETURN NEW;
                    END IF;
                    IF EXISTS (SELECT 1 FROM labeling_round r
                               WHERE r.id = NEW.round_id AND r.kind IN ('independent', 'repeat'))
                       AND EXISTS (SELECT 1 FROM labeling_exposure e
                                   WHERE e.case_id = NEW.case_id AND e.reader_id = NEW.reader_id) THEN
                        RAISE EXCEPTION 'blind_round_refuses_the_exposed: reader % has been shown case %',
                            NEW.reader_id, NEW.case_id USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="labelling_round_refuses_test_patients",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF EXISTS (SELECT 1 FROM labeling_round r
                               WHERE r.id = NEW.round_id AND r.kind IN ('labelling', 'practice'))
                       AND EXISTS (SELECT 1 FROM labeling_case c JOIN labeling_patient p ON p.id = c.patient_id
                                   WHERE c.id = NEW.case_id AND p.split = 'test') THEN
                        RAISE EXCEPTION 'labelling_round_refuses_test_patients: case % is of the test split',
                            NEW.case_id USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]


class Exposure(models.Model):
    """A reader has been shown something of a case that a blind reader may not know; written by reading.visibility."""

    reader = models.ForeignKey(Reader, on_delete=models.PROTECT, related_name="exposures")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="exposures")
    what = models.CharField(
        max_length=8,
        choices=[
            ("report", "report"),
            ("model", "model"),
            ("read", "read"),
            ("truth", "truth"),
            ("numbers", "numbers"),
        ],
    )
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="exposure_is_written_once", fields=["reader", "case", "what"]),
            models.CheckConstraint(
                name="exposure_is_of_a_known_kind",
                condition=Q(what__in=["report", "model", "read", "truth", "numbers"]),
            ),
        ]
        triggers = [pgtrigger.Protect(name="exposure_is_insert_only", operation=pgtrigger.Update | pgtrigger.Delete)]
