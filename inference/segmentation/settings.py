"""What may be set of a training, checked before anything is begun."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from labeling.imaging.refusal import Refusal

__all__ = ["PLANNERS", "TrainingSettings"]

PLANNERS = ("ExperimentPlanner", "nnUNetPlannerResEncM", "nnUNetPlannerResEncL", "nnUNetPlannerResEncXL")


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Settings of one training; what is None is left to nnU-Net's planner.

    epochs, iterations, val_iterations
        Steps of an epoch, and of the validation at its end. nnU-Net's own are 1000, 250 and 50.
    planner, gpu_memory_gb
        Which network nnU-Net plans, and for how much memory.
    features
        Of each resolution, the finest first: [8, 16, 32, 64] is slim, [32, 64, 128, 256, 320, 320] nnU-Net's own.
    convolutions
        Of each resolution in the encoder and in the decoder.
    patch
        Voxels (head-feet, front-back, left-right).
    spacing
        Millimetres, in the same order.
    learning_rate
        0.01 for `sgd`, nnU-Net's own; about 0.002 for `adamw`, which is sooner done in a short training.
    checkpoint_seconds
        A checkpoint is written after each epoch, and within one when the last is older than this.
    threads
        Processor cores; 0 for those that there are.
    validate
        Whether the cases kept for validation are segmented as a whole at the end.
    """

    epochs: int = 250
    iterations: int = 250
    val_iterations: int = 50
    planner: str = "ExperimentPlanner"
    gpu_memory_gb: float = 8.0
    features: tuple[int, ...] | None = None
    convolutions: int | None = None
    patch: tuple[int, int, int] | None = None
    spacing: tuple[float, float, float] | None = None
    batch: int | None = None
    fold: int = 0
    learning_rate: float = 0.01
    optimizer: str = "sgd"
    seed: int = 0
    device: str = "auto"
    threads: int = 0
    checkpoint_seconds: float = 120.0
    validate: bool = True

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> TrainingSettings:
        """From the settings of a job.

        Raises
        ------
        Refusal
            ``bad-settings`` for a name that there is not, or a value that makes no training.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(given) - known)
        if unknown:
            raise _refused(f"There is no setting {unknown[0]!r}. There are {', '.join(sorted(known))}.")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
        }
        settings = cls(**values)
        try:
            settings._check()
        except TypeError as error:
            raise _refused(f"A setting is of another kind than it should be: {error}.") from error
        return settings

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def planned(self) -> dict[str, Any]:
        """Those that change what is planned and preprocessed; a training goes on under others of the rest."""
        names = ("planner", "gpu_memory_gb", "features", "convolutions", "patch", "spacing", "batch")
        return {name: value for name, value in self.plain().items() if name in names}

    def _check(self) -> None:
        for name, least, most in (
            ("epochs", 1, 10_000),
            ("iterations", 1, 10_000),
            ("val_iterations", 1, 10_000),
            ("fold", 0, 99),
            ("seed", 0, 2**31),
            ("threads", 0, 1024),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise _refused(f"The setting {name} is {value!r}. Give a whole number from {least} to {most}.")
        if self.planner not in PLANNERS:
            raise _refused(f"There is no planner {self.planner!r}. There are {', '.join(PLANNERS)}.")
        if self.optimizer not in ("sgd", "adamw"):
            raise _refused(f"There is no optimizer {self.optimizer!r}. There are sgd and adamw.")
        if self.device not in ("auto", "cpu", "cuda"):
            raise _refused(f"There is no device {self.device!r}. There are auto, cpu and cuda.")
        if not 0 < self.learning_rate <= 1:
            raise _refused(f"The learning rate is {self.learning_rate!r}. Give a number above 0 and up to 1.")
        if not 0.1 <= self.gpu_memory_gb <= 200:
            raise _refused(f"The memory is {self.gpu_memory_gb!r} GB. Give 0.1 to 200.")
        if self.checkpoint_seconds <= 0:
            raise _refused("The seconds between two checkpoints are above zero.")
        self._check_network()

    def _check_network(self) -> None:
        if self.features is not None and not (
            2 <= len(self.features) <= 8 and all(isinstance(n, int) and 1 <= n <= 1024 for n in self.features)
        ):
            raise _refused(
                f"The features are {self.features!r}. Give 2 to 8 whole numbers, the finest resolution first."
            )
        if self.convolutions is not None and self.convolutions not in (1, 2, 3):
            raise _refused(f"There are {self.convolutions!r} convolutions at each resolution. Give 1, 2 or 3.")
        if self.patch is not None and not (
            len(self.patch) == 3 and all(isinstance(n, int) and 8 <= n <= 512 for n in self.patch)
        ):
            raise _refused(f"The patch is {self.patch!r}. Give three whole numbers from 8 to 512.")
        if self.spacing is not None and not (len(self.spacing) == 3 and all(0.2 <= n <= 20 for n in self.spacing)):
            raise _refused(f"The spacing is {self.spacing!r}. Give three numbers of millimetres from 0.2 to 20.")
        if self.batch is not None and not 1 <= self.batch <= 64:
            raise _refused(f"The batch is {self.batch!r}. Give 1 to 64.")


def _refused(sentence: str) -> Refusal:
    return Refusal("bad-settings", sentence)
