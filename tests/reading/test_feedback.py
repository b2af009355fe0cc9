"""What a reader learns after the consensus: their own reads beside the truth, and nobody else's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from labeling.models import Case, Exposure, Read, Round
from labeling.reading.feedback.own import BY_HARM, feedback, feedback_of, honest_versions
from labeling.reading.feedback.sums import sums_of
from labeling.reading.revealing import beside, reveals
from labeling.reading.roles import Role, reader_of
from tests.factories import (
    lock_plainly,
    make_assignment,
    make_read,
    make_reader,
    make_round,
    make_user,
    vertebra_of,
)
from tests.reading.opinions import make_opinion
from tests.reading.truths import a_case, a_lesson, a_read, a_truth, say

pytestmark = pytest.mark.django_db

SAID = {"L2": "negative", "L3": "A1", "L4": "negative"}
TRUE = {"L2": "A2", "L3": "A3", "L4": "negative"}


@pytest.fixture
def resident() -> User:
    return make_user(Role.RESIDENT)


@pytest.fixture
def practice() -> Round:
    return make_round("practice")


def own(user: User, case: Case, round_: Round, said: dict[str, str] | None = None) -> Read:
    return a_read(case, said or SAID, round=round_, reader=reader_of(user))


def exposures(user: User) -> set[tuple[int, str]]:
    return set(Exposure.objects.filter(reader__user=user).values_list("case", "what"))


def test_each_vertebra_is_told_apart_with_the_reason_of_the_panel(resident: User, practice: Round) -> None:
    case = a_case()
    read = own(resident, case, practice)
    a_lesson(case, TRUE, "L2", explanation="The upper endplate is broken.")
    (found,) = feedback_of(resident, case.pk)
    assert [(one.level, one.kind) for one in found.vertebrae] == [("L2", "missed"), ("L3", "type"), ("L4", "same")]
    assert found.counts == {"missed": 1, "type": 1, "same": 1}
    worst = found.differing[0]
    assert (worst.vertebra, worst.reason, worst.explanation) == (
        vertebra_of(read, "L2"),
        "Schmorl node",
        "The upper endplate is broken.",
    )
    assert exposures(resident) == {(case.pk, "truth")}


def test_the_slice_to_look_at_is_where_the_truth_is(resident: User, practice: Round) -> None:
    case = a_case()
    own(resident, case, practice)
    a_truth(case, TRUE, slices={"L2": (6, 8)})
    (found,) = feedback_of(resident, case.pk)
    assert [one.k for one in found.vertebrae] == [7, 5, 5]


@pytest.mark.parametrize(
    ("own_word", "true_word", "kind"),
    [
        ("negative", "A1", "missed"),
        ("A1", "negative", "extra"),
        ("indeterminate", "A1", "other"),
        ("A1", "A4", "type"),
        ("A1", "A1", "same"),
        ("negative", "negative", "same"),
    ],
)
def test_words_of_a_difference(resident: User, practice: Round, own_word: str, true_word: str, kind: str) -> None:
    case = a_case(levels=("L1",))
    own(resident, case, practice, {"L1": own_word})
    a_truth(case, {"L1": true_word})
    (found,) = feedback_of(resident, case.pk)
    assert [one.kind for one in found.vertebrae] == [kind]
    assert kind in BY_HARM


def test_the_same_fracture_on_other_slices_or_another_level_is_said(resident: User, practice: Round) -> None:
    case = a_case(levels=("L1", "L2"))
    reader = reader_of(resident)
    read = make_read(case, round=practice, reader=reader)
    say(read, {"L1": "A1", "L2": "negative"}, {"L1": (3, 4)})
    read.findings.filter(vertebra=vertebra_of(read, "L2")).update(level_said="L3")
    lock_plainly(read)
    a_truth(case, {"L1": "A1", "L2": "negative"}, slices={"L1": (7, 8)})
    (found,) = feedback_of(resident, case.pk)
    assert [one.kind for one in found.vertebrae] == ["slices", "level"]


def test_sums_and_tables_count_what_both_say(resident: User, practice: Round) -> None:
    for said, true in [(SAID, TRUE), ({"L2": "A2", "L3": "A2", "L4": "negative"}, {**TRUE, "L3": "negative"})]:
        case = a_case()
        own(resident, case, practice, said)
        a_truth(case, true)
    found = feedback(resident)
    assert (found.sums.cases, found.sums.vertebrae) == (2, 6)
    assert (found.sums.fractures, found.sums.found, found.sums.missed, found.sums.extra) == (3, 2, 1, 1)
    assert (found.sums.typed, found.sums.same_type) == (2, 1)
    assert found.verdicts.words == ("Negative", "Fracture")
    assert [row.counts for row in found.verdicts.rows] == [(2, 1), (1, 2)]
    assert found.types.total == 2
    assert [period.sums.cases for period in found.periods] == [2]


def test_what_was_changed_after_the_truth_was_seen_is_no_finding(resident: User, practice: Round) -> None:
    case = a_case()
    first = own(resident, case, practice)
    a_truth(case, TRUE)
    feedback(resident)
    second = make_read(
        case, round=practice, reader=first.reader, version=2, supersedes=first, reopen_reason="now I know"
    )
    say(second, TRUE)
    lock_plainly(second)
    (found,) = feedback_of(resident, case.pk)
    assert (found.version, found.newest, found.read) == (1, 2, first.pk)
    assert found.counts["missed"] == 1


def test_a_change_of_mind_before_the_truth_counts(resident: User) -> None:
    round_ = make_round("labelling")
    case = a_case()
    first = own(resident, case, round_)
    second = make_read(
        case, round=round_, reader=first.reader, version=2, supersedes=first, reopen_reason="looked again"
    )
    lock_plainly(second)
    assert honest_versions([first, second]) == [second]
    late = Exposure.objects.create(reader=first.reader, case=case, what="truth")
    assert late.at > (second.locked_at or timezone.now() + timedelta(1))
    assert honest_versions([second, first]) == [second]


# --- who is told, and when --------------------------------------------------------------------------------------------


def nothing_is_told(user: User, case: Case) -> bool:
    before = exposures(user)
    with pytest.raises(Case.DoesNotExist):
        feedback_of(user, case.pk)
    assert all(read.case != case.pk for read in feedback(user).rows)
    return exposures(user) == before


def test_nobody_is_told_of_test_or_validation_patients(resident: User, practice: Round) -> None:
    for split in ("test", "validation"):
        case = a_case(split=split)
        a_read(case, SAID, round=make_round("independent", state="closed"), reader=reader_of(resident))
        a_truth(case, TRUE)
        assert nothing_is_told(resident, case)


@pytest.mark.parametrize("kind", ["independent", "repeat", "labelling", "practice"])
@pytest.mark.parametrize("state", ["planned", "open", "paused"])
def test_who_owes_another_read_of_the_case_is_told_nothing(
    resident: User, practice: Round, kind: str, state: str
) -> None:
    case = a_case()
    own(resident, case, practice)
    # What waits is assigned before anything of the truth was shown, as the database asks of blind rounds.
    make_assignment(case, round=make_round(kind, state=state), reader=reader_of(resident))
    a_truth(case, TRUE)
    assert nothing_is_told(resident, case)
    assert sums_of(make_user(Role.LEAD), practice.pk).sums is None


def test_an_open_independent_round_tells_nothing_before_it_is_closed(resident: User) -> None:
    round_ = make_round("independent")
    case = a_case()
    own(resident, case, round_)
    a_truth(case, TRUE)
    assert nothing_is_told(resident, case)
    Round.objects.filter(pk=round_.pk).update(state="closed")
    assert feedback_of(resident, case.pk)


def test_nobody_finds_the_read_of_another(resident: User, practice: Round) -> None:
    case = a_case()
    own(resident, case, practice)
    a_truth(case, TRUE)
    other = make_user(Role.RESIDENT)
    assert nothing_is_told(other, case)
    assert nothing_is_told(make_user(Role.LEAD), case)
    own(other, case, practice, TRUE)
    (found,) = feedback(other).rows
    assert found.counts == {"same": 3}


# --- beside the read, in the room -------------------------------------------------------------------------------------


def kinds_beside(user: User, read: Read) -> list[str]:
    shown = beside(user, read)
    assert shown is not None
    return [opinion["kind"] for opinion in shown["opinions"]]


def test_a_practice_read_is_laid_beside_the_truth_as_soon_as_it_is_locked(resident: User, practice: Round) -> None:
    case = a_case()
    truth = a_lesson(case, TRUE, "L2", explanation="The upper endplate is broken.")
    make_opinion(case.anatomies.get(), {})
    read = make_read(case, round=practice, reader=reader_of(resident))
    say(read, SAID)
    assert beside(resident, read) == {"rule": "after_lock", "stage": "hidden", "opinions": []}
    assert exposures(resident) == set()
    lock_plainly(read)
    assert reveals(resident, read)
    assert exposures(resident) == set()
    shown = beside(resident, read)
    assert shown is not None
    assert shown["stage"] == "revealed"
    assert [opinion["kind"] for opinion in shown["opinions"]] == ["truth", "classifier"]
    said = shown["opinions"][0]["vertebrae"][str(vertebra_of(truth, "L2"))]
    assert (said["verdict"], said["ao_body"], said["words"]) == ("fracture", "A2", "Fracture A2")
    assert said["reason"] == "Schmorl node. The upper endplate is broken."
    assert exposures(resident) == {(case.pk, "truth"), (case.pk, "model")}


def test_without_a_truth_a_practice_read_reveals_none(resident: User, practice: Round) -> None:
    read = own(resident, a_case(), practice)
    assert not reveals(resident, read)
    assert kinds_beside(resident, read) == []


def test_in_a_round_that_tells_later_opening_the_read_by_itself_shows_nobody_the_truth(resident: User) -> None:
    case = a_case()
    read = own(resident, case, make_round("labelling"))
    a_truth(case, TRUE)
    assert kinds_beside(resident, read) == []
    assert exposures(resident) == set()
    feedback_of(resident, case.pk)
    assert kinds_beside(resident, read) == ["truth"]


def test_the_truth_is_gone_again_for_who_is_to_read_the_case_once_more(resident: User, practice: Round) -> None:
    case = a_case()
    read = own(resident, case, practice)
    a_truth(case, TRUE)
    make_assignment(case, round=make_round("repeat", state="planned"), reader=reader_of(resident))
    assert not reveals(resident, read)
    assert kinds_beside(resident, read) == []
    assert exposures(resident) == set()


# --- sums of a round --------------------------------------------------------------------------------------------------


def test_sums_are_of_all_readers_and_never_of_one(practice: Round) -> None:
    lead = make_user(Role.LEAD)
    case = a_case()
    a_truth(case, TRUE)
    a_read(case, SAID, round=practice, reader=make_reader())
    alone = sums_of(lead, practice.pk)
    assert alone.sums is None
    assert "two readers" in alone.why_not
    assert exposures(lead) == set()
    a_read(case, TRUE, round=practice, reader=make_reader())
    found = sums_of(lead, practice.pk)
    assert found.sums is not None
    assert (found.readers, found.sums.vertebrae, found.sums.fractures, found.sums.found) == (2, 6, 4, 3)
    assert exposures(lead) == {(case.pk, "numbers")}


def test_the_own_read_of_who_looks_does_not_make_the_other_one_anonymous(practice: Round) -> None:
    both = make_user(Role.LEAD, Role.SENIOR)
    case = a_case()
    a_truth(case, TRUE)
    a_read(case, SAID, round=practice, reader=reader_of(both))
    a_read(case, SAID, round=practice, reader=make_reader())
    assert sums_of(both, practice.pk).sums is None


def test_a_round_that_tells_when_closed_has_no_sums_before() -> None:
    lead, round_ = make_user(Role.LEAD), make_round("independent")
    case = a_case()
    for _ in range(2):
        a_read(case, SAID, round=round_, reader=make_reader(Role.SENIOR))
    a_truth(case, TRUE)
    assert sums_of(lead, round_.pk).sums is None
    Round.objects.filter(pk=round_.pk).update(state="closed")
    assert sums_of(lead, round_.pk).sums is not None


def test_cases_that_the_lead_still_is_to_read_are_in_no_sum(practice: Round) -> None:
    both = make_user(Role.LEAD, Role.SENIOR)
    case = a_case()
    for _ in range(2):
        a_read(case, SAID, round=practice, reader=make_reader())
    a_truth(case, TRUE)
    make_assignment(case, round=make_round("independent", state="planned"), reader=reader_of(both))
    assert sums_of(both, practice.pk).sums is None
    assert exposures(both) == set()


def test_only_who_plans_rounds_finds_sums(resident: User, practice: Round) -> None:
    for user in (resident, make_user(Role.SENIOR), make_user(Role.ENGINEER), make_user(Role.ADMINISTRATOR)):
        with pytest.raises(Round.DoesNotExist):
            sums_of(user, practice.pk)


def test_the_number_of_queries_does_not_grow_with_the_cases(
    resident: User, practice: Round, django_assert_max_num_queries: Any
) -> None:
    for _ in range(4):
        case = a_case()
        own(resident, case, practice)
        a_truth(case, TRUE)
    with django_assert_max_num_queries(20):
        assert len(feedback(resident).rows) == 4
