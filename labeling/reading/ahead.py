"""What may be fetched before the next case is opened: images and outlines, nothing of any read.

Asking claims nothing, creates nothing and shows nobody anything that the worklist does not show already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User

from labeling.models import Anatomy, AnatomyVertebra, Case, Read, Slice, Stack
from labeling.reading.rounds import pinned_anatomy, reading_anatomy
from labeling.reading.visibility import case_for
from labeling.reading.worklist import next_assignment

__all__ = ["Ahead", "next_ahead", "outwards"]


@dataclass(frozen=True)
class Ahead:
    """The next case, its stack, the SOP Instance UIDs of its slices in the order to fetch, and the anatomy."""

    case: Case
    stack: Stack
    sops: tuple[str, ...]
    anatomy: Anatomy


def next_ahead(user: User, *, after: int | None = None) -> Ahead | None:
    """What comes once the case `after` is done with; None where nothing does."""
    assignment = next_assignment(user, without=after)
    if assignment is None:
        return None
    case = case_for(user, assignment.case_id)
    draft = Read.objects.filter(case=case, round=assignment.round_id, reader__user=user, state="draft").first()
    anatomy = draft.anatomy if draft is not None else pinned_anatomy(assignment.round, case) or reading_anatomy(case)
    if anatomy is None:
        return None
    slices = Slice.objects.filter(stack=anatomy.stack_id).order_by("k")
    sops = list(slices.values_list("sop_uid", flat=True))
    start = _start(draft, anatomy, len(sops))
    return Ahead(case, anatomy.stack, outwards(sops, start), anatomy)


def _start(draft: Read | None, anatomy: Anatomy, count: int) -> int:
    """The slice that the room will show first: where the reader stopped, else the middle of the first whole body."""
    stopped = None if draft is None else draft.viewed.get("k")
    if isinstance(stopped, int) and 0 <= stopped < count:
        return stopped
    bodies = list(AnatomyVertebra.objects.filter(anatomy=anatomy).order_by("rank", "pk"))
    first = next((body for body in bodies if not body.cut), bodies[0] if bodies else None)
    return count // 2 if first is None else min((first.first_k + first.last_k) // 2, max(count - 1, 0))


def outwards(sops: Sequence[str], start: int) -> tuple[str, ...]:
    """The slices by their distance from `start`, nearest first; of two at the same distance the lower one."""
    return tuple(sops[k] for k in sorted(range(len(sops)), key=lambda k: (abs(k - start), k)))
