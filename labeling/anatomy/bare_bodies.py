"""The bodies of a map without their arches, whatever its values mean: names, or the numbers of unnamed ones."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from labeling.anatomy.corpus import largest_pieces, vertebral_body

__all__ = ["bare_bodies"]

Labels = NDArray[np.uint8]


def bare_bodies(labels: Labels, values: Collection[int], spacing: NDArray[np.float64]) -> Labels:
    """The voxels of the bodies with these values, each with the value it had: a new array.

    Parameters
    ----------
    labels
        (k, r, c), axes right to left, head to feet, front to back.
    values
        Which of its values are vertebrae to be kept; what is not in the map is not in the result.
    spacing
        mm along the axes.
    """
    bodies = np.zeros_like(labels)
    for value, region in enumerate(ndimage.find_objects(labels), start=1):
        if region is None or value not in values:
            continue
        pieces = largest_pieces(labels[region] == value, spacing).mask
        (tight,) = ndimage.find_objects(pieces.astype(np.uint8))
        body = vertebral_body(pieces[tight], spacing)
        bodies[region][tight][body] = value
    return bodies
