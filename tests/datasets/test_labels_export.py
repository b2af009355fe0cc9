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
    HEIGHT_COLUMNS,
    LABEL_COLUMNS,
    LOSS_COLUMNS,
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
from tests.factories import (
    lock_plainly,
    make_anatomy,
    make_case,
    make_read,
    make_reader,
    make_user,
    sops_of,
    vertebra_of,
)
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
    # Heights of 20, 20 and 25 mm above 12, 16 and 25 mm, with half a millimetre a pixel; and a length of 5 mm.
    send(read, "set_measures", {"vertebra": vertebra_of(read, "L2"), "measures": [heights(sops[2], 40, 40, 50)]})
    length = {"kind": "length", "sop_uid": margin[0], "points": [[0, 0], [6, 8]]}
    send(read, "set_measures", {"vertebra": l3, "measures": [length, heights(sops[2], 24, 32, 50), length]})
    return lock_read(read_id=read.pk, reader=read.reader, base_seq=9)


def heights(sop: str, *rows: int) -> dict[str, Any]:
    """Heights of so many rows, front to back."""
    points = [[column, row] for column, height in enumerate(rows) for row in (10, 10 + height)]
    return {"kind": "heights", "sop_uid": sop, "points": points}


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
    assert [set(row) for row in rows] == [{*FINDING_COLUMNS, "measures"}] * 3
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


def test_a_finding_has_its_heights_its_losses_and_its_lengths(locked: Read) -> None:
    rows = {row["level"]: row for row in finding_rows(all_reads())}
    picked = (*HEIGHT_COLUMNS, *LOSS_COLUMNS, "lengths_mm")
    assert {level: tuple(row[name] for name in picked) for level, row in rows.items()} == {
        # 20 mm against the 12 mm of L3 alone: nothing is lost, it is two thirds taller.
        "L2": (20.0, 20.0, 25.0, -66.7, -25.0, 0.0, []),
        "L3": (12.0, 16.0, 25.0, 40.0, 20.0, 0.0, [5.0, 5.0]),
        "L4": (None, None, None, None, None, None, []),
    }
    assert [measure["kind"] for measure in rows["L3"]["measures"]] == ["length", "heights", "length"]


def test_neighbours_are_those_of_the_same_read(locked: Read) -> None:
    other = make_read(locked.case)
    send(
        other, "set_measures", {"vertebra": vertebra_of(other, "L4"), "measures": [heights(sops_of(other)[0], 9, 9, 9)]}
    )
    lock_plainly(Read.objects.get(pk=other.pk))
    (row,) = [row for row in finding_rows(all_reads().filter(pk=other.pk)) if row["height_middle_mm"]]
    assert (row["height_middle_mm"], row["loss_middle_percent"]) == (4.5, None)
    (row,) = [row for row in finding_rows(all_reads()) if row["loss_anterior_percent"] == 40.0]
    assert row["loss_posterior_percent"] == 0.0


def test_findings_come_out_with_their_points_as_json_and_with_millimetres_as_csv(locked: Read) -> None:
    lead = make_user(Role.LEAD)
    from_json = json.loads("".join(exported(lead, what="findings", format="json")))
    assert from_json == json.loads(json.dumps(list(finding_rows(all_reads()))))
    table = list(csv.DictReader(io.StringIO("".join(exported(lead, what="findings", format="csv")))))
    assert tuple(table[1]) == FINDING_COLUMNS
    cells = [table[1][name] for name in ("height_anterior_mm", "loss_anterior_percent", "lengths_mm")]
    assert cells == ["12.0", "40.0", "5.0; 5.0"]
    assert table[2]["lengths_mm"] == table[2]["height_anterior_mm"] == ""


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
