"""What the models say beside a person's own read: when it is shown, what, that it was, and what may be done with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from labeling.models import Assignment, Exposure, LabelOperation, ModelShowing, Read, Reference, Round, SliceLabel
from labeling.reading.gaps import read_gaps
from labeling.reading.labels import Conflict, load_state, mark_seen, replay, write_operation
from labeling.reading.locking import lock_read
from labeling.reading.opinions.suggestions import model_beside, reveals, stage
from labeling.reading.refusals import OperationRefused, ReadLocked
from labeling.reading.reopening import reopen
from labeling.reading.repinning import repin
from labeling.reading.roles import Role, reader_of
from labeling.reading.state import ReadState
from tests.factories import (
    lock_plainly,
    make_anatomy,
    make_assignment,
    make_case,
    make_read,
    make_round,
    make_user,
    sops_of,
    vertebra_of,
)
from tests.reading.conftest import operation, send
from tests.reading.opinions import make_opinion, make_version, serve

pytestmark = pytest.mark.django_db


def opinions(user: User, read: Read) -> tuple[str | None, list[int]]:
    """The stage, and whose opinions the room shows of this read."""
    shown = model_beside(user, read)
    return (None, []) if shown is None else (shown["stage"], [one["read"] for one in shown["opinions"]])


def draft_in(rule: str, *, kind: str = "labelling", **fields: Any) -> Read:
    """A draft of a round under this rule for the models, with everything in it seen."""
    read = make_read(make_case(), round=make_round(kind, rules={"model": rule}), **fields)
    mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops_of(read, 0, 11))
    return read


def person(read: Read) -> User:
    assert read.reader.user is not None
    return read.reader.user


def said_of(read: Read) -> dict[int, dict[str, Any]]:
    """L2 broken in slices 5 and 6 of those 4 to 7 that were classified, L3 whole; of L4 nothing."""
    four = sops_of(read, 4, 7)
    broken = dict(zip(four, ("negative", "fracture", "fracture", "negative"), strict=True))
    return {
        vertebra_of(read, "L2"): {"verdict": "fracture", "slices": broken},
        vertebra_of(read, "L3"): {"verdict": "negative", "slices": dict.fromkeys(four, "negative")},
    }


def opinion_on(read: Read, **fields: Any) -> Read:
    return make_opinion(read.anatomy, said_of(read), **fields)


def acceptance(read: Read, opinion: Read, level: str = "L2", **changed: Any) -> dict[str, Any]:
    vertebra = vertebra_of(read, level)
    said = said_of(read).get(vertebra, {"verdict": "negative", "slices": {}})
    return {"vertebra": vertebra, "model_read": opinion.pk, "all": False, **said, **changed}


def told_by_log(read: Read) -> ReadState:
    return replay(Read.objects.select_related("round").get(pk=read.pk))


def refusal(read: Read, verb: str, payload: dict[str, Any], **fields: Any) -> OperationRefused:
    before = load_state(read)[0]
    with pytest.raises(OperationRefused) as refused:
        send(read, verb, payload, **fields)
    assert load_state(read)[0] == before
    return refused.value


def screen(read: Read, opinion: int | None, k: int = 5) -> dict[str, Any]:
    """What the client says was on screen: a slice, drawn a moment ago, and an opinion."""
    (sop,) = sops_of(read, k, k)
    drawn = (timezone.now() - timedelta(seconds=1)).isoformat()
    suggestion = None if opinion is None else {"read": opinion}
    return {"sop_uid": sop, "window": [1800, 400], "rendered_at": drawn, "suggestion": suggestion}


# --- when ---------------------------------------------------------------------------------------------------------

STAGES = [
    # rule, drawn to be hidden, stage of the draft, of the locked read, of the draft after that one was looked at
    ("shown", False, "first", "revealed", "first"),
    ("shown", True, "hidden", "revealed", "revealed"),
    ("after_lock", False, "hidden", "revealed", "revealed"),
    ("after_lock", True, "hidden", "revealed", "revealed"),
    ("never", False, "hidden", "hidden", "hidden"),
]


@pytest.mark.parametrize(("rule", "drawn", "draft", "locked", "reopened"), STAGES)
def test_the_rule_of_the_round_and_the_draw_say_when(
    rule: str, drawn: bool, draft: str, locked: str, reopened: str
) -> None:
    read = draft_in(rule)
    Assignment.objects.update(model_hidden=drawn)
    opinion, user = opinion_on(read), person(read)
    stages = [opinions(user, read)]
    lock_plainly(read)
    # What was shown before is no news.
    assert reveals(user, read) == ((draft, locked) == ("hidden", "revealed"))
    stages.append(opinions(user, read))
    later = reopen(read_id=read.pk, reader=read.reader, reason="L4 again")
    stages.append(opinions(user, later))
    assert stages == [(each, [] if each == "hidden" else [opinion.pk]) for each in (draft, locked, reopened)]


def test_who_goes_back_before_they_were_shown_anything_says_it_by_themselves_once_more() -> None:
    read = draft_in("after_lock")
    user, first = person(read), lock_plainly(read)
    assert opinions(user, first) == ("revealed", []), "no model has read it"
    later = reopen(read_id=first.pk, reader=first.reader, reason="L4 again")
    opinion = opinion_on(read)
    assert opinions(user, later) == ("hidden", [])
    assert opinions(user, first) == ("hidden", []), "the locked one tells no more than the draft after it"
    assert not Exposure.objects.exists()
    lock_plainly(later)
    assert opinions(user, first) == opinions(user, later) == ("revealed", [opinion.pk])


def test_nothing_is_shown_before_the_reference_stands_where_the_rule_says_never() -> None:
    read = draft_in("never", kind="independent")
    user, opinion = person(read), opinion_on(read)
    lock_plainly(read)
    Round.objects.filter(pk=read.round_id).update(state="closed")

    def now() -> str | None:
        return stage(user, Read.objects.select_related("round", "reader").get(pk=read.pk))

    assert now() == "hidden"
    Reference.objects.create(case=read.case, read=read)
    assert now() == "revealed"
    Reference.objects.update(current=False)
    assert now() == "hidden"
    Reference.objects.create(case=read.case, read=read)
    assert now() == "revealed"
    repeat = make_assignment(
        read.case, round=make_round("repeat"), reader=read.reader, exposure_override="shown the truth"
    )
    assert now() == "hidden"
    Round.objects.filter(pk=repeat.round_id).update(state="closed")
    assert opinions(user, Read.objects.get(pk=read.pk)) == ("revealed", [opinion.pk])
    Round.objects.filter(pk=read.round_id).update(state="paused")
    assert now() == "hidden"


OWED: list[tuple[str, str, str, bool, bool]] = [
    # kind of another round that asks for the case, its state, its rule for the models, drawn, are the models hidden
    ("independent", "open", "never", False, True),
    ("independent", "planned", "never", False, True),
    ("independent", "paused", "never", False, True),
    ("independent", "closed", "never", False, False),
    ("repeat", "planned", "never", False, True),
    ("consensus", "open", "never", False, True),
    ("labelling", "open", "after_lock", False, True),
    ("practice", "open", "after_lock", False, True),
    ("labelling", "open", "shown", False, False),
    ("labelling", "open", "shown", True, True),
]


@pytest.mark.parametrize(("kind", "state", "rule", "drawn", "hidden"), OWED)
@pytest.mark.parametrize("own", ["shown", "locked"])
def test_who_owes_another_read_of_the_case_without_the_models_is_not_shown_them_here(
    own: str, kind: str, state: str, rule: str, drawn: bool, hidden: bool
) -> None:
    user = make_user(Role.SENIOR, Role.LEAD)
    read = draft_in("shown" if own == "shown" else "after_lock", reader=reader_of(user))
    other = make_round(kind, state=state, rules={"model": rule})
    make_assignment(read.case, round=other, reader=read.reader, model_hidden=drawn)
    opinion = opinion_on(read)
    if own == "locked":
        lock_plainly(read)
        assert reveals(user, read) != hidden
    now = "first" if own == "shown" else "revealed"
    assert opinions(user, read) == (("hidden", []) if hidden else (now, [opinion.pk]))
    assert Exposure.objects.exists() != hidden
    if hidden and kind != "consensus" and state == "open":
        lock_plainly(make_read(read.case, reader=read.reader, round=other))
        if kind == "independent":
            assert opinions(user, read) == ("hidden", []), "read blind, and nobody has said yet what is true"
            Reference.objects.create(case=read.case, read=Read.objects.get(round=other))
        assert opinions(user, read) == (now, [opinion.pk]), "once that one is locked"


def test_only_the_own_read_of_a_round_ever_shows_models_in_the_room() -> None:
    read = draft_in("shown")
    opinion, lead = opinion_on(read), make_user(Role.LEAD)
    lock_plainly(read)
    assert model_beside(lead, read) is None
    assert model_beside(lead, opinion) is None
    assert not Exposure.objects.exists()


# --- what ---------------------------------------------------------------------------------------------------------


def test_an_opinion_says_verdict_reason_score_and_slices_of_each_vertebra_and_the_case() -> None:
    read = draft_in("shown")
    opinion = opinion_on(read, reader=make_version(name="sagittal 3"))
    (said,) = serve(read)["opinions"]
    four = sops_of(read, 4, 7)
    l2, l3, l4 = (said["vertebrae"][str(vertebra_of(read, level))] for level in ("L2", "L3", "L4"))
    assert (said["read"], said["kind"], said["name"]) == (opinion.pk, "classifier", "sagittal 3")
    assert said["case"] == {"kind": "fracture", "text": "fracture at L2; 2 of 3 assessed"}
    assert (l2["verdict"], l2["why"], l2["reason"], l2["score"]) == ("fracture", "", "", 0.91)
    assert l2["slices"] == {
        four[0]: {"value": "negative", "p": 0.07},
        four[1]: {"value": "fracture", "p": 0.91},
        four[2]: {"value": "fracture", "p": 0.91},
        four[3]: {"value": "negative", "p": 0.07},
    }
    assert l3["verdict"] == "negative"
    assert (l4["verdict"], l4["why"], l4["score"], l4["slices"]) == ("not_assessable", "mask_missing", None, {})
    assert l4["reason"] == "It has no mask, so it was not classified."


def test_the_active_classifier_speaks_else_the_newest_that_has_read_it_and_morphometry_after_it() -> None:
    read = draft_in("shown")
    old, new = opinion_on(read), opinion_on(read)
    opinion_on(read, reader=make_version("segmentation"))
    opinion_on(read, reader=make_version("morphometry", state="retired"))
    assert opinions(person(read), read) == ("first", [new.pk])
    measured = opinion_on(read, reader=make_version("morphometry", state="active"))
    assert opinions(person(read), read) == ("first", [new.pk, measured.pk])
    version = old.reader.model_version
    assert version is not None
    version.state = "active"
    version.save()
    assert opinions(person(read), read) == ("first", [old.pk, measured.pk])


def test_a_retired_classifier_speaks_no_more_and_an_older_one_that_is_not_speaks_for_it() -> None:
    read = draft_in("shown")
    old, retired = opinion_on(read), opinion_on(read, reader=make_version(state="retired"))
    assert opinions(person(read), read) == ("first", [old.pk])
    version = old.reader.model_version
    assert version is not None
    version.state = "retired"
    version.save()
    assert opinions(person(read), read) == ("first", [])
    assert not ModelShowing.objects.filter(model_read=retired).exists()


def test_an_opinion_on_another_anatomy_is_not_laid_beside_the_read() -> None:
    read = draft_in("shown")
    opinion_on(read)
    other = make_anatomy(read.case, ("L1", "L2"))
    repin(read, other)
    assert opinions(person(read), read) == ("first", [])


# --- that it was --------------------------------------------------------------------------------------------------


def test_what_is_shown_is_written_down_with_whether_it_came_before_the_lock() -> None:
    read = draft_in("shown")
    assert serve(read)["opinions"] == []
    assert not Exposure.objects.exists()
    opinion = opinion_on(read)
    assert not ModelShowing.objects.exists()
    for _ in range(2):
        serve(read)
    assert list(Exposure.objects.values_list("reader", "case", "what")) == [(read.reader_id, read.case_id, "model")]
    lock_plainly(read)
    late = opinion_on(read)
    serve(read)
    later = reopen(read_id=read.pk, reader=read.reader, reason="After seeing the model")
    serve(later)
    shown = ModelShowing.objects.order_by("pk").values_list("read", "model_read", "first")
    assert list(shown) == [(read.pk, opinion.pk, True), (read.pk, late.pk, False), (later.pk, late.pk, False)]
    version = opinion.reader.model_version
    assert version is not None
    version.state = "active"
    version.save()
    serve(later)
    assert ModelShowing.objects.get(read=later, model_read=opinion).first, "it was known before the first lock"


def test_what_comes_after_the_lock_is_not_first() -> None:
    read = draft_in("after_lock")
    opinion = opinion_on(read)
    serve(read)
    assert not ModelShowing.objects.exists()
    lock_plainly(read)
    serve(read)
    later = reopen(read_id=read.pk, reader=read.reader, reason="After seeing the model")
    serve(later)
    assert list(ModelShowing.objects.values_list("model_read", "first")) == [(opinion.pk, False)] * 2


def test_whoever_was_shown_a_model_reads_the_case_in_no_blind_round() -> None:
    read = draft_in("shown")
    opinion_on(read)
    serve(read)
    with pytest.raises(Exception, match="blind_round_refuses_the_exposed"):
        make_assignment(read.case, round=make_round("independent"), reader=read.reader)


# --- accepting ----------------------------------------------------------------------------------------------------


def marks(read: Read, level: str) -> dict[str, tuple[str, str]]:
    found = SliceLabel.objects.filter(finding__read=read, finding__vertebra=vertebra_of(read, level))
    return {label.slice_id: (label.value, label.source) for label in found}


def test_a_suggestion_is_accepted_with_its_slices_and_the_rest_is_negative() -> None:
    read = draft_in("shown")
    opinion = opinion_on(read)
    serve(read)
    send(read, "set_ao", {"vertebra": vertebra_of(read, "L2"), "ao_body": "A3"})
    send(read, "accept", acceptance(read, opinion))
    send(read, "accept", acceptance(read, opinion, "L3", all=True))
    body, first, last = sops_of(read), *(sops_of(read, k, k)[0] for k in (3, 8))
    assert marks(read, "L2") == {
        **dict.fromkeys(body, ("negative", "accepted")),
        **dict.fromkeys(sops_of(read, 5, 6), ("fracture", "accepted")),
        first: ("negative", "range"),
        last: ("negative", "range"),
    }
    l2, l3 = (load_state(read)[0].finding(vertebra_of(read, level)) for level in ("L2", "L3"))
    assert (l2.verdict, l2.ao_body, l2.why) == ("fracture", "A3", "")
    assert (l3.verdict, l3.ao_body) == ("negative", None)
    assert [gap.kind for gap in read_gaps(read)] == ["no_verdict"]
    assert told_by_log(read) == load_state(read)[0]


def test_accepting_a_negative_takes_the_place_of_what_was_said_before() -> None:
    read = draft_in("shown")
    opinion = opinion_on(read)
    serve(read)
    vertebra = vertebra_of(read, "L3")
    sops = sops_of(read, 5, 5)
    send(read, "label_slices", {"vertebra": vertebra, "sop_uids": sops, "value": "fracture", "source": "key"})
    before = load_state(read)[0].finding(vertebra).as_json()
    send(read, "accept", acceptance(read, opinion, "L3"))
    after = load_state(read)[0].finding(vertebra)
    assert (after.verdict, after.ao_body, after.fractured_sops) == ("negative", None, ())
    send(read, "restore", {"vertebra": vertebra, "finding": before})
    send(read, "restore", {"vertebra": vertebra, "finding": after.as_json()})
    assert load_state(read)[0].finding(vertebra) == after, "undone and done again, the marks know where they are from"
    assert told_by_log(read) == load_state(read)[0]


def test_where_the_vertebra_is_the_unit_the_rest_bears_no_mark() -> None:
    round_ = make_round("labelling", rules={"model": "shown", "unit": "vertebra"})
    read = make_read(make_case(), round=round_)
    mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops_of(read))
    opinion = opinion_on(read)
    serve(read)
    send(read, "accept", acceptance(read, opinion))
    assert set(marks(read, "L2")) == set(sops_of(read, 4, 7))


def test_a_read_with_accepted_suggestions_is_locked_reopened_and_told_by_its_log() -> None:
    read = draft_in("shown")
    opinion = opinion_on(read)
    serve(read)
    send(read, "accept", acceptance(read, opinion, "L2"))
    send(read, "set_ao", {"vertebra": vertebra_of(read, "L2"), "ao_body": "A1"})
    send(read, "accept", acceptance(read, opinion, "L3"))
    send(read, "set_verdict", {"vertebra": vertebra_of(read, "L4"), "verdict": "indeterminate"})
    locked = lock_read(read_id=read.pk, reader=read.reader, base_seq=4)
    assert told_by_log(locked) == load_state(locked)[0]
    later = reopen(read_id=read.pk, reader=read.reader, reason="After seeing the model")
    before = load_state(later)[0].finding(vertebra_of(read, "L3"))
    send(later, "set_verdict", {"vertebra": vertebra_of(read, "L3"), "verdict": None})
    send(later, "restore", {"vertebra": vertebra_of(read, "L3"), "finding": before.as_json()})
    assert load_state(later)[0] == load_state(locked)[0]
    assert refusal(later, "accept", acceptance(later, opinion)).code == "no_suggestion", "it was not opened yet"
    serve(later)
    send(later, "accept", acceptance(later, opinion, "L3"))
    assert told_by_log(later) == load_state(later)[0]
    assert told_by_log(read) == load_state(locked)[0]


def test_only_what_was_looked_at_is_accepted_one_by_one_or_all_together() -> None:
    case = make_case()
    make_anatomy(case, cut=("L4",))
    read = make_read(case, round=make_round(rules={"model": "shown"}))
    l3 = case.anatomies.get().vertebrae.get(level="L3")
    l3.last_k = 9
    l3.save()
    opinion = opinion_on(read)
    serve(read)
    mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops_of(read, 3, 6))
    one = refusal(read, "accept", acceptance(read, opinion))
    assert (one.code, one.sentence) == ("unseen", "2 slices have not been seen on L2.")
    mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops_of(read, 7, 8))
    together = refusal(read, "accept", acceptance(read, opinion, all=True))
    assert (together.code, together.sentence) == ("unseen", "1 slice has not been seen on L3.")
    send(read, "accept", acceptance(read, opinion))
    mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops_of(read, 9, 9))
    send(read, "accept", acceptance(read, opinion, "L3", all=True))


def test_what_contradicts_a_slice_label_is_accepted_by_itself_and_not_with_all_the_others() -> None:
    read = draft_in("shown")
    opinion = opinion_on(read)
    serve(read)
    l2, l3 = (vertebra_of(read, level) for level in ("L2", "L3"))
    for vertebra, k in ((l2, 5), (l3, 4)):
        one = {"vertebra": vertebra, "sop_uids": sops_of(read, k, k), "value": "negative", "source": "key"}
        send(read, "label_slices", one)
    refused = refusal(read, "accept", acceptance(read, opinion, all=True))
    assert (refused.code, refused.sentence) == (
        "contradicted",
        "L2 has a slice label that says otherwise. Accept it by itself, or clear the label.",
    )
    send(read, "accept", acceptance(read, opinion, "L3", all=True))
    send(read, "accept", acceptance(read, opinion))
    send(read, "accept", acceptance(read, opinion, all=True))
    assert told_by_log(read) == load_state(read)[0]


def test_marks_are_put_back_as_accepted_only_where_they_once_were() -> None:
    read = draft_in("shown")
    opinion = opinion_on(read)
    serve(read)
    l2, l3 = (vertebra_of(read, level) for level in ("L2", "L3"))
    send(read, "accept", acceptance(read, opinion))
    accepted = load_state(read)[0].finding(l2).as_json()
    send(read, "set_verdict", {"vertebra": l2, "verdict": None})
    send(read, "restore", {"vertebra": l2, "finding": accepted})
    assert refusal(read, "restore", {"vertebra": l3, "finding": accepted}).code == "no_suggestion"
    (rest,) = sops_of(read, 3, 3)
    more = {**accepted, "slices": {**accepted["slices"], rest: {"value": "negative", "source": "accepted"}}}
    assert refusal(read, "restore", {"vertebra": l2, "finding": more}).code == "no_suggestion"
    (fractured,) = sops_of(read, 5, 5)
    other = {**accepted, "slices": {**accepted["slices"], fractured: {"value": "negative", "source": "accepted"}}}
    assert refusal(read, "restore", {"vertebra": l2, "finding": other}).code == "no_suggestion"


def test_only_what_a_classifier_says_is_accepted_word_by_word() -> None:
    read = draft_in("shown")
    opinion, measured = opinion_on(read), opinion_on(read, reader=make_version("morphometry", state="active"))
    elsewhere = opinion_on(draft_in("shown"))
    serve(read)
    one = dict.fromkeys(sops_of(read, 5, 5), "fracture")
    wrong = [
        acceptance(read, opinion, verdict="negative", slices={}),
        acceptance(read, opinion, slices=one),
        acceptance(read, opinion, slices={**acceptance(read, opinion)["slices"], sops_of(read, 8, 8)[0]: "fracture"}),
        acceptance(read, opinion, "L3", verdict="fracture", slices=one),
        acceptance(read, opinion, "L4"),
        acceptance(read, measured),
        acceptance(read, elsewhere),
        acceptance(read, opinion, model_read=opinion.pk + 10_000),
        acceptance(read, opinion, model_read=2**70),
        acceptance(read, opinion, model_read=read.pk),
    ]
    for payload in wrong:
        refused = refusal(read, "accept", payload)
        level = {vertebra_of(read, level): level for level in ("L2", "L3", "L4")}[payload["vertebra"]]
        assert (refused.code, refused.sentence) == (
            "no_suggestion",
            f"There is no suggestion for {level} here. Reload the case.",
        )
    assert refusal(read, "accept", acceptance(read, opinion, verdict="indeterminate")).code == "bad_payload"
    assert refusal(read, "accept", acceptance(read, opinion, slices={"9.9": "negative"})).code == "outside"
    assert refusal(read, "accept", acceptance(read, opinion, slices={})).code == "no_fractured_slice"
    assert refusal(read, "accept", {**acceptance(read, opinion), "sure": True}).code == "bad_payload"
    fractured = acceptance(read, opinion, "L3", slices=one)
    assert refusal(read, "accept", fractured).code == "fractured_slices"


def test_accepting_obeys_lock_order_and_number_as_every_operation() -> None:
    read = draft_in("shown")
    opinion = opinion_on(read)
    serve(read)
    sent = operation("accept", acceptance(read, opinion), base_seq=0)
    first = write_operation(read_id=read.pk, reader=read.reader, operation=sent)
    again = write_operation(read_id=read.pk, reader=read.reader, operation=sent)
    assert (again.replayed, again.as_json()) == (True, first.as_json())
    with pytest.raises(Conflict):
        send(read, "accept", acceptance(read, opinion, "L3"), base_seq=0)
    repin(Read.objects.get(pk=read.pk), make_anatomy(read.case, ("L2",)))
    lock_plainly(Read.objects.get(pk=read.pk))
    with pytest.raises(ReadLocked):
        send(read, "accept", acceptance(read, opinion))


def test_a_suggestion_on_the_anatomy_before_is_none_any_more() -> None:
    read = draft_in("shown")
    opinion = opinion_on(read)
    serve(read)
    payload = acceptance(read, opinion)
    same = make_anatomy(read.case, ())
    for body in read.anatomy.vertebrae.all():
        body.pk, body.anatomy = None, same
        body.save()
    repin(read, same)
    assert refusal(read, "accept", payload).code == "no_suggestion"
    assert refusal(read, "rest_negative", {"vertebra": payload["vertebra"]}, shown=screen(read, opinion.pk)).code == (
        "another_suggestion"
    )


# --- what stood on the screen -------------------------------------------------------------------------------------


def test_every_operation_keeps_what_was_suggested_as_it_was_made() -> None:
    read = draft_in("shown")
    opinion, measured = opinion_on(read), opinion_on(read, reader=make_version("morphometry", state="active"))
    serve(read)
    l2, l4 = vertebra_of(read, "L2"), vertebra_of(read, "L4")
    send(read, "accept", acceptance(read, opinion))
    send(read, "rest_negative", {"vertebra": l4}, shown=screen(read, opinion.pk))
    send(read, "set_unclear", {"vertebra": l2, "value": True}, shown=screen(read, opinion.pk))
    send(read, "set_unclear", {"vertebra": l2, "value": False}, shown=screen(read, measured.pk, k=0))
    send(read, "set_unclear", {"vertebra": l2, "value": True}, shown=screen(read, None))
    kept = [row.shown.get("suggestion") for row in LabelOperation.objects.filter(read=read).order_by("seq")]
    said = {"read": opinion.pk, "kind": "classifier"}
    assert kept == [
        {**said, "verdict": "fracture", "score": 0.91, "p": None},
        {**said, "verdict": "not_assessable", "score": None, "p": None},
        {**said, "verdict": "fracture", "score": 0.91, "p": 0.91},
        {"read": measured.pk, "kind": "morphometry", "verdict": "fracture", "score": 0.91, "p": None},
        None,
    ]


def test_what_is_accepted_is_what_stood_on_the_screen() -> None:
    read = draft_in("shown")
    opinion, measured = opinion_on(read), opinion_on(read, reader=make_version("morphometry", state="active"))
    serve(read)
    shown = screen(read, measured.pk)
    assert refusal(read, "accept", acceptance(read, opinion), shown=shown).code == "another_suggestion"
    send(read, "accept", acceptance(read, opinion), shown=screen(read, opinion.pk))


@pytest.mark.parametrize("with_opinion", [True, False])
@pytest.mark.parametrize("rule", ["after_lock", "never", "drawn", "owed"])
def test_while_the_models_are_hidden_nothing_is_suggested_accepted_or_told(rule: str, with_opinion: bool) -> None:
    read = draft_in("shown" if rule in ("drawn", "owed") else rule)
    if rule == "drawn":
        Assignment.objects.update(model_hidden=True)
    if rule == "owed":
        make_assignment(read.case, round=make_round("repeat"), reader=read.reader)
    elsewhere = draft_in("shown")
    opinion = opinion_on(read if with_opinion else elsewhere)
    assert serve(read)["opinions"] == []
    payload = acceptance(read, opinion)
    answers = [
        refusal(read, "accept", payload),
        refusal(read, "accept", payload, shown=screen(read, opinion.pk)),
        refusal(read, "rest_negative", {"vertebra": payload["vertebra"]}, shown=screen(read, opinion.pk)),
    ]
    assert [(one.code, one.sentence) for one in answers] == [
        ("no_suggestion", "There is no suggestion for L2 here. Reload the case."),
        ("no_suggestion", "There is no suggestion for L2 here. Reload the case."),
        ("another_suggestion", "The suggestion on screen was another one. Reload the case."),
    ]
    forged = {"value": "negative", "source": "accepted"}
    finding = {
        "verdict": "negative", "why": "", "ao_body": None, "process_fracture": False, "acuity": "unknown",
        "unclear": False, "comment": "", "level_said": "", "slices": dict.fromkeys(sops_of(read), forged),
    }  # fmt: skip
    assert refusal(read, "restore", {"vertebra": payload["vertebra"], "finding": finding}).code == "no_suggestion"
    assert not Exposure.objects.exists()
    assert not ModelShowing.objects.exists()


def test_a_suggestion_that_was_shown_is_hidden_from_the_moment_a_blind_read_is_owed() -> None:
    read = draft_in("shown")
    opinion = opinion_on(read)
    serve(read)
    send(read, "accept", acceptance(read, opinion))
    make_assignment(read.case, round=make_round("repeat"), reader=read.reader, exposure_override="no one else")
    assert opinions(person(read), read) == ("hidden", [])
    assert refusal(read, "accept", acceptance(read, opinion, "L3")).code == "no_suggestion"
    l2 = vertebra_of(read, "L2")
    # What stands on a screen that was loaded before is no reason to lose a click, and is told as it was.
    send(read, "set_unclear", {"vertebra": l2, "value": True}, shown=screen(read, opinion.pk))
    kept = LabelOperation.objects.get(read=read, verb="set_unclear").shown["suggestion"]
    assert (kept["read"], kept["verdict"]) == (opinion.pk, "fracture")
    before = load_state(read)[0].finding(l2).as_json()
    send(read, "set_verdict", {"vertebra": l2, "verdict": None})
    send(read, "restore", {"vertebra": l2, "finding": before})
    assert load_state(read)[0].finding(l2).as_json() == before, "what was accepted can still be undone and done again"


@pytest.mark.parametrize(
    "suggestion", [7, "7", [], {"read": "7"}, {"read": True}, {}, {"read": 1, "p": 0.5}, {"read": None}]
)
def test_a_screen_that_names_no_read_is_refused(suggestion: Any) -> None:
    read = draft_in("shown")
    serve(read)
    shown = {**screen(read, None), "suggestion": suggestion}
    payload = {"vertebra": vertebra_of(read, "L2"), "value": True}
    assert refusal(read, "set_unclear", payload, shown=shown).code == "bad_payload"
