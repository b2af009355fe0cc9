"""Consensus and the one place that says truth. A consensus is itself a read, by a panel."""

import pgtrigger
from django.db import models
from django.db.models import Q

from labeling.models.anatomy import Vertebra
from labeling.models.cohort import Case
from labeling.models.readers import Reader
from labeling.models.reading import Read


class ReasonCode(models.Model):
    """Why readers differed, as published versions of words."""

    code = models.SlugField(max_length=40)
    version = models.PositiveIntegerField(default=1)
    text = models.CharField(max_length=120)

    class Meta:
        constraints = [models.UniqueConstraint(name="reason_code_version_is_unique", fields=["code", "version"])]


class Settles(models.Model):
    """This consensus settles that read; A or B as drawn for the case."""

    consensus = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="settles")
    read = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="settled_by")
    letter = models.CharField(max_length=1)

    class Meta:
        verbose_name_plural = "settles"
        constraints = [
            models.UniqueConstraint(name="consensus_settles_a_read_once", fields=["consensus", "read"]),
            models.UniqueConstraint(name="consensus_uses_a_letter_once", fields=["consensus", "letter"]),
            models.CheckConstraint(name="consensus_does_not_settle_itself", condition=~Q(consensus=models.F("read"))),
        ]


class Participant(models.Model):
    consensus = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="participants")
    reader = models.ForeignKey(Reader, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(name="participant_sits_once", fields=["consensus", "reader"])]


class Settlement(models.Model):
    """How one difference on one vertebra was settled."""

    consensus = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="settlements")
    vertebra = models.ForeignKey(Vertebra, on_delete=models.PROTECT, related_name="+")
    difference = models.CharField(
        max_length=8, choices=[("verdict", "verdict"), ("ao", "AO type"), ("level", "level"), ("slices", "slices")]
    )
    took = models.CharField(max_length=8, choices=[("a", "A"), ("b", "B"), ("neither", "neither")])
    reason = models.ForeignKey(ReasonCode, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="vertebra_is_settled_once", fields=["consensus", "vertebra"]),
            models.CheckConstraint(
                name="settlement_difference_is_known_word",
                condition=Q(difference__in=["verdict", "ao", "level", "slices"]),
            ),
            models.CheckConstraint(name="settlement_took_is_known_word", condition=Q(took__in=["a", "b", "neither"])),
        ]


class Reference(models.Model):
    """The one current read per case and target that says truth."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="references")
    target = models.CharField(max_length=40, default="fracture")
    read = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="reference_of")
    current = models.BooleanField(default=True)
    set_by = models.ForeignKey(Reader, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(blank=True, default="")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_current_truth_per_case", fields=["case", "target"], condition=Q(current=True)
            )
        ]
        triggers = [
            pgtrigger.Trigger(
                name="truth_is_a_locked_read_of_the_case",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF NOT EXISTS (SELECT 1 FROM labeling_read r
                                   WHERE r.id = NEW.read_id AND r.case_id = NEW.case_id AND r.state = 'locked') THEN
                        RAISE EXCEPTION 'truth_is_a_locked_read_of_the_case: read %', NEW.read_id
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]
