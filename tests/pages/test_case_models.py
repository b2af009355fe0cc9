"""The models of a case: who sees which have read it, who asks for pre-labels, who is shown what they say."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from labeling.models import Case, Exposure, Job, Reference
from labeling.reading.roles import Role, reader_of
from tests import factories
from tests.pages.opinions import classified, make_classifier, measured
from tests.pages.test_pages import client_of, text_of

pytestmark = pytest.mark.django_db

OVERSEERS = [Role.LEAD, Role.ENGINEER, Role.ADMINISTRATOR]


@pytest.fixture
def lead() -> Client:
    return client_of(Role.LEAD)


def case_with_vertebrae() -> Case:
    case = factories.make_case()
    factories.make_anatomy(case)
    return case


def block(client: Client, case: Case) -> str:
    """All that is asked for again of a case, in one line."""
    return " ".join(text_of(client, reverse("case-vertebrae", args=[case.pk])).split())


def page(client: Client, case: Case) -> str:
    """What stands in the middle of the page, without the token that each form has anew."""
    whole = " ".join(text_of(client, reverse("case", args=[case.pk])).split())
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", whole[whole.index("<main") : whole.index("</main>")])


def show(client: Client, case: Case) -> str:
    answer = client.post(reverse("case-opinions", args=[case.pk]), follow=True)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def prelabel(client: Client, case: Case) -> Any:
    return client.post(reverse("case-prelabel", args=[case.pk]), follow=True)


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("role", OVERSEERS)
def test_who_oversees_is_told_which_models_have_read_the_case_and_no_verdict(role: Role) -> None:
    case, model = case_with_vertebrae(), make_classifier(recipe={"simulated": True})
    classified(case, model)
    measured(case)
    client = client_of(role)
    for text in (block(client, case), page(client, case)):
        assert "Sagittal 3</a>" in text
        assert "trained on simulated CT" in text
        assert "Morphometry 1</a>" in text
        assert "Show what they say" in text
        assert "fracture" not in text.replace("Wedge fracture", "")
        assert "0.87" not in text
    assert not Exposure.objects.exists(), "the page alone shows nobody an opinion"


@pytest.mark.parametrize("role", [Role.RESIDENT, Role.SENIOR])
def test_who_reads_finds_no_trace_of_any_model(role: Role) -> None:
    case, user = case_with_vertebrae(), factories.make_user(role)
    factories.make_assignment(case, reader=reader_of(user))
    client = logged_in(user)
    before = block(client, case), page(client, case)
    model = make_classifier()
    classified(case, model)
    measured(case)
    factories.make_job(kind="classify", key=f"classify:{case.anatomies.get().pk}:x", case=case, state="failed")
    assert (block(client, case), page(client, case)) == before
    for text in before:
        assert "model" not in text.lower().replace("no model has been asked to find them", "")
        assert "Pre-label" not in text
    for name in ("case-opinions", "case-prelabel"):
        assert client.post(reverse(name, args=[case.pk])).status_code == 403
    assert not Exposure.objects.exists()


def test_what_models_say_is_shown_on_request_and_written_down(lead: Client) -> None:
    case = case_with_vertebrae()
    classified(case, make_classifier(), {"L2": "negative", "L3": "fracture", "L4": "not_assessable"})
    measured(case)
    text = show(lead, case)
    for words in (
        "Fracture at L3; 2 of 3 assessed",
        "Fracture at L2; 2 of 3 assessed",
        "fracture from a score of 0.41",
        '<td class="r num">0.87</td><td class="r num nowrap">2 of 4</td>',
        '<td class="r num">0.09</td><td class="r num nowrap">0 of 4</td>',
        "Too few slices of L4 are left.",
        '33 · −2 <span class="t2">wedge</span>',
        "The slices of L3 are too coarse.",
        "not assessed",
    ):
        assert words in text, words
    shown = Exposure.objects.get()
    assert (shown.case, shown.what) == (case, "model")
    show(lead, case)
    assert Exposure.objects.count() == 1
    answer = lead.post(reverse("case-opinions", args=[case.pk]))
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_reload_or_a_link_shows_nobody_what_models_say(lead: Client) -> None:
    case = case_with_vertebrae()
    classified(case, make_classifier())
    answer = lead.get(reverse("case-opinions", args=[case.pk]))
    assert answer.url == reverse("case", args=[case.pk])
    assert not Exposure.objects.exists()


def test_the_active_classifier_speaks_else_the_newest_that_has_read_the_case(lead: Client) -> None:
    case = case_with_vertebrae()
    active = make_classifier("Active")
    older, newer = (make_classifier(name, state="candidate") for name in ("Older", "Newer"))
    for model in (older, newer):
        classified(case, model)
    assert "<dt>Newer</dt>" in show(lead, case)
    classified(case, active)
    measured(case)
    text = show(lead, case)
    assert "<dt>Active</dt>" in text
    assert "<dt>Newer</dt>" not in text
    assert text.index("<dt>Active</dt>") < text.index("<dt>Morphometry 1</dt>")


def test_a_recipe_that_calls_any_slice_says_so(lead: Client) -> None:
    case = case_with_vertebrae()
    classified(case, make_classifier(), rule="any slice")
    assert "fracture where any slice shows one" in show(lead, case)


def test_nothing_to_show_is_said_and_writes_nothing(lead: Client) -> None:
    case = case_with_vertebrae()
    assert "No model has read these vertebrae yet." in show(lead, case)
    assert "Show what they say" not in page(lead, case)
    assert "nothing for a model to read" in show(lead, factories.make_case())
    assert not Exposure.objects.exists()


# ---------------------------------------------------------------- whoever owes a read of the case


def owing(case: Case, **options: Any) -> Client:
    """A lead who is asked for a read of this case."""
    user = factories.make_user(Role.LEAD, Role.SENIOR)
    hidden = options.pop("model_hidden", False)
    factories.make_assignment(case, round=factories.make_round(**options), reader=reader_of(user), model_hidden=hidden)
    return logged_in(user)


HIDING = [
    {"kind": "independent"},
    {"kind": "independent", "state": "planned"},
    {"kind": "labelling", "rules": {"model": "after_lock"}},
    {"kind": "labelling", "rules": {"model": "shown", "model_hidden_share": 0.2}, "model_hidden": True},
]


@pytest.mark.parametrize("options", HIDING, ids=["never", "planned", "after lock", "drawn"])
def test_who_owes_a_read_without_the_models_cannot_tell_whether_one_has_read_it(options: dict[str, Any]) -> None:
    case = case_with_vertebrae()
    client = owing(case, **options)
    model = make_classifier()
    before = block(client, case)
    assert "You are asked to read this case without the models" in before
    classified(case, model)
    measured(case)
    factories.make_job(kind="classify", key=f"classify:{case.anatomies.get().pk}:x", case=case, state="running")
    assert block(client, case) == before
    text = show(client, case)
    assert "You are asked to read this case without the models" in text
    assert "0.87" not in text
    assert "Sagittal 3" not in text
    jobs = Job.objects.count()
    assert "without the models" in prelabel(client, case).content.decode()
    assert Job.objects.count() == jobs
    assert not Exposure.objects.exists()


def test_who_is_shown_the_model_first_anyway_may_look_here_too() -> None:
    case = case_with_vertebrae()
    client = owing(case, kind="labelling", rules={"model": "shown", "model_hidden_share": 0.2})
    classified(case, make_classifier())
    assert "Fracture at L3" in show(client, case)


def test_once_there_is_a_reference_the_block_opens_to_who_has_read_the_case_blind() -> None:
    case, user = case_with_vertebrae(), factories.make_user(Role.LEAD, Role.SENIOR)
    read = factories.make_read(case, reader=reader_of(user), round=factories.make_round("independent"))
    classified(case, make_classifier())
    client = logged_in(user)
    assert "without the models" in block(client, case)
    factories.lock_plainly(read)
    assert "without the models" in block(client, case)
    Reference.objects.create(case=case, read=read)
    assert "Show what they say" in block(client, case)


# ---------------------------------------------------------------- asking for pre-labels


@pytest.mark.parametrize("role", [Role.LEAD, Role.ENGINEER])
def test_leads_and_engineers_ask_for_pre_labels_and_see_how_far_they_are(role: Role) -> None:
    case, model, client = case_with_vertebrae(), make_classifier(), client_of(role)
    assert "with Sagittal 3" in block(client, case)
    prelabel(client, case)
    job = Job.objects.get()
    assert (job.kind, job.case, job.model_version, job.state) == ("classify", case, model, "queued")
    text = block(client, case)
    assert "It waits for a worker." in text
    assert 'data-part="models" data-active="yes"' in text
    assert ">Pre-label<" not in text, "one at a time"
    prelabel(client, case)
    assert Job.objects.count() == 1
    Job.objects.update(
        state="failed", finished_at=job.created_at, message="The disk is full. Make room, then start it again."
    )
    text = block(client, case)
    assert "<b data-say>The disk is full.</b> Make room, then start it again." in text
    prelabel(client, case)
    assert Job.objects.get().state == "queued"


def test_an_administrator_looks_and_asks_for_nothing() -> None:
    case, client = case_with_vertebrae(), client_of(Role.ADMINISTRATOR)
    make_classifier()
    assert "Pre-label" not in block(client, case)
    assert prelabel(client, case).status_code == 403
    assert not Job.objects.exists()


def test_without_a_classifier_or_vertebrae_the_block_says_what_is_missing(lead: Client) -> None:
    case = case_with_vertebrae()
    text = block(lead, case)
    assert "No classifier is active, so nothing is pre-labelled." in text
    assert ">Pre-label<" not in text
    assert "No classifier is active" in prelabel(lead, case).content.decode()
    make_classifier()
    bare = factories.make_case()
    assert "No vertebrae yet, so there is nothing for a model to read." in block(lead, bare)
    assert "has no vertebrae yet. Segment it or place them" in prelabel(lead, bare).content.decode()
    assert not Job.objects.exists()


def test_what_was_read_is_not_asked_for_again_and_a_new_anatomy_is(lead: Client) -> None:
    case, model = case_with_vertebrae(), make_classifier()
    classified(case, model)
    assert "Pre-label" not in block(lead, case)
    assert "has read these vertebrae already" in prelabel(lead, case).content.decode()
    assert not Job.objects.exists()
    factories.make_anatomy(case)
    text = block(lead, case)
    assert "No model has read these vertebrae yet." in text
    assert ">Pre-label<" in text


def test_the_block_takes_a_constant_number_of_queries(lead: Client, django_assert_max_num_queries: Any) -> None:
    case = case_with_vertebrae()
    for number in range(6):
        classified(case, make_classifier(f"Version {number}", state="candidate"))
    measured(case)
    block(lead, case)
    with django_assert_max_num_queries(20):
        block(lead, case)
    with django_assert_max_num_queries(45):
        show(lead, case)
