"""Reports in the words of the pages: what is marked in them and why, what was decided, what can be decided."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import User

from labeling.cohort.report_rows import Piece, ReportRow
from labeling.models import CohortState, ExclusionReason, ReportDecision
from labeling.reading.roles import may_plan_rounds

__all__ = ["LEGEND", "Act", "Marked", "RowShown", "criterion_words", "marked", "row_shown"]

#: kind of a mark -> what it is called. In the order of the legend.
LEGEND = {
    "fracture": "fracture",
    "uncertain": "uncertain",
    "history": "history",
    "negated": "negated",
    "other_bone": "other bone",
    "exclusion": "speaks for excluding",
}
_CRITERIA = {
    ExclusionReason.INSTRUMENTED: "i",
    ExclusionReason.SPONDYLODISCITIS: "ii",
    ExclusionReason.MALIGNANT: "iii",
    ExclusionReason.OSTEOLYSIS: "iv",
    ExclusionReason.MYELOGRAPHY: "v",
}
_DECISIONS = {ReportDecision.CONFIRMED: "confirmed", ReportDecision.NOT_CANDIDATE: "no candidate"}
#: A longer text is not written into a list of fifty.
_LONGEST_IN_LIST = 4_000


@dataclass(frozen=True)
class Marked:
    """Some characters of a report; `word` is '' where nothing is marked, else why they are."""

    text: str
    kind: str
    word: str


@dataclass(frozen=True)
class Act:
    """A button: what it does (`value` as the form says it), its words, the key that does the same."""

    value: str
    words: str
    key: str
    look: str = ""


@dataclass(frozen=True)
class RowShown:
    """A report with what may be done about it.

    Attributes
    ----------
    decided
        "confirmed, SAG-0512 is included"; '' while it is open.
    acts
        Empty for who decides nothing.
    refused
        Why nothing was done, where something was asked for.
    text
        The whole text, or nothing where that is too long for a list.
    """

    row: ReportRow
    passages: tuple[tuple[Marked, ...], ...]
    text: tuple[Marked, ...]
    exclusions: tuple[str, ...]
    decided: str
    acts: tuple[Act, ...]
    refused: str = ""

    @property
    def title(self) -> str:
        return self.row.name or f"Report {self.row.pk}"


def criterion_words(reason: str) -> str:
    """'i spinal fusion, augmentation or extensive surgery'"""
    return f"{_CRITERIA.get(ExclusionReason(reason), '')} {ExclusionReason(reason).label}".strip()


def marked(pieces: Iterable[Piece]) -> tuple[Marked, ...]:
    """The pieces with the word of each mark."""
    return tuple(Marked(piece.text, piece.kind, LEGEND.get(piece.kind, "")) for piece in pieces)


def row_shown(
    user: User, row: ReportRow, *, undo_case: bool = False, refused: str = "", whole: bool = False
) -> RowShown:
    """A report as this person sees it.

    Parameters
    ----------
    undo_case
        Its case was decided upon in the same step, so both are taken back together.
    whole
        The text is written out however long it is.
    """
    is_short = sum(len(piece.text) for piece in row.text_pieces) <= _LONGEST_IN_LIST
    return RowShown(
        row=row,
        passages=tuple(marked(passage) for passage in row.passages),
        text=marked(row.text_pieces) if whole or is_short else (),
        exclusions=tuple(criterion_words(reason) for reason in row.exclusions),
        decided=_decided(row),
        acts=_acts(row, undo_case) if may_plan_rounds(user) else (),
        refused=refused,
    )


def _decided(row: ReportRow) -> str:
    words = [_DECISIONS[ReportDecision(row.decision)]] if row.decision else []
    if row.case_state in (CohortState.INCLUDED, CohortState.EXCLUDED):
        words.append(f"{row.name} is {row.case_state}")
    return ", ".join(words)


def _acts(row: ReportRow, undo_case: bool) -> tuple[Act, ...]:
    if row.decision:
        if undo_case:
            return (Act("undo-case", "Undo", "U"),)
        return (Act("undo", "Open again", "U"),)
    if row.case_state in (CohortState.INCLUDED, CohortState.EXCLUDED):
        return ()
    acts = [Act("confirm", "Confirm", "C", "btn-primary" if row.proposed else "")]
    if row.proposed and row.case_id is not None:
        if not row.exclusions:
            acts.append(Act("include", "Confirm and include", "I"))
        for place, reason in enumerate(row.exclusions):
            acts.append(Act(f"exclude:{reason}", f"Exclude: {criterion_words(reason)}", "" if place else "E"))
    return (*acts, Act("not", "Not a candidate", "N", "btn-quiet"))
