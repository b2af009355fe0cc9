"""Whatever people do, in whatever order: who is to read blind has been told nothing, and the record holds.

Random people do random things on a few cases, through the same functions as pages and API. Beside the record a plain
account is kept of who owes what, from what they did alone; after each step both are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Count
from hypothesis import HealthCheck
from hypothesis import settings as profile
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from labeling.api.room import room
from labeling.models import Assignment, Case, Exposure, Read, Reader, Reference, Round
from labeling.reading.consensus.opening import (
    Choice,
    ask,
    correct,
    lock_consensus,
    open_consensus,
    panel_read,
    settle,
    show_report,
)
from labeling.reading.consensus.rows import table_of
from labeling.reading.locking import NotComplete, lock_read, pins_of
from labeling.reading.opinions.model_opinions import opinions_for
from labeling.reading.planning import states as round_states
from labeling.reading.projection import load_state
from labeling.reading.refusals import NotReadable, OperationRefused, ReadLocked
from labeling.reading.reopening import reopen
from labeling.reading.roles import reader_of
from labeling.reading.rounds import open_read
from labeling.reading.sealing import content_sha
from labeling.reading.visibility import (
    case_report_for,
    exportable_reads,
    owed_assignments,
    read_for,
    reads_to_settle,
    report_for,
    truth_for,
    visible_reads,
)
from labeling.reading.washout import refresh
from tests import factories
from tests.reading.conftest import send
from tests.reading.opinions import make_opinion, make_version

PEOPLE = {
    "resident": ("resident",),
    "senior": ("senior",),
    "other senior": ("senior",),
    "lead who reads": ("senior", "lead"),
    "all roles": ("resident", "senior", "lead", "engineer", "administrator"),
    "lead": ("lead",),
    "engineer": ("engineer",),
}
READING = ("resident", "senior", "other senior", "lead who reads", "all roles")
ROUNDS = ("labelling", "first", "again", "settles", "settles labelling")
BLIND = ("first", "again")

#: The same acts every time, so that a failure is a failure of the code.
PROFILE = profile(
    max_examples=16,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

#: What must have come about in some of the stories.
COMES_ABOUT = {
    "locked in first",
    "locked in again",
    "locked in labelling",
    "reopened",
    "a consensus was opened",
    "a truth was set",
    "shown the read of a person",
    "shown the read of a model",
    "shown the read of a panel",
}

#: What is refused is refused with one of these; nothing else may come out of an act.
REFUSALS = (
    OperationRefused,
    NotReadable,
    ReadLocked,
    NotComplete,
    Read.DoesNotExist,
    Case.DoesNotExist,
    Round.DoesNotExist,
)

people, reading = st.sampled_from(sorted(PEOPLE)), st.sampled_from(READING)
cases, rounds = st.integers(0, 1), st.sampled_from(ROUNDS)
verdicts = st.lists(st.sampled_from(["fracture", "negative", "indeterminate"]), min_size=2, max_size=2)


@dataclass
class World:
    people: dict[str, User]
    cases: list[Case]
    rounds: dict[str, Round]
    clock: Path
    lead: User
    #: What came about in any of the stories, so that none of it is only thought to have been tried.
    happened: Counter[str] = field(default_factory=Counter)


def make_world(clock: Path) -> World:
    rules = {"unit": "vertebra", "ao_required": False}
    first = factories.make_round("independent", rules=rules)
    labelling = factories.make_round("labelling", rules={**rules, "feedback": "after_consensus"})
    panels = [Reader.objects.create(kind="panel", label=f"Panel {n}") for n in (1, 2)]
    world = World(
        {name: factories.make_user(*roles, username=name) for name, roles in PEOPLE.items()},
        [],
        {
            "first": first,
            "labelling": labelling,
            "again": factories.make_round("repeat", follows=first, rules=rules),
            "settles": factories.make_round("consensus", follows=first, panel=panels[0], rules=rules),
            "settles labelling": factories.make_round(
                "consensus", follows=labelling, panel=panels[1], rules={**rules, "washout_days": 0}
            ),
        },
        clock,
        factories.make_user("lead"),
    )
    model = make_version(state="active")
    for _ in range(2):
        patient = factories.make_patient(split="training")
        case = factories.make_case(slices=3, patient=patient, report_text="Fracture of L1.")
        anatomy = factories.make_anatomy(case, ("L1", "L2"), first_k=1, last_k=1)
        vertebrae = anatomy.vertebrae.values_list("vertebra", flat=True)
        make_opinion(anatomy, {key: {"verdict": "negative"} for key in vertebrae}, reader=model)
        world.cases.append(case)
    return world


@dataclass
class Account:
    """What follows from what was done, told without the record."""

    #: (person, round, case) -> whether they have locked what they were asked for.
    asked: dict[tuple[str, str, int], bool] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    #: Reads as they were when they were locked.
    locked: dict[int, dict[str, Any]] = field(default_factory=dict)

    def waiting(self) -> list[tuple[str, int]]:
        """Who has a read of which case before them."""
        return sorted(
            {(who, case) for (who, name, case), done in self.asked.items() if not done and "settles" not in name}
        )

    def owes(self, person: str, case: int, *among: str) -> bool:
        """Whether this person owes a read of the case in one of these rounds; without any, in one that is blind."""
        wanted = among or ("labelling", "first", "again")
        return any(
            not done and who == person and of == case and name in wanted and name not in self.closed
            for (who, name, of), done in self.asked.items()
        )


@dataclass(frozen=True)
class Act:
    """What somebody may do: how often, what is drawn for it, and when it can be tried at all."""

    weight: int
    strategies: dict[str, Any]
    when: Callable[[Any], Any]
    do: Callable[..., None]


#: Stands for the source of what is drawn along the way.
DATA: Any = object()


def _somebody_has_to_read(story: Any) -> bool:
    return bool(story.account.waiting())


def _a_panel_sits(_: Any) -> bool:
    return Read.objects.filter(reader__kind="panel", state="draft").exists()


def _a_panel_has_locked(_: Any) -> bool:
    return Read.objects.filter(reader__kind="panel", state="locked").exists()


def machine(world: World) -> Callable[[], RuleBasedStateMachine]:
    acts: list[Act] = []

    def act(
        weight: int, *, when: Callable[[Any], Any] = lambda self: True, **strategies: Any
    ) -> Callable[[Callable[..., None]], Callable[..., None]]:
        def register(do: Callable[..., None]) -> Callable[..., None]:
            acts.append(Act(weight, strategies, when, do))
            return do

        return register

    class People(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.account, self.positions, self.turns = Account(), count(1), count()
            world.clock.write_text("0", encoding="utf-8")
            self.taken_back = transaction.atomic()
            self.taken_back.__enter__()

        def teardown(self) -> None:
            self.the_hashes_still_tell_what_the_reads_say()
            transaction.set_rollback(True)
            self.taken_back.__exit__(None, None, None)

        # --- what people do ---------------------------------------------------------------------------------------

        @initialize(readers=st.permutations(READING), case=cases)
        def begin(self, readers: list[str], case: int) -> None:
            """Two read a case and will read it again, two others label the other one, and panels settle both; from
            there on it goes as it goes."""
            for person in readers[:2]:
                self.give(person, case, "first", override=False)
                self.give(person, case, "again", override=False)
                self.give(person, 1 - case, "labelling", override=False)
            for person in readers[1:4]:
                self.give(person, case, "settles", override=False)
                self.give(person, 1 - case, "settles labelling", override=False)

        @act(2, person=reading, case=cases, name=rounds, override=st.booleans())
        def assign(self, person: str, case: int, name: str, override: bool) -> None:
            self.give(person, case, name, override=override)

        def give(self, person: str, case: int, name: str, *, override: bool) -> None:
            if (person, name, case) in self.account.asked or name in self.account.closed:
                return
            reader = reader_of(world.people[person])
            known = Exposure.objects.filter(reader=reader, case=world.cases[case]).exists()
            fields = {"exposure_override": "nobody else is there"} if override and name in BLIND else {}
            barred = name in BLIND and known and not fields
            given = {"round": world.rounds[name], "reader": reader, "position": next(self.positions), **fields}
            if barred:
                with pytest.raises(IntegrityError, match="blind_round_refuses_the_exposed"), transaction.atomic():
                    factories.make_assignment(world.cases[case], **given)
                world.happened["an exposed reader was refused"] += 1
                return
            factories.make_assignment(world.cases[case], **given)
            refresh(world.rounds[name], world.cases[case])
            self.account.asked[person, name, case] = False

        @act(
            8,
            data=DATA,
            said=verdicts,
            finish=st.sampled_from([True, True, True, False]),
            when=_somebody_has_to_read,
        )
        def read(self, data: st.DataObject, said: list[str], finish: bool) -> None:
            person, case = data.draw(st.sampled_from(self.account.waiting()))
            user = world.people[person]
            with self.attempt():
                draft = open_read(user=user, case_id=world.cases[case].pk)
                assert draft.reader.user_id == user.pk
                self.is_served(person, draft)
                if draft.state == "locked":
                    return
                for key, verdict in zip(draft.anatomy.vertebrae.values_list("vertebra", flat=True), said, strict=True):
                    send(draft, "set_verdict", {"vertebra": key, "verdict": verdict})
                if finish:
                    self.lock(person, draft)

        def lock(self, person: str, draft: Read) -> None:
            seq = Read.objects.values_list("seq", flat=True).get(pk=draft.pk)
            locked = lock_read(read_id=draft.pk, reader=draft.reader, base_seq=seq)
            name = next(name for name, round_ in world.rounds.items() if round_.pk == locked.round_id)
            self.account.asked[person, name, self.number_of(locked)] = True
            world.happened[f"locked in {name}"] += 1

        @act(2, person=reading, data=DATA)
        def go_back(self, person: str, data: st.DataObject) -> None:
            own = Read.objects.filter(reader__user=world.people[person], state="locked").order_by("pk")
            if not own:
                return
            locked = data.draw(st.sampled_from(list(own)))
            name = next(name for name, round_ in world.rounds.items() if round_.pk == locked.round_id)
            with self.attempt():
                reopen(read_id=locked.pk, reader=locked.reader, reason="once more")
                assert not self.account.owes(person, self.number_of(locked), "again") or name == "again"
                world.happened["reopened"] += 1
                self.account.asked[person, name, self.number_of(locked)] = False

        @act(3, person=people, data=DATA)
        def look_at_a_read(self, person: str, data: st.DataObject) -> None:
            reads = list(Read.objects.filter(round__isnull=False).order_by("-pk"))
            models = Read.objects.filter(round__isnull=True).order_by("pk")
            found = data.draw(st.sampled_from([*reads, *models][:8]))
            with self.attempt():
                read = read_for(world.people[person], found.pk)
                self.is_served(person, read)
                before = self.known_to(person, read)
                said = room(world.people[person], read)
                if said["model"] and said["model"]["opinions"]:
                    assert "model" in self.known_to(person, read)
                    assert not self.account.owes(person, self.number_of(read), *BLIND)
                if said["report"]:
                    assert "report" in self.known_to(person, read) | before

        @act(1, person=people)
        def export(self, person: str) -> None:
            for read in exportable_reads(world.people[person]).select_related("reader", "round"):
                self.is_served(person, read)

        @act(2, person=people, case=cases)
        def ask_the_models(self, person: str, case: int) -> None:
            found = opinions_for(world.people[person], world.cases[case])
            if found:
                assert not self.account.owes(person, case)
                assert not self.read_blind_without_a_truth(person, case)
                assert Exposure.objects.filter(
                    reader__user=world.people[person], case=world.cases[case], what="model"
                ).exists()

        @act(1, person=people, case=cases)
        def ask_for_the_report(self, person: str, case: int) -> None:
            if case_report_for(world.people[person], world.cases[case]):
                assert not self.account.owes(person, case, *BLIND)
                self.has_row(person, case, "report")

        @act(2, person=people, case=cases)
        def ask_for_the_truth(self, person: str, case: int) -> None:
            if truth_for(world.people[person], world.cases[case]) is not None:
                assert not self.account.owes(person, case)
                self.has_row(person, case, "truth")

        @act(3, person=people, case=cases, name=st.sampled_from(["settles", "settles labelling"]), data=DATA)
        def open_a_consensus(self, person: str, case: int, name: str, data: st.DataObject) -> None:
            seats = sorted(key for key in self.account.asked if key[1].startswith("settles"))
            person, name, case = data.draw(st.sampled_from([*seats * 3, (person, name, case)]))
            user = world.people[person]
            with self.attempt():
                consensus = open_consensus(user, world.rounds[name].pk, world.cases[case].pk)
                assert (person, name, case) in self.account.asked, "nobody else sits there"
                assert not self.account.owes(person, case)
                world.happened["a consensus was opened"] += 1
                for read in reads_to_settle(user, consensus):
                    if read.reader.user_id != user.pk:
                        self.has_row(person, case, "read")

        @act(
            4,
            person=reading,
            data=DATA,
            finish=st.sampled_from([True, True, False]),
            when=_a_panel_sits,
        )
        def settle_a_consensus(self, person: str, data: st.DataObject, finish: bool) -> None:
            drafts = list(Read.objects.filter(reader__kind="panel", state="draft").order_by("pk"))
            draft = data.draw(st.sampled_from(drafts))
            sitting = Assignment.objects.filter(round=draft.round_id, case=draft.case_id).order_by("pk")
            names = list(sitting.values_list("reader__user__username", flat=True))
            person = data.draw(st.sampled_from([*names * 2, person]))
            user = world.people[person]
            with self.attempt():
                consensus = panel_read(user, draft.pk)
                assert not self.account.owes(person, self.number_of(consensus))
                for one in table_of(consensus).asked:
                    choice = Choice(one.vertebra, data.draw(st.sampled_from("a")), "limbus", "unknown")
                    consensus = settle(user, draft.pk, uuid=uuid4(), base_seq=consensus.seq, choice=choice)
                if finish:
                    lock_consensus(user, draft.pk, base_seq=consensus.seq)
                    world.happened["a truth was set" if draft.version == 1 else "a truth was corrected"] += 1

        @act(
            2,
            person=reading,
            data=DATA,
            when=_a_panel_has_locked,
        )
        def correct_a_consensus(self, person: str, data: st.DataObject) -> None:
            locked = list(Read.objects.filter(reader__kind="panel", state="locked").order_by("pk"))
            with self.attempt():
                correct(world.people[person], data.draw(st.sampled_from(locked)).pk, "seen otherwise")

        @act(
            1,
            person=people,
            data=DATA,
            act=st.sampled_from(["question", "report"]),
            when=_a_panel_sits,
        )
        def ask_or_show_at_the_table(self, person: str, data: st.DataObject, act: str) -> None:
            drafts = list(Read.objects.filter(reader__kind="panel", state="draft").order_by("pk"))
            draft, user = data.draw(st.sampled_from(drafts)), world.people[person]
            with self.attempt():
                if act == "question":
                    vertebra = draft.anatomy.vertebrae.order_by("rank").values_list("vertebra", flat=True)[0]
                    ask(user, draft.pk, letter="A", vertebra=vertebra, text="What is this?")
                else:
                    shown = show_report(user, draft.pk)
                    if report_for(user, shown):
                        self.has_row(person, self.number_of(draft), "report")
                assert not self.account.owes(person, self.number_of(draft))

        @act(1, name=rounds, act=st.sampled_from(["resume"] * 5 + ["pause", "close"]))
        def change_a_round(self, name: str, act: str) -> None:
            with self.attempt():
                getattr(round_states, act)(world.lead, world.rounds[name].pk)
                if act == "close":
                    self.account.closed.add(name)

        @act(1, days=st.sampled_from([1, 28, 28]))
        def wait(self, days: int) -> None:
            world.clock.write_text(str(int(world.clock.read_text(encoding="utf-8")) + days), encoding="utf-8")

        @rule(data=st.data())
        def step(self, data: st.DataObject) -> None:
            """One act of those that can be tried now, as often as it weighs."""
            now = [one for one in acts if one.when(self) for _ in range(one.weight)]
            chosen = data.draw(st.sampled_from(now))
            drawn = {name: data.draw(of, name) if of is not DATA else data for name, of in chosen.strategies.items()}
            chosen.do(self, **drawn)

        # --- what must hold ---------------------------------------------------------------------------------------

        def attempt(self) -> Any:
            return Attempt()

        def number_of(self, read: Read) -> int:
            return next(number for number, case in enumerate(world.cases) if case.pk == read.case_id)

        def known_to(self, person: str, read: Read) -> set[str]:
            rows = Exposure.objects.filter(reader__user=world.people[person], case=read.case_id)
            return set(rows.values_list("what", flat=True))

        def has_row(self, person: str, case: int, what: str) -> None:
            rows = Exposure.objects.filter(reader__user=world.people[person], case=world.cases[case], what=what)
            assert rows.exists(), f"{person} was told of case {case} without a row"

        def read_blind_without_a_truth(self, person: str, case: int) -> bool:
            blind = any(self.account.asked.get((person, name, case)) for name in BLIND)
            return blind and not Reference.objects.filter(case=world.cases[case], current=True).exists()

        def is_served(self, person: str, read: Read) -> None:
            """This read was given to this person: they may know it, and have the row."""
            number = self.number_of(read)
            own = read.reader.user_id == world.people[person].pk
            if own:
                name = next(name for name, round_ in world.rounds.items() if round_.pk == read.round_id)
                again = self.account.owes(person, number, "again") and name != "again"
                assert not again or self.account.owes(person, number, name), f"{person} remembers what they said"
                return
            assert not self.account.owes(person, number), f"{person} owes case {number} and was shown another's read"
            world.happened[f"shown the read of a {read.reader.kind}"] += 1
            if read.reader.kind == "model":
                assert not self.read_blind_without_a_truth(person, number)
            self.has_row(person, number, {"person": "read", "model": "model", "panel": "truth"}[read.reader.kind])

        @invariant()
        def nobody_blind_can_see_anothers_read(self) -> None:
            """One person after the other, a step each."""
            person = READING[next(self.turns) % len(READING)]
            user = world.people[person]
            blind = [case for number, case in enumerate(world.cases) if self.account.owes(person, number)]
            if blind:
                assert not visible_reads(user).filter(case__in=blind).exclude(reader__user=user).exists(), person
            owed = set(owed_assignments(user).values_list("case", flat=True))
            assert owed == {case.pk for case in blind}, "the record owes what the account owes"

        @invariant()
        def nobody_reads_blind_who_knew_without_a_reason(self) -> None:
            blind = Assignment.objects.filter(round__kind__in=["independent", "repeat"], exposure_override="")
            for given in blind:
                before = Exposure.objects.filter(reader=given.reader, case=given.case, at__lt=given.created_at)
                assert not before.exists()

        @invariant()
        def what_is_locked_stays_as_it_was(self) -> None:
            rows = {row["id"]: row for row in Read.objects.filter(state="locked", round__isnull=False).values()}
            assert self.account.locked.keys() <= rows.keys()
            for key, row in rows.items():
                assert row == self.account.locked.setdefault(key, row)

        def the_hashes_still_tell_what_the_reads_say(self) -> None:
            for read in Read.objects.filter(pk__in=self.account.locked).select_related("round"):
                assert content_sha(load_state(read)[0], pins_of(read)) == read.content_sha

        @invariant()
        def there_is_one_truth_and_one_draft(self) -> None:
            truths = Reference.objects.filter(current=True).values("case", "target").annotate(n=Count("pk"))
            assert all(row["n"] == 1 for row in truths)
            assert not Reference.objects.exclude(read__state="locked").exists()
            drafts = Read.objects.filter(state="draft").values("round", "case", "reader").annotate(n=Count("pk"))
            assert all(row["n"] == 1 for row in drafts)

    return People


class Attempt:
    """An act that may be refused; what it did until then is taken back, as a request's transaction is."""

    def __enter__(self) -> None:
        self.inner = transaction.atomic()
        self.inner.__enter__()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        self.inner.__exit__(kind, error, trace)
        return kind is not None and issubclass(kind, REFUSALS)


@pytest.mark.django_db
def test_whatever_people_do_the_blind_stay_blind(tmp_path: Path, settings: Any) -> None:
    settings.CLOCK_FILE = tmp_path / "clock"
    world = make_world(settings.CLOCK_FILE)
    run_state_machine_as_test(machine(world), settings=PROFILE)
    assert world.happened.keys() >= COMES_ABOUT, world.happened
