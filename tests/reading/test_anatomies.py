"""New versions of an anatomy by hand, the anatomy check, and drafts that follow."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.anatomy.placing import Placed
from labeling.imaging.refusal import Refusal
from labeling.models import (
    Anatomy,
    AnatomyVertebra,
    AuditEvent,
    Case,
    Finding,
    Job,
    LabelOperation,
    Read,
    RoundState,
    Vertebra,
)
from labeling.reading.anatomies import (
    AnatomyNotYours,
    Made,
    NewerAnatomy,
    Proposal,
    following_drafts,
    make_version,
    may_edit,
    origin_words,
    why_not_edit,
)
from labeling.reading.labels import Conflict, load_state, replay
from labeling.reading.locking import lock_read
from labeling.reading.refusals import OperationRefused, ReadLocked
from labeling.reading.rounds import open_read
from tests import factories
from tests.reading.conftest import send
from tests.reading.strategies import operations

pytestmark = pytest.mark.django_db


def as_placed(anatomy: Anatomy, **changes: dict[str, Any]) -> tuple[Placed, ...]:
    """The vertebrae of a version as a browser sends them back; `changes` by level."""
    return tuple(
        replace(
            Placed(
                vertebra=row.vertebra_id,
                level=row.level,
                certainty=row.certainty,
                first_k=row.first_k,
                last_k=row.last_k,
                box=tuple(row.box),
                cut=row.cut,
                cut_where=row.cut_where,
                mask_ok=row.mask_ok,
                origin=row.origin,
            ),
            **changes.get(row.level, {}),
        )
        for row in anatomy.vertebrae.all()
    )


def by_hand(level: str, z: float, **fields: Any) -> Placed:
    """A body of 9 mm about x = -1.5 (slices 4 to 7), inside the small stacks of the tests."""
    box = (-6.0, 3.0, 1.0, 7.0, z - 1.6, z + 1.6)
    certainty = "assumed" if level else "unknown"
    return replace(Placed(None, level, certainty, 4, 7, box, False, "", None, "by_hand"), **fields)


@pytest.fixture
def lead(db: None) -> User:
    return factories.make_user("lead")


@pytest.fixture
def resident(db: None) -> User:
    return factories.make_user("resident")


@pytest.fixture
def case(db: None) -> Case:
    """A case with a mask of L2 to L4 on slices 3 to 8 of 12."""
    case = factories.make_bare_case()
    # Higher than the mask, so that there is room for one more below it.
    case.reading_stack = factories.make_stack(case, rows=100)
    case.save(update_fields=["reading_stack"])
    factories.make_anatomy(case, label_map="masks/one.npz", outlines="outlines/one.json.gz")
    return case


def newest(case: Case) -> Anatomy:
    return case.anatomies.order_by("-n")[0]


def make(user: User, case: Case, vertebrae: tuple[Placed, ...], parent: int | None = -1, **options: Any) -> Made:
    confirm = options.pop("confirm", False)
    parent = newest(case).pk if parent == -1 else parent
    return make_version(user=user, case=case, proposal=Proposal(parent, vertebrae, confirm), **options)


def shifted(case: Case) -> tuple[Placed, ...]:
    return as_placed(newest(case), L2={"level": "L3"}, L3={"level": "L4"}, L4={"level": "L5"})


def test_a_shifted_numbering_is_a_new_version_of_the_same_vertebrae(case: Case, lead: User) -> None:
    before = newest(case)
    before.vertebrae.filter(level="L3").update(note="It was split.")
    made = make(lead, case, shifted(case))
    after = Anatomy.objects.get(pk=made.anatomy)
    assert (after.n, after.parent, after.author, made.n) == (2, before, factories.reader_of(lead), 2)
    assert [row.level for row in after.vertebrae.all()] == ["L3", "L4", "L5"]
    old, new = before.vertebrae.all(), after.vertebrae.all()
    for name in ("vertebra_id", "label_value", "box", "first_k", "last_k", "origin", "note"):
        assert [getattr(row, name) for row in new] == [getattr(row, name) for row in old], name
    assert (after.label_map, after.outlines) == (before.label_map, before.outlines)
    assert [row.level for row in before.vertebrae.all()] == ["L2", "L3", "L4"]
    assert origin_words(before) == "from a mask"
    assert origin_words(after) == "version 1, changed by hand"
    assert not after.confirmed_at


def test_every_new_version_with_a_mask_is_measured_and_a_preview_is_not(case: Case, lead: User) -> None:
    make(lead, case, shifted(case), preview=True)
    assert not Job.objects.exists()
    made = make(lead, case, shifted(case))
    assert [job.params for job in Job.objects.filter(kind="measure")] == [{"anatomy": made.anatomy}]
    make(lead, case, as_placed(newest(case)), confirm=True)
    assert Job.objects.count() == 1
    without = factories.make_case()
    make(lead, without, (by_hand("L3", -3.0),), parent=None)
    assert Job.objects.count() == 1


def test_without_a_mask_each_click_is_a_new_vertebra(lead: User) -> None:
    case = factories.make_case()
    made = make(lead, case, (by_hand("L1", -3.0), by_hand("", -8.0)), parent=None, confirm=True)
    anatomy = Anatomy.objects.get(pk=made.anatomy)
    rows = list(anatomy.vertebrae.select_related("vertebra"))
    assert [(row.level, row.certainty, row.origin, row.label_value) for row in rows] == [
        ("L1", "assumed", "by_hand", 0),
        ("", "unknown", "by_hand", 0),
    ]
    assert {row.vertebra.case_id for row in rows} == {case.pk}
    assert [row.rank for row in rows] == sorted({row.rank for row in rows})
    assert (anatomy.n, anatomy.parent, origin_words(anatomy)) == (1, None, "placed by hand")


def test_the_same_content_is_no_new_version_whatever_a_browser_rounds(case: Case, lead: User) -> None:
    rounded = tuple(replace(one, box=tuple(side + 0.004 for side in one.box or ())) for one in as_placed(newest(case)))
    assert make(lead, case, rounded).as_json() == {"anatomy": newest(case).pk, "n": 1, "carried": None}
    assert case.anatomies.count() == 1
    without_box = tuple(replace(one, box=None) for one in rounded)
    assert make(lead, case, without_box).anatomy == newest(case).pk


def test_a_request_that_is_sent_again_finds_the_version_that_it_made(case: Case, lead: User) -> None:
    first = newest(case)
    proposal = (*as_placed(first), by_hand("L5", -48.0))
    made = make(lead, case, proposal, parent=first.pk)
    again = make(lead, case, proposal, parent=first.pk)
    assert again.anatomy == made.anatomy
    assert (case.anatomies.count(), Vertebra.objects.filter(case=case).count()) == (2, 4)


def test_a_version_on_an_older_one_is_refused_with_the_newest_named(case: Case, lead: User) -> None:
    first = newest(case)
    make(lead, case, shifted(case))
    with pytest.raises(NewerAnatomy, match="Somebody made version 2 meanwhile") as refused:
        make(lead, case, as_placed(first, L2={"mask_ok": "no"}), parent=first.pk)
    assert (refused.value.anatomy, refused.value.n) == (newest(case).pk, 2)
    with pytest.raises(NewerAnatomy, match="Load it again"):
        make(lead, factories.make_case(), (by_hand("L1", -3.0),), parent=first.pk)


def test_confirming_is_written_down_and_ends_every_change_of_that_version(case: Case, lead: User) -> None:
    made = make(lead, case, as_placed(newest(case)), confirm=True)
    anatomy = Anatomy.objects.get(pk=made.anatomy)
    assert (anatomy.n, anatomy.confirmed_by) == (1, factories.reader_of(lead))
    event = AuditEvent.objects.get(verb="confirm_anatomy")
    assert (event.by, event.case) == (lead, case)
    assert event.detail == {"anatomy": anatomy.pk, "n": 1, "parent": None, "vertebrae": 3}
    with pytest.raises(Exception, match="confirmed_anatomy"), transaction.atomic():
        AnatomyVertebra.objects.filter(anatomy=anatomy, level="L2").update(level="L1")
    # A second person confirms what is confirmed: nothing changes, nothing is written.
    assert make(factories.make_user("engineer"), case, as_placed(anatomy), confirm=True).anatomy == anatomy.pk
    assert AuditEvent.objects.filter(verb="confirm_anatomy").count() == 1
    # A correction of it is the next version, and can be confirmed in its turn.
    later = make(lead, case, as_placed(anatomy, L2={"mask_ok": "no"}), confirm=True)
    assert (later.n, Anatomy.objects.get(pk=later.anatomy).parent) == (2, anatomy)


def test_a_vertebra_that_was_taken_out_comes_back_as_itself(case: Case, lead: User) -> None:
    first = newest(case)
    whole = as_placed(first)
    make(lead, case, whole[1:])
    assert [row.level for row in newest(case).vertebrae.all()] == ["L3", "L4"]
    make(lead, case, whole)
    back = newest(case)
    assert back.n == 3
    assert list(back.vertebrae.values_list("vertebra", "label_value")) == list(
        first.vertebrae.values_list("vertebra", "label_value")
    )
    assert not Vertebra.objects.filter(retired_into__isnull=False).exists()


def test_a_body_placed_by_hand_over_a_wrong_mask_keeps_its_identity_and_leaves_the_mask(case: Case, lead: User) -> None:
    new = as_placed(newest(case), L3={"origin": "by_hand", "mask_ok": "no", "box": (-6.0, 3.0, 1.0, 7.0, -30.0, -20.0)})
    make(lead, case, new)
    row = newest(case).vertebrae.get(level="L3")
    assert (row.vertebra_id, row.label_value, row.mask_ok) == (new[1].vertebra, 0, "no")
    again = tuple(replace(one, origin="segmented", box=None, mask_ok="yes") for one in as_placed(newest(case)))
    make(lead, case, again)
    assert newest(case).vertebrae.get(level="L3").label_value == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"level": "L2"}, "level-order"),
        ({"first_k": 9, "last_k": 12}, "extent"),
        ({"box": (-9.0, 6.0, 0.0, float("nan"), -12.0, 0.0)}, "box"),
        ({"origin": "by_hand", "box": None}, "no-box"),
        ({"cut_where": "top"}, "cut"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    case: Case, lead: User, change: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        make(lead, case, as_placed(newest(case), L3=change))
    assert refused.value.code == code
    assert case.anatomies.count() == 1


def test_a_vertebra_of_another_case_or_of_no_mask_is_refused(case: Case, lead: User) -> None:
    other = factories.make_anatomy(factories.make_case()).vertebrae.all()[0].vertebra_id
    for vertebra, code in ((other, "unknown-vertebra"), (None, "not-segmented")):
        with pytest.raises(Refusal) as refused:
            make(lead, case, as_placed(newest(case), L3={"vertebra": vertebra}))
        assert refused.value.code == code
    assert case.anatomies.count() == 1


def test_a_version_counts_on_from_every_version_of_the_case(case: Case, lead: User) -> None:
    proposal, parent = shifted(case), newest(case).pk
    factories.make_anatomy(case, stack=factories.make_stack(case), n=7)
    assert make(lead, case, proposal, parent=parent).n == 8


# Who may


@pytest.mark.parametrize(("role", "allowed"), [("lead", True), ("engineer", True), ("administrator", True)])
def test_overseers_change_the_anatomy_of_every_case(case: Case, role: str, allowed: bool) -> None:
    factories.make_read(case, round=factories.make_round("independent"))
    assert may_edit(factories.make_user(role), case) is allowed


@pytest.mark.parametrize("role", ["resident", "senior"])
def test_a_reader_of_a_labelling_round_makes_a_new_version(case: Case, role: str) -> None:
    user = factories.make_user(role)
    factories.make_read(case, reader=factories.reader_of(user))
    assert may_edit(user, case)


def test_an_account_without_a_role_changes_nothing(case: Case) -> None:
    user = factories.make_user()
    assert why_not_edit(user, case) == "Your account does not change anatomies."
    with pytest.raises(AnatomyNotYours):
        make(user, case, shifted(case))


@pytest.mark.parametrize("roles", [("senior",), ("senior", "lead")])
@pytest.mark.parametrize("state", [RoundState.OPEN, RoundState.PLANNED])
def test_who_owes_a_read_on_a_pinned_anatomy_may_not_change_it(case: Case, roles: tuple[str, ...], state: str) -> None:
    user = factories.make_user(*roles)
    factories.make_assignment(
        case, round=factories.make_round("independent", state=state), reader=factories.reader_of(user)
    )
    with pytest.raises(AnatomyNotYours, match="bound to its anatomy"):
        make(user, case, shifted(case))
    assert case.anatomies.count() == 1


@pytest.mark.parametrize(
    ("kind", "state", "allowed"),
    [
        ("independent", RoundState.OPEN, False),
        ("independent", RoundState.CLOSED, False),
        ("consensus", RoundState.PAUSED, False),
        ("independent", RoundState.PLANNED, True),
        ("practice", RoundState.OPEN, False),
        ("practice", RoundState.CLOSED, True),
        ("labelling", RoundState.OPEN, True),
    ],
)
def test_once_a_pinned_round_has_begun_readers_leave_the_anatomy_alone(
    case: Case, resident: User, kind: str, state: str, allowed: bool
) -> None:
    factories.make_read(case, reader=factories.reader_of(resident))
    factories.make_assignment(case, round=factories.make_round(kind, state=state), reader=factories.make_reader())
    assert may_edit(resident, case) is allowed


# Drafts


@pytest.fixture
def draft(case: Case, resident: User) -> Read:
    """The resident's draft: L2 a fracture on slice 4, L3 negative, L4 not touched."""
    read = factories.make_read(case, reader=factories.reader_of(resident))
    read.seen.model.objects.bulk_create(
        [read.seen.model(read=read, slice_id=sop) for sop in factories.sops_of(read, 0, 11)]
    )
    l2, l3 = factories.vertebra_of(read, "L2"), factories.vertebra_of(read, "L3")
    (sop,) = factories.sops_of(read, 4, 4)
    label(read, l2, sop)
    send(read, "set_ao", {"vertebra": l2, "ao_body": "A1"})
    send(read, "rest_negative", {"vertebra": l3})
    send(read, "set_injury", {"upper": l2, "lower": l3, "type": "B1"})
    read.refresh_from_db()
    return read


def label(read: Read, vertebra: int, sop: str) -> None:
    payload = {"vertebra": vertebra, "sop_uids": [sop], "value": "fracture", "source": "range"}
    send(read, "label_slices", payload)


def says(read: Read) -> dict[str, Any]:
    return load_state(Read.objects.select_related("round").get(pk=read.pk))[0].as_json()


def test_the_own_draft_follows_a_shift_with_every_label(case: Case, resident: User, draft: Read) -> None:
    before, seq = says(draft), draft.seq
    made = make(resident, case, shifted(case), read=draft.pk)
    assert made.carried is not None
    assert made.carried.as_json() == {"read": draft.pk, "kept": 2, "dropped": []}
    draft.refresh_from_db()
    assert (draft.anatomy_id, draft.seq) == (made.anatomy, seq + 1)
    assert says(draft) == before
    entry = LabelOperation.objects.get(read=draft, seq=draft.seq)
    assert (entry.verb, entry.payload) == ("set_anatomy", {"from": case.anatomies.get(n=1).pk, "to": made.anatomy})
    assert replay(draft).as_json() == before
    # And it goes on from there, under the new names.
    send(draft, "set_unclear", {"vertebra": factories.vertebra_of(draft, "L5"), "value": True})
    draft.refresh_from_db()
    assert replay(draft).as_json() == says(draft) != before


def test_a_draft_whose_vertebra_was_taken_out_says_what_was_lost(case: Case, resident: User, draft: Read) -> None:
    first = newest(case)
    gone = first.vertebrae.get(level="L2").vertebra_id
    smaller = as_placed(first, L3={"first_k": 2, "last_k": 8})[1:]
    Read.objects.filter(pk=draft.pk).update(viewed={"k": 4, "vertebra": gone})
    made = make(resident, case, smaller)
    assert made.carried is not None
    assert [one.as_json()["what"] for one in made.carried.dropped] == [
        "fracture, A1, 1 slice label",
        "B1 injury of the segment below",
        "negative: 1 slice of its new extent not labelled",
    ]
    draft.refresh_from_db()
    assert not Finding.objects.filter(read=draft, vertebra=gone).exists()
    assert draft.viewed == {"k": 4}
    assert replay(draft).as_json() == says(draft)
    # What is locked then counts the vertebrae of the new version, and no other.
    for level in ("L3", "L4"):
        send(draft, "rest_negative", {"vertebra": factories.vertebra_of(draft, level)})
    draft.refresh_from_db()
    lock_read(read_id=draft.pk, reader=draft.reader, base_seq=draft.seq)
    assert draft.findings.count() == 2
    draft.refresh_from_db()
    assert replay(draft).as_json() == says(draft)


def test_a_preview_tells_the_same_and_writes_nothing(case: Case, resident: User, draft: Read) -> None:
    first, before = newest(case), says(draft)
    counts = [model.objects.count() for model in (Anatomy, AnatomyVertebra, Vertebra, LabelOperation, AuditEvent)]
    proposal = (*as_placed(first)[1:], by_hand("L5", -48.0))
    told = make(resident, case, proposal, preview=True, confirm=True)
    assert (told.anatomy, told.n) == (None, 2)
    assert says(draft) == before
    assert counts == [
        model.objects.count() for model in (Anatomy, AnatomyVertebra, Vertebra, LabelOperation, AuditEvent)
    ]
    draft.refresh_from_db()
    assert draft.anatomy_id == first.pk
    made = make(resident, case, proposal, confirm=True)
    assert made.carried == told.carried
    # Of a version that is there already, a preview gives its key.
    assert make(resident, case, as_placed(newest(case)), preview=True).anatomy == made.anatomy


def test_the_draft_of_another_reader_stays_on_its_anatomy_and_an_empty_one_follows(
    case: Case, resident: User, draft: Read
) -> None:
    other, empty = factories.make_user("resident"), factories.make_user("resident")
    theirs = factories.make_read(case, reader=factories.reader_of(other), round=draft.round)
    send(theirs, "set_unclear", {"vertebra": factories.vertebra_of(theirs, "L2"), "value": True})
    blank = factories.make_read(case, reader=factories.reader_of(empty), round=draft.round)
    made = make(resident, case, shifted(case))
    assert open_read(user=other, case_id=case.pk).anatomy_id == theirs.anatomy_id != made.anatomy
    assert open_read(user=empty, case_id=case.pk).anatomy_id == made.anatomy
    blank.refresh_from_db()
    assert blank.seq == 0


def test_an_own_draft_that_says_nothing_moves_without_an_entry(case: Case, resident: User) -> None:
    read = factories.make_read(case, reader=factories.reader_of(resident))
    made = make(resident, case, shifted(case))
    read.refresh_from_db()
    assert (read.anatomy_id, read.seq) == (made.anatomy, 0)
    assert made.carried is not None
    assert made.carried.as_json() == {"read": read.pk, "kept": 0, "dropped": []}


def test_a_window_that_still_shows_the_old_anatomy_writes_nothing_about_the_new_one(case: Case, resident: User) -> None:
    read = factories.make_read(case, reader=factories.reader_of(resident))
    shown = read.anatomy_id
    made = make(resident, case, shifted(case))
    change = {"vertebra": factories.vertebra_of(read, "L2"), "value": True}
    with pytest.raises(Conflict) as conflict:
        send(read, "set_unclear", change, anatomy=shown)
    assert (conflict.value.anatomy, conflict.value.seq) == (made.anatomy, 0)
    assert says(read)["findings"] == {}
    send(read, "set_unclear", change, anatomy=made.anatomy)
    assert len(says(read)["findings"]) == 1


def test_a_draft_follows_to_a_version_that_was_there_already(case: Case, resident: User, draft: Read) -> None:
    mask = factories.make_anatomy(case, n=2)
    made = make(resident, case, as_placed(mask), confirm=True)
    draft.refresh_from_db()
    assert draft.anatomy_id == made.anatomy == mask.pk
    # Its vertebrae are others: nothing could be carried, and that is told.
    assert made.carried is not None
    assert (made.carried.kept, len(made.carried.dropped)) == (0, 3)
    assert replay(draft).as_json() == says(draft) == {"findings": {}, "injuries": {}}


def test_a_read_that_is_locked_pinned_or_another_persons_does_not_follow(
    case: Case, resident: User, draft: Read
) -> None:
    factories.lock_plainly(draft)
    with pytest.raises(ReadLocked):
        make(resident, case, shifted(case), read=draft.pk)
    with pytest.raises(Read.DoesNotExist):
        make(factories.make_user("lead"), case, shifted(case), read=draft.pk)
    both = factories.make_user("senior", "lead")
    panel = factories.make_read(case, reader=factories.reader_of(both), round=factories.make_round("consensus"))
    with pytest.raises(OperationRefused, match="stays on the anatomy it was begun with"):
        make(both, case, shifted(case), read=panel.pk)
    assert case.anatomies.count() == 1
    make(both, case, shifted(case))
    draft.refresh_from_db()
    panel.refresh_from_db()
    assert draft.anatomy.n == panel.anatomy.n == 1


def test_drafts_of_closed_rounds_and_of_other_stacks_do_not_follow(case: Case, resident: User, draft: Read) -> None:
    assert list(following_drafts(resident, case)) == [draft]
    type(draft.round).objects.filter(pk=draft.round_id).update(state=RoundState.CLOSED)
    assert not following_drafts(resident, case).exists()


@pytest.mark.django_db(transaction=True)
def test_two_people_at_once_make_one_version_and_the_other_is_told(case: Case, lead: User) -> None:
    first = newest(case)
    proposals = {"L2": as_placed(first, L2={"mask_ok": "yes"}), "L3": as_placed(first, L3={"mask_ok": "no"})}
    results: list[object] = []
    barrier = threading.Barrier(len(proposals))

    def run(vertebrae: tuple[Placed, ...]) -> None:
        try:
            barrier.wait(timeout=30)
            results.append(make_version(user=lead, case=case, proposal=Proposal(first.pk, vertebrae)).n)
        except NewerAnatomy as refused:
            results.append(refused.sentence)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(vertebrae,)) for vertebrae in proposals.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(results, key=str) == [2, "Somebody made version 2 meanwhile. Load it and make your changes there."]
    assert case.anatomies.count() == 2


@given(data=st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tables_and_log_say_the_same_however_labels_and_versions_follow_each_other(
    db: None, data: st.DataObject
) -> None:
    user = factories.make_user("resident")
    case = factories.make_case()
    factories.make_anatomy(case, label_map="masks/one.npz")
    read = factories.make_read(case, reader=factories.reader_of(user))
    whole = as_placed(newest(case))
    read.seen.model.objects.bulk_create([read.seen.model(read=read, slice_id=sop) for sop in factories.sops_of(read)])
    for _ in range(data.draw(st.integers(2, 10))):
        read = Read.objects.select_related("round", "reader", "anatomy").get(pk=read.pk)
        if data.draw(st.booleans()):
            state, context = load_state(read)
            verb, payload = data.draw(operations(context, state))
            with suppress(OperationRefused):
                send(read, verb, payload)
        else:
            kept = [one for one in whole if data.draw(st.booleans())] or [whole[-1]]
            first = data.draw(st.integers(0, 8))
            last = data.draw(st.integers(max(first, 3), 11))
            make(user, case, tuple(replace(one, first_k=first, last_k=last) for one in kept))
        read.refresh_from_db()
        assert read.anatomy == newest(case)
        state, context = load_state(read)
        assert replay(read).as_json() == state.as_json()
        assert set(state.findings) <= set(context.vertebrae)
        assert {*read.findings.values_list("vertebra", flat=True)} <= set(context.vertebrae)
