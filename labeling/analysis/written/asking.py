"""Which answers a written report is made of: those of the pages, asked as the pages ask, so that numbers are equal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User

from labeling.analysis import accuracy, curves
from labeling.analysis.agreement import MOST_READERS, readers_of
from labeling.analysis.answers import Answered, Question, ask
from labeling.analysis.columns import REFERENCE, Column, columns_of
from labeling.analysis.scope import Scope
from labeling.imaging.refusal import Refusal
from labeling.models import Case, CohortState

__all__ = ["Answers", "ask_all"]

#: Keys of the answers that are one for the whole report.
TABLE_ONE, AGREEMENT, CURVES, REPORT, READING, BY_CASE = "table-one", "agreement", "curves", "report", "reading", "case"


@dataclass(frozen=True)
class Answers:
    """What is known now.

    Attributes
    ----------
    reader
        Key of the reader whom the curves and the cases are asked of, a model where there is one; '' without any.
    readers
        Everybody who is held against the reference, in the order of all tables.
    by_key
        'table-one', 'agreement', 'curves', 'report', 'reading', 'case', and of each reader 'accuracy of <key>'.
    refused
        Key -> the sentence why there is no answer.
    """

    user: User
    scope: Scope
    columns: tuple[Column, ...]
    readers: tuple[Column, ...]
    reader: str
    by_key: dict[str, Answered] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def waiting(self) -> list[Answered]:
        """Those of older data, or not there yet."""
        return [one for one in self.by_key.values() if not one.current]

    @property
    def current(self) -> list[Answered]:
        return [one for one in self.by_key.values() if one.current]

    def answer(self, key: str) -> dict[str, Any] | None:
        """The answer of the data as they are; None where it was refused."""
        found = self.by_key.get(key)
        return found.answer if found is not None and found.current else None

    def accuracy_of(self, reader: str) -> dict[str, Any] | None:
        return self.answer(f"accuracy of {reader}")

    def why_not(self, key: str) -> str:
        return self.refused.get(key, "")


def ask_all(user: User, scope: Scope, reader: str = "", *, wait: bool = False) -> Answers:
    """Ask for all of it. `reader` is whom the curves are of; the first model, or else the first reader, without.

    Raises
    ------
    Refusal
        ``no-numbers`` for who may see none.
    """
    columns = tuple(columns_of(user, scope.cases))
    shown, _ = readers_of([column for column in columns if column.key != REFERENCE])
    models = [column for column in shown if column.kind == "model"]
    if reader not in [column.key for column in shown]:
        reader = next((column.key for column in (models or shown)), "")
    model = reader if reader in [column.key for column in models] else next((one.key for one in models), "")
    answers = Answers(user, scope, columns, tuple(shown[:MOST_READERS]), reader)
    for key, question in _questions(user, scope, answers, model):
        try:
            answers.by_key[key] = ask(user, question, wait=wait)
        except Refusal as refusal:
            if refusal.code == "no-numbers":
                raise
            answers.refused[key] = refusal.sentence
    return answers


def _questions(user: User, scope: Scope, answers: Answers, model: str) -> Iterator[tuple[str, Question]]:
    states = set(Case.objects.filter(pk__in=scope.cases).values_list("cohort_state", flat=True))
    # As the page of Table 1 asks: where some cases were decided on, of those that were included.
    who = (("who", "included"),) if CohortState.CANDIDATE in states and len(states) > 1 else ()
    yield TABLE_ONE, Question("table-one", scope.key, options=who)
    yield AGREEMENT, Question("agreement", scope.key)
    yield CURVES, curves.question_of(user, scope, model or answers.reader, REFERENCE, "vertebra", "youden")
    yield REPORT, Question("report", scope.key)
    yield READING, Question("reading", scope.key, (model,) if model else ())
    yield BY_CASE, accuracy.question_of(scope.key, answers.reader, REFERENCE, "case")
    for column in answers.readers:
        yield (
            f"accuracy of {column.key}",
            accuracy.question_of(scope.key, column.key, REFERENCE, "vertebra"),
        )
