"""The page of the anatomy check: who sees it, where it leads back and on to."""

from __future__ import annotations

import pytest
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from labeling.models import Anatomy, Case
from labeling.reading.anatomies import may_edit, unchecked_cases
from labeling.reading.roles import Role, reader_of
from labeling.reading.rounds import enter_open_round, seed_open_labelling_round
from labeling.reading.visibility import visible_cases
from tests import factories

pytestmark = pytest.mark.django_db


def client_of(*roles: Role) -> Client:
    client = Client()
    client.force_login(factories.make_user(*roles))
    return client


def pooled_case(*, masked: bool = True) -> Case:
    seed_open_labelling_round()
    case = factories.make_case()
    if masked:
        factories.make_anatomy(case)
        enter_open_round(case)
    return case


def confirm(case: Case) -> None:
    by = reader_of(factories.make_user(Role.LEAD))
    Anatomy.objects.filter(case=case).update(confirmed_by=by, confirmed_at=timezone.now())


def location(response: HttpResponseBase) -> str:
    return str(response["Location"])


def page(client: Client, case: Case, query: str = "") -> str:
    response = client.get(reverse("anatomy-check", args=[case.pk]) + query)
    assert response.status_code == 200
    return response.content.decode()


def test_the_page_names_its_case_and_fetches_its_anatomy_ahead() -> None:
    case = pooled_case()
    text = page(client_of(Role.RESIDENT), case)
    assert case.name in text
    assert f'href="{reverse("api-anatomy", args=[case.pk])}"' in text


def test_from_a_read_it_leads_back_to_that_read() -> None:
    case = pooled_case()
    text = page(client_of(Role.RESIDENT), case, "?read=17")
    assert 'data-read="17"' in text
    assert text.count('"/read/17"') == 3  # the arrow, the way back and the way on


@pytest.mark.parametrize(
    "query",
    ["?read=", "?read=x", "?read=-1", "?read=1e3", "?read=%D9%A3", "?read=<b>", f"?read={'9' * 5000}"],
    ids=["nothing", "word", "below", "float", "arabic", "tag", "endless"],
)
def test_what_is_no_read_leads_back_to_the_case(query: str) -> None:
    case = pooled_case()
    text = page(client_of(Role.LEAD), case, query)
    assert 'data-read=""' in text
    assert f'data-onward="{reverse("case", args=[case.pk])}"' in text


def test_in_the_queue_it_leads_on_to_the_next_case() -> None:
    case = pooled_case()
    assert f'data-onward="/anatomy/next?after={case.pk}"' in page(client_of(Role.LEAD), case, "?queue=1")


def test_a_case_that_a_person_may_not_see_is_not_there() -> None:
    case = factories.make_case()
    factories.make_anatomy(case)
    client = client_of(Role.RESIDENT)
    assert client.get(reverse("anatomy-check", args=[case.pk])).status_code == 404
    assert client.get(reverse("anatomy-check", args=[case.pk + 1000])).status_code == 404


def test_the_queue_goes_through_unchecked_cases_and_round_again_and_ends_with_a_sentence() -> None:
    first, second, third = pooled_case(), pooled_case(masked=False), pooled_case()
    factories.make_bare_case()
    client = client_of(Role.LEAD)

    def after(case: Case) -> str:
        return location(client.get(f"{reverse('anatomy-next')}?after={case.pk}"))

    def check_of(case: Case) -> str:
        return f"{reverse('anatomy-check', args=[case.pk])}?queue=1"

    assert location(client.get(reverse("anatomy-next"))) == check_of(first)
    assert after(first) == check_of(second), "a case without any vertebra waits for its check too"
    confirm(third)
    assert after(second) == check_of(first)
    confirm(first)
    assert after(second) == reverse("cases")
    assert "has been checked" in client.get(reverse("cases")).content.decode()


def test_a_newer_version_that_nobody_has_confirmed_brings_a_case_back_into_the_queue() -> None:
    case = pooled_case()
    confirm(case)
    newest = factories.make_anatomy(case)
    assert newest.n > 1
    assert location(client_of(Role.LEAD).get(reverse("anatomy-next"))).startswith(
        reverse("anatomy-check", args=[case.pk])
    )


def test_a_reader_is_not_led_to_a_case_whose_anatomy_is_fixed_for_them() -> None:
    reader = factories.make_user(Role.SENIOR)
    round_ = factories.make_round(kind="independent")
    case = factories.make_case()
    factories.make_anatomy(case)
    factories.make_assignment(case, round=round_, reader=reader_of(reader))
    client = Client()
    client.force_login(reader)
    assert page(client, case)
    assert location(client.get(reverse("anatomy-next"))) == reverse("worklist")


def test_the_page_of_all_cases_counts_what_waits_for_its_check_and_leads_there() -> None:
    first, second = pooled_case(), pooled_case(masked=False)
    factories.make_bare_case()
    client = client_of(Role.LEAD)

    def words() -> str:
        return " ".join(strip_tags(client.get(reverse("cases")).content.decode()).split())

    assert "Check anatomies, 2 not checked" in words()
    assert f'href="{reverse("anatomy-next")}"' in client.get(reverse("cases")).content.decode()
    confirm(first)
    assert "Check anatomies, 1 not checked" in words()
    Anatomy.objects.create(case=second, stack=second.reading_stack, n=1)
    confirm(second)
    assert "Check anatomies" not in words()


@pytest.mark.parametrize("kind", ["labelling", "independent", "practice"])
@pytest.mark.parametrize("state", ["planned", "open", "closed"])
@pytest.mark.parametrize("roles", [(Role.RESIDENT,), (Role.SENIOR,), (Role.LEAD,), (Role.LEAD, Role.SENIOR), ()])
def test_what_waits_for_a_check_by_a_person_is_exactly_what_they_may_check(
    kind: str, state: str, roles: tuple[Role, ...]
) -> None:
    user = factories.make_user(*roles)
    case, other = pooled_case(), pooled_case()
    confirm(pooled_case())
    round_ = factories.make_round(kind=kind, state=state)
    for each in (case, other):
        factories.make_assignment(each, round=round_, reader=reader_of(user if each == case else factories.make_user()))
    wanted = [each for each in visible_cases(user) if may_edit(user, each)]
    assert set(unchecked_cases(user)) == {each for each in wanted if each in (case, other)}


@pytest.mark.parametrize("after", ["x", "-1", "9" * 30, "%00"])
def test_a_place_in_the_queue_that_is_none_begins_at_the_first_case(after: str) -> None:
    case = pooled_case()
    assert str(case.pk) in location(client_of(Role.LEAD).get(f"{reverse('anatomy-next')}?after={after}"))
