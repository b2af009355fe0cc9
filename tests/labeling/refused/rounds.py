"""Readers, rounds, assignments and exposures."""

from __future__ import annotations

from typing import Any

from labeling.models import (
    Assignment,
    Exposure,
    LabelSchema,
    ModelVersion,
    Notice,
    Reader,
    Round,
)
from tests.factories import (
    digest,
    make_assignment,
    make_bare_case,
    make_patient,
    make_reader,
    make_round,
    number,
)
from tests.labeling.refused import Try, refused_by, rows


def _model(**fields: Any) -> ModelVersion:
    return ModelVersion.objects.create(**{"kind": "classifier", "name": "model", "sha256": digest(), **fields})


rows("model_state_is_known_word", "an_unknown_state", _model, state="x")
rows("model_kind_is_known_word", "an_unknown_kind", _model, kind="x")
rows("reader_columns_match_its_kind", "a_person_without_an_account", Reader.objects.create, kind="person")
rows("reader_columns_match_its_kind", "a_reader_of_unknown_kind", Reader.objects.create, kind="x")
rows("round_kind_is_known_word", "an_unknown_round", lambda **wrong: _round(**wrong), kind="x")
rows("round_state_is_known_word", "an_unknown_state", make_round, state="x")
rows("round_started_has_a_start", "an_open_round_that_never_began", make_round, started_at=None)


def _round(**wrong: Any) -> Round:
    like = make_round()
    fields = {"kind": like.kind, "rules": like.rules, "label_schema": like.label_schema}
    return Round.objects.create(**{"name": f"round {number()}", **fields, **wrong})


@refused_by("one_active_model_per_kind")
def two_active_classifiers() -> Try:
    _model(state="active")
    return lambda: _model(state="active")


@refused_by("reader_columns_match_its_kind")
def a_model_with_an_account() -> Try:
    user = make_reader().user
    return lambda: Reader.objects.filter(user=user).update(kind="model")


@refused_by("published_schema_never_changes")
def a_published_schema_reworded() -> Try:
    schema = make_round().label_schema
    return lambda: LabelSchema.objects.filter(pk=schema.pk).update(texts={"a": "b"})


@refused_by("rules_of_a_started_round_never_change")
def the_rules_of_a_started_round_changed() -> Try:
    round_ = make_round()
    return lambda: Round.objects.filter(pk=round_.pk).update(rules={**round_.rules, "report": "hidden"})


@refused_by("rules_of_a_started_round_never_change")
def a_started_round_made_to_follow_another() -> Try:
    round_, first = make_round("repeat"), make_round("independent")
    return lambda: Round.objects.filter(pk=round_.pk).update(follows=first)


@refused_by("rules_of_a_started_round_never_change")
def another_panel_for_a_started_consensus() -> Try:
    round_, panel = make_round("consensus"), Reader.objects.create(kind="panel", label="panel")
    return lambda: Round.objects.filter(pk=round_.pk).update(panel=panel)


@refused_by("rules_of_a_started_round_never_change")
def a_started_round_called_imported() -> Try:
    round_ = make_round("independent")
    return lambda: Round.objects.filter(pk=round_.pk).update(imported=True)


@refused_by("only_repeat_and_consensus_follow_a_round")
def a_labelling_round_that_follows_another() -> Try:
    first = make_round()
    return lambda: make_round(follows=first)


@refused_by("only_a_consensus_has_a_panel")
def a_repeat_with_a_panel() -> Try:
    panel = Reader.objects.create(kind="panel", label="panel")
    return lambda: make_round("repeat", panel=panel)


@refused_by("round_does_not_follow_itself")
def a_round_that_follows_itself() -> Try:
    round_ = make_round("repeat", state="planned")
    return lambda: Round.objects.filter(pk=round_.pk).update(follows=round_)


def _notice(**wrong: Any) -> Try:
    fields = {"reader": make_reader(), "kind": "round", "text": "The round is open."}
    return lambda: Notice.objects.create(**{**fields, **wrong})


@refused_by("notice_kind_is_known_word")
def a_notice_of_an_unknown_kind() -> Try:
    return _notice(kind="x")


@refused_by("notice_says_something")
def a_notice_without_a_word() -> Try:
    return _notice(text="")


@refused_by("case_is_assigned_once_per_reader")
def one_case_twice_for_one_reader() -> Try:
    given = make_assignment(make_bare_case(), reader=make_reader())
    return lambda: make_assignment(given.case, round=given.round, reader=given.reader)


@refused_by("case_lies_in_a_pool_once")
def one_case_twice_in_one_pool() -> Try:
    pooled = make_assignment(make_bare_case())
    return lambda: make_assignment(pooled.case, round=pooled.round)


@refused_by("position_is_unique_per_reader")
def two_cases_in_one_place() -> Try:
    given = make_assignment(make_bare_case(), reader=make_reader())
    place = {"round": given.round, "reader": given.reader, "position": given.position}
    return lambda: make_assignment(make_bare_case(), **place)


@refused_by("assignment_state_is_known_word")
def an_assignment_in_an_unknown_state() -> Try:
    case = make_bare_case()
    return lambda: make_assignment(case, state="x")


@refused_by("assignment_skip_has_a_reason")
def a_case_skipped_without_a_reason() -> Try:
    case = make_bare_case()
    return lambda: make_assignment(case, state="skipped")


@refused_by("assignment_skip_reason_is_known_word")
def a_case_skipped_out_of_boredom() -> Try:
    case = make_bare_case()
    return lambda: make_assignment(case, state="skipped", skip_reason="boring")


@refused_by("blind_round_refuses_the_exposed")
def an_exposed_reader_assigned_to_a_blind_round() -> Try:
    case, reader, round_ = make_bare_case(), make_reader(), make_round("independent")
    Exposure.objects.create(case=case, reader=reader, what="report")
    return lambda: make_assignment(case, round=round_, reader=reader)


@refused_by("blind_round_refuses_the_exposed")
def an_exposed_reader_who_claims_from_a_blind_pool() -> Try:
    case, reader = make_bare_case(), make_reader()
    pooled = make_assignment(case, round=make_round("independent"))
    Exposure.objects.create(case=case, reader=reader, what="model")

    def claim() -> None:
        pooled.reader = reader
        pooled.save()

    return claim


@refused_by("blind_round_refuses_the_exposed")
def an_exposed_reader_assigned_to_a_repeat() -> Try:
    case, reader, round_ = make_bare_case(), make_reader(), make_round("repeat")
    Exposure.objects.create(case=case, reader=reader, what="truth")
    return lambda: make_assignment(case, round=round_, reader=reader)


@refused_by("blind_round_refuses_the_exposed")
def an_override_taken_back_though_the_reader_was_exposed() -> Try:
    case, reader = make_bare_case(), make_reader()
    Exposure.objects.create(case=case, reader=reader, what="read")
    given = make_assignment(
        case, round=make_round("repeat"), reader=reader, exposure_override="the only senior on duty"
    )
    return lambda: Assignment.objects.filter(pk=given.pk).update(exposure_override="")


@refused_by("blind_round_refuses_the_exposed")
def a_blind_case_handed_over_to_an_exposed_reader() -> Try:
    case, reader = make_bare_case(), make_reader()
    Exposure.objects.create(case=case, reader=reader, what="report")
    given = make_assignment(case, round=make_round("independent"), reader=make_reader())
    return lambda: Assignment.objects.filter(pk=given.pk).update(reader=reader)


@refused_by("labelling_round_refuses_test_patients")
def a_test_patient_in_a_labelling_round() -> Try:
    case = make_bare_case(patient=make_patient(split="test"))
    return lambda: make_assignment(case)


@refused_by("exposure_is_written_once")
def one_exposure_twice() -> Try:
    shown = {"case": make_bare_case(), "reader": make_reader(), "what": "read"}
    Exposure.objects.create(**shown)
    return lambda: Exposure.objects.create(**shown)


@refused_by("exposure_is_of_a_known_kind")
def an_exposure_to_something_unknown() -> Try:
    case, reader = make_bare_case(), make_reader()
    return lambda: Exposure.objects.create(case=case, reader=reader, what="x")


@refused_by("exposure_is_insert_only")
def an_exposure_forgotten() -> Try:
    Exposure.objects.create(case=make_bare_case(), reader=make_reader(), what="read")
    return lambda: Exposure.objects.all().delete()
