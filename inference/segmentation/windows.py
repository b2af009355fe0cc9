"""The sliding window: tile by tile over a volume, and the scores taken back to its own grid as they become final.

Scores of all classes over a whole volume would fill the memory (26 classes of 512 x 512 x 600 are 16 GB). So tiles go
along one axis; rows that no later tile reaches are final, are taken to the grid of the input by linear interpolation of
the scores (outlines come out smooth, not in steps of the network's voxels) and forgotten. Only for the child.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product
from typing import Any

import numpy as np
import torch
from nnunetv2.inference.sliding_window_prediction import compute_gaussian, compute_steps_for_sliding_window
from numpy.typing import NDArray

from inference.segmentation.network import Model

__all__ = ["TILE_STEP", "LabelWriter", "padded", "slide"]

TILE_STEP = 0.5
"""Of a tile's size from one tile to the next; nnU-Net's own."""

_BACKGROUND = 10.0
"""Score of the background where a tile is air and no network is asked."""

_CHUNK_VALUES = 24_000_000
"""Scores that are interpolated at once: 100 MB."""


class LabelWriter:
    """Takes final rows of scores in order and writes the label with the highest score onto the grid of the input.

    Parameters
    ----------
    target
        View of the map to be written, the axis of the rows first.
    shape
        Of the network's grid over the same field of view, in the same order of axes.
    table
        From the model's labels to those that are written.
    """

    def __init__(self, target: NDArray[np.uint8], shape: tuple[int, int, int], table: NDArray[np.uint8]) -> None:
        self.target, self.shape, self.table = target, shape, table
        self.at = [_positions(n, m) for n, m in zip(target.shape, shape, strict=True)]
        self.kept: torch.Tensor | None = None
        self.next_row = 0
        self.done = 0

    def write(self, scores: torch.Tensor) -> None:
        """Scores (classes, rows, ...) of the next rows of the network's grid."""
        first = self.next_row
        if self.kept is not None:
            scores, first = torch.cat([self.kept, scores], dim=1), first - 1
        end = first + scores.shape[1]
        self.next_row = end
        _, high, _ = self.at[0]
        # A row is due when both rows about it are there.
        due = int(np.searchsorted(high, end, side="left"))
        if due > self.done:
            self._write_rows(scores, first, self.done, due)
            self.done = due
        self.kept = scores[:, -1:].clone()

    def _write_rows(self, scores: torch.Tensor, first: int, start: int, stop: int) -> None:
        box = _foreground(scores)
        if box is None:
            return
        (top, bottom), sides = box[0], box[1:]
        part = scores[:, :, sides[0][0] : sides[0][1], sides[1][0] : sides[1][1]]
        spans = [_reached(self.at[axis + 1], *side) for axis, side in enumerate(sides)]
        size = part.shape[0] * (spans[0][1] - spans[0][0]) * (spans[1][1] - spans[1][0])
        if not size:
            return
        thick = max(1, _CHUNK_VALUES // size)
        low, high, share = self.at[0]
        for begin in range(start, stop, thick):
            rows = slice(begin, min(begin + thick, stop))
            if high[rows].max() < first + top or low[rows].min() >= first + bottom:
                continue
            block = _between(part, 1, low[rows] - first, high[rows] - first, share[rows])
            for axis, (span, side) in enumerate(zip(spans, sides, strict=True)):
                lower, upper, weight = self.at[axis + 1]
                on = slice(*span)
                block = _between(block, axis + 2, lower[on] - side[0], upper[on] - side[0], weight[on])
            labels = block.argmax(dim=0).numpy().astype(np.uint8)
            self.target[rows, spans[0][0] : spans[0][1], spans[1][0] : spans[1][1]] = self.table[labels]


def slide(
    model: Model,
    image: torch.Tensor,
    along: int,
    write: Callable[[torch.Tensor], None],
    *,
    device: torch.device,
    mirroring: bool = False,
    air: float = -np.inf,
    progress: Callable[[int, int], None] = lambda done, all_: None,
) -> None:
    """Ask the networks tile by tile and hand out the mean scores, row after row along one axis.

    Parameters
    ----------
    image
        Normalised, along the network's axes; at least one tile along each, see `padded`.
    along
        The axis whose rows are handed out in order.
    write
        Gets (classes, rows, the other two axes) on the CPU.
    air
        Tiles with nothing brighter are background without asking.
    """
    patch, heads = model.patch, model.heads
    starts = [list(map(int, one)) for one in compute_steps_for_sliding_window(tuple(image.shape), patch, TILE_STEP)]
    weight = compute_gaussian(
        tuple(patch), sigma_scale=1.0 / 8, value_scaling_factor=10, dtype=torch.float32, device=torch.device("cpu")
    )
    rest = [axis for axis in range(3) if axis != along]
    shape = (patch[along], *(image.shape[axis] for axis in rest))
    scores, weights = torch.zeros((heads, *shape)), torch.zeros(shape)
    turned = weight.movedim(along, 0)
    base, count = 0, 0
    total = len(starts[0]) * len(starts[1]) * len(starts[2])
    networks = [network.to(device) for network in model.networks]
    for start in starts[along]:
        if start > base:
            write(scores[:, : start - base] / weights[: start - base])
            _shift(scores, start - base, 1)
            _shift(weights, start - base, 0)
            base = start
        for others in product(*(starts[axis] for axis in rest)):
            corner = dict(zip(rest, others, strict=True)) | {along: start}
            tile = image[tuple(slice(corner[axis], corner[axis] + patch[axis]) for axis in range(3))]
            place = tuple(slice(one, one + patch[axis]) for one, axis in zip(others, rest, strict=True))
            if float(tile.max()) <= air:
                scores[0][(slice(None), *place)] += _BACKGROUND * turned
            else:
                found = _asked(networks, tile.to(device)[None, None], model.mirrors if mirroring else ())
                scores[(slice(None), slice(None), *place)] += (found.float().cpu() * weight).movedim(along + 1, 1)
            weights[(slice(None), *place)] += turned
            count += 1
            progress(count, total)
    write(scores / weights)


def padded(image: NDArray[Any], patch: tuple[int, int, int]) -> tuple[NDArray[Any], tuple[slice, slice, slice]]:
    """The image with zeros about it where it is smaller than a tile, and where in it the image lies."""
    missing = [max(0, p - n) for p, n in zip(patch, image.shape, strict=True)]
    before = [one // 2 for one in missing]
    inner = [slice(b, b + n) for b, n in zip(before, image.shape, strict=True)]
    if any(missing):
        image = np.pad(image, [(b, m - b) for b, m in zip(before, missing, strict=True)])
    return image, (inner[0], inner[1], inner[2])


def _asked(networks: list[torch.nn.Module], tile: torch.Tensor, mirrors: tuple[int, ...]) -> torch.Tensor:
    """Mean scores (classes, tile) of all networks and mirror images."""
    flips = [axes for count in range(len(mirrors) + 1) for axes in combinations([axis + 2 for axis in mirrors], count)]
    total: Any = 0
    for network in networks:
        for axes in flips:
            scores = network(torch.flip(tile, axes) if axes else tile)
            total = total + (torch.flip(scores, axes) if axes else scores)
    result: torch.Tensor = total[0] / (len(networks) * len(flips))
    return result


def _shift(values: torch.Tensor, by: int, axis: int) -> None:
    """Move rows to the front by `by`, in place; zeros come in behind."""
    kept = values.shape[axis] - by
    # Overlapping copies within one tensor are undefined, so through a copy, class by class where there are classes.
    for one in values.unbind(0) if axis == 1 else (values,):
        if kept > 0:
            one[:kept] = one[by:].clone()
        one[max(kept, 0) :] = 0


def _positions(old: int, new: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Of each of `old` voxels the two of `new` voxels over the same length about it, and how near the upper one is."""
    at = np.clip((np.arange(old) + 0.5) * (new / old) - 0.5, 0, new - 1)
    low = np.floor(at).astype(np.intp)
    return low, np.minimum(low + 1, new - 1), (at - low).astype(np.float32)


def _foreground(scores: torch.Tensor) -> list[tuple[int, int]] | None:
    """Half-open ranges, with a margin of one, of the rows and sides where any class beats the background."""
    found = (scores[1:].amax(dim=0) > scores[0]).numpy()
    ranges = []
    for axis in range(3):
        used = np.flatnonzero(found.any(axis=tuple(other for other in range(3) if other != axis)))
        if not len(used):
            return None
        ranges.append((max(0, int(used[0]) - 1), min(found.shape[axis], int(used[-1]) + 2)))
    return ranges


def _reached(at: tuple[NDArray[np.intp], NDArray[np.intp], Any], start: int, stop: int) -> tuple[int, int]:
    """The half-open range of input voxels that lie between voxels start..stop-1 of the network's grid."""
    inside = np.flatnonzero((at[0] >= start) & (at[1] < stop))
    return (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (0, 0)


def _between(
    values: torch.Tensor, axis: int, low: NDArray[np.intp], high: NDArray[np.intp], share: NDArray[np.float32]
) -> torch.Tensor:
    """Linear interpolation along one axis."""
    weight = torch.from_numpy(share).reshape([-1 if one == axis else 1 for one in range(values.ndim)])
    lower = values.index_select(axis, torch.from_numpy(low))
    return lower.lerp_(values.index_select(axis, torch.from_numpy(high)), weight)
