"""Whose mask is it: by name among what came in together, else by where it lies; never by the shape of its array."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from labeling.imaging.geometry import Geometry
from labeling.imaging.nifti import read_labels
from labeling.imaging.refusal import Refusal
from labeling.imaging.resample import check_same_patient, check_verse_numbers, overlap_fraction
from labeling.imaging.volume import LabelMap, canonical_labels
from labeling.intake.frames import stack_geometry, stack_volume
from labeling.intake.masks import attach_labels
from labeling.intake.nifti_studies import anonymous_sentence, label_facts, same_stem
from labeling.intake.quarantine import Source
from labeling.intake.store import KEPT
from labeling.jobs.queue import Lease
from labeling.models import Case, IntakeBatch, Outcome, Series

__all__ = ["MaskMatcher"]

log = logging.getLogger(__name__)

#: A mask of which this share lies within a stack may belong to it; only then are its pixels looked at.
_MAY_FIT = 0.5


@dataclass(frozen=True, slots=True)
class _Beside:
    """A case of this delivery, and the name its file had."""

    case: Case
    name: str


class MaskMatcher:
    """Finds the case of each mask of a batch and attaches it, or says why not."""

    def __init__(self, batch: IntakeBatch, lease: Lease) -> None:
        self.batch, self.lease = batch, lease
        self.beside: list[_Beside] = []

    def add(self, case: Case, name: str) -> None:
        """A case that came in (again) with this batch."""
        self.beside.append(_Beside(case, name))

    def place(self, mask: Source, relative: str) -> None:
        """Attach one mask file; writes its `Series` row, whatever becomes of it."""
        labels: LabelMap | None = None
        case: Case | None = None
        try:
            labels = self._read(mask)
            case = self._case_of(mask, labels)
            attached = attach_labels(case, labels, batch=self.batch, lease=self.lease)
        except Refusal as refusal:
            if refusal.code == "disk-full":
                raise
            self._row(labels, relative, case=case, outcome=Outcome.REFUSED, code=refusal.code, why=refusal.sentence)
            return
        self._row(labels, relative, case=case, outcome=Outcome.MASK, why=attached.sentence)

    def _read(self, mask: Source) -> LabelMap:
        try:
            labels = read_labels(mask.path)
        except Refusal as refusal:
            raise anonymous_sentence(refusal, mask.path) from None
        check_verse_numbers(labels)
        return labels

    def _row(self, labels: LabelMap | None, relative: str, **values: object) -> None:
        Series.objects.create(batch=self.batch, files=[relative], **label_facts(labels), **values)

    def _case_of(self, mask: Source, labels: LabelMap) -> Case:
        given = self.batch.options.get("case")
        if given is not None:
            return Case.objects.get(pk=given)
        named = [self.beside[place] for place in same_stem(mask.name, [one.name for one in self.beside])]
        if len({one.case.pk for one in named}) == 1:
            return named[0].case
        candidates = list({one.case.pk: one.case for one in named or self.beside}.values())
        if len(candidates) == 1:
            return candidates[0]  # whether it fits is checked, and said, when it is attached
        if candidates:
            return _only([case for case in candidates if _fits(case, labels)], "of this delivery")
        return _only(_on_the_same_grid(labels), "here")


def _only(fitting: list[Case], where: str) -> Case:
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise Refusal(
            "mask-ambiguous",
            f"The mask fits {len(fitting)} CTs {where}. Name it like its CT, or add it on the page of its case.",
        )
    raise Refusal(
        "mask-without-ct",
        f"The mask belongs to no CT {where}: none lies where it lies. "
        "Send it together with its CT, or add it on the page of its case.",
    )


def _fits(case: Case, labels: LabelMap) -> bool:
    stack = case.reading_stack
    if stack is None or overlap_fraction(stack_geometry(stack), labels) < _MAY_FIT:
        return False
    try:
        check_same_patient(stack_volume(stack), labels)
    except Refusal:
        return False
    return True


def _on_the_same_grid(labels: LabelMap) -> list[Case]:
    """Cases with a series whose voxels are those of the mask, one by one: the only likeness trusted without a name."""
    geometry = canonical_labels(labels).geometry
    found: dict[int, Case] = {}
    kept = Series.objects.filter(
        outcome__in=KEPT, geometry__voxels=int(np.prod(geometry.shape, dtype=np.int64))
    ).select_related("case__reading_stack")
    for series in kept:
        if series.geometry is None or series.case is None:
            continue
        own = Geometry(tuple(series.geometry["shape"]), np.array(series.geometry["affine"]))
        order = canonical_labels(LabelMap(own, np.broadcast_to(np.uint8(0), own.shape))).geometry
        if order.is_close(geometry) and _fits(series.case, labels):
            found[series.case.pk] = series.case
    return list(found.values())
