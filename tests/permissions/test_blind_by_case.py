"""Blind by case: every person × every address × every state of a case, without a word of what they may not know.

Each answer is looked through for the words of each opinion, and whoever finds them there has the exposure that was
written in that very transaction: every request is taken back before the next one. And whoever may know nothing gets,
byte for byte, what they would get had everybody said something else.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from labeling.models import Exposure, Read
from labeling.reading.protocol.record import content_hash
from labeling.reading.visibility import exportable_reads, read_for, truth_for, visible_reads
from tests.permissions.blind_world import (
    RELATIONS,
    ROLES,
    STATES,
    WORDS,
    Person,
    World,
    count_from,
    make_world,
    numbers,
    tell,
)
from tests.permissions.test_every_url import QUERIES, patterns

OVERSEERS = {"lead", "engineer", "administrator"}
SETTLING = {"senior", "lead who reads", "all roles"}
READING = SETTLING | {"resident"}
#: To whom the case is blind, whatever they are and whatever becomes of it.
BLIND = {"will read", "owes", "reopened", "owes a repeat"}

#: The walk is long. By default each relation to the case is walked in these states, each time by another role; all
#: roles in all relations in all states, which takes a quarter of an hour, where SAGITTAL_WALK says "all".
WALKED = ("consensus begun", "corrected")
WALK_ALL = os.environ.get("SAGITTAL_WALK") == "all"

#: Addresses that say nothing of any case, or would end the walk.
LEFT_OUT = {
    "schema": "describes the API",
    "docs": "describes the API",
    "healthz": "says whether the house stands",
    "login": "knows nobody",
    "logout": "says goodbye",
    "me": "says who asks",
    "preferences": "says who asks",
    "account": "says who asks",
    "model-import": "a form of its own",
    "model-upload": "brings a model in",
    "batches": "of deliveries",
    "batch": "of deliveries",
    "batch-files": "of deliveries",
    "batch-finish": "of deliveries",
    "batch-stop": "of deliveries",
    "intake": "of deliveries",
    "intake-batches": "of deliveries",
    "api-nowhere": "knows no case",
    "dicomweb-nowhere": "knows no case",
    "dicomweb-study": "pixels",
    "dicomweb-series": "pixels",
    "dicomweb-instance": "pixels",
    "dicomweb-frame": "pixels",
    "axial-plane": "pixels",
    "coronal-plane": "pixels",
    "prior-slice": "pixels",
    "numbers-crop": "pixels",
    "numbers-masks": "pixels and outlines",
    "writer": "a lease",
    "writer-release": "a lease",
    "numbers-bundle": "a zip with hashes; what is closed is looked for in tests/analysis/test_bundle.py",
}

#: What a body must say so that an address goes on to what it guards.
BODIES: dict[str, dict[str, Any]] = {
    "case-report": {"action": "show"},
    "lock": {"base_seq": 0},
    "reopen": {"reason": "again"},
    "skip": {"reason": "image"},
    "seen": {"sop_uids": []},
    "operations": {
        "uuid": str(UUID(int=1)), "base_seq": 0, "verb": "set_unclear", "payload": {}, "client_at": "2026-01-05T10:00Z"
    },
}  # fmt: skip

#: What changes from one answer to the next and says nothing: tokens, points in time, and how long the computing took.
NOISE = re.compile(
    rb'(?<=name="csrfmiddlewaretoken" value=")\w+|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+\d\d:\d\d)?|\b\d\d:\d\d(?::\d\d)?\b'
    rb"|(?<=computed in )[\d.]+(?= s)"
)

#: What the read of each name tells.
TELLS = {"A": "read", "B": "read", "model": "model", "report": "report", "consensus": "truth", "correction": "truth"}

#: Addresses that take no GET, as they were found.
POSTED: set[str] = set()

#: The hash of a protocol record, which tells the points in time; on its page, wherever it stands.
HASHES = {
    "round-protocol": re.compile(rb"[0-9a-f]{16,64}"),
    "api-round-protocol": re.compile(rb'"sha256":"[0-9a-f]{64}"'),
}

Answers = dict[str, tuple[int, bytes]]


def may_know(person: Person, state: str) -> set[str]:
    """What of the opinions of others this person may be told now."""
    role, relation = person
    if role not in ROLES or relation in BLIND:
        return set()
    truth = STATES.index(state) >= STATES.index("truth set")
    oversees = bool(set(ROLES[role]) & OVERSEERS)
    # What a panel has marked for teaching, unless a later feedback forbids it.
    known = {"truth"} if truth and role in READING and relation != "has locked" else set()
    if relation == "member":
        sits = role in SETTLING and STATES.index(state) >= STATES.index("consensus begun")
        settling = state == "correction begun" or not truth
        known |= {"read", "truth", "question"} if sits else set()
        return known | ({"read", "truth"} | (set() if settling else {"report", "model"}) if oversees else set())
    if relation == "labelled" and role in READING:
        known |= {"report", "model"}
    if oversees:
        known |= {"read", "truth", "report", "question"}
        known |= {"model"} if relation != "has locked" or truth else set()
    return known


# --- walking --------------------------------------------------------------------------------------------------------


def requests(world: World, person: Person) -> Iterator[tuple[str, str]]:
    """(name, url) of every address, once for each read, round, question of the case that it may be about."""
    known: dict[str, list[Any]] = {
        "case_id": [world.case.pk],
        "prior_id": [world.case.pk],
        "anatomy_id": [world.anatomy.pk],
        "read_id": [read.pk for read in _reads_about(world, person)],
        "job_id": [world.job.pk if world.job else 0],
        "model_id": [world.model.model_version_id],
        "round_id": [world.rounds[name].pk for name in ("first", "consensus")],
        "assignment_id": [world.readers[0].assignments.get().pk],
        "question_id": [question.pk for question in world.questions],
        "notice_id": [notice.pk for notice in world.notices],
        "report_id": list(world.case.study_reports.values_list("pk", flat=True)),
        "study_uid": [world.case.study_uid],
        "series_uid": [world.anatomy.stack.series_uid],
        "sop_uid": [world.sops[1]],
    }
    for _, pattern in patterns():
        name, keys = pattern.name or "", list(pattern.pattern.converters)
        if name in LEFT_OUT:
            continue
        assert set(keys) <= set(known), f"{name} is about something new. Say here what {keys} stand for."
        urls: list[dict[str, Any]] = [{}]
        for key in keys:
            urls = [{**url, key: value} for url in urls for value in known[key]]
        for arguments in urls:
            yield name, reverse(name, kwargs=arguments) + QUERIES.get(name, "")


def _reads_about(world: World, person: Person) -> list[Read]:
    """One read of each kind: the newest consensus, its reads and those of models being alike."""
    reads = {TELLS[name]: read for name, read in world.reads.items()}
    own = world.own.get(person)
    return [*reads.values(), *([] if own is None else [own])]


def asked(client: Client, name: str, url: str) -> Any:
    """The answer to GET, or to POST where that is how it is asked."""
    answer = None if name in POSTED else client.get(url)
    if answer is not None and answer.status_code != 405:
        return answer
    POSTED.add(name)
    body = BODIES.get(name, {})
    return client.post(url, body, content_type="application/json") if "/api/" in url else client.post(url, body)


@dataclass
class Walk:
    """What one person got in one state, and what was told them without a row."""

    answers: Answers = field(default_factory=dict)
    heard: dict[str, set[str]] = field(default_factory=dict)
    unwritten: list[str] = field(default_factory=list)


Walks = dict[Person, Walk]


def walked(world: World, person: Person, client: Client) -> Walk:
    walk, user = Walk(), world.people.get(person)
    before = set(Exposure.objects.filter(reader__user=user).values_list("what", flat=True)) if user else set()
    for name, url in requests(world, person):
        with transaction.atomic():
            answer = asked(client, name, url)
            body = NOISE.sub(b"", answer.getvalue() + answer.get("Location", "").encode())
            body = HASHES[name].sub(b"", body) if name in HASHES else body
            assert answer.status_code < 500, url
            if name == "api-round-protocol" and answer.status_code == 200:
                # The hash is of what is told, and of nothing that is not.
                assert answer.json()["sha256"] == content_hash(answer.json()["record"])
            heard = {what for what, words in WORDS.items() if words.encode() in body}
            if person[1] != "owes a repeat" and "own" in heard:
                heard = heard - {"own"} | {"read"}
            if heard - {"own"}:
                rows = set(Exposure.objects.filter(reader__user=user).values_list("what", flat=True)) - before
                # A question tells no more than that somebody disagrees: it goes with the read of the other.
                missing = {"read" if what == "question" else what for what in heard - {"own"}} - rows
                walk.unwritten += [f"{url} tells {what}" for what in sorted(missing)]
            transaction.set_rollback(True)
        if heard:
            walk.heard[f"{name} {url}"] = heard
        walk.answers[f"{name} {url}"] = answer.status_code, body
    return walk


def log_in(world: World) -> dict[Person, Client]:
    clients = {person: Client() for person in (*world.people, ("anonymous", "none"))}
    for person, user in world.people.items():
        clients[person].force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return clients


# --- the table ------------------------------------------------------------------------------------------------------


def concerned(person: Person, state: str) -> bool:
    """Whether this person is walked in this state."""
    role, relation = person
    if WALK_ALL:
        return True
    if role not in ROLES or state not in WALKED:
        return role not in ROLES and state == WALKED[-1]
    turn = RELATIONS.index(relation) + 3 * WALKED.index(state)
    return list(ROLES).index(role) == turn % len(ROLES)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("state", STATES if WALK_ALL else WALKED)
def test_no_address_tells_an_opinion_to_who_may_not_know_it(
    db: None, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    # Thousands of refusals are what is asked for here; they need not be told one by one.
    monkeypatch.setattr(logging.getLogger("django.request"), "disabled", True)
    world = make_world()
    clients, stand = log_in(world), numbers()
    walks: dict[bool, Walks] = {True: {}, False: {}}
    for loud in (True, False):
        with transaction.atomic():
            count_from(stand)
            told = World(**{**vars(world), "reads": {}, "questions": [], "notices": []})
            for each in STATES[: STATES.index(state) + 1]:
                tell(told, each, loud=loud)
            here = numbers()
            for person, client in clients.items():
                if concerned(person, state) and (loud or not may_know(person, state)):
                    count_from(here)
                    walks[loud][person] = walked(told, person, client)
            transaction.set_rollback(True)
    _nobody_hears_what_they_may_not_know(state, walks[True])
    _whoever_is_told_has_the_row(walks[True])
    _nobody_who_is_blind_sees_a_difference(walks)
    heard = set().union(*(heard for walk in walks[True].values() for heard in walk.heard.values()))
    told_by_then = {"read", "model", "report"} | ({"truth"} if state == "corrected" else set())
    assert heard >= told_by_then, "The walk has gone past the places where opinions are told."


def _nobody_hears_what_they_may_not_know(state: str, walks: Walks) -> None:
    wrong = [
        f"{person} hears {sorted(heard - may_know(person, state))} at {where}"
        for person, walk in walks.items()
        for where, heard in walk.heard.items()
        if heard - may_know(person, state)
    ]
    assert not wrong, "\n".join(wrong)


def _whoever_is_told_has_the_row(walks: Walks) -> None:
    wrong = [f"{person}: {line}" for person, walk in walks.items() for line in walk.unwritten]
    assert not wrong, "\n".join(wrong)


def _nobody_who_is_blind_sees_a_difference(walks: dict[bool, Walks]) -> None:
    assert walks[False]
    wrong = []
    for person, quiet in walks[False].items():
        loud = walks[True][person].answers
        assert loud.keys() == quiet.answers.keys()
        wrong += [f"{person} at {place}" for place in loud if loud[place] != quiet.answers[place]]
    assert not wrong, "These answers depend on what others have said:\n" + "\n".join(wrong)


# --- the same at the door itself, for everybody in every state ------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
def test_the_door_gives_nobody_a_read_that_they_may_not_know(db: None, state: str) -> None:
    world = make_world()
    for each in STATES[: STATES.index(state) + 1]:
        tell(world, each, loud=True)
    for person in world.people:
        with transaction.atomic():
            _the_door_is_open_as_far_as_it_may(world, person, state)
            transaction.set_rollback(True)


def _the_door_is_open_as_far_as_it_may(world: World, person: Person, state: str) -> None:
    (role, relation), user = person, world.people[person]
    known, oversees = may_know(person, state), bool(set(ROLES[role]) & OVERSEERS)
    visible = set(
        visible_reads(user).filter(pk__in=[read.pk for read in world.reads.values()]).values_list("pk", flat=True)
    )
    for name, read in world.reads.items():
        seat = relation == "member" and role in SETTLING and TELLS[name] == "truth"
        feedback = relation == "labelled" and role in READING and read.reference_of.filter(current=True).exists()
        locked = Read.objects.filter(pk=read.pk, state="locked").exists()
        expected = TELLS[name] in known and (seat or feedback or (oversees and locked))
        assert (read.pk in visible) == expected, (state, person, name)
        if not expected and name == "A":
            with pytest.raises(Read.DoesNotExist):
                read_for(user, read.pk)
    rows = user.reader.exposures.exclude(what="numbers")
    assert not rows.exists(), "being refused shows nothing"
    for name, read in world.reads.items():
        if read.pk in visible and name in ("A", "model", "consensus"):
            assert read_for(user, read.pk).pk == read.pk
            assert rows.filter(what=TELLS[name]).exists(), (state, person, name)
    exported = exportable_reads(user).exclude(reader__user=user).values_list("pk", flat=True)
    assert {world_name(world, pk) for pk in exported} <= known, (state, person)
    if truth_for(user, world.case) is not None:
        assert "truth" in known, (state, person)
        assert rows.filter(what="truth").exists()


def world_name(world: World, pk: int) -> str:
    """What a read tells; the reads of all other people are reads."""
    return next((TELLS[name] for name, read in world.reads.items() if read.pk == pk), "read")


def test_every_address_is_walked_or_said_why_not() -> None:
    names = {pattern.name or "" for _, pattern in patterns()}
    assert set(LEFT_OUT) <= names
    assert len(names - set(LEFT_OUT)) > 40
