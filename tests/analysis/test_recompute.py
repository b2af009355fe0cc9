"""The script of the bundle, run as a reviewer would: on its own, in the folder that the zip gives."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from django.utils import timezone

from labeling.analysis.bundle.numbers import UNITS
from labeling.analysis.bundle.packing import NAME, SCRIPT, Bundle, bundle_of
from labeling.models import ActiveTime, Anatomy, Case, Finding, ModelShowing, Patient, Read, Reader, ReaderKind
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.scored_study import make_scored_study
from tests.analysis.small_study import LEVELS, make_study, says, sets_truth

pytestmark = pytest.mark.django_db


def unpacked(bundle: Bundle, into: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        archive.extractall(into)
    return into / NAME


def run(folder: Path) -> tuple[int, str]:
    """Exit code and what was printed; -I: neither this directory nor a variable leads to Sagittal."""
    command = [sys.executable, "-I", "-W", "error", "recompute.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280, check=False)
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def titles(folder: Path) -> set[str]:
    return {group["title"] for group in json.loads((folder / "numbers.json").read_text())}


def reproduced(folder: Path) -> str:
    """Runs the script; every number must come out."""
    code, printed = run(folder)
    assert code == 0, printed[:4000]
    lines = [line for line in printed.splitlines() if " numbers reproduced" in line]
    for line in lines:
        count, of = line.rpartition(": ")[2].split(" numbers")[0].split(" of ")
        assert count == of, line
    assert {line.rpartition(": ")[0] for line in lines} == titles(folder)
    return printed


def lead() -> Any:
    return factories.make_user(Role.LEAD)


@pytest.mark.parametrize("scope", ["all", "test"])
def test_a_simulated_cohort_is_reproduced_to_the_last_number(tmp_path: Path, scope: str) -> None:
    simulated()
    folder = unpacked(bundle_of(lead(), scope), tmp_path)
    printed = reproduced(folder)
    units = {f"{page}, per {unit}" for page in ("Accuracy", "Curves", "Comparison") for unit in UNITS}
    pages = {"Agreement", "Segmentation", "Report against reference", "Reading habits", "Table 1", "Flowchart"}
    assert titles(folder) >= units | pages
    assert "Not recomputed" not in printed


def test_few_cases_with_scores_are_reproduced(tmp_path: Path) -> None:
    make_scored_study("test")
    folder = unpacked(bundle_of(lead(), "test"), tmp_path)
    reproduced(folder)
    assert "Curves, per slice" in titles(folder)


def test_a_study_without_a_reference_is_reproduced(tmp_path: Path) -> None:
    make_study()
    folder = unpacked(bundle_of(lead(), "all"), tmp_path)
    reproduced(folder)
    assert not any(title.startswith("Accuracy") for title in titles(folder))


def test_a_study_of_one_reader_or_of_none_is_reproduced(tmp_path: Path) -> None:
    reproduced(unpacked(bundle_of(lead(), "all"), tmp_path / "none"))
    make_study(("A1 N N N", "? N N N"))
    reproduced(unpacked(bundle_of(lead(), "all"), tmp_path / "one"))


def test_a_changed_read_and_a_changed_number_are_found(tmp_path: Path) -> None:
    make_scored_study("test")
    folder = unpacked(bundle_of(lead(), "test"), tmp_path)
    whole = (folder / "findings.csv").read_text()
    first = next(line for line in whole.splitlines() if ",fracture,A1," in line)
    (folder / "findings.csv").write_text(whole.replace(first, first.replace(",fracture,A1,", ",negative,none,")))
    code, printed = run(folder)
    assert code == 1
    assert "findings.csv is not the file that the manifest names" in printed
    assert "table/rates/sensitivity/value: printed " in printed

    (folder / "findings.csv").write_text(whole)
    assert run(folder)[0] == 0
    numbers = json.loads((folder / "numbers.json").read_text())
    bound = "accuracy/table/rates/specificity/low"
    group = next(one for one in numbers if isinstance(one["numbers"].get(bound), float))
    group["numbers"][bound] += 1e-6
    (folder / "numbers.json").write_text(json.dumps(numbers))
    code, printed = run(folder)
    assert code == 1
    assert f"{bound}: printed " in printed
    assert printed.count(": printed ") == 1


def test_what_cannot_be_computed_is_named_and_is_no_success(tmp_path: Path) -> None:
    make_scored_study("test")
    folder = unpacked(bundle_of(lead(), "test"), tmp_path)
    numbers = json.loads((folder / "numbers.json").read_text())
    numbers[0]["numbers"]["accuracy/something/else"] = 1
    (folder / "numbers.json").write_text(json.dumps(numbers))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"].pop("numbers.json")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    code, printed = run(folder)
    assert code == 2
    assert "Not recomputed (1):" in printed
    assert "accuracy/something/else" in printed


def test_the_script_knows_nothing_of_sagittal() -> None:
    for path in SCRIPT.glob("*.py"):
        assert "labeling" not in path.read_text(), path.name
        assert "django" not in path.read_text(), path.name


def simulated(cases: int = 36) -> None:
    """People and a model who err, on test, training and validation patients, some with two cases; what is undecided,
    scores, slices, a repeat, a report, a reveal, second versions of reads, times, acquisition, a checked segmentation.
    """
    random = np.random.default_rng(7)
    kinds = ["A1", "A2", "A3", "A4", "N", "N", "N", "?"]
    truth = [" ".join(str(random.choice(kinds)) for _ in LEVELS) for _ in range(cases)]

    def seen(one: str, share: float = 0.8) -> str:
        others = ["A1", "A3", "F", "N", "?", "x", "·"]
        return " ".join(word if random.random() < share else str(random.choice(others)) for word in one.split())

    def slices() -> str:
        return "".join(str(random.choice(["F", "N"])) for _ in range(4))

    study = make_study(*(tuple(seen(one) for one in truth) for _ in range(2)), again=seen(truth[0]), split="unassigned")
    models = [factories.make_model_reader(), factories.make_model_reader()]
    report = Reader.objects.create(kind=ReaderKind.REPORT, label="Report")
    for place, (case, one) in enumerate(zip(study.cases, truth, strict=True)):
        if place % 6 == 5:
            before = study.cases[place - 1].patient
            Case.objects.filter(pk=case.pk).update(patient=before, number=2)
        split = ("test", "test", "training", "validation")[place // 2 % 4]
        Patient.objects.filter(pk=case.patient_id).update(split=split, sex=str(random.choice(["F", "M", ""])))
        acquisition = {
            "kv": 120.0,
            "mas": float(random.normal(200, 30)),
            "dlp": float(random.exponential(500)),
            "dlp_source": "reported",
        }
        known = {"age": int(random.integers(40, 90)), "slice_thickness": None if place % 5 else 3.0, "source_rows": 512}
        Case.objects.filter(pk=case.pk).update(**acquisition, **known, source_columns=512 + place % 2)
        for model in models:
            scores = [round(float(random.random()) / 2 + (word[0] == "A") / 2, 2) for word in one.split()]
            opinion = says(case, model, seen(one), None, scores, slices())
        read = study.reads[0, place]
        if place % 3 == 0 and place:
            looked_again(read, seen(one, 0.5))
        sets_truth(case, one, slices())
        if place % 3:
            says(case, report, seen(one), None)
        ActiveTime.objects.create(read=read, tab=uuid4(), ms=int(random.integers(20_000, 200_000)))
        if place % 3 == 0:
            ModelShowing.objects.create(read=read, model_read=opinion, first=place % 2 == 0)
        elif place % 3 == 1:
            study.round.assignments.filter(case=case, reader=read.reader).update(model_hidden=True)
    anatomies = Anatomy.objects.filter(case__in=study.cases[: cases // 2])
    anatomies.update(confirmed_by=study.readers[0], confirmed_at=timezone.now())


def looked_again(read: Read, words: str) -> None:
    """A second version of a read, that says these words."""
    again = factories.make_read(
        read.case, reader=read.reader, round=read.round, version=2, supersedes=read, reopen_reason="looked again"
    )
    for finding, word in zip(read.findings.order_by("vertebra"), words.split(), strict=True):
        if word[0] in "NAF":
            verdict, ao = ("negative" if word == "N" else "fracture"), (word if word[0] == "A" else None)
            Finding.objects.update_or_create(
                read=again, vertebra=finding.vertebra, defaults={"verdict": verdict, "ao_body": ao}
            )
    factories.lock_plainly(again)
