"""One case, everybody's relation to it, and what becomes of it: two reads, their consensus, a truth, a correction.

What is said is told in one of two ways: in the one the readers differ and every opinion bears words that nobody else
uses, in the other all say negative and add nothing. All else (who locked what, when, which rows bear which numbers) is
the same, so that an answer that differs between the two tells an opinion.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from labeling.models import (
    Anatomy,
    Assignment,
    Case,
    Exposure,
    Finding,
    Job,
    LabelOperation,
    Notice,
    Participant,
    Question,
    Read,
    Reader,
    ReasonCode,
    Reference,
    Round,
    Seen,
    Settlement,
    Settles,
    Sitting,
    SliceLabel,
)
from labeling.reading.roles import reader_of
from tests import factories
from tests.cohort.studies import make_report
from tests.reading.opinions import make_opinion, make_version

#: The roles of the people, each in every relation.
ROLES: dict[str, tuple[str, ...]] = {
    "resident": ("resident",),
    "senior": ("senior",),
    "lead": ("lead",),
    "engineer": ("engineer",),
    "administrator": ("administrator",),
    "lead who reads": ("senior", "lead"),
    "all roles": ("resident", "senior", "lead", "engineer", "administrator"),
}

#: What a person may be to the case.
RELATIONS = (
    "none",
    "shown before",  # there is an exposure
    "will read",  # assigned in an independent round that is planned
    "owes",  # assigned in an independent round that is open
    "reopened",  # locked in an independent round, and open again
    "has locked",  # locked in an independent round
    "owes a repeat",  # has locked, and is to read it once more
    "member",  # sits in the panel that settles the case
    "labelled",  # locked in a labelling round whose readers have feedback after the consensus
)

#: What becomes of the case, one after the other.
STATES = ("nothing", "one read", "both reads", "consensus begun", "truth set", "correction begun", "corrected")

#: Words that only this opinion uses.
WORDS = {
    "read": "whispered by a reader",
    "model": "reckoned by a model",
    "truth": "settled by the panel",
    "report": "written in the report",
    "question": "asked by the panel",
    "own": "remembered by oneself",
}

Person = tuple[str, str]


@dataclass
class World:
    case: Case
    anatomy: Anatomy
    vertebrae: list[int]
    sops: list[str]
    rounds: dict[str, Round]
    model: Reader
    people: dict[Person, User] = field(default_factory=dict)
    seats: dict[str, Assignment] = field(default_factory=dict)
    readers: list[Reader] = field(default_factory=list)
    #: By what they are: "A", "B", "model", "report", "consensus", "correction".
    reads: dict[str, Read] = field(default_factory=dict)
    own: dict[Person, Read] = field(default_factory=dict)
    job: Job | None = None
    questions: list[Question] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


def make_world() -> World:
    case = factories.make_case(
        slices=3, study_date="2020-01-03", patient=factories.make_patient(split="training"), report_text=WORDS["report"]
    )
    # The search for candidates knows the same report.
    make_report(f"Fracture of L1, {WORDS['report']}.", case=case)
    anatomy = factories.make_anatomy(case, ("L1", "L2"), first_k=1, last_k=1)
    panel = Reader.objects.create(kind="panel", label="Panel of the consensus")
    first = factories.make_round("independent", name="First")
    rounds = {
        "first": first,
        "second": factories.make_round("independent", name="Second"),
        "planned": factories.make_round("independent", name="Planned", state="planned"),
        "labelling": factories.make_round("labelling", name="Labelled"),
        "consensus": factories.make_round("consensus", name="Consensus", follows=first, panel=panel),
    }
    rounds["repeat"] = factories.make_round("repeat", name="Repeat", follows=rounds["second"])
    world = World(
        case,
        anatomy,
        list(anatomy.vertebrae.order_by("rank").values_list("vertebra", flat=True)),
        list(anatomy.stack.slices.order_by("k").values_list("sop_uid", flat=True)),
        rounds,
        make_version(state="active"),
    )
    for name in "AB":
        reader = factories.make_reader("senior", username=f"reader {name}")
        factories.make_assignment(case, round=first, reader=reader)
        world.readers.append(reader)
    for role, groups in ROLES.items():
        for relation in RELATIONS:
            world.people[role, relation] = factories.make_user(*groups, username=f"{role}: {relation}")
            _relate(world, role, relation)
    return world


def _relate(world: World, role: str, relation: str) -> None:
    reader = reader_of(world.people[role, relation])
    rounds = {
        "will read": "planned",
        "owes": "second",
        "reopened": "second",
        "has locked": "second",
        "owes a repeat": "second",
        "member": "consensus",
        "labelled": "labelling",
    }
    if relation == "shown before":
        Exposure.objects.create(case=world.case, reader=reader, what="numbers")
    if relation not in rounds:
        return
    round_ = world.rounds[rounds[relation]]
    factories.make_assignment(world.case, round=round_, reader=reader, not_before=timezone.now())
    if relation in ("reopened", "has locked", "owes a repeat", "labelled"):
        words = WORDS["own"] if relation == "owes a repeat" else ""
        own = _read(world, round_, reader, ("indeterminate", "negative"), comment=words)
        world.own[role, relation] = factories.lock_plainly(own)
        if relation == "reopened":
            world.own[role, relation] = _read(
                world, round_, reader, ("negative", "negative"), version=2, supersedes=own, reopen_reason="L1 again"
            )
    if relation == "owes a repeat":
        factories.make_assignment(
            world.case, round=world.rounds["repeat"], reader=reader, not_before=timezone.now(), position=1
        )


def _read(
    world: World, round_: Round | None, reader: Reader, verdicts: tuple[str, str], *, comment: str = "", **fields: Any
) -> Read:
    """A draft on both vertebrae, with every kind of opinion that `verdicts` allows."""
    read = Read.objects.create(
        round=round_, case=world.case, reader=reader, stack=world.anatomy.stack, anatomy=world.anatomy, **fields
    )
    for vertebra, verdict in zip(world.vertebrae, verdicts, strict=True):
        fracture = verdict == "fracture"
        finding = Finding.objects.create(
            read=read,
            vertebra_id=vertebra,
            verdict=verdict,
            ao_body="A4" if fracture else None,
            level_said="L6" if fracture else "",
            unclear=fracture,
            comment=comment,
        )
        SliceLabel.objects.create(
            finding=finding, slice_id=world.sops[1], value="fracture" if fracture else "negative", source="range"
        )
        read.seq += 1
        LabelOperation.objects.create(
            uuid=f"00000000-0000-4000-8000-{read.pk:06d}{read.seq:06d}",
            read=read,
            seq=read.seq,
            verb="restore",
            payload={"vertebra": vertebra, "finding": finding.comment},
            client_at=timezone.now(),
        )
    Seen.objects.create(read=read, slice_id=world.sops[1])
    read.save(update_fields=["seq"])
    return read


# --- what becomes of the case ---------------------------------------------------------------------------------------


def tell(world: World, state: str, *, loud: bool) -> None:
    """The case as far as `state`, which follows the one before; `loud` where the readers differ and say why."""
    {
        "nothing": _let_models_read,
        "one read": lambda *_: _let_read(world, "A", loud=loud),
        "both reads": lambda *_: _let_read(world, "B", loud=loud),
        "consensus begun": _begin_consensus,
        "truth set": lambda *_: _set_truth(world, "consensus"),
        "correction begun": _begin_correction,
        "corrected": lambda *_: _set_truth(world, "correction"),
    }[state](world, loud)


def _words(what: str, loud: bool) -> str:
    return WORDS[what] if loud else ""


def _let_models_read(world: World, loud: bool) -> None:
    verdict = "fracture" if loud else "negative"
    said = {vertebra: {"verdict": verdict, "slices": {world.sops[1]: verdict}} for vertebra in world.vertebrae}
    world.reads["model"] = make_opinion(world.anatomy, said, reader=world.model, comment=_words("model", loud))
    world.job = factories.make_job(
        kind="classify",
        case=world.case,
        state="done",
        model_version=world.model.model_version,
        log_tail=_words("model", loud),
        title="Read a case",
    )
    reported = Reader.objects.create(kind="report", label="Clinical report")
    verdicts = ("fracture" if loud else "negative", "negative")
    read = _read(world, None, reported, verdicts, comment=_words("report", loud))
    world.reads["report"] = factories.lock_plainly(read)


def _let_read(world: World, letter: str, *, loud: bool) -> None:
    reader = world.readers["AB".index(letter)]
    verdicts = ("fracture", "negative") if loud and letter == "A" else ("negative", "negative")
    read = _read(world, world.rounds["first"], reader, verdicts, comment=_words("read", loud))
    world.reads[letter] = factories.lock_plainly(read)


def _begin_consensus(world: World, loud: bool) -> None:
    world.reads["consensus"] = _sit(world, loud)
    question = Question.objects.create(
        consensus=world.reads["consensus"],
        read=world.reads["A"],
        vertebra_id=world.vertebrae[0],
        text=_words("question", loud) or "?",
        by=reader_of(world.people["senior", "member"]),
    )
    world.questions.append(question)
    world.notices.append(
        Notice.objects.create(
            reader=world.readers[0], kind="question", text="A panel asks you.", case=world.case, question=question
        )
    )


def _begin_correction(world: World, loud: bool) -> None:
    before = world.reads["consensus"]
    world.reads["correction"] = _sit(world, loud, version=2, supersedes=before, reopen_reason="Looked at again")


def _sit(world: World, loud: bool, **fields: Any) -> Read:
    round_ = world.rounds["consensus"]
    assert round_.panel is not None
    verdicts = ("fracture" if loud else "negative", "negative")
    consensus = _read(world, round_, round_.panel, verdicts, comment=_words("truth", loud), **fields)
    Sitting.objects.create(consensus=consensus)
    for letter in "AB":
        Settles.objects.create(consensus=consensus, read=world.reads[letter], letter=letter)
    reason, _ = ReasonCode.objects.get_or_create(code="limbus", version=1, defaults={"text": "Limbus vertebra"})
    Settlement.objects.create(
        consensus=consensus,
        vertebra_id=world.vertebrae[0],
        difference="verdict",
        took="a",
        reason=reason,
        teach=loud,
        explanation=_words("truth", loud),
        by=reader_of(world.people["senior", "member"]),
    )
    Participant.objects.create(consensus=consensus, reader=reader_of(world.people["senior", "member"]))
    return consensus


def _set_truth(world: World, name: str) -> None:
    read = factories.lock_plainly(world.reads[name])
    Reference.objects.filter(case=world.case, current=True).update(current=False)
    Reference.objects.create(case=world.case, read=read)


# --- numbers --------------------------------------------------------------------------------------------------------


def numbers() -> list[tuple[str, int, bool]]:
    """Where the counters of the database stand: what is taken back in a transaction leaves them moved on."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT format('%I.%I', schemaname, sequencename), last_value FROM pg_sequences")
        return [(name, last or 1, last is not None) for name, last in cursor.fetchall()]


def count_from(stand: list[tuple[str, int, bool]]) -> None:
    """The counters of the database as they stood, so that the same acts bear the same numbers."""
    with connection.cursor() as cursor:
        rows = ", ".join("(%s::regclass, %s::bigint, %s::boolean)" for _ in stand)
        values = [value for row in stand for value in row]
        cursor.execute(f"SELECT count(setval(s, n, used)) FROM (VALUES {rows}) AS stand (s, n, used)", values)
