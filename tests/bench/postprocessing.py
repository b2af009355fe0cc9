"""Post-processing of a body-only mask beside the labelling of the paper: erosion, connected components, dilation."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure, morphology

from inference.simulate import CaseSpec, simulate_case
from labeling.anatomy.instances import Instances, find_instances
from labeling.imaging.volume import LabelMap
from tests.bench.installation import Site
from tests.bench.report import Row, quantile
from tests.bench.scale import TINY, Scale

#: How many times faster than the paper's way ours is to be.
FASTER = 3.0
ERODE_MM, LEAST_MM3 = 2.0, 1500.0
MEGABYTE = 1e6

FIELDS = {
    "sagittal stack": CaseSpec(top="T10", bottom="L5", pixel_mm=0.45, width_mm=90.0, depth_mm=200.0),
    "axial volume": CaseSpec(
        top="T4", bottom="L5", plane="axial", slice_mm=1.0, pixel_mm=0.8, width_mm=180.0, depth_mm=190.0
    ),
}


def run(site: Site, scale: Scale) -> list[Row]:
    """Time and peak memory of both, where both find every body that is there."""
    rows = []
    for name, spec in FIELDS.items():
        spec = replace(spec, pixel_mm=1.5, depth_mm=120.0) if scale is TINY else spec
        case = simulate_case(spec, 1)
        mask = (case.bodies > 0).astype(np.uint8)
        labels = LabelMap(case.geometry, mask)
        spacing = case.geometry.spacing
        times = 1 if scale is TINY else 5

        def ours(labels: LabelMap = labels) -> Instances:
            return find_instances(labels, numbered=False, bodies_only=True)

        def reference(mask: NDArray[np.uint8] = mask, spacing: NDArray[np.float64] = spacing) -> NDArray[np.int32]:
            return labelled_by_the_paper(mask, spacing)

        expected = len(np.unique(case.bodies)) - 1
        counts = (len(ours().items), int(reference().max()))
        taken, other = quantile(_seconds(ours, times), 0.5), quantile(_seconds(reference, times), 0.5)
        shape = " x ".join(str(n) for n in mask.shape)
        rows.append(
            Row(
                f"post-processing, {name} of {shape}",
                f"{taken:.2f} s; {counts[0]} of {expected} bodies, paper's {counts[1]}",
                f"paper's {other:.2f} s, at most a third",
                FASTER * taken / other,
                taken * FASTER <= other and counts[0] == expected,
            )
        )
        rows.append(
            Row(f"post-processing, {name}, peak memory", f"{_peak(ours):.0f} MB", f"paper's {_peak(reference):.0f} MB")
        )
    return rows


def labelled_by_the_paper(mask: NDArray[np.uint8], spacing: NDArray[np.float64]) -> NDArray[np.int32]:
    """Bodies as the paper's method tells them apart: eroded by 2 mm, small pieces dropped, numbered, dilated back."""
    binary = mask > 0
    reach = np.maximum(1, np.rint(ERODE_MM / spacing)).astype(int)
    grid = np.ogrid[tuple(slice(-n, n + 1) for n in reach)]
    ball = sum(((g * mm) / ERODE_MM) ** 2 for g, mm in zip(grid, spacing, strict=True)) <= 1.0
    ball[tuple(reach)] = True
    eroded = ndimage.binary_erosion(binary, ball)
    kept = morphology.remove_small_objects(eroded, max_size=int(LEAST_MM3 / float(np.prod(spacing))))
    labels = measure.label(kept)
    order = np.argsort([one.centroid[1] for one in measure.regionprops(labels)])
    table = np.zeros(len(order) + 1, dtype=np.int32)
    table[order + 1] = np.arange(1, len(order) + 1)
    result: NDArray[np.int32] = ndimage.grey_dilation(table[labels], footprint=ball) * binary
    return result


def _seconds(work: Callable[[], object], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return taken


def _peak(work: Callable[[], object]) -> float:
    """Megabytes that it holds at most, besides its input."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / MEGABYTE
    finally:
        tracemalloc.stop()
