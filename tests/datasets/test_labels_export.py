"""What comes out is what was clicked, in a form that a spreadsheet does not run."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.datasets.labels_export import (
    FINDING_COLUMNS,
    LABEL_COLUMNS,
    export_rows,
    exported,
    finding_rows,
    write_csv,
    write_json,
)
from labeling.models import AuditEvent, Exposure, Read, Slice
from labeling.reading.labels import mark_seen
from labeling.reading.locking import lock_read
from labeling.reading.roles import Role
from tests.factories import make_anatomy, make_case, make_read, make_reader, make_user, sops_of, vertebra_of
from tests.reading.conftest import send

pytestmark = pytest.mark.django_db


@pytest.fixture
def locked() -> Read:
    """L3 is an acute A1 of two slices and one in the margin, with a B1 below; L2 negative; L4 cut and not judged."""
    case = make_case()
    make_anatomy(case, cut=("L4",))
    read = make_read(case, reader=make_reader(username="anna"))
    sops, l3 = sops_of(read), vertebra_of(read, "L3")
    mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops)
    send(read, "label_slices", {"vertebra": l3, "sop_uids": [sops[2]], "value": "fracture", "source": "key"})
    margin = sops_of(read, 9, 9)
    send(read, "label_slices", {"vertebra": l3, "sop_uids": [sops[3], *margin], "value": "fracture", "source": "range"})
    send(read, "set_ao", {"vertebra": l3, "ao_body": "A1"})
    send(read, "set_acuity", {"vertebra": l3, "acuity": "acute"})
    send(read, "set_injury", {"upper": l3, "lower": vertebra_of(read, "L4"), "type": "B1"})
    send(read, "set_comment", {"vertebra": l3, "text": "=1+1"})
    send(read, "rest_negative", {"vertebra": vertebra_of(read, "L2")})
    return lock_read(read_id=read.pk, reader=read.reader, base_seq=7)


def all_reads() -> Any:
    return Read.objects.filter(state="locked")


def test_one_row_per_slice_label_in_anatomical_order(locked: Read) -> None:
    rows = list(export_rows(all_reads()))
    assert [tuple(row) for row in rows] == [LABEL_COLUMNS] * 13
    k_of = {row.sop_uid: row.k for row in Slice.objects.filter(stack=locked.stack)}
    said = [(row["level"], k_of[row["sop_uid"]], row["slice_label"], row["source"], row["vertebra_ao"]) for row in rows]
    assert said == [
        *[("L2", k, "negative", "range", "") for k in range(3, 9)],
        ("L3", 3, "negative", "implied", ""),
        ("L3", 4, "negative", "implied", ""),
        ("L3", 5, "fracture", "key", "A1"),
        ("L3", 6, "fracture", "range", "A1"),
        ("L3", 7, "negative", "implied", ""),
        ("L3", 8, "negative", "implied", ""),
        ("L3", 9, "fracture", "range", "A1"),
    ]
    assert [row["in_body_extent"] for row in rows] == [True] * 12 + [False]


def test_a_row_says_whose_label_it_is_where_it_lies_and_when_it_was_locked(locked: Read) -> None:
    row = next(row for row in export_rows(all_reads()) if row["source"] == "key")
    assert row == {
        "pseudonym": locked.case.patient.pseudonym,
        "case": locked.case.name,
        "series_uid": locked.stack.series_uid,
        "sop_uid": sops_of(locked)[2],
        "vertebra": vertebra_of(locked, "L3"),
        "level": "L3",
        "certainty": "assumed",
        "slice_position_mm": -3.0,
        "slice_label": "fracture",
        "source": "key",
        "in_body_extent": True,
        "vertebra_ao": "A1",
        "verdict": "fracture",
        "acuity": "acute",
        "reader": "anna",
        "round": locked.round.name if locked.round else "",
        "read_version": 1,
        "locked_at": locked.locked_at.isoformat() if locked.locked_at else "",
    }


def test_one_row_per_finding_the_unjudged_and_the_cut_included(locked: Read) -> None:
    rows = list(finding_rows(all_reads()))
    assert [tuple(row) for row in rows] == [FINDING_COLUMNS] * 3
    picked = ("level", "verdict", "why", "vertebra_ao", "cut", "body_slices", "fractured_slices", "negative_slices")
    assert [tuple(row[name] for name in picked) for row in rows] == [
        ("L2", "negative", "", "", False, 6, 0, 6),
        ("L3", "fracture", "", "A1", False, 6, 3, 4),
        ("L4", "not_assessable", "cut", "", True, 6, 0, 0),
    ]
    assert [(row["injury_below"], row["injury_lower"]) for row in rows] == [
        ("", None),
        ("B1", vertebra_of(locked, "L4")),
        ("", None),
    ]


def test_drafts_do_not_come_out() -> None:
    send(read := make_read(), "set_ao", {"vertebra": vertebra_of(read, "L2"), "ao_body": "A1"})
    assert list(csv.reader(io.StringIO("".join(exported(make_user(Role.LEAD), what="labels"))))) == [
        list(LABEL_COLUMNS)
    ]


def test_csv_and_json_hold_the_same(locked: Read) -> None:
    rows = list(export_rows(all_reads()))
    from_json = json.loads("".join(write_json(rows, LABEL_COLUMNS)))
    assert from_json == rows
    from_csv = list(csv.DictReader(io.StringIO("".join(write_csv(rows, LABEL_COLUMNS)))))
    assert [{key: str(value) for key, value in row.items()} for row in rows] == [
        {**row, "in_body_extent": row["in_body_extent"].capitalize()} for row in from_csv
    ]
    assert json.loads("".join(write_json([], LABEL_COLUMNS))) == []


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", " =", "\r@"])
def test_text_that_a_spreadsheet_would_run_is_disarmed_and_numbers_are_not(start: str) -> None:
    row = {"text": f"{start}cmd|' /C calc'!A0", "number": -18.0, "nothing": None, "flag": False}
    lines = list(csv.reader(io.StringIO("".join(write_csv([row], tuple(row))))))
    assert lines[1] == [f"'{row['text']}", "-18.0", "", "false"]


def test_an_export_is_audited_and_exposes_who_takes_it_before_the_first_row(locked: Read) -> None:
    lead = make_user(Role.LEAD)
    pieces = exported(lead, what="findings", format="json", round_name=locked.round.name if locked.round else "")
    event = AuditEvent.objects.get()
    assert (event.by, event.verb, event.detail["reads"], event.detail["what"]) == (lead, "export_labels", 1, "findings")
    assert Exposure.objects.filter(reader__user=lead, case=locked.case, what="read").exists()
    assert len(json.loads("".join(pieces))) == 3


def test_who_may_not_export_gets_a_header_and_nothing_more(locked: Read) -> None:
    assert "".join(exported(make_user(Role.RESIDENT), what="labels")).count("\r\n") == 1


def test_the_number_of_queries_does_not_grow_with_the_reads(locked: Read) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            list(export_rows(all_reads()))
            list(finding_rows(all_reads()))
        return len(queries)

    few = cost()
    for _ in range(3):
        read = make_read()
        mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops_of(read))
        for level in ("L2", "L3", "L4"):
            send(read, "rest_negative", {"vertebra": vertebra_of(read, level)})
        lock_read(read_id=read.pk, reader=read.reader, base_seq=3)
    assert cost() == few


@pytest.mark.parametrize("format", ["csv", "json"])
def test_the_command_writes_both_tables(locked: Read, tmp_path: Path, format: str) -> None:
    out = tmp_path / "labels" / "today"
    call_command("export_labels", out=out, format=format)
    assert sorted(path.name for path in out.iterdir()) == [f"findings.{format}", f"labels.{format}"]
    text = (out / f"labels.{format}").read_text(encoding="utf-8")
    assert text.count(sops_of(locked)[2]) == 2
    assert list(AuditEvent.objects.values_list("by", flat=True)) == [None, None]


def test_the_command_exports_one_round_or_as_one_account(locked: Read, tmp_path: Path) -> None:
    lead = make_user(Role.LEAD)
    call_command("export_labels", out=tmp_path, round=locked.round.name if locked.round else "", by=lead.username)
    assert Exposure.objects.filter(reader__user=lead).count() == 1
    with pytest.raises(CommandError, match="no round called Nowhere"):
        call_command("export_labels", out=tmp_path, round="Nowhere")
    with pytest.raises(CommandError, match="no account called anna"):
        call_command("export_labels", out=tmp_path, by="anna")
