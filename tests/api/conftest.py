"""People, a case that can be read, and clients of both kinds."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labeling.api.authentication import token_sha256
from labeling.models import ApiToken, Assignment, Case, Read, Round
from tests import factories


def logged_in(user: User, **options: Any) -> Client:
    """A browser of this person; without the check of CSRF tokens unless asked for."""
    client = Client(**options)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def with_token(user: User, token: str = "") -> dict[str, str]:
    """Headers of a script of this person."""
    token = token or f"token-of-{user.pk}"
    ApiToken.objects.get_or_create(user=user, name="test", sha256=token_sha256(token))
    return {"Authorization": f"Bearer {token}"}


def post(client: Client, url: str, data: object, **options: Any) -> Any:
    return client.post(url, data, content_type="application/json", **options)


@dataclass
class Room:
    """A resident with a draft of a case of three vertebrae, L2 to L4, on slices 3 to 8."""

    user: User
    client: Client
    case: Case
    read: Read
    round: Round

    def url(self, what: str) -> str:
        return f"/api/reads/{self.read.pk}/{what}"


@pytest.fixture
def resident(db: None) -> User:
    return factories.make_user("resident")


@pytest.fixture
def room(resident: User) -> Room:
    case = factories.make_case()
    factories.make_anatomy(case)
    round_ = factories.make_round()
    read = factories.make_read(case, reader=factories.reader_of(resident), round=round_)
    return Room(resident, logged_in(resident), case, read, round_)


@pytest.fixture
def pooled(db: None) -> Assignment:
    """A case that lies in the pool of an open labelling round."""
    case = factories.make_case()
    factories.make_anatomy(case)
    return factories.make_assignment(case)
