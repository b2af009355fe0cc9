"""Which vertebrae of a case a new mask shows: by the overlap of their bodies, whatever they are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from labeling.anatomy.bodies import MaskVertebra
from labeling.anatomy.boxes import overlap
from labeling.intake.label_maps import Labels, body_map
from labeling.models import Anatomy, AnatomyVertebra, Case, Stack, Vertebra

__all__ = ["dice_pairs", "known_vertebrae"]

#: Dice overlap of two bodies from which they are the same vertebra.
SAME_BODY = 0.5

#: Share of two boxes in common from which they are of one body. A click on the middle of a body gives 0.5 to 0.8 with
#: the mask's box, its neighbours give nothing.
SAME_BOX = 0.25


def known_vertebrae(
    case: Case, stack: Stack, bodies_of_mask: Callable[[], Labels], found: Sequence[MaskVertebra]
) -> dict[int, Vertebra]:
    """Label value → the vertebra of the case that has its body, looking from the newest anatomy back.

    Parameters
    ----------
    bodies_of_mask
        Gives the bodies of the new mask on the grid of the stack; asked once, and only where there is a mask to
        compare with.
    """
    bodies: Labels | None = None
    known: dict[int, Vertebra] = {}
    taken: set[int] = set()
    for anatomy in Anatomy.objects.filter(case=case, stack=stack).exclude(label_map="").order_by("-n"):
        rows = [
            row
            for row in anatomy.vertebrae.select_related("vertebra")
            if row.vertebra_id not in taken and row.vertebra.retired_into_id is None and row.label_value
        ]
        if not rows or len(known) == len(found):
            continue
        if bodies is None:
            bodies = bodies_of_mask()
        of_value = {row.label_value: row.vertebra for row in rows}
        for new, old in dice_pairs(bodies, body_map(anatomy)):
            if new not in known and old in of_value and of_value[old].pk not in taken:
                known[new] = of_value[old]
                taken.add(of_value[old].pk)
    return known | _known_by_box(case, stack, [one for one in found if one.label_value not in known], taken)


def _known_by_box(case: Case, stack: Stack, found: Sequence[MaskVertebra], taken: set[int]) -> dict[int, Vertebra]:
    """As `known_vertebrae`, for bodies that somebody had placed by hand before there was a mask of them."""
    rows = AnatomyVertebra.objects.filter(
        anatomy__case=case, anatomy__stack=stack, label_value=0, vertebra__retired_into__isnull=True
    ).exclude(vertebra__in=taken)
    placed: dict[int, AnatomyVertebra] = {}
    for row in rows.select_related("vertebra").order_by("-anatomy__n", "rank"):
        placed.setdefault(row.vertebra_id, row)
    pairs = [
        (overlap(one.box, row.box), one.label_value, row.vertebra)
        for one in found
        for row in placed.values()
        if one.body_voxels
    ]
    known: dict[int, Vertebra] = {}
    for share, label, vertebra in sorted(pairs, key=lambda pair: -pair[0]):
        if share >= SAME_BOX and label not in known and vertebra not in known.values():
            known[label] = vertebra
    return known


def dice_pairs(one: Labels, other: Labels, least: float = SAME_BODY) -> list[tuple[int, int]]:
    """Pairs of labels of two maps on one grid with a Dice overlap of at least `least`, best first, each label once."""
    together = np.bincount(one.ravel().astype(np.uint16) * 256 + other.ravel(), minlength=65536).reshape(256, 256)
    sizes_one, sizes_other = together.sum(axis=1), together.sum(axis=0)
    pairs: list[tuple[float, int, int]] = []
    for a, b in np.argwhere(together):
        if a and b:
            dice = 2 * together[a, b] / (sizes_one[a] + sizes_other[b])
            if dice >= least:
                pairs.append((-float(dice), int(a), int(b)))
    chosen: dict[int, int] = {}
    for _, a, b in sorted(pairs):
        if a not in chosen and b not in chosen.values():
            chosen[a] = b
    return list(chosen.items())
