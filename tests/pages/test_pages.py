"""What each page shows, empty and full, and that it shows it in a constant number of queries."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from labeling.imaging.sealing import Seal
from labeling.models import ApiToken, AuditEvent, Identity, IntakeBatch, Outcome
from labeling.reading.roles import Role
from labeling.reading.rounds import enter_open_round, seed_open_labelling_round
from tests import factories

pytestmark = pytest.mark.django_db


def client_of(*roles: Role) -> Client:
    client = Client()
    client.force_login(factories.make_user(*roles))
    return client


def a_case_in_the_pool():
    round_ = seed_open_labelling_round()
    case = factories.make_case()
    factories.make_anatomy(case)
    enter_open_round(case)
    return case, round_


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def test_an_empty_worklist_says_where_cases_come_from():
    text = text_of(client_of(Role.RESIDENT), reverse("worklist"))
    assert "Nothing left to read" in text
    assert reverse("intake") in text


def test_the_worklist_offers_the_next_case_and_opening_it_leads_to_the_reading_room():
    case, _ = a_case_in_the_pool()
    client = client_of(Role.RESIDENT)
    assert case.name in text_of(client, reverse("worklist"))
    response = client.post(reverse("open-case", args=[case.pk]))
    assert response.status_code == 302
    assert response.url.startswith("/read/")
    assert "Continue" in text_of(client, reverse("worklist"))


def test_two_residents_opening_the_same_pooled_case_get_one_read_between_them():
    case, _ = a_case_in_the_pool()
    first, second = client_of(Role.RESIDENT), client_of(Role.RESIDENT)
    assert first.post(reverse("open-case", args=[case.pk])).url.startswith("/read/")
    assert second.post(reverse("open-case", args=[case.pk])).status_code in (302, 404)
    assert case.reads.count() == 1


def test_the_worklist_takes_as_many_queries_for_thirty_cases_as_for_one(django_assert_max_num_queries):
    for _ in range(30):
        a_case_in_the_pool()
    client = client_of(Role.RESIDENT)
    text_of(client, reverse("worklist"))
    # Session, person and roles beside the list's own twelve.
    with django_assert_max_num_queries(24):
        text_of(client, reverse("worklist"))


def test_an_unknown_tab_or_page_shows_the_list_instead_of_an_error():
    client = client_of(Role.RESIDENT)
    for query in ("?tab=nonsense", "?page=-4", "?page=99999999999", "?page=x", "?search=%00"):
        assert client.get(reverse("worklist") + query).status_code == 200


@pytest.mark.parametrize(
    ("role", "start"), [(Role.RESIDENT, "worklist"), (Role.SENIOR, "worklist"), (Role.LEAD, "cases")]
)
def test_everyone_begins_where_their_work_lies(role, start):
    assert client_of(role).get("/").url == reverse(start)


def test_a_person_who_does_not_read_is_told_so_on_the_worklist():
    assert "Reading is for residents" in text_of(client_of(Role.ENGINEER), reverse("worklist"))


@pytest.mark.parametrize("state", ["receiving", "queued", "running", "done", "failed"])
def test_the_intake_page_draws_a_batch_in_every_state(state):
    batch = IntakeBatch.objects.create(
        name="delivery", source="command", state=state, files_total=7, files_done=3, message="The disk is full."
    )
    factories.make_series(
        None, batch=batch, outcome=Outcome.REFUSED, code="gap", series_uid="", why="Slices are missing. Send it again."
    )
    text = text_of(client_of(Role.ADMINISTRATOR), reverse("intake"))
    assert "Slices are missing." in text
    assert ('data-active="yes"' in text) == (state in ("receiving", "queued", "running"))
    assert ("The disk is full." in text) == (state == "failed")


def test_a_refused_file_of_no_case_does_not_seem_to_belong_to_one():
    batch = IntakeBatch.objects.create(name="delivery", source="command", state="done")
    case = factories.make_bare_case()
    factories.make_series(case, batch=batch)
    factories.make_series(None, batch=batch, outcome=Outcome.REFUSED, series_uid="", why="Not DICOM. Send images.")
    text = text_of(client_of(Role.ADMINISTRATOR), reverse("intake"))
    assert text.index("Part of no case") < text.index("Not DICOM.") < text.index(case.name)


def test_the_intake_page_keeps_its_number_of_queries_whatever_came_in(django_assert_max_num_queries):
    for _ in range(20):
        case = factories.make_bare_case()
        factories.make_series(case)
    client = client_of(Role.ADMINISTRATOR)
    text_of(client, reverse("intake"))
    with django_assert_max_num_queries(12):
        text_of(client, reverse("intake"))


def test_a_file_name_with_markup_is_shown_as_text():
    IntakeBatch.objects.create(name="<script>alert(1)</script>", source="upload", state="done")
    text = text_of(client_of(Role.ADMINISTRATOR), reverse("intake"))
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_the_case_page_says_what_is_known_and_offers_a_mask():
    case, _ = a_case_in_the_pool()
    text = text_of(client_of(Role.LEAD), reverse("case", args=[case.pk]))
    assert "Add a vertebra mask" in text
    assert case.name in text


def test_the_labels_page_is_empty_until_a_read_is_locked_and_then_counts_it():
    client = client_of(Role.LEAD)
    assert "No read is locked yet" in text_of(client, reverse("labels"))
    read = factories.lock_plainly(factories.make_read())
    text = text_of(client, reverse("labels"))
    assert read.round.name in text
    assert reverse("export-labels") in text


def test_a_token_is_shown_once_works_and_can_be_revoked():
    user = factories.make_user(Role.ENGINEER)
    client = Client()
    client.force_login(user)
    page = client.post(reverse("account"), {"action": "token", "name": "notebook"}, follow=True)
    token = page.context["fresh_token"]
    assert token in page.content.decode()
    assert token not in text_of(client, reverse("account"))
    bearer = {"Authorization": f"Bearer {token}"}
    assert Client().get("/api/me", headers=bearer).status_code == 200
    client.post(reverse("account"), {"action": "revoke", "token": ApiToken.objects.get().pk})
    assert Client().get("/api/me", headers=bearer).status_code == 401
    assert list(AuditEvent.objects.order_by("pk").values_list("verb", flat=True)) == ["create_token", "revoke_token"]


def test_nonsense_in_the_account_form_is_no_error():
    client = client_of(Role.ENGINEER)
    assert client.post(reverse("account"), {"action": "token", "name": "a\x00b"}).status_code == 302
    assert client.post(reverse("account"), {"action": "revoke", "token": "9" * 5000}).status_code == 302
    assert ApiToken.objects.get().name == "ab"


def test_a_name_longer_than_any_account_is_a_wrong_name_and_no_error():
    response = Client().post(reverse("login"), {"username": "x" * 3000, "password": "y"})
    assert response.status_code == 200
    assert "Name and password do not match" in response.content.decode()


def test_a_form_takes_no_file_not_even_before_anyone_has_logged_in():
    """Else a stranger could fill the disk: the body is read before the login is checked."""
    upload = SimpleUploadedFile("big.bin", b"0" * 300_000)
    response = Client(enforce_csrf_checks=True).post(reverse("login"), {"username": "x", "file": upload})
    assert response.status_code == 403
    assert not response.wsgi_request.FILES


def test_revoking_another_persons_token_changes_nothing():
    token = ApiToken.objects.create(user=factories.make_user(), name="theirs", sha256="0" * 64)
    client = client_of(Role.ENGINEER)
    client.post(reverse("account"), {"action": "revoke", "token": token.pk})
    client.post(reverse("account"), {"action": "revoke", "token": "no number"})
    token.refresh_from_db()
    assert token.revoked_at is None


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"state": "installing", "detail": "torch"}, "Models: being installed"),
        ({"state": "failed", "detail": "no network"}, "Models: not installed"),
        ({"state": "skipped"}, "Models: left out"),
        ({"state": "ready"}, None),
        ("not json", None),
    ],
)
def test_the_chip_says_how_far_the_inference_packages_are(settings, status, words):
    settings.INFERENCE_STATUS_FILE.write_text(status if isinstance(status, str) else json.dumps(status))
    text = text_of(client_of(Role.RESIDENT), reverse("worklist"))
    assert ("Models: " in text) == (words is not None)
    if words:
        assert words in text


def test_every_page_forbids_inline_script_and_foreign_hosts():
    client = client_of(Role.LEAD)
    for name in ("worklist", "intake", "cases", "labels", "account"):
        response = client.get(reverse(name))
        policy = response.headers["Content-Security-Policy"]
        assert "unsafe-inline" not in policy
        assert "http:" not in policy
        text = response.content.decode()
        assert " style=" not in text
        assert "<script>" not in text
        assert " onclick=" not in text


def test_healthz_answers_without_a_login_and_without_details():
    response = Client().get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"ok": True}


def a_case_with_a_sealed_identity(settings):
    case = factories.make_case()
    sealed = Seal(settings.IDENTITY_KEYS).seal({"patient": {"patient_id": "4711", "name": "Muster^Maria"}, "age": 93})
    Identity.objects.create(case=case, sealed=sealed)
    return case


def test_an_administrator_looks_up_an_identity_and_the_look_is_recorded(settings):
    case = a_case_with_a_sealed_identity(settings)
    client = client_of(Role.ADMINISTRATOR)
    assert "Muster" not in text_of(client, reverse("case", args=[case.pk]))
    response = client.post(reverse("identity", args=[case.pk]))
    text = response.content.decode()
    assert "Muster^Maria" in text
    assert "93" in text
    assert "no-store" in response.headers["Cache-Control"]
    assert AuditEvent.objects.get().verb == "open_identity"


@pytest.mark.parametrize("role", [Role.LEAD, Role.ENGINEER, Role.RESIDENT, Role.SENIOR])
def test_nobody_else_looks_up_an_identity(settings, role):
    case = a_case_with_a_sealed_identity(settings)
    response = client_of(role).post(reverse("identity", args=[case.pk]))
    assert response.status_code in (403, 404)
    assert not AuditEvent.objects.exists()


def test_an_identity_is_never_opened_by_following_a_link(settings):
    case = a_case_with_a_sealed_identity(settings)
    assert client_of(Role.ADMINISTRATOR).get(reverse("identity", args=[case.pk])).status_code == 405
    assert not AuditEvent.objects.exists()
