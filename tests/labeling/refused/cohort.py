"""Patients, cases, and what came in."""

from __future__ import annotations

from typing import Any

from django.db import connection

from labeling.models import (
    Instance,
    IntakeBatch,
    Patient,
    Slice,
    Stack,
)
from tests.factories import (
    digest,
    lock_plainly,
    make_bare_case,
    make_case,
    make_patient,
    make_read,
    make_round,
    make_series,
    make_stack,
    uid,
)
from tests.labeling.refused import Try, refused_by, rows

rows("patient_sex_is_known_word", "an_unknown_sex", make_patient, sex="x")
rows("patient_split_is_known_word", "an_unknown_split", make_patient, split="x")
rows("case_age_is_capped", "an_age_over_ninety", make_bare_case, age=91)
rows("case_exclusion_has_a_reason", "excluded_without_a_reason", make_bare_case, cohort_state="excluded")
rows("case_exclusion_has_a_reason", "included_with_a_reason", make_bare_case, exclusion_reason="malignant")
rows("case_dlp_says_its_source", "a_dose_without_its_source", make_bare_case, dlp=400.0)
rows("case_dlp_says_its_source", "a_source_without_a_dose", make_bare_case, dlp_source="reported")
rows("case_cohort_state_is_known_word", "an_unknown_cohort_state", make_bare_case, cohort_state="x")
rows(
    "case_exclusion_reason_is_known_word",
    "an_unknown_exclusion_reason",
    make_bare_case,
    cohort_state="excluded",
    exclusion_reason="x",
)
rows("case_origin_is_known_word", "an_unknown_origin", make_bare_case, origin="x")


@refused_by("case_number_is_unique_per_patient")
def two_first_cases_of_one_patient() -> Try:
    case = make_bare_case()
    return lambda: make_bare_case(patient=case.patient, number=1)


@refused_by("test_patient_stays_in_test")
def a_test_patient_moved_without_a_reason() -> Try:
    patient = make_patient(split="test")
    return lambda: Patient.objects.filter(pk=patient.pk).update(split="training")


@refused_by("test_patient_stays_in_test")
def a_test_patient_moved_after_a_locked_read() -> Try:
    case = make_case(patient=make_patient(split="test"))
    lock_plainly(make_read(case, round=make_round("independent")))
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('sagittal.split_reason', 'wrong list', true)")
    return lambda: Patient.objects.filter(pk=case.patient_id).update(split="training")


def _batch(**fields: Any) -> IntakeBatch:
    return IntakeBatch.objects.create(**{"name": "delivery", "source": "command", **fields})


rows("batch_state_is_known_word", "an_unknown_batch_state", _batch, state="x")
rows("batch_source_is_known_word", "an_unknown_batch_source", _batch, source="x")
rows("series_outcome_is_known_word", "an_unknown_outcome", make_series, case=None, outcome="x")
rows("series_refused_says_why", "a_refused_series_without_why", make_series, case=None, outcome="refused")
rows("series_that_is_kept_has_a_case", "a_kept_series_without_a_case", make_series, case=None, outcome="kept")


@refused_by("series_uid_comes_in_once")
def one_series_twice() -> Try:
    series = make_series(make_bare_case())
    return lambda: make_series(series.case, series_uid=series.series_uid, outcome="kept")


@refused_by("instance_index_is_unique_per_series")
def two_instances_in_one_place() -> Try:
    series = make_series(make_bare_case())
    Instance.objects.create(series=series, sop_uid=uid(), index=0)
    return lambda: Instance.objects.create(series=series, sop_uid=uid(), index=0)


@refused_by("stack_is_unique_per_source_and_recipe")
def the_same_stack_twice() -> Try:
    stack = make_stack(make_bare_case())
    return lambda: make_stack(stack.case, source=stack.source)


@refused_by("stack_origin_is_native_or_derived")
def a_stack_of_unknown_origin() -> Try:
    case = make_bare_case()
    return lambda: make_stack(case, origin="x")


@refused_by("stack_spacing_is_positive")
def a_stack_without_spacing() -> Try:
    case = make_bare_case()
    return lambda: make_stack(case, row_spacing=0.0)


@refused_by("stack_never_changes")
def a_stack_moved_in_space() -> Try:
    stack = make_stack(make_bare_case())
    return lambda: Stack.objects.filter(pk=stack.pk).update(row_spacing=1.0)


@refused_by("slice_k_is_unique_per_stack")
def two_slices_in_one_place() -> Try:
    stack = make_stack(make_bare_case())
    place = {"stack": stack, "k": 0, "position": [0, 0, 0], "position_mm": 0.0, "offset": 0, "length": 1}
    return lambda: Slice.objects.create(sop_uid=uid(), pixel_sha256=digest(), **place)


@refused_by("slice_never_changes")
def a_slice_moved_along_its_stack() -> Try:
    stack = make_stack(make_bare_case())
    return lambda: Slice.objects.filter(stack=stack, k=0).update(k=99)
