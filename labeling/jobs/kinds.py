"""The kinds of work: which Celery task does each, in which queue, how often it may die, and what is said then.

A kind names its task and its hooks as texts, because whoever does the work stands above this room or is never loaded in
the process that asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.module_loading import import_string

from labeling.models import Job

__all__ = ["INFERENCE_QUEUES", "KINDS", "Hooks", "Kind", "kind_of"]

#: Queues whose workers are started once the inference packages are there. Each does one job at a time.
INFERENCE_QUEUES = ("infer", "train")

_GIVEN_UP = "The worker died {attempts} times at this job. Start it again, or tell the administrator."


def _nothing(job: Job) -> None:
    """Where a kind has nothing to add."""


@dataclass(frozen=True)
class Hooks:
    """What a kind adds to the fate of its job; each is called in the transaction that changes the job's row."""

    given_up: Callable[[Job], None] = _nothing
    handed_out: Callable[[Job], None] = _nothing
    cancelled: Callable[[Job], None] = _nothing


@dataclass(frozen=True)
class Kind:
    """One kind of work.

    Parameters
    ----------
    task
        The full name of the Celery task.
    queue
        'io', 'infer' or 'train'.
    given_up
        The sentence of a job that lost its worker too often; ``{attempts}`` is filled in.
    most_attempts
        How often a worker may begin. Work that resumes where it was may lose many workers and still get on.
    by_params
        The task takes `Job.params` as its arguments; else ``job``, the row's number.
    may_start_again
        A person may start it again after it failed or was cancelled.
    tells_a_read
        What the job says may tell a verdict on its case, so it is shown to nobody who still owes a read of it.
    hooks
        Where its `Hooks` are, as a dotted path.
    """

    name: str
    task: str
    queue: str = "io"
    given_up: str = _GIVEN_UP
    most_attempts: int = 3
    by_params: bool = False
    may_start_again: bool = True
    tells_a_read: bool = False
    hooks: str = ""

    def arguments(self, job: Job) -> dict[str, Any]:
        """The keyword arguments of the task."""
        return job.params if self.by_params else {"job": job.pk}

    def its_hooks(self) -> Hooks:
        """The hooks, loaded when they are needed."""
        found: Hooks = import_string(self.hooks) if self.hooks else Hooks()
        return found


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "import",
            "labeling.intake.import_batch",
            given_up=(
                "The worker died {attempts} times at this delivery. Cases that were already stored stay. "
                "Send it again, or ask the administrator."
            ),
            by_params=True,
            may_start_again=False,
            hooks="labeling.intake.importer.HOOKS",
        ),
        Kind("segment", "inference.segment", "infer"),
        Kind("train-segmentation", "inference.train_segmentation", "train", most_attempts=20),
        Kind("classify", "inference.classify", "infer", tells_a_read=True),
        Kind("train-classifier", "inference.train_classifier", "train", most_attempts=20),
        Kind("measure", "inference.measure", tells_a_read=True),
        Kind("numbers", "labeling.analysis.compute"),
        Kind("crawl", "labeling.cohort.crawl"),
    )
}


def kind_of(name: str) -> Kind:
    """The kind of this name.

    Raises
    ------
    LookupError
        where there is none.
    """
    if name not in KINDS:
        raise LookupError(f"There is no kind of job called {name!r}.")
    return KINDS[name]
