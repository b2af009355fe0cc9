"""What is done to slices before each step of a training, on whole batches.

Turn, zoom and mirror are one resampling about the middle of the crop. What comes in from beyond the crop is its border,
and around the crop the canvas stays 0, as if the crop had been changed first and padded afterwards.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from inference.classifier.recipes import Augmentation

__all__ = ["augmented", "generator"]


def generator(seed: int, epoch: int, batch: int) -> torch.Generator:
    """The random numbers of one batch, the same on every device and after every restart."""
    return torch.Generator().manual_seed(((seed * 1_000_003 + epoch) * 1_000_003 + batch) % 2**63)


def augmented(
    images: Tensor, content: Tensor, augmentation: Augmentation, numbers: torch.Generator, neighbours: bool, mask: bool
) -> Tensor:
    """A changed copy of a batch.

    Parameters
    ----------
    images
        (n, channels, s, s) float in 0..1.
    content
        (n, 4) whole numbers: top, left, height and width of the crop.
    neighbours, mask
        Whether the first three channels are right neighbour, slice, left neighbour, and the last the mask.
    """
    count = len(images)

    def drawn() -> Tensor:
        # Drawn on the processor: the numbers do not depend on the device.
        return torch.rand(count, generator=numbers).to(images.device)

    turn = (2 * drawn() - 1) * math.radians(augmentation.rotation_deg)
    low, high = augmentation.zoom
    zoom = low + (high - low) * drawn()
    mirrored = torch.where(drawn() < augmentation.flip, -1.0, 1.0)
    swapped = drawn() < augmentation.swap
    result = _resampled(images, content.to(images), turn, zoom, mirrored)
    if neighbours:
        exchanged = result.clone()
        exchanged[:, [0, 2]] = result[:, [2, 0]]
        result = torch.where(swapped[:, None, None, None], exchanged, result)
    gain = 1 + augmentation.gain * (2 * drawn() - 1)
    offset = augmentation.offset * (2 * drawn() - 1)
    if not (augmentation.gain or augmentation.offset or augmentation.noise):
        return result
    slices = result[:, :-1] if mask else result
    changed = slices * gain[:, None, None, None] + offset[:, None, None, None]
    if augmentation.noise:
        grain = torch.randn(slices.shape, generator=numbers).to(images.device)
        changed = changed + augmentation.noise * grain
    changed = changed.clamp(0, 1) * _inside(content.to(images), images.shape[-1])[:, None]
    return torch.cat([changed, result[:, -1:]], dim=1) if mask else changed


def _inside(content: Tensor, size: int) -> Tensor:
    """(n, s, s): 1 within the crop, 0 around it."""
    along = torch.arange(size, device=content.device)
    top, left, height, width = content.T[:, :, None]
    rows = (along >= top) & (along < top + height)
    columns = (along >= left) & (along < left + width)
    return (rows[:, :, None] & columns[:, None, :]).to(content.dtype)


def _resampled(images: Tensor, content: Tensor, turn: Tensor, zoom: Tensor, mirrored: Tensor) -> Tensor:
    size = images.shape[-1]
    top, left, height, width = content.T[:, :, None, None]
    middle_y, middle_x = top + (height - 1) / 2, left + (width - 1) / 2
    along = torch.arange(size, device=images.device, dtype=images.dtype)
    y, x = along[None, :, None] - middle_y, along[None, None, :] - middle_x
    cosine, sine = (torch.cos(turn) / zoom)[:, None, None], (torch.sin(turn) / zoom)[:, None, None]
    source_y = cosine * y + sine * x + middle_y
    source_x = (cosine * x - sine * y) * mirrored[:, None, None] + middle_x
    # Beyond the crop its border goes on.
    source_y = torch.minimum(torch.maximum(source_y, top), top + height - 1)
    source_x = torch.minimum(torch.maximum(source_x, left), left + width - 1)
    grid = torch.stack([source_x, source_y], dim=-1) * (2 / (size - 1)) - 1
    sampled = grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=True)
    return sampled * _inside(content, size)[:, None]
