"""The shapes of jobs: what may be asked of them, and what is answered."""

from rest_framework import serializers as s

from labeling.api.outputs import Shape
from labeling.api.strict import StrictSerializer
from labeling.jobs.kinds import KINDS
from labeling.models import JobState

QUEUES = ["io", "infer", "train"]


class JobsIn(StrictSerializer):
    case = s.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    kind = s.ChoiceField(choices=sorted(KINDS), required=False)
    state = s.ChoiceField(choices=JobState.choices, required=False)


class JobCaseOut(Shape):
    id = s.IntegerField()
    name = s.CharField()


class JobModelOut(Shape):
    id = s.IntegerField()
    name = s.CharField()


class JobOut(Shape):
    """One job: what it does, how far it is, what it waits for, how it ended."""

    id = s.IntegerField()
    kind = s.CharField()
    title = s.CharField()
    queue = s.ChoiceField(choices=QUEUES)
    case = JobCaseOut(allow_null=True)
    model_version = JobModelOut(allow_null=True, help_text="The model that works, or the one that a training made.")
    by = s.CharField(help_text="Who asked for it; empty where nobody did.")
    state = s.ChoiceField(choices=JobState.choices)
    stage = s.CharField(help_text="What it is doing, in words.")
    progress = s.FloatField(help_text="0 to 1.")
    attempts = s.IntegerField()
    message = s.CharField(help_text="Why it stopped, in a sentence.")
    waiting_for = s.CharField(help_text="A sentence, where more than a free worker is missing.")
    curves = s.DictField(
        child=s.ListField(child=s.ListField(child=s.FloatField(allow_null=True), min_length=2, max_length=2)),
        help_text="Of a training: name to [[epoch, value], ...].",
    )
    created_at = s.DateTimeField()
    started_at = s.DateTimeField(allow_null=True, help_text="Of the present or last attempt.")
    finished_at = s.DateTimeField(allow_null=True)
    may_cancel = s.BooleanField()
    may_retry = s.BooleanField()


class JobWholeOut(JobOut):
    """A job with the end of its log."""

    log_tail = s.CharField(help_text="Its last lines, for overseers.")


class JobsOut(Shape):
    """The newest jobs first."""

    jobs = JobOut(many=True)
