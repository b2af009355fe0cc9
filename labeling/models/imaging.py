"""What came in (batches, series, instances) and what is read (stack, slices)."""

import uuid

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from labeling.models.cohort import Case


class BatchState(models.TextChoices):
    RECEIVING = "receiving", "receiving files"
    QUEUED = "queued", "waiting for a worker"
    RUNNING = "running", "reading"
    DONE = "done", "done"
    FAILED = "failed", "stopped"


class IntakeBatch(models.Model):
    """One delivery: an upload, a command, an association. Its files lie in quarantine under its uuid."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=200, help_text="What the person dropped; shown to people who may import only.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    source = models.CharField(
        max_length=12, choices=[("upload", "upload"), ("command", "command"), ("dicom", "C-STORE")]
    )
    state = models.CharField(max_length=12, choices=BatchState.choices, default=BatchState.RECEIVING)
    options = models.JSONField(default=dict, blank=True, help_text="patient: groups files without identifiers.")
    files_total = models.PositiveIntegerField(default=0)
    files_done = models.PositiveIntegerField(default=0)
    bytes_total = models.BigIntegerField(default=0)
    stage = models.CharField(max_length=120, blank=True, default="", help_text="What the worker is doing, in words.")
    message = models.TextField(blank=True, default="", help_text="Why the batch as a whole stopped.")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "intake batches"
        constraints = [
            models.CheckConstraint(name="batch_state_is_known_word", condition=Q(state__in=BatchState.values)),
            models.CheckConstraint(
                name="batch_source_is_known_word", condition=Q(source__in=["upload", "command", "dicom"])
            ),
        ]


class Outcome(models.TextChoices):
    READING = "reading", "Reading series"
    DERIVED = "derived", "Sagittal stack built"
    KEPT = "kept", "Kept"
    MASK = "mask", "Vertebra mask"
    LEFT_OUT = "left_out", "Left out"
    SEEN_BEFORE = "seen_before", "Seen before"
    REFUSED = "refused", "Refused"


class Orientation(models.TextChoices):
    SAGITTAL = "sagittal", "Sagittal"
    AXIAL = "axial", "Axial"
    CORONAL = "coronal", "Coronal"
    OBLIQUE = "oblique", "Oblique"
    UNKNOWN = "", "–"


class Series(models.Model):
    """One series (or one file that could not be grouped) of a batch, what became of it and why."""

    batch = models.ForeignKey(IntakeBatch, on_delete=models.PROTECT, related_name="series")
    case = models.ForeignKey(Case, null=True, blank=True, on_delete=models.PROTECT, related_name="series")
    series_uid = models.CharField(max_length=64, blank=True, default="", help_text="Pseudonymised; empty if none.")
    source_digest = models.CharField(
        max_length=64, blank=True, default="", help_text="sha256 over geometry and pixels."
    )
    number = models.IntegerField(null=True, blank=True)
    words = models.CharField(max_length=80, blank=True, default="", help_text="Vocabulary found in the description.")
    modality = models.CharField(max_length=16, blank=True, default="")
    kernel = models.CharField(max_length=64, blank=True, default="")
    orientation = models.CharField(max_length=10, choices=Orientation.choices, blank=True, default=Orientation.UNKNOWN)
    images = models.PositiveIntegerField(default=0)
    rows = models.PositiveIntegerField(null=True, blank=True)
    columns = models.PositiveIntegerField(null=True, blank=True)
    spacing = models.JSONField(null=True, blank=True, help_text="mm: [column, row, between slices]")
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    code = models.CharField(max_length=40, blank=True, default="", help_text="Machine word of a refusal.")
    why = models.TextField(blank=True, default="")
    files = models.JSONField(default=list, blank=True, help_text="Quarantine paths relative to the batch folder.")
    pack = models.CharField(
        max_length=200, blank=True, default="", help_text="Native frames, relative to the media root."
    )
    geometry = models.JSONField(
        null=True, blank=True, help_text="shape, affine, slope, intercept of the native volume."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "series"
        constraints = [
            models.UniqueConstraint(
                name="series_uid_comes_in_once",
                fields=["series_uid"],
                condition=Q(outcome__in=["reading", "derived", "kept"]) & ~Q(series_uid=""),
            ),
            models.CheckConstraint(name="series_outcome_is_known_word", condition=Q(outcome__in=Outcome.values)),
            models.CheckConstraint(
                name="series_refused_says_why", condition=~Q(outcome__in=["refused", "left_out"]) | ~Q(why="")
            ),
            models.CheckConstraint(
                name="series_that_is_kept_has_a_case",
                condition=~Q(outcome__in=["reading", "derived", "kept"]) | Q(case__isnull=False),
            ),
        ]


class Instance(models.Model):
    """One image that came in, under its pseudonymised SOP Instance UID, in the order of the native volume."""

    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="instances")
    sop_uid = models.CharField(max_length=64, unique=True)
    index = models.PositiveIntegerField(help_text="Zero-based position along the series normal.")
    offset = models.BigIntegerField(
        default=0, help_text="Where its frame starts in the series' pack; 0 length if none."
    )
    length = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(name="instance_index_is_unique_per_series", fields=["series", "index"])]


class Stack(models.Model):
    """The immutable series of sagittal slices that is read.

    ``k`` runs from the patient's right to left, rows from head to feet, columns from front to back (LPS, mm).
    """

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="stacks")
    source = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="stacks")
    series_uid = models.CharField(max_length=64, unique=True)
    origin = models.CharField(max_length=8, choices=[("native", "native"), ("derived", "derived")])
    source_digest = models.CharField(max_length=64)
    recipe = models.JSONField(default=dict)
    recipe_sha = models.CharField(max_length=64)
    frame_of_reference = models.CharField(max_length=64)
    slices_count = models.PositiveIntegerField()
    rows = models.PositiveIntegerField()
    columns = models.PositiveIntegerField()
    affine = models.JSONField(help_text="4x4: (k, r, c, 1) zero-based voxel centres to LPS mm.")
    row_spacing = models.FloatField(help_text="mm between rows (craniocaudal)")
    column_spacing = models.FloatField(help_text="mm between columns (front to back)")
    slice_spacing = models.FloatField(help_text="mm between slices (right to left)")
    slice_thickness = models.FloatField()
    slope = models.FloatField(default=1.0)
    intercept = models.FloatField(default=0.0)
    signed = models.BooleanField(default=False)
    pack = models.CharField(max_length=200, help_text="JPEG-LS frames one after another, relative to the media root.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="stack_is_unique_per_source_and_recipe", fields=["case", "source_digest", "recipe_sha"]
            ),
            models.CheckConstraint(
                name="stack_origin_is_native_or_derived", condition=Q(origin__in=["native", "derived"])
            ),
            models.CheckConstraint(
                name="stack_spacing_is_positive",
                condition=Q(row_spacing__gt=0) & Q(column_spacing__gt=0) & Q(slice_spacing__gt=0),
            ),
        ]
        triggers = [pgtrigger.Protect(name="stack_never_changes", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"stack {self.pk} of {self.case_id}"


class Slice(models.Model):
    """One sagittal slice. Labels are anchored to its SOP Instance UID, never to an index."""

    sop_uid = models.CharField(max_length=64, primary_key=True)
    stack = models.ForeignKey(Stack, on_delete=models.PROTECT, related_name="slices")
    k = models.PositiveIntegerField()
    position = models.JSONField(help_text="Image Position (Patient), mm, LPS")
    position_mm = models.FloatField(help_text="Along the slice normal, from the patient's right to left.")
    offset = models.BigIntegerField()
    length = models.PositiveIntegerField()
    pixel_sha256 = models.CharField(max_length=64, help_text="Over the stored values, little endian.")

    class Meta:
        ordering = ["k"]
        constraints = [models.UniqueConstraint(name="slice_k_is_unique_per_stack", fields=["stack", "k"])]
        triggers = [pgtrigger.Protect(name="slice_never_changes", operation=pgtrigger.Update)]
