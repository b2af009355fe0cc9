"""What a person is told inside the application. Never what another reader said: a notice says where to look."""

from django.db import models
from django.db.models import Q

from labeling.models.cohort import Case
from labeling.models.consensus import Question
from labeling.models.readers import Reader
from labeling.models.rounds import Round


class NoticeKind(models.TextChoices):
    ASSIGNED = "assigned", "cases to read"
    HANDED_OVER = "handed_over", "handed over"
    TAKEN_BACK = "taken_back", "taken back"
    AVAILABLE = "available", "can be read now"
    CONSENSUS_OPEN = "consensus", "can be settled now"
    QUESTION = "question", "a question"
    ANSWER = "answer", "an answer"
    FEEDBACK = "feedback", "feedback"
    ROUND_STATE = "round", "a round"


class Notice(models.Model):
    """One sentence for one person; `seen_at` once they have looked at it."""

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=12, choices=NoticeKind.choices)
    text = models.CharField(max_length=300)
    round = models.ForeignKey(Round, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    case = models.ForeignKey(Case, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    question = models.ForeignKey(Question, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            models.CheckConstraint(name="notice_kind_is_known_word", condition=Q(kind__in=NoticeKind.values)),
            models.CheckConstraint(name="notice_says_something", condition=~Q(text="")),
        ]
        indexes = [models.Index(name="notices_not_seen", fields=["reader"], condition=Q(seen_at__isnull=True))]
