"""The rules of the search: read in words, tried on a sentence, published by a lead as a version."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.cohort.crawl import current_rules, publish_rules, rules_of
from labeling.language.crawl_rules import DEFAULT_RULES, Word, parse
from labeling.language.crawl_words import KINDS
from labeling.models import CrawlRules, Job
from labeling.pages.rules_words import languages_shown
from labeling.reading.roles import Role
from tests import factories
from tests.cohort.studies import OLD, make_report

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead() -> Any:
    return factories.make_user(Role.LEAD, first_name="Sofia", last_name="Brunner")


@pytest.fixture
def client(lead: Any) -> Client:
    return client_of(lead)


def client_of(user: Any) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def plain(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status
    return re.sub(r"\s+", " ", unescape(answer.content.decode()))


def form(rules: Any = DEFAULT_RULES, **changed: Any) -> dict[str, Any]:
    """What the page sends for these rules, as it shows them."""
    fields: dict[str, Any] = {"languages": list(rules.languages), "seen": current_rules().sha256, "action": "publish"}
    for name in ("count_old", "count_suspicion"):
        if getattr(rules, name):
            fields[name] = "yes"
    for language in languages_shown(rules):
        for one in language.lists:
            fields[f"on.{language.code}.{one.kind}"] = [word.text for word in one.words if word.is_on]
            fields[f"add.{language.code}.{one.kind}"] = "\r\n".join(one.added)
    return {name: value for name, value in (fields | changed).items() if value is not None}


def send(client: Client, fields: dict[str, Any], **how: Any) -> Any:
    return client.post(reverse("cohort-rules"), fields, **how)


def test_the_rules_that_hold_are_said_in_words(client: Client) -> None:
    html = plain(client.get(reverse("cohort-rules")))
    assert "Reports in German, English and French are read." in html
    assert "and so does a known old one or a suspected one or one of unknown age." in html
    assert "version 1, built in" in html
    assert html.count("<fieldset") == 1 + 2 + 3 * len(KINDS)


def test_a_form_that_changes_nothing_publishes_nothing(client: Client) -> None:
    assert "These rules hold already." in plain(send(client, form(), follow=True))
    assert CrawlRules.objects.count() == 1


def test_a_form_says_its_rules_whatever_they_are(client: Client, lead: Any) -> None:
    wanted = parse(
        {
            "languages": ["de", "fr"],
            "count_suspicion": False,
            "words": {
                "de": {"fracture": {"add": ["Wirbelbruch*", "Bruch des Wirbels"], "off": ["gebrochen*", "ein Rest"]}},
                "fr": {"history": {"off": ["ATCD"]}},
            },
        }
    )
    publish_rules(lead, wanted.as_json)
    other = publish_rules(lead, {})
    assert current_rules() == other
    send(client, form(wanted, **{"on.de.fracture": [*form(wanted)["on.de.fracture"]]}))
    # A word that nobody knows and that the rules before did not switch off is not in the form: nothing is lost by that.
    held = rules_of(current_rules())
    assert held.added == wanted.added
    assert set(wanted.off) - set(held.off) == {Word("de", "fracture", "ein Rest")}
    publish_rules(lead, wanted.as_json)
    assert "These rules hold already." in plain(send(client, form(wanted), follow=True))


def test_published_rules_are_a_version_and_every_report_is_searched_again(client: Client) -> None:
    make_report(OLD)
    html = plain(send(client, form(count_old=None, **{"add.de.fracture": "Wirbelbruch*"}), follow=True))
    assert "every report is searched again by them" in html
    assert "version 2, by Sofia Brunner" in html
    assert "A known old fracture does not count" in html
    assert "Added in German: “Wirbelbruch*” (fracture)" in html
    assert Job.objects.filter(kind="crawl").count() == 1
    assert rules_of(current_rules()).count_old is False


def test_an_earlier_version_holds_again(client: Client, lead: Any) -> None:
    first = current_rules()
    second = publish_rules(lead, {"count_old": False})
    again = {"action": "again", "seen": second.sha256, "version": str(first.pk)}
    send(client, again)
    assert current_rules() == first
    assert send(client, {**again, "seen": first.sha256, "version": "123456"}).status_code == 404
    assert send(client, {**again, "seen": first.sha256, "version": "²"}).status_code == 404


def test_who_publishes_over_rules_they_have_not_seen_is_told_and_keeps_the_form(client: Client, lead: Any) -> None:
    mine = form(count_old=None)
    publish_rules(lead, {"count_suspicion": False})
    answer = send(client, mine)
    assert "Other rules were published while this page was open." in plain(answer, 422)
    assert answer.context["rules"].count_old is False
    assert rules_of(current_rules()).count_old is True


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"languages": []}, "languages is no list with a language in it"),
        ({"add.en.body": "x"}, "has fewer than two letters"),
        ({"add.en.body": "a*b*c"}, "has a star within"),
        ({"add.en.body": "spine"}, ""),
    ],
)
def test_words_that_cannot_hold_are_refused_with_where(client: Client, fields: dict[str, Any], sentence: str) -> None:
    answer = send(client, form(**fields))
    if sentence:
        assert sentence in plain(answer, 422)
        assert CrawlRules.objects.count() == 1
    else:
        assert answer.status_code == 302


def test_a_sentence_is_tried_by_the_rules_of_the_page_and_nothing_is_kept(client: Client) -> None:
    text = "Bekannte alte Fraktur von LWK 2."
    html = plain(send(client, form(action="try", text=text)))
    assert re.search(r'chip-accent">proposed', html)
    assert 'mk mk-history"><span class="sr">history: </span>' in html
    assert "<dd>L2</dd>" in html
    draft = plain(send(client, form(action="try", text=text, count_old=None)))
    assert '<span class="chip">not proposed' in draft
    assert "by rules not published" in draft
    assert CrawlRules.objects.count() == 1
    assert "No text is given." in plain(send(client, form(action="try", text=" ")), 422)
    assert "5,000 can be tried" in plain(send(client, form(action="try", text="a" * 5_001)), 422)


def test_who_does_not_lead_reads_the_rules_and_tries_a_sentence() -> None:
    client = client_of(factories.make_user(Role.ENGINEER))
    html = plain(client.get(reverse("cohort-rules")))
    assert 'rules-form" disabled' in html
    assert 'value="publish"' not in html
    tried = plain(send(client, {"action": "try", "text": "No fracture of L1. Rib fracture <b>."}))
    assert "not proposed" in tried
    assert "&lt;b&gt;" not in tried  # unescaped by this test
    assert send(client, {"action": "publish"}).status_code == 403
    resident = client_of(factories.make_user(Role.RESIDENT))
    assert resident.get(reverse("cohort-rules")).status_code == 403
