"""Verdict against verdict and type against type: what reads said of vertebrae, counted against the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labeling.models import AoBody, Verdict
from labeling.reading.told import Told

__all__ = ["Confusion", "Row", "Sums", "confusions", "sums"]

_VERDICTS = tuple((verdict.value, verdict.label.partition(":")[0].capitalize()) for verdict in Verdict)
_TYPES = (("A0", "A0"), *((type_.value, type_.value) for type_ in AoBody), ("", "No type"))

Pair = tuple[Told, Told]


@dataclass(frozen=True)
class Row:
    """One word of the readers; `counts` under the words of the truth, `right` is the place of the same word."""

    word: str
    counts: tuple[int, ...]
    right: int

    @property
    def total(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True)
class Confusion:
    """Rows are the readers' words, columns those of the truth. Words that neither said are left out."""

    words: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def total(self) -> int:
        return sum(row.total for row in self.rows)


@dataclass(frozen=True)
class Sums:
    """Over vertebrae of which both say something.

    `fractures` are those of the truth: `found` were called so, `missed` negative, and the rest was left undecided.
    `extra` were called a fracture and are none. Of `typed` fractures both give a type; it is the same in `same_type`.
    """

    cases: int
    vertebrae: int
    fractures: int
    found: int
    missed: int
    extra: int
    typed: int
    same_type: int


def sums(cases: int, pairs: Sequence[Pair]) -> Sums:
    """The sums over pairs of what was said and what is true, of so many cases."""
    said = [(own, truth) for own, truth in pairs if own.verdict is not None and truth.verdict is not None]
    count = Counter((own.verdict, truth.verdict) for own, truth in said)
    typed = [(own.type, truth.type) for own, truth in said if own.type and truth.type]
    fracture, negative = Verdict.FRACTURE.value, Verdict.NEGATIVE.value
    return Sums(
        cases=cases,
        vertebrae=len(said),
        fractures=sum(n for (_, truth), n in count.items() if truth == fracture),
        found=count[fracture, fracture],
        missed=count[negative, fracture],
        extra=count[fracture, negative],
        typed=len(typed),
        same_type=sum(own == truth for own, truth in typed),
    )


def confusions(pairs: Iterable[Pair]) -> tuple[Confusion, Confusion]:
    """Verdict against verdict; and of what both call a fracture, AO type against AO type."""
    said = [(own, truth) for own, truth in pairs if own.verdict is not None and truth.verdict is not None]
    verdicts = Counter((str(own.verdict), str(truth.verdict)) for own, truth in said)
    both = [(own, truth) for own, truth in said if own.verdict == truth.verdict == Verdict.FRACTURE]
    return _table(_VERDICTS, verdicts), _table(_TYPES, Counter((own.type, truth.type) for own, truth in both))


def _table(words: Sequence[tuple[str, str]], counts: Counter[tuple[str, str]]) -> Confusion:
    known = {word for pair in counts for word in pair}
    used = [(value, word) for value, word in words if value in known]
    rows = tuple(
        Row(word, tuple(counts[value, other] for other, _ in used), place) for place, (value, word) in enumerate(used)
    )
    return Confusion(tuple(word for _, word in used), rows)
