"""What a person proposes as the next version of an anatomy, as rows that are not in the database yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from labeling.anatomy.numbering import ranks_of
from labeling.anatomy.placing import Placed, checked
from labeling.imaging.geometry import Geometry
from labeling.imaging.refusal import Refusal
from labeling.models import Anatomy, AnatomyVertebra, Stack, Vertebra

__all__ = ["Proposal", "rows_of", "says_the_same"]

#: Millimetres within which two boxes are the same: what a browser rounds is no change.
_SAME_MM = 0.011

#: What, beside box and identity, makes the content of a version.
_CONTENT = (
    "label_value",
    "level",
    "certainty",
    "first_k",
    "last_k",
    "cut",
    "cut_where",
    "mask_ok",
    "origin",
)


@dataclass(frozen=True)
class Proposal:
    """A version as a person sends it: on which it builds, all its vertebrae from head to feet, whether it is final."""

    parent: int | None
    vertebrae: tuple[Placed, ...]
    confirm: bool = False


def rows_of(placed: Sequence[Placed], versions: Sequence[Anatomy], stack: Stack) -> list[AnatomyVertebra]:
    """The vertebrae as rows of a version that is not there yet, checked.

    Parameters
    ----------
    versions
        All there are on this stack, newest first.

    Raises
    ------
    Refusal
        ``unknown-vertebra`` for one that no version knows, ``not-segmented`` for one that the mask does not hold, else
        as `labeling.anatomy.placing.checked`.
    """
    known = _newest_rows(versions, stack.case_id)
    values = _label_values(versions)
    whole = []
    for one in placed:
        before = None if one.vertebra is None else known.get(one.vertebra)
        if one.vertebra is not None and before is None:
            raise Refusal(
                "unknown-vertebra", "The list names a vertebra that this case has not. Load its anatomy again."
            )
        whole.append(replace(one, box=_box(one, before)))
    geometry = Geometry((stack.slices_count, stack.rows, stack.columns), np.array(stack.affine))
    whole = list(checked(whole, geometry))
    ranks = ranks_of([one.level for one in whole])
    rows = [_row(one, rank, _label_value(one, values)) for one, rank in zip(whole, ranks, strict=True)]
    for row in rows:
        # What was done to a mask stays true as long as the mask is the same.
        before = known.get(row.vertebra_id) if row.vertebra_id is not None and row.label_value else None
        row.note = before.note if before is not None and before.label_value == row.label_value else ""
    return rows


def _row(one: Placed, rank: int, label_value: int) -> AnatomyVertebra:
    row = AnatomyVertebra(
        label_value=label_value,
        level=one.level,
        rank=rank,
        certainty=one.certainty,
        first_k=one.first_k,
        last_k=one.last_k,
        box=None if one.box is None else list(one.box),
        cut=one.cut,
        cut_where=one.cut_where,
        origin=one.origin,
        mask_ok=one.mask_ok,
    )
    if one.vertebra is not None:
        row.vertebra_id = one.vertebra
    return row


def _newest_rows(versions: Sequence[Anatomy], case_id: int) -> dict[int, AnatomyVertebra]:
    """By identity, the last that was said of each vertebra of the case that is still one."""
    retired = {*Vertebra.objects.filter(case=case_id, retired_into__isnull=False).values_list("pk", flat=True)}
    rows: dict[int, AnatomyVertebra] = {}
    for anatomy in versions:
        for row in anatomy.vertebrae.all():
            if row.vertebra_id not in retired:
                rows.setdefault(row.vertebra_id, row)
    return rows


def _label_values(versions: Sequence[Anatomy]) -> dict[int, int]:
    """By identity, the value of each vertebra in the label map of the newest version; those taken out included."""
    values: dict[int, int] = {}
    for anatomy in versions:
        if anatomy.label_map != versions[0].label_map:
            continue
        for row in anatomy.vertebrae.all():
            if row.label_value:
                values.setdefault(row.vertebra_id, row.label_value)
    return values


def _label_value(one: Placed, values: Mapping[int, int]) -> int:
    if one.origin == "by_hand":
        return 0
    if one.vertebra is None or one.vertebra not in values:
        raise Refusal("not-segmented", f"No mask holds {one.level or 'this vertebra'}. Place it by hand.")
    return values[one.vertebra]


def _box(one: Placed, before: AnatomyVertebra | None) -> Any:
    """The box that was sent, to a hundredth of a millimetre; the one there was where nobody has moved it."""
    if before is not None and ((one.box is None and one.origin == "segmented") or _is_near(one.box, before.box)):
        return tuple(before.box)
    return None if one.box is None else tuple(round(side, 2) for side in one.box)


def _is_near(box: Sequence[float] | None, other: Sequence[float]) -> bool:
    return box is not None and all(abs(a - b) <= _SAME_MM for a, b in zip(box, other, strict=True))


def says_the_same(rows: Sequence[AnatomyVertebra], newest: Anatomy, sent_again: bool) -> bool:
    """Whether a version holds these rows already; a new vertebra is known again only in what was sent before."""
    there = list(newest.vertebrae.all())
    parents = set()
    if sent_again and newest.parent is not None:
        parents = set(newest.parent.vertebrae.values_list("vertebra", flat=True))
    return len(rows) == len(there) and all(
        all(getattr(row, name) == getattr(old, name) for name in _CONTENT)
        and _is_near(row.box, old.box)
        and (
            row.vertebra_id == old.vertebra_id
            or (row.vertebra_id is None and sent_again and old.vertebra_id not in parents)
        )
        for row, old in zip(rows, there, strict=True)
    )
