"""A consensus as its screen is told of it: plain data, readers as A and B and never by name.

It shows nobody anything by itself: whoever calls it has come through the door with the consensus and its reads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.contrib.auth.models import User

from labeling.models import (
    LabelSource,
    Participant,
    Question,
    Read,
    Reader,
    ReasonCode,
    RoundKind,
    Settlement,
    Settles,
    Sitting,
)
from labeling.reading.activity import active_ms
from labeling.reading.consensus.listing import place_of
from labeling.reading.consensus.opening import members_of, next_to_settle
from labeling.reading.consensus.rows import Side, Table, offer_of, table_of
from labeling.reading.consensus.settling import gaps_of_consensus, settlements_of
from labeling.reading.consensus.shifts import Offer
from labeling.reading.gaps import Gap
from labeling.reading.reopening import hindrance, versions_of
from labeling.reading.roles import initials_of, may_plan_rounds, may_read_in
from labeling.reading.rules import Rules
from labeling.reading.state import BLANK, FindingState, ReadState
from labeling.reading.visibility import report_for
from labeling.reading.writable import may_be_written_in

__all__ = ["around", "members_told", "questions_told", "report_told", "settled_told", "table_told"]


def table_told(consensus: Read) -> dict[str, Any]:
    """What the panel settles: the reads, what is asked, agreed and settled, and the shift that would make them fit."""
    table = table_of(consensus)
    found = offer_of(table) if consensus.state == "draft" else None
    settlements = settlements_of(consensus)
    active = {letter: active_ms(side.read)[""] for letter, side in table.sides.items()}
    return {
        "letters": list(table.sides),
        "reads": {letter: _side(side, active[letter]) for letter, side in table.sides.items()},
        "asked": [
            {
                "vertebra": one.vertebra,
                "level": table.context.vertebrae[one.vertebra].level,
                "difference": one.difference,
                "harm": one.harm,
                "why": one.why,
                "sop_uids": list(one.sops),
            }
            for one in table.asked
        ],
        "agreed": list(table.agreed),
        "shift": None if found is None else _offer(found),
        "shifted": {
            letter: {
                "by": side.settles.shift,
                "moves": side.settles.shift_moves,
                "who": "" if side.settles.shift_by is None else _initials(side.settles.shift_by),
            }
            for letter, side in table.sides.items()
            if side.settles.shift
        },
        "settled": _settled(table, settlements),
        "state": table.state.as_json(),
        "gaps": _gaps(table, settlements),
        "record": _record(table, active),
    }


def around(user: User, consensus: Read) -> dict[str, Any]:
    """The consensus itself, its round, its panel, and what comes next."""
    round_ = consensus.round
    if round_ is None or round_.follows is None:
        raise ValueError(f"Read {consensus.pk} settles no round.")
    index, of = place_of(user, consensus)
    following = next_to_settle(user, besides=consensus)
    held = hindrance(consensus) if consensus.state == "locked" else None
    why_not = f"The round {round_.name} is {round_.state}. Nothing is settled while it is not open."
    is_open = may_be_written_in(round_, version=consensus.version)
    return {
        "consensus": {
            "id": consensus.pk,
            "version": consensus.version,
            "state": consensus.state,
            "seq": consensus.seq,
            "locked_at": consensus.locked_at.isoformat() if consensus.locked_at else None,
            "writable": consensus.state == "draft" and is_open,
            "target": Sitting.objects.values_list("target", flat=True).get(consensus=consensus),
            "reopenable": consensus.state == "locked" and held is None,
        },
        "round": {
            "id": round_.pk,
            "name": round_.name,
            "kind": round_.kind,
            "rules": Rules.parse(round_.rules).as_json(),
        },
        "follows": {
            "name": round_.follows.name,
            "kind": round_.follows.kind,
            "imported": round_.follows.imported,
        },
        "reasons": _reasons(),
        "members": members_told(user, consensus),
        "report": report_told(user, consensus),
        "questions": questions_told(consensus),
        "position": {"index": index, "of": of},
        "next": None if following is None else {"round": following.round_id, "case": following.case},
        "versions": [
            {
                "read": one.pk,
                "version": one.version,
                "locked_at": one.locked_at.isoformat() if one.locked_at else None,
                "reason": one.reopen_reason,
            }
            for one in versions_of(consensus)
        ],
        "hindrance": held.sentence if held is not None else "" if is_open or consensus.state == "locked" else why_not,
    }


def settled_told(table: Table) -> dict[str, Any]:
    """What the consensus says after something was settled, and what is open still."""
    settlements = settlements_of(table.consensus)
    return {
        "seq": table.consensus.seq,
        "settled": _settled(table, settlements),
        "state": table.state.as_json(),
        "gaps": _gaps(table, settlements),
    }


def members_told(user: User, consensus: Read) -> list[dict[str, Any]]:
    """The members of the panel, and who of them is present."""
    present = set(Participant.objects.filter(consensus=consensus).values_list("reader", flat=True))
    return [
        {
            "reader": reader.pk,
            "name": str(reader),
            "initials": _initials(reader),
            "senior": reader.user is not None and may_read_in(reader.user, RoundKind.CONSENSUS),
            "present": reader.pk in present,
            "you": reader.user_id == user.pk,
        }
        for reader in members_of(consensus)
    ]


def questions_told(consensus: Read) -> list[dict[str, Any]]:
    """What was asked of which reader, in any version of this consensus, oldest first; by letter."""
    letters = dict(Settles.objects.filter(consensus=consensus).values_list("read", "letter"))
    asked = Question.objects.filter(consensus__in=versions_of(consensus)).order_by("pk")
    return [
        {
            "id": one.pk,
            "letter": letters[one.read_id],
            "vertebra": one.vertebra_id,
            "text": one.text,
            "at": one.at.isoformat(),
            "answer": one.answer,
            "answered_at": one.answered_at.isoformat() if one.answered_at else None,
        }
        for one in asked
        if one.read_id in letters
    ]


def report_told(user: User, consensus: Read) -> dict[str, Any]:
    """Whether the panel is shown the clinical report, by its rules or by the lead, and what it says then."""
    is_open = _report_is_open(consensus)
    return {
        "open": is_open,
        "may_show": not is_open and consensus.state == "draft" and may_plan_rounds(user),
        "text": (report_for(user, consensus) or None) if is_open else None,
    }


def _report_is_open(consensus: Read) -> bool:
    rule = "hidden" if consensus.round is None else Rules.parse(consensus.round.rules).report
    if rule == "shown" or Sitting.objects.filter(consensus=consensus, report_shown_at__isnull=False).exists():
        return True
    # As for any read: what may still be changed hides the report again.
    return rule == "after_lock" and not versions_of(consensus).exclude(state="locked").exists()


# --- parts ----------------------------------------------------------------------------------------------------------


def _side(side: Side, active: int) -> dict[str, Any]:
    locked = side.read.locked_at
    return {
        "state": _said(side.state),
        "locked_at": locked.isoformat() if locked else None,
        "version": side.read.version,
        "active_ms": active or None,
        "shift": side.settles.shift,
        "shift_moves": side.settles.shift_moves,
        "slices_labelled": any(finding.slices for finding in side.state.findings.values()),
    }


def _said(state: ReadState) -> dict[str, Any]:
    """What a read says, but for which marks a model had suggested: that would tell what the model said."""
    said = state.as_json()
    for finding in said["findings"].values():
        for mark in finding["slices"].values():
            if mark["source"] == LabelSource.ACCEPTED:
                mark["source"] = LabelSource.RANGE.value
    return said


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "letter": offer.letter,
        "by": offer.by,
        "moves": offer.moves,
        "differ_now": offer.differ_now,
        "differ_after": offer.differ_after,
        "sentence": offer.sentence,
        "preview": [
            {
                "vertebra": one.vertebra,
                "level": one.level,
                "other": _brief(one.other),
                "now": _brief(one.now),
                "after": _brief(one.after),
            }
            for one in offer.preview
        ],
    }


def _brief(finding: FindingState) -> dict[str, str | None] | None:
    return None if finding == BLANK else {"verdict": finding.verdict, "ao_body": finding.ao_body}


def _settled(table: Table, settlements: Iterable[Settlement]) -> dict[str, Any]:
    return {
        str(one.vertebra_id): {
            "took": one.took,
            "reason": one.reason.code,
            "acuity": table.state.finding(one.vertebra_id).acuity,
            "teach": one.teach,
            "explanation": one.explanation,
        }
        for one in settlements
    }


def _gaps(table: Table, settlements: Collection[Settlement]) -> list[dict[str, Any]]:
    found: tuple[Gap, ...] = () if table.consensus.state == "locked" else gaps_of_consensus(table, settlements)
    return [gap.as_json() for gap in found]


def _reasons() -> list[dict[str, str]]:
    """The newest words of each reason, in the order in which they were published."""
    newest: dict[str, str] = {}
    for code, text in ReasonCode.objects.order_by("version", "pk").values_list("code", "text"):
        newest[code] = text
    return [{"code": code, "text": text} for code, text in newest.items()]


def _record(table: Table, active: Mapping[str, int]) -> list[dict[str, str]]:
    """How it came about, in short: the locks of the reads, and who sat down when."""
    consensus = table.consensus
    found: list[tuple[str, str, Any]] = []
    for side in table.sides.values():
        ms = active[side.letter]
        took = f"locked after {ms // 60_000}:{ms // 1000 % 60:02} active" if ms else "locked"
        found.append((side.letter, took, side.read.locked_at))
    for one in Participant.objects.filter(consensus=consensus).select_related("reader__user").order_by("pk"):
        found.append((_initials(one.reader), "sits at this consensus", one.at))
    if consensus.locked_at is not None:
        found.append(("", "consensus locked", consensus.locked_at))
    found.sort(key=lambda each: each[2])
    return [{"who": who, "what": what, "at": at.isoformat()} for who, what, at in found]


def _initials(reader: Reader) -> str:
    return str(reader)[:2].upper() if reader.user is None else initials_of(reader.user)
