"""Who is asked for pre-labels, when, and never twice."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from labeling.models import Job, JobState, ModelVersion, Read
from labeling.reading.opinions.model_reads import ModelFinding, store_model_read
from labeling.reading.opinions.prelabels import anatomies_in_use, ask, ask_everywhere, job_key
from labeling.registry.versions import activate, reader_of_model, retire
from tests.factories import lock_plainly, make_anatomy, make_case, make_model_version, make_read, make_round, make_user
from tests.reading.test_anatomies import by_hand, make

pytestmark = pytest.mark.django_db


def make_classifier(**fields: str) -> ModelVersion:
    return make_model_version(**{"kind": "classifier", "state": "active", **fields})


def test_without_an_active_classifier_nothing_is_asked_and_nothing_fails() -> None:
    anatomy = make_anatomy(make_case())
    make_classifier(state="candidate")
    make_model_version(state="active")
    assert ask(anatomy) is None
    with pytest.raises(CommandError, match=r"^No classifier is active\. Activate one on the models page\.$"):
        call_command("prelabel_all")
    assert not Job.objects.filter(kind="classify").exists()


def test_an_anatomy_is_asked_for_once_and_again_only_after_it_failed() -> None:
    anatomy, version = make_anatomy(make_case()), make_classifier()
    job = ask(anatomy)
    assert job is not None
    assert (job.key, job.kind, job.queue) == (f"classify:{anatomy.pk}:{version.sha256[:16]}", "classify", "infer")
    assert (job.case, job.model_version) == (anatomy.case, version)
    assert ask(anatomy) == job
    Job.objects.filter(pk=job.pk).update(state=JobState.FAILED)
    again = ask(anatomy)
    assert again is not None
    assert (again.pk, again.state) == (job.pk, "queued")
    read_it(version, anatomy)
    assert ask(anatomy) is None
    assert Job.objects.filter(kind="classify").count() == 1


def read_it(version: ModelVersion, anatomy: object) -> Read:
    findings = [ModelFinding(row.vertebra_id, "not_assessable", why="cut") for row in anatomy.vertebrae.all()]
    return store_model_read(None, reader_of_model(version), anatomy.case, anatomy.stack, anatomy, findings)


def test_all_that_is_read_now_and_open_drafts_are_in_use_and_old_versions_are_not() -> None:
    old = make_anatomy(make_case())
    newest = make_anatomy(old.case, stack=old.stack)
    drafted = make_anatomy(make_case())
    later = make_anatomy(drafted.case, stack=drafted.stack)
    make_read(case=drafted.case, anatomy=drafted)
    make_case()
    assert set(anatomies_in_use()) == {newest, drafted, later}


def test_what_a_round_has_pinned_is_in_use_until_it_closes() -> None:
    pinned, free = make_anatomy(make_case()), make_anatomy(make_case())
    round_ = make_round("independent")
    for anatomy, where in ((pinned, round_), (free, make_round("labelling"))):
        lock_plainly(make_read(case=anatomy.case, anatomy=anatomy, round=where))
    later = {make_anatomy(each.case, stack=each.stack) for each in (pinned, free)}
    assert set(anatomies_in_use()) == {pinned, *later}
    round_.state = "closed"
    round_.save()
    assert set(anatomies_in_use()) == later


def test_a_classifier_that_is_activated_while_an_anatomy_is_made_reads_it_too(
    django_capture_on_commit_callbacks: Any,
) -> None:
    version = make_classifier(state="candidate")
    with django_capture_on_commit_callbacks(execute=True):
        made = make(make_user("lead"), make_case(), (by_hand("L3", -3.0),), parent=None)
        assert not Job.objects.exists()
        # By another transaction, which does not see the anatomy yet.
        ModelVersion.objects.filter(pk=version.pk).update(state="active")
    assert Job.objects.get(kind="classify").params == {"anatomy": made.anatomy, "model": version.pk}


def test_activating_asks_once_it_is_committed_and_says_nothing_to_what_was_read(
    django_capture_on_commit_callbacks: object,
) -> None:
    read, waiting = make_anatomy(make_case()), make_anatomy(make_case())
    version, before = make_classifier(state="candidate"), make_classifier()
    read_it(version, read)
    with django_capture_on_commit_callbacks(execute=True):
        activate(version, None)
        assert not Job.objects.filter(kind="classify").exists()
    assert Job.objects.get(kind="classify").key == job_key(waiting, version)
    before.refresh_from_db()
    assert before.state == "candidate"
    # Activated again, or asked everywhere again: the same one job.
    with django_capture_on_commit_callbacks(execute=True):
        activate(version, None)
    assert ask_everywhere(version) == 1
    said = io.StringIO()
    call_command("prelabel_all", stdout=said)
    assert said.getvalue() == f"1 asked for, 1 read already by {version.name}.\n"
    assert Job.objects.filter(kind="classify").count() == 1
    with django_capture_on_commit_callbacks(execute=True):
        activate(retire(make_model_version(), None), None)
    assert Job.objects.filter(kind="classify").count() == 1


def test_a_version_made_by_hand_is_asked_for_with_or_without_a_mask_and_a_preview_is_not() -> None:
    make_classifier()
    lead, case = make_user("lead"), make_case()
    make(lead, case, (by_hand("L3", -3.0),), parent=None, preview=True)
    assert not Job.objects.exists()
    made = make(lead, case, (by_hand("L3", -3.0),), parent=None)
    assert Job.objects.get().params["anatomy"] == made.anatomy
