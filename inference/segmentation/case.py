"""The jobs `predict` and `check`: a model and a volume on disk, a folder with the vertebrae out. Only for the child."""

from __future__ import annotations

import gc
import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inference.pipeline import NamedSpine, named_spine
from inference.segmentation import models, speaking
from inference.segmentation.network import Model, load
from inference.segmentation.predict import device_for, segment
from labeling.imaging.geometry import Geometry
from labeling.imaging.refusal import Refusal
from labeling.imaging.volume import LabelMap

__all__ = ["DONE", "check", "run"]

DONE = "done.json"
"""Written last: where it lies, all files are complete."""

SEGMENTED_SHARE = 0.85


class _Clock:
    """Seconds and the largest memory so far of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.peaks: dict[str, int] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self.seconds[stage] = round(time.monotonic() - begun, 2)
        self.peaks[stage] = peak_bytes()


def peak_bytes() -> int:
    """The largest resident memory of this process so far; pages of a mapped file count."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run(job: dict[str, Any]) -> None:
    """Do a predict job.

    ``{model, sha256?, volume, affine, out, device, mirroring, memory_gb, threads, covered}``: `volume` is a .npy of
    int16 HU (k, r, c), axes right to left, head to feet, front to back; `affine` maps its indices to LPS mm. Into
    `out` go vertebrae.npz and bodies.npz (uint8 ``labels`` on the same grid), instances.json, and done.json last.

    Raises
    ------
    Refusal
        what is wrong with the job, the model or the volume; ``no-vertebra`` where none was found.
    """
    clock = _Clock()
    out, folder = _paths(job)
    (out / DONE).unlink(missing_ok=True)
    with clock("load"):
        speaking.stage("Loading the model", 0.0)
        models.check_sha256(folder, job.get("sha256"))
        facts = models.describe(folder)
        volume, geometry = _volume(job)
        covered = _covered(job, volume.shape)
        model, device = _loaded(job, folder)
    with clock("segment"):
        labels = segment(
            model,
            volume,
            geometry,
            device=device,
            mirroring=bool(job.get("mirroring", False)),
            memory_gb=float(job.get("memory_gb", 8.0)),
            progress=lambda share: speaking.stage("Segmenting", 0.05 + (SEGMENTED_SHARE - 0.05) * share),
        )
    del volume, model
    gc.collect()
    with clock("find"):
        speaking.stage("Finding the vertebrae", SEGMENTED_SHARE)
        spine = named_spine(LabelMap(geometry, labels), kind=facts.labels, covered=covered)
    speaking.stage("Writing", 0.95)
    with clock("write"):
        _write(out, spine)
    about = {
        "model": facts.plain(),
        "seconds": clock.seconds,
        "peak_bytes": peak_bytes(),
        "peak_bytes_of_stages": clock.peaks,
    }
    _write_json(out / "instances.json", spine.plain() | about)
    _write_json(out / DONE, {"vertebrae": len(spine.items)})
    speaking.stage("Segmented", 1.0)


def check(job: dict[str, Any]) -> None:
    """Do a check job ``{model, sha256?, out?}``: that the model loads and sees; facts go to out/facts.json.

    Raises
    ------
    Refusal
        ``wrong-sha256``, ``not-a-model`` or ``wrong-architecture``.
    """
    try:
        folder = Path(job["model"])
    except (KeyError, TypeError) as error:
        raise Refusal("bad-job", "The job names no model. Start it again.") from error
    speaking.stage("Checking the model", 0.1)
    facts = models.check(folder, job.get("sha256"))
    if job.get("out"):
        out = Path(job["out"])
        out.mkdir(parents=True, exist_ok=True)
        _write_json(out / "facts.json", facts.plain() | {"sha256": models.folder_sha256(folder)})
    speaking.stage("Checked", 1.0)


def _loaded(job: dict[str, Any], folder: Path) -> tuple[Model, torch.device]:
    if job.get("threads"):
        torch.set_num_threads(int(job["threads"]))
    model, device = load(folder), device_for(str(job.get("device", "auto")))
    speaking.log(f"Segmenting on {device.type}.")
    return model, device


def _paths(job: dict[str, Any]) -> tuple[Path, Path]:
    try:
        out, folder, volume = Path(job["out"]), Path(job["model"]), Path(job["volume"])
    except (KeyError, TypeError) as error:
        raise Refusal("bad-job", f"The job lacks {error}. Start it again.") from error
    if not volume.is_file():
        raise Refusal("no-volume", "The volume of the job is not there any more. Start the segmentation again.")
    out.mkdir(parents=True, exist_ok=True)
    return out, folder


def _volume(job: dict[str, Any]) -> tuple[NDArray[Any], Geometry]:
    try:
        volume = np.load(job["volume"], mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise Refusal("bad-volume", "The volume of the job is damaged. Start the segmentation again.") from error
    if volume.ndim != 3 or volume.dtype.kind not in "iuf":
        raise Refusal("bad-volume", f"The volume has the shape {volume.shape}. A CT has three axes of numbers.")
    try:
        affine = np.array(job["affine"], dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal("bad-geometry", "The job says not where the volume lies. Start it again.") from error
    return volume, Geometry((volume.shape[0], volume.shape[1], volume.shape[2]), affine)


def _covered(job: dict[str, Any], shape: tuple[int, ...]) -> tuple[int, int, int, int, int, int] | None:
    given = job.get("covered")
    if given is None:
        return None
    bounds = [int(value) for value in given]
    if len(bounds) != 6 or any(not 0 <= bounds[2 * axis] <= bounds[2 * axis + 1] < shape[axis] for axis in range(3)):
        raise Refusal("bad-job", f"What the scan covers, {given}, does not lie in the volume {shape}. Start it again.")
    return bounds[0], bounds[1], bounds[2], bounds[3], bounds[4], bounds[5]


def _write(out: Path, spine: NamedSpine) -> None:
    for name, labels in (("vertebrae", spine.vertebrae), ("bodies", spine.bodies)):
        part = out / f"part-{name}.npz"
        np.savez_compressed(part, labels=labels)
        part.replace(out / f"{name}.npz")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    part = path.with_name(f"part-{path.name}")
    part.write_text(json.dumps(content, indent=1))
    part.replace(path)
