"""A log is read by the rules of today, but says what it said when it was written."""

from __future__ import annotations

from uuid import uuid4

import pytest

from labeling.models import LabelOperation, Read, Seen
from labeling.reading.labels import load_state, mark_seen, replay
from labeling.reading.state import BLANK, FindingState
from tests.factories import sops_of, vertebra_of
from tests.reading.conftest import send

pytestmark = pytest.mark.django_db


def test_a_negative_range_from_before_ranges_had_to_be_seen_is_replayed_and_answered_again(read: Read) -> None:
    uuid, vertebra = uuid4(), vertebra_of(read, "L2")
    payload = {"vertebra": vertebra, "sop_uids": sops_of(read), "value": "negative", "source": "range"}
    mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops_of(read))
    first = send(read, "label_slices", payload, uuid=uuid, base_seq=0)
    # As it stood in the tables when nobody asked for coverage.
    Seen.objects.filter(read=read).delete()
    read.refresh_from_db()
    assert replay(read) == load_state(read)[0]
    again = send(read, "label_slices", payload, uuid=uuid, base_seq=0)
    assert (again.seq, again.findings, again.replayed) == (first.seq, first.findings, True)
    # What such a read lacks is still asked for before it can be locked.
    assert "unseen_slices" in [gap.kind for gap in again.gaps]


def test_an_undo_from_before_there_were_measures_is_replayed(read: Read) -> None:
    vertebra = vertebra_of(read, "L2")
    old = {**BLANK.as_json(), "verdict": "fracture", "ao_body": "A1"}
    del old["measures"]
    written = send(read, "restore", {"vertebra": vertebra, "finding": old, "injury": None})
    assert "measures" not in LabelOperation.objects.get(read=read).payload["finding"]
    read.refresh_from_db()
    assert replay(read) == load_state(read)[0]
    assert written.findings == {vertebra: FindingState("fracture", ao_body="A1")}
