"""The database keeps the keys of an answer in an order of its own; no page and no file shows that order."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from labeling.models import Computation
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.small_study import make_study, sets_truth

pytestmark = pytest.mark.django_db

TYPES = ("A1", "A2", "A3", "A4", "B", "C")


def test_rows_stand_in_the_order_of_types_and_levels_at_the_first_look_and_at_the_second() -> None:
    study = make_study()
    for case, words in zip(study.cases, ("A4 N A1 N", "A3 A2 N N", "N N A1 N"), strict=True):
        sets_truth(case, words)
    client = Client()
    client.force_login(factories.make_user(Role.LEAD))
    address = f"/numbers?on=all&reader={study.key(0)}&format="
    first, second = (client.get(f"{address}csv").content.decode() for _ in range(2))
    assert Computation.objects.count() == 1
    assert first == second
    types = list(dict.fromkeys(re.findall(r"type ([ABC]\d?)\b", first)))
    assert types == [name for name in TYPES if name in types]
    assert len(types) >= 4
    levels = list(dict.fromkeys(re.findall(r"level (L\d)", first)))
    assert levels == sorted(levels)
    assert len(levels) >= 3
