"""The teaching list: what panels marked, for whoever it gives nothing away to."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from labeling.models import Case, Exposure, Reference, Round
from labeling.reading.feedback.teaching import TeachingPage, teaching_list
from labeling.reading.roles import Role, reader_of
from tests.factories import make_assignment, make_round, make_user
from tests.reading.truths import a_case, a_lesson, a_read, a_truth

pytestmark = pytest.mark.django_db

TRUE = {"L2": "negative", "L3": "A1", "L4": "negative"}


@pytest.fixture
def resident() -> User:
    return make_user(Role.RESIDENT)


def lesson(**fields: str) -> Case:
    case = a_case(split=fields.pop("split", "training"))
    a_lesson(case, TRUE, "L3", **fields)
    return case


def listed(user: User) -> set[str]:
    return {one.case for one in teaching_list(user).lessons}


def exposures(user: User) -> set[tuple[int, str]]:
    return set(Exposure.objects.filter(reader__user=user).values_list("case", "what"))


def test_a_lesson_says_what_is_true_and_why_and_being_shown_it_is_written_down(resident: User) -> None:
    case = lesson(explanation="A node of Schmorl, no broken endplate.")
    (one,) = teaching_list(resident).lessons
    assert one.truth is not None
    assert (one.case, one.level, one.truth.words) == (case.name, "L3", "Fracture A1")
    assert (one.reason, one.explanation) == ("Schmorl node", "A node of Schmorl, no broken endplate.")
    assert exposures(resident) == {(case.pk, "truth")}


def test_lessons_are_found_by_reason(resident: User) -> None:
    for reason in ("schmorl-node", "schmorl-node", "limbus"):
        lesson(reason=reason)
    found = teaching_list(resident)
    assert [(code, n) for code, _, n in found.reasons] == [("schmorl-node", 2), ("limbus", 1)]
    assert [one.reason for one in teaching_list(resident, reason="limbus").lessons] == ["Limbus vertebra"]
    assert teaching_list(resident, reason="limbus").total == 1
    assert teaching_list(resident, reason="nothing of the kind").total == 3


@pytest.mark.parametrize("split", ["test", "validation"])
def test_nothing_is_taught_from_other_than_training_patients(resident: User, split: str) -> None:
    lesson(split=split)
    assert teaching_list(resident) == TeachingPage((), "", (), 1, 1, 0)


def test_what_is_true_no_more_is_not_taught(resident: User) -> None:
    case = lesson()
    a_truth(case, TRUE)
    assert Reference.objects.filter(case=case, current=True).count() == 1
    assert listed(resident) == set()


@pytest.mark.parametrize("role", [Role.ENGINEER, Role.ADMINISTRATOR])
def test_who_neither_reads_nor_leads_is_taught_nothing(role: Role) -> None:
    lesson()
    assert listed(make_user(role)) == set()


@pytest.mark.parametrize("kind", ["practice", "independent", "repeat", "labelling"])
@pytest.mark.parametrize("state", ["planned", "open", "paused"])
@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("roles", [(Role.RESIDENT,), (Role.SENIOR, Role.LEAD)])
def test_a_case_that_is_still_to_be_read_is_not_given_away(
    kind: str, state: str, pooled: bool, roles: tuple[Role, ...]
) -> None:
    user = make_user(*roles)
    case, other = lesson(), lesson()
    make_assignment(case, round=make_round(kind, state=state), reader=None if pooled else reader_of(user))
    assert listed(user) == {other.name}
    assert exposures(user) == {(other.pk, "truth")}
    assert teaching_list(user).reasons == (("schmorl-node", "Schmorl node", 1),)


def test_who_has_read_a_case_learns_of_it_with_their_feedback_and_not_before(resident: User) -> None:
    case, round_ = a_case(), make_round("independent")
    a_read(case, TRUE, round=round_, reader=reader_of(resident))
    consensus = a_lesson(case, TRUE, "L3")
    assert listed(resident) == set()
    Round.objects.filter(pk=round_.pk).update(state="closed")
    (one,) = teaching_list(resident).lessons
    assert one.read == consensus.pk


def test_the_consensus_opens_only_for_who_may_see_it(resident: User) -> None:
    lesson()
    (one,) = teaching_list(resident).lessons
    assert one.read is None
    (one,) = teaching_list(make_user(Role.LEAD)).lessons
    assert one.read is not None
