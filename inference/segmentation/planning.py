"""Fingerprint, plan and preprocessing of nnU-Net, each done once and taken up again after a kill. Only for the child.

nnU-Net opens pools of processes for these; here they are threads or a plain loop, for a child that is killed must not
leave grandchildren, and for memory that stays bounded.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from inference.segmentation.raw import case_names, image_path, label_path
from inference.segmentation.settings import TrainingSettings

__all__ = ["CONFIGURATION", "DATASET", "PLANS", "Folders", "extract_fingerprint", "plan", "preprocess"]

DATASET = "Dataset001_Spine"
PLANS = "nnUNetPlans"
CONFIGURATION = "3d_fullres"

Progress = Callable[[int, int], None]


class Folders:
    """Where a training keeps what it makes, below one folder that survives restarts."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.raw = work / "raw" / DATASET
        self.preprocessed = work / "preprocessed" / DATASET
        self.cases = self.preprocessed / f"{PLANS}_{CONFIGURATION}"
        self.results = work / "results"
        self.plans = self.preprocessed / f"{PLANS}.json"

    def into_environment(self, threads: int) -> None:
        """Tell nnU-Net; before anything of it is imported."""
        os.environ.update(
            nnUNet_raw=str(self.work / "raw"),
            nnUNet_preprocessed=str(self.work / "preprocessed"),
            nnUNet_results=str(self.results),
            nnUNet_def_n_proc=str(threads),
            # Planning sets torch's threads to this number, so it must not be 0 before the training itself.
            nnUNet_n_proc_DA="1",
            nnUNet_compile="f",
            MPLBACKEND="agg",
            MPLCONFIGDIR=str(self.work / "matplotlib"),
        )


def extract_fingerprint(folders: Folders, threads: int) -> None:
    """Spacings, shapes and intensities of the training set, into dataset_fingerprint.json."""
    from nnunetv2.experiment_planning.dataset_fingerprint import fingerprint_extractor

    folders.preprocessed.mkdir(parents=True, exist_ok=True)
    with _threads_for_processes(fingerprint_extractor):
        extractor = fingerprint_extractor.DatasetFingerprintExtractor(DATASET, threads)
        extractor.show_progress_bar = False
        extractor.run(overwrite_existing=True)


@contextmanager
def _threads_for_processes(module: Any) -> Iterator[None]:
    processes = module.multiprocessing
    module.multiprocessing = SimpleNamespace(get_context=lambda _: SimpleNamespace(Pool=ThreadPool))
    try:
        yield
    finally:
        module.multiprocessing = processes


def plan(folders: Folders, settings: TrainingSettings) -> None:
    """nnU-Net's plan with what the settings say otherwise."""
    from nnunetv2.experiment_planning.plan_and_preprocess_api import plan_experiments

    identifier = plan_experiments(
        [1],
        settings.planner,
        gpu_memory_target_in_gb=settings.gpu_memory_gb,
        overwrite_target_spacing=settings.spacing,
        overwrite_plans_name=PLANS,
    )
    path = folders.preprocessed / f"{identifier}.json"
    plans = json.loads(path.read_text())
    _adapt(plans, settings)
    shutil.copyfile(folders.raw / "dataset.json", folders.preprocessed / "dataset.json")
    part = path.with_suffix(".part")
    part.write_text(json.dumps(plans, indent=2))
    part.replace(folders.plans)


def _adapt(plans: dict[str, Any], settings: TrainingSettings) -> None:
    """Another patch, batch or network in the plans."""
    from nnunetv2.experiment_planning.experiment_planners.network_topology import get_pool_and_conv_props

    # Other configurations are never trained here.
    plans["configurations"] = {CONFIGURATION: plans["configurations"][CONFIGURATION]}
    own = plans["configurations"][CONFIGURATION]
    own.pop("next_stage", None)
    own.pop("previous_stage", None)
    if settings.batch is not None:
        own["batch_size"] = settings.batch
    if settings.patch is None and settings.features is None and settings.convolutions is None:
        return
    network = own["architecture"]["arch_kwargs"]
    order = plans["transpose_forward"]
    patch = [settings.patch[axis] for axis in order] if settings.patch is not None else own["patch_size"]
    wanted = len(settings.features) if settings.features is not None else network["n_stages"]
    _, strides, kernels, size, _ = get_pool_and_conv_props(own["spacing"], patch, 4, wanted - 1)
    stages = min(wanted, len(strides))
    features = list(settings.features or network["features_per_stage"])[:stages]
    features += [features[-1]] * (stages - len(features))
    own["patch_size"] = [int(n) for n in size]
    network.update(
        n_stages=stages,
        features_per_stage=features,
        strides=[list(one) for one in strides[:stages]],
        kernel_sizes=[list(one) for one in kernels[:stages]],
    )
    _repeat(network, stages, settings.convolutions)


def _repeat(network: dict[str, Any], stages: int, convolutions: int | None) -> None:
    """Convolutions or blocks at each resolution, as many entries as there are resolutions."""
    for name, count in (
        ("n_conv_per_stage", stages),
        ("n_blocks_per_stage", stages),
        ("n_conv_per_stage_decoder", stages - 1),
    ):
        if name in network:
            given = list(network[name]) if convolutions is None else [convolutions]
            network[name] = (given + [given[-1]] * count)[:count]


def preprocess(folders: Folders, progress: Progress) -> None:
    """Every case resampled and normalised; those that lie there are kept."""
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    plans = PlansManager(json.loads(folders.plans.read_text()))
    configuration = plans.get_configuration(CONFIGURATION)
    description = json.loads((folders.raw / "dataset.json").read_text())
    worker = configuration.preprocessor_class(verbose=False)
    folders.cases.mkdir(parents=True, exist_ok=True)
    part = folders.preprocessed / "part"
    names = case_names(folders.raw)
    for place, name in enumerate(names):
        progress(place, len(names))
        if (folders.cases / f"{name}.pkl").is_file():
            continue
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        image, label = image_path(folders.raw, name), label_path(folders.raw, name)
        worker.run_case_save(str(part / name), [str(image)], str(label), plans, configuration, description)
        # The properties last: where they lie, the case is complete.
        for one in sorted(part.iterdir(), key=lambda file: file.suffix == ".pkl"):
            one.replace(folders.cases / one.name)
    shutil.rmtree(part, ignore_errors=True)
