"""VerSe in: a BIDS tree becomes cases with anatomies, each mask compared with its centroids."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from labeling.imaging.refusal import Refusal
from labeling.intake.verse import centroid_sentences, read_centroids, scans_in
from labeling.models import Anatomy, Case, CaseOrigin, Patient
from tests.intake.phantoms import LABELS, MASK, SHAPE, hounsfield, nifti

pytestmark = pytest.mark.django_db


def said(*arguments: str) -> list[str]:
    out = io.StringIO()
    call_command("import_verse", *arguments, stdout=out, skip_checks=True)
    return out.getvalue().splitlines()


def centroids(path: Path, direction: str = "LPS", **moved: float) -> Path:
    """Centroids of the phantom's bodies (z, y, x), as indices in this orientation; `moved` shifts one by L1=voxels."""
    points = []
    for label in LABELS:
        z, y, x = np.argwhere(label == MASK).mean(axis=0)
        index = {"L": x, "R": SHAPE[2] - 1 - x, "P": y, "A": SHAPE[1] - 1 - y, "S": z, "I": SHAPE[0] - 1 - z}
        at = [index[letter] for letter in direction]
        at[0] += moved.get(f"L{label - 19}", 0.0)
        points.append({"label": label, "X": at[0], "Y": at[1], "Z": at[2]})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([{"direction": list(direction)}, *points]))
    return path


def tree(root: Path, name: str = "sub-verse004", *, seed: int = 0, ct: bool = True, **moved: float) -> Path:
    """As VerSe lays it out, with the mask in another orientation than the CT."""
    subject = name.split("_")[0]
    if ct:
        nifti(root / "rawdata" / subject / f"{name}_ct.nii.gz", hounsfield(seed), orientation="PIR")
    beside = root / "derivatives" / subject
    nifti(beside / f"{name}_seg-vert_msk.nii.gz", MASK)
    centroids(beside / f"{name}_seg-subreg_ctd.json", "PIR", **moved)
    return root


def test_a_tree_becomes_cases_with_anatomies_and_a_second_run_adds_nothing(tmp_path: Path):
    tree(tmp_path, "sub-verse004")
    tree(tmp_path, "sub-verse500_dir-ax", seed=1)
    tree(tmp_path, "sub-verse500_dir-sag", seed=2)
    (tmp_path / "derivatives" / "README.md").write_text("VerSe")
    lines = said(str(tmp_path), "--split", "training")
    assert [line.split(":")[0] for line in lines[:3]] == ["sub-verse004", "sub-verse500_dir-ax", "sub-verse500_dir-sag"]
    assert all("4 vertebrae, L1 to L4. Anatomy version 1." in line for line in lines[:3])
    assert all(line.endswith("The centroids agree.") for line in lines[:3])
    assert lines[3] == "3 of 3 scans are cases."
    assert Case.objects.filter(origin=CaseOrigin.DEMONSTRATION).count() == 3
    # Scans of one subject are examinations of one patient.
    assert sorted(patient.cases.count() for patient in Patient.objects.filter(split="training")) == [1, 2]
    again = said(str(tmp_path), "--split", "training")
    assert again[3] == "3 of 3 scans are cases."
    assert "Seen before" in again[0]
    assert (Case.objects.count(), Anatomy.objects.count()) == (3, 3)


def test_the_same_subjects_of_another_tree_are_other_people_under_a_prefix(tmp_path: Path):
    tree(tmp_path / "a")
    tree(tmp_path / "b", seed=1)
    said(str(tmp_path / "a"))
    said(str(tmp_path / "b"), "--patient-prefix", "second-")
    assert Patient.objects.count() == 2


def test_a_mask_without_a_ct_is_said_and_the_others_come_in(tmp_path: Path):
    tree(tmp_path, "sub-verse004", ct=False)
    tree(tmp_path, "sub-verse005")
    lines = said(str(tmp_path))
    assert lines[0] == "sub-verse004: No CT lies beside its mask, so nothing came in. Fetch the CT."
    assert lines[2] == "1 of 2 scans are cases."
    with pytest.raises(CommandError, match=r"Nothing came in\."):
        said(str(tree(tmp_path / "b", ct=False)))


def test_a_centroid_far_from_its_body_and_one_of_no_body_are_said(tmp_path: Path):
    tree(tmp_path, L2=12.0)
    path = tmp_path / "derivatives" / "sub-verse004" / "sub-verse004_seg-subreg_ctd.json"
    points = json.loads(path.read_text())
    path.write_text(json.dumps([{**one, "label": 19} if one.get("label") == 23 else one for one in points]))
    (line, _) = said(str(tmp_path))
    assert "The centroids name T12, which the mask has not." in line
    assert "The mask has L4, which the centroids do not name." in line
    assert "The centroid of L2 lies 18 mm from its body in the mask." in line


@pytest.mark.parametrize("direction", ["LPS", "RAS", "PIR", "SLA", "AIL"])
def test_centroids_are_read_in_any_orientation(direction: str, tmp_path: Path):
    mask = nifti(tmp_path / "m.nii.gz", MASK, orientation="RSA")
    assert centroid_sentences(mask, centroids(tmp_path / "c.json", direction)) == []


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '[{"direction": ["P", "P", "R"]}]', '[{"direction": "PIX"}]', '[{"direction": 3}]']
)
def test_what_is_no_centroid_file_is_refused(content: str, tmp_path: Path):
    path = tmp_path / "c.json"
    path.write_text(content)
    with pytest.raises(Refusal, match=r"The mask was not compared\."):
        read_centroids(path)


def test_two_cts_of_one_scan_and_an_empty_folder_are_refused_before_anything_is_copied(tmp_path: Path):
    tree(tmp_path)
    nifti(tmp_path / "copy" / "sub-verse004_ct.nii.gz", hounsfield())
    with pytest.raises(CommandError, match="two files of the kind ct"):
        said(str(tmp_path))
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "nothing"):
        with pytest.raises(CommandError, match="holds no CT"):
            said(str(folder))
    assert not Case.objects.exists()


def test_names_say_what_belongs_together(tmp_path: Path):
    names = [
        "sub-a_ct.nii.gz",
        "sub-a_seg-vert_msk.nii",
        "sub-a_seg-vb_ctd.json",
        "sub-a_seg-subreg_msk.nii.gz",
        "x.json",
    ]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    (scan,) = scans_in(tmp_path)
    found: Any = {part: getattr(scan, part).name for part in ("ct", "mask", "centroids")}
    assert found == {"ct": names[0], "mask": names[1], "centroids": names[2]}
    assert (scan.name, scan.subject) == ("sub-a", "sub-a")
