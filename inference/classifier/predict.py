"""Prediction: cut the slices of a case, classify all of them together, say what it means. Only for the child."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inference.classifier.description import Description
from inference.classifier.metrics import pool
from inference.segmentation import speaking
from labeling.anatomy.case_verdict import Assessed, case_verdict
from labeling.imaging.geometry import Geometry
from labeling.imaging.refusal import Refusal
from labeling.imaging.vertebral_slices import BodyPlace, VertebralSlices, vertebral_slices

if TYPE_CHECKING:
    from torch import nn

__all__ = ["BATCH", "logits_of", "read_vertebrae", "run"]

BATCH = {"cpu": 8, "cuda": 64}
"""Slices in one pass. More of them no longer lie in the caches of a processor and are slower again."""


def run(job: Mapping[str, Any]) -> None:
    """Do a predict job and write ``predictions.json`` into ``out``, complete or not at all.

    Parameters
    ----------
    job
        ``model``: folder. ``sha256``: of its weights, or absent. ``volume``: .npy of HU (k, r, c), right to left, head
        to feet, front to back. ``affine``: 4x4. ``labels``: .npy or .npz ("labels") on the same grid, or null.
        ``vertebrae``: fields of `BodyPlace` each, from head to feet. ``out``. ``device`` (auto, cpu, cuda) and
        ``threads`` (0 for all) may be absent.

    Raises
    ------
    Refusal
        ``no-anatomy`` for a case without vertebrae, ``bad-job``, ``not-a-number`` where the network gives none, and
        those of the model, see `weights.load_model`.
    """
    import torch

    from inference.classifier.weights import load_model

    begun = time.monotonic()
    speaking.stage("Loading", 0.0)
    hounsfield, geometry, labels, bodies = _read(job)
    threads = int(job.get("threads") or 0) or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    net, description = load_model(Path(job["model"]), job.get("sha256"))
    net = net.to(_device(str(job.get("device", "auto"))))
    loaded = time.monotonic()
    speaking.stage("Cutting slices", 0.1)
    try:
        slices = vertebral_slices(hounsfield, geometry, bodies, labels, description.recipe.slices)
    except ValueError as error:
        raise Refusal("bad-job", f"The slices cannot be cut. {error}") from error
    cut = time.monotonic()
    speaking.stage("Classifying", 0.2)
    found = read_vertebrae(net, description, slices)
    done = time.monotonic()
    verdict = case_verdict(
        [
            Assessed(one["level"] or f"vertebra {place}", one["verdict"], body.cut)
            for place, (one, body) in enumerate(zip(found, bodies, strict=True), 1)
        ]
    )
    content = {
        "model": {
            "called": description.called,
            "weights_sha256": description.weights_sha256,
            "recipe_sha256": description.recipe.sha256(),
            "threshold": description.threshold,
            "rule": description.recipe.rule,
        },
        "vertebrae": found,
        "case": asdict(verdict),
        "seconds": {"load": loaded - begun, "cut": cut - loaded, "classify": done - cut},
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    _write(Path(job["out"]), content)
    speaking.stage("Classified", 1.0)


def read_vertebrae(net: nn.Module, description: Description, slices: Sequence[VertebralSlices]) -> list[dict[str, Any]]:
    """What a model says of each vertebra, in their order.

    Of each: key, level, verdict (``fracture``, ``negative`` or ``not_assessable``), why and reason of the last, score
    (calibrated, None without slices), and of every kept slice k, p and whether it counts as fractured. Slices and
    verdict agree: a fracture has a slice that shows it, the one with the highest p at least, and a negative has none.
    """
    images = [one.images for one in slices if len(one.ks)]
    counts = [len(one.ks) for one in slices]
    numbers = np.repeat(np.arange(len(slices)), counts)
    logits = logits_of(net, description, np.concatenate(images)) if images else np.empty(0)
    recipe = description.recipe
    pooled = pool(logits, numbers, recipe.pooling)
    scores = dict(zip(pooled.vertebrae.tolist(), description.vertebrae(pooled.logits).tolist(), strict=True))
    probabilities = np.split(description.slices(logits), np.cumsum(counts)[:-1]) if counts else []
    found = []
    for place, one in enumerate(slices):
        p, score = probabilities[place], scores.get(place)
        verdict, shown = _verdict(p, score, description)
        found.append(
            {
                "key": one.key,
                "level": one.level,
                "verdict": verdict,
                "why": one.why,
                "reason": one.reason,
                "note": one.note,
                "score": None if score is None else round(score, 6),
                "ks": one.ks.tolist(),
                "p": [round(value, 6) for value in p.tolist()],
                "fractured": shown,
                "metal": asdict(one.metal),
            }
        )
    return found


def logits_of(net: nn.Module, description: Description, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(n,) logit of fracture against negative of slices (n, channels, s, s), some at a time.

    Raises
    ------
    Refusal
        ``not-a-number`` where one is none: it would be called negative, and nobody has looked.
    """
    import torch

    from inference.classifier.prepare import prepared

    device = next(net.parameters()).device
    # Channels last: a third quicker on a processor, and no slower elsewhere.
    net = net.to(memory_format=torch.channels_last)
    batch = BATCH["cpu" if device.type == "cpu" else "cuda"]
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), batch):
            part = torch.from_numpy(np.ascontiguousarray(images[start : start + batch])).to(device)
            ready = prepared(part.float() / 255, description.recipe)
            logits = net(ready.contiguous(memory_format=torch.channels_last)).double().cpu().numpy()
            found.append(logits[:, 1] - logits[:, 0])
            speaking.stage("Classifying", 0.2 + 0.75 * min(1.0, (start + batch) / len(images)))
    together = np.concatenate(found) if found else np.empty(0)
    if not np.isfinite(together).all():
        raise Refusal(
            "not-a-number",
            "The model gives something that is no number for a slice of this case, so it has read none of it. Choose "
            "another model, or train it again.",
        )
    return together


def _verdict(p: NDArray[np.float64], score: float | None, description: Description) -> tuple[str, list[bool]]:
    if score is None:
        return "not_assessable", []
    shown = p > 0.5
    if description.recipe.rule == "any slice":
        is_fracture = bool(shown.any())
    else:
        is_fracture = score >= description.threshold
        shown = shown | (p == p.max()) if is_fracture and not shown.any() else shown & is_fracture
    return ("fracture" if is_fracture else "negative"), [bool(value) for value in shown]


def _read(job: Mapping[str, Any]) -> tuple[NDArray[Any], Geometry, NDArray[Any] | None, list[BodyPlace]]:
    try:
        hounsfield = np.load(job["volume"], mmap_mode="r")
        labels = _labels(job.get("labels"))
        bodies = [BodyPlace(**{**one, "box": tuple(one["box"])}) for one in job["vertebrae"]]
        geometry = Geometry(hounsfield.shape, np.asarray(job["affine"], dtype=np.float64))
        if not job["model"] or not job["out"]:
            raise ValueError("the folder of the model or of what comes out")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise Refusal("bad-job", f"The job of the prediction lacks something: {error}. Start it again.") from error
    if not bodies:
        raise Refusal(
            "no-anatomy",
            "This case has no vertebrae yet. Segment it, send a mask or place its vertebrae by hand first.",
        )
    return hounsfield, geometry, labels, bodies


def _labels(path: str | None) -> NDArray[Any] | None:
    if not path:
        return None
    content = np.load(path)
    labels: NDArray[Any] = content["labels"] if isinstance(content, np.lib.npyio.NpzFile) else content
    return labels


def _device(wanted: str) -> str:
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise Refusal("no-gpu", "There is no GPU that PyTorch can use. Choose the device cpu or auto.")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def _write(out: Path, content: Mapping[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    part = out / "predictions.json.part"
    with open(part, "w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, out / "predictions.json")
