"""Labels out: one row per slice label, one per finding, as CSV or JSON, streamed."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

from labeling.models import AnatomyVertebra, AuditEvent, Finding, Read, SegmentInjury, SliceLabel, SliceValue, Stack
from labeling.reading.measures import Heights, Losses, Measure, heights_of, lengths_of, loss_against, measures_from_json
from labeling.reading.visibility import exportable_reads

__all__ = [
    "EXPORTS",
    "FINDING_COLUMNS",
    "FORMATS",
    "HEIGHT_COLUMNS",
    "LABEL_COLUMNS",
    "LOSS_COLUMNS",
    "Export",
    "current_locked_reads",
    "export_rows",
    "exported",
    "finding_rows",
    "record_export",
    "write_csv",
    "write_json",
]

Row = dict[str, Any]

HEIGHT_COLUMNS = ("height_anterior_mm", "height_middle_mm", "height_posterior_mm")
LOSS_COLUMNS = ("loss_anterior_percent", "loss_middle_percent", "loss_posterior_percent")
LABEL_COLUMNS = (
    "pseudonym", "case", "series_uid", "sop_uid", "vertebra", "level", "certainty", "slice_position_mm", "slice_label",
    "source", "in_body_extent", "vertebra_ao", "verdict", "acuity", "reader", "round", "read_version", "locked_at",
)  # fmt: skip
FINDING_COLUMNS = (
    "pseudonym", "case", "series_uid", "vertebra", "level", "certainty", "cut", "verdict", "why", "vertebra_ao",
    "process_fracture", "acuity", "level_said", "unclear", "score", "injury_below", "injury_lower", "body_slices",
    "fractured_slices", "negative_slices", *HEIGHT_COLUMNS, *LOSS_COLUMNS, "lengths_mm",
    "comment", "reader", "round", "read_version", "locked_at",
)  # fmt: skip

#: Reads whose labels are held in memory at once while streaming.
_CHUNK = 100


def export_rows(reads: QuerySet[Read]) -> Iterator[Row]:
    """One row per slice label of these reads (`LABEL_COLUMNS`), by read, then vertebra from head to feet, then slice.

    `in_body_extent` is false for a label in the margin beyond the body. `vertebra_ao` is blank on negative slices: the
    type is of the fracture, and a slice that does not show it must not teach it.
    """
    for chunk in _chunks(reads):
        bodies = _bodies(chunk.values())
        labels = SliceLabel.objects.filter(finding__read__in=list(chunk)).select_related("finding", "slice")
        placed = [(chunk[label.finding.read_id], label) for label in labels]
        placed.sort(key=lambda item: (item[0].pk, _rank(item, bodies), item[1].finding.vertebra_id, item[1].slice.k))
        for read, label in placed:
            body = bodies.get((read.anatomy_id, label.finding.vertebra_id))
            yield _label_row(read, label, body)


def _rank(item: tuple[Read, SliceLabel], bodies: dict[tuple[int, int], AnatomyVertebra]) -> int:
    body = bodies.get((item[0].anatomy_id, item[1].finding.vertebra_id))
    return body.rank if body is not None else 0


def _label_row(read: Read, label: SliceLabel, body: AnatomyVertebra | None) -> Row:
    finding = label.finding
    return {
        "pseudonym": read.case.patient.pseudonym,
        "case": read.case.name,
        "series_uid": read.stack.series_uid,
        "sop_uid": label.slice_id,
        "vertebra": finding.vertebra_id,
        "level": body.level if body else "",
        "certainty": body.certainty if body else "unknown",
        "slice_position_mm": label.slice.position_mm,
        "slice_label": label.value,
        "source": label.source,
        "in_body_extent": bool(body and body.first_k <= label.slice.k <= body.last_k),
        "vertebra_ao": (finding.ao_body or "") if label.value == SliceValue.FRACTURE else "",
        "verdict": finding.verdict or "",
        "acuity": finding.acuity,
        **_read_columns(read),
    }


def finding_rows(reads: QuerySet[Read]) -> Iterator[Row]:
    """One row per finding of these reads (`FINDING_COLUMNS` and `measures`), by read, then vertebra from head to feet.

    `injury_below` is the type of the segment injury between this vertebra and `injury_lower` (blank at the image's
    edge); slices are counted as labelled, those in the margin included. Heights and lengths are those that the reader
    measured, in mm; a loss is in percent of the mean of the same height of the vertebrae above and below, and blank
    where neither was measured. `measures` are the points behind them, in pixels (`labeling.reading.measures`).
    """
    for chunk in _chunks(reads):
        bodies = _bodies(chunk.values())
        injuries = {
            (injury.read_id, injury.upper_id): injury for injury in SegmentInjury.objects.filter(read__in=list(chunk))
        }
        findings = Finding.objects.filter(read__in=list(chunk)).prefetch_related("slice_labels")
        placed = [
            (chunk[finding.read_id], finding, bodies.get((chunk[finding.read_id].anatomy_id, finding.vertebra_id)))
            for finding in findings
        ]
        placed.sort(key=lambda item: (item[0].pk, item[2].rank if item[2] else 0, item[1].vertebra_id))
        for _, of_read in groupby(placed, key=lambda item: item[0].pk):
            spine = list(of_read)
            measured = _measure_columns([_measured(finding, read.stack) for read, finding, _ in spine])
            for (read, finding, body), columns in zip(spine, measured, strict=True):
                injury = injuries.get((read.pk, finding.vertebra_id))
                yield _finding_row(read, finding, body, injury, columns)


@dataclass(frozen=True)
class _Measured:
    """What was measured on one vertebra."""

    measures: tuple[Measure, ...]
    heights: Heights | None
    lengths: list[float]


def _measured(finding: Finding, stack: Stack) -> _Measured:
    measures, spacing = measures_from_json(finding.measures), (stack.row_spacing, stack.column_spacing)
    return _Measured(measures, heights_of(measures, *spacing), lengths_of(measures, *spacing))


def _measure_columns(spine: list[_Measured]) -> Iterator[Row]:
    """The columns of each vertebra of one read, which come from head to feet, each vertebra with a row."""
    around = [None, *(vertebra.heights for vertebra in spine), None]
    for index, vertebra in enumerate(spine):
        heights, neighbours = vertebra.heights, (around[index], around[index + 2])
        losses = loss_against(heights, neighbours) if heights is not None else None
        yield {
            **_three(HEIGHT_COLUMNS, heights, lambda mm: round(mm, 2)),
            **_three(LOSS_COLUMNS, losses, lambda share: round(100 * share, 1)),
            "lengths_mm": [round(length, 2) for length in vertebra.lengths],
            "measures": [measure.as_json() for measure in vertebra.measures],
        }


def _three(columns: tuple[str, ...], of: Heights | Losses | None, rounded: Callable[[float], float]) -> Row:
    """Anterior, middle and posterior; None where there is nothing."""
    values = (None, None, None) if of is None else (of.anterior, of.middle, of.posterior)
    return {name: None if value is None else rounded(value) for name, value in zip(columns, values, strict=True)}


def _finding_row(
    read: Read, finding: Finding, body: AnatomyVertebra | None, injury: SegmentInjury | None, measured: Row
) -> Row:
    values = [label.value for label in finding.slice_labels.all()]
    return {
        "pseudonym": read.case.patient.pseudonym,
        "case": read.case.name,
        "series_uid": read.stack.series_uid,
        "vertebra": finding.vertebra_id,
        "level": body.level if body else "",
        "certainty": body.certainty if body else "unknown",
        "cut": bool(body and body.cut),
        "verdict": finding.verdict or "",
        "why": finding.why,
        "vertebra_ao": finding.ao_body or "",
        "process_fracture": finding.process_fracture,
        "acuity": finding.acuity,
        "level_said": finding.level_said,
        "unclear": finding.unclear,
        "score": finding.score,
        "injury_below": injury.type if injury else "",
        "injury_lower": injury.lower_id if injury else None,
        "body_slices": body.last_k - body.first_k + 1 if body else None,
        "fractured_slices": values.count(SliceValue.FRACTURE),
        "negative_slices": values.count(SliceValue.NEGATIVE),
        **measured,
        "comment": finding.comment,
        **_read_columns(read),
    }


def _read_columns(read: Read) -> Row:
    user = read.reader.user
    return {
        "reader": user.get_username() if user is not None else str(read.reader),
        "round": read.round.name if read.round is not None else "",
        "read_version": read.version,
        "locked_at": read.locked_at.isoformat() if read.locked_at is not None else "",
    }


def _chunks(reads: QuerySet[Read]) -> Iterator[dict[int, Read]]:
    """The reads by primary key, a hundred at a time, with what every row says of them."""
    related = ("case__patient", "stack", "round", "reader__user", "reader__model_version")
    chunk: dict[int, Read] = {}
    for read in reads.select_related(*related).order_by("pk").iterator(chunk_size=_CHUNK):
        chunk[read.pk] = read
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = {}
    if chunk:
        yield chunk


def _bodies(reads: Iterable[Read]) -> dict[tuple[int, int], AnatomyVertebra]:
    bodies = AnatomyVertebra.objects.filter(anatomy__in={read.anatomy_id for read in reads})
    return {(body.anatomy_id, body.vertebra_id): body for body in bodies}


class _Line:
    """A file of one line, so that the csv module formats what a generator yields."""

    def write(self, text: str) -> str:
        return text


def write_csv(rows: Iterable[Row], columns: Iterable[str]) -> Iterator[str]:
    """The rows as CSV (RFC 4180, header first, UTF-8 by the caller), line by line.

    Text that a spreadsheet would run as a formula is disarmed with an apostrophe; numbers are numbers.
    """
    writer = csv.writer(_Line(), lineterminator="\r\n")
    names = tuple(columns)
    yield writer.writerow(names)
    for row in rows:
        yield writer.writerow([_cell(row[name]) for name in names])


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.lstrip()[:1] in ("=", "+", "-", "@"):
        return f"'{value}"
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return "" if value is None else value


def write_json(rows: Iterable[Row], columns: Iterable[str]) -> Iterator[str]:
    """The rows as a JSON array of objects, one object a line."""
    names = tuple(columns)
    yield "["
    for index, row in enumerate(rows):
        yield ("\n" if index == 0 else ",\n") + json.dumps({name: row[name] for name in names}, ensure_ascii=False)
    yield "\n]\n"


@dataclass(frozen=True)
class Export:
    """One of the two tables that come out: its rows, and their columns by format."""

    columns: dict[str, tuple[str, ...]]
    rows: Callable[[QuerySet[Read]], Iterator[Row]]


EXPORTS: dict[str, Export] = {
    "labels": Export({"csv": LABEL_COLUMNS, "json": LABEL_COLUMNS}, export_rows),
    # Points have no place in a table's cell; what follows from them has.
    "findings": Export({"csv": FINDING_COLUMNS, "json": (*FINDING_COLUMNS, "measures")}, finding_rows),
}
FORMATS: dict[str, Callable[[Iterable[Row], Iterable[str]], Iterator[str]]] = {"csv": write_csv, "json": write_json}


def exported(user: User, *, what: str, format: str = "csv", round_name: str = "") -> Iterator[str]:
    """What this person may take out, as text in pieces; the exposure and the audit are written before the first piece.

    `what` is a key of `EXPORTS`, `format` of `FORMATS`.

    Raises
    ------
    KeyError
        where there is no such table or format.
    """
    table, write = EXPORTS[what], FORMATS[format]
    reads = exportable_reads(user, round_name=round_name)
    record_export(user, what=what, format=format, round_name=round_name, reads=reads)
    return write(table.rows(reads), table.columns[format])


def record_export(user: User | None, *, what: str, format: str, round_name: str, reads: QuerySet[Read]) -> None:
    """Who took out what: counts and words, no identity."""
    detail = {"what": what, "format": format, "round": round_name, "reads": reads.count()}
    AuditEvent.objects.create(by=user, verb="export_labels", detail=detail)


def current_locked_reads(round_name: str = "") -> QuerySet[Read]:
    """All locked reads in their newest version: for the command line, whose user holds the database anyway."""
    reads = Read.objects.filter(state="locked").exclude(successor__state="locked")
    return reads.filter(round__name=round_name) if round_name else reads
