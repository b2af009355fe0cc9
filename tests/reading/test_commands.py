"""The commands that make accounts, tokens and what an installation begins with."""

from __future__ import annotations

import hashlib
from io import StringIO

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command

from labeling.models import ApiToken, Assignment, Round
from labeling.reading.roles import Role, roles_of
from tests.factories import make_case, make_user

pytestmark = pytest.mark.django_db


def output_of(command: str, *arguments: str) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


def test_an_account_is_made_with_its_roles_and_a_password_that_is_printed_once() -> None:
    name, password = output_of("create_account", "anna", "--role", "senior", "--role", "lead").split()
    user = User.objects.get(username=name)
    assert roles_of(user) == {Role.SENIOR, Role.LEAD}
    assert user.check_password(password)
    with pytest.raises(CommandError, match="anna already"):
        output_of("create_account", "anna", "--role", "senior")
    with pytest.raises(CommandError):
        output_of("create_account", "otto", "--role", "director")


def test_a_token_is_printed_once_and_kept_only_as_its_hash() -> None:
    user = make_user(Role.ENGINEER)
    token = output_of("create_token", user.username, "--name", "nightly export").strip()
    stored = ApiToken.objects.get()
    assert (stored.user, stored.name) == (user, "nightly export")
    assert stored.sha256 == hashlib.sha256(token.encode()).hexdigest()
    with pytest.raises(CommandError, match="nobody"):
        output_of("create_token", "nobody")


def test_an_installation_begins_with_roles_accounts_a_round_and_what_lies_there() -> None:
    case = make_case(slices=1)
    printed = output_of("seed", "--without-case")
    assert set(Group.objects.values_list("name", flat=True)) == set(Role.values)
    assert {user.username: roles_of(user) for user in User.objects.all()} == {
        "resident": {Role.RESIDENT},
        "senior1": {Role.SENIOR},
        "senior2": {Role.SENIOR},
        "lead": {Role.LEAD},
        "engineer": {Role.ENGINEER},
        "administrator": {Role.ADMINISTRATOR},
    }
    passwords = dict(line.split() for line in printed.splitlines()[1:])
    assert all(User.objects.get(username=name).check_password(password) for name, password in passwords.items())
    assert User.objects.get(username="administrator").has_perm("labeling.open_identity")
    assert Round.objects.get().state == "open"
    assert Assignment.objects.get().case == case


def test_seeding_again_changes_nothing_and_prints_no_password() -> None:
    output_of("seed", "--without-case")
    before = list(User.objects.order_by("pk").values_list("username", "password"))
    assert output_of("seed", "--without-case") == ""
    assert list(User.objects.order_by("pk").values_list("username", "password")) == before
    assert Round.objects.count() == 1


def test_an_installation_without_demonstration_accounts_has_none() -> None:
    assert output_of("seed", "--without-case", "--without-accounts") == ""
    assert not User.objects.exists()
