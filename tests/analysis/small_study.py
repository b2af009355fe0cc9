"""Studies small enough to reckon by hand: who said what of which vertebra, written as words.

N negative, F a fracture without type, A1 … A4, ? indeterminate, x not assessable, · nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from labeling.models import Case, Finding, Read, Reader, ReaderKind, Reference, Round, SliceLabel
from labeling.reading.roles import Role
from tests import factories

__all__ = ["LEVELS", "Study", "make_study", "says", "sets_truth"]

LEVELS = ("L1", "L2", "L3", "L4")
_WORDS = {"N": "negative", "?": "indeterminate", "x": "not_assessable", "·": None}

#: Two seniors on three cases of three patients, and the repeat of the first case by the first of them.
FIRST = ("A1 N N N", "A3 A3 N N", "? N N x")
SECOND = ("A1 N N A3", "A3 N N N", "N N A4 N")
AGAIN = "A1 N A1 N"


@dataclass
class Study:
    """cases in the order of their names; reads by (reader, case)."""

    cases: list[Case]
    round: Round
    readers: list[Reader] = field(default_factory=list)
    reads: dict[tuple[int, int], Read] = field(default_factory=dict)
    repeat: Round | None = None

    def key(self, reader: int) -> str:
        return f"p{self.readers[reader].pk}"


def says(
    case: Case,
    reader: Reader,
    words: str,
    round_: Round | None,
    score: float | Sequence[float] | None = None,
    slices: str = "",
) -> Read:
    """A locked read that says these words from head to feet; `slices` F and N of those of the uppermost vertebra.

    score: of every vertebra, or of each; a slice has that of its vertebra.
    """
    scores = list(score) if isinstance(score, Sequence) else [score] * len(words.split())
    anatomy = case.anatomies.get()
    if reader.kind == ReaderKind.PERSON:
        read = factories.make_read(case, reader=reader, round=round_, anatomy=anatomy)
    else:
        read = Read.objects.create(case=case, reader=reader, round=round_, stack=anatomy.stack, anatomy=anatomy)
    for row, word, own in zip(anatomy.vertebrae.order_by("rank"), words.split(), scores, strict=True):
        verdict = _WORDS.get(word, "fracture")
        Finding.objects.update_or_create(
            read=read,
            vertebra=row.vertebra,
            defaults={
                "verdict": verdict,
                "why": "cut" if verdict == "not_assessable" else "",
                "ao_body": word if word[0] == "A" else None,
                "score": own,
            },
        )
    first = Finding.objects.get(read=read, vertebra=factories.vertebra_of(read, LEVELS[0]))
    for sop, word in zip(factories.sops_of(read, 0, len(slices) - 1), slices, strict=True):
        value = "fracture" if word == "F" else "negative"
        SliceLabel.objects.create(finding=first, slice_id=sop, value=value, source="range", p=scores[0])
    return factories.lock_plainly(read)


def sets_truth(case: Case, words: str, slices: str = "") -> Read:
    """The case's reference, by a panel of its own round."""
    panel = Reader.objects.create(kind=ReaderKind.PANEL, label=f"Panel {factories.number()}")
    read = says(case, panel, words, factories.make_round("consensus", panel=panel), slices=slices)
    Reference.objects.create(case=case, read=read)
    return read


def make_study(*of_readers: tuple[str, ...], again: str = "", split: str = "training") -> Study:
    """Readers who said these words of one case each; `again` is what the first says of the first case once more.

    Without an argument, it is the study that stands at the head of this file.
    """
    if not of_readers:
        of_readers, again = (FIRST, SECOND), AGAIN
    cases = [
        factories.make_case(slices=4, patient=factories.make_patient(split=split)) for _ in range(len(of_readers[0]))
    ]
    for case in cases:
        factories.make_anatomy(case, LEVELS, first_k=0, last_k=3)
    study = Study(cases, factories.make_round("independent", state="open"))
    for number, words in enumerate(of_readers):
        reader = factories.make_reader(Role.SENIOR, first_name=f"Reader {number + 1}")
        study.readers.append(reader)
        for place, (case, said) in enumerate(zip(cases, words, strict=True)):
            study.reads[number, place] = says(case, reader, said, study.round)
    if again:
        study.repeat = factories.make_round("repeat", follows=study.round)
        says(cases[0], study.readers[0], again, study.repeat)
    return study
