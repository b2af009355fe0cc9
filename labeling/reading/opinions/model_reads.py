"""The read of a model: written whole and locked at once, a second opinion like any other and never truth.

A model reads outside every round. It says one thing of each vertebra of the anatomy, with a score, with what it rests
on, and for single slices with a probability; a person's duties (to have looked, to name an AO type) are not asked of
it. The same model on the same stack and anatomy is one read, however often and by however many workers it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from django.db import transaction
from django.utils import timezone

from labeling.jobs.queue import Lease
from labeling.models import (
    Anatomy,
    AoBody,
    Case,
    Finding,
    LabelSource,
    Read,
    Reader,
    ReaderKind,
    SliceLabel,
    SliceValue,
    Stack,
    Verdict,
    Why,
)
from labeling.reading.locking import pins_of
from labeling.reading.projection import take_snapshot
from labeling.reading.sealing import content_sha
from labeling.reading.state import VertebraContext, outside_sentence

__all__ = ["ModelFinding", "ModelSlice", "model_read_of", "store_model_read"]


@dataclass(frozen=True)
class ModelSlice:
    """What a model says of one slice of a vertebra: `value` fracture or negative, `p` the probability of fracture."""

    value: str
    p: float | None = None


@dataclass(frozen=True)
class ModelFinding:
    """What a model says of one vertebra.

    Attributes
    ----------
    vertebra
        The primary key of the `Vertebra`.
    verdict, why, ao_body
        As in a person's finding; `why` exactly where the verdict is *not assessable*.
    score
        0 to 1, the higher the more like a fracture; None where it judged nothing.
    comment
        For people, in sentences.
    evidence
        What it rests on, as JSON without NaN.
    slices
        SOP Instance UID of slices that cross the body (or its margin) -> what it says of each.
    """

    vertebra: int
    verdict: str
    why: str = ""
    ao_body: str | None = None
    score: float | None = None
    comment: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    slices: Mapping[str, ModelSlice] = field(default_factory=dict)


def model_read_of(reader: Reader, anatomy: Anatomy) -> Read | None:
    """The read that this model has made of an anatomy, if it has."""
    return Read.objects.filter(reader=reader, stack=anatomy.stack_id, anatomy=anatomy, round__isnull=True).first()


def store_model_read(
    lease: Lease | None,
    reader: Reader,
    case: Case,
    stack: Stack,
    anatomy: Anatomy,
    findings: Sequence[ModelFinding],
) -> Read:
    """Write and lock the read of a model in one transaction, or give the one that is there already, as it is.

    Parameters
    ----------
    lease
        Of the job that made it, held while it is written; None where nothing else can be at the same work.
    findings
        One for each vertebra of the anatomy, in any order.

    Raises
    ------
    ValueError
        where the reader is no model, case, stack and anatomy do not belong together, a vertebra has no finding or two,
        or a finding breaks a law. Nothing is written then.
    LeaseLost
        where another worker has the job now.
    """
    _refuse_unless_together(reader, case, stack, anatomy)
    with transaction.atomic():
        if lease is not None:
            lease.hold()
        # One at a time writes model reads of a case; the unique constraint stands behind it.
        Case.objects.select_for_update(of=("self",), no_key=True).get(pk=case.pk)
        before = model_read_of(reader, anatomy)
        if before is not None:
            return before
        read = Read.objects.create(case=case, reader=reader, stack=stack, anatomy=anatomy)
        _check(findings, take_snapshot(read).context.vertebrae)
        _write(read, findings)
        read.state, read.locked_at, read.content_sha = "locked", timezone.now(), _content_sha(read)
        read.save(update_fields=["state", "locked_at", "content_sha"])
        return read


def _refuse_unless_together(reader: Reader, case: Case, stack: Stack, anatomy: Anatomy) -> None:
    if reader.kind != ReaderKind.MODEL:
        raise ValueError(f"{reader} is no model. A person's read is locked by the person.")
    if stack.case_id != case.pk or anatomy.case_id != case.pk or anatomy.stack_id != stack.pk:
        raise ValueError("Case, stack and anatomy of a model's read must belong together.")


def _check(findings: Sequence[ModelFinding], vertebrae: Mapping[int, VertebraContext]) -> None:
    said = [finding.vertebra for finding in findings]
    if sorted(said) != sorted(vertebrae):
        raise ValueError(f"The anatomy names {len(vertebrae)} vertebrae. A model says one thing of each of them.")
    for finding in findings:
        if sentence := _broken_law(finding, vertebrae[finding.vertebra]):
            raise ValueError(sentence)


def _broken_law(finding: ModelFinding, vertebra: VertebraContext) -> str:
    """What is wrong with a finding, in a sentence, or ''."""
    name = vertebra.name
    probabilities = [finding.score, *(mark.p for mark in finding.slices.values())]
    if finding.verdict not in Verdict.values or finding.why not in Why.values:
        return f"{name} is called {finding.verdict} {finding.why}, which are no words of a finding."
    if (finding.verdict == Verdict.NOT_ASSESSABLE) != bool(finding.why):
        return f"{name} needs a reason exactly when it is not assessable."
    if finding.ao_body is not None and (finding.verdict != Verdict.FRACTURE or finding.ao_body not in AoBody.values):
        return f"{name} has the AO type {finding.ao_body} and is called {finding.verdict}."
    if any(p is not None and not (isfinite(p) and 0 <= p <= 1) for p in probabilities):
        return f"A score or a probability of {name} is not between 0 and 1."
    if not set(finding.slices) <= {*vertebra.every_sop}:
        return outside_sentence(vertebra)
    if any(mark.value not in SliceValue.values for mark in finding.slices.values()):
        return f"A slice of {name} is called neither fracture nor negative."
    if finding.verdict == Verdict.NOT_ASSESSABLE and finding.slices:
        return f"{name} cannot be judged, so its slices carry no label."
    return ""


def _write(read: Read, findings: Sequence[ModelFinding]) -> None:
    rows = Finding.objects.bulk_create(
        [
            Finding(
                read=read,
                vertebra_id=finding.vertebra,
                verdict=finding.verdict,
                why=finding.why,
                ao_body=finding.ao_body,
                score=finding.score,
                comment=finding.comment,
                evidence=dict(finding.evidence),
            )
            for finding in findings
        ]
    )
    SliceLabel.objects.bulk_create(
        [
            SliceLabel(finding=row, slice_id=sop, value=mark.value, source=LabelSource.MODEL, p=mark.p)
            for row, finding in zip(rows, findings, strict=True)
            for sop, mark in finding.slices.items()
        ]
    )


def _content_sha(read: Read) -> str:
    """As of a person's read, over what is stored, and beside it what only a model says."""
    rows = Finding.objects.filter(read=read).order_by("vertebra")
    marks = SliceLabel.objects.filter(finding__read=read).order_by("finding__vertebra", "slice")
    probabilities: dict[str, dict[str, float | None]] = {}
    for vertebra, sop, p in marks.values_list("finding__vertebra", "slice", "p"):
        probabilities.setdefault(str(vertebra), {})[sop] = p
    model = {
        str(row.vertebra_id): {
            "score": row.score,
            "evidence": row.evidence,
            "p": probabilities.get(str(row.vertebra_id), {}),
        }
        for row in rows
    }
    return content_sha(take_snapshot(read).state, {**pins_of(read), "model": model})
