"""Vertebrae and what is known of them, in immutable versions."""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from labeling.anatomy.levels import LEVELS
from labeling.models.cohort import Case
from labeling.models.imaging import Stack


class Certainty(models.TextChoices):
    CERTAIN = "certain", "certain: two anchors seen"
    ASSUMED = "assumed", "assumed: one anchor or convention"
    UNKNOWN = "unknown", "unknown"


class Vertebra(models.Model):
    """The identity of one vertebra of one case, nothing more: level and extent belong to an anatomy."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="vertebrae")
    retired_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name_plural = "vertebrae"
        constraints = [
            models.CheckConstraint(
                name="vertebra_does_not_retire_into_itself",
                condition=Q(retired_into__isnull=True) | ~Q(retired_into=F("id")),
            )
        ]


class Anatomy(models.Model):
    """One version of what is known of the vertebrae of a case on one stack; immutable once confirmed."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="anatomies")
    stack = models.ForeignKey(Stack, on_delete=models.PROTECT, related_name="anatomies")
    n = models.PositiveIntegerField(help_text="1, 2, 3 … per case")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    author = models.ForeignKey("labeling.Reader", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    label_map = models.CharField(max_length=200, blank=True, default="", help_text="On the stack's grid, media path.")
    outlines = models.CharField(max_length=200, blank=True, default="", help_text="Polygons per slice, media path.")
    source_digest = models.CharField(
        max_length=64, blank=True, default="", help_text="sha256 of the mask that came in."
    )
    note = models.TextField(blank=True, default="", help_text="On what the names rest, and what was left out.")
    confirmed_by = models.ForeignKey(
        "labeling.Reader", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "anatomies"
        ordering = ["case", "n"]
        constraints = [
            models.UniqueConstraint(name="anatomy_number_is_unique_per_case", fields=["case", "n"]),
            models.UniqueConstraint(
                name="anatomy_of_one_mask_comes_in_once",
                fields=["stack", "source_digest"],
                condition=~Q(source_digest=""),
            ),
            models.CheckConstraint(
                name="anatomy_is_confirmed_by_someone_at_some_time",
                condition=Q(confirmed_by__isnull=True, confirmed_at__isnull=True)
                | Q(confirmed_by__isnull=False, confirmed_at__isnull=False),
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="confirmed_anatomy_never_changes",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__confirmed_at__isnull=False),
            )
        ]


class AnatomyVertebra(models.Model):
    """What one anatomy says of one vertebra."""

    anatomy = models.ForeignKey(Anatomy, on_delete=models.PROTECT, related_name="vertebrae")
    vertebra = models.ForeignKey(Vertebra, on_delete=models.PROTECT, related_name="+")
    label_value = models.PositiveSmallIntegerField(help_text="Its value in the label map; 0 when placed by hand.")
    level = models.CharField(max_length=3, blank=True, default="", help_text="C1 … L6; empty where unknown.")
    rank = models.PositiveSmallIntegerField(help_text="Anatomical rank, cranial first; orders the strip.")
    certainty = models.CharField(max_length=8, choices=Certainty.choices)
    first_k = models.PositiveIntegerField(help_text="First slice that crosses the body, inclusive.")
    last_k = models.PositiveIntegerField(help_text="Last slice that crosses the body, inclusive.")
    box = models.JSONField(help_text="mm, LPS: [x0, x1, y0, y1, z0, z1] of the body")
    cut = models.BooleanField(default=False)
    cut_where = models.CharField(max_length=12, blank=True, default="")
    origin = models.CharField(max_length=10, choices=[("segmented", "segmented"), ("by_hand", "placed by hand")])
    mask_ok = models.CharField(
        max_length=7, null=True, blank=True, choices=[("yes", "right"), ("no", "wrong"), ("missing", "missing")]
    )
    note = models.TextField(blank=True, default="", help_text="What was done to its mask: split, joined, one slice.")

    class Meta:
        ordering = ["rank", "pk"]
        constraints = [
            models.UniqueConstraint(name="anatomy_names_a_vertebra_once", fields=["anatomy", "vertebra"]),
            models.UniqueConstraint(
                name="anatomy_uses_a_level_once", fields=["anatomy", "level"], condition=~Q(level="")
            ),
            models.CheckConstraint(name="body_extent_is_ordered", condition=Q(first_k__lte=F("last_k"))),
            models.CheckConstraint(name="level_is_known_word", condition=Q(level__in=["", *LEVELS])),
            models.CheckConstraint(name="certainty_is_known_word", condition=Q(certainty__in=Certainty.values)),
            models.CheckConstraint(
                name="unknown_level_is_not_named",
                condition=(Q(level="") & Q(certainty="unknown")) | (~Q(level="") & ~Q(certainty="unknown")),
            ),
            models.CheckConstraint(
                name="vertebra_origin_is_known_word", condition=Q(origin__in=["segmented", "by_hand"])
            ),
            models.CheckConstraint(
                name="mask_ok_is_known_word",
                condition=Q(mask_ok__isnull=True) | Q(mask_ok__in=["yes", "no", "missing"]),
            ),
        ]
        triggers = [
            # Inserts too: a confirmed version is exactly what was confirmed.
            pgtrigger.Trigger(
                name="confirmed_anatomy_keeps_its_vertebrae",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func="""
                    IF EXISTS (SELECT 1 FROM labeling_anatomy a
                               WHERE a.id IN (NEW.anatomy_id, OLD.anatomy_id) AND a.confirmed_at IS NOT NULL) THEN
                        RAISE EXCEPTION 'confirmed_anatomy_keeps_its_vertebrae: the anatomy is confirmed'
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                    RETURN NEW;
                """,
            )
        ]
