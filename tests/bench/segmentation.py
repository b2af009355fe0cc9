"""Segmentation: a whole simulated case through the starter model, and what the child takes of the memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from config.folders import REPOSITORY
from inference.simulate import CaseSpec, SimulatedCase, simulate_case
from labeling.imaging.geometry import Geometry
from tests.bench.installation import Site
from tests.bench.report import Row
from tests.bench.scale import Scale
from tests.inference import tiny

STARTER = REPOSITORY / "inference" / "segmentation" / "starter_model"

#: A whole case, from the start of the child to the named vertebrae on disk.
MOST_SECONDS = 60.0
#: A volume of 512 x 512 x 600 with everything that is done to it.
MOST_GIGABYTES = 8.0
THREADS = 2

#: Every level and the sacrum: what a model of VerSe numbers has.
VERSE = {"background": 0} | {
    name: number
    for number, name in enumerate(
        [*(f"C{n}" for n in range(1, 8)), *(f"T{n}" for n in range(1, 13)), *(f"L{n}" for n in range(1, 7)), "sacrum"],
        start=1,
    )
}


def run(site: Site, scale: Scale) -> list[Row]:
    """The rows of this part; the site is not needed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [_whole_case(folder / "case", scale), *_large(folder, scale)]
    return rows


def _whole_case(folder: Path, scale: Scale) -> Row:
    spec = CaseSpec(top="T10", bottom="L5", plane="axial", slice_mm=1.0, pixel_mm=0.8, width_mm=180.0, depth_mm=190.0)
    case = simulate_case(spec if scale.real_data else tiny.specs()[0][0], 11)
    seconds, worked, gigabytes, said = predicted(folder, STARTER, case)
    found = f"{len(said['items'])} vertebrae"
    words = f"{seconds:.1f} s ({worked:.0f} s of processor time), {found}, {_stages(said)}; peak {gigabytes:.1f} GB"
    size = " x ".join(map(str, case.hounsfield.shape))
    return Row(
        f"simulated case {size} through the starter, {THREADS} threads",
        words,
        f"≤ {MOST_SECONDS:.0f} s",
        seconds / MOST_SECONDS,
        seconds <= MOST_SECONDS,
    )


def _large(folder: Path, scale: Scale) -> list[Row]:
    """A volume of 512 x 512 x 600, by the starter with all that follows, and the scores of 27 classes alone."""
    case = large_case(1 if scale.real_data else 4)
    seconds, worked, gigabytes, said = predicted(folder / "large", STARTER, case)
    size = " x ".join(map(str, case.hounsfield.shape))
    rows = [
        Row(
            f"memory, {size} through the starter",
            f"{gigabytes:.1f} GB ({_peaks(said)}), {seconds:.0f} s ({worked:.0f} s of processor time), "
            f"{len(said['items'])} vertebrae",
            f"≤ {MOST_GIGABYTES:.0f} GB",
            gigabytes / MOST_GIGABYTES,
            gigabytes <= MOST_GIGABYTES,
        )
    ]
    model = tiny.untrained_model(
        folder / "verse", labels=VERSE, features=(8, 16, 32), patch=(96, 96, 96), spacing=(1.5, 1.5, 1.5)
    )
    job = tiny.predict_job(folder / "verse_case", model, case)
    begun = time.monotonic()
    worked, gigabytes = cost_of([sys.executable, "-m", "tests.bench.segmentation", str(job)])
    rows.append(
        Row(
            f"memory, {size}, scores of {len(VERSE)} classes at 1.5 mm, random weights, every voxel labelled",
            f"{gigabytes:.1f} GB, {time.monotonic() - begun:.0f} s ({worked:.0f} s of processor time)",
            f"≤ {MOST_GIGABYTES:.0f} GB",
            gigabytes / MOST_GIGABYTES,
            gigabytes <= MOST_GIGABYTES,
        )
    )
    return rows


def large_case(thin: int = 1) -> SimulatedCase:
    """A simulated spine amid a body: 512 x 600 x 512 voxels of 0.75 x 1 x 0.75 mm, or each n-th of them."""
    from dataclasses import replace

    spec = CaseSpec(top="T5", bottom="L5", plane="axial", pixel_mm=0.75, slice_mm=1.0, width_mm=140.0, depth_mm=150.0)
    case = simulate_case(spec, 12)
    shape = (512, 600, 512)
    k, c = (np.linspace(-1, 1, n) for n in (shape[0], shape[2]))
    body = (k[:, None] / 0.9) ** 2 + (c[None, :] / 0.65) ** 2 < 1
    image = np.where(body, np.int16(45), np.int16(-1000))[:, None, :].repeat(shape[1], axis=1)
    image += np.random.default_rng(3).integers(-20, 21, shape, dtype=np.int16)
    labels, bodies = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.uint8)
    start = [(n - m) // 2 for n, m in zip(shape, case.hounsfield.shape, strict=True)]
    start[1] = max(0, start[1])
    rows = min(shape[1], case.hounsfield.shape[1])
    place = (slice(start[0], start[0] + case.hounsfield.shape[0]), slice(start[1], start[1] + rows))
    at = (*place, slice(start[2], start[2] + case.hounsfield.shape[2]))
    image[at], labels[at], bodies[at] = case.hounsfield[:, :rows], case.labels[:, :rows], case.bodies[:, :rows]
    affine = case.geometry.affine.copy()
    affine[:3, :3] *= thin
    few = (slice(None, None, thin),) * 3
    image, labels, bodies = image[few], labels[few], bodies[few]
    geometry = Geometry((image.shape[0], image.shape[1], image.shape[2]), affine)
    return replace(case, hounsfield=np.ascontiguousarray(image), labels=labels, bodies=bodies, geometry=geometry)


def predicted(folder: Path, model: Path, case: SimulatedCase) -> tuple[float, float, float, dict[str, Any]]:
    """Seconds, processor seconds and largest memory (GB) of the child that segments a case, and what it says of it."""
    job = tiny.predict_job(folder, model, case, threads=THREADS)
    begun = time.monotonic()
    worked, gigabytes = cost_of([sys.executable, "-m", "inference.segmentation", "predict", str(job)])
    return time.monotonic() - begun, worked, gigabytes, json.loads((folder / "out" / "instances.json").read_text())


def cost_of(command: list[str]) -> tuple[float, float]:
    """Run a program; processor seconds, and the largest memory (GB) that it held at once, mapped files included."""
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[1:4])} ended with {process.returncode}.")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20


def scores_alone(job: Path) -> None:
    """Segment the case of a job and throw the labels away; run in a process of its own."""
    import torch

    from inference.segmentation.network import load
    from inference.segmentation.predict import segment

    told = json.loads(job.read_text())
    torch.set_num_threads(THREADS)
    volume = np.load(told["volume"], mmap_mode="r")
    geometry = Geometry((volume.shape[0], volume.shape[1], volume.shape[2]), np.array(told["affine"]))
    labels = segment(load(Path(told["model"])), volume, geometry, device=torch.device("cpu"))
    print(f"{np.count_nonzero(labels)} voxels labelled")


def _stages(said: dict[str, Any]) -> str:
    return ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in said["seconds"].items())


def _peaks(said: dict[str, Any]) -> str:
    return ", ".join(f"{stage} {size / 2**30:.1f}" for stage, size in said["peak_bytes_of_stages"].items())


if __name__ == "__main__":
    scores_alone(Path(sys.argv[1]))
