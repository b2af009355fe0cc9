"""Asking for pre-labels: the active classifier reads every anatomy that is read, and none of them twice.

Whoever makes or confirms an anatomy calls `ask_for_new`, whoever activates a classifier `ask_everywhere`; the task
`inference.classify` does the work.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery

from labeling.imaging.refusal import Refusal
from labeling.jobs.queue import enqueue
from labeling.models import Anatomy, Case, Job, ModelState, ModelVersion, Read, RoundState
from labeling.reading.rounds import anatomies_to_read
from labeling.registry.versions import active

__all__ = [
    "KIND",
    "anatomies_in_use",
    "ask",
    "ask_everywhere",
    "ask_for_new",
    "job_key",
    "read_by",
    "refuse_unless_usable",
]

KIND = "classifier"


def ask(anatomy: Anatomy, *, version: ModelVersion | None = None, by: User | None = None) -> Job | None:
    """The job in which a classifier reads this anatomy, announced once the transaction is committed; None where no
    classifier is active, or it has read it.

    Calling it again gives the same job; one that failed is started again.

    Parameters
    ----------
    version
        None for the active one.
    """
    version = version or active(KIND)
    if version is None or read_by(version, anatomy) is not None:
        return None
    return enqueue(
        job_key(anatomy, version),
        "classify",
        {"anatomy": anatomy.pk, "model": version.pk},
        title=f"Classify {anatomy.case.name} with {version.name}",
        case=anatomy.case,
        model_version=version,
        by=by,
    )


def ask_for_new(anatomy: Anatomy) -> None:
    """Ask for an anatomy that is made in this transaction, and once more when it is committed: a classifier that is
    activated beside it does not see it yet, and this transaction may not see that one."""
    ask(anatomy)
    transaction.on_commit(lambda: _ask_unless_asked(anatomy))


def _ask_unless_asked(anatomy: Anatomy) -> None:
    version = active(KIND)
    if version is not None and not Job.objects.filter(key=job_key(anatomy, version)).exists():
        ask(anatomy, version=version)


def ask_everywhere(version: ModelVersion) -> int:
    """Ask this classifier for all that is read now and that it has not read; how many jobs that makes."""
    done = Read.objects.filter(reader__model_version=version, round__isnull=True).values("anatomy")
    waiting = anatomies_in_use().exclude(pk__in=done)
    return sum(ask(anatomy, version=version) is not None for anatomy in waiting.iterator(chunk_size=200))


def anatomies_in_use() -> QuerySet[Anatomy]:
    """The anatomy of each case on which a read that is begun now stands, those on which open drafts stand, and those
    that an open round has pinned: whoever begins a read there stands on them too."""
    first = anatomies_to_read(OuterRef("pk"), OuterRef("reading_stack")).values("pk")[:1]
    cases = Case.objects.filter(reading_stack__isnull=False).annotate(first=Subquery(first))
    pinned_or_draft = Q(round__rules__anatomy="pinned") | Q(state="draft")
    reads = Read.objects.filter(pinned_or_draft, round__state=RoundState.OPEN)
    used = Q(pk__in=cases.values("first")) | Q(pk__in=reads.values("anatomy"))
    return Anatomy.objects.filter(used).select_related("case__patient").order_by("pk")


def job_key(anatomy: Anatomy, version: ModelVersion) -> str:
    """What makes classifying an anatomy the same work: the anatomy and the files of the model."""
    return f"classify:{anatomy.pk}:{version.sha256[:16]}"


def read_by(version: ModelVersion, anatomy: Anatomy) -> Read | None:
    """The read that this version has made of an anatomy, if it has."""
    reads = Read.objects.filter(reader__model_version=version, anatomy=anatomy, round__isnull=True)
    return reads.filter(stack=anatomy.stack_id).first()


def refuse_unless_usable(version: ModelVersion) -> None:
    """Raises a `Refusal` where a model version cannot classify: of another kind, or retired."""
    if version.kind != KIND or not version.folder:
        raise Refusal("not-a-classifier", f"{version.name} is no classifier. Choose another model.")
    if version.state == ModelState.RETIRED:
        raise Refusal("model-retired", f"{version.name} is retired. Choose another model, or activate it again.")
