"""Work asked of a worker. The row is the authority; the Celery message is only the kick."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class JobState(models.TextChoices):
    QUEUED = "queued", "waiting"
    RUNNING = "running", "running"
    DONE = "done", "done"
    FAILED = "failed", "stopped"
    CANCELLED = "cancelled", "cancelled"


class Job(models.Model):
    """One piece of work, at most once: a unique key, a lease that a heartbeat renews, attempts that are counted."""

    key = models.CharField(max_length=200, unique=True, help_text="What makes this work the same work.")
    kind = models.CharField(max_length=40)
    queue = models.CharField(max_length=10, default="io")
    params = models.JSONField(default=dict)
    title = models.CharField(max_length=120, blank=True, default="", help_text="What it does, for people; no identity.")
    case = models.ForeignKey("labeling.Case", null=True, blank=True, on_delete=models.PROTECT, related_name="jobs")
    model_version = models.ForeignKey(
        "labeling.ModelVersion",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="jobs",
        help_text="The model that works, or the one that a training has made.",
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=JobState.choices, default=JobState.QUEUED)
    owner = models.CharField(max_length=80, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    progress = models.FloatField(default=0.0)
    stage = models.CharField(max_length=120, blank=True, default="", help_text="What the worker is doing, in words.")
    curves = models.JSONField(default=dict, blank=True, help_text="Of a training: name to [[epoch, value], ...].")
    log_tail = models.TextField(blank=True, default="")
    message = models.TextField(blank=True, default="", help_text="Why it stopped, in a sentence.")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True, help_text="Of the present or last attempt.")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(name="job_state_is_known_word", condition=Q(state__in=JobState.values)),
            models.CheckConstraint(
                name="job_running_has_owner_and_lease",
                condition=~Q(state="running") | (~Q(owner="") & Q(lease_until__isnull=False)),
            ),
            models.CheckConstraint(name="job_progress_is_a_share", condition=Q(progress__gte=0, progress__lte=1)),
        ]
        indexes = [models.Index(name="job_waiting", fields=["queue", "state", "lease_until"])]

    def __str__(self) -> str:
        return self.key
