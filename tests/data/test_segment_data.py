"""Segmentation and VerSe import on real CT: whole, or an honest sentence."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from inference import tasks
from labeling.anatomy.bodies import bodies_only
from labeling.imaging.nifti import read_labels
from labeling.imaging.volume import canonical_labels
from labeling.intake.label_maps import body_map
from labeling.intake.segmentations import segment
from labeling.intake.verse import centroid_sentences
from labeling.models import Anatomy, Case
from labeling.registry.starter import seed_starter_model
from tests.intake import conftest as intake

DATA = Path(os.environ.get("SAGITTAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))

pytestmark = pytest.mark.django_db

deliver, quiet_heartbeat = intake.deliver, intake.quiet_heartbeat


def test_the_starter_segments_a_real_ct_or_says_why_not(deliver: intake.Deliver):
    deliver(DATA / "ts_example_ct.nii.gz")
    case = Case.objects.get()
    job = segment(case, model=seed_starter_model(), by=None)
    tasks.segment(job.pk)
    job.refresh_from_db()
    if job.state == "failed":
        # It was trained on simulated CT alone and may find nothing here; then it says so in a sentence.
        assert "no vertebra was found" in job.message or "nothing but crumbs" in job.message
        assert not Anatomy.objects.exists()
        return
    assert (job.state, job.message) == ("done", "")
    anatomy = case.anatomies.get()
    bodies = body_map(anatomy)
    rows = list(anatomy.vertebrae.all())
    assert rows
    for row in rows:
        crossed = np.flatnonzero((bodies == row.label_value).any(axis=(1, 2)))
        assert (row.first_k, row.last_k) == (crossed[0], crossed[-1])
        assert (row.certainty == "unknown") == (row.level == "")


def said(folder: Path) -> list[str]:
    out = io.StringIO()
    call_command("import_verse", str(folder), stdout=out, skip_checks=True)
    return out.getvalue().splitlines()


def test_a_verse_mask_agrees_with_its_own_centroids_and_without_its_ct_it_says_so(tmp_path: Path):
    for name in ("sub-verse004_seg-vert_msk.nii.gz", "sub-verse004_seg-subreg_ctd.json"):
        shutil.copyfile(DATA / name, tmp_path / name)
    mask, centroids = sorted(tmp_path.iterdir(), reverse=True)
    assert centroid_sentences(mask, centroids) == []
    with pytest.raises(CommandError, match=r"Nothing came in\."):
        said(tmp_path)


def test_a_tree_of_a_real_ct_its_mask_and_computed_centroids_becomes_a_case(tmp_path: Path):
    subject = tmp_path / "sub-example"
    subject.mkdir()
    shutil.copyfile(DATA / "ts_example_ct.nii.gz", subject / "sub-example_ct.nii.gz")
    shutil.copyfile(DATA / "ts_example_vert_verse.nii.gz", subject / "sub-example_seg-vert_msk.nii.gz")
    labels = canonical_labels(read_labels(DATA / "ts_example_vert_verse.nii.gz"))
    bodies = bodies_only(np.ascontiguousarray(labels.array, dtype=np.uint8), labels.geometry)
    # Axes of a canonical map grow to the left, the feet and the back.
    points = [
        {"label": int(value), **dict(zip("XYZ", np.argwhere(bodies == value).mean(axis=0).tolist(), strict=True))}
        for value in np.unique(bodies)
        if value
    ]
    (subject / "sub-example_seg-subreg_ctd.json").write_text(json.dumps([{"direction": ["L", "I", "P"]}, *points]))
    lines = said(tmp_path)
    assert lines[-1] == "1 of 1 scans are cases."
    assert lines[0].endswith("The centroids agree.")
    anatomy = Case.objects.get().anatomies.get()
    assert anatomy.vertebrae.filter(level="L5").exists()
    assert len(points) == anatomy.vertebrae.count()
    assert said(tmp_path)[-1] == "1 of 1 scans are cases."
    assert (Case.objects.count(), Anatomy.objects.count()) == (1, 1)
