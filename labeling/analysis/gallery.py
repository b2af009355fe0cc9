"""The gallery: what stands behind a number as pictures, each the crop of a slice that shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.contrib.auth.models import User

from labeling.analysis.behind import Asking, Behind
from labeling.analysis.behind_rows import Row, rows_behind
from labeling.analysis.columns import REFERENCE, reads_of
from labeling.analysis.gather import final_vertebrae
from labeling.analysis.scope import Scope
from labeling.imaging.body_crops import body_crop, png
from labeling.imaging.codec import decode, read_frame
from labeling.imaging.planes import Plane, hounsfield, sagittal_plane
from labeling.imaging.refusal import Refusal
from labeling.intake.frames import media_path, stack_geometry
from labeling.models import AnatomyVertebra, Case, CaseOrigin, Settlement, Slice, Stack

__all__ = ["KINDS", "Tile", "asking_of", "crop_of", "hounsfield_slice", "tiles"]

#: Kind of picture -> its title. But for "type", a kind is the cell that it shows.
KINDS = {
    "fn": "Misses",
    "fp": "False alarms",
    "tp": "Found",
    "type": "Other AO type",
}


@dataclass(frozen=True)
class Tile:
    """One picture with what is said below it.

    body, k: of which body (`AnatomyVertebra`) which slice is cut out; None where no anatomy shows the vertebra.
    reason: why it was settled as it was, '' where nothing was.
    """

    row: Row
    simulated: bool
    body: int | None
    k: int | None
    reason: str


def asking_of(kind: str, asking: Asking) -> Asking:
    """The number that a kind of picture shows, narrowed as `asking` is."""
    if kind != "type":
        return replace(asking, cell=kind)
    return replace(asking, cell="both", reader_ao="differ", against_ao="differ")


def tiles(user: User, scope: Scope, found: Behind, start: int, stop: int) -> list[Tile]:
    """Pictures start to stop - 1 of what is behind a number of vertebrae or slices, in the caller's transaction, which
    writes down who was shown them."""
    rows = rows_behind(user, found, start, stop)
    at = [int(found.units.vertebra[place]) for place in found.places[start:stop]]
    vertebrae = [int(found.gathered.vertebra[place]) if place >= 0 else 0 for place in at]
    bodies = _bodies(vertebrae)
    cases = {row.case for row in rows}
    simulated = set(Case.objects.filter(pk__in=cases, origin=CaseOrigin.SIMULATED).values_list("pk", flat=True))
    reasons = _reasons(user, scope, cases)
    return [
        _tile(row, row.case in simulated, bodies.get(vertebra), reasons.get((row.case, vertebra), ""))
        for row, vertebra in zip(rows, vertebrae, strict=True)
    ]


def crop_of(scope: Scope, body: int, k: int) -> bytes:
    """The picture of a body in slice `k` as PNG.

    Raises
    ------
    Refusal
        ``no-crop`` where there is none, or none of these cases; ``damaged-frame`` where the file is not as it was.
    """
    known = AnatomyVertebra.objects.select_related("anatomy__stack").filter(pk=body, anatomy__case__in=scope.cases)
    row = known.first()
    if row is None:
        raise Refusal("no-crop", "There is no such picture among these cases.")
    return png(body_crop(hounsfield_slice(row.anatomy.stack, k), tuple(row.box)))


def hounsfield_slice(stack: Stack, k: int) -> Plane:
    """One slice of a stack in HU, its frame alone read from the disk.

    Raises
    ------
    Refusal
        ``no-crop`` where there is no such slice, ``damaged-frame`` where the file is not as it was.
    """
    frame = Slice.objects.filter(stack=stack, k=k).first()
    if frame is None:
        raise Refusal("no-crop", "There is no such picture among these cases.")
    try:
        stored = decode(read_frame(media_path(stack.pack), frame.offset, frame.length), stack.signed)
    except (OSError, ValueError) as error:
        sentence = "The image of this slice cannot be read. Bring the case in again, and tell the administrator."
        raise Refusal("damaged-frame", sentence) from error
    return sagittal_plane(hounsfield(stored, stack.slope, stack.intercept), stack_geometry(stack), k)


def _tile(row: Row, simulated: bool, body: tuple[int, int] | None, reason: str) -> Tile:
    if body is None:
        return Tile(row, simulated, None, None, reason)
    return Tile(row, simulated, body[0], body[1] if row.k is None else row.k, reason)


def _bodies(vertebrae: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Vertebra -> (its body in the newest anatomy that shows it, the middle slice of that)."""
    final, wanted = final_vertebrae(), set(vertebrae)
    wanted |= {old for old, new in final.items() if new in wanted}
    rows = AnatomyVertebra.objects.filter(vertebra__in=wanted).order_by("anatomy__n")
    return {
        final.get(vertebra, vertebra): (pk, (first + last) // 2)
        for pk, vertebra, first, last in rows.values_list("pk", "vertebra", "first_k", "last_k")
    }


def _reasons(user: User, scope: Scope, cases: Iterable[int]) -> dict[tuple[int, int], str]:
    """(case, vertebra) -> why the panel of the reference settled it so."""
    final = final_vertebrae()
    truths = reads_of(user, scope.cases).get(REFERENCE, {})
    read_of = {truths[case]: case for case in cases if case in truths}
    rows = Settlement.objects.filter(consensus__in=read_of).values_list("consensus", "vertebra", "reason__text")
    return {(read_of[read], final.get(vertebra, vertebra)): text for read, vertebra, text in rows}
