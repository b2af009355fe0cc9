"""The clinical report as a reader: proposed, confirmed, locked; never truth and never learnt from."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from labeling.datasets.labels_export import current_locked_reads, finding_rows
from labeling.datasets.slice_truth import true_reads
from labeling.imaging.refusal import Refusal
from labeling.models import AuditEvent, Case, Exposure, Finding, Read, Reader
from labeling.reading.elsewhere.report_reads import (
    ReportProposals,
    SaidByReport,
    confirm_report,
    report_proposals,
    report_reader,
)
from labeling.reading.opinions.model_opinions import opinions_for
from labeling.reading.roles import Role, reader_of
from labeling.reading.visibility import exportable_reads, visible_reads
from tests import factories

pytestmark = pytest.mark.django_db

TEXT = "Frische Fraktur LWK 3 (A3). Alte Sinterung BWK 8. Keine weiteren Frakturen."


@pytest.fixture
def lead() -> User:
    return factories.make_user(Role.LEAD, first_name="Lena", last_name="Lead")


def a_case(text: str = TEXT, **fields: Any) -> Case:
    case = factories.make_case(report_text=text)
    factories.make_anatomy(case, **fields)
    return case


def shown(user: User, case: Case) -> ReportProposals:
    found = report_proposals(user, case)
    assert found is not None
    return found


def confirm(user: User, case: Case, reason: str = "", **said: SaidByReport) -> Read:
    """As the page does: what the text proposes, but for the levels that are given."""
    found = shown(user, case)
    all_said = {row.vertebra: said.get(row.level, row.said) for row in found.rows}
    return confirm_report(user, case, anatomy=found.anatomy, digest=found.digest, said=all_said, reason=reason)


def test_each_vertebra_in_view_gets_what_the_text_says_of_it_and_the_others_are_listed(lead: User) -> None:
    found = shown(lead, a_case())
    assert [(row.level, row.said.verdict, row.said.ao_body, row.said.acuity) for row in found.rows] == [
        ("L2", "negative", None, "unknown"),
        ("L3", "fracture", "A3", "acute"),
        ("L4", "negative", None, "unknown"),
    ]
    assert [(one.level, one.verdict, one.acuity) for one in found.elsewhere] == [("T8", "fracture", "old")]
    assert set(Exposure.objects.values_list("reader__user", "what")) == {(lead.pk, "report")}


def test_a_report_without_a_general_denial_says_nothing_of_the_others(lead: User) -> None:
    found = shown(lead, a_case("Fraktur LWK 3."))
    assert [row.said.verdict for row in found.rows] == [None, "fracture", None]
    read = confirm(lead, Case.objects.get())
    assert list(Finding.objects.filter(read=read).order_by("vertebra").values_list("verdict", flat=True)) == [
        None, "fracture", None,
    ]  # fmt: skip


def test_what_is_confirmed_is_locked_at_once_outside_every_round(lead: User) -> None:
    case = a_case()
    read = confirm(lead, case)
    assert (read.reader, read.round, read.state, read.version) == (report_reader(), None, "locked", 1)
    assert len(read.content_sha) == 64
    assert read.reader.kind == "report"
    assert str(read.reader) == "Clinical report"
    row = Finding.objects.get(read=read, vertebra=factories.vertebra_of(read, "L3"))
    assert (row.verdict, row.ao_body, row.acuity) == ("fracture", "A3", "acute")
    assert row.evidence["proposed"] == "fracture"
    assert TEXT[slice(*row.evidence["spans"][0])] == "Frische Fraktur LWK 3 (A3)."
    event = AuditEvent.objects.get(verb="report_confirmed")
    assert (event.by, event.case, event.detail["read"], event.detail["changed"]) == (lead, case, read.pk, 0)


def test_a_person_may_say_otherwise_and_the_record_counts_it(lead: User) -> None:
    read = confirm(lead, a_case(), L2=SaidByReport("indeterminate"))
    assert Finding.objects.get(read=read, vertebra=factories.vertebra_of(read, "L2")).verdict == "indeterminate"
    assert AuditEvent.objects.get(verb="report_confirmed").detail["changed"] == 1


def test_a_cut_vertebra_that_nothing_is_said_of_is_not_assessable(lead: User) -> None:
    case = a_case("Fraktur LWK 3.", cut=("L2",))
    read = confirm(lead, case)
    row = Finding.objects.get(read=read, vertebra=factories.vertebra_of(read, "L2"))
    assert (row.verdict, row.why) == ("not_assessable", "cut")
    assert [one.said.verdict for one in shown(lead, case).rows] == [None, "fracture", None]


def test_confirming_again_is_a_later_version_with_a_reason(lead: User) -> None:
    case = a_case()
    first = confirm(lead, case)
    with pytest.raises(Refusal, match="version 1 says already"):
        confirm(lead, case)
    with pytest.raises(Refusal, match="Say why"):
        confirm(lead, case, L2=SaidByReport())
    second = confirm(lead, case, "L2 is not named", L2=SaidByReport())
    assert (second.version, second.supersedes, second.reopen_reason) == (2, first, "L2 is not named")
    assert shown(lead, case).version == 2
    assert shown(lead, case).confirmed_by == "Lena Lead"
    assert shown(lead, case).rows[0].said.verdict is None, "what was confirmed stands in the form"
    assert Reader.objects.filter(kind="report").count() == 1


def test_another_text_or_other_vertebrae_than_those_on_the_screen_are_refused(lead: User) -> None:
    case = a_case()
    found = shown(lead, case)
    said = {row.vertebra: row.said for row in found.rows}
    Case.objects.filter(pk=case.pk).update(report_text="Keine Fraktur.")
    with pytest.raises(Refusal, match="report has changed"):
        confirm_report(lead, case, anatomy=found.anatomy, digest=found.digest, said=said)
    Case.objects.filter(pk=case.pk).update(report_text=TEXT)
    factories.make_anatomy(case)
    with pytest.raises(Refusal, match="vertebrae of this case have changed"):
        confirm_report(lead, case, anatomy=found.anatomy, digest=found.digest, said=said)
    assert not Read.objects.exists()


@pytest.mark.parametrize(
    "one", [SaidByReport("negative", "A1"), SaidByReport("not_assessable"), SaidByReport("fracture", "A9")]
)
def test_what_is_no_finding_is_refused(lead: User, one: SaidByReport) -> None:
    with pytest.raises(Refusal, match="L2"):
        confirm(lead, a_case(), L2=one)
    assert not Read.objects.exists()


def test_once_a_consensus_has_begun_the_report_says_what_it_said(lead: User) -> None:
    case = a_case()
    confirm(lead, case)
    panel = Reader.objects.create(kind="panel", label="Panel")
    factories.make_read(case, round=factories.make_round("consensus"), reader=panel)
    with pytest.raises(Refusal, match="consensus on this case has begun"):
        confirm(lead, case, "late", L2=SaidByReport())


def test_whoever_reads_the_case_without_its_report_gets_nothing_of_it(lead: User) -> None:
    case = a_case()
    found = shown(lead, case)
    said = {row.vertebra: row.said for row in found.rows}
    blind = factories.make_user(Role.LEAD, Role.SENIOR)
    factories.make_assignment(case, round=factories.make_round("independent"), reader=reader_of(blind))
    assert report_proposals(blind, case) is None
    with pytest.raises(Refusal, match="without its report"):
        confirm_report(blind, case, anatomy=found.anatomy, digest=found.digest, said=said)
    confirm(lead, case)
    assert not visible_reads(blind).exists()
    assert not exportable_reads(blind).exists()
    assert not Exposure.objects.filter(reader__user=blind).exists()


@pytest.mark.parametrize("role", [Role.RESIDENT, Role.SENIOR])
def test_readers_neither_see_nor_confirm(lead: User, role: Role) -> None:
    case = a_case()
    found = shown(lead, case)
    reader = factories.make_user(role)
    assert report_proposals(reader, case) is None
    with pytest.raises(PermissionDenied):
        confirm_report(reader, case, anatomy=found.anatomy, digest=found.digest, said={})


def test_the_read_of_a_report_is_an_opinion_in_exports_and_no_truth(lead: User) -> None:
    case = a_case()
    read = confirm(lead, case)
    assert true_reads([case]) == {}
    assert opinions_for(lead, case) == []
    rows = list(finding_rows(current_locked_reads()))
    assert {(row["reader"], row["round"]) for row in rows} == {("Clinical report", "")}
    other = factories.make_user(Role.ENGINEER)
    assert list(exportable_reads(other)) == [read]
    assert set(Exposure.objects.filter(reader__user=other).values_list("what", flat=True)) == {"report"}
