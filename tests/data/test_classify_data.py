"""A real CT with its mask, read by a classifier that knows nothing: every vertebra has its say, or says why not."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference import tasks
from labeling.imaging.vertebral_recipes import SAGITTAL_SLICES, kept_slices
from labeling.intake.label_maps import label_map
from labeling.models import Case, Read
from labeling.reading.opinions import prelabels
from labeling.registry import register
from tests.inference.classifier_sets import TINY
from tests.inference.test_classifier_weights import model_in
from tests.intake import conftest as intake

DATA = Path(os.environ.get("SAGITTAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))

pytestmark = pytest.mark.django_db

deliver, quiet_heartbeat = intake.deliver, intake.quiet_heartbeat


def test_every_vertebra_of_a_real_ct_has_its_slices_or_a_reason(deliver: intake.Deliver, tmp_path: Path):
    deliver(DATA / "ts_example_ct.nii.gz", DATA / "ts_example_vert_verse.nii.gz")
    case = Case.objects.get()
    anatomy = case.anatomies.get()
    recipe = replace(TINY, slices=SAGITTAL_SLICES)
    version = register(model_in(tmp_path / "m", recipe), kind="classifier", name="Random", by=None)
    job = prelabels.ask(anatomy, version=version)
    assert job is not None
    tasks.classify(job.pk)
    job.refresh_from_db()
    assert (job.state, job.message) == ("done", ""), job.log_tail
    read = Read.objects.get(reader__model_version=version)
    found = {one.vertebra_id: one for one in read.findings.all()}
    rows = list(anatomy.vertebrae.all())
    assert len(found) == len(rows) > 1
    labels = label_map(anatomy)
    for row in rows:
        one = found[row.vertebra_id]
        marks = {mark.slice.k: mark.p for mark in one.slice_labels.select_related("slice")}
        if row.cut:
            assert (one.verdict, one.why, one.score, marks) == ("not_assessable", "cut", None, {})
            assert one.evidence["reason"] == f"{row.level} is cut by the edge of the image."
            continue
        assert one.verdict in ("fracture", "negative"), (row.level, one.evidence)
        first, last = kept_slices(row.first_k, row.last_k, SAGITTAL_SLICES) or (0, -1)
        assert sorted(marks) == list(range(first, last + 1))
        # Where the model says something, this vertebra is.
        assert all((labels[k] == row.label_value).any() for k in marks)
        assert one.score is not None
        assert 0 < min(marks.values()) <= max(marks.values()) < 1
        # What was never trained tells vertebrae apart by their pixels alone, so the pixels came through.
        assert np.ptp(list(marks.values())) > 0
    assert sum(not row.cut for row in rows) >= 2
