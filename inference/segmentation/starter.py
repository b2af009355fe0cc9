"""`python -m inference.segmentation.starter FOLDER`: the starter model, from nothing but simulated CTs and a seed.

Simulates a training set, trains a slim network on bodies and sacrum, and writes the model folder, 3 MB at most. It
shows that the whole way works on the first day. It is no model for real CT: train one on masks of your own.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

__all__ = ["CASES", "NAME", "NOTE", "SEED", "SETTINGS", "VALIDATED"]

SEED = 4
CASES, VALIDATED = 44, 4
NAME = "Starter, simulated CT only"
NOTE = (
    "Trained on simulated CT alone, so that segmentation works from the first day. It is no model for real CT: there "
    "it misses vertebrae. Train one on masks of your own."
)
SETTINGS: dict[str, Any] = {
    "epochs": 36,
    "iterations": 50,
    "val_iterations": 6,
    "planner": "ExperimentPlanner",
    "features": [8, 16, 32, 64, 96],
    "convolutions": 1,
    # 96 x 96 x 80 mm: two to three vertebrae with their arches.
    "patch": [64, 48, 32],
    "spacing": [1.5, 2.0, 2.5],
    "batch": 2,
    "optimizer": "adamw",
    "learning_rate": 0.003,
    "seed": SEED,
    "device": "cpu",
    "checkpoint_seconds": 60.0,
}


def main(arguments: list[str]) -> int:
    """Simulate, train, strip; goes on where it was stopped."""
    parser = argparse.ArgumentParser(prog="python -m inference.segmentation.starter", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the training set, the work and the model go")
    parser.add_argument("--threads", type=int, default=0)
    chosen = parser.parse_args(arguments)
    from inference.segmentation import speaking, train
    from inference.segmentation.simulated import spread_specs, write_simulated

    folder: Path = chosen.folder
    raw, model = folder / "raw", folder / "model"
    write_simulated(
        raw,
        spread_specs(CASES, SEED),
        VALIDATED,
        SEED,
        progress=lambda done, all_: speaking.log(f"Simulating case {done + 1} of {all_}"),
    )
    settings = SETTINGS | {"threads": chosen.threads}
    train.run({"dataset": str(raw), "work": str(folder / "work"), "out": str(model), "settings": settings})
    finish(model)
    return 0


def finish(model: Path) -> None:
    """Keep the weights in half the bytes, and say what the model is; settings of this machine are left out."""
    import torch

    path = model / "fold_0" / "checkpoint_final.pth"
    checkpoint = torch.load(path, map_location="cpu", weights_only=False)
    checkpoint["network_weights"] = {name: value.half() for name, value in checkpoint["network_weights"].items()}
    torch.save(checkpoint, path)
    own = json.loads((model / "sagittal.json").read_text())
    own["settings"].pop("threads", None)
    (model / "sagittal.json").write_text(json.dumps({"name": NAME, "note": NOTE, "seed": SEED} | own, indent=1))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
