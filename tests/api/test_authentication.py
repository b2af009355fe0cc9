"""Who asks: sessions with CSRF, tokens, and nobody."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from labeling.models import ApiToken
from tests import factories
from tests.api.conftest import Room, logged_in, with_token

pytestmark = pytest.mark.django_db

#: A value for each kind of URL argument.
SAMPLES = {
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uid": "1.2.3",
    "int": "1",
    "str": "1",
    "path": "a/b",
    "slug": "a-b",
}


def api_urls() -> Iterator[str]:
    """One address per pattern below /api/ and /dicomweb/."""

    def walk(prefix: str, patterns: list[Any]) -> Iterator[str]:
        for one in patterns:
            path = prefix + str(one.pattern)
            if isinstance(one, URLResolver):
                yield from walk(path, one.url_patterns)
            elif isinstance(one, URLPattern):
                yield "/" + re.sub(r"<(\w+):\w+>", lambda found: SAMPLES[found[1]], path)

    for url in walk("", get_resolver().url_patterns):
        if url.startswith(("/api/", "/dicomweb/")):
            yield url


#: Addresses that are pages: who is not logged in is sent to the login page instead.
PAGES = {"/api/docs"}


@pytest.mark.parametrize("url", sorted(set(api_urls()) - PAGES))
def test_nobody_gets_a_401_in_the_shape_of_the_api(url: str) -> None:
    answer = Client().get(url)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    said = answer.json()
    assert (said["ok"], said["code"]) == (False, "not_logged_in")
    assert said["sentence"].endswith(".")


@pytest.mark.parametrize("url", sorted(set(api_urls()) - PAGES))
def test_a_wrong_token_opens_no_address_whatever_the_session_says(url: str, resident: User) -> None:
    answer = logged_in(resident).get(url, headers={"Authorization": "Bearer wrong"})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_refused")


def test_the_docs_are_a_page_and_send_people_to_the_login_page() -> None:
    answer = Client().get("/api/docs")
    assert (answer.status_code, answer["Location"]) == (302, "/login?next=/api/docs")


def test_a_token_is_its_user(resident: User) -> None:
    said = Client().get("/api/me", headers=with_token(resident)).json()
    assert said == {"username": resident.username, "name": resident.username, "roles": ["resident"]}


def test_a_token_needs_no_csrf_token(room: Room) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post(
        room.url("seen"), {"sop_uids": []}, content_type="application/json", headers=with_token(room.user)
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "bearer  ", "Bearer unknown", "Bearer " + "x" * 10_000, "Bearer täglich"],
)
def test_a_token_that_is_none_is_refused(resident: User, header: str) -> None:
    with_token(resident)
    answer = Client().get("/api/me", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_refused")


def test_a_revoked_token_is_refused(resident: User) -> None:
    headers = with_token(resident)
    assert Client().get("/api/me", headers=headers).status_code == 200
    ApiToken.objects.update(revoked_at=timezone.now())
    assert Client().get("/api/me", headers=headers).json()["code"] == "token_refused"


def test_the_token_of_a_closed_account_is_refused(resident: User) -> None:
    headers = with_token(resident)
    User.objects.update(is_active=False)
    assert Client().get("/api/me", headers=headers).json()["code"] == "token_refused"


def test_other_schemes_are_no_login(resident: User) -> None:
    answer = Client().get("/api/me", headers={"Authorization": "Basic cmVzaWRlbnQ6eA=="})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_logged_in")


def test_a_session_writes_only_with_its_csrf_token(room: Room) -> None:
    browser = logged_in(room.user, enforce_csrf_checks=True)
    refused = browser.post(room.url("seen"), {"sop_uids": []}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf")
    assert browser.get(f"/read/{room.read.pk}").status_code == 200
    token = browser.cookies["csrftoken"].value
    taken = browser.post(
        room.url("seen"), {"sop_uids": []}, content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert taken.status_code == 200


def test_a_role_that_does_not_allow_it_is_a_403_in_the_shape_of_the_api() -> None:
    client = logged_in(factories.make_user("senior"))
    for url in ("/api/intake/batches", "/api/exports/labels", "/api/exports/findings"):
        answer = client.get(url)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
