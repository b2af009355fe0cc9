"""The read of a model: whole, locked at once, one however often it is made, and hidden from who still owes a read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import DatabaseError, connections, transaction

from labeling.datasets.labels_export import finding_rows
from labeling.jobs.queue import LeaseLost, claim, enqueue
from labeling.models import Anatomy, Case, Finding, Job, JobState, LabelSource, Read, Reader, SliceLabel, Verdict
from labeling.reading.opinions import model_reads
from labeling.reading.opinions.model_reads import ModelFinding, ModelSlice, model_read_of, store_model_read
from labeling.reading.roles import reader_of
from labeling.reading.visibility import exportable_reads, read_for, visible_reads
from tests.factories import (
    make_anatomy,
    make_assignment,
    make_case,
    make_model_reader,
    make_round,
    make_user,
    vertebra_of,
)


@pytest.fixture
def anatomy(db: None) -> Anatomy:
    """L2 to L4 on slices 3 to 8 of 12."""
    return make_anatomy(make_case(), cut=("L4",))


def said(anatomy: Anatomy, p: float = 0.9) -> list[ModelFinding]:
    """L2 broken in two slices, L3 whole, L4 cut."""
    l2, l3, l4 = anatomy.vertebrae.values_list("vertebra", flat=True)
    sops = list(anatomy.stack.slices.filter(k__in=(4, 5)).order_by("k").values_list("sop_uid", flat=True))
    return [
        ModelFinding(
            l2,
            Verdict.FRACTURE,
            ao_body="A1",
            score=p,
            comment="Lower in front.",
            evidence={"loss_anterior": 0.4, "shape": "wedge"},
            slices={sops[0]: ModelSlice("fracture", 0.93), sops[1]: ModelSlice("negative", 0.4)},
        ),
        ModelFinding(l3, Verdict.NEGATIVE, score=0.02),
        ModelFinding(l4, Verdict.NOT_ASSESSABLE, why="cut", evidence={"reason": "The border of the image cuts L4."}),
    ]


def store(reader: Reader, anatomy: Anatomy, findings: list[ModelFinding] | None = None, lease: Any = None) -> Read:
    findings = said(anatomy) if findings is None else findings
    return store_model_read(lease, reader, anatomy.case, anatomy.stack, anatomy, findings)


def test_a_model_read_is_locked_at_once_outside_every_round(anatomy: Anatomy) -> None:
    read = Read.objects.get(pk=store(make_model_reader(), anatomy).pk)
    assert (read.state, read.version, read.round, read.seq) == ("locked", 1, None, 0)
    assert read.locked_at is not None
    assert len(read.content_sha) == 64
    l2 = read.findings.get(vertebra=vertebra_of(read, "L2"))
    assert (l2.verdict, l2.ao_body, l2.score, l2.evidence) == (
        "fracture",
        "A1",
        0.9,
        {"loss_anterior": 0.4, "shape": "wedge"},
    )
    labels = SliceLabel.objects.filter(finding=l2).order_by("slice__k")
    assert [(label.value, label.p, label.source) for label in labels] == [
        ("fracture", 0.93, LabelSource.MODEL),
        ("negative", 0.4, LabelSource.MODEL),
    ]
    assert read.findings.count() == 3


def test_the_same_model_on_the_same_anatomy_is_one_read_and_stays_as_it_was(anatomy: Anatomy) -> None:
    reader = make_model_reader()
    first = store(reader, anatomy)
    again = store(reader, anatomy, [replace(finding, comment="Otherwise.") for finding in said(anatomy)])
    assert again.pk == first.pk
    assert again.content_sha == first.content_sha
    assert not Finding.objects.filter(comment="Otherwise.").exists()
    assert model_read_of(reader, anatomy) == first
    other = store(reader, make_anatomy(anatomy.case, stack=anatomy.stack))
    assert other.pk != first.pk
    assert store(make_model_reader(), anatomy).pk != first.pk


def test_the_hash_covers_scores_evidence_and_probabilities(anatomy: Anatomy) -> None:
    read = store(make_model_reader(), anatomy)
    assert model_reads._content_sha(Read.objects.get(pk=read.pk)) == read.content_sha
    base = said(anatomy)
    sop = next(iter(base[0].slices))
    others = [
        [replace(base[0], score=0.91), *base[1:]],
        [replace(base[0], evidence={"loss_anterior": 0.5}), *base[1:]],
        [replace(base[0], slices={**base[0].slices, sop: ModelSlice("fracture", 0.94)}), *base[1:]],
        [replace(base[0], verdict=Verdict.INDETERMINATE, ao_body=None), *base[1:]],
    ]
    hashes = {read.content_sha}
    for findings in others:
        with transaction.atomic():
            hashes.add(store(make_model_reader(), anatomy, findings).content_sha)
    assert len(hashes) == 5


def test_a_stored_read_never_changes(anatomy: Anatomy) -> None:
    read = store(make_model_reader(), anatomy)
    finding = read.findings.get(verdict="fracture")
    acts: list[Callable[[], Any]] = [
        lambda: Read.objects.filter(pk=read.pk).update(content_sha="0" * 64),
        lambda: Read.objects.filter(pk=read.pk).delete(),
        lambda: Finding.objects.filter(pk=finding.pk).update(score=0.1),
        lambda: Finding.objects.filter(pk=finding.pk).update(evidence={}),
        lambda: SliceLabel.objects.filter(finding=finding).update(p=0.1),
        lambda: SliceLabel.objects.filter(finding=finding).delete(),
    ]
    for act in acts:
        with pytest.raises(DatabaseError, match="read"), transaction.atomic():
            act()


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (lambda said: said[1:], "one thing of each"),
        (lambda said: [*said, said[0]], "one thing of each"),
        (lambda said: [replace(said[0], verdict="yes"), *said[1:]], "no words of a finding"),
        (lambda said: [replace(said[0], why="cut"), *said[1:]], "exactly when it is not assessable"),
        (lambda said: [*said[:2], replace(said[2], why="")], "exactly when it is not assessable"),
        (lambda said: [said[0], replace(said[1], ao_body="A1"), said[2]], "AO type"),
        (lambda said: [said[0], replace(said[1], score=1.5), said[2]], "between 0 and 1"),
        (lambda said: [said[0], replace(said[1], score=float("nan")), said[2]], "between 0 and 1"),
        (lambda said: [said[0], said[1], replace(said[2], slices=said[0].slices)], "carry no label"),
        (lambda said: [said[0], replace(said[1], slices={"1.2.3": ModelSlice("negative")}), said[2]], "does not cross"),
    ],
)
def test_what_breaks_a_law_is_refused_and_nothing_is_written(anatomy: Anatomy, broken: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        store(make_model_reader(), anatomy, broken(said(anatomy)))
    assert not Read.objects.exists()


def test_a_person_writes_no_model_read_and_another_case_takes_none(anatomy: Anatomy) -> None:
    with pytest.raises(ValueError, match="no model"):
        store(reader_of(make_user("resident")), anatomy)
    with pytest.raises(ValueError, match="belong together"):
        store_model_read(None, make_model_reader(), make_case(), anatomy.stack, anatomy, said(anatomy))


def test_who_owes_a_read_of_the_case_does_not_see_it(anatomy: Anatomy) -> None:
    read = store(make_model_reader(), anatomy)
    resident, lead, owing = make_user("resident"), make_user("lead"), make_user("lead", "senior")
    for user in (resident, owing):
        make_assignment(anatomy.case, round=make_round(), reader=reader_of(user))
    for user in (resident, owing):
        assert read not in visible_reads(user)
        with pytest.raises(Read.DoesNotExist):
            read_for(user, read.pk)
        assert read not in exportable_reads(user)
    assert read in visible_reads(lead)
    assert read_for(lead, read.pk) == read
    assert list(reader_of(lead).exposures.values_list("case", "what")) == [(anatomy.case.pk, "model")]


def test_it_comes_out_with_the_labels_under_the_name_of_the_model(anatomy: Anatomy) -> None:
    reader = make_model_reader()
    store(reader, anatomy)
    rows = list(finding_rows(exportable_reads(make_user("engineer"))))
    assert [(row["level"], row["verdict"], row["score"], row["round"]) for row in rows] == [
        ("L2", "fracture", 0.9, ""),
        ("L3", "negative", 0.02, ""),
        ("L4", "not_assessable", None, ""),
    ]
    assert rows[0]["reader"] == str(reader)


def test_a_worker_that_lost_its_job_writes_nothing(anatomy: Anatomy) -> None:
    enqueue("measure:1:x", "measure", {"anatomy": anatomy.pk}, title="Measure", announce=False)
    lease = claim("measure:1:x")
    Job.objects.update(state=JobState.CANCELLED, owner="", lease_until=None)
    with pytest.raises(LeaseLost):
        store(make_model_reader(), anatomy, lease=lease)
    assert not Read.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_one_read() -> None:
    anatomy, reader = make_anatomy(make_case()), make_model_reader()
    findings = [ModelFinding(vertebra, "negative") for vertebra in anatomy.vertebrae.values_list("vertebra", flat=True)]
    start = threading.Barrier(4)
    made: list[Any] = []

    def work() -> None:
        try:
            start.wait(timeout=20)
            made.append(store(reader, Anatomy.objects.get(pk=anatomy.pk), findings).pk)
        except Exception as error:
            made.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(made) == 4
    assert len(set(made)) == 1, made
    assert Read.objects.count() == 1
    assert Finding.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_the_case_can_be_read_by_a_person_while_it_is_written() -> None:
    """The case's row is held so that keys may still point to it."""
    anatomy = make_anatomy(make_case())
    with transaction.atomic():
        store(make_model_reader(), anatomy)
        done: list[Any] = []

        def person() -> None:
            try:
                done.append(make_assignment(Case.objects.get(pk=anatomy.case.pk)).pk)
            finally:
                connections.close_all()

        thread = threading.Thread(target=person)
        thread.start()
        thread.join(timeout=20)
        assert done
