"""Models that have read a case, for tests of the pages that show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labeling.models import Anatomy, Case, ModelVersion, Read, Slice
from labeling.reading.opinions.measuring import morphometry_reader
from labeling.reading.opinions.model_reads import ModelFinding, ModelSlice, store_model_read
from labeling.registry.versions import reader_of_model
from tests import factories

#: What a classifier says of each vertebra unless told otherwise.
SAID = {"L2": "negative", "L3": "fracture", "L4": "negative"}


def make_classifier(name: str = "Sagittal 3", **fields: Any) -> ModelVersion:
    return factories.make_model_version(**{"kind": "classifier", "name": name, "state": "active", **fields})


def classified(case: Case, model: ModelVersion, said: Mapping[str, str] = SAID, **evidence: Any) -> Read:
    """The classifier's read of the newest anatomy: two of four slices of a fracture are fractured."""
    anatomy = case.anatomies.latest("n")
    sops = dict(Slice.objects.filter(stack=anatomy.stack, k__range=(4, 7)).values_list("k", "sop_uid"))
    findings = []
    for row in anatomy.vertebrae.all():
        verdict = said[row.level]
        about = {"rule": "score", "threshold": 0.4123, **evidence}
        if verdict == "not_assessable":
            about["reason"] = f"Too few slices of {row.level} are left."
            findings.append(ModelFinding(row.vertebra_id, verdict, why="no_slice", evidence=about))
            continue
        shown = {5, 6} if verdict == "fracture" else set()
        slices = {
            sop: ModelSlice("fracture" if k in shown else "negative", 0.9 if k in shown else 0.1)
            for k, sop in sops.items()
        }
        score = 0.871 if shown else 0.094
        findings.append(ModelFinding(row.vertebra_id, verdict, score=score, evidence=about, slices=slices))
    return store_model_read(None, reader_of_model(model), case, anatomy.stack, anatomy, findings)


def measured(case: Case) -> Read:
    """Morphometry's read: L2 has lost a third in front, L3 was cut."""
    anatomy: Anatomy = case.anatomies.latest("n")
    wedge = {"loss_anterior": 0.334, "loss_posterior": -0.021, "shape": "wedge"}
    said = {
        "L2": ModelFinding(0, "fracture", score=0.9, evidence=wedge),
        "L3": ModelFinding(0, "not_assessable", why="coarse", evidence={"reason": "The slices of L3 are too coarse."}),
        "L4": ModelFinding(0, "negative", score=0.1, evidence={"loss_anterior": 0.02}),
    }
    findings = [
        ModelFinding(row.vertebra_id, one.verdict, one.why, score=one.score, evidence=one.evidence)
        for row in anatomy.vertebrae.all()
        for one in [said[row.level]]
    ]
    return store_model_read(None, morphometry_reader(), case, anatomy.stack, anatomy, findings)
