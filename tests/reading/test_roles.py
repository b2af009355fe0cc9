"""Who may do what, as one table."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, Group

from labeling.models import Reader
from labeling.reading import roles
from labeling.reading.roles import Role, reader_of, roles_of
from tests.factories import make_user

pytestmark = pytest.mark.django_db

MAY = {
    "may_read": {"resident", "senior"},
    "may_import": {"resident", "lead", "engineer", "administrator"},
    "may_export": {"lead", "engineer"},
    "may_open_identity": {"administrator"},
    "may_see_all_cases": {"lead", "engineer", "administrator"},
}


@pytest.mark.parametrize("right", MAY)
@pytest.mark.parametrize("role", Role)
def test_each_role_has_its_rights_and_no_others(right: str, role: Role) -> None:
    assert getattr(roles, right)(make_user(role)) == (role.value in MAY[right])


@pytest.mark.parametrize("right", MAY)
def test_who_has_no_role_or_a_closed_account_or_is_not_logged_in_may_nothing(right: str) -> None:
    closed = make_user(*Role)
    closed.is_active = False
    for user in (make_user(), closed, AnonymousUser()):
        assert not getattr(roles, right)(user)


def test_an_administrator_whose_permission_was_taken_away_opens_no_identity() -> None:
    user = make_user(Role.ADMINISTRATOR)
    Group.objects.get(name="administrator").permissions.clear()
    roles.make_groups()
    assert not roles.may_open_identity(user)


def test_consensus_is_for_seniors_and_all_other_rounds_for_both() -> None:
    for kind in ("practice", "labelling", "independent", "repeat", "consensus"):
        assert roles.may_read_in(make_user(Role.SENIOR), kind)
        assert roles.may_read_in(make_user(Role.RESIDENT), kind) == (kind != "consensus")
        assert not roles.may_read_in(make_user(Role.LEAD), kind)


def test_a_person_is_one_reader() -> None:
    user = make_user(Role.SENIOR, Role.LEAD)
    assert roles_of(user) == {Role.SENIOR, Role.LEAD}
    assert reader_of(user) == reader_of(user)
    assert Reader.objects.count() == 1
