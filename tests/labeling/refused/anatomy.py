"""Vertebrae and anatomies."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from labeling.models import (
    Anatomy,
    AnatomyVertebra,
    Vertebra,
)
from tests.factories import (
    make_anatomy,
    make_bare_case,
    make_case,
    make_reader,
)
from tests.labeling.refused import ACTS, Try, refused_by


def _anatomy() -> Anatomy:
    return make_anatomy(make_case(slices=1), ("L2", "L3"), first_k=0, last_k=0)


def _body(**wrong: Any) -> Try:
    """An L5 in an anatomy of L2 and L3, with something wrong."""
    anatomy = _anatomy()
    fields: dict[str, Any] = {
        "anatomy": anatomy,
        "vertebra": Vertebra.objects.create(case=anatomy.case),
        "label_value": 5,
        "level": "L5",
        "rank": 5,
        "certainty": "certain",
        "first_k": 0,
        "last_k": 0,
        "box": [0, 1, 0, 1, 0, 1],
        "origin": "segmented",
    }
    return lambda: AnatomyVertebra.objects.create(**{**fields, **wrong})


for _constraint, _what, _wrong in [
    ("anatomy_uses_a_level_once", "a_second_L2", {"level": "L2"}),
    ("body_extent_is_ordered", "a_body_that_ends_before_it_begins", {"first_k": 1}),
    ("level_is_known_word", "an_L7", {"level": "L7"}),
    ("certainty_is_known_word", "an_unknown_certainty", {"certainty": "x"}),
    ("unknown_level_is_not_named", "a_name_that_is_not_known", {"certainty": "unknown"}),
    ("unknown_level_is_not_named", "a_certain_name_that_is_missing", {"level": ""}),
    ("vertebra_origin_is_known_word", "an_unknown_origin", {"origin": "x"}),
    ("mask_ok_is_known_word", "an_unknown_word_for_the_mask", {"mask_ok": "x"}),
]:
    ACTS.append((_constraint, _what, lambda wrong=_wrong: _body(**wrong)))


@refused_by("anatomy_names_a_vertebra_once")
def one_vertebra_twice() -> Try:
    anatomy = _anatomy()
    return _body(anatomy=anatomy, vertebra=anatomy.vertebrae.all()[0].vertebra)


@refused_by("vertebra_does_not_retire_into_itself")
def a_vertebra_retired_into_itself() -> Try:
    vertebra = Vertebra.objects.create(case=make_bare_case())
    return lambda: Vertebra.objects.filter(pk=vertebra.pk).update(retired_into=vertebra)


@refused_by("anatomy_number_is_unique_per_case")
def two_first_anatomies() -> Try:
    anatomy = _anatomy()
    return lambda: make_anatomy(anatomy.case, n=1)


@refused_by("anatomy_of_one_mask_comes_in_once")
def one_mask_twice() -> Try:
    anatomy = _anatomy()
    return lambda: make_anatomy(anatomy.case, source_digest=anatomy.source_digest)


@refused_by("anatomy_is_confirmed_by_someone_at_some_time")
def an_anatomy_confirmed_by_nobody() -> Try:
    anatomy = _anatomy()
    return lambda: Anatomy.objects.filter(pk=anatomy.pk).update(confirmed_at=timezone.now())


def _confirmed() -> Anatomy:
    anatomy = _anatomy()
    anatomy.confirmed_by, anatomy.confirmed_at = make_reader(), timezone.now()
    anatomy.save()
    return anatomy


@refused_by("confirmed_anatomy_never_changes")
def a_confirmed_anatomy_unconfirmed() -> Try:
    anatomy = _confirmed()
    return lambda: Anatomy.objects.filter(pk=anatomy.pk).update(confirmed_by=None, confirmed_at=None)


@refused_by("confirmed_anatomy_keeps_its_vertebrae")
def a_vertebra_added_to_a_confirmed_anatomy() -> Try:
    return _body(anatomy=_confirmed())


@refused_by("confirmed_anatomy_keeps_its_vertebrae")
def a_vertebra_of_a_confirmed_anatomy_renamed() -> Try:
    anatomy = _confirmed()
    return lambda: AnatomyVertebra.objects.filter(anatomy=anatomy, level="L2").update(level="L1")


@refused_by("confirmed_anatomy_keeps_its_vertebrae")
def a_vertebra_of_a_confirmed_anatomy_taken_out() -> Try:
    anatomy = _confirmed()
    return lambda: AnatomyVertebra.objects.filter(anatomy=anatomy, level="L2").delete()
