"""The database refuses nonsense: each constraint and each trigger by the row or act that it is there for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from tests.labeling.refused import ACTS, Try


def names_of_the_record() -> set[str]:
    """Every named constraint and trigger of every model of the record."""
    models = apps.get_app_config("labeling").get_models()
    return {rule.name for model in models for rule in (*model._meta.constraints, *getattr(model._meta, "triggers", ()))}


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "act"), [pytest.param(n, act, id=f"{n}-{what}") for n, what, act in ACTS])
def test_the_database_refuses(name: str, act: Callable[[], Try]) -> None:
    attempt = act()
    with pytest.raises(DatabaseError, match=rf"\b(pgtrigger_)?{name}"), transaction.atomic():
        attempt()


def test_every_constraint_and_trigger_of_every_model_has_an_act_that_is_refused() -> None:
    tried = {name for name, _, _ in ACTS}
    assert names_of_the_record() - tried == set(), "no refused act for these"
    assert tried - names_of_the_record() == set(), "these are no constraints of the record"


@pytest.mark.django_db
def test_the_database_has_every_constraint_and_trigger_that_the_models_name() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT conname FROM pg_constraint UNION SELECT indexname FROM pg_indexes")
        there: set[Any] = {row[0] for row in cursor.fetchall()}
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D'")
        triggers = " ".join(row[0] for row in cursor.fetchall())
    missing = {name for name in names_of_the_record() if name not in there and f"pgtrigger_{name}" not in triggers}
    assert not missing
