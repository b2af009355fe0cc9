"""The models page, one model, importing one and training one."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Anatomy, Dataset, DatasetPatient, Job, ModelVersion, Reader
from labeling.pages.model_rows import metric_words
from labeling.reading.roles import Role
from tests import factories
from tests.pages.test_pages import client_of, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def engineer() -> Client:
    return client_of(Role.ENGINEER)


def models(client: Client) -> str:
    return " ".join(text_of(client, reverse("models")).split())


def page(client: Client, model: ModelVersion) -> str:
    return " ".join(text_of(client, reverse("model", args=[model.pk])).split())


def frozen(**recipe: Any) -> Dataset:
    name = f"masks {factories.number()}"
    recipe = {"masks": "bodies", "cases": 3, **recipe}
    return Dataset.objects.create(
        name=name, purpose="train", sha256=factories.digest(name), manifest="m.jsonl", recipe=recipe
    )


def test_an_empty_page_says_where_models_come_from(engineer: Client) -> None:
    assert "No model yet" in models(engineer)
    assert "An engineer imports or trains one." in models(client_of(Role.LEAD))


def test_versions_stand_by_kind_the_active_one_first(engineer: Client) -> None:
    for name, state in (("Old", "retired"), ("Now", "active"), ("Next", "candidate")):
        factories.make_model_version(name=name, state=state, metrics={"Dice": 0.9312, "cases": 12, "seconds": 1})
    factories.make_model_version(name="Heights 1", kind="morphometry", folder="", state="active")
    text = models(engineer)
    places = [text.index(f">{name}</a>") for name in ("Now", "Next", "Old", "Heights 1")]
    assert places == sorted(places)
    assert "Dice 0.931, cases 12" in text
    assert "Now finds the vertebrae" in text
    assert "no weights" in text


def test_a_version_says_how_many_cases_it_has_segmented_or_read_and_not_which(engineer: Client) -> None:
    model = factories.make_model_version(state="active")
    author = Reader.objects.create(kind="model", model_version=model)
    case = factories.make_case()
    for one in (case, case, factories.make_case()):
        factories.make_anatomy(one, author=author)
    heights = factories.make_model_version(kind="morphometry", folder="", state="active")
    reader = Reader.objects.create(kind="model", model_version=heights)
    read = factories.make_read(case, reader=reader)
    factories.lock_plainly(read)
    text = models(engineer)
    assert "2 segmented" in text
    assert "1 read" in text
    assert case.name not in text
    assert case.name not in page(engineer, heights)


def test_the_page_of_a_model_says_what_it_is(engineer: Client, settings: Any) -> None:
    dataset = frozen(simulated=True)
    for _ in range(2):
        patient = factories.make_patient(split="training")
        DatasetPatient.objects.create(dataset=dataset, patient=patient, split="training")
    parent = factories.make_model_version(name="The one before")
    model = factories.make_model_version(
        name="Bodies 3",
        dataset=dataset,
        parent=parent,
        recipe={"settings": {"epochs": 60, "features": [8, 16], "device": None}, "labels": "bodies"},
        metrics={"validation": {"Dice": 0.91}},
        note="Small bodies only.",
        by=factories.make_user(Role.ENGINEER, first_name="Jonas", last_name="Frei"),
    )
    folder = Path(settings.MODELS_ROOT) / model.folder / "fold_0"
    folder.mkdir(parents=True)
    (folder / "checkpoint_final.pth").write_bytes(b"12345")
    curves = {"train loss": [[0, 0.9], [1, 0.5]]}
    job = factories.make_job(kind="train-segmentation", state="done", model_version=model, curves=curves)
    text = page(engineer, model)
    for words in (
        "Small bodies only.",
        "<dt>validation: Dice</dt><dd>0.910</dd>",
        "<h3>Settings</h3>",
        "<dt>epochs</dt><dd>60</dd><dt>features</dt><dd>8, 16</dd>",
        "fold_0/checkpoint_final.pth",
        "2 patients, 3 cases",
        dataset.sha256[:16],
        "The one before",
        "Jonas Frei",
        "Trained on simulated CT",
        model.sha256,
        '<th scope="col">train loss</th>',
        reverse("job", args=[job.pk]),
    ):
        assert words in text, words
    assert "<dt>device</dt>" not in text


def test_a_model_whose_files_are_gone_says_so(engineer: Client) -> None:
    assert "The files of this model are gone." in page(engineer, factories.make_model_version())


@pytest.mark.parametrize("role", [Role.LEAD, Role.ENGINEER])
def test_leads_and_engineers_say_which_model_works(role: Role) -> None:
    client = client_of(role)
    before = factories.make_model_version(name="Before", state="active")
    after = factories.make_model_version(name="After")
    assert "It takes the place of Before" in page(client, after)
    answer = client.post(reverse("model-activate", args=[after.pk]), follow=True)
    assert "After works from now on." in answer.content.decode()
    assert [ModelVersion.objects.get(pk=each.pk).state for each in (before, after)] == ["candidate", "active"]
    client.post(reverse("model-retire", args=[after.pk]))
    assert ModelVersion.objects.get(pk=after.pk).state == "retired"
    assert "Retire</button>" not in page(client, after)


def test_an_administrator_looks_and_changes_nothing() -> None:
    client = client_of(Role.ADMINISTRATOR)
    model = factories.make_model_version(state="active")
    text = page(client, model)
    assert "Retire" not in text
    assert "Import a model" not in models(client)
    assert client.post(reverse("model-retire", args=[model.pk])).status_code == 403


def test_readers_find_neither_models_nor_jobs() -> None:
    for role in (Role.RESIDENT, Role.SENIOR):
        client = client_of(role)
        text = text_of(client, reverse("worklist"))
        assert reverse("models") not in text
        assert reverse("jobs") not in text


def test_thirty_versions_take_as_many_queries_as_one(engineer: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(30):
        model = factories.make_model_version(dataset=frozen(), by=factories.make_user())
        author = Reader.objects.create(kind="model", model_version=model)
        factories.make_anatomy(factories.make_case(), author=author)
    models(engineer)
    with django_assert_max_num_queries(12):
        models(engineer)


def test_numbers_of_metrics_are_told_in_words() -> None:
    metrics = {
        "seconds": 612.25,
        "list": [1],
        "cases": {"bodies_found": 1112, "all": True},
        "Dice of patches": 0.95,
        "Dice of whole cases": {"body": 0.93125},
    }
    assert metric_words(metrics) == [
        ("Dice of whole cases: body", "0.931"),
        ("Dice of patches", "0.950"),
        ("cases: all", "yes"),
        ("cases: bodies found", "1,112"),
        ("took", "10 min 12 s"),
    ]


# ---------------------------------------------------------------- importing


def upload(client: Client, data: bytes, *, name: str = "Bodies", sha256: str = "") -> Any:
    headers = {"X-Model-Name": name, "X-Model-Sha256": sha256 or hashlib.sha256(data).hexdigest()}
    url = reverse("model-upload")
    return client.put(
        url, data, content_type="application/octet-stream", headers={k: v for k, v in headers.items() if v}
    )


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def left_behind(settings: Any) -> list[Path]:
    return [path for path in Path(settings.MODELS_ROOT).rglob("*") if path.is_file()]


def test_the_page_of_the_import_says_that_a_checkpoint_is_a_program(engineer: Client) -> None:
    text = text_of(engineer, reverse("model-import"))
    assert "A checkpoint is executable code." in text
    assert f'data-url="{reverse("model-upload")}"' in text


def test_a_zip_of_another_sha256_is_refused_before_it_is_opened(engineer: Client, settings: Any) -> None:
    answer = upload(engineer, zipped(a=b"b"), sha256="0" * 64)
    assert answer.status_code == 422
    assert answer.json()["code"] == "wrong_sha256"
    assert left_behind(settings) == []
    assert not ModelVersion.objects.exists()


def test_a_zip_that_is_no_model_is_refused_with_a_sentence_and_leaves_nothing(engineer: Client, settings: Any) -> None:
    answer = upload(engineer, zipped(letter=b"Dear all"))
    assert answer.status_code == 422
    assert answer.json()["sentence"].endswith(".")
    assert left_behind(settings) == []


@pytest.mark.parametrize("name", ["", "x" * 81, "a%0Ab", "%00"])
def test_a_model_without_a_plain_name_is_refused(engineer: Client, name: str) -> None:
    answer = upload(engineer, b"PK", name=name)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_name")


def test_more_bytes_than_a_model_has_are_refused_before_they_are_read(engineer: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr("labeling.api.models.ModelUploadView.largest_body", 10)
    assert upload(engineer, b"x" * 11).status_code == 413


@pytest.mark.parametrize("role", [Role.LEAD, Role.ADMINISTRATOR, Role.RESIDENT, Role.SENIOR])
def test_only_an_engineer_brings_a_model_in(role: Role, settings: Any) -> None:
    assert upload(client_of(role), zipped(a=b"b")).status_code == 403
    assert left_behind(settings) == []


# ---------------------------------------------------------------- training


def form(**fields: Any) -> dict[str, Any]:
    return {
        "name": "Bodies 4",
        "target": "bodies",
        "epochs": 3,
        "iterations": 10,
        "val_iterations": 2,
        "planner": "ExperimentPlanner",
        "size": "slim",
        "device": "cpu",
        "gpu_memory_gb": 4,
        "seed": 7,
        **fields,
    }


def test_too_few_masks_are_said_before_and_after_the_button_is_pressed(engineer: Client) -> None:
    factories.make_case(patient=factories.make_patient(split="training"))
    text = text_of(engineer, reverse("model-train"))
    assert "Masks of two training patients are needed, one of them to validate on. There are none." in text
    assert "no anatomy" in text
    answer = engineer.post(reverse("model-train"), form())
    assert answer.status_code == 422
    assert "two patients are needed" in answer.content.decode()
    assert 'value="Bodies 4"' in answer.content.decode(), "what was filled in stays"
    assert not Job.objects.exists()


def test_a_value_that_cannot_be_is_said_beside_its_field(engineer: Client) -> None:
    answer = engineer.post(reverse("model-train"), form(epochs=0, name="  ", planner="Nobody", device="toaster"))
    assert answer.status_code == 422
    assert answer.content.decode().count('class="errors"') == 4


def test_masks_of_training_patients_are_counted(engineer: Client) -> None:
    for _ in range(2):
        case = factories.make_case(patient=factories.make_patient(split="training"))
        factories.make_anatomy(case, label_map="masks/one.npz")
    factories.make_anatomy(factories.make_case(), label_map="masks/two.npz")
    assert Anatomy.objects.count() == 3
    text = " ".join(text_of(engineer, reverse("model-train")).split())
    assert "<dt>Training cases</dt><dd>2</dd><dt>Patients</dt><dd>2</dd>" in text
    assert "are needed" not in text
