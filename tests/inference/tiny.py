"""The smallest training that still finds every body: for tests that train for real.

On two idle cores the set takes 7 s to simulate, the training about 40 s (half of it imports and preparation) and a
prediction 8 s (of which 6 are imports); beside other work as many times longer as there is other work.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inference.segmentation.simulated import write_simulated
from inference.simulate import CaseSpec, SimulatedCase, simulate_case

#: 3 mm voxels, patches of 96 x 72 x 72 mm, 27 thousand weights.
SETTINGS: dict[str, Any] = {
    "epochs": 8,
    "iterations": 20,
    "val_iterations": 2,
    "planner": "ExperimentPlanner",
    "gpu_memory_gb": 1.0,
    "features": [8, 16, 24],
    "convolutions": 1,
    "patch": [32, 24, 24],
    "spacing": [3.0, 3.0, 3.0],
    "batch": 2,
    "optimizer": "adamw",
    "learning_rate": 0.008,
    "seed": 3,
    "device": "cpu",
    # More threads are faster on an idle machine, and wait for each other on a busy one.
    "threads": 1,
    "validate": False,
}

_SMALL = CaseSpec(
    top="L1",
    bottom="L3",
    sacrum=False,
    cut_bottom=True,
    slice_mm=3.0,
    pixel_mm=1.5,
    width_mm=72.0,
    depth_mm=110.0,
    age=55,
)


def specs() -> list[tuple[CaseSpec, int]]:
    """Five spines to train on and one to validate on, with their seeds."""
    fields = [("T11", "L1"), ("L1", "L3"), ("T12", "L2"), ("L2", "L4"), ("T10", "T12"), ("L1", "L3")]
    return [(replace(_SMALL, top=top, bottom=bottom), 500 + n) for n, (top, bottom) in enumerate(fields)]


def write_dataset(folder: Path) -> Path:
    """A raw folder of nnU-Net: six small simulated cases, bodies and (nowhere in view) sacrum."""
    write_simulated(folder, specs(), validate=1, seed=5, disturb=False)
    return folder


def unseen() -> SimulatedCase:
    """A case that is not in the set: T12 to L3, cut above and below."""
    return simulate_case(replace(_SMALL, top="T12", bottom="L3"), 900)


def untrained_model(
    folder: Path,
    *,
    labels: dict[str, int] | None = None,
    features: tuple[int, ...] = (4, 8),
    patch: tuple[int, int, int] = (16, 16, 16),
    spacing: tuple[float, float, float] = (3.0, 3.0, 3.0),
    order: tuple[int, int, int] = (0, 1, 2),
) -> Path:
    """A model folder with random weights, all that a prediction needs of one and nothing learned."""
    import torch
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    labels = labels or {"background": 0, "body": 1}
    stages = len(features)
    shape = {
        "n_stages": stages,
        "features_per_stage": list(features),
        "kernel_sizes": [[3, 3, 3]] * stages,
        "strides": [[1, 1, 1]] + [[2, 2, 2]] * (stages - 1),
        "n_conv_per_stage": [1] * stages,
        "n_conv_per_stage_decoder": [1] * (stages - 1),
        "conv_bias": True,
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin_kwargs": {"inplace": True},
    }
    names = {
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "nonlin": "torch.nn.LeakyReLU",
    }
    configuration = {
        "spacing": list(spacing),
        "patch_size": list(patch),
        "normalization_schemes": ["CTNormalization"],
        "architecture": {
            "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
            "arch_kwargs": shape | names,
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
    }
    intensities = {"percentile_00_5": -100.0, "percentile_99_5": 1200.0, "mean": 200.0, "std": 250.0}
    plans = {
        "dataset_name": "Dataset001_Spine",
        "transpose_forward": list(order),
        "configurations": {"3d_fullres": configuration},
        "foreground_intensity_properties_per_channel": {"0": intensities},
    }
    torch.manual_seed(1)
    parts = {
        "conv_op": torch.nn.Conv3d,
        "norm_op": torch.nn.InstanceNorm3d,
        "nonlin": torch.nn.LeakyReLU,
    }
    network = PlainConvUNet(1, num_classes=len(labels), deep_supervision=False, **shape, **parts)
    (folder / "fold_0").mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(plans))
    (folder / "dataset.json").write_text(json.dumps({"channel_names": {"0": "CT"}, "labels": labels}))
    checkpoint = {"network_weights": network.state_dict(), "inference_allowed_mirroring_axes": (2,)}
    torch.save(checkpoint, folder / "fold_0" / "checkpoint_final.pth")
    return folder


def train_job(folder: Path, **changes: Any) -> Path:
    """A train job with its training set below `folder`; the path of its JSON file."""
    write_dataset(folder / "raw")
    job = {
        "dataset": str(folder / "raw"),
        "work": str(folder / "work"),
        "out": str(folder / "model"),
        "settings": SETTINGS | changes,
    }
    path = folder / "train.json"
    path.write_text(json.dumps(job))
    return path


def predict_job(folder: Path, model: Path, case: SimulatedCase, **changes: Any) -> Path:
    """A predict job for a case below `folder`; the path of its JSON file."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "volume.npy", case.hounsfield)
    job = {
        "model": str(model),
        "volume": str(folder / "volume.npy"),
        "affine": case.geometry.affine.tolist(),
        "out": str(folder / "out"),
        "device": "cpu",
        "mirroring": False,
        "memory_gb": 8,
        "threads": 2,
        "covered": None,
    }
    path = folder / "predict.json"
    path.write_text(json.dumps(job | changes))
    return path
