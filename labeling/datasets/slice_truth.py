"""Which slices can be learnt from: what the truth of a case says of each, and what of it is left out and why.

The truth of a case is the read that is its reference; where none is, the newest locked version of the labelling read
that a person locked first. What nobody has said anything definite of teaches nothing: a vertebra that is unclear,
indeterminate or not assessable, one that is cut or has no mask, a slice without a label or beside the body. It is left
out and counted.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from labeling.imaging.vertebral_recipes import SliceRecipe, kept_slices
from labeling.imaging.vertebral_slices import COARSEST_MM
from labeling.models import (
    AnatomyVertebra,
    Case,
    CohortState,
    Finding,
    Read,
    ReaderKind,
    Reference,
    RoundKind,
    SliceLabel,
    SliceValue,
    Split,
    Verdict,
)

__all__ = ["OWED", "KnownSlice", "KnownVertebra", "TrueCase", "known_cases", "true_reads"]

#: Why a case is left out that whoever asks owes a read of, in words for them.
OWED = "cases that you owe a read of"


@dataclass(frozen=True, slots=True)
class KnownSlice:
    """One slice and whether it shows a fracture; `pixels` is the SHA-256 of its stored values."""

    sop: str
    k: int
    pixels: str
    is_fracture: bool


@dataclass(frozen=True, slots=True)
class KnownVertebra:
    """A vertebra with a definite verdict, and those of its kept slices that carry a label, by k.

    place
        Counted from head to feet among all vertebrae of its anatomy, from 1.
    """

    place: int
    row: AnatomyVertebra
    slices: tuple[KnownSlice, ...]

    @property
    def is_fractured(self) -> bool:
        return any(one.is_fracture for one in self.slices)


@dataclass(frozen=True, slots=True)
class TrueCase:
    """A case, the read that says its truth, and what of it can be learnt from."""

    case: Case
    read: Read
    vertebrae: tuple[KnownVertebra, ...]


@dataclass(slots=True)
class _Read:
    """What is needed of one read."""

    bodies: list[AnatomyVertebra] = field(default_factory=list)
    findings: dict[int, Finding] = field(default_factory=dict)
    labels: dict[int, list[KnownSlice]] = field(default_factory=dict)


def known_cases(recipe: SliceRecipe, left_out: Counter[str], *, blind: Collection[int] = ()) -> list[TrueCase]:
    """The cases of training patients that hold a slice to learn from, by pseudonym and number.

    Parameters
    ----------
    left_out
        Counts what was left out, by a reason that names its unit.
    blind
        Keys of cases that are passed over unseen, for who asks owes a read of them.
    """
    in_order = Case.objects.select_related("patient").order_by("patient__pseudonym", "number")
    cases = list(in_order.filter(patient__split=Split.TRAINING).exclude(cohort_state=CohortState.EXCLUDED))
    excluded = Case.objects.filter(patient__split=Split.TRAINING, cohort_state=CohortState.EXCLUDED)
    left_out[OWED] += sum(case.pk in blind for case in cases)
    cases = [case for case in cases if case.pk not in blind]
    reads = true_reads(cases)
    left_out["cases excluded from the study"] += excluded.count()
    left_out["cases without a locked read"] += len(cases) - len(reads)
    left_out["cases that were read, of patients in no split yet"] += _read_and_in_no_split(blind)
    found = []
    contents = _contents(list(reads.values()))
    for case in cases:
        read = reads.get(case.pk)
        if read is None:
            continue
        vertebrae = tuple(_known_vertebrae(read, contents[read.pk], recipe, left_out))
        if vertebrae:
            found.append(TrueCase(case, read, vertebrae))
    return found


def _read_and_in_no_split(blind: Collection[int]) -> int:
    """What a lead may have forgotten: a case counts once its patient is in the training split."""
    cases = Case.objects.filter(patient__split=Split.UNASSIGNED, reads__state="locked").exclude(pk__in=blind)
    return cases.filter(reads__round__kind=RoundKind.LABELLING).distinct().count()


def true_reads(cases: Iterable[Case]) -> dict[int, Read]:
    """The read that says the truth of each of these cases, by the key of the case; none where nobody has locked one."""
    asked = [case.pk for case in cases]
    chains: dict[tuple[int, str, str], list[Read]] = {}
    labelling = Read.objects.filter(
        case__in=asked, state="locked", round__kind=RoundKind.LABELLING, reader__kind=ReaderKind.PERSON
    )
    for read in labelling.select_related("anatomy", "stack", "round", "reader__user").order_by("version"):
        who = (read.case_id, read.round.name if read.round else "", str(read.reader.user and read.reader.user.username))
        chains.setdefault(who, []).append(read)
    found: dict[int, Read] = {}
    # Who locked first; should two have locked in one microsecond, the names decide and not the order of the database.
    for (case, _, _), versions in sorted(chains.items(), key=lambda one: (str(one[1][0].locked_at), one[0][1:])):
        found.setdefault(case, versions[-1])
    references = Reference.objects.filter(case__in=asked, current=True, target="fracture")
    for reference in references.select_related("read__anatomy", "read__stack"):
        found[reference.case_id] = reference.read
    return found


def _contents(reads: Sequence[Read]) -> dict[int, _Read]:
    """Vertebrae, findings and labels of reads, by the key of the read; three queries for all of them."""
    contents = {read.pk: _Read() for read in reads}
    bodies: dict[int, list[AnatomyVertebra]] = {}
    for row in AnatomyVertebra.objects.filter(anatomy__in={read.anatomy_id for read in reads}):
        bodies.setdefault(row.anatomy_id, []).append(row)
    for read in reads:
        contents[read.pk].bodies = sorted(bodies.get(read.anatomy_id, []), key=_from_head_to_feet)
    for finding in Finding.objects.filter(read__in=list(contents)):
        contents[finding.read_id].findings[finding.vertebra_id] = finding
    # Tuples and not rows: a cohort has some ten thousand labels, and a page looks at them.
    labels = SliceLabel.objects.filter(finding__read__in=list(contents)).order_by("slice__k")
    columns = ("finding__read", "finding__vertebra", "slice", "slice__k", "slice__pixel_sha256", "value")
    for read, vertebra, sop, k, pixels, value in labels.values_list(*columns):
        known = KnownSlice(sop, k, pixels, value == SliceValue.FRACTURE)
        contents[read].labels.setdefault(vertebra, []).append(known)
    return contents


def _from_head_to_feet(row: AnatomyVertebra) -> tuple[int, float, str]:
    """An order that no key of the database has a say in."""
    whole = [row.label_value, row.first_k, row.last_k, row.level, row.box]
    return row.rank, -float(row.box[5]), hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def _known_vertebrae(
    read: Read, content: _Read, recipe: SliceRecipe, left_out: Counter[str]
) -> Iterable[KnownVertebra]:
    for place, row in enumerate(content.bodies, start=1):
        finding = content.findings.get(row.vertebra_id)
        reason = _why_not(read, row, finding, recipe)
        if reason:
            left_out[reason] += 1
            continue
        slices = tuple(_known_slices(row, content.labels.get(row.vertebra_id, []), recipe, left_out))
        vertebra = KnownVertebra(place, row, slices)
        if not slices:
            left_out["vertebrae without a label on a kept slice"] += 1
        elif finding is not None and finding.verdict == Verdict.FRACTURE and not vertebra.is_fractured:
            # Its other slices would teach that such a vertebra is negative.
            left_out["fractured vertebrae whose fracture shows on no kept slice"] += 1
        else:
            yield vertebra


def _why_not(read: Read, row: AnatomyVertebra, finding: Finding | None, recipe: SliceRecipe) -> str:
    """Why nothing is learnt from a vertebra, or ''."""
    if row.cut:
        return "vertebrae cut by the edge of the image"
    said = _not_definite(finding)
    if said:
        return said
    if row.mask_ok in ("no", "missing"):
        return "vertebrae whose mask is called wrong or missing"
    has_mask = bool(row.label_value and read.anatomy.label_map)
    if not has_mask and (recipe.mask or row.label_value):
        return "vertebrae without a mask"
    if max(read.stack.row_spacing, read.stack.column_spacing) > COARSEST_MM + 1e-3:
        return "vertebrae on images that are too coarse"
    return "" if kept_slices(row.first_k, row.last_k, recipe) else "vertebrae with too few slices"


def _not_definite(finding: Finding | None) -> str:
    if finding is None or finding.verdict is None:
        return "vertebrae without a verdict"
    if finding.unclear:
        return "vertebrae marked unclear"
    if finding.verdict == Verdict.INDETERMINATE:
        return "vertebrae called indeterminate"
    return "vertebrae called not assessable" if finding.verdict == Verdict.NOT_ASSESSABLE else ""


def _known_slices(
    row: AnatomyVertebra, labels: Sequence[KnownSlice], recipe: SliceRecipe, left_out: Counter[str]
) -> Iterable[KnownSlice]:
    """The labelled slices that a recipe keeps; the others are counted by why they are none."""
    kept = kept_slices(row.first_k, row.last_k, recipe)
    if kept is None:
        return
    known = 0
    for label in labels:
        if not row.first_k <= label.k <= row.last_k:
            left_out["slices labelled in the margin beside the body"] += 1
        elif not kept[0] <= label.k <= kept[1]:
            left_out["slices shaved off"] += 1
        else:
            known += 1
            yield label
    left_out["slices without a label"] += kept[1] - kept[0] + 1 - known
