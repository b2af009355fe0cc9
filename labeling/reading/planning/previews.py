"""A plan looked at before there is a round: who reads what in which order, at what cost, who may not and why."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from django.contrib.auth.models import User

from labeling.models import Assignment, Case, Exposure, Read, Reader, ReaderKind, Round, RoundKind
from labeling.reading.owing import BLIND_KINDS
from labeling.reading.planning.cases import Entering, chosen, entering
from labeling.reading.planning.dates import Openings, openings
from labeling.reading.planning.hours import Paces, paces
from labeling.reading.planning.order import balanced_orders, drawn_order
from labeling.reading.planning.plans import (
    FOLLOWING,
    MODEL_FIRST,
    POOLED,
    Bar,
    Plan,
    PlannedCase,
    Preview,
    ReaderPlan,
)
from labeling.reading.refusals import OperationRefused
from labeling.reading.roles import may_read, may_read_in
from labeling.reading.rules import Rules

__all__ = ["counted", "fits", "listed", "preview"]

_MOST_NAMED = 6


def preview(plan: Plan, user: User | None = None, *, besides: int | None = None) -> Preview:
    """What would become of a plan; nothing is written. `besides` is the round that is planned anew.

    What cannot be is told in `refusals`, not raised, so that a page shows all of it at once.
    """
    follows = Round.objects.filter(pk=plan.follows).first() if plan.follows is not None else None
    rules = _rules(plan, follows)
    seed = secrets.randbelow(2**63) if plan.seed is None else plan.seed
    readers = _people(plan.readers)
    refusals = [*_name_refusals(plan, besides), *_follow_refusals(plan, follows, besides)]
    refusals += [*_rule_refusals(plan), *_reader_refusals(plan, rules, readers, follows)]
    entered = Entering((), (), ())
    if not any(code in ("no_follows", "wrong_follows") for code, _ in refusals):
        try:
            meant = chosen(plan.cases, follows)
            entered = entering(user, meant, plan.kind, rules, follows=follows, pooled=plan.pooled, besides=besides)
        except OperationRefused as refused:
            refusals.append((refused.code, refused.sentence))
        else:
            refusals += _case_refusals(entered)
    bars = _bars(plan, readers, entered.cases)
    entry = entered.cases if plan.in_order else _by_key(entered.cases, drawn_order(seed, [c.pk for c in entered.cases]))
    speed = paces(plan.kind, plan.readers)
    planned = _reader_plans(plan, rules, seed, readers, entry, bars, follows, speed)
    if not plan.pooled and readers and entry:
        refusals = [*_short_refusals(plan, rules, entry, planned), *refusals]
    pool_ms = None if speed.all is None else speed.all * len(entry) * max(1, rules.required_reads)
    return Preview(
        plan, rules, seed, entry, entered.left_out, planned, bars, pool_ms, entered.warnings, tuple(refusals)
    )


def _rules(plan: Plan, follows: Round | None) -> Rules:
    """The rules as the round will have them."""
    rules = plan.rules if follows is None else replace(plan.rules, unit=Rules.parse(follows.rules).unit)
    # A second reader is drawn for a case that is taken from a pool, for no other.
    return rules if plan.pooled else replace(rules, second_reader_share=0.0)


def _people(keys: Sequence[int]) -> list[Reader]:
    found = Reader.objects.filter(pk__in=keys, kind=ReaderKind.PERSON).select_related("user").in_bulk()
    return [found[key] for key in dict.fromkeys(keys) if key in found]


def _by_key(cases: Iterable[Case], keys: Iterable[int]) -> tuple[Case, ...]:
    every = {case.pk: case for case in cases}
    return tuple(every[key] for key in keys)


def fits(user: User | None, kind: RoundKind, follows: Round | None) -> bool:
    """Whether this person can read in a round of this kind: a consensus is for seniors, and for residents too where
    labelling is settled."""
    if user is None:
        return False
    if kind == RoundKind.CONSENSUS and follows is not None and follows.kind == RoundKind.LABELLING:
        return may_read(user)
    return may_read_in(user, kind)


def _name_refusals(plan: Plan, besides: int | None) -> Iterable[tuple[str, str]]:
    if not plan.name.strip():
        yield "no_name", "The round has no name. Give it one."
    elif Round.objects.filter(name=plan.name).exclude(pk=besides or 0).exists():
        yield "name_taken", f"There is a round called {plan.name} already. Choose another name."


def _follow_refusals(plan: Plan, follows: Round | None, besides: int | None) -> Iterable[tuple[str, str]]:
    kinds = FOLLOWING.get(plan.kind)
    if kinds is None:
        if plan.follows is not None:
            yield "wrong_follows", f"A {plan.kind.label.lower()} round follows no other round."
    elif follows is None:
        does = "reads again" if plan.kind == RoundKind.REPEAT else "settles"
        yield "no_follows", f"A {plan.kind.label.lower()} round {does} the reads of another one. Say which."
    elif follows.kind not in kinds or follows.pk == besides:
        words = " or ".join(kind.label.lower() for kind in kinds)
        yield "wrong_follows", f"{follows.name} cannot be followed. Choose a round that is {words}."


def _rule_refusals(plan: Plan) -> Iterable[tuple[str, str]]:
    if plan.rules.model == "shown" and plan.kind not in MODEL_FIRST:
        yield "model_first", "Models are shown first in labelling rounds alone. Choose another rule for this round."


def _reader_refusals(
    plan: Plan, rules: Rules, readers: Sequence[Reader], follows: Round | None
) -> Iterable[tuple[str, str]]:
    kind = plan.kind.label.lower()
    for reader in readers:
        if not fits(reader.user, plan.kind, follows):
            yield "cannot_read", f"{reader} cannot read in a {kind} round: the role is missing. Leave them out."
    if plan.pooled:
        if plan.kind not in POOLED:
            yield "no_pool", f"The cases of a {kind} round lie in no pool. Say who reads them."
        elif rules.required_reads > 2:
            yield "no_pool", "A pool gives a case to two readers at most. Assign readers instead."
        return
    if not readers:
        yield "no_readers", "Nobody reads. Choose readers, or put the cases into the pool."
    elif len(readers) < rules.required_reads:
        yield (
            "too_few_readers",
            f"This round needs {rules.required_reads} reads of each case and has {counted(len(readers), 'reader')}. "
            "Choose more readers, or ask for fewer reads.",
        )
    elif plan.kind == RoundKind.CONSENSUS and not any(may_read_in(r.user, plan.kind) for r in readers if r.user):
        yield "no_senior", "A panel needs a senior reader. Choose one."


def _case_refusals(entered: Entering) -> Iterable[tuple[str, str]]:
    if entered.cases:
        return
    if not entered.left_out:
        yield "no_cases", "No case is as you ask for. Ask for less, or bring cases in."
    else:
        yield "no_cases", "None of these cases can be read in such a round. Bring cases in, or name others."


def _bars(plan: Plan, readers: Sequence[Reader], cases: Sequence[Case]) -> tuple[Bar, ...]:
    """Every reader of a blind round with every case of which they were shown something."""
    if plan.kind not in BLIND_KINDS or plan.pooled:
        return ()
    every = {case.pk: case for case in cases}
    rows = Exposure.objects.filter(reader__in=[reader.pk for reader in readers], case__in=every).order_by("at", "pk")
    shown: defaultdict[tuple[int, int], list[tuple[str, datetime]]] = defaultdict(list)
    for row in rows:
        shown[row.reader_id, row.case_id].append((row.what, row.at))
    reasons = {(one.reader, one.case): one.reason.strip() for one in plan.overrides}
    return tuple(
        Bar(
            reader,
            case,
            tuple(shown[reader.pk, case.pk]),
            reasons.get((reader.pk, case.pk)) or reasons.get((reader.pk, None), ""),
        )
        for reader in readers
        for case in sorted(every.values(), key=lambda one: one.name)
        if (reader.pk, case.pk) in shown
    )


def _reader_plans(
    plan: Plan,
    rules: Rules,
    seed: int,
    readers: Sequence[Reader],
    entry: Sequence[Case],
    bars: Sequence[Bar],
    follows: Round | None,
    speed: Paces,
) -> tuple[ReaderPlan, ...]:
    if plan.pooled:
        return ()
    keys = [case.pk for case in entry]
    # A panel sits together, so there all follow one order.
    together = plan.in_order or plan.kind == RoundKind.CONSENSUS
    orders = (
        {reader.pk: tuple(keys) for reader in readers}
        if together
        else balanced_orders(seed, [reader.pk for reader in readers], keys)
    )
    opens = openings(plan.kind, rules, follows, keys)
    barred = {(bar.reader.pk, bar.case.pk): bar for bar in bars}
    own = _own_cases(follows, readers) if plan.kind == RoundKind.REPEAT and follows is not None else None
    every = {case.pk: case for case in entry}
    found = []
    for reader in readers:
        mine = [key for key in orders[reader.pk] if own is None or key in own[reader.pk]]
        held = [barred[reader.pk, key] for key in mine if (reader.pk, key) in barred]
        free = [key for key in mine if (bar := barred.get((reader.pk, key))) is None or bar.reason]
        cases = [
            _planned(every[key], place, barred.get((reader.pk, key)), opens, plan.kind, reader)
            for place, key in enumerate(free, 1)
        ]
        without_reason = tuple(bar for bar in held if not bar.reason)
        found.append(ReaderPlan(reader, tuple(cases), without_reason, speed.of(reader.pk)))
    return tuple(found)


def _planned(case: Case, place: int, bar: Bar | None, opens: Openings, kind: RoundKind, reader: Reader) -> PlannedCase:
    at = opens.get((reader.pk, case.pk)) or opens.get((None, case.pk))
    return PlannedCase(case, place, bar.reason if bar else "", at, waits=kind in FOLLOWING and at is None)


def _own_cases(follows: Round, readers: Sequence[Reader]) -> dict[int, set[int]]:
    """Reader -> the cases that are or were theirs in the round that is repeated."""
    keys = [reader.pk for reader in readers]
    found: dict[int, set[int]] = {key: set() for key in keys}
    assigned = Assignment.objects.filter(round=follows, reader__in=keys).values_list("reader", "case")
    read = Read.objects.filter(round=follows, reader__in=keys).values_list("reader", "case")
    for reader, case in [*assigned, *read]:
        if reader is not None:
            found[reader].add(case)
    return found


def _short_refusals(
    plan: Plan, rules: Rules, entry: Sequence[Case], planned: Sequence[ReaderPlan]
) -> Iterable[tuple[str, str]]:
    """Cases that fewer would read than have to, because readers were shown something of them."""
    reading: defaultdict[int, int] = defaultdict(int)
    for reader in planned:
        for one in reader.cases:
            reading[one.case.pk] += 1
    barred = [bar for reader in planned for bar in reader.barred]
    needed = max(1, min(rules.required_reads, len(planned)))
    short = {case.pk: case for case in entry if reading[case.pk] < needed}
    held = [bar for bar in barred if bar.case.pk in short]
    what_now = "Override it with a reason, choose other readers, or leave such cases out."
    if len(held) == 1:
        yield (
            "exposed",
            (f"{held[0].reader} was shown another opinion of {held[0].case.name} and cannot read it blind. {what_now}"),
        )
    elif held:
        names = list(dict.fromkeys(bar.case.name for bar in held))
        yield (
            "exposed",
            (
                f"{listed(names)} would have fewer readers than they need: readers were shown another opinion "
                f"of them and cannot read it blind. {what_now}"
            ),
        )
    elif plan.kind == RoundKind.REPEAT and (unread := [case.name for case in entry if not reading[case.pk]]):
        yield "nobody_again", f"None of these readers has {listed(unread)} to read again. Choose those who read first."


def counted(number: int, word: str) -> str:
    """1 case, 2 cases."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more"
