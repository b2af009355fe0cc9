"""The training as Lightning sees it: one step, one validation, what is kept. Only the training child imports this."""

from __future__ import annotations

import copy
import math
import os
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, StepLR

from inference.classifier.augment import augmented, generator
from inference.classifier.data import Batch
from inference.classifier.manifest import SliceSet
from inference.classifier.metrics import area_under_curve, average_precision, pool
from inference.classifier.prepare import prepared
from inference.classifier.recipes import Recipe
from inference.classifier.stopping import Cancelled
from inference.segmentation import speaking

__all__ = ["CURVES", "SliceClassifier", "Watch"]

CURVES = ("train loss", "validation loss", "vertebra average precision", "vertebra AUC")


class SliceClassifier(pl.LightningModule):
    """A network in training under a recipe.

    Attributes
    ----------
    history
        A point of every curve for each epoch.
    best
        Weights of the epoch that is to be kept; `best_epoch` counts from 0, `best_value` is the lower the better, and
        of equals `best_loss` decides: on few vertebrae the first epoch may already tell all of them apart, barely.
    begun_from
        Where the weights came from.
    best_logits
        Of the validation slices at that epoch, in the order of the manifest.
    """

    def __init__(self, net: nn.Module, recipe: Recipe, source: SliceSet, seed: int, begun_from: dict[str, str]) -> None:
        super().__init__()
        self.net, self.recipe, self.source, self.seed = net, recipe, source, seed
        self.begun_from = begun_from
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.best_epoch, self.best_value, self.best_loss = -1, float("inf"), float("inf")
        self.best_logits: Tensor = torch.empty(0)
        self._losses: list[tuple[float, int]] = []
        self._seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, 2) of slices that are prepared."""
        logits: Tensor = self.net(images)
        return logits

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return batch.to(device)

    def configure_optimizers(self) -> Any:
        recipe = self.recipe
        if recipe.optimizer == "sgd":
            optimizer: torch.optim.Optimizer = torch.optim.SGD(
                self.net.parameters(), recipe.learning_rate, recipe.momentum, weight_decay=recipe.weight_decay
            )
        else:
            optimizer = torch.optim.AdamW(self.net.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
        schedule: LRScheduler = (
            StepLR(optimizer, recipe.step_epochs, recipe.gamma)
            if recipe.schedule == "step"
            else CosineAnnealingLR(optimizer, recipe.epochs)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "epoch"}}

    def on_train_epoch_start(self) -> None:
        # Whatever draws from the global numbers (dropout) starts anew in each epoch, so that a restart changes nothing.
        torch.manual_seed((self.seed * 1_000_003 + self.current_epoch) % 2**63)
        self._losses = []

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        recipe = self.recipe
        numbers = generator(self.seed, self.current_epoch, batch_idx)
        images = batch.images.float() / 255
        slices = recipe.slices
        images = augmented(
            images, batch.content, recipe.augmentation, numbers, slices.neighbour_mm is not None, slices.mask
        )
        loss = cross_entropy(self(prepared(images, recipe)), batch.labels)
        self._losses.append((float(loss.detach()), len(batch.labels)))
        return loss

    def on_validation_epoch_start(self) -> None:
        self._seen = []

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._seen.append(self(prepared(batch.images.float() / 255, self.recipe)).float().cpu())

    def on_validation_epoch_end(self) -> None:
        logits = torch.cat(self._seen)
        kept = ~self.source.training
        labels = self.source.labels[kept]
        loss = float(cross_entropy(logits, torch.from_numpy(labels)))
        difference = (logits[:, 1] - logits[:, 0]).double()
        of = pool(difference.numpy(), self.source.vertebrae[kept], self.recipe.pooling, labels)
        precision, area = average_precision(of.labels, of.logits), area_under_curve(of.labels, of.logits)
        trained = sum(value * count for value, count in self._losses) / max(sum(count for _, count in self._losses), 1)
        self.history.append(dict(zip(CURVES, (trained, loss, precision, area), strict=True)))
        # Where no vertebra of the validation set is fractured there is no precision to choose by.
        by_loss = self.recipe.selection == "validation loss" or precision != precision
        value = loss if by_loss else -precision
        # Logits that are no numbers may still be in some order: no such epoch is better than one that has them.
        if not (math.isfinite(value) and math.isfinite(loss) and bool(torch.isfinite(logits).all())):
            value = loss = math.inf
        if (value, loss) < (self.best_value, self.best_loss) or self.best_epoch < 0:
            self.best_value, self.best_loss, self.best_epoch = value, loss, len(self.history) - 1
            self.best = {name: tensor.detach().cpu().clone() for name, tensor in self.net.state_dict().items()}
            self.best_logits = difference

    @property
    def is_tired(self) -> bool:
        """Whether so many epochs were no better that the recipe ends here."""
        patience = self.recipe.patience
        return patience is not None and len(self.history) - 1 - self.best_epoch >= patience

    def logits_of_best(self) -> NDArray[np.float64]:
        """Of the validation slices, at the epoch that is kept."""
        return np.asarray(self.best_logits.numpy(), dtype=np.float64)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["sagittal"] = {
            "history": copy.deepcopy(self.history),
            "best": self.best,
            "best_epoch": self.best_epoch,
            "best_value": self.best_value,
            "best_loss": self.best_loss,
            "best_logits": self.best_logits,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        own = checkpoint["sagittal"]
        history, best, best_logits = list(own["history"]), dict(own["best"]), own["best_logits"]
        best_epoch, best_value, best_loss = int(own["best_epoch"]), float(own["best_value"]), float(own["best_loss"])
        # All of it or nothing: a checkpoint that lacks something leaves the module as it was.
        self.history, self.best, self.best_logits = history, best, best_logits
        self.best_epoch, self.best_value, self.best_loss = best_epoch, best_value, best_loss


class Watch(pl.Callback):
    """Says how far the training is, writes a checkpoint after each epoch, and stops it when asked.

    Parameters
    ----------
    latest
        The checkpoint; complete whenever the process dies.
    """

    def __init__(self, latest: Path) -> None:
        self.latest = latest
        self.stop = False

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *rest: Any) -> None:
        if self.stop:
            raise Cancelled
        batches = float(trainer.num_training_batches) or 1.0
        epochs = trainer.current_epoch + (int(rest[-1]) + 1) / batches
        of = int(trainer.max_epochs or 1)
        speaking.stage(f"Training: epoch {trainer.current_epoch + 1} of {of}", BEGUN + (ENDED - BEGUN) * epochs / of)

    def on_validation_batch_end(self, *rest: Any) -> None:
        if self.stop:
            raise Cancelled

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not isinstance(pl_module, SliceClassifier):
            raise TypeError("This watches the training of a classifier of slices.")
        part = self.latest.with_suffix(".part")
        trainer.save_checkpoint(part)
        with open(part, "rb") as file:
            os.fsync(file.fileno())
        os.replace(part, self.latest)
        tell(pl_module.history, len(pl_module.history) - 1)
        if pl_module.is_tired:
            trainer.should_stop = True


BEGUN, ENDED = 0.05, 0.95
"""Shares of the whole job that are done when the first epoch begins and when the last has ended."""


def tell(history: list[dict[str, float]], epoch: int) -> None:
    """Say the points of one epoch."""
    for name, value in history[epoch].items():
        speaking.curve(name, epoch + 1, value)
