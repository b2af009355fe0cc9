"""nnU-Net's trainer, made to survive: only the training child imports this.

Random numbers are drawn anew at each epoch from seed and epoch, and a checkpoint holds the place within the epoch, so
a training that is killed and taken up again takes the same way as one that was not (to the epoch; a part of an epoch
done again draws other patches).
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from inference.segmentation import speaking
from inference.segmentation.settings import TrainingSettings

__all__ = ["CURVES", "Cancelled", "SagittalTrainer", "previous"]

CURVES = {"train loss": "train_losses", "validation loss": "val_losses", "Dice": "mean_fg_dice"}
"""What is plotted of each epoch, and what nnU-Net calls it."""


class Cancelled(Exception):
    """The training was asked to stop."""


class SagittalTrainer(nnUNetTrainer):
    """One training under `TrainingSettings`; build it with `configured`."""

    settings: TrainingSettings
    begun_share = 0.0
    stop = False

    def configured(self, settings: TrainingSettings, begun_share: float) -> SagittalTrainer:
        """Set what nnU-Net has as attributes; `begun_share` of the whole job was done before the first epoch."""
        self.settings, self.begun_share = settings, begun_share
        self.num_epochs = settings.epochs
        self.num_iterations_per_epoch = settings.iterations
        self.num_val_iterations_per_epoch = settings.val_iterations
        self.initial_lr = settings.learning_rate
        self._losses: list[float] = []
        self._saved = time.monotonic()
        return self

    # -- what is left out: pictures, host names, and a figure of the network ----------------------------------------

    def print_plans(self) -> None:
        """Nothing: plans.json holds them."""

    def plot_network_architecture(self) -> None:
        """Nothing: plans.json holds it."""

    def _save_debug_information(self) -> None:
        """Nothing: it would hold the name of the machine."""

    def print_to_log_file(self, *args: Any, also_print_to_console: bool = True, add_timestamp: bool = True) -> None:
        text = " ".join(str(arg) for arg in args).strip()
        if text and "Please cite" not in text:
            speaking.log(text)

    # -- what is different -------------------------------------------------------------------------------------------

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> Any:  # noqa: N802
        rotation, dummy, initial, _ = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        # Left and right alone: no patient lies on the table upside down or back to front.
        axis = list(self.plans_manager.transpose_forward).index(2)
        self.inference_allowed_mirroring_axes = (axis,)
        return rotation, dummy, initial, (axis,)

    def configure_optimizers(self) -> Any:
        if self.settings.optimizer == "sgd":
            return super().configure_optimizers()
        optimizer = torch.optim.AdamW(self.network.parameters(), self.initial_lr, weight_decay=1e-3)
        return optimizer, PolyLRScheduler(optimizer, self.initial_lr, self.num_epochs)

    def run_training(self) -> None:
        """All epochs from where the checkpoint stands.

        Raises
        ------
        Cancelled
            soon after `stop` was set; the last checkpoint lies there.
        """
        self.on_train_start()
        for _ in range(self.current_epoch, self.num_epochs):
            self._epoch()
        self.on_train_end()

    def _epoch(self) -> None:
        self._seed()
        self.on_epoch_start()
        self.on_train_epoch_start()
        while len(self._losses) < self.num_iterations_per_epoch:
            self._check(len(self._losses), "Training")
            self._losses.append(float(self.train_step(next(self.dataloader_train))["loss"]))
            if time.monotonic() - self._saved > self.settings.checkpoint_seconds:
                self.save_checkpoint(self.latest)
        self.on_train_epoch_end([{"loss": loss} for loss in self._losses])
        with torch.no_grad():
            self.on_validation_epoch_start()
            found = []
            for _ in range(self.num_val_iterations_per_epoch):
                self._check(len(self._losses), "Training")
                found.append(self.validation_step(next(self.dataloader_val)))
            self.on_validation_epoch_end(found)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        self.logger.log("epoch_end_timestamps", time.time(), self.current_epoch)
        self._losses = []
        self.current_epoch += 1
        self.save_checkpoint(self.latest)
        self.tell(self.current_epoch - 1)

    def tell(self, epoch: int) -> None:
        """Say the points of one epoch."""
        for name, key in CURVES.items():
            speaking.curve(name, epoch + 1, float(self.logger.get_value(key, step=epoch)))

    @property
    def latest(self) -> str:
        return str(Path(self.output_folder) / "checkpoint_latest.pth")

    def on_train_end(self) -> None:
        self.save_checkpoint(str(Path(self.output_folder) / "checkpoint_final.pth"))

    def save_checkpoint(self, filename: str) -> None:
        """Write a checkpoint that is complete whenever the process dies."""
        checkpoint = {
            "network_weights": self.network.state_dict(),
            "optimizer_state": self.optimizer.state_dict(),
            "grad_scaler_state": self.grad_scaler.state_dict() if self.grad_scaler is not None else None,
            "logging": self.logger.get_checkpoint(),
            "_best_ema": self._best_ema,
            "current_epoch": self.current_epoch,
            "init_args": {name: value for name, value in self.my_init_kwargs.items() if name != "device"},
            # The network is nnU-Net's own, so that nnU-Net alone can load it, too.
            "trainer_name": "nnUNetTrainer",
            "inference_allowed_mirroring_axes": self.inference_allowed_mirroring_axes,
            "losses_of_epoch": list(self._losses),
        }
        part = f"{filename}.part"
        with open(part, "wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
        if filename == self.latest and Path(filename).is_file():
            # The one before stays, should a power cut take the last one's bytes.
            os.replace(filename, previous(Path(filename)))
        os.replace(part, filename)
        self._saved = time.monotonic()

    def load_checkpoint(self, filename_or_checkpoint: Any) -> None:
        """Take up a training where the checkpoint left it, within an epoch, too."""
        super().load_checkpoint(filename_or_checkpoint)
        checkpoint = torch.load(filename_or_checkpoint, map_location="cpu", weights_only=False)
        self._losses = list(checkpoint["losses_of_epoch"])

    def _check(self, done: int, name: str) -> None:
        if self.stop:
            raise Cancelled
        epochs = (self.current_epoch + done / self.num_iterations_per_epoch) / self.num_epochs
        text = f"{name}: epoch {self.current_epoch + 1} of {self.num_epochs}"
        speaking.stage(text, self.begun_share + (TRAINED_SHARE - self.begun_share) * epochs)

    def _seed(self) -> None:
        seed = (self.settings.seed * 100_003 + self.current_epoch * 1_009 + len(self._losses)) % 2**32
        random.seed(seed)
        np.random.seed(seed)  # the loaders of nnU-Net draw from the global numbers
        torch.manual_seed(seed)


def previous(latest: Path) -> Path:
    """The checkpoint before the latest."""
    return latest.with_name("checkpoint_previous.pth")


TRAINED_SHARE = 0.92
"""Share of the whole job that is done when the last epoch is."""
