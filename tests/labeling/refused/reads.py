"""Reads and all that hangs on them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.db import connection
from django.utils import timezone

from labeling.models import (
    ActiveTime,
    Finding,
    LabelOperation,
    ModelShowing,
    Read,
    Reader,
    Seen,
    SegmentInjury,
    Settles,
    SliceLabel,
)
from tests.factories import (
    lock_plainly,
    make_model_reader,
    make_read,
    make_reader,
    make_round,
    sops_of,
    vertebra_of,
)
from tests.labeling.refused import ACTS, Try, refused_by


def _without(table: str, constraint: str) -> None:
    """Takes a constraint away for this transaction, where it stands before the one under test."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{constraint}"')


def another_version(read: Read, **fields: Any) -> Read:
    same = {"round": read.round, "case": read.case, "reader": read.reader, "stack": read.stack, "anatomy": read.anatomy}
    return Read.objects.create(**{**same, **fields})


def _without_the_trigger_on_versions() -> None:
    """As `_without`, for the trigger that stands before the constraints on later versions."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'pgtrigger_later_version_follows%'")
        (name,) = cursor.fetchone()
        cursor.execute(f'ALTER TABLE labeling_read DISABLE TRIGGER "{name}"')


@refused_by("read_version_is_unique")
def two_first_versions() -> Try:
    read = lock_plainly(make_read())
    return lambda: another_version(read)


@refused_by("one_draft_per_reader_case_and_round")
def two_drafts() -> Try:
    read = make_read()
    _without_the_trigger_on_versions()
    return lambda: another_version(read, version=2, supersedes=read, reopen_reason="again")


@refused_by("model_reads_a_stack_and_anatomy_once")
def a_model_that_reads_twice() -> Try:
    read = make_read()
    model = make_model_reader()
    another_version(read, round=None, reader=model)
    lock = {"state": "locked", "locked_at": timezone.now(), "content_sha": "a"}
    return lambda: another_version(read, round=None, reader=model, **lock)


@refused_by("read_state_is_known_word")
def a_read_in_an_unknown_state() -> Try:
    read = make_read()
    _without("labeling_read", "locked_read_has_time_and_hash")
    return lambda: Read.objects.filter(pk=read.pk).update(state="x")


@refused_by("locked_read_has_time_and_hash")
def a_lock_without_a_time() -> Try:
    read = make_read()
    return lambda: Read.objects.filter(pk=read.pk).update(state="locked", content_sha="a")


@refused_by("locked_read_has_time_and_hash")
def a_draft_with_a_hash() -> Try:
    read = make_read()
    return lambda: Read.objects.filter(pk=read.pk).update(content_sha="a")


@refused_by("later_version_supersedes_with_a_reason")
def a_second_version_of_nothing() -> Try:
    read = lock_plainly(make_read())
    _without_the_trigger_on_versions()
    return lambda: another_version(read, version=2)


@refused_by("later_version_supersedes_with_a_reason")
def a_second_version_for_no_reason() -> Try:
    read = lock_plainly(make_read())
    return lambda: another_version(read, version=2, supersedes=read)


_REOPENED = {"version": 2, "reopen_reason": "a slice forgotten"}


@refused_by("later_version_follows_a_lock_until_consensus")
def a_later_version_of_a_draft() -> Try:
    read = make_read()
    return lambda: another_version(read, supersedes=read, **_REOPENED)


@refused_by("later_version_follows_a_lock_until_consensus")
def a_later_version_of_anothers_read() -> Try:
    read = lock_plainly(make_read())
    return lambda: another_version(read, reader=make_reader(), supersedes=read, **_REOPENED)


@refused_by("later_version_follows_a_lock_until_consensus")
def a_version_left_out() -> Try:
    read = lock_plainly(make_read())
    return lambda: another_version(read, supersedes=read, version=3, reopen_reason="a slice forgotten")


@refused_by("later_version_follows_a_lock_until_consensus")
def a_later_version_once_a_consensus_read_is_there() -> Try:
    read = lock_plainly(make_read())
    panel = Reader.objects.create(kind="panel", label="panel")
    another_version(read, round=make_round("consensus"), reader=panel)
    return lambda: another_version(read, supersedes=read, **_REOPENED)


@refused_by("later_version_follows_a_lock_until_consensus")
def a_later_version_of_a_settled_read() -> Try:
    read = lock_plainly(make_read())
    panel = Reader.objects.create(kind="panel", label="panel")
    Settles.objects.create(consensus=another_version(read, reader=panel), read=read, letter="A")
    return lambda: another_version(read, supersedes=read, **_REOPENED)


@refused_by("locked_read_never_changes")
def a_locked_read_reopened_in_place() -> Try:
    read = lock_plainly(make_read())
    return lambda: Read.objects.filter(pk=read.pk).update(state="draft", locked_at=None, content_sha="")


def _finding(**wrong: Any) -> Try:
    read = make_read()
    vertebra = vertebra_of(read, "L2")
    return lambda: Finding.objects.create(read=read, vertebra_id=vertebra, **wrong)


for _constraint, _what, _wrong in [
    ("finding_verdict_is_known_word", "an_unknown_verdict", {"verdict": "x"}),
    ("finding_ao_body_only_on_fracture", "negative_with_an_AO_type", {"verdict": "negative", "ao_body": "A3"}),
    ("finding_ao_body_only_on_fracture", "no_verdict_with_an_AO_type", {"ao_body": "A3"}),
    ("finding_ao_body_is_known_word", "an_A5", {"verdict": "fracture", "ao_body": "A5"}),
    ("finding_not_assessable_says_why", "not_assessable_without_why", {"verdict": "not_assessable"}),
    (
        "finding_not_assessable_says_why",
        "not_assessable_for_no_known_reason",
        {"verdict": "not_assessable", "why": "x"},
    ),
    ("finding_not_assessable_says_why", "negative_with_a_why", {"verdict": "negative", "why": "metal"}),
    ("finding_not_assessable_says_why", "no_verdict_with_a_why", {"why": "metal"}),
    ("finding_acuity_is_known_word", "an_unknown_acuity", {"acuity": "x"}),
    ("finding_score_is_a_probability", "a_score_over_one", {"score": 1.01}),
    ("finding_score_is_a_probability", "a_score_below_nothing", {"score": -0.01}),
]:
    ACTS.append((_constraint, _what, lambda wrong=_wrong: _finding(**wrong)))


@refused_by("one_finding_per_read_and_vertebra")
def two_findings_on_one_vertebra() -> Try:
    read = make_read()
    said = {"read": read, "vertebra_id": vertebra_of(read, "L2")}
    Finding.objects.create(**said)
    return lambda: Finding.objects.create(**said)


def _injury(**wrong: Any) -> Try:
    read = make_read()
    fields = {"read": read, "upper_id": vertebra_of(read, "L2"), "lower_id": vertebra_of(read, "L3"), "type": "B1"}
    return lambda: SegmentInjury.objects.create(**{**fields, **wrong})


@refused_by("one_injury_per_segment")
def two_injuries_of_one_segment() -> Try:
    act = _injury()
    act()
    return act


@refused_by("injury_type_is_known_word")
def a_B4() -> Try:  # noqa: N802 - the type's name
    return _injury(type="B4")


@refused_by("injury_lies_between_two_vertebrae")
def an_injury_between_a_vertebra_and_itself() -> Try:
    read = make_read()
    vertebra = vertebra_of(read, "L2")
    return _injury(read=read, upper_id=vertebra, lower_id=vertebra)


def _marked(**wrong: Any) -> Try:
    read = make_read()
    finding = Finding.objects.create(read=read, vertebra_id=vertebra_of(read, "L2"), verdict="fracture")
    fields = {"finding": finding, "slice_id": sops_of(read)[0], "value": "fracture", "source": "key"}
    return lambda: SliceLabel.objects.create(**{**fields, **wrong})


for _constraint, _what, _wrong in [
    ("slice_value_is_known_word", "an_unknown_label", {"value": "x"}),
    ("slice_source_is_known_word", "an_unknown_source", {"source": "x"}),
    ("slice_p_is_a_probability", "a_probability_over_one", {"p": 1.01}),
]:
    ACTS.append((_constraint, _what, lambda wrong=_wrong: _marked(**wrong)))


@refused_by("one_label_per_finding_and_slice")
def two_labels_of_one_slice() -> Try:
    act = _marked()
    act()
    return act


def _locked_with_everything() -> Read:
    read = make_read()
    finding = Finding.objects.create(read=read, vertebra_id=vertebra_of(read, "L2"), verdict="fracture")
    SliceLabel.objects.create(finding=finding, slice_id=sops_of(read)[0], value="fracture", source="key")
    SegmentInjury.objects.create(read=read, upper_id=vertebra_of(read, "L2"), type="C")
    return lock_plainly(read)


@refused_by("finding_of_a_locked_read_never_changes")
def a_verdict_changed_after_the_lock() -> Try:
    read = _locked_with_everything()
    return lambda: Finding.objects.filter(read=read).update(unclear=True)


@refused_by("finding_of_a_locked_read_never_changes")
def a_verdict_added_after_the_lock() -> Try:
    read = _locked_with_everything()
    return lambda: Finding.objects.create(read=read, vertebra_id=vertebra_of(read, "L3"))


@refused_by("finding_of_a_locked_read_never_changes")
def a_verdict_moved_out_of_a_locked_read() -> Try:
    read = _locked_with_everything()
    draft = make_read(read.case)
    return lambda: Finding.objects.filter(read=read).update(read=draft)


@refused_by("injury_of_a_locked_read_never_changes")
def an_injury_moved_out_of_a_locked_read() -> Try:
    read = _locked_with_everything()
    draft = make_read(read.case)
    return lambda: SegmentInjury.objects.filter(read=read).update(read=draft)


@refused_by("label_of_a_locked_read_never_changes")
def a_label_moved_out_of_a_locked_read() -> Try:
    read = _locked_with_everything()
    draft = Finding.objects.create(read=make_read(read.case), vertebra_id=vertebra_of(read, "L3"))
    return lambda: SliceLabel.objects.filter(finding__read=read).update(finding=draft)


@refused_by("injury_of_a_locked_read_never_changes")
def an_injury_changed_after_the_lock() -> Try:
    read = _locked_with_everything()
    return lambda: SegmentInjury.objects.filter(read=read).update(type="B1")


@refused_by("injury_of_a_locked_read_never_changes")
def an_injury_taken_away_after_the_lock() -> Try:
    read = _locked_with_everything()
    return lambda: SegmentInjury.objects.filter(read=read).delete()


@refused_by("label_of_a_locked_read_never_changes")
def a_label_changed_after_the_lock() -> Try:
    read = _locked_with_everything()
    return lambda: SliceLabel.objects.filter(finding__read=read).update(value="negative")


@refused_by("label_of_a_locked_read_never_changes")
def a_label_added_after_the_lock() -> Try:
    read = _locked_with_everything()
    finding = Finding.objects.get(read=read)
    fields = {"finding": finding, "slice_id": sops_of(read)[1], "value": "fracture", "source": "key"}
    return lambda: SliceLabel.objects.create(**fields)


@refused_by("label_of_a_locked_read_never_changes")
def a_label_taken_away_after_the_lock() -> Try:
    read = _locked_with_everything()
    return lambda: SliceLabel.objects.filter(finding__read=read).delete()


def _operation(read: Read, seq: int = 1) -> LabelOperation:
    fields = {"verb": "set_unclear", "payload": {}, "client_at": timezone.now()}
    return LabelOperation.objects.create(uuid=uuid4(), read=read, seq=seq, **fields)


@refused_by("operation_order_has_no_doubles")
def two_operations_in_one_place() -> Try:
    read = make_read()
    _operation(read)
    return lambda: _operation(read)


@refused_by("operation_is_insert_only")
def an_operation_reworded() -> Try:
    logged = _operation(make_read())
    return lambda: LabelOperation.objects.filter(pk=logged.pk).update(verb="restore")


@refused_by("operation_is_insert_only")
def an_operation_taken_out_of_the_log() -> Try:
    logged = _operation(make_read())
    return lambda: LabelOperation.objects.filter(pk=logged.pk).delete()


@refused_by("locked_read_takes_no_operation")
def an_operation_on_a_locked_read() -> Try:
    read = lock_plainly(make_read())
    return lambda: _operation(read)


@refused_by("slice_is_seen_once_per_read")
def a_slice_seen_twice() -> Try:
    read = make_read()
    seen = {"read": read, "slice_id": sops_of(read)[0]}
    Seen.objects.create(**seen)
    return lambda: Seen.objects.create(**seen)


@refused_by("active_time_is_one_total_per_tab_and_vertebra")
def two_totals_of_one_tab_on_one_vertebra() -> Try:
    read, tab = make_read(), uuid4()
    total = {"read": read, "tab": tab, "vertebra_id": vertebra_of(read, "L2"), "ms": 1000}
    ActiveTime.objects.create(**total)
    return lambda: ActiveTime.objects.create(**total)


@refused_by("active_time_is_one_total_per_tab_and_vertebra")
def two_totals_of_one_tab_on_the_whole_case() -> Try:
    total = {"read": make_read(), "tab": uuid4(), "ms": 1000}
    ActiveTime.objects.create(**total)
    return lambda: ActiveTime.objects.create(**total)


def _showing(model_read: Read, **fields: Any) -> Any:
    read = make_read(case=model_read.case)
    return ModelShowing.objects.create(**{"read": read, "model_read": model_read, "first": False, **fields})


def _model_read() -> Read:
    return lock_plainly(make_read(reader=make_model_reader(), round=None))


@refused_by("showing_is_written_once")
def one_opinion_shown_twice() -> Try:
    shown = _showing(_model_read())
    return lambda: ModelShowing.objects.create(read=shown.read, model_read=shown.model_read, first=True)


@refused_by("showing_is_insert_only")
def a_showing_put_after_the_lock() -> Try:
    shown = _showing(_model_read(), first=True)
    return lambda: ModelShowing.objects.filter(pk=shown.pk).update(first=False)


@refused_by("showing_is_of_a_model_on_the_same_case")
def a_persons_read_shown_as_a_model() -> Try:
    read = lock_plainly(make_read())
    return lambda: _showing(read)


@refused_by("showing_is_of_a_model_on_the_same_case")
def the_model_of_another_case_shown() -> Try:
    model_read = _model_read()
    return lambda: _showing(model_read, read=make_read())
