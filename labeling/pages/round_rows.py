"""A round in words: its rules, its state, how far it is and what comes next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from labeling.models import Round, RoundKind, RoundState
from labeling.pages.round_form import RULE_WORDS, rule_value
from labeling.pages.worklist import about_words
from labeling.reading.planning.hours import Pace
from labeling.reading.planning.making import defaults_for
from labeling.reading.planning.overview import RoundRow
from labeling.reading.rules import Rules

__all__ = [
    "CHIPS",
    "KIND_SENTENCES",
    "ListRow",
    "changed_rules",
    "day",
    "hours",
    "pace_words",
    "rules_in_words",
    "shown_words",
]

#: state -> (class of the chip, icon)
CHIPS = {
    RoundState.PLANNED: ("chip-line", "calendar"),
    RoundState.OPEN: ("chip-accent", "rounds"),
    RoundState.PAUSED: ("chip-warn", "clock"),
    RoundState.CLOSED: ("", "lock"),
}
#: What each kind of round is for.
KIND_SENTENCES = {
    RoundKind.PRACTICE: "Training cases with a reference. The answer comes after each lock.",
    RoundKind.LABELLING: "Training and validation cases, slice by slice, for the next model.",
    RoundKind.INDEPENDENT: "Blind reads of test cases. Nobody sees another opinion before their lock.",
    RoundKind.REPEAT: "The same readers read the same cases once more, weeks after their own lock.",
    RoundKind.CONSENSUS: "A panel settles what the reads of another round differ on.",
}
_EXPOSURES = {
    "report": "the report",
    "model": "a model",
    "read": "another read",
    "truth": "the truth",
    "numbers": "numbers",
}
#: Rules that say nothing in rounds of these kinds.
_SILENT = {
    RoundKind.PRACTICE: ("washout_days", "second_reader_share", "audit_share"),
    RoundKind.LABELLING: ("washout_days", "audit_share"),
    RoundKind.INDEPENDENT: ("washout_days", "second_reader_share", "audit_share"),
    RoundKind.REPEAT: ("required_reads", "second_reader_share", "audit_share"),
    RoundKind.CONSENSUS: ("required_reads", "second_reader_share", "feedback"),
}


def rules_in_words(
    rules: Rules, kind: str, follows: Round | None, *, pooled: bool = False
) -> list[tuple[str, str, bool]]:
    """(what, how, whether that is another one than usual for the kind), without rules that say nothing here. That
    nobody is drawn to read second is unusual only where it is known that the cases are `pooled`."""
    silent = {*_SILENT[RoundKind(kind)], *(() if rules.model == "shown" else ("model_hidden_share",))}
    usual = defaults_for(RoundKind(kind), follows)
    if not pooled and rules.second_reader_share == 0:
        usual = replace(usual, second_reader_share=0.0)
    return [
        (title, rule_value(rules, name), getattr(rules, name) != getattr(usual, name))
        for name, (title, _) in RULE_WORDS.items()
        if name not in silent
    ]


def changed_rules(rules: Rules, kind: str, follows: Round | None, *, pooled: bool) -> list[tuple[str, str]]:
    every = rules_in_words(rules, kind, follows, pooled=pooled)
    return [(title, words) for title, words, changed in every if changed]


def hours(ms: int | None) -> str:
    """2 h 10 min; that nothing was measured where nothing was."""
    return "no time measured yet" if ms is None else "none" if ms == 0 else about_words(ms)


def pace_words(pace: Pace) -> str:
    """What an estimate rests on."""
    if pace.ms is None:
        return ""
    whose = "own median" if pace.of == "own" else "median of all readers"
    return f"{whose}, {about_words(pace.ms)} a case"


def day(at: datetime) -> str:
    """21 December 2026."""
    local = timezone.localtime(at)
    return f"{local.day} {local:%B %Y}"


def shown_words(shown: tuple[tuple[str, datetime], ...], *, blind: bool = False) -> str:
    """the report since 3 May 2026, a model since 4 May 2026; `blind` where the lead who looks owes a read of the case:
    that somebody was shown a model tells that there is one."""
    if blind:
        return f"another opinion since {day(min(at for _, at in shown))}"
    return ", ".join(f"{_EXPOSURES[what]} since {day(at)}" for what, at in shown)


@dataclass(frozen=True)
class ListRow:
    """One round of the list."""

    row: RoundRow

    @property
    def round(self) -> Round:
        return self.row.round

    @property
    def chip(self) -> str:
        return CHIPS[RoundState(self.round.state)][0]

    @property
    def icon(self) -> str:
        return CHIPS[RoundState(self.round.state)][1]

    @property
    def readers(self) -> str:
        names = ", ".join(self.row.readers[:4])
        more = len(self.row.readers) - 4
        if not names:
            return "whoever takes a case" if self.row.pooled else "nobody yet"
        return f"{names} and {more} more" if more > 0 else names

    @property
    def next_thing(self) -> str:
        """What a lead does next, or what the round waits for."""
        state, left = self.round.state, self.row.of - self.row.locked
        if state == RoundState.PLANNED:
            return "Start it" if self.row.of else "Put cases into it"
        if state == RoundState.PAUSED:
            return "Resume or close it"
        if state == RoundState.CLOSED:
            return "Print its record"
        if not left:
            return "Close it" if self.row.of else "Waits for cases"
        if self.row.waiting == left:
            return "Waits for the wash-out"
        return f"{left} still to lock" if self.round.kind != RoundKind.CONSENSUS else f"{left} still to settle"
