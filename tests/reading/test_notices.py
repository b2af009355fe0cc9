"""What people are told in the application, and that it tells nothing of a case that is blind to them."""

from __future__ import annotations

import pytest

from labeling.models import Notice, NoticeKind, Question, Reader
from labeling.reading.feedback.questions import question_for
from labeling.reading.notices import mark_all_seen, mark_seen, notices_of, tell, unseen_count
from labeling.reading.roles import Role, reader_of
from tests.factories import make_assignment, make_model_reader, make_reader, make_round, make_user, vertebra_of
from tests.reading.truths import a_case, a_read, a_truth

pytestmark = pytest.mark.django_db

AFTER_THE_READS = [NoticeKind.CONSENSUS_OPEN, NoticeKind.QUESTION, NoticeKind.ANSWER, NoticeKind.FEEDBACK]


def test_people_are_told_once_each_and_models_nothing() -> None:
    reader = make_reader()
    tell([reader, reader, make_model_reader()], NoticeKind.ASSIGNED, "3 cases are yours to read.")
    assert Notice.objects.count() == 1
    assert reader.user is not None
    assert [notice.text for notice in notices_of(reader.user)] == ["3 cases are yours to read."]


def test_what_was_on_the_page_counts_as_seen_and_nothing_else() -> None:
    user = make_user(Role.SENIOR)
    for n in range(3):
        tell([reader_of(user)], NoticeKind.ASSIGNED, f"Case {n} is yours.")
    assert unseen_count(user) == 3
    newest = list(notices_of(user)[:1])
    assert newest[0].text == "Case 2 is yours."
    assert mark_seen(user, newest) == 1
    assert unseen_count(user) == 2
    assert mark_all_seen(make_user(Role.SENIOR)) == 0
    assert mark_all_seen(user) == 2
    assert unseen_count(user) == 0


@pytest.mark.parametrize("kind", NoticeKind)
@pytest.mark.parametrize("owed", ["independent", "repeat", "practice"])
@pytest.mark.parametrize("state", ["planned", "open", "paused"])
def test_what_panels_do_is_no_news_for_who_owes_a_read_of_the_case(kind: NoticeKind, owed: str, state: str) -> None:
    reader = make_reader(Role.SENIOR)
    user, case = reader.user, a_case()
    assert user is not None
    tell([reader], kind, "Look there.", case=case)
    assert unseen_count(user) == 1
    round_ = make_round(owed, state=state)
    make_assignment(case, round=round_, reader=reader)
    hidden = kind in AFTER_THE_READS
    assert unseen_count(user) == notices_of(user).count() == (0 if hidden else 1)
    assert mark_all_seen(user) == (0 if hidden else 1)
    # It waits, and comes when the round asks for nothing more.
    a_read(case, {}, round=round_, reader=reader)
    assert notices_of(user).count() == 1
    assert unseen_count(user) == (1 if hidden else 0)


# --- questions --------------------------------------------------------------------------------------------------------


def asked(reader: Reader) -> Question:
    case = a_case()
    read = a_read(case, {"L3": "A1"}, round=make_round("independent"), reader=reader, slices={"L3": (4, 6)})
    a_read(case, {"L3": "negative"}, round=read.round, reader=make_reader(Role.SENIOR))  # type: ignore[arg-type]
    consensus = a_truth(case, {"L3": "A1"})
    return Question.objects.create(
        consensus=consensus,
        read=read,
        vertebra_id=vertebra_of(read, "L3"),
        text="Which endplate?",
        by=make_reader(Role.SENIOR),
    )


def test_a_question_is_seen_by_whom_it_was_put_to_beside_their_own_finding() -> None:
    reader = make_reader(Role.SENIOR)
    question = asked(reader)
    assert reader.user is not None
    found = question_for(reader.user, question.pk)
    assert (found.text, found.level, found.k) == ("Which endplate?", "L3", 5)
    assert found.own is not None
    assert found.own.words == "Fracture A1"
    assert question.by.user is not None
    for user in (question.by.user, make_user(Role.LEAD), make_user(Role.ADMINISTRATOR), make_user(Role.SENIOR)):
        with pytest.raises(Question.DoesNotExist):
            question_for(user, question.pk)


def test_a_question_waits_while_the_case_is_to_be_read_once_more() -> None:
    reader = make_reader(Role.SENIOR)
    question = asked(reader)
    make_assignment(question.read.case, round=make_round("repeat", state="planned"), reader=reader)
    assert reader.user is not None
    with pytest.raises(Question.DoesNotExist):
        question_for(reader.user, question.pk)
