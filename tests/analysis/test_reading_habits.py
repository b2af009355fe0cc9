"""Changes after a reveal and the course of sessions, reckoned by hand."""

from __future__ import annotations

from uuid import uuid4

import pytest

from labeling.analysis.answers import Question
from labeling.analysis.reading_habits import NO_READS, NO_REVEALS, answer
from labeling.analysis.scope import scope_of
from labeling.models import ActiveTime, ModelShowing
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.small_study import make_study, says, sets_truth

pytestmark = pytest.mark.django_db


def test_without_reads_it_says_what_to_do() -> None:
    user = factories.make_user(Role.LEAD)
    assert answer(user, scope_of(user, "all"), Question("reading", "all"))["note"] == NO_READS


def test_reads_beside_a_model_are_told_apart_and_sessions_are_counted() -> None:
    user = factories.make_user(Role.LEAD)
    study = make_study(("A1 N N N", "N N N N"))
    model = factories.make_model_reader()
    question = Question("reading", "all", (f"m{model.pk}",))
    for case, words in zip(study.cases, ("A1 N N N", "A1 N N N"), strict=True):
        sets_truth(case, words)
    opinions = [says(case, model, "A1 N N F", None, 0.6) for case in study.cases]
    ActiveTime.objects.create(read=study.reads[0, 0], tab=uuid4(), ms=40_000)
    before = answer(user, scope_of(user, "all"), question)
    assert before["bias"] is None
    assert before["bias_note"] == NO_REVEALS
    ModelShowing.objects.create(read=study.reads[0, 0], model_read=opinions[0], first=False)
    ModelShowing.objects.create(read=study.reads[0, 1], model_read=opinions[1], first=True)
    now = answer(user, scope_of(user, "all"), question)
    assert (now["revealed"], now["shown_first"], now["hidden"]) == (1, 1, 0)
    changed = now["bias"]["changed"]
    assert (changed["numerator"], changed["denominator"]) == (0, 4)
    # With the model shown, the two reads agree with it on 3 of 4 and on 2 of 4 vertebrae.
    shown = now["bias"]["agreement_with_model"]["shown"]
    assert (shown["numerator"], shown["denominator"]) == (5, 8)
    first = now["sessions"]["bins"][0]
    assert first["cases"] == 2
    assert first["seconds"]["value"] == 40
    assert (first["accuracy"]["numerator"], first["accuracy"]["denominator"]) == (7, 8)
