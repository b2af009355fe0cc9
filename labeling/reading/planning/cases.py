"""Which cases a plan means, and which of them cannot enter such a round and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils import timezone

from labeling.models import (
    Anatomy,
    AnatomyVertebra,
    Assignment,
    Case,
    CohortState,
    Finding,
    Read,
    ReaderKind,
    Reference,
    Round,
    RoundKind,
    RoundState,
    Split,
)
from labeling.reading.consensus.second_look import looked_at_again
from labeling.reading.refusals import OperationRefused
from labeling.reading.rounds import anatomies_to_read
from labeling.reading.rules import Rules
from labeling.reading.truths import TARGET
from labeling.reading.visibility import owed_assignments

__all__ = ["NEVER_TEST", "CaseChoice", "Entering", "LeftOut", "chosen", "entering", "read_in"]

#: In rounds of these kinds no patient of the test split is read.
NEVER_TEST = (RoundKind.LABELLING, RoundKind.PRACTICE)


@dataclass(frozen=True)
class CaseChoice:
    """Which cases: those with these names, else every one that all of what is given holds for.

    Attributes
    ----------
    names
        As the worklist names them, in this order; None where cases are chosen by what is known of them.
    split, origin
        One of their words; '' for any.
    reference, anatomy, levels
        ``with``/``without`` a reference; newest anatomy ``confirmed``/``unconfirmed``; levels all ``named``, or one
        ``unknown``. '' for any.
    round
        Primary key of a round that they are in.
    without
        Names of cases that are left out all the same.
    """

    names: tuple[str, ...] | None = None
    split: str = ""
    origin: str = ""
    reference: str = ""
    anatomy: str = ""
    levels: str = ""
    round: int | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """A case that was meant and cannot enter; `why` is a sentence without its name."""

    case: Case
    why: str


@dataclass(frozen=True)
class Entering:
    """The cases that can enter, in the order they were named; the others; and sentences to think about."""

    cases: tuple[Case, ...]
    left_out: tuple[LeftOut, ...]
    warnings: tuple[str, ...]


def chosen(choice: CaseChoice, follows: Round | None) -> list[Case]:
    """The cases that a choice means; of a round that follows another one, those of that one.

    Raises
    ------
    OperationRefused
        where a name is no case's, or none is named.
    """
    if choice.names is not None:
        if not choice.names:
            raise OperationRefused("no_cases", "No case is named. Write the names of cases, or choose by split.")
        found = _named(choice.names)
    else:
        cases = _filtered(choice)
        if follows is not None:
            cases = cases.filter(pk__in=read_in(follows))
        found = list(cases.select_related("patient", "reading_stack").order_by("pk"))
    left = {case.pk for case in _named(choice.without)}
    return [case for case in found if case.pk not in left]


def _named(names: Sequence[str]) -> list[Case]:
    """Raises OperationRefused where there is no such case."""
    stems = {name for name in names} | {name.rpartition("-")[0] for name in names}
    cases = Case.objects.filter(patient__pseudonym__in=stems).select_related("patient", "reading_stack")
    every = {case.name: case for case in cases}
    if unknown := [name for name in dict.fromkeys(names) if name not in every]:
        raise OperationRefused(
            "unknown_case", f"There is no case called {', '.join(unknown)}. Write names as the list of cases does."
        )
    return [every[name] for name in dict.fromkeys(names)]


def _filtered(choice: CaseChoice) -> QuerySet[Case]:
    cases = Case.objects.all()
    if choice.split:
        cases = cases.filter(patient__split=choice.split)
    if choice.origin:
        cases = cases.filter(origin=choice.origin)
    if choice.round is not None:
        cases = cases.filter(Exists(Assignment.objects.filter(round=choice.round, case=OuterRef("pk"))))
    if choice.reference:
        known = Exists(Reference.objects.filter(case=OuterRef("pk"), current=True))
        cases = cases.filter(known if choice.reference == "with" else ~known)
    to_read = anatomies_to_read(OuterRef("pk"), OuterRef("reading_stack"))
    if choice.anatomy:
        confirmed = Exists(_confirmed(OuterRef("pk"), OuterRef("reading_stack")))
        cases = cases.filter(confirmed if choice.anatomy == "confirmed" else ~confirmed)
    if choice.levels:
        cases = cases.annotate(anatomy_read=Subquery(to_read.values("pk")[:1])).filter(anatomy_read__isnull=False)
        nameless = Exists(AnatomyVertebra.objects.filter(anatomy=OuterRef("anatomy_read"), level=""))
        cases = cases.filter(~nameless if choice.levels == "named" else nameless)
    return cases


def _confirmed(case: Any, stack: Any) -> QuerySet[Anatomy]:
    return Anatomy.objects.filter(case=case, stack=stack, confirmed_at__isnull=False)


def read_in(round_: Round) -> set[int]:
    """Primary keys of the cases that are assigned or read in a round; imported reads were never assigned."""
    assigned = Assignment.objects.filter(round=round_).values_list("case", flat=True)
    return {*assigned, *Read.objects.filter(round=round_).values_list("case", flat=True)}


def entering(
    user: User | None,
    cases: Sequence[Case],
    kind: RoundKind,
    rules: Rules,
    *,
    follows: Round | None,
    pooled: bool,
    besides: int | None = None,
) -> Entering:
    """Which of these cases can enter a round of this kind. `besides` is the round that is planned anew."""
    keys = [case.pk for case in cases]
    facts = _Facts.of(keys)
    why = {case.pk: _why_not(case, kind, rules, facts, pooled) for case in cases}
    if follows is not None:
        within = read_in(follows)
        settled = _not_settled(user, follows, keys, besides) if kind == RoundKind.CONSENSUS else {}
        for case in cases:
            beyond = "" if case.pk in within else f"It is not read in {follows.name}."
            why[case.pk] = why[case.pk] or beyond or settled.get(case.pk, "")
    found = tuple(case for case in cases if not why[case.pk])
    left_out = tuple(LeftOut(case, why[case.pk]) for case in cases if why[case.pk])
    return Entering(found, left_out, tuple(_warnings(found, kind, rules, facts)))


@dataclass(frozen=True)
class _Facts:
    """Primary keys of cases of which each is known."""

    with_vertebrae: frozenset[int]
    confirmed: frozenset[int]
    with_reference: frozenset[int]

    @classmethod
    def of(cls, keys: Sequence[int]) -> _Facts:
        cases = Case.objects.filter(pk__in=keys).order_by()
        named = cases.filter(Exists(anatomies_to_read(OuterRef("pk"), OuterRef("reading_stack"))))
        confirmed = cases.filter(Exists(_confirmed(OuterRef("pk"), OuterRef("reading_stack"))))
        reference = cases.filter(Exists(Reference.objects.filter(case=OuterRef("pk"), current=True)))
        return cls(*(frozenset(found.values_list("pk", flat=True)) for found in (named, confirmed, reference)))


def _why_not(case: Case, kind: RoundKind, rules: Rules, facts: _Facts, pooled: bool) -> str:
    if case.reading_stack_id is None:
        return "It has no stack to read yet."
    if kind in NEVER_TEST and case.patient.split == Split.TEST:
        return "Its patient is of the test split, which is read in blind rounds alone."
    if case.cohort_state == CohortState.EXCLUDED:
        return f"It is excluded: {case.get_exclusion_reason_display()}."
    # In a pool, and where readers place them by themselves, a case can wait for its vertebrae.
    if case.pk not in facts.with_vertebrae and rules.anatomy == "pinned" and not pooled:
        return "Its vertebrae are not known yet, and readers of this round cannot place them."
    if kind == RoundKind.PRACTICE and case.pk not in facts.with_reference:
        return "It has no reference yet, so nobody could be told how well they read it."
    return ""


def _not_settled(user: User | None, follows: Round, keys: Sequence[int], besides: int | None) -> dict[int, str]:
    """Case -> why a consensus has nothing to settle on it, now and later."""
    panels = Assignment.objects.filter(round__kind=RoundKind.CONSENSUS, round__follows=follows, case__in=keys)
    panels = panels.exclude(round__state=RoundState.CLOSED).exclude(round=besides)
    why = {case: f"It is settled in {name} already." for case, name in panels.values_list("case", "round__name")}
    if follows.kind == RoundKind.CONSENSUS:
        return _not_looked_at_again(follows, keys) | why
    truths = Reference.objects.filter(case__in=keys, target=TARGET, current=True).select_related("read__round")
    for one in truths:
        whose = "another read" if one.read.round is None else one.read.round.name
        why.setdefault(one.case_id, f"It has its truth from {whose}. Correct it there, with a reason.")
    readers = _readers_by_case(follows, keys)
    if follows.kind != RoundKind.LABELLING:
        needed = Rules.parse(follows.rules).required_reads
        short = (
            f"Fewer than {needed} read it in {follows.name}." if needed > 1 else f"Nobody reads it in {follows.name}."
        )
        return why | {key: short for key in keys if len(readers[key]) < needed and key not in why}
    for key, reason in _unquestioned(user, follows, keys, readers).items():
        why.setdefault(key, reason)
    return why


def _not_looked_at_again(follows: Round, keys: Iterable[int]) -> dict[int, str]:
    """Case -> why nothing of it is looked at again; which of its vertebrae would be, nobody is told."""
    locked = Read.objects.filter(round=follows, case__in=keys, reader__kind=ReaderKind.PANEL, state="locked")
    newest = {read.case_id: read for read in locked.select_related("round").order_by("version")}
    now = timezone.now()
    why = {key: f"It is not settled in {follows.name} yet." for key in keys if key not in newest}
    nothing = "Nothing that was agreed on it was drawn, and the models say the same."
    return why | {key: nothing for key, read in newest.items() if not looked_at_again(read, now)}


def _readers_by_case(round_: Round, keys: Iterable[int]) -> defaultdict[int, set[int]]:
    """Who reads or has read each case in a round; a place in the pool is one more reader to come."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    assigned = Assignment.objects.filter(round=round_, case__in=keys).values_list("case", "reader", "pk")
    for case, reader, assignment in assigned:
        found[case].add(-assignment if reader is None else reader)
    reads = Read.objects.filter(round=round_, case__in=keys, reader__kind=ReaderKind.PERSON)
    for case, reader in reads.values_list("case", "reader"):
        found[case].add(reader)
    return found


def _unquestioned(
    user: User | None, follows: Round, keys: Sequence[int], readers: defaultdict[int, set[int]]
) -> dict[int, str]:
    """Of a labelling round: cases that are read once and hold nothing that was marked unclear.

    Whoever owes a read of a case is not told even that somebody was unsure: to them all such cases look alike.
    """
    once = [key for key in keys if len(readers[key]) < 2]
    twice = Assignment.objects.filter(round=follows, case__in=once, read_twice=True).values_list("case", flat=True)
    once = [key for key in once if key not in set(twice)]
    owed = set() if user is None else set(owed_assignments(user).filter(case__in=once).values_list("case", flat=True))
    unclear = Finding.objects.filter(
        read__round=follows, read__case__in=once, read__state="locked", read__successor__isnull=True, unclear=True
    )
    asked = set(unclear.values_list("read__case", flat=True))
    why = dict.fromkeys(owed, "It is read once, and you owe a read of it: nothing of it can be told before your lock.")
    nothing = "It is read once, and nothing of it is marked unclear in a locked read."
    return why | {key: nothing for key in once if key not in asked and key not in owed}


def _warnings(cases: Sequence[Case], kind: RoundKind, rules: Rules, facts: _Facts) -> Iterable[str]:
    """Sentences on what can be but is seldom meant."""
    if missing := [case for case in cases if case.pk not in facts.with_vertebrae]:
        yield f"{_of(missing)} no vertebrae yet. Nobody can begin before they are known."
    if kind != RoundKind.CONSENSUS and rules.anatomy == "pinned":
        unchecked = [c for c in cases if c.pk in facts.with_vertebrae and c.pk not in facts.confirmed]
        if unchecked:
            yield f"{_of(unchecked)} an anatomy that nobody has confirmed. All readers stay on it: check it first."
    if kind == RoundKind.INDEPENDENT and (others := [case for case in cases if case.patient.split != Split.TEST]):
        yield f"{_of(others)} a patient who is not of the test split."
    if kind == RoundKind.PRACTICE and (others := [case for case in cases if case.patient.split != Split.TRAINING]):
        yield f"{_of(others)} a patient who is not of the training split. Feedback is for training patients alone."


def _of(cases: Sequence[Case]) -> str:
    """'P000012 has', '4 cases have', so that a sentence can go on."""
    return f"{cases[0].name} has" if len(cases) == 1 else f"{len(cases)} cases have"
