"""The read of morphometry: the vertebral bodies of an anatomy are measured, and what follows is stored and locked.

How a measure becomes a verdict
-------------------------------
*fracture* from a loss of a quarter of a height (Genant 2) that is a wedge, biconcave or a crush; *indeterminate* from a
fifth; *negative* else. A notch between rims that stand is *negative* with a note, however deep. What was not judged is
*not assessable* with the word and the sentence that `labeling.anatomy.morphometry` gives.

The score is the logistic function of the loss about the middle of a fifth and a quarter, 0.5 at 22.5 %, and of what
was lost beside a notch. It rises with the loss and is a probability of nothing: it was never calibrated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from math import exp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.anatomy.bare_bodies import bare_bodies
from labeling.anatomy.morphometry import GRADES, BodyMeasure, measure_spine
from labeling.imaging.geometry import Geometry
from labeling.imaging.refusal import Refusal
from labeling.intake.frames import stack_geometry, stack_volume
from labeling.intake.label_maps import body_map, label_map
from labeling.jobs.queue import Lease
from labeling.models import Anatomy, AnatomyVertebra, Read, Stack, Verdict, Why
from labeling.reading.opinions.measuring import morphometry_reader
from labeling.reading.opinions.model_reads import ModelFinding, model_read_of, store_model_read

__all__ = ["finding_of", "measure_anatomy", "measure_job", "score_of"]

Labels = NDArray[np.uint8]

SCORE_MIDDLE, SCORE_WIDTH = (GRADES[0] + GRADES[1]) / 2, 0.03

_NO_MASK = {
    "missing": "{name} has no mask, so it was not measured. Outline it, or segment the case.",
    "no": "The mask of {name} was called wrong in the anatomy check, so it was not measured.",
}


def measure_job(lease: Lease) -> None:
    """The work of a job of kind *measure*, for `labeling.jobs.running.run_job`.

    Raises
    ------
    Refusal
        ``no-anatomy``, and those of `measure_anatomy`.
    """
    anatomy = Anatomy.objects.select_related("case", "stack").filter(pk=lease.job.params["anatomy"]).first()
    if anatomy is None:
        raise Refusal("no-anatomy", "The anatomy that was to be measured is not there any more. Nothing is left to do.")
    measure_anatomy(lease, anatomy)


def measure_anatomy(lease: Lease | None, anatomy: Anatomy) -> Read:
    """Morphometry's read of an anatomy: the one that is there, else a new one, locked.

    Raises
    ------
    Refusal
        ``missing-label-map``, ``missing-pack``, ``damaged-pack`` or ``damaged-frame`` where files are not as the record
        has them, ``mask-of-another-geometry`` where the map does not lie on the stack.
    """
    reader = morphometry_reader()
    before = model_read_of(reader, anatomy)
    if before is not None:
        return before
    rows = list(anatomy.vertebrae.order_by("rank", "pk"))
    usable = [row for row in rows if anatomy.label_map and _mask_of(row) == "yes"]
    measures: Mapping[int, BodyMeasure] = {}
    if usable:
        measures = {one.value: one for one in _measures(lease, anatomy, usable)}
    findings = [
        finding_of(row.vertebra_id, measures[row.label_value])
        if row in usable
        else finding_of(row.vertebra_id, _without_mask(row))
        for row in rows
    ]
    return store_model_read(lease, reader, anatomy.case, anatomy.stack, anatomy, findings)


def _mask_of(row: AnatomyVertebra) -> str:
    """``yes``, ``no`` or ``missing``: whether there is a mask to measure this vertebra on."""
    if row.mask_ok in ("no", "missing"):
        return str(row.mask_ok)
    return "yes" if row.label_value else "missing"


def _without_mask(row: AnatomyVertebra) -> BodyMeasure:
    found = _mask_of(row)
    sentence = _NO_MASK["missing" if found == "yes" else found]
    name = row.level or "This vertebra"
    return BodyMeasure(row.label_value, row.level, why="mask_missing", reason=sentence.format(name=name))


def _measures(lease: Lease | None, anatomy: Anatomy, rows: list[AnatomyVertebra]) -> list[BodyMeasure]:
    _say(lease, "Reading the mask", 0.1)
    geometry = stack_geometry(anatomy.stack)
    labels = label_map(anatomy)
    if labels.shape != geometry.shape:
        raise Refusal(
            "mask-of-another-geometry",
            f"The stored mask is {labels.shape}, the stack is {geometry.shape}. Send the mask of this series again.",
        )
    bodies = _bodies(anatomy, labels, {row.label_value for row in rows}, geometry)
    _say(lease, "Reading the CT", 0.4)
    volume = stack_volume(anatomy.stack)
    _say(lease, "Measuring", 0.7)
    return measure_spine(
        bodies,
        geometry,
        {row.label_value: row.level for row in rows},
        cut={row.label_value for row in rows if row.cut},
        vertebrae=labels,
        stored=volume.array,
        rescale=(volume.slope, volume.intercept),
        resolution_mm=_resolution(anatomy.stack, geometry),
    )


def _say(lease: Lease | None, stage: str, share: float) -> None:
    if lease is not None:
        lease.say(stage, share)


def _bodies(anatomy: Anatomy, labels: Labels, values: set[int], geometry: Geometry) -> Labels:
    """The bodies as the record has them, and those of vertebrae without a name where it has none of these."""
    bodies = body_map(anatomy)
    missing = values - set(np.unique(bodies).tolist())
    if not missing:
        return bodies
    return np.where(bodies == 0, bare_bodies(labels, missing, geometry.spacing), bodies)


def _resolution(stack: Stack, geometry: Geometry) -> tuple[float, float, float] | None:
    """What the scan resolves along the axes of a stack that was cut out of it, in mm; None for a stack as scanned."""
    source = stack.source.geometry
    if stack.origin == "native" or source is None:
        return None
    scanned = np.array(source["affine"], dtype=np.float64)[:3, :3]
    steps = np.linalg.norm(scanned, axis=0)
    own = geometry.affine[:3, :3] / geometry.spacing
    k, r, c = np.sqrt((((scanned / steps).T @ own) ** 2 * steps[:, None] ** 2).sum(axis=0)).tolist()
    return k, r, c


def finding_of(vertebra: int, measure: BodyMeasure) -> ModelFinding:
    """What morphometry says of one vertebra; the words at the head of this module."""
    evidence = _evidence(measure)
    if measure.why:
        return ModelFinding(vertebra, Verdict.NOT_ASSESSABLE, why=Why(measure.why), evidence=evidence)
    loss = measure.loss or 0.0
    if measure.shape == "notch" or loss < GRADES[0]:
        verdict = Verdict.NEGATIVE
    else:
        verdict = Verdict.FRACTURE if loss >= GRADES[1] else Verdict.INDETERMINATE
    return ModelFinding(vertebra, verdict, score=score_of(measure), comment=measure.note, evidence=evidence)


def score_of(measure: BodyMeasure) -> float | None:
    """0 to 1, rising with the loss of height; None where nothing was judged."""
    loss = measure.loss
    if measure.why or loss is None:
        return None
    if measure.shape == "notch" and measure.evidence is not None:
        loss = max(measure.evidence.rest, measure.evidence.posterior_rim)
    return round(1 / (1 + exp(-(min(max(loss, -1.0), 1.0) - SCORE_MIDDLE) / SCORE_WIDTH)), 4)


def _evidence(measure: BodyMeasure) -> dict[str, Any]:
    """Everything that was measured, without what was not."""
    said = {key: value for key, value in asdict(measure).items() if value not in (None, "")}
    return {key: value for key, value in said.items() if key not in ("value", "level", "why")}
