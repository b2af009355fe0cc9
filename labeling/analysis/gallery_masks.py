"""Segmentation before and after: the anatomy as it came of a model beside the one that a person confirmed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labeling.analysis.gallery import hounsfield_slice
from labeling.analysis.gather import final_vertebrae
from labeling.analysis.scope import Scope
from labeling.imaging.body_crops import BONE, png
from labeling.imaging.outlines import Ring, decode
from labeling.imaging.refusal import Refusal
from labeling.imaging.vertebral_crops import windowed
from labeling.intake.frames import media_path
from labeling.models import Anatomy, AnatomyVertebra
from labeling.statistics.gallery_drawing import Outlined, outlined_figure

__all__ = ["Corrected", "corrected", "masks_figure"]


@dataclass(frozen=True)
class Corrected:
    """A case whose confirmed anatomy is not the one that came: `before` and `after` are anatomies.

    changes: what a person did, in words.
    """

    case: int
    name: str
    before: int
    after: int
    changes: tuple[str, ...]


def corrected(scope: Scope) -> list[Corrected]:
    """Cases whose segmentation a person corrected, most changes first."""
    rows = Anatomy.objects.filter(case__in=scope.cases).select_related("case__patient").order_by("n")
    anatomies = {one.pk: one for one in rows}
    newest = {one.case_id: one for one in anatomies.values() if one.confirmed_at is not None}
    pairs = [(_root(anatomies, one), one) for one in newest.values()]
    pairs = [(first, last) for first, last in pairs if first.pk != last.pk and first.outlines]
    levels = _levels([one.pk for pair in pairs for one in pair])
    found = [
        Corrected(
            last.case_id,
            last.case.name,
            first.pk,
            last.pk,
            _changes(levels.get(first.pk, {}), levels.get(last.pk, {})),
        )
        for first, last in pairs
    ]
    return sorted((one for one in found if one.changes), key=lambda one: (-len(one.changes), one.name))


def masks_figure(scope: Scope, after: int) -> str:
    """Both anatomies over the same slice, through the middle of the confirmed bodies, as SVG.

    Raises
    ------
    Refusal
        ``no-crop`` where it is none of these cases, or was not corrected; ``damaged-frame``.
    """
    one = next((one for one in corrected(scope) if one.after == after), None)
    if one is None:
        raise Refusal("no-crop", "There is no such picture among these cases.")
    first, last = (Anatomy.objects.select_related("stack").get(pk=pk) for pk in (one.before, one.after))
    rows = list(last.vertebrae.all())
    middles = sorted((row.first_k + row.last_k) // 2 for row in rows)
    k = middles[len(middles) // 2] if middles else last.stack.slices_count // 2
    plane = hounsfield_slice(last.stack, k)
    picture = png(windowed(plane.values.astype(np.float32), BONE))
    panels = [
        Outlined(title, _shapes(anatomy, k))
        for title, anatomy in (("As it came", first), ("As a person confirmed it", last))
    ]
    height, width = plane.values.shape
    size_mm = (width * plane.spacing[1], height * plane.spacing[0])
    words = f"{one.name}, slice {k + 1}: {'; '.join(one.changes)}."
    return outlined_figure("masks", f"Segmentation of {one.name}", words, picture, (width, height), size_mm, panels)


def _root(anatomies: dict[int, Anatomy], one: Anatomy) -> Anatomy:
    """The first version that this one goes back to."""
    while one.parent_id is not None and one.parent_id in anatomies:
        one = anatomies[one.parent_id]
    return one


def _levels(anatomies: list[int]) -> dict[int, dict[int, str]]:
    """Anatomy -> vertebra -> level."""
    final, found = final_vertebrae(), dict[int, dict[int, str]]()
    rows = AnatomyVertebra.objects.filter(anatomy__in=anatomies).order_by("rank")
    for anatomy, vertebra, level in rows.values_list("anatomy", "vertebra", "level"):
        found.setdefault(anatomy, {})[final.get(vertebra, vertebra)] = level
    return found


def _changes(before: dict[int, str], after: dict[int, str]) -> tuple[str, ...]:
    renamed = [
        f"{before[vertebra] or 'unnamed'} is {level or 'unnamed'}"
        for vertebra, level in after.items()
        if vertebra in before and before[vertebra] != level
    ]
    added = [f"{level or 'an unnamed one'} added" for vertebra, level in after.items() if vertebra not in before]
    gone = [f"{level or 'an unnamed one'} taken out" for vertebra, level in before.items() if vertebra not in after]
    return (*renamed, *added, *gone)


def _shapes(anatomy: Anatomy, k: int) -> list[tuple[str, list[Ring]]]:
    """(level, rings) of the bodies in a slice; one placed by hand has no outline."""
    if not anatomy.outlines:
        return []
    try:
        rings = decode(media_path(anatomy.outlines).read_bytes()).get(k, {})
    except (OSError, ValueError) as error:
        raise Refusal("damaged-frame", "The outlines of this case cannot be read. Bring its mask in again.") from error
    names = dict(anatomy.vertebrae.values_list("label_value", "level"))
    return [(names.get(value, ""), found) for value, found in sorted(rings.items())]
