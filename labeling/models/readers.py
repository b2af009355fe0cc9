"""Who reads: people, model versions, clinical reports and panels are all readers."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class ReaderKind(models.TextChoices):
    PERSON = "person", "person"
    MODEL = "model", "model version"
    REPORT = "report", "clinical report"
    PANEL = "panel", "panel"


class ModelState(models.TextChoices):
    CANDIDATE = "candidate", "candidate"
    ACTIVE = "active", "active"
    RETIRED = "retired", "retired"


class ModelVersion(models.Model):
    """Weights with a sha256, a recipe, a dataset and metrics."""

    kind = models.CharField(
        max_length=16,
        choices=[("segmentation", "segmentation"), ("classifier", "classifier"), ("morphometry", "morphometry")],
    )
    name = models.CharField(max_length=80)
    sha256 = models.CharField(max_length=64, unique=True)
    recipe = models.JSONField(default=dict)
    dataset = models.ForeignKey(
        "labeling.Dataset", null=True, blank=True, on_delete=models.PROTECT, related_name="model_versions"
    )
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    metrics = models.JSONField(default=dict, blank=True)
    folder = models.CharField(
        max_length=200,
        blank=True,
        default="",
        help_text="Where its files lie below the models' folder, if it has any.",
    )
    note = models.TextField(blank=True, default="", help_text="What it is good for and what not.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=ModelState.choices, default=ModelState.CANDIDATE)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_active_model_per_kind", fields=["kind"], condition=Q(state="active")),
            models.CheckConstraint(name="model_state_is_known_word", condition=Q(state__in=ModelState.values)),
            models.CheckConstraint(
                name="model_kind_is_known_word", condition=Q(kind__in=["segmentation", "classifier", "morphometry"])
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Reader(models.Model):
    """One who reads; the columns filled match the kind."""

    kind = models.CharField(max_length=8, choices=ReaderKind.choices)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="reader"
    )
    model_version = models.OneToOneField(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="reader"
    )
    label = models.CharField(max_length=80, blank=True, default="", help_text="Name of a report source or a panel.")
    preferences = models.JSONField(default=dict, blank=True, help_text="Keys, windows; for people.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="reader_columns_match_its_kind",
                condition=Q(kind="person", user__isnull=False, model_version__isnull=True)
                | Q(kind="model", user__isnull=True, model_version__isnull=False)
                | Q(kind__in=["report", "panel"], user__isnull=True, model_version__isnull=True),
            )
        ]

    def __str__(self) -> str:
        if self.user is not None:
            return self.user.get_full_name() or self.user.get_username()
        return str(self.model_version) if self.model_version is not None else self.label or self.kind
