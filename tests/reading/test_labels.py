"""The one writer against PostgreSQL: what is stored, what is refused, and that the log tells the same story."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.models import Finding, LabelOperation, Read, Seen, SegmentInjury, SliceLabel
from labeling.reading.labels import Conflict, ReadLocked, load_state, mark_seen, replay, write_operation
from labeling.reading.state import BLANK, FindingState, OperationRefused, ReadContext, ReadState, SliceMark, apply
from tests.factories import lock_plainly, make_model_reader, make_read, make_reader, make_round, sops_of, vertebra_of
from tests.reading.conftest import operation, send
from tests.reading.opinions import drawn_opinion
from tests.reading.strategies import operations

pytestmark = pytest.mark.django_db


def key(read: Read, level: str, sop: str, value: str | None = "fracture") -> tuple[str, dict[str, Any]]:
    payload = {"vertebra": vertebra_of(read, level), "sop_uids": [sop], "value": value, "source": "key"}
    return "label_slices", payload


def test_a_click_becomes_an_operation_a_label_and_a_verdict(read: Read) -> None:
    sop = sops_of(read)[2]
    written = send(read, *key(read, "L3", sop))
    finding = Finding.objects.get(read=read)
    assert (written.seq, written.replayed) == (1, False)
    assert (finding.vertebra_id, finding.verdict) == (vertebra_of(read, "L3"), "fracture")
    label = SliceLabel.objects.get(finding=finding)
    assert (label.slice_id, label.value, label.source, label.p) == (sop, "fracture", "key", None)
    log = LabelOperation.objects.get(read=read)
    assert (log.seq, log.verb, log.shown["sop_uid"]) == (1, "label_slices", sop)
    assert Read.objects.get(pk=read.pk).seq == 1
    assert written.findings == {
        finding.vertebra_id: FindingState("fracture", slices={sop: SliceMark("fracture", "key")})
    }
    assert [gap.kind for gap in written.gaps if gap.level == "L3"] == ["no_ao_type", "unseen_slices"]


@pytest.mark.parametrize("rendered_at", [None, "", "soon", 5, "2026-01-05T10:00:00", "2026-01-05T10:00:00.001+00:00"])
@pytest.mark.parametrize("value", ["negative", "fracture", None])
def test_a_slice_that_was_not_drawn_when_the_key_was_pressed_takes_no_label(
    read: Read, rendered_at: object, value: str | None
) -> None:
    sop = sops_of(read)[0]
    pressed = datetime(2026, 1, 5, 10, tzinfo=UTC)
    shown = {"sop_uid": sop, "rendered_at": rendered_at}
    with pytest.raises(OperationRefused, match=r"not drawn yet\. Nothing was marked") as refused:
        send(read, *key(read, "L2", sop, value), shown=shown, client_at=pressed)
    assert refused.value.code == "not_drawn"
    assert (Read.objects.get(pk=read.pk).seq, read.seen.count()) == (0, 0)


@pytest.mark.parametrize("rendered_at", ["2026-01-05T10:00:00.000Z", "2026-01-05T11:59:59.9+02:00"])
def test_a_slice_drawn_up_to_the_moment_of_the_key_takes_its_label(read: Read, rendered_at: str) -> None:
    sop = sops_of(read)[0]
    shown = {"sop_uid": sop, "rendered_at": rendered_at}
    written = send(read, *key(read, "L2", sop), shown=shown, client_at=datetime(2026, 1, 5, 10, tzinfo=UTC))
    assert written.seq == 1


def test_a_slice_labelled_by_key_counts_as_seen(read: Read) -> None:
    sop = sops_of(read)[0]
    send(read, *key(read, "L2", sop))
    assert list(Seen.objects.filter(read=read).values_list("slice_id", flat=True)) == [sop]


def test_a_label_for_another_slice_than_the_one_on_screen_is_refused(read: Read) -> None:
    first, second = sops_of(read)[:2]
    with pytest.raises(OperationRefused, match=r"^The slice on screen was another one\.$"):
        send(read, *key(read, "L2", first), shown={"sop_uid": second})
    with pytest.raises(OperationRefused):
        send(read, *key(read, "L2", first), shown={})
    assert not LabelOperation.objects.exists()
    assert not SliceLabel.objects.exists()


def test_the_same_operation_sent_again_is_answered_the_same_and_changes_nothing(read: Read) -> None:
    first, second = sops_of(read)[:2]
    uuid = uuid4()
    once = send(read, *key(read, "L2", first), uuid=uuid, base_seq=0)
    send(read, *key(read, "L2", second))
    again = send(read, *key(read, "L2", first), uuid=uuid, base_seq=0)
    assert again.replayed
    assert (again.seq, again.findings, again.injuries) == (once.seq, once.findings, once.injuries)
    assert LabelOperation.objects.count() == 2
    assert SliceLabel.objects.count() == 2


def test_an_answer_lost_before_the_lock_can_still_be_asked_for_after_it(read: Read) -> None:
    uuid, sop = uuid4(), sops_of(read)[0]
    send(read, *key(read, "L2", sop), uuid=uuid, base_seq=0)
    read.refresh_from_db()
    lock_plainly(read)
    assert send(read, *key(read, "L2", sop), uuid=uuid, base_seq=0).replayed


def test_another_operation_under_a_used_number_is_refused(read: Read) -> None:
    uuid, other = uuid4(), make_read()
    send(read, "set_unclear", {"vertebra": vertebra_of(read, "L2"), "value": True}, uuid=uuid)
    with pytest.raises(OperationRefused, match="bears this number"):
        send(read, "set_unclear", {"vertebra": vertebra_of(read, "L2"), "value": False}, uuid=uuid)
    with pytest.raises(OperationRefused, match="bears this number"):
        send(other, "set_unclear", {"vertebra": vertebra_of(other, "L2"), "value": True}, uuid=uuid)
    assert LabelOperation.objects.count() == 1


def test_a_client_that_missed_an_operation_is_told_what_the_read_says(read: Read) -> None:
    vertebra = vertebra_of(read, "L2")
    send(read, "set_ao", {"vertebra": vertebra, "ao_body": "A4"})
    for base_seq in (0, 2):
        with pytest.raises(Conflict) as conflict:
            send(read, "set_unclear", {"vertebra": vertebra, "value": True}, base_seq=base_seq)
        assert conflict.value.seq == 1
        assert conflict.value.state == ReadState({vertebra: FindingState("fracture", ao_body="A4")})
    assert LabelOperation.objects.count() == 1


def test_a_locked_read_takes_no_operation_and_no_claim_of_coverage(read: Read) -> None:
    lock_plainly(read)
    with pytest.raises(ReadLocked):
        send(read, "set_unclear", {"vertebra": vertebra_of(read, "L2"), "value": True})
    with pytest.raises(ReadLocked):
        mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops_of(read))


def test_nobody_writes_to_another_readers_read(read: Read) -> None:
    for stranger in (make_reader(), make_reader("administrator"), make_model_reader()):
        with pytest.raises(Read.DoesNotExist):
            write_operation(
                read_id=read.pk,
                reader=stranger,
                operation=operation("rest_negative", {"vertebra": vertebra_of(read, "L2")}, base_seq=0),
            )
        with pytest.raises(Read.DoesNotExist):
            mark_seen(read_id=read.pk, reader=stranger, sop_uids=sops_of(read))


def test_a_refused_operation_leaves_no_trace(read: Read) -> None:
    with pytest.raises(OperationRefused):
        send(read, "rest_negative", {"vertebra": vertebra_of(read, "L2")})
    assert not LabelOperation.objects.exists()
    assert not Finding.objects.exists()
    assert Read.objects.get(pk=read.pk).seq == 0


@pytest.mark.parametrize("shown", [{"a": "\x00"}, {"a": "\ud800"}, {"a": float("nan")}, {"a": "x" * 5000}, [1]])
def test_a_screen_that_cannot_be_stored_is_refused(read: Read, shown: Any) -> None:
    with pytest.raises(OperationRefused, match="small JSON object"):
        send(read, "set_unclear", {"vertebra": vertebra_of(read, "L2"), "value": True}, shown=shown)


def test_an_injury_is_written_moved_and_taken_away(read: Read) -> None:
    upper, lower = vertebra_of(read, "L2"), vertebra_of(read, "L3")
    written = send(read, "set_injury", {"upper": upper, "lower": lower, "type": "B1"})
    assert written.as_json()["injuries"] == {str(upper): {"lower": lower, "type": "B1"}}
    send(read, "set_injury", {"upper": upper, "lower": lower, "type": "C"})
    assert SegmentInjury.objects.values_list("upper", "lower", "type").get() == (upper, lower, "C")
    written = send(read, "set_injury", {"upper": upper, "lower": None, "type": None})
    assert written.as_json()["injuries"] == {str(upper): None}
    assert not SegmentInjury.objects.exists()


def test_seen_slices_are_counted_once_and_only_of_the_stack_that_is_read(read: Read) -> None:
    sops = sops_of(read)
    viewed = {"k": 5, "vertebra": vertebra_of(read, "L3"), "window": [1800, 400]}
    assert mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops[:2], viewed=viewed) == 2
    assert mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops[:3]) == 3
    assert Read.objects.get(pk=read.pk).viewed == viewed
    with pytest.raises(OperationRefused, match="stack"):
        mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops_of(make_read()))
    with pytest.raises(OperationRefused):
        mark_seen(read_id=read.pk, reader=read.reader, sop_uids=[], viewed={"k": "\x00"})


def test_a_click_takes_at_most_nine_queries(read: Read) -> None:
    steps = [
        key(read, "L2", sops_of(read)[0]),
        key(read, "L2", sops_of(read)[0], "negative"),
        ("label_slices", {**key(read, "L2", "")[1], "sop_uids": sops_of(read), "source": "range"}),
        ("set_ao", {"vertebra": vertebra_of(read, "L2"), "ao_body": "A3"}),
        ("set_verdict", {"vertebra": vertebra_of(read, "L2"), "verdict": "indeterminate"}),
    ]
    for verb, payload in steps:
        with CaptureQueriesContext(connection) as queries:
            send(read, verb, payload, base_seq=read.seq)
        read.refresh_from_db()
        sent = [query for query in queries if "SAVEPOINT" not in query["sql"]]
        assert len(sent) <= 9, [query["sql"][:80] for query in sent]


def plain_draft() -> Read:
    """A draft whose vertebral slices were all seen, but not those beside them, in a round that shows the model."""
    read = make_read(round=make_round(rules={"model": "shown"}))
    mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops_of(read, 3, 8))
    return read


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_tables_log_and_memory_tell_the_same_story(db: None, data: st.DataObject) -> None:
    read = plain_draft()
    said = drawn_opinion(read, data)
    state, context = load_state(read)
    assert state == ReadState()
    for _ in range(data.draw(st.integers(1, 10))):
        verb, payload = data.draw(operations(context, state, said))
        sent = operation(verb, payload, base_seq=Read.objects.get(pk=read.pk).seq)
        context = _with_seen(read, context)
        try:
            expected: ReadState | None = apply(state, context, verb, copy.deepcopy(payload))
        except OperationRefused:
            expected = None
        if expected is None:
            with pytest.raises(OperationRefused):
                write_operation(read_id=read.pk, reader=read.reader, operation=sent)
            continue
        written = write_operation(read_id=read.pk, reader=read.reader, operation=sent)
        again = write_operation(read_id=read.pk, reader=read.reader, operation=sent)
        assert again == type(written)(written.seq, written.findings, written.injuries, written.gaps, replayed=True)
        state = expected
        assert all(state.finding(key) == finding for key, finding in written.findings.items())
    read.refresh_from_db()
    stored, _ = load_state(read)
    assert stored == state
    assert replay(read) == state
    assert read.seq == LabelOperation.objects.filter(read=read).count()


def _with_seen(read: Read, context: ReadContext) -> ReadContext:
    seen = frozenset(Seen.objects.filter(read=read).values_list("slice_id", flat=True))
    return replace(context, seen=seen)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_operations_that_come_twice_or_out_of_order_conflict_or_lead_to_the_same_end(
    db: None, data: st.DataObject
) -> None:
    read = make_read()
    vertebra = vertebra_of(read, "L2")
    story = [
        operation("set_ao", {"vertebra": vertebra, "ao_body": "A1"}, base_seq=0),
        operation("set_unclear", {"vertebra": vertebra, "value": True}, base_seq=1),
        operation("set_ao", {"vertebra": vertebra, "ao_body": "A2"}, base_seq=2),
    ]
    deliveries = [*data.draw(st.lists(st.sampled_from(range(3)), max_size=8)), 0, 1, 2]
    for index in deliveries:
        done = LabelOperation.objects.filter(read=read).count()
        if index > done:
            with pytest.raises(Conflict, match="another window"):
                write_operation(read_id=read.pk, reader=read.reader, operation=story[index])
        else:
            written = write_operation(read_id=read.pk, reader=read.reader, operation=story[index])
            assert (written.seq, written.replayed) == (index + 1, index < done)
    read.refresh_from_db()
    assert read.seq == 3
    assert load_state(read)[0] == ReadState({vertebra: FindingState("fracture", ao_body="A2", unclear=True)})


def test_a_finding_that_is_blank_again_reads_as_none(read: Read) -> None:
    sop = sops_of(read)[0]
    send(read, *key(read, "L2", sop))
    written = send(read, *key(read, "L2", sop, None))
    assert written.findings == {vertebra_of(read, "L2"): BLANK}
    assert load_state(read)[0] == ReadState()
