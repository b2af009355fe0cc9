"""A plan becomes a round: all of it in one transaction, planned anew or thrown away until the round is started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from labeling.models import (
    Assignment,
    AuditEvent,
    Case,
    LabelSchema,
    Reader,
    ReaderKind,
    Round,
    RoundKind,
    RoundState,
)
from labeling.reading.planning.cases import CaseChoice, LeftOut
from labeling.reading.planning.draws import is_drawn_hidden, is_drawn_twice
from labeling.reading.planning.plans import Override, Plan, Preview, defaults_for
from labeling.reading.planning.previews import counted, fits, preview
from labeling.reading.refusals import OperationRefused
from labeling.reading.roles import may_plan_rounds
from labeling.reading.rules import Rules
from labeling.reading.washout import refresh_all

__all__ = [
    "CaseChoice",
    "LeftOut",
    "Override",
    "Plan",
    "Preview",
    "change_round",
    "counted",
    "defaults_for",
    "discard_round",
    "fits",
    "held_round",
    "make_round",
    "plan_of",
    "preview",
]

_LABEL_LENGTH = 80


def make_round(user: User | None, plan: Plan) -> Round:
    """The round of a plan with all its assignments, in state planned; nobody is told before it is started.

    `user` is the lead who plans; None for a command at the server.

    Raises
    ------
    OperationRefused
        where this person plans no rounds, or with the first of the sentences that `preview` gives.
    """
    _refuse_unless_lead(user)
    with transaction.atomic():
        seen = _refuse_or(preview(plan, user))
        schema, _ = LabelSchema.objects.get_or_create(version=1)
        try:
            with transaction.atomic():
                round_ = Round.objects.create(
                    name=plan.name,
                    kind=plan.kind,
                    rules=seen.rules.as_json(),
                    label_schema=schema,
                    state=RoundState.PLANNED,
                    seed=seen.seed,
                    follows_id=plan.follows,
                    panel=_panel(plan),
                    by=user,
                )
        except IntegrityError:
            # Somebody else made one of this name at this moment.
            raise OperationRefused("name_taken", f"There is a round called {plan.name} already.") from None
        _assign(round_, seen, user)
        _note(user, "round_planned", round_, _told(seen))
        return round_


def change_round(user: User | None, round_id: int, plan: Plan) -> Round:
    """The planned round as this plan says it; kind and seed stay as they were.

    Raises
    ------
    Round.DoesNotExist
        where there is no such round.
    OperationRefused
        as `make_round`; ``started`` where the round was started: its rules hold for good.
    """
    _refuse_unless_lead(user)
    with transaction.atomic():
        round_ = _planned(round_id)
        # The order is drawn from the seed that the round has: nobody shops for one.
        seen = _refuse_or(preview(replace(plan, seed=round_.seed), user, besides=round_.pk))
        Assignment.objects.filter(round=round_).delete()
        round_.name, round_.rules, round_.follows_id = plan.name, seen.rules.as_json(), plan.follows
        round_.save(update_fields=["name", "rules", "follows"])
        if round_.panel is not None:
            Reader.objects.filter(pk=round_.panel.pk).update(label=_panel_label(plan))
        _assign(round_, seen, user)
        _note(user, "round_planned", round_, {**_told(seen), "again": True})
        return round_


def discard_round(user: User | None, round_id: int) -> None:
    """A planned round goes with its assignments; that it was there is kept.

    Raises
    ------
    Round.DoesNotExist
        where there is no such round.
    OperationRefused
        ``started`` where it was started: close it instead.
    """
    _refuse_unless_lead(user)
    with transaction.atomic():
        round_ = _planned(round_id)
        if Round.objects.filter(follows=round_).exists():
            sentence = "Another round follows this one. Discard that one first."
            raise OperationRefused("followed", sentence)
        _note(user, "round_discarded", round_, {"name": round_.name, "kind": round_.kind})
        Assignment.objects.filter(round=round_).delete()
        panel = round_.panel
        round_.delete()
        if panel is not None:
            panel.delete()


def plan_of(round_: Round) -> Plan:
    """The plan that a round was made of, as far as the round still says it: its cases by name, in the order that was
    asked for where it was."""
    rows = list(Assignment.objects.filter(round=round_).select_related("case__patient").order_by("position", "pk"))
    readers = list(
        dict.fromkeys(row.reader_id for row in sorted(rows, key=lambda r: r.pk) if row.reader_id is not None)
    )
    reasons = {(row.reader_id, row.case_id): row.exposure_override for row in rows if row.exposure_override}
    in_order = _was_in_order(round_)
    # Rows are made in order of entry.
    names = tuple(dict.fromkeys(row.case.name for row in sorted(rows, key=lambda r: r.pk)))
    return Plan(
        name=round_.name,
        kind=RoundKind(round_.kind),
        rules=Rules.parse(round_.rules),
        cases=CaseChoice(names=names if in_order else tuple(sorted(names))),
        readers=tuple(readers),
        pooled=not readers,
        follows=round_.follows_id,
        overrides=tuple(Override(key, why, case) for (key, case), why in reasons.items() if key is not None),
        seed=round_.seed,
        in_order=in_order,
    )


def _was_in_order(round_: Round) -> bool:
    """Whether the round was planned, the last time, with its cases in the order in which they were named."""
    planned = AuditEvent.objects.filter(verb="round_planned", detail__round=round_.pk).order_by("-pk").first()
    return planned is not None and planned.detail.get("in_order") is True


def held_round(round_id: int) -> Round:
    """The round with its row held; the caller's transaction."""
    return Round.objects.select_for_update(of=("self",)).select_related("panel", "follows").get(pk=round_id)


def _planned(round_id: int) -> Round:
    round_ = held_round(round_id)
    if round_.state != RoundState.PLANNED:
        sentence = f"The round {round_.name} was started: what its readers began under holds. Plan a new round."
        raise OperationRefused("started", sentence)
    return round_


def _refuse_unless_lead(user: User | None) -> None:
    if user is not None and not may_plan_rounds(user):
        raise OperationRefused("not_lead", "Rounds are planned by a study lead.")


def _refuse_or(seen: Preview) -> Preview:
    if seen.refusals:
        raise OperationRefused(*seen.refusals[0])
    return seen


def _panel_label(plan: Plan) -> str:
    return f"Panel of {plan.name}"[:_LABEL_LENGTH]


def _panel(plan: Plan) -> Reader | None:
    if plan.kind != RoundKind.CONSENSUS:
        return None
    return Reader.objects.create(kind=ReaderKind.PANEL, label=_panel_label(plan))


def _told(seen: Preview) -> dict[str, object]:
    """What the record keeps of a plan beside the rows that are made of it."""
    return {
        "kind": seen.plan.kind.value,
        "follows": seen.plan.follows,
        "cases": len(seen.entry),
        "readers": [reader.reader.pk for reader in seen.readers],
        "pooled": seen.plan.pooled,
        "in_order": seen.plan.in_order,
        "left_out": [{"case": one.case.pk, "why": one.why} for one in seen.left_out],
        "barred": [{"reader": bar.reader.pk, "case": bar.case.pk} for bar in seen.bars if not bar.reason],
    }


def _note(user: User | None, verb: str, round_: Round, detail: dict[str, object]) -> None:
    AuditEvent.objects.create(by=user, verb=verb, detail={"round": round_.pk, **detail})


def _assign(round_: Round, seen: Preview, user: User | None) -> None:
    """All assignments of a planned round, with what is drawn for them, the dates of their wash-out, and the record of
    every exposure that was overridden."""
    if seen.plan.pooled:
        _fill_pool(round_, seen.entry, seen.rules)
        return
    hidden = {case.pk: is_drawn_hidden(round_.seed, at, seen.rules) for at, case in enumerate(seen.entry)}
    rows = [
        Assignment(
            round=round_,
            case=planned.case,
            reader=reader.reader,
            position=planned.position,
            model_hidden=hidden[planned.case.pk],
            exposure_override=planned.reason,
        )
        for reader in seen.readers
        for planned in reader.cases
    ]
    # In order of entry, which is the order of the draws too.
    place = {case.pk: at for at, case in enumerate(seen.entry)}
    rows.sort(key=lambda row: place[row.case_id])
    try:
        with transaction.atomic():
            Assignment.objects.bulk_create(rows)
    except IntegrityError as error:
        # Shown another opinion between the look and the row: the database has the last word.
        if "blind_round_refuses_the_exposed" not in str(error):
            raise
        sentence = "A reader was shown another opinion of a case just now. Look at the plan again."
        raise OperationRefused("exposed", sentence) from None
    AuditEvent.objects.bulk_create(
        AuditEvent(
            by=user,
            verb="exposure_override",
            case=bar.case,
            detail={
                "round": round_.pk,
                "reader": bar.reader.pk,
                "shown": [what for what, _ in bar.shown],
                "reason": bar.reason,
            },
        )
        for bar in seen.bars
        if bar.reason
    )
    if round_.follows_id is not None:
        refresh_all(round_, [case.pk for case in seen.entry])


def _fill_pool(round_: Round, cases: Sequence[Case], rules: Rules) -> None:
    """As `rounds.put_into_pool` for each of them, in a round that nothing lies in yet.

    Where two reads are owed no second reader is drawn: every case goes to one.
    """
    Assignment.objects.bulk_create(
        Assignment(
            round=round_,
            case=case,
            position=at + 1,
            model_hidden=is_drawn_hidden(round_.seed, at, rules),
            read_twice=rules.required_reads > 1 or is_drawn_twice(round_.seed, at, rules),
        )
        for at, case in enumerate(cases)
    )
