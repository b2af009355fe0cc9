"""Frozen datasets, and the ledger of looks at a test set."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from labeling.models.cohort import Patient


class Dataset(models.Model):
    """A frozen, named, hashed set of labelled slices or masks."""

    name = models.CharField(max_length=80, unique=True)
    purpose = models.CharField(max_length=10, choices=[("train", "train"), ("evaluate", "evaluate")])
    sha256 = models.CharField(max_length=64, unique=True)
    manifest = models.CharField(max_length=200)
    recipe = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="dataset_purpose_is_known_word", condition=Q(purpose__in=["train", "evaluate"]))
        ]
        triggers = [
            pgtrigger.Protect(name="frozen_dataset_never_changes", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return self.name


class DatasetPatient(models.Model):
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="patients")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="datasets")
    split = models.CharField(max_length=12)

    class Meta:
        constraints = [models.UniqueConstraint(name="patient_is_in_a_dataset_once", fields=["dataset", "patient"])]
        triggers = [
            pgtrigger.Trigger(
                name="training_set_holds_training_patients",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF EXISTS (SELECT 1 FROM labeling_dataset d WHERE d.id = NEW.dataset_id AND d.purpose = 'train')
                       AND NOT EXISTS (SELECT 1 FROM labeling_patient p
                                       WHERE p.id = NEW.patient_id AND p.split = 'training') THEN
                        RAISE EXCEPTION 'training_set_holds_training_patients: patient % is not of the training split',
                            NEW.patient_id USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]


class TestConsultation(models.Model):
    """Each time a number from a test set is shown or gates a model."""

    __test__ = False  # the name of the field's word, not a pytest class

    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    what = models.CharField(max_length=120)
    cases = models.PositiveIntegerField()
    question_sha = models.CharField(max_length=64, blank=True, default="", help_text="Of the Computation shown.")
    data_version = models.CharField(max_length=64, blank=True, default="")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="consultation_is_insert_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
