"""Batches for training: gathered from the mapped images in one go, in an order that seed and epoch alone decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler

from inference.classifier.manifest import SliceSet

__all__ = ["Batch", "EpochSampler", "Slices", "training_loader", "validation_loader"]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """images (n, channels, s, s) uint8, labels (n,), content (n, 4), places (n,) in the set."""

    images: Tensor
    labels: Tensor
    content: Tensor
    places: Tensor

    def to(self, device: torch.device | str, **kwargs: Any) -> Batch:
        """On another device."""
        return Batch(*(one.to(device, **kwargs) for one in (self.images, self.labels, self.content, self.places)))


class Slices(Dataset[Batch]):
    """The slices of a set at `places`; asked for many at a time."""

    def __init__(self, source: SliceSet, places: NDArray[np.intp]) -> None:
        self.source, self.places = source, places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, item: int) -> Batch:
        return self.__getitems__([item])

    def __getitems__(self, items: Sequence[int]) -> Batch:
        """One gather for the whole batch."""
        places = self.places[np.asarray(items)]
        return Batch(
            torch.from_numpy(np.asarray(self.source.images[places])),
            torch.from_numpy(self.source.labels[places]),
            torch.from_numpy(self.source.content[places]),
            torch.from_numpy(places.astype(np.int64)),
        )


class EpochSampler(Sampler[int]):
    """Another order in each epoch, drawn from seed and epoch: a training that is taken up goes the same way.

    Parameters
    ----------
    weights
        Chances of the entries, drawn with replacement; None for each once.
    """

    def __init__(self, count: int, seed: int, weights: Tensor | None = None) -> None:
        self.count, self.seed, self.weights, self.epoch = count, seed, weights, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        numbers = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        if self.weights is None:
            order = torch.randperm(self.count, generator=numbers)
        else:
            order = torch.multinomial(self.weights, self.count, replacement=True, generator=numbers)
        return iter(order.tolist())


def training_loader(source: SliceSet, batch: int, seed: int, balanced: bool) -> DataLoader[Batch]:
    """Batches of the training split; `balanced` draws fractures and others equally often."""
    places = np.flatnonzero(source.training)
    weights = None
    if balanced:
        labels = source.labels[places]
        weights = torch.from_numpy(1.0 / np.bincount(labels, minlength=2)[labels])
    sampler = EpochSampler(len(places), seed, weights)
    return _loader(Slices(source, places), BatchSampler(sampler, batch, drop_last=False))


def validation_loader(source: SliceSet, batch: int) -> DataLoader[Batch]:
    """Batches of the validation split, in the order of the manifest."""
    places = np.flatnonzero(~source.training)
    return _loader(Slices(source, places), BatchSampler(range(len(places)), batch, drop_last=False))


def _loader(slices: Slices, batches: BatchSampler) -> DataLoader[Batch]:
    # In this process: gathering is quicker than sending batches between processes.
    return DataLoader(slices, batch_sampler=batches, num_workers=0, collate_fn=_as_it_is)


def _as_it_is(batch: Any) -> Any:
    return batch
