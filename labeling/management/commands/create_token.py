"""Makes an API token for an account; it is printed once and kept nowhere but hashed."""

from __future__ import annotations

import hashlib
import secrets
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from labeling.models import ApiToken


class Command(BaseCommand):
    help = "Make an API token for an account, to be sent as 'Authorization: Bearer TOKEN'. It is printed once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account")
        parser.add_argument("--name", default="command line", help="What the token is for.")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["account"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active account called {options['account']}.")
        token = secrets.token_urlsafe(32)
        ApiToken.objects.create(user=user, name=options["name"][:80], sha256=hashlib.sha256(token.encode()).hexdigest())
        self.stdout.write(token)
