"""The lock against PostgreSQL: what it asks for, what it adds, and that nothing moves afterwards."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from labeling.models import Finding, LabelOperation, Read, Seen, SegmentInjury, SliceLabel
from labeling.reading.gaps import read_gaps
from labeling.reading.labels import Conflict, ReadLocked, load_state, mark_seen, replay
from labeling.reading.locking import NotComplete, lock_read, pins_of
from labeling.reading.sealing import content_sha
from tests.factories import (
    lock_plainly,
    make_anatomy,
    make_case,
    make_model_reader,
    make_read,
    make_reader,
    make_round,
    sops_of,
    vertebra_of,
)
from tests.reading.conftest import send

pytestmark = pytest.mark.django_db


def fully_said(read: Read) -> Read:
    """L3 is an A1 fracture of two slices, the rest is negative, everything was seen."""
    sops = sops_of(read)
    mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops)
    fracture = {"vertebra": vertebra_of(read, "L3"), "sop_uids": sops[2:4], "value": "fracture", "source": "range"}
    send(read, "label_slices", fracture)
    send(read, "set_ao", {"vertebra": vertebra_of(read, "L3"), "ao_body": "A1"})
    for level in ("L2", "L4"):
        send(read, "rest_negative", {"vertebra": vertebra_of(read, level)})
    read.refresh_from_db()
    return read


def test_an_incomplete_read_is_refused_with_what_it_lacks(read: Read) -> None:
    send(read, "set_ao", {"vertebra": vertebra_of(read, "L3"), "ao_body": "A1"})
    with pytest.raises(NotComplete) as refusal:
        lock_read(read_id=read.pk, reader=read.reader, base_seq=1)
    assert [(gap.level, gap.kind) for gap in refusal.value.gaps] == [
        ("L2", "no_verdict"),
        ("L3", "no_fractured_slice"),
        ("L3", "unseen_slices"),
        ("L4", "no_verdict"),
    ]
    read.refresh_from_db()
    assert refusal.value.gaps == read_gaps(read)
    assert (read.state, read.content_sha) == ("draft", "")


def test_a_complete_read_locks_with_implied_negatives_and_a_hash(read: Read) -> None:
    fully_said(read)
    locked = lock_read(read_id=read.pk, reader=read.reader, base_seq=read.seq)
    assert locked.locked_at is not None
    labels = SliceLabel.objects.filter(finding__read=read, finding__vertebra=vertebra_of(read, "L3"))
    assert sorted(labels.values_list("slice__k", "value", "source")) == [
        (3, "negative", "implied"),
        (4, "negative", "implied"),
        (5, "fracture", "range"),
        (6, "fracture", "range"),
        (7, "negative", "implied"),
        (8, "negative", "implied"),
    ]
    assert Finding.objects.filter(read=read).count() == 3
    stored = Read.objects.select_related("round").get(pk=read.pk)
    state, _ = load_state(stored)
    assert replay(stored) == state
    assert stored.content_sha == content_sha(state, pins_of(stored))
    assert read_gaps(stored) == ()


def test_a_cut_vertebra_is_called_not_assessable_and_never_blocks() -> None:
    case = make_case()
    make_anatomy(case, ("L1", "L2"), cut=("L1",))
    read = make_read(case)
    mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops_of(read))
    send(read, "rest_negative", {"vertebra": vertebra_of(read, "L2")})
    send(read, "set_comment", {"vertebra": vertebra_of(read, "L1"), "text": "half of it is there"})
    lock_read(read_id=read.pk, reader=read.reader, base_seq=2)
    cut = Finding.objects.get(read=read, vertebra=vertebra_of(read, "L1"))
    assert (cut.verdict, cut.why, cut.comment) == ("not_assessable", "cut", "half of it is there")
    assert not cut.slice_labels.exists()


def test_where_the_unit_is_the_vertebra_nothing_is_implied() -> None:
    read = make_read(round=make_round("independent"))
    for level in ("L2", "L3", "L4"):
        send(read, "set_verdict", {"vertebra": vertebra_of(read, level), "verdict": "negative"})
    lock_read(read_id=read.pk, reader=read.reader, base_seq=3)
    assert not SliceLabel.objects.exists()


def test_a_lock_by_a_client_that_missed_an_operation_is_refused(read: Read) -> None:
    fully_said(read)
    with pytest.raises(Conflict):
        lock_read(read_id=read.pk, reader=read.reader, base_seq=read.seq - 1)
    assert Read.objects.get(pk=read.pk).state == "draft"


def test_only_its_reader_locks_a_read_and_only_once(read: Read) -> None:
    fully_said(read)
    with pytest.raises(Read.DoesNotExist):
        lock_read(read_id=read.pk, reader=make_reader(), base_seq=read.seq)
    lock_read(read_id=read.pk, reader=read.reader, base_seq=read.seq)
    with pytest.raises(ReadLocked):
        lock_read(read_id=read.pk, reader=read.reader, base_seq=read.seq)


def test_reads_by_models_owe_nothing_of_what_people_owe() -> None:
    read = make_read(reader=make_model_reader())
    assert read_gaps(read) == ()


def test_a_locked_read_keeps_every_row_whatever_is_tried(read: Read) -> None:
    fully_said(read)
    send(read, "set_injury", {"upper": vertebra_of(read, "L2"), "lower": vertebra_of(read, "L3"), "type": "B2"})
    read.refresh_from_db()
    lock_read(read_id=read.pk, reader=read.reader, base_seq=read.seq)
    finding = Finding.objects.filter(read=read).first()
    assert finding is not None
    attempts = [
        lambda: Read.objects.filter(pk=read.pk).update(state="draft", locked_at=None, content_sha=""),
        lambda: Read.objects.filter(pk=read.pk).delete(),
        lambda: Finding.objects.filter(pk=finding.pk).update(unclear=True),
        lambda: SliceLabel.objects.filter(finding=finding).update(value="fracture"),
        lambda: SliceLabel.objects.filter(finding__read=read).delete(),
        lambda: SegmentInjury.objects.filter(read=read).update(type="C"),
        lambda: SegmentInjury.objects.filter(read=read).delete(),
        lambda: LabelOperation.objects.filter(read=read).delete(),
        lambda: LabelOperation.objects.filter(read=read).update(verb="restore"),
    ]
    before = load_state(Read.objects.select_related("round").get(pk=read.pk))
    for attempt in attempts:
        with pytest.raises(DatabaseError, match=r"lock|insert_only|protected"), transaction.atomic():
            attempt()
    assert load_state(Read.objects.select_related("round").get(pk=read.pk)) == before


def test_seen_slices_of_a_read_are_what_its_gaps_are_judged_by(read: Read) -> None:
    sops = sops_of(read)
    mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops[:-1])
    payload = {"vertebra": vertebra_of(read, "L2"), "sop_uids": sops[:-1], "value": "fracture", "source": "range"}
    send(read, "label_slices", payload)
    gaps = {gap.kind: gap.sop_uids for gap in read_gaps(read) if gap.level == "L2"}
    assert gaps == {"no_ao_type": (), "unseen_slices": (sops[-1],)}
    Seen.objects.create(read=read, slice_id=sops[-1])
    assert [gap.kind for gap in read_gaps(read) if gap.level == "L2"] == ["no_ao_type"]


def test_a_locked_read_of_nothing_said_has_no_gaps_left_to_show(read: Read) -> None:
    assert read_gaps(lock_plainly(read)) == ()
