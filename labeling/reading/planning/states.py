"""What a round goes through: started, paused, resumed, closed; each by a lead, on record, and told to its readers."""

from __future__ import annotations

from collections import Counter

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from labeling.models import (
    Assignment,
    AuditEvent,
    Exposure,
    NoticeKind,
    Reader,
    Round,
    RoundKind,
    RoundState,
)
from labeling.reading.notices import tell
from labeling.reading.owing import BLIND_KINDS
from labeling.reading.planning.making import held_round
from labeling.reading.planning.previews import counted, listed
from labeling.reading.refusals import OperationRefused
from labeling.reading.roles import may_plan_rounds
from labeling.reading.washout import refresh_all

__all__ = ["close", "pause", "resume", "start"]


def start(user: User | None, round_id: int) -> Round:
    """The planned round is open: its readers can begin and are told so. From now on its rules never change.

    `user` is the lead; None for a command at the server.

    Raises
    ------
    Round.DoesNotExist
        where there is no such round.
    OperationRefused
        ``not_lead``; ``wrong_state`` where it is not planned; ``no_cases``; ``not_begun`` where the round that it
        follows has not been started; ``exposed`` where a reader was shown something since it was planned.
    """
    with transaction.atomic():
        round_ = _held(user, round_id, (RoundState.PLANNED,), "started")
        if not round_.assignments.exists():
            raise OperationRefused("no_cases", "No case is in this round. Change the plan first.")
        if round_.follows is not None and round_.follows.state == RoundState.PLANNED:
            raise OperationRefused("not_begun", f"{round_.follows.name}, which it follows, is not started yet.")
        _refuse_the_exposed(round_)
        round_.state, round_.started_at = RoundState.OPEN, timezone.now()
        round_.save(update_fields=["state", "started_at"])
        if round_.follows_id is not None:
            refresh_all(round_, set(round_.assignments.values_list("case", flat=True)))
        _note(user, "round_started", round_)
        _tell_of_the_start(round_)
        return round_


def pause(user: User | None, round_id: int) -> Round:
    """Nothing is written in the round until it is resumed; what is owed stays owed, and blind.

    Raises as `start`.
    """
    with transaction.atomic():
        round_ = _held(user, round_id, (RoundState.OPEN,), "paused")
        return _moved(
            user, round_, RoundState.PAUSED, "round_paused", f"{round_.name} is paused. Your drafts are kept."
        )


def resume(user: User | None, round_id: int) -> Round:
    """The paused round goes on. Raises as `start`."""
    with transaction.atomic():
        round_ = _held(user, round_id, (RoundState.PAUSED,), "resumed")
        return _moved(user, round_, RoundState.OPEN, "round_resumed", f"{round_.name} goes on.")


def close(user: User | None, round_id: int) -> Round:
    """The round asks for nothing more, for good: drafts stay drafts, and what its readers owed is blind no longer.

    Raises as `start`.
    """
    with transaction.atomic():
        round_ = _held(user, round_id, (RoundState.OPEN, RoundState.PAUSED), "closed")
        return _moved(user, round_, RoundState.CLOSED, "round_closed", f"{round_.name} is closed.")


def _held(user: User | None, round_id: int, states: tuple[str, ...], verb: str) -> Round:
    if user is not None and not may_plan_rounds(user):
        raise OperationRefused("not_lead", f"Rounds are {verb} by a study lead.")
    round_ = held_round(round_id)
    if round_.state not in states:
        words = " or ".join(states)
        sentence = f"{round_.name} is {round_.state}. Only a round that is {words} can be {verb}."
        raise OperationRefused("wrong_state", sentence)
    return round_


def _moved(user: User | None, round_: Round, state: RoundState, verb: str, text: str) -> Round:
    round_.state = state
    round_.save(update_fields=["state"])
    _note(user, verb, round_)
    tell(_readers(round_), NoticeKind.ROUND_STATE, text, round_=round_)
    return round_


def _note(user: User | None, verb: str, round_: Round) -> None:
    AuditEvent.objects.create(by=user, verb=verb, detail={"round": round_.pk})


def _readers(round_: Round) -> list[Reader]:
    return list(Reader.objects.filter(assignments__round=round_).distinct().order_by("pk"))


def _refuse_the_exposed(round_: Round) -> None:
    """A plan may lie for weeks; what its readers were shown meanwhile holds as much as what they knew before."""
    if round_.kind not in BLIND_KINDS:
        return
    shown = Exposure.objects.filter(reader=OuterRef("reader"), case=OuterRef("case"))
    since = Assignment.objects.filter(Exists(shown), round=round_, reader__isnull=False, exposure_override="")
    rows = list(since.select_related("case__patient", "reader__user").order_by("reader", "position"))
    if rows:
        cases = listed([f"{row.case.name} ({row.reader})" for row in rows])
        sentence = f"Shown another opinion since the round was planned: {cases}. Change the plan first."
        raise OperationRefused("exposed", sentence)


def _tell_of_the_start(round_: Round) -> None:
    counts = Counter(Assignment.objects.filter(round=round_, reader__isnull=False).values_list("reader", flat=True))
    for reader in _readers(round_):
        cases = counted(counts[reader.pk], "case")
        if round_.kind == RoundKind.CONSENSUS:
            text = f"You sit in the panel of {round_.name}: {cases}. They stand under Consensus."
        else:
            text = f"{round_.name} has begun: {cases} to read. They stand in your worklist."
        tell([reader], NoticeKind.ASSIGNED, text, round_=round_)
