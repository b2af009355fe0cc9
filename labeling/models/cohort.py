"""Patients, their cases, and the sealed link back to who they are."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

#: Ages above this are shown and exported as "90+" (HIPAA Safe Harbor, PS3.15 113108); the exact age is sealed.
AGE_CAP = 90


class Sex(models.TextChoices):
    FEMALE = "F", "Woman"
    MALE = "M", "Man"
    OTHER = "O", "Other"
    UNKNOWN = "", "Sex not given"


class Split(models.TextChoices):
    UNASSIGNED = "unassigned", "not yet split"
    TRAINING = "training", "training"
    VALIDATION = "validation", "validation"
    TEST = "test", "test"


class Patient(models.Model):
    """A person, known here by a pseudonym that a keyed hash of the patient identifier gives."""

    pseudonym = models.CharField(max_length=32, unique=True)
    sex = models.CharField(max_length=1, choices=Sex.choices, blank=True, default=Sex.UNKNOWN)
    split = models.CharField(max_length=12, choices=Split.choices, default=Split.UNASSIGNED)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="patient_sex_is_known_word", condition=Q(sex__in=Sex.values)),
            models.CheckConstraint(name="patient_split_is_known_word", condition=Q(split__in=Split.values)),
        ]
        triggers = [
            # A test patient that drifts into training spoils every number computed since. Only a lead may move one,
            # with a reason (set for the transaction by reading.splits), and never after a read of it was locked.
            pgtrigger.Trigger(
                name="test_patient_stays_in_test",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__split="test") & ~pgtrigger.Q(new__split="test"),
                func="""
                    IF coalesce(current_setting('sagittal.split_reason', true), '') = '' THEN
                        RAISE EXCEPTION 'test_patient_stays_in_test: a reason from a lead is required'
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    IF EXISTS (SELECT 1 FROM labeling_read r JOIN labeling_case c ON c.id = r.case_id
                               WHERE c.patient_id = OLD.id AND r.state = 'locked') THEN
                        RAISE EXCEPTION 'test_patient_stays_in_test: a read of this patient is locked'
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.pseudonym


class CohortState(models.TextChoices):
    CANDIDATE = "candidate", "candidate"
    INCLUDED = "included", "included"
    EXCLUDED = "excluded", "excluded"


class ExclusionReason(models.TextChoices):
    """The five exclusion criteria of the protocol and what may fail later."""

    NONE = "", "not excluded"
    INSTRUMENTED = "instrumented", "spinal fusion, augmentation or extensive surgery"
    SPONDYLODISCITIS = "spondylodiscitis", "concurrent or past spondylodiscitis"
    MALIGNANT = "malignant", "vertebral metastases or malignant lesions"
    OSTEOLYSIS = "osteolysis", "osteolysis from adjacent malignant tissue"
    MYELOGRAPHY = "myelography", "myelography"
    SEGMENTATION = "segmentation", "segmentation impossible"


class InclusionReason(models.TextChoices):
    """Why a case was taken into the cohort."""

    NONE = "", "–"
    FRACTURE = "fracture", "vertebral body fracture in the report"
    CONTROL = "control", "control without a fracture"


class SegmentationCause(models.TextChoices):
    """What made the segmentation of a case impossible."""

    NONE = "", "–"
    DEGENERATION = "degeneration", "degeneration"
    VARIANT = "variant", "anatomical variant"
    CORRUPT = "corrupt", "corrupt data"
    TOO_LARGE = "too_large", "data too large"
    OTHER = "other", "other"


class DoseSource(models.TextChoices):
    NONE = "", "not given"
    REPORTED = "reported", "from the radiation dose report"
    ESTIMATED = "estimated", "estimated from CTDIvol and scan length"


class CaseOrigin(models.TextChoices):
    CLINICAL = "clinical", "clinical CT"
    DEMONSTRATION = "demonstration", "demonstration, public CT"
    SIMULATED = "simulated", "simulated CT"


class Case(models.Model):
    """One CT examination of one patient: study, acquisition, report, cohort state, and the stack that is read."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="cases")
    number = models.PositiveSmallIntegerField(help_text="1 for the patient's first examination here, 2 for the next.")
    study_uid = models.CharField(max_length=64, unique=True, help_text="Pseudonymised Study Instance UID.")
    study_date = models.DateField(null=True, blank=True, help_text="Moved by the patient's constant number of days.")
    age = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Years, capped; 90 means 90 or more.")
    origin = models.CharField(max_length=16, choices=CaseOrigin.choices, default=CaseOrigin.CLINICAL)

    kv = models.FloatField(null=True, blank=True)
    mas = models.FloatField(null=True, blank=True)
    collimation_mm = models.FloatField(null=True, blank=True)
    ctdivol = models.FloatField(null=True, blank=True, help_text="mGy")
    dlp = models.FloatField(null=True, blank=True, help_text="mGy cm")
    dlp_source = models.CharField(max_length=12, choices=DoseSource.choices, blank=True, default=DoseSource.NONE)
    slice_thickness = models.FloatField(null=True, blank=True, help_text="mm, of the series that is read")
    kernel = models.CharField(max_length=64, blank=True, default="")
    manufacturer = models.CharField(max_length=64, blank=True, default="")
    scanner = models.CharField(max_length=64, blank=True, default="")
    source_rows = models.PositiveIntegerField(null=True, blank=True)
    source_columns = models.PositiveIntegerField(null=True, blank=True)
    contrast = models.BooleanField(null=True, blank=True)
    contrast_agent = models.CharField(max_length=64, blank=True, default="")

    report_text = models.TextField(blank=True, default="", help_text="Served only by reading.visibility.")
    cohort_state = models.CharField(max_length=12, choices=CohortState.choices, default=CohortState.CANDIDATE)
    exclusion_reason = models.CharField(
        max_length=20, choices=ExclusionReason.choices, blank=True, default=ExclusionReason.NONE
    )
    inclusion_reason = models.CharField(
        max_length=10, choices=InclusionReason.choices, blank=True, default=InclusionReason.NONE
    )
    segmentation_cause = models.CharField(
        max_length=12, choices=SegmentationCause.choices, blank=True, default=SegmentationCause.NONE
    )
    limited = models.CharField(
        max_length=200, blank=True, default="", help_text="Why it reads less well; empty if not."
    )
    reading_stack = models.ForeignKey(
        "labeling.Stack", null=True, blank=True, on_delete=models.PROTECT, related_name="reading_of"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="case_number_is_unique_per_patient", fields=["patient", "number"]),
            models.CheckConstraint(name="case_age_is_capped", condition=Q(age__isnull=True) | Q(age__lte=AGE_CAP)),
            models.CheckConstraint(
                name="case_exclusion_has_a_reason",
                condition=(Q(cohort_state="excluded") & ~Q(exclusion_reason=""))
                | (~Q(cohort_state="excluded") & Q(exclusion_reason="")),
            ),
            models.CheckConstraint(
                name="case_inclusion_reason_is_known_word",
                condition=Q(inclusion_reason__in=InclusionReason.values)
                & (Q(inclusion_reason="") | ~Q(cohort_state="excluded")),
            ),
            models.CheckConstraint(
                name="case_segmentation_cause_goes_with_its_exclusion",
                condition=Q(segmentation_cause="")
                | Q(exclusion_reason="segmentation", segmentation_cause__in=SegmentationCause.values),
            ),
            models.CheckConstraint(
                name="case_dlp_says_its_source",
                condition=(Q(dlp__isnull=True) & Q(dlp_source=""))
                | (Q(dlp__isnull=False) & Q(dlp_source__in=["reported", "estimated"])),
            ),
            models.CheckConstraint(
                name="case_cohort_state_is_known_word", condition=Q(cohort_state__in=CohortState.values)
            ),
            models.CheckConstraint(
                name="case_exclusion_reason_is_known_word", condition=Q(exclusion_reason__in=ExclusionReason.values)
            ),
            models.CheckConstraint(name="case_origin_is_known_word", condition=Q(origin__in=CaseOrigin.values)),
        ]
        permissions = [("import_case", "May bring in cases"), ("export_labels", "May export labels")]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """What people call the case: the pseudonym, with -2, -3 … from the patient's second examination on."""
        return self.patient.pseudonym if self.number == 1 else f"{self.patient.pseudonym}-{self.number}"

    @property
    def age_shown(self) -> str:
        if self.age is None:
            return ""
        return f"{AGE_CAP}+" if self.age >= AGE_CAP else str(self.age)


class Identity(models.Model):
    """The way back to the real identifiers of a case, encrypted; opening one is audited (intake.identities)."""

    case = models.OneToOneField(Case, on_delete=models.PROTECT, related_name="identity")
    sealed = models.BinaryField(
        help_text="Fernet token over JSON: patient, study, series and SOP identifiers, exact age."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "identities"
        default_permissions = ()
        permissions = [("open_identity", "May look up who a case is")]


class SplitChange(models.Model):
    """A patient's move from one split to another, and why."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="split_changes")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    before = models.CharField(max_length=12, choices=Split.choices)
    after = models.CharField(max_length=12, choices=Split.choices)
    reason = models.TextField(blank=True, default="")
    at = models.DateTimeField(auto_now_add=True)
