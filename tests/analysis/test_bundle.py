"""What is in the reviewer's bundle, what is not, and what is written down of who took it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile

import pytest

from labeling.analysis.bundle import packing
from labeling.analysis.bundle.packing import NAME, Bundle, bundle_of, too_large_for_a_page
from labeling.imaging.refusal import Refusal
from labeling.models import AuditEvent, Case, Exposure, StudyReport, TestConsultation
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.scored_study import make_scored_study
from tests.analysis.small_study import make_study, sets_truth

pytestmark = pytest.mark.django_db


def files(bundle: Bundle) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        return {name.removeprefix(f"{NAME}/"): archive.read(name) for name in archive.namelist()}


def table(bundle: Bundle, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files(bundle)[f"{name}.csv"].decode())))


def test_the_same_data_give_the_same_bytes() -> None:
    user = factories.make_user(Role.LEAD)
    make_scored_study()
    first = bundle_of(user, "all")
    assert bundle_of(user, "all") == first
    manifest = json.loads(files(first)["manifest.json"])
    told = {name: hashlib.sha256(content).hexdigest() for name, content in files(first).items()}
    told.pop("manifest.json")
    assert manifest["files"] == told
    assert len(manifest["models"]) == 2
    assert all(len(model["sha256"]) == 64 for model in manifest["models"])
    assert manifest["rounds"]


def test_nobody_is_named_and_no_report_is_quoted() -> None:
    user = factories.make_user(Role.LEAD, first_name="Clara", last_name="Vogt")
    study = make_scored_study()
    senior = study.senior.user
    assert senior is not None
    Case.objects.filter(pk=study.cases[0].pk).update(report_text="An old wedge.")
    StudyReport.objects.create(case=study.cases[0], text="L1 of Mrs Smith.", source="ACC-77.csv", key="k" * 64)
    everything = b"\n".join(files(bundle_of(user, "all")).values()).decode()
    uids = [one.study_uid for one in study.cases]
    secrets = (senior.username, "Weber", "Anna", user.username, "Vogt", "old wedge", "Smith", "ACC-77", *uids)
    assert [secret for secret in secrets if secret in everything] == []
    names = {row["name"] for row in table(bundle_of(user, "all"), "readers")}
    assert names == {"Reference", "Reader 1", "Reader 1, Round 1", "Model 1", "Model 2"}


def test_who_takes_it_knows_the_reads_in_it_and_is_in_the_ledger() -> None:
    reader = factories.make_reader(Role.LEAD)
    assert reader.user is not None
    study = make_scored_study("test")
    bundle_of(reader.user, "test")
    told = set(Exposure.objects.filter(reader=reader).values_list("case", "what"))
    assert told >= {(case.pk, what) for case in study.cases for what in ("numbers", "truth", "read", "model")}
    # Thresholds are chosen on validation cases, whose model reads and references are in it too.
    assert told >= {(case.pk, what) for case in study.validation for what in ("truth", "model")}
    assert TestConsultation.objects.get().cases == len(study.cases)
    event = AuditEvent.objects.get(verb="export_numbers")
    assert event.detail == {"what": "reviewers-bundle", "on": "test", "cases": len(study.cases)}
    manifest = json.loads(files(bundle_of(reader.user, "test"))["manifest.json"])
    assert manifest["consulted"] == 2


def test_a_case_that_is_owed_is_in_no_table() -> None:
    both = factories.make_reader(Role.LEAD, Role.SENIOR)
    assert both.user is not None
    study = make_study()
    for case in study.cases:
        sets_truth(case, "A1 N N N")
    factories.make_assignment(study.cases[0], round=factories.make_round(state="open"), reader=both)
    bundle = bundle_of(both.user, "all")
    names = {row["case"] for row in table(bundle, "cases")}
    assert names == {case.name for case in study.cases[1:]}
    contents = {name: content for name, content in files(bundle).items() if name.endswith(".csv")}
    assert not [name for name, content in contents.items() if study.cases[0].name.encode() in content]
    assert not Exposure.objects.filter(reader=both, case=study.cases[0]).exists()
    assert len(table(bundle_of(factories.make_user(Role.LEAD), "all"), "cases")) == 3


def test_what_may_not_be_had_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    study = make_study()
    with pytest.raises(Refusal, match="for leads"):
        bundle_of(factories.make_user(Role.SENIOR), "all")
    lead = factories.make_user(Role.LEAD)
    with pytest.raises(Refusal, match="no set of cases"):
        bundle_of(lead, "nowhere")
    too_large_for_a_page(lead, "all")
    monkeypatch.setattr(packing, "AT_A_PAGE", len(study.cases))
    with pytest.raises(Refusal, match="export_bundle --on all"):
        too_large_for_a_page(lead, "all")
