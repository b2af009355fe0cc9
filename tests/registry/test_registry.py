"""Models come in once, lie under their SHA-256, are checked before they are loaded, and one of each kind works."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from inference.segmentation import models as program
from labeling.imaging.refusal import Refusal
from labeling.jobs.faults import refusal_of
from labeling.models import AuditEvent, Job, ModelState, ModelVersion
from labeling.registry import activate, active, import_model, model_folder, reader_of_model, register, retire
from labeling.registry.folders import folder_sha256, kept_folder
from labeling.registry.starter import seed_starter_model
from tests.factories import make_anatomy, make_case, make_user

pytestmark = pytest.mark.django_db


def files(folder: Path, text: str = "weights") -> Path:
    """What looks like a model to whoever does not load it."""
    (folder / "fold_0").mkdir(parents=True)
    (folder / "fold_0" / "checkpoint_final.pth").write_text(text)
    configuration = {"spacing": [1.5, 2.0, 2.5]}
    plans = {"configurations": {"3d_fullres": configuration}, "transpose_forward": [0, 1, 2], "dataset_name": "Spines"}
    (folder / "plans.json").write_text(json.dumps(plans))
    labels = {"background": 0, "body": 1, "sacrum": 2}
    (folder / "dataset.json").write_text(json.dumps({"labels": labels, "channel_names": {"0": "CT"}}))
    return folder


def exported(folder: Path, path: Path, **others: str) -> tuple[Path, str]:
    """A zip as nnU-Net exports one, and its SHA-256."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(
                    file, f"Dataset501_Spines/nnUNetTrainer__nnUNetPlans__3d_fullres/{file.relative_to(folder)}"
                )
        for name, content in others.items():
            archive.writestr(name, content)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def registered(folder: Path, name: str = "Model", **fields: Any) -> ModelVersion:
    return register(folder, **{"kind": "segmentation", "name": name, "by": None, **fields})


def test_both_sides_of_the_wall_give_a_folder_the_same_sha256(tmp_path: Path):
    folder = files(tmp_path / "model")
    assert folder_sha256(folder) == program.folder_sha256(folder)
    (folder / "fold_0" / "checkpoint_final.pth").rename(folder / "fold_0" / "other.pth")
    assert folder_sha256(folder) == program.folder_sha256(folder) != folder_sha256(files(tmp_path / "another"))


def test_the_same_files_twice_are_one_version_under_their_sha256(tmp_path: Path):
    first = registered(files(tmp_path / "a"), metrics={"Dice": 0.9})
    again = registered(files(tmp_path / "b"), "Another name")
    assert again == first
    assert (again.name, again.state, again.metrics) == ("Model", "candidate", {"Dice": 0.9})
    assert model_folder(first) == kept_folder(first.sha256)
    assert sorted(path.name for path in kept_folder(first.sha256).parent.iterdir()) == [first.sha256]
    assert registered(files(tmp_path / "c", "other weights")) != first


def test_files_that_were_changed_or_lost_are_not_given_out_and_come_back_by_registering_them_again(tmp_path: Path):
    version = registered(files(tmp_path / "a"))
    kept = kept_folder(version.sha256) / "fold_0" / "checkpoint_final.pth"
    kept.write_text("something else")
    with pytest.raises(Refusal, match=r"^The files of Model have another SHA-256 than .* They are not loaded\."):
        model_folder(version)
    registered(tmp_path / "a")
    assert model_folder(version)
    kept.unlink()
    (kept_folder(version.sha256) / "plans.json").unlink()
    (kept_folder(version.sha256) / "dataset.json").unlink()
    with pytest.raises(Refusal, match=r"^The files of Model are missing\."):
        model_folder(version)


def test_numbers_that_are_none_are_not_kept_of_what_a_model_says(tmp_path: Path):
    said = {"Dice": float("nan"), "classes": {"body": 0.9, "sacrum": float("inf")}, "words": "a\0b"}
    version = registered(files(tmp_path / "model"), metrics=said, note="one\0two")
    version.refresh_from_db()
    assert version.metrics == {"classes": {"body": 0.9}, "words": "ab"}
    assert version.note == "onetwo"


def test_a_link_among_the_files_is_refused(tmp_path: Path):
    folder = files(tmp_path / "a")
    (folder / "more").symlink_to(tmp_path)
    with pytest.raises(Refusal, match="holds a link"):
        registered(folder)
    assert not ModelVersion.objects.exists()


def test_one_of_a_kind_is_active_and_the_one_before_can_come_back(tmp_path: Path):
    lead = make_user("engineer")
    one, other = registered(files(tmp_path / "a")), registered(files(tmp_path / "b", "other"))
    assert active("segmentation") is None
    activate(one, lead)
    activate(other, lead)
    one.refresh_from_db()
    assert (one.state, active("segmentation")) == (ModelState.CANDIDATE, other)
    assert activate(one, lead).state == ModelState.ACTIVE
    retire(one, lead)
    assert active("segmentation") is None
    assert activate(one, lead) == active("segmentation")
    verbs = list(AuditEvent.objects.filter(by=lead).order_by("pk").values_list("verb", flat=True))
    assert verbs == ["activate_model"] * 3 + ["retire_model", "activate_model"]


def test_activating_what_is_active_asks_for_pre_labels_that_nobody_asked_for(
    tmp_path: Path, django_capture_on_commit_callbacks: Any
):
    version = registered(files(tmp_path / "a"), kind="classifier")
    make_anatomy(make_case())
    activate(version, None)  # who asks once this is committed died
    assert not Job.objects.filter(kind="classify").exists()
    with django_capture_on_commit_callbacks(execute=True):
        activate(version, None)
    assert Job.objects.filter(kind="classify").count() == 1
    assert AuditEvent.objects.filter(verb="activate_model").count() == 1


def no_room(*arguments: Any, **options: Any) -> None:
    """As shutil says it where the disk is full: an error without a number."""
    raise shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")])


def test_a_full_disk_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path, sha256 = exported(files(tmp_path / "a"), tmp_path / "export.zip")
    monkeypatch.setattr(shutil, "copytree", no_room)
    with pytest.raises(OSError, match="No space left") as full:
        registered(tmp_path / "a")
    assert refusal_of(full.value).code == "disk-full"
    with pytest.raises(CommandError, match=r"^The disk is full\. Make room on the server, then import it again\.$"):
        said("import_model", str(path), sha256=sha256)
    assert not ModelVersion.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_people_who_activate_at_once_leave_one_active(tmp_path: Path):
    versions = [registered(files(tmp_path / str(n), str(n))) for n in range(4)]
    errors: list[BaseException] = []

    def run(version: ModelVersion) -> None:
        try:
            activate(version, None)
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(version,)) for version in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert ModelVersion.objects.filter(state="active").count() == 1


def test_a_version_is_one_reader_however_often_it_is_asked(tmp_path: Path):
    version = registered(files(tmp_path / "a"))
    assert reader_of_model(version) == reader_of_model(version)


def test_an_export_comes_in_with_the_right_sha256_and_by_an_engineer_alone(tmp_path: Path):
    path, sha256 = exported(files(tmp_path / "a"), tmp_path / "export.zip")
    for role in ("resident", "senior", "lead", "administrator"):
        with pytest.raises(Refusal, match="Only an engineer"):
            import_model(path, sha256, "Ours", make_user(role))
    engineer = make_user("engineer")
    with pytest.raises(Refusal, match=r"^The file has the SHA-256 .* It was not opened\."):
        import_model(path, "0" * 64, "Ours", engineer)
    assert not ModelVersion.objects.exists()
    version = import_model(path, f" {sha256.upper()}\n", "Ours", engineer)
    assert (version.name, version.by, version.state) == ("Ours", engineer, "candidate")
    assert version.recipe["imported"] == {"file_sha256": sha256}
    assert (version.recipe["labels"], version.recipe["spacing"]) == ("bodies", [1.5, 2.0, 2.5])
    assert folder_sha256(model_folder(version)) == folder_sha256(tmp_path / "a")
    assert import_model(path, sha256, "", engineer) == version
    # Nothing else lies there: what came in is gone once it is kept.
    assert [one.name for one in kept_folder(version.sha256).parent.iterdir()] == [version.sha256]


@pytest.mark.parametrize(
    ("others", "code"), [({"../outside.txt": "x"}, "unsafe-zip"), ({"/etc/passwd": "x"}, "unsafe-zip")]
)
def test_a_zip_that_leads_astray_leaves_nothing_behind(others: dict[str, str], code: str, tmp_path: Path):
    path, sha256 = exported(files(tmp_path / "a"), tmp_path / "bad.zip", **others)
    with pytest.raises(Refusal) as refused:
        import_model(path, sha256, "Bad", None)
    assert refused.value.code == code
    assert not ModelVersion.objects.exists()
    assert list(kept_folder("x").parent.iterdir()) == []


def test_a_file_that_is_no_model_says_what_is_missing(tmp_path: Path):
    path = tmp_path / "notes.zip"
    path.write_text("no zip")
    with pytest.raises(Refusal, match="no zip file"):
        import_model(path, hashlib.sha256(b"no zip").hexdigest(), "Bad", None)
    folder = files(tmp_path / "a")
    (folder / "plans.json").unlink()
    with pytest.raises(Refusal, match=r"plans\.json"):
        import_model(*exported(folder, tmp_path / "bad.zip"), "Bad", None)


def said(*arguments: str, **options: Any) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, skip_checks=True, **options)
    return out.getvalue()


def test_the_command_registers_and_activates(tmp_path: Path):
    path, sha256 = exported(files(tmp_path / "a"), tmp_path / "export.zip")
    with pytest.raises(CommandError, match="It was not opened"):
        said("import_model", str(path), sha256="1" * 64)
    assert said("import_model", str(path), sha256=sha256, activate=True).startswith("Spines: active, model ")
    assert active("segmentation") is not None


def test_the_starter_is_registered_once_and_never_put_before_another(tmp_path: Path, settings: Any):
    settings.STARTER_MODEL = tmp_path / "starter"
    with pytest.raises(Refusal, match="is not here"):
        seed_starter_model()
    options = {"without_case": True, "without_accounts": True}
    assert "is not here" in said("seed", **options)
    folder = files(tmp_path / "starter")
    (folder / "sagittal.json").write_text(json.dumps({"name": "Starter", "note": "Simulated.", "metrics": {"Dice": 1}}))
    assert said("seed", **options) == ""
    starter = active("segmentation")
    assert starter is not None
    assert (starter.name, starter.note, starter.metrics) == ("Starter", "Simulated.", {"Dice": 1})
    assert starter.recipe["simulated"] is True
    other = activate(registered(files(tmp_path / "b", "other")), None)
    said("seed", **options)
    assert active("segmentation") == other
    retire(other, None)
    retire(starter, None)
    assert seed_starter_model().state == "retired"
