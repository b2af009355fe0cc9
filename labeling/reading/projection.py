"""Between the tables of a read and its state in memory: one query in, the smallest difference out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, QuerySet
from django.db.models.functions import JSONObject

from labeling.models import AnatomyVertebra, Finding, Read, Seen, SegmentInjury, Slice, SliceLabel
from labeling.reading.measures import measures_from_json
from labeling.reading.rules import Rules
from labeling.reading.state import (
    BLANK,
    FindingState,
    Injury,
    ReadContext,
    ReadState,
    SliceMark,
    VertebraContext,
)

__all__ = ["MARGIN", "Snapshot", "load_state", "load_states", "rules_of", "take_snapshot", "write_difference"]

#: Slices beyond each end of a body where a label is accepted: the extent comes from a mask, and masks are off by one.
MARGIN = 2

#: Columns that hold a field of a finding as it is; `measures` is JSON there.
_FIELDS = ("verdict", "why", "ao_body", "process_fracture", "acuity", "unclear", "comment", "level_said")


@dataclass(frozen=True)
class Snapshot:
    """A read as its tables hold it: state, context, and the primary keys of its findings by vertebra."""

    state: ReadState
    context: ReadContext
    finding_ids: Mapping[int, int]


def rules_of(read: Read) -> Rules | None:
    """The rules a read is made under; None for reads outside every round (models, reports)."""
    return None if read.round is None else Rules.parse(read.round.rules)


def load_state(read: Read) -> tuple[ReadState, ReadContext]:
    """What a read says now, and what it is judged against. One query."""
    snapshot = take_snapshot(read)
    return snapshot.state, snapshot.context


def load_states(reads: Collection[Read]) -> dict[int, tuple[ReadState, ReadContext]]:
    """As `load_state` for several reads, by their primary keys. One query."""
    rows = {row["pk"]: row for row in _snapshot_rows([read.pk for read in reads])}
    snapshots = {read.pk: _snapshot(read, rows[read.pk]) for read in reads}
    return {key: (snapshot.state, snapshot.context) for key, snapshot in snapshots.items()}


def take_snapshot(read: Read) -> Snapshot:
    """As `load_state`, with the keys of the rows. One query, so that it costs a label write one round trip."""
    return _snapshot(read, _snapshot_rows([read.pk]).get())


def _snapshot(read: Read, row: Mapping[str, Any]) -> Snapshot:
    findings = {item["vertebra"]: _finding(item) for item in row["said"]}
    injuries = {item["upper"]: Injury(item["lower"], item["type"]) for item in row["torn"]}
    images = {item["k"]: item["sop"] for item in row["images"]}
    rules = rules_of(read)
    return Snapshot(
        state=ReadState({key: finding for key, finding in findings.items() if finding != BLANK}, injuries),
        context=ReadContext(
            unit=rules.unit if rules else "slice",
            ao_required=rules.ao_required if rules else False,
            vertebrae=_vertebrae(row["bodies"], images),
            seen=frozenset(row["looked_at"]),
            slices=frozenset(images.values()),
        ),
        finding_ids={item["vertebra"]: item["id"] for item in row["said"]},
    )


def _snapshot_rows(read_ids: list[int]) -> QuerySet[Read, Any]:
    marks = SliceLabel.objects.filter(finding=OuterRef("pk")).values(
        json=JSONObject(sop=F("slice_id"), value=F("value"), source=F("source"))
    )
    findings = Finding.objects.filter(read=OuterRef("pk")).values(
        json=JSONObject(
            id=F("id"),
            vertebra=F("vertebra_id"),
            marks=ArraySubquery(marks),
            measures=F("measures"),
            **{name: F(name) for name in _FIELDS},
        )
    )
    injuries = SegmentInjury.objects.filter(read=OuterRef("pk")).values(
        json=JSONObject(upper=F("upper_id"), lower=F("lower_id"), type=F("type"))
    )
    bodies = AnatomyVertebra.objects.filter(anatomy=OuterRef("anatomy")).order_by("rank", "pk")
    images = Slice.objects.filter(stack=OuterRef("stack")).order_by("k")
    return Read.objects.filter(pk__in=read_ids).values(
        "pk",
        said=ArraySubquery(findings),
        torn=ArraySubquery(injuries),
        looked_at=ArraySubquery(Seen.objects.filter(read=OuterRef("pk")).values("slice_id")),
        bodies=ArraySubquery(
            bodies.values(
                json=JSONObject(
                    id=F("vertebra_id"), level=F("level"), first=F("first_k"), last=F("last_k"), cut=F("cut")
                )
            )
        ),
        images=ArraySubquery(images.values(json=JSONObject(k=F("k"), sop=F("sop_uid")))),
    )


def _finding(item: dict[str, Any]) -> FindingState:
    return FindingState(
        **{name: item[name] for name in _FIELDS},
        slices={mark["sop"]: SliceMark(mark["value"], mark["source"]) for mark in item["marks"]},
        measures=measures_from_json(item["measures"]),
    )


def _vertebrae(bodies: list[dict[str, Any]], sops: Mapping[int, str]) -> dict[int, VertebraContext]:
    def between(first: int, last: int) -> tuple[str, ...]:
        return tuple(sops[k] for k in range(first, last + 1) if k in sops)

    return {
        body["id"]: VertebraContext(
            id=body["id"],
            level=body["level"],
            sops=between(body["first"], body["last"]),
            margin_sops=(
                *between(body["first"] - MARGIN, body["first"] - 1),
                *between(body["last"] + 1, body["last"] + MARGIN),
            ),
            cut=body["cut"],
        )
        for body in bodies
    }


def write_difference(read: Read, before: Snapshot, after: ReadState) -> None:
    """Makes the tables say `after`, touching only what differs. The caller holds the lock on the read's row."""
    changed = [
        key
        for key in before.context.vertebrae
        if before.state.finding(key) != after.finding(key) or (key in after.findings and key not in before.finding_ids)
    ]
    ids = {**before.finding_ids, **_write_findings(read, before, after, changed)}
    _write_marks(before, after, changed, ids)
    _write_injuries(read, before.state.injuries, after.injuries)


def _write_findings(read: Read, before: Snapshot, after: ReadState, changed: list[int]) -> dict[int, int]:
    """Inserts or updates the rows whose own columns differ; the keys of the new and changed ones."""
    rows = [
        Finding(read=read, vertebra_id=key, **_columns(after.finding(key)))
        for key in changed
        if key not in before.finding_ids or _columns(before.state.finding(key)) != _columns(after.finding(key))
    ]
    if rows:
        # A finding that is blank again keeps its row: no verdict is NULL, and the row costs less than its removal.
        Finding.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["read", "vertebra"], update_fields=[*_FIELDS, "measures"]
        )
    return {row.vertebra_id: row.pk for row in rows}


def _columns(finding: FindingState) -> dict[str, Any]:
    columns = {name: getattr(finding, name) for name in _FIELDS}
    return {**columns, "measures": [measure.as_json() for measure in finding.measures]}


def _write_marks(before: Snapshot, after: ReadState, changed: list[int], ids: Mapping[int, int]) -> None:
    rows = []
    for key in changed:
        old, new = before.state.finding(key).slices, after.finding(key).slices
        if gone := sorted(set(old) - set(new)):
            SliceLabel.objects.filter(finding=ids[key], slice__in=gone).delete()
        rows += [
            SliceLabel(finding_id=ids[key], slice_id=sop, value=mark.value, source=mark.source)
            for sop, mark in new.items()
            if old.get(sop) != mark
        ]
    if rows:
        SliceLabel.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["finding", "slice"], update_fields=["value", "source"]
        )


def _write_injuries(read: Read, before: Mapping[int, Injury], after: Mapping[int, Injury]) -> None:
    if gone := sorted(set(before) - set(after)):
        SegmentInjury.objects.filter(read=read, upper__in=gone).delete()
    rows = [
        SegmentInjury(read=read, upper_id=upper, lower_id=injury.lower, type=injury.type)
        for upper, injury in after.items()
        if before.get(upper) != injury
    ]
    if rows:
        SegmentInjury.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["read", "upper"], update_fields=["lower", "type"]
        )
