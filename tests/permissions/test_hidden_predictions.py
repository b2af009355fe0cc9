"""No address tells a hidden prediction: every round kind, before and after the own lock, every person, every address.

The record is walked twice: once where models have read every case, and once where none has. Whoever may not know
gets byte for byte the same answers. Whoever is told has the row that says so.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import reverse

from labeling.models import Anatomy, Case, Exposure, Finding, Read, Reader, Round, Seen, SliceLabel, StudyReport
from labeling.reading.opinions.measuring import morphometry_reader
from labeling.reading.roles import reader_of
from tests import factories
from tests.permissions.test_every_url import patterns
from tests.reading.opinions import make_opinion, make_version

#: Rounds, with what their readers are shown of the models: before their own lock, and after it.
ROUNDS: dict[str, tuple[str, str, bool, str, str]] = {
    # name: (kind, rule for the models, drawn to be hidden, before, after)
    "practice": ("practice", "after_lock", False, "hidden", "revealed"),
    "labelling, after lock": ("labelling", "after_lock", False, "hidden", "revealed"),
    "labelling, shown first": ("labelling", "shown", False, "first", "revealed"),
    "labelling, shown first but drawn": ("labelling", "shown", True, "hidden", "revealed"),
    "independent": ("independent", "never", False, "hidden", "hidden"),
    "repeat": ("repeat", "never", False, "hidden", "hidden"),
    "consensus": ("consensus", "never", False, "hidden", "hidden"),
}

#: Who reads the cases. The reader, the bound senior and the bound lead lock; the colleague has not yet.
READERS = {
    "reader": ("resident",),
    "colleague": ("resident",),
    # Each of these has a repeat of every case before them, in a round that is planned.
    "bound senior": ("senior",),
    "bound lead": ("senior", "lead"),
}
#: Who reads none of them.
OTHERS = {
    "senior": ("senior",),
    # Sits in the consensus on every case.
    "panel": ("senior", "lead"),
    "lead": ("lead",),
    "engineer": ("engineer",),
    "administrator": ("administrator",),
}
#: Who may know what the models say of a case that they read not: those who oversee.
OVERSEERS = ("lead", "engineer", "administrator")
LOCKING = ("reader", "bound senior", "bound lead")

#: The addresses that show the models to a reader who may see them now. All others tell even them nothing.
ROOMS = {"api-room", "api-open-case", "lock", "operations: accept", "operations: suggestion"}

#: Only the addresses of an own read know the rules of its round: they are walked in each. The others know only who owes
#: a read of a case: they are walked with a case of a round that hides the models, and with one that shows them.
EVERYWHERE = ("independent", "labelling, shown first")
#: Before the locks, those for whom a lock may change something.
BEFORE = ("reader", "bound lead")

#: Addresses of pixels: what they send is made of frames and geometry.
PIXELS = re.compile(r"dicomweb-|axial-plane$|coronal-plane$")
#: Addresses that are not walked with GET, and why no answer of theirs is compared.
LEFT_OUT = {
    "schema": "describes the API",
    "docs": "describes the API",
    "healthz": "says whether the house stands",
    "login": "knows nobody",
    "me": "says who asks",
    "preferences": "says who asks",
    "account": "says who asks",
    "logout": "says goodbye",
    "case-segment": "asks for masks",
    "numbers-crop": "pixels",
    "numbers-masks": "pixels and outlines",
    "numbers-bundle": "a zip with hashes of what it holds; for overseers alone, see tests/analysis/test_bundle.py",
    "cases-segment": "asks for masks",
    "case-prelabel": "asks for a read; overseers alone, and not of a case that they owe",
    "identity": "opens the sealed identity",
    "model-activate": "chooses a model",
    "model-retire": "chooses a model",
    "model-upload": "brings a model in",
    "job-cancel": "of a job that was found before",
    "job-again": "of a job that was found before",
    "api-job-cancel": "of a job that was found before",
    "api-job-again": "of a job that was found before",
    "round-state": "starts, pauses and closes a round; leads alone",
    "assignment-hand-over": "moves a case; its page is compared",
    "assignment-reassign": "moves a case; leads alone",
    "assignment-take-back": "moves a case; leads alone",
    "assignment-override": "lifts a wash-out; leads alone",
    "cohort-report-decide": "decides on a report, which no model has read; leads alone",
    "cohort-decide": "takes a case in or out; leads alone, and not one that they are to read without its report",
    "open-next": "leads to a read, as api-open-case, which is compared",
    "open-case": "leads to the read, as api-open-case, which is compared",
    "consensus-open": "leads to a consensus; what it says is compared in tests/api/test_consensus.py",
    "api-open-consensus": "as consensus-open",
    "consensus-settle": "as consensus-open",
    "consensus-unsettle": "as consensus-open",
    "consensus-members": "names who sits in a panel",
    "consensus-shift": "as consensus-open",
    "consensus-questions": "says what was asked and answered",
    "consensus-report": "says what the report says",
    "consensus-lock": "answers with the number of a reference",
    "consensus-correct": "answers with the number of a draft",
    "question-answer": "answers with a time",
    "skip": "leads to the next case, as the worklist, which is compared",
    "seen": "answers with a number of slices",
    "reopen": "answers with the number of the draft, whose room is compared in tests/reading/test_suggestions.py",
    "writer": "answers with a lease",
    "writer-release": "answers with a lease",
    "api-anatomies": "answers with the number of an anatomy",
    "batch-files": "takes files",
    "batch-finish": "takes files",
    "batch-stop": "takes files",
    # Compared in `own` and `locked`.
    "operations": "",
    "lock": "",
    "api-open-case": "",
}

#: What changes from one answer to the next and says nothing: tokens, points in time, the hash of a protocol record,
#: which is compared itself, and the stamp of numbers: a hash over locked reads, which know where their marks are from,
#: and how long the computing took.
NOISE = re.compile(
    rb'(?<=name="csrfmiddlewaretoken" value=")\w+|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)?|\b\d\d:\d\d\b'
    rb'|(?<=^{"sha256":")[0-9a-f]{64}|(?<=sha256 )[0-9a-f]{16}|(?<=mono sha">)[0-9a-f]{64}(?=</dd>)'
    rb'|(?<=<span title=")[0-9a-f]{64}(?=">Data )|(?<=>Data <code class="mono">)[0-9a-f]{8}'
    rb"|(?<=computed in )[\d.]+(?= s)"
)

JSON = "application/json"

#: Where an answer is from: person, address, round (where it is about a case).
Place = tuple[str, str, str]
Answers = dict[Place, tuple[int, bytes]]


@dataclass
class World:
    """Seven cases, one for each round, and the people; `read` by (person, round)."""

    people: dict[str, User] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    rounds: dict[str, Round] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    anatomies: dict[str, Anatomy] = field(default_factory=dict)
    read: dict[tuple[str, str], Read] = field(default_factory=dict)
    models: dict[str, Reader] = field(default_factory=dict)
    #: By round, once they were made, and known by their numbers even where they are not there.
    opinions: dict[str, list[int]] = field(default_factory=dict)
    jobs: dict[str, list[int]] = field(default_factory=dict)

    def log_in(self) -> None:
        """Everybody anew: a browser keeps what it was told once, and tells it on the next page."""
        self.clients = {name: Client() for name in (*self.people, "anonymous")}
        for name, user in self.people.items():
            self.clients[name].force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    def secret(self, name: str) -> bytes:
        """Words that only the models have said of a case."""
        return f"whispered of {self.cases[name].pk}.".encode()

    def let_models_read(self) -> None:
        """All models read every case, in jobs that say so."""
        for name, anatomy in self.anatomies.items():
            said = {self.vertebra(name): {"verdict": "fracture", "slices": self.slices(name)}}
            words = {"score": 0.8731, "comment": self.secret(name).decode()}
            reads = [make_opinion(anatomy, said, reader=model, **words) for model in self.models.values()]
            jobs = [
                factories.make_job(
                    kind=kind,
                    case=self.cases[name],
                    state="done",
                    model_version=model.model_version,
                    log_tail=self.secret(name).decode(),
                    title=f"Read {self.cases[name].name}",
                )
                for kind, model in (("classify", self.models["classifier"]), ("measure", self.models["morphometry"]))
            ]
            self.opinions[name], self.jobs[name] = [read.pk for read in reads], [job.pk for job in jobs]

    def vertebra(self, name: str) -> int:
        vertebra = self.anatomies[name].vertebrae.get().vertebra_id
        assert isinstance(vertebra, int)
        return vertebra

    def acceptance(self, name: str) -> dict[str, Any]:
        """What the classifier says of the case, as `accept` takes it."""
        opinion = {"model_read": self.opinions[name][0], "verdict": "fracture", "slices": self.slices(name)}
        return {"vertebra": self.vertebra(name), "all": False, **opinion}

    def slices(self, name: str) -> dict[str, str]:
        sops = self.anatomies[name].stack.slices.filter(k__in=(1, 2)).order_by("k").values_list("sop_uid", flat=True)
        return dict(zip(sops, ("fracture", "negative"), strict=True))


def make_world() -> World:
    world = World()
    for name, roles in {**READERS, **OTHERS}.items():
        world.people[name] = factories.make_user(*roles)
    world.models = {
        "classifier": make_version(state="active"),
        "candidate": make_version(),
        "morphometry": morphometry_reader(),
    }
    StudyReport.objects.create(key=factories.digest("report"), text="No fracture.", source="a file")
    planned, panel = factories.make_round("repeat", state="planned"), factories.make_round("consensus")
    for name, (kind, rule, drawn, *_) in ROUNDS.items():
        case = world.cases[name] = factories.make_case(slices=4, study_date="2020-01-03")
        world.anatomies[name] = factories.make_anatomy(case, ("L1",), first_k=1, last_k=2)
        world.rounds[name] = factories.make_round(kind, name=name, rules={"model": rule, "report": "hidden"})
        for person in READERS:
            reader = reader_of(world.people[person])
            factories.make_assignment(case, round=world.rounds[name], reader=reader, model_hidden=drawn)
            read = world.read[person, name] = factories.make_read(case, reader=reader, round=world.rounds[name])
            Finding.objects.create(read=read, vertebra_id=world.vertebra(name), verdict="indeterminate")
            Seen.objects.bulk_create([Seen(read=read, slice_id=sop) for sop in world.slices(name)])
            if person.startswith("bound"):
                factories.make_assignment(case, round=planned, reader=reader)
        factories.make_assignment(case, round=panel, reader=reader_of(world.people["panel"]))
    return world


# --- walking ------------------------------------------------------------------------------------------------------


def addresses() -> dict[str, list[str]]:
    """The names of all addresses that are walked with GET, each with the names of its arguments."""
    named = {pattern.name or "": list(pattern.pattern.converters) for _, pattern in patterns()}
    return {name: keys for name, keys in named.items() if not PIXELS.match(name) and name not in LEFT_OUT}


def walked(world: World, *, after: bool, models: bool) -> Answers:
    """What people get from the addresses. Overseers may know: there is nothing to compare, only rows to look for."""
    answers: Answers = {}
    world.log_in()
    for person, client in world.clients.items():
        if (person in OVERSEERS and not (models and after)) or (person not in BEFORE and not after):
            continue
        for round_, name, answer in (*everywhere(world, person, client), *own(world, person, client)):
            assert answer.status_code != 405, f"{name} takes no GET. Compare what it answers, or say why not."
            assert answer.status_code < 500, name
            answers[person, name, round_] = said(answer)
            told_with_a_row(world, person, round_, answer)
    return answers


def everywhere(world: World, person: str, client: Client) -> Iterator[tuple[str, str, Any]]:
    """(round, address, answer) of every address; the round is '' where the address is about no case."""
    fixed = {"batch": UUID(int=7), "rest": "no/where", "round_id": world.rounds[EVERYWHERE[0]].pk, "question_id": 1}
    fixed["assignment_id"] = world.rounds[EVERYWHERE[0]].assignments.order_by("pk")[0].pk
    fixed["report_id"] = StudyReport.objects.get().pk
    for name, keys in addresses().items():
        if not {"case_id", "read_id", "anatomy_id", "job_id"} & set(keys):
            for model in world.models.values() if "model_id" in keys else [None]:
                known = {**fixed, "model_id": model and model.model_version_id}
                url = reverse(name, kwargs={key: known[key] for key in keys})
                yield "", f"{name} {url}", client.get(url)
            continue
        for round_ in EVERYWHERE if person == "reader" else EVERYWHERE[:1]:
            case, reads = world.cases[round_].pk, [world.opinions[round_][0]]
            if (person, round_) in world.read:
                reads.append(world.read[person, round_].pk)
            for read in reads if "read_id" in keys else [0]:
                known = {
                    **fixed,
                    "case_id": case,
                    "prior_id": case,
                    "anatomy_id": world.anatomies[round_].pk,
                    "job_id": world.jobs[round_][0],
                    "read_id": read,
                }
                url = reverse(name, kwargs={key: known[key] for key in keys})
                yield round_, f"{name} {url}", client.get(url)
    if person == "panel":
        for round_ in ROUNDS:
            yield round_, "api-room: another's", client.get(reverse("api-room", args=[world.read["reader", round_].pk]))
    case = world.cases[EVERYWHERE[0]].pk
    yield EVERYWHERE[0], "case-opinions", client.post(reverse("case-opinions", args=[case]))
    yield EVERYWHERE[0], "case-report", client.post(reverse("case-report", args=[case]), {"action": "show"})


def own(world: World, person: str, client: Client) -> Iterator[tuple[str, str, Any]]:
    """The same for the addresses of the own read in each round. What they change is taken back."""
    for (reader, round_), read in world.read.items():
        if reader != person:
            continue
        yield round_, "api-room", client.get(reverse("api-room", args=[read.pk]))
        sent = {"operations: accept": operation("accept", world.acceptance(round_))}
        if person in BEFORE:
            yield round_, "gaps", client.get(reverse("gaps", args=[read.pk]))
            unclear = {"vertebra": world.vertebra(round_), "value": True}
            on_screen = {"sop_uid": "", "suggestion": {"read": world.opinions[round_][0]}}
            sent["operations: suggestion"] = operation("set_unclear", unclear, shown=on_screen)
            opened = client.post(reverse("api-open-case", args=[world.cases[round_].pk]), content_type=JSON)
            yield round_, "api-open-case", opened
        for name, body in sent.items():
            with transaction.atomic():
                yield round_, name, client.post(reverse("operations", args=[read.pk]), body, content_type=JSON)
                transaction.set_rollback(True)


def operation(verb: str, payload: dict[str, Any], **fields: Any) -> dict[str, Any]:
    sent = {"uuid": str(UUID(int=1)), "base_seq": 0, "verb": verb, "payload": payload}
    return {**sent, "client_at": "2026-01-05T10:00:00Z", **fields}


def locked(world: World, *, models: bool) -> Answers:
    """Those who lock do, and what they are answered.

    One read says the same whether models have spoken or not, but for where its marks are from.
    """
    answers: Answers = {}
    finding = Finding.objects.get(read=world.read["reader", "labelling, shown first"])
    source = "accepted" if models else "range"
    marks = world.slices("labelling, shown first").items()
    SliceLabel.objects.bulk_create([SliceLabel(finding=finding, slice_id=k, value=v, source=source) for k, v in marks])
    for person in LOCKING:
        for round_ in ROUNDS:
            url = reverse("lock", args=[world.read[person, round_].pk])
            answer = world.clients[person].post(url, {"base_seq": 0}, content_type=JSON)
            assert answer.status_code == 200, answer.content
            answers[person, "lock", round_] = said(answer)
    return answers


def said(answer: Any) -> tuple[int, bytes]:
    body = answer.getvalue() + answer.get("Location", "").encode()
    return answer.status_code, NOISE.sub(b"", body)


def told_with_a_row(world: World, person: str, round_: str, answer: Any) -> None:
    """Whoever is told what the models say of a case has the row that says so."""
    body = answer.getvalue()
    for name in [round_] if round_ else ROUNDS:
        if world.secret(name) in body:
            shown = Exposure.objects.filter(reader__user=world.people[person], case=world.cases[name], what="model")
            assert shown.exists(), f"{person} was told of {name} without a row"


# --- the table ----------------------------------------------------------------------------------------------------


def may_know(person: str, round_: str, *, after: bool) -> bool:
    """Whether this person, who does not oversee, may know now what the models say of the case of a round."""
    *_, first, later = ROUNDS.get(round_, ("hidden", "hidden"))
    # The colleague has locked nothing, whoever else has.
    now = {"reader": later if after else first, "colleague": first}
    return now.get(person, "hidden") != "hidden"


@dataclass
class Walks:
    """What everybody got, by when and whether models have read the cases, and who was shown a model by then."""

    world: World
    answers: dict[tuple[str, bool], Answers] = field(default_factory=dict)
    shown: dict[str, set[tuple[str, int]]] = field(default_factory=dict)

    def walk(self, *, models: bool) -> None:
        self.answers["before", models] = walked(self.world, after=False, models=models)
        if models:
            self.shown["before"] = exposures()
        locks = locked(self.world, models=models)
        self.answers["after", models] = {**walked(self.world, after=True, models=models), **locks}
        if models:
            self.shown["after"] = exposures()


@pytest.fixture
def walks(db: None, monkeypatch: pytest.MonkeyPatch) -> Walks:
    # Thousands of refusals are what is asked for here; they need not be told one by one.
    monkeypatch.setattr(logging.getLogger("django.request"), "disabled", True)
    found = Walks(make_world())
    with transaction.atomic():
        found.world.let_models_read()
        found.walk(models=True)
        transaction.set_rollback(True)
    # From here on no model has ever read anything; what is asked for bears the same numbers.
    found.walk(models=False)
    return found


def exposures() -> set[tuple[str, int]]:
    return set(Exposure.objects.filter(what="model").values_list("reader__user__username", "case"))


def test_no_address_tells_a_hidden_prediction(walks: Walks) -> None:
    """The walk is long, so that there is one; what it must show stands in the functions below."""
    for when in ("before", "after"):
        _nobody_who_may_not_know_sees_a_difference(walks, when)
        _none_but_the_own_room_shows_a_difference(walks, when)
        _nobody_else_hears_a_word(walks, when)
        for round_ in ROUNDS:
            _the_reader_is_shown_what_the_round_says_and_has_the_row(walks, when, round_)
    for round_ in ROUNDS:
        _the_lock_reveals_what_the_round_says(walks, round_)
    world = walks.world
    told = {username for username, _ in walks.shown["after"]}
    assert told == {world.people[person].username for person in ("reader", "colleague", *OVERSEERS)}


def _differing(walks: Walks, when: str) -> set[Place]:
    there, without = walks.answers[when, True], walks.answers[when, False]
    there = {place: answer for place, answer in there.items() if place[0] not in OVERSEERS}
    assert there.keys() == without.keys()
    return {place for place in there if there[place] != without[place]}


def _nobody_who_may_not_know_sees_a_difference(walks: Walks, when: str) -> None:
    told = {place for place in _differing(walks, when) if not may_know(place[0], place[2], after=when == "after")}
    assert not told, "\n".join(
        f"{when}: {person} sees in {name} whether a model has read {round_!r}" for person, name, round_ in sorted(told)
    )


def _none_but_the_own_room_shows_a_difference(walks: Walks, when: str) -> None:
    places = {name.split(" /")[0] for person, name, _ in _differing(walks, when)}
    assert places <= ROOMS


def _nobody_else_hears_a_word(walks: Walks, when: str) -> None:
    heard: dict[str, set[str]] = {}
    for (person, name, _), (_, body) in walks.answers[when, True].items():
        if b"whispered of" in body:
            heard.setdefault(person, set()).add(name.split(" /")[0])
    assert set(heard) == {"reader", *(("colleague", *OVERSEERS) if when == "after" else ())}
    assert heard["reader"] | heard.get("colleague", set()) <= ROOMS
    for person in set(heard) & {*OVERSEERS}:
        assert heard[person] <= {"api-room", "case-opinions", "export-labels", "export-findings"}


def _the_reader_is_shown_what_the_round_says_and_has_the_row(walks: Walks, when: str, round_: str) -> None:
    world, (*_, first, later) = walks.world, ROUNDS[round_]
    stage = first if when == "before" else later
    room = "reader", "api-room", round_
    _, body = walks.answers[when, True][room]
    assert f'"stage":"{stage}"'.encode() in body
    assert (world.secret(round_) in body) == (stage != "hidden")
    row = world.people["reader"].username, world.cases[round_].pk
    assert (row in walks.shown[when]) == (stage != "hidden")
    _, silent = walks.answers[when, False][room]
    assert f'"stage":"{stage}","opinions":[]'.encode() in silent


def _the_lock_reveals_what_the_round_says(walks: Walks, round_: str) -> None:
    *_, earlier, later = ROUNDS[round_]
    for models in (True, False):
        _, body = walks.answers["after", models]["reader", "lock", round_]
        assert (b'"reveal":true' in body) == (models and (earlier, later) == ("hidden", "revealed"))


def test_every_address_is_walked_or_said_why_not() -> None:
    names = {pattern.name or "" for _, pattern in patterns()}
    assert set(LEFT_OUT) <= names
    assert len(addresses()) > 25
