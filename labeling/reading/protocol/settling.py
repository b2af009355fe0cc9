"""How the cases of a consensus round were settled, for the protocol record: counts, times and reasons, no findings."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from labeling.models import AnatomyVertebra, Participant, Question, Read, Reference, Round, Settlement, Settles, Sitting
from labeling.reading.protocol.rows import at

__all__ = ["settled_rows"]

Row = dict[str, Any]


def settled_rows(round_: Round, names: dict[int, str]) -> dict[int, Row]:
    """Case -> its consensus, version by version, and the truths it set; cases that nobody sat over yet are left out.

    Which letter was which reader is told of a locked consensus alone: until then its panel does not know.
    """
    if round_.panel_id is None:
        return {}
    reads = Read.objects.filter(round=round_, reader=round_.panel_id).order_by("case", "version")
    rows = _Rows(list(reads), names)
    found: dict[int, Row] = {}
    for read in rows.reads:
        found.setdefault(read.case_id, {"versions": [], "references": rows.references[read.case_id]})
        found[read.case_id]["versions"].append(rows.version(read))
    return found


class _Rows:
    """What belongs to the consensus reads of a round, fetched at once."""

    def __init__(self, reads: list[Read], names: dict[int, str]) -> None:
        self.reads, self.names = reads, names
        keys = [read.pk for read in reads]
        self._sitting = {one.consensus_id: one for one in _of(Sitting, keys).select_related("report_shown_by")}
        self._present = _by_consensus(_of(Participant, keys).order_by("at", "pk"))
        self._settles = _by_consensus(_of(Settles, keys).select_related("read").order_by("letter"))
        self._settlements = _by_consensus(_of(Settlement, keys).select_related("reason"))
        self._questions = _by_consensus(_of(Question, keys).order_by("at", "pk"))
        self._levels = {
            (body.anatomy_id, body.vertebra_id): body.level
            for body in AnatomyVertebra.objects.filter(anatomy__in={read.anatomy_id for read in reads})
        }
        self.references: dict[int, list[Row]] = defaultdict(list)
        for one in Reference.objects.filter(read__in=keys).select_related("read").order_by("at", "pk"):
            self.references[one.case_id].append(
                {
                    "target": one.target,
                    "version": one.read.version,
                    "content_sha256": one.read.content_sha,
                    "set_by": None if one.set_by_id is None else names[one.set_by_id],
                    "at": at(one.at),
                    "current": one.current,
                    "reason": one.reason,
                }
            )

    def version(self, read: Read) -> Row:
        sitting = self._sitting.get(read.pk)
        letters = {one.read_id: one.letter for one in self._settles[read.pk]}
        row: Row = {
            "version": read.version,
            "opened": at(read.created_at),
            "locked": at(read.locked_at),
            "reopen_reason": read.reopen_reason,
            "content_sha256": read.content_sha,
            "present": [{"reader": self.names[one.reader_id], "at": at(one.at)} for one in self._present[read.pk]],
            "report_shown": None,
            "questions": [self._question(read, one, letters) for one in self._questions[read.pk]],
        }
        if sitting is not None and sitting.report_shown_by is not None:
            row["report_shown"] = {
                "by": sitting.report_shown_by.get_username(),
                "at": at(sitting.report_shown_at),
            }
        if read.state == "locked":
            row["settles"] = [self._settled(one) for one in self._settles[read.pk]]
            row["settlements"] = self._counts(read)
        return row

    def _settled(self, one: Settles) -> Row:
        return {
            "letter": one.letter,
            "reader": self.names[one.read.reader_id],
            "version": one.read.version,
            "content_sha256": one.read.content_sha,
            "shift": one.shift,
            "shift_moves": one.shift_moves,
            "shift_by": None if one.shift_by_id is None else self.names[one.shift_by_id],
        }

    def _counts(self, read: Read) -> Row:
        settlements = self._settlements[read.pk]
        return {
            "differences": _counted(one.difference for one in settlements),
            "took": _counted(one.took for one in settlements),
            "reasons": _counted(one.reason.code for one in settlements),
        }

    def _question(self, read: Read, one: Question, letters: dict[int, str]) -> Row:
        return {
            "letter": letters.get(one.read_id, ""),
            "level": self._levels.get((read.anatomy_id, one.vertebra_id), ""),
            "asked_by": self.names[one.by_id],
            "at": at(one.at),
            "answered": at(one.answered_at),
        }


def _of(model: Any, keys: list[int]) -> Any:
    return model.objects.filter(consensus__in=keys)


def _by_consensus(rows: Any) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.consensus_id].append(row)
    return found


def _counted(words: Any) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))
