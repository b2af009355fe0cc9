"""Makes an account with a role; its password is printed once and kept nowhere but hashed."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from labeling.reading.roles import Role, make_groups


class Command(BaseCommand):
    help = "Make an account with one or more roles. The password is printed once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--role", choices=Role.values, action="append", required=True, help="May be given again.")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        password = create_account(name, [Role(role) for role in options["role"]])
        if password is None:
            raise CommandError(f"There is an account called {name} already.")
        self.stdout.write(f"{name}  {password}")


def create_account(name: str, roles: list[Role]) -> str | None:
    """The password of a new account; None where the name is taken."""
    with transaction.atomic():
        make_groups()
        if User.objects.filter(username=name).exists():
            return None
        password = secrets.token_urlsafe(12)
        user = User.objects.create_user(name, password=password)
        user.groups.set(Group.objects.filter(name__in=roles))
        return password
