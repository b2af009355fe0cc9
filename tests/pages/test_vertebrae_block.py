"""The vertebrae of a case: the button, the model, what is seen while it works, what becomes of it, and for whom."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Case, Job, ModelVersion, Reader
from labeling.reading.roles import Role, reader_of
from tests import factories
from tests.pages.test_pages import client_of, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def engineer() -> Client:
    return client_of(Role.ENGINEER)


def block(client: Client, case: Case) -> str:
    """The part of the page that is asked for again, in one line."""
    return " ".join(text_of(client, reverse("case-vertebrae", args=[case.pk])).split())


def press(client: Client, case: Case, **fields: Any) -> Any:
    return client.post(reverse("case-segment", args=[case.pk]), fields, follow=True)


def reader_with(case: Case, role: Role = Role.RESIDENT) -> Client:
    user = factories.make_user(role)
    factories.make_assignment(case, reader=reader_of(user))
    client = Client()
    client.force_login(user)
    return client


def test_without_a_model_the_block_leads_to_the_models(engineer: Client) -> None:
    case = factories.make_case()
    text = block(engineer, case)
    assert "No model can find vertebrae yet." in text
    assert f'href="{reverse("models")}"' in text
    assert ">Segment<" not in text
    answer = press(engineer, case)
    assert "not there any more" in answer.content.decode()
    assert not Job.objects.exists()


def test_one_model_is_named_beside_the_button_and_a_press_asks_for_it(engineer: Client) -> None:
    case, model = factories.make_case(), factories.make_model_version(name="Bodies 2", state="active")
    text = block(engineer, case)
    assert "with Bodies 2" in text
    assert "<select" not in text
    assert press(engineer, case, model=model.pk).status_code == 200
    job = Job.objects.get()
    assert (job.kind, job.case, job.model_version, job.state) == ("segment", case, model, "queued")
    text = block(engineer, case)
    assert "It waits for a worker." in text
    assert ">Segment<" not in text, "one at a time"
    assert "Cancel" in text
    press(engineer, case, model=model.pk)
    assert Job.objects.count() == 1


def test_of_several_models_one_is_chosen_the_active_one_first(engineer: Client) -> None:
    case = factories.make_case()
    factories.make_model_version(name="Retired", state="retired")
    candidate = factories.make_model_version(name="Candidate")
    factories.make_model_version(name="Active", state="active")
    factories.make_model_version(name="Heights", kind="morphometry", folder="")
    text = block(engineer, case)
    assert text.index(">Active<") < text.index(">Candidate, candidate<")
    assert "Retired" not in text
    assert "Heights" not in text
    press(engineer, case, model=candidate.pk)
    assert Job.objects.get().model_version == candidate


def test_a_model_that_has_seen_simulated_ct_alone_says_so_everywhere(engineer: Client) -> None:
    case = factories.make_case()
    model = factories.make_model_version(name="Starter", state="active", recipe={"simulated": True})
    assert "with Starter, trained on simulated CT" in block(engineer, case)
    factories.make_job(case=case, model_version=model, state="running")
    assert "With Starter, trained on simulated CT." in block(engineer, case)
    Job.objects.update(state="done", owner="", lease_until=None)
    factories.make_anatomy(case, author=Reader.objects.create(kind="model", model_version=model))
    assert "Found by Starter, trained on simulated CT" in block(engineer, case)


def test_a_failed_segmentation_shows_its_sentence_and_can_be_asked_for_again(engineer: Client) -> None:
    case, model = factories.make_case(), factories.make_model_version(state="active")
    press(engineer, case, model=model.pk)
    Job.objects.update(state="failed", message="The memory was not enough. Crop the examination, then start it again.")
    text = block(engineer, case)
    assert "The memory was not enough." in text
    assert "Segment again" in text
    press(engineer, case, model=model.pk)
    assert Job.objects.get().state == "queued"


def test_a_model_that_has_done_the_case_says_that_it_would_find_the_same(engineer: Client) -> None:
    case, model = factories.make_case(), factories.make_model_version(name="Bodies 2", state="active")
    press(engineer, case, model=model.pk)
    Job.objects.update(state="done")
    assert "Bodies 2 has segmented this case already." in press(engineer, case, model=model.pk).content.decode()
    assert Job.objects.get().state == "done"


def test_what_was_found_leads_to_the_anatomy_check_with_what_its_names_rest_on(engineer: Client) -> None:
    case, model = factories.make_case(), factories.make_model_version(name="Bodies 2", state="active")
    factories.make_job(case=case, model_version=model, state="done")
    author = Reader.objects.create(kind="model", model_version=model)
    levels = ("T11", "T12", "L1", "")
    factories.make_anatomy(case, levels, author=author, note="Counted from the sacrum. One speck was left out.")
    text = block(engineer, case)
    assert (
        f'4 vertebrae, T11–L1 and 1 without a name: <a href="{reverse("anatomy-check", args=[case.pk])}">check' in text
    )
    assert "Found by Bodies 2" in text
    assert "Counted from the sacrum. One speck was left out." in text
    assert "3 assumed, 1 unknown" in text, "the list of versions is asked for again with it"


def test_a_model_that_found_nothing_says_so(engineer: Client) -> None:
    case, model = factories.make_case(), factories.make_model_version(state="active")
    factories.make_job(case=case, model_version=model, state="done", message="")
    assert "The model found no vertebra." in block(engineer, case)


@pytest.mark.parametrize("role", [Role.RESIDENT, Role.SENIOR])
def test_readers_see_how_far_it_is_and_no_button(role: Role) -> None:
    case, model = factories.make_case(), factories.make_model_version(state="active")
    client = reader_with(case, role)
    assert "<button" not in block(client, case)
    job = factories.make_job(case=case, model_version=model, state="running", progress=0.5, stage="Window 3 of 6")
    text = block(client, case)
    assert "Window 3 of 6" in text
    assert "50 %" in text
    assert "<button" not in text
    assert f"/jobs/{job.pk}" not in text
    assert press(client, case, model=model.pk).status_code == 403
    factories.make_job(case=case, kind="measure", title="Measure", state="failed", message="L1 is a fracture.")
    assert "fracture" not in text_of(client, reverse("case", args=[case.pk]))


def test_a_case_without_images_offers_nothing_to_segment(engineer: Client) -> None:
    factories.make_model_version(state="active")
    assert ">Segment<" not in block(engineer, factories.make_bare_case())


def test_all_cases_without_vertebrae_are_asked_for_at_once(engineer: Client) -> None:
    model = factories.make_model_version(name="Bodies 2", state="active")
    open_cases = [factories.make_case() for _ in range(2)]
    factories.make_anatomy(factories.make_case())
    factories.make_job(case=factories.make_case(), model_version=model, state="running")
    factories.make_bare_case()
    text = " ".join(text_of(engineer, reverse("cases")).split())
    assert "Segment 2 cases with Bodies 2?" in text
    answer = engineer.post(reverse("cases-segment"), {"model": model.pk}, follow=True)
    assert "2 cases will be segmented with Bodies 2." in answer.content.decode()
    assert set(Job.objects.filter(state="queued").values_list("case", flat=True)) == {case.pk for case in open_cases}
    assert "Segment all without vertebrae" not in text_of(engineer, reverse("cases"))
    answer = engineer.post(reverse("cases-segment"), {"model": model.pk}, follow=True)
    assert "on its way" in answer.content.decode()


def test_without_a_model_the_cases_page_has_no_button_to_segment_them_all(engineer: Client) -> None:
    factories.make_case()
    assert "Segment all" not in text_of(engineer, reverse("cases"))
    assert "No model can find vertebrae yet" in engineer.post(reverse("cases-segment"), follow=True).content.decode()
    assert not ModelVersion.objects.exists()
