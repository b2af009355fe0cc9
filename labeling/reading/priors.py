"""The same patient before: earlier cases that are shown beside a read, and a sagittal slice of them at the same level.

Images only. What was read of the prior, its report and whether its anatomy was checked stay behind the one door.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse

from labeling.anatomy.levels import rank
from labeling.imaging import codec
from labeling.imaging.planes import Plane, hounsfield, sagittal_plane
from labeling.intake.frames import media_path, stack_geometry
from labeling.models import AnatomyVertebra, Case, Read, Slice, Stack
from labeling.reading.rounds import anatomies_to_read
from labeling.reading.visibility import prior_cases

__all__ = ["PriorSlice", "interval_words", "prior_slice", "priors_of"]


def priors_of(user: User, read: Read) -> list[dict[str, Any]]:
    """Earlier cases of the read's patient, newest first, as the room lists them.

    Returns
    -------
    list
        ``{case, name, interval, url}``: the case's key and name, "8 months before", and where its slices are.
    """
    now = read.case.study_date
    return [
        {
            "case": case.pk,
            "name": case.name,
            "interval": interval_words(case.study_date, now),
            "url": reverse("prior-slice", args=[read.pk, case.pk]),
        }
        for case in prior_cases(user, read)
        if case.study_date is not None and now is not None
    ]


def interval_words(before: datetime.date, now: datetime.date) -> str:
    """How long before, as coarse as it matters: "9 days before", "5 weeks before", "8 months before", "3 years before".

    Whole units that have gone by, never rounded up. Days to a fortnight, weeks to two months, months to two years.
    """
    days = (now - before).days
    months = 12 * (now.year - before.year) + now.month - before.month - (now.day < before.day)
    if days < 14:
        return _words(days, "day")
    if months < 2:
        return _words(days // 7, "week")
    return _words(months, "month") if months < 24 else _words(months // 12, "year")


def _words(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'} before"


@dataclass(frozen=True, slots=True)
class PriorSlice:
    """A slice of a prior, the level it was aimed at and the centre of its body as (column, row).

    Where no level is known, `level` is '' and the centre that of the picture.
    """

    plane: Plane
    level: str
    centre: tuple[float, float]


def prior_slice(user: User, read: Read, case_id: int, *, level: str, share: float) -> PriorSlice:
    """The sagittal slice of a prior at a share of the width of a body.

    Parameters
    ----------
    level
        The level looked for. Where the prior does not show it, the nearest one it shows is taken (the upper of two);
        where none is known, or `level` is '', the share is one of the whole stack.
    share
        0 is the first slice of the body on the patient's right, 1 the last on the left.

    Raises
    ------
    Case.DoesNotExist
        where the case is no prior of this read, or the read is not theirs to see.
    Refusal
        ``missing-pack``, ``damaged-pack`` or ``damaged-frame``.
    """
    case = prior_cases(user, read).get(pk=case_id)
    stack = case.reading_stack
    if stack is None:
        raise Case.DoesNotExist
    vertebra = _nearest(stack, level) if level else None
    first, last = (vertebra.first_k, vertebra.last_k) if vertebra else (0, stack.slices_count - 1)
    k = min(first + math.floor(share * (last - first) + 0.5), stack.slices_count - 1)
    plane = sagittal_plane(_frame(stack, k), stack_geometry(stack), k)
    if vertebra is None:
        return PriorSlice(plane, "", ((stack.columns - 1) / 2, (stack.rows - 1) / 2))
    x0, x1, y0, y1, z0, z1 = vertebra.box
    return PriorSlice(plane, vertebra.level, plane.pixel_of(((x0 + x1) / 2, (y0 + y1) / 2, (z0 + z1) / 2)))


def _nearest(stack: Stack, level: str) -> AnatomyVertebra | None:
    """The vertebra of the anatomy that is read of the stack, whose level lies nearest to `level`."""
    anatomy = anatomies_to_read(stack.case_id, stack.pk).first()
    named = [] if anatomy is None else list(anatomy.vertebrae.exclude(level=""))
    wanted = rank(level)
    return min(named, key=lambda one: (abs(rank(one.level) - wanted), rank(one.level)), default=None)


def _frame(stack: Stack, k: int) -> Any:
    offset, length = Slice.objects.values_list("offset", "length").get(stack=stack, k=k)
    stored = codec.decode(codec.read_frame(media_path(stack.pack), offset, length), signed=stack.signed)
    return hounsfield(stored, stack.slope, stack.intercept)
