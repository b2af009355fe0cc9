"""Cases with a truth: reads with findings, and the consensus that settled them, as panels leave them behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labeling.models import (
    Case,
    Finding,
    Read,
    Reader,
    ReaderKind,
    ReasonCode,
    Reference,
    Round,
    Settlement,
    SliceLabel,
)
from tests.factories import lock_plainly, make_anatomy, make_case, make_patient, make_read, number, sops_of, vertebra_of

__all__ = ["a_case", "a_lesson", "a_read", "a_truth"]


def a_case(*, split: str = "training", levels: tuple[str, ...] = ("L2", "L3", "L4")) -> Case:
    """A case of a patient of this split, whose bodies lie on slices 3 to 8."""
    case = make_case(patient=make_patient(split=split))
    make_anatomy(case, levels)
    return case


def say(read: Read, said: Mapping[str, str], slices: Mapping[str, tuple[int, int]] | None = None) -> None:
    """Level -> verdict, or the AO type of a fracture; the first and last of its fractured slices by level."""
    for level, word in said.items():
        is_type = word.startswith("A")
        finding = Finding.objects.create(
            read=read,
            vertebra_id=vertebra_of(read, level),
            verdict="fracture" if is_type else word,
            ao_body=word if is_type else None,
        )
        if slices and level in slices:
            marks = sops_of(read, *slices[level])
            SliceLabel.objects.bulk_create(
                [SliceLabel(finding=finding, slice_id=sop, value="fracture", source="range") for sop in marks]
            )


def a_read(
    case: Case,
    said: Mapping[str, str],
    *,
    round: Round,
    reader: Reader,
    slices: Mapping[str, tuple[int, int]] | None = None,
    **fields: Any,
) -> Read:
    """The locked read of a person."""
    read = make_read(case, round=round, reader=reader, **fields)
    say(read, said, slices)
    return lock_plainly(read)


def a_truth(case: Case, said: Mapping[str, str], *, slices: Mapping[str, tuple[int, int]] | None = None) -> Read:
    """The locked consensus of a panel, which is the reference of its case from now on."""
    panel = Reader.objects.create(kind=ReaderKind.PANEL, label=f"Panel {number()}")
    anatomy = case.anatomies.latest("n")
    consensus = Read.objects.create(case=case, reader=panel, stack=anatomy.stack, anatomy=anatomy)
    say(consensus, said, slices)
    Reference.objects.filter(case=case, current=True).update(current=False)
    Reference.objects.create(case=case, read=lock_plainly(consensus))
    return consensus


def a_lesson(
    case: Case, said: Mapping[str, str], level: str, *, reason: str = "schmorl-node", explanation: str = "A node."
) -> Read:
    """The same, with one vertebra of it on the teaching list."""
    panel = Reader.objects.create(kind=ReaderKind.PANEL, label=f"Panel {number()}")
    anatomy = case.anatomies.latest("n")
    consensus = Read.objects.create(case=case, reader=panel, stack=anatomy.stack, anatomy=anatomy)
    say(consensus, said)
    code, _ = ReasonCode.objects.get_or_create(code=reason, version=1, defaults={"text": reason})
    Settlement.objects.create(
        consensus=consensus,
        vertebra_id=vertebra_of(consensus, level),
        difference="verdict",
        took="a",
        reason=code,
        teach=True,
        explanation=explanation,
    )
    Reference.objects.filter(case=case, current=True).update(current=False)
    Reference.objects.create(case=case, read=lock_plainly(consensus))
    return consensus
