"""Vertebral slices and their classification, beside the paper's way with the same weights, on one simulated case.

The paper's way is what the released scripts do: per vertebra a mask of the whole volume and its box, each slice written
as a picture (RGBA, as a plotting library does) and read back, scaled, padded, and given to the network alone. It is
spared what its scripts do beside: starting a plotting library, and keeping gradients.

Times are those of the processor in one thread, so that what else runs on the machine does not count. `python -m
tests.bench.classifier` measures in a process of its own and prints JSON, so that peak memory is that of this
work alone.
"""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from config.folders import REPOSITORY
from tests.bench.installation import Site
from tests.bench.report import Row
from tests.bench.scale import Scale

LEAST_EXTRACTION, LEAST_WHOLE, LEAST_LOADED = 20.0, 1.2, 500.0


def run(site: Site, scale: Scale) -> list[Row]:
    """Measure in another process; the rows."""
    del site
    size = "full" if scale.real_data else "tiny"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.classifier", size],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    slices = found["slices"]
    extraction = found["their_cut"] / found["our_cut"]
    whole = (found["their_cut"] + found["their_net"]) / (found["our_cut"] + found["our_net"])
    return [
        Row(
            f"vertebral slices of a case, recipe paper ({slices} slices, values equal: {found['equal']})",
            f"{found['our_cut'] * 1000:.1f} ms",
            f"{found['their_cut'] * 1000:.0f} ms by pictures; at least {LEAST_EXTRACTION:.0f} times faster",
            extraction,
            found["equal"] and extraction >= LEAST_EXTRACTION,
        ),
        Row(
            "the same and ResNet-18 on every slice (same verdicts: " + str(found["same"]) + ")",
            f"{found['our_cut'] + found['our_net']:.2f} s",
            f"{found['their_cut'] + found['their_net']:.2f} s one by one; at least {LEAST_WHOLE} times faster",
            whole,
            found["same"] and whole >= LEAST_WHOLE,
        ),
        Row(
            f"vertebral slices of a case, recipe sagittal ({found['sagittal_slices']} slices of 4 channels)",
            f"{found['sagittal_cut'] * 1000:.0f} ms",
        ),
        Row(
            "loader with augmentation, recipe paper, one process",
            f"{found['loaded_paper']:.0f} slices/s",
            f"at least {LEAST_LOADED:.0f} slices/s",
            found["loaded_paper"] / LEAST_LOADED,
            found["loaded_paper"] >= LEAST_LOADED,
        ),
        Row(
            "loader with augmentation, recipe sagittal, one process",
            f"{found['loaded_sagittal']:.0f} slices/s",
            f"at least {LEAST_LOADED:.0f} slices/s",
            found["loaded_sagittal"] / LEAST_LOADED,
            found["loaded_sagittal"] >= LEAST_LOADED,
        ),
        Row(
            "peak memory of cutting and classifying a case",
            f"{found['peak_before'] / 1e6:.0f} MB with the case and the network loaded, "
            f"{found['peak'] / 1e6:.0f} MB at the end",
        ),
    ]


def measure(size: str) -> dict[str, Any]:
    """All figures, in seconds and bytes."""
    import torch

    from inference.classifier.calibrate import NONE
    from inference.classifier.description import Description
    from inference.classifier.predict import logits_of
    from inference.classifier.recipes import PAPER
    from inference.classifier.weights import start
    from labeling.imaging.vertebral_recipes import PAPER_SLICES, SAGITTAL_SLICES
    from labeling.imaging.vertebral_slices import vertebral_slices

    torch.set_num_threads(1)
    case, bodies = _case(size)
    net, _ = start(PAPER, {"kind": "random"}, 0)
    net.eval()
    description = Description("paper", PAPER, "", {}, NONE, NONE, 0.5, "", 0, 1, {}, {})
    labels = [body.label_value for body in bodies]
    peak_before = _peak()
    found = vertebral_slices(case.hounsfield, case.geometry, bodies, case.bodies, PAPER_SLICES)
    ours = np.concatenate([one.images for one in found])
    logits_of(net, description, ours[:16])
    our_cut = _least(lambda: vertebral_slices(case.hounsfield, case.geometry, bodies, case.bodies, PAPER_SLICES), 5)
    our_net, logits = _timed(lambda: logits_of(net, description, ours))
    peak = _peak()
    their_cut, (theirs, _) = _timed(lambda: pictures(case.hounsfield, case.bodies, labels))
    their_net, singles = _timed(lambda: _one_by_one(net, theirs))
    sagittal = vertebral_slices(case.hounsfield, case.geometry, bodies, case.bodies, SAGITTAL_SLICES)
    count = 64 if size == "tiny" else 2000
    return {
        "slices": len(ours),
        "equal": bool((ours[:, 0].astype(np.float32) / np.float32(255) == np.array(theirs)).all()),
        "same": bool(((np.array(singles) > 0) == (logits > 0)).all() and np.abs(singles - logits).max() < 1e-3),
        "our_cut": our_cut,
        "our_net": our_net,
        "their_cut": their_cut,
        "their_net": their_net,
        "sagittal_slices": sum(len(one.ks) for one in sagittal),
        "sagittal_cut": _least(
            lambda: vertebral_slices(case.hounsfield, case.geometry, bodies, case.bodies, SAGITTAL_SLICES), 3
        ),
        "loaded_paper": _loaded(found, PAPER_SLICES, count),
        "loaded_sagittal": _loaded(sagittal, SAGITTAL_SLICES, count),
        "peak_before": peak_before,
        "peak": peak,
    }


def pictures(image: NDArray[Any], mask: NDArray[Any], labels: list[int]) -> tuple[list[NDArray[np.float32]], list[int]]:
    """The paper's way: slices as the network gets them, and of which vertebra each is."""
    from scipy.ndimage import find_objects

    grey = (np.linspace(0.0, 1.0, 256) * 255).astype(np.uint8)
    made, whose = [], []
    for label in labels:
        k, r, c = find_objects((mask[:, :, :] == label).astype(np.uint8))[0]
        rows = slice(max(r.start - 20, 0), min(r.stop + 20, mask.shape[1]))
        columns = slice(max(c.start - 20, 0), min(c.stop + 20, mask.shape[2]))
        for place in range(k.start + 5, k.stop - 5):
            values = image[place, rows, columns].astype(np.float64)
            scaled = (values - values.min()) / (values.max() - values.min()) * 256
            level = grey[np.minimum(scaled, 255).astype(np.intp)]
            rgba = np.dstack([level, level, level, np.full_like(level, 255)])
            buffer = io.BytesIO()
            Image.fromarray(rgba).save(buffer, format="png")
            pixels = np.asarray(Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")).astype(np.float32)
            pixels = (pixels - pixels.min()) / (pixels.max() - pixels.min())
            height, width = pixels.shape[:2]
            before = (256 - height) // 2, (256 - width) // 2
            padded = np.pad(pixels, [(b, 256 - s - b) for b, s in zip(before, (height, width), strict=True)] + [(0, 0)])
            made.append(padded[..., 0])
            whose.append(label)
    return made, whose


def _one_by_one(net: Any, slices: list[NDArray[np.float32]]) -> NDArray[np.float64]:
    import torch

    found = []
    with torch.no_grad():
        for one in slices:
            logits = net(torch.from_numpy(np.repeat(one[None, None], 3, axis=1))).double().numpy()[0]
            found.append(logits[1] - logits[0])
    return np.array(found)


def _case(size: str) -> tuple[Any, list[Any]]:
    """A simulated case and its complete vertebrae as an anatomy holds them."""
    from inference.simulate import CaseSpec, Fracture, simulate_case
    from labeling.imaging.vertebral_slices import BodyPlace

    if size == "tiny":
        spec = CaseSpec(top="L1", bottom="L2", sacrum=False, pixel_mm=1.0, depth_mm=80, width_mm=60, slice_mm=2.0)
    else:
        fractures = (Fracture("T12", "A1"), Fracture("L2", "A3"))
        spec = CaseSpec(top="T8", bottom="L5", pixel_mm=0.4, slice_mm=2.0, depth_mm=180, fractures=fractures)
    case = simulate_case(spec, 7)
    bodies = []
    for one in case.vertebrae:
        if not one.complete:
            continue
        voxels = np.argwhere(case.bodies == one.label)
        half = 0.5 * np.abs(case.geometry.affine[:3, :3]).sum(axis=1)
        points = case.geometry.to_patient(voxels)
        low, high = (points.min(axis=0) - half).tolist(), (points.max(axis=0) + half).tolist()
        box = (low[0], high[0], low[1], high[1], low[2], high[2])
        bodies.append(BodyPlace(one.label, one.level, one.label, one.first_k, one.last_k, box))
    return case, bodies


def _loaded(slices: list[Any], recipe: Any, count: int) -> float:
    """Slices per second out of a frozen set on disk: gathered, made floats, augmented as the recipe's training does."""
    from inference.classifier.augment import augmented, generator
    from inference.classifier.data import training_loader
    from inference.classifier.manifest import SliceWriter, read_slices
    from inference.classifier.recipes import RECIPES

    training = RECIPES[recipe.name]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with SliceWriter(folder, recipe) as writer:
            number = 0
            while writer.count < count:
                for one in slices:
                    number += 1
                    split = "validation" if number == 1 else "training"
                    labels = [(number + place) % 2 for place in range(len(one.ks))]
                    writer.add(
                        one,
                        sop_uids=[f"1.{number}.{k}" for k in one.ks],
                        labels=labels,
                        case=str(number),
                        patient=str(number),
                        vertebra="v",
                        split=split,
                    )
        source = read_slices(folder, recipe)
        loader = training_loader(source, 32, 0, training.balanced)
        begun, done = time.process_time(), 0
        for place, batch in enumerate(loader):
            images = batch.images.float() / 255
            neighbours = recipe.neighbour_mm is not None
            augmented(images, batch.content, training.augmentation, generator(0, 0, place), neighbours, recipe.mask)
            done += len(batch.labels)
        return done / (time.process_time() - begun)


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.process_time()
    result = work()
    return time.process_time() - begun, result


def _least(work: Callable[[], Any], times: int) -> float:
    return min(_timed(work)[0] for _ in range(times))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1] if len(sys.argv) > 1 else "full")))
