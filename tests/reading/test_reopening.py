"""A locked read stays; a later version begins where it ended, until a consensus has begun."""

from __future__ import annotations

from typing import Any

import pytest

from labeling.models import (
    AnatomyVertebra,
    Exposure,
    Finding,
    Read,
    Reader,
    RoundState,
    Seen,
    SegmentInjury,
    Settles,
    SliceLabel,
)
from labeling.reading.labels import load_state, mark_seen, replay, write_operation
from labeling.reading.locking import lock_read
from labeling.reading.refusals import OperationRefused
from labeling.reading.reopening import hindrance, reopen
from labeling.reading.repinning import repin
from labeling.reading.replaying import replayed
from labeling.reading.rounds import newest_anatomy, open_read
from labeling.reading.visibility import owed_assignments, read_for, visible_reads
from labeling.reading.worklist import worklist
from labeling.reading.writable import locked_row
from tests.factories import (
    lock_plainly,
    make_anatomy,
    make_assignment,
    make_case,
    make_read,
    make_reader,
    make_round,
    sops_of,
    vertebra_of,
)
from tests.reading.conftest import operation, send

pytestmark = pytest.mark.django_db

WHY = "L4 looked at again"


def read_out(read: Read) -> Read:
    """Labels a read of L2 to L4 (a fracture, a negative, a cut or unclear one) and locks it."""
    sops = sops_of(read)
    mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops, viewed={"k": 4})
    l2, l3, l4 = (vertebra_of(read, level) for level in ("L2", "L3", "L4"))
    send(read, "label_slices", {"vertebra": l2, "sop_uids": sops[1:2], "value": "fracture", "source": "key"})
    send(read, "set_ao", {"vertebra": l2, "ao_body": "A1"})
    send(read, "set_injury", {"upper": l2, "lower": l3, "type": "B2"})
    send(read, "rest_negative", {"vertebra": l3})
    send(read, "set_comment", {"vertebra": l3, "text": "Schmorl's node"})
    send(read, "set_verdict", {"vertebra": l4, "verdict": "indeterminate"})
    return lock_read(read_id=read.pk, reader=read.reader, base_seq=6)


def reopened(read: Read, reason: str = WHY) -> Read:
    return reopen(read_id=read.pk, reader=read.reader, reason=reason)


def rows_of(read: Read) -> dict[str, Any]:
    """All that hangs on a read, as plain values."""
    labels = SliceLabel.objects.filter(finding__read=read).order_by("pk")
    return {
        "read": Read.objects.filter(pk=read.pk).values().get(),
        "findings": list(Finding.objects.filter(read=read).order_by("pk").values()),
        "labels": list(labels.values()),
        "injuries": list(SegmentInjury.objects.filter(read=read).values()),
        "seen": list(Seen.objects.filter(read=read).order_by("pk").values()),
    }


def test_the_new_version_says_what_the_locked_one_said_without_what_the_lock_implied(read: Read) -> None:
    locked = read_out(read)
    draft = reopened(locked)
    assert (draft.version, draft.state, draft.supersedes_id, draft.reopen_reason) == (2, "draft", locked.pk, WHY)
    assert (draft.stack_id, draft.anatomy_id, draft.viewed, draft.seq) == (
        locked.stack_id,
        locked.anatomy_id,
        {"k": 4},
        0,
    )
    before, context = load_state(locked)
    after, began = load_state(draft)
    assert {mark.source for mark in before.finding(vertebra_of(read, "L2")).slices.values()} == {"key", "implied"}
    assert {mark.source for mark in after.finding(vertebra_of(read, "L2")).slices.values()} == {"key"}
    assert after.finding(vertebra_of(read, "L3")) == before.finding(vertebra_of(read, "L3"))
    assert after.injuries == before.injuries
    assert began.seen == context.seen


def test_the_locked_version_stays_to_the_letter(read: Read) -> None:
    locked = read_out(read)
    before = rows_of(locked)
    draft = reopened(locked)
    send(draft, "set_verdict", {"vertebra": vertebra_of(draft, "L4"), "verdict": "not_assessable", "why": "metal"})
    assert rows_of(locked) == before


def test_tables_and_log_tell_the_same_story_in_each_version(read: Read) -> None:
    locked = read_out(read)
    assert load_state(locked)[0] == replay(locked)
    second = reopened(locked)
    assert load_state(second)[0] == replay(second)
    send(second, "set_verdict", {"vertebra": vertebra_of(second, "L4"), "verdict": "not_assessable", "why": "metal"})
    sent = send(second, "set_ao", {"vertebra": vertebra_of(second, "L2"), "ao_body": "A3"})
    assert sent.findings[vertebra_of(second, "L2")].ao_body == "A3"
    second = lock_read(read_id=second.pk, reader=second.reader, base_seq=2)
    assert load_state(second)[0] == replay(second)
    third = reopened(second, "and once more")
    assert (third.version, third.supersedes_id) == (3, second.pk)
    assert load_state(third)[0] == replay(third)
    assert second.content_sha != locked.content_sha


def test_a_click_on_a_later_version_is_answered_again_as_it_was(read: Read) -> None:
    draft = reopened(read_out(read))
    vertebra = vertebra_of(draft, "L3")
    sent = operation("set_unclear", {"vertebra": vertebra, "value": True}, base_seq=0)
    first = write_operation(read_id=draft.pk, reader=draft.reader, operation=sent)
    send(draft, "set_comment", {"vertebra": vertebra, "text": "later"})
    again = write_operation(read_id=draft.pk, reader=draft.reader, operation=sent)
    assert (again.findings, again.gaps, again.replayed) == (first.findings, first.gaps, True)
    assert again.findings[vertebra].comment == "Schmorl's node"


def test_the_log_knows_when_a_draft_went_over_to_another_anatomy(read: Read) -> None:
    draft = reopened(read_out(read))
    send(draft, "set_unclear", {"vertebra": vertebra_of(draft, "L2"), "value": True})
    wider = make_anatomy(draft.case, ("L2", "L3"), last_k=9)
    same = dict(draft.anatomy.vertebrae.values_list("level", "vertebra"))
    for row in wider.vertebrae.all():
        AnatomyVertebra.objects.filter(pk=row.pk).update(vertebra=same[row.level])
    repin(locked_row(draft.pk, draft.reader), wider)
    draft.refresh_from_db()
    send(draft, "set_comment", {"vertebra": same["L3"], "text": "on the new one"})
    draft.refresh_from_db()
    state, _ = load_state(draft)
    assert draft.anatomy_id == wider.pk
    assert same["L4"] not in state.findings
    assert state.finding(same["L3"]).verdict is None, "one of its slices is new"
    assert state == replayed(draft)


def test_reopening_twice_gives_the_draft_that_is_there(read: Read) -> None:
    locked = read_out(read)
    first = reopened(locked)
    assert reopened(locked, "another reason").pk == first.pk
    assert Read.objects.get(pk=first.pk).reopen_reason == WHY


def test_a_draft_is_not_reopened_nor_is_a_version_that_has_a_later_one(read: Read) -> None:
    with pytest.raises(OperationRefused, match="This read is a draft") as refused:
        reopened(read)
    assert refused.value.code == "not_locked"
    locked = read_out(read)
    draft = reopened(locked)
    lock_plainly(draft)
    with pytest.raises(OperationRefused, match="Version 2 follows") as refused:
        reopened(locked)
    assert refused.value.code == "later_version"


@pytest.mark.parametrize("state", [RoundState.PAUSED, RoundState.CLOSED])
def test_nothing_is_reopened_while_the_round_is_not_open(read: Read, state: str) -> None:
    locked = read_out(read)
    locked.round.state = state
    locked.round.save()
    with pytest.raises(OperationRefused, match=state):
        reopened(locked)


def test_once_a_consensus_has_begun_the_read_stays_as_it_was_locked(read: Read) -> None:
    locked = read_out(read)
    panel = Reader.objects.create(kind="panel", label="panel")
    make_read(locked.case, round=make_round("consensus"), reader=panel)
    assert hindrance(locked) is not None
    with pytest.raises(OperationRefused, match="consensus on this case has begun"):
        reopened(locked)
    assert Read.objects.filter(reader=locked.reader).count() == 1


def test_a_settled_read_stays_as_it_was_locked(read: Read) -> None:
    locked = read_out(read)
    panel = Reader.objects.create(kind="panel", label="panel")
    Settles.objects.create(consensus=make_read(locked.case, round=locked.round, reader=panel), read=locked, letter="A")
    with pytest.raises(OperationRefused, match="consensus on this case has begun"):
        reopened(locked)


def test_nobody_reopens_the_read_of_another(read: Read) -> None:
    locked = read_out(read)
    with pytest.raises(Read.DoesNotExist):
        reopen(read_id=locked.pk, reader=make_reader("senior", "lead"), reason=WHY)


@pytest.mark.parametrize(("kind", "stays"), [("independent", True), ("repeat", True), ("labelling", False)])
def test_who_was_shown_another_opinion_does_not_go_back_to_a_blind_one(kind: str, stays: bool) -> None:
    locked = lock_plainly(make_read(round=make_round(kind)))
    Exposure.objects.create(reader=locked.reader, case=locked.case, what="read")
    if stays:
        with pytest.raises(OperationRefused, match="shown another opinion"):
            reopened(locked)
    else:
        assert reopened(locked).version == 2


def test_what_a_reader_was_shown_before_they_locked_is_no_hindrance() -> None:
    read = make_read(round=make_round("independent"))
    Exposure.objects.create(reader=read.reader, case=read.case, what="report")
    assert reopened(lock_plainly(read)).version == 2


def test_who_knew_anothers_read_before_they_locked_may_have_looked_again_since() -> None:
    """An exposure is written once: the second look leaves no row that a time could be read from."""
    case, reader = make_case(), make_reader("resident", "lead")
    make_anatomy(case)
    other = lock_plainly(make_read(case))
    assert reader.user is not None
    read_for(reader.user, other.pk)
    repeat = make_round("repeat")
    make_assignment(case, round=repeat, reader=reader, exposure_override="nobody else is there")
    locked = lock_plainly(make_read(case, round=repeat, reader=reader))
    assert read_for(reader.user, other.pk).pk == other.pk
    with pytest.raises(OperationRefused, match="shown another opinion"):
        reopened(locked)


def test_a_reopened_case_is_blind_again() -> None:
    """Who may change a read may not see another's, whatever they may see once it is locked."""
    case, round_ = make_case(), make_round("independent")
    make_anatomy(case)
    other = lock_plainly(make_read(case, round=round_))
    reader = make_reader("senior", "lead")
    locked = lock_plainly(make_read(case, round=round_, reader=reader))
    assert reader.user is not None
    assert visible_reads(reader.user).filter(pk=other.pk).exists()
    draft = reopened(locked)
    assert owed_assignments(reader.user).filter(case=case).exists()
    with pytest.raises(Read.DoesNotExist):
        read_for(reader.user, other.pk)
    lock_plainly(draft)
    assert read_for(reader.user, other.pk).pk == other.pk


def test_the_draft_of_a_later_version_is_its_readers_alone(read: Read) -> None:
    draft = reopened(read_out(read))
    for role in ("lead", "engineer", "administrator"):
        person = make_reader(role).user
        assert person is not None
        assert [one.pk for one in visible_reads(person)] == [draft.supersedes_id]


def test_a_later_version_stays_on_its_anatomy_and_is_what_the_case_opens_with(read: Read) -> None:
    draft = reopened(read_out(read))
    newer = make_anatomy(draft.case)
    user = draft.reader.user
    assert user is not None
    assert newest_anatomy(draft.case) == newer
    found = open_read(user=user, case_id=draft.case_id)
    assert (found.pk, found.anatomy_id) == (draft.pk, draft.supersedes.anatomy_id)
    page = worklist(user, tab="draft")
    assert [(row.read, row.version, row.state) for row in page.rows] == [(draft.pk, 2, "draft")]
    assert page.counts["locked"] == 0
