"""One case: volume in, labels of the model out on the volume's own grid. Only for the child.

In order: crop to the patient, resample to the network's spacing, slide, take scores back (see `windows`). The array
that the network sees is turned as `orientation` says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inference.segmentation import speaking
from inference.segmentation.network import Model
from inference.segmentation.orientation import to_network
from inference.segmentation.sampling import patient_box, resampled, spline_orders, target_shape
from inference.segmentation.windows import LabelWriter, padded, slide
from labeling.imaging.geometry import Geometry
from labeling.imaging.refusal import Refusal

__all__ = ["check_volume", "device_for", "segment"]

LEAST_MM = 15.0
"""Of a field of view along each axis: less than half a vertebra shows nothing that could be told."""

LEAST_VOXELS = 3

LEAST_RANGE_HU = 100

AIR_HU = -300.0

Progress = Callable[[float], None]


def check_volume(volume: NDArray[Any], geometry: Geometry) -> None:
    """Refuse what no network can tell anything of.

    Raises
    ------
    Refusal
        ``bad-volume``, ``too-small``, ``nan-voxels`` or ``constant``.
    """
    if volume.ndim != 3 or volume.dtype.kind not in "iuf":
        raise Refusal(
            "bad-volume", f"The volume is {volume.ndim}-dimensional of {volume.dtype}. A CT has three axes of numbers."
        )
    extent = geometry.spacing * volume.shape
    if min(volume.shape) < LEAST_VOXELS or extent.min() < LEAST_MM:
        sides = " x ".join(f"{side:.0f}" for side in extent)
        raise Refusal(
            "too-small",
            f"The volume has {' x '.join(map(str, volume.shape))} voxels, {sides} mm. A vertebra does not fit into it. "
            f"Send a series of at least {LEAST_VOXELS} slices and {LEAST_MM:.0f} mm each way.",
        )
    low, high = np.inf, -np.inf
    for plane in volume:
        least, most = float(plane.min()), float(plane.max())
        if not (np.isfinite(least) and np.isfinite(most)):
            raise Refusal("nan-voxels", "The volume holds voxels that are not numbers. Export the series again.")
        low, high = min(low, least), max(high, most)
    if high - low < LEAST_RANGE_HU:
        raise Refusal(
            "constant",
            f"All voxels lie between {low:.0f} and {high:.0f} HU: the volume shows no patient. Check that the series "
            "is the CT, and send it again.",
        )


def device_for(wanted: str) -> torch.device:
    """The device of a job: ``auto``, ``cpu`` or ``cuda``.

    Raises
    ------
    Refusal
        ``no-gpu`` where a GPU is asked for and there is none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise Refusal("no-gpu", "There is no GPU that PyTorch can use. Choose the device cpu or auto.")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def segment(
    model: Model,
    volume: NDArray[Any],
    geometry: Geometry,
    *,
    device: torch.device,
    mirroring: bool = False,
    memory_gb: float = 8.0,
    progress: Progress = lambda share: None,
) -> NDArray[np.uint8]:
    """The labels of a case, in our numbers (see `labels.Meaning`).

    Parameters
    ----------
    volume
        (k, r, c) HU, axes right to left, head to feet, front to back; may lie on disk.
    memory_gb
        What the child may take; more is refused before it is taken.

    Returns
    -------
    uint8 of the shape of `volume`.

    Raises
    ------
    Refusal
        as `check_volume`; ``too-large`` where the scores of one row of tiles do not fit into the memory.
    """
    check_volume(volume, geometry)
    box = patient_box(volume, geometry.spacing.tolist())
    image = _image(model, volume[box], geometry)
    image, inner = padded(image, model.patch)
    along = max(range(3), key=lambda axis: image.shape[axis] / model.patch[axis])
    _check_memory(model, image.shape, along, volume.nbytes, memory_gb)
    result = np.zeros(volume.shape, dtype=np.uint8)

    def attempt(on: torch.device) -> None:
        target = to_network(result[box]).transpose(model.order)
        write = _cropped(target, inner, along, model)
        air = (max(AIR_HU, model.low) - model.mean) / model.deviation + 1e-3
        with torch.inference_mode(), torch.autocast(on.type, enabled=on.type == "cuda"):
            slide(
                model,
                torch.from_numpy(image),
                along,
                write,
                device=on,
                mirroring=mirroring,
                air=air if model.low <= AIR_HU else -np.inf,
                progress=lambda done, all_: progress(done / all_),
            )

    try:
        attempt(device)
    except torch.cuda.OutOfMemoryError:
        speaking.log("The memory of the GPU is full. The processor goes on with the case.")
        torch.cuda.empty_cache()
        result[:] = 0
        attempt(torch.device("cpu"))
    return result


def _image(model: Model, volume: NDArray[Any], geometry: Geometry) -> NDArray[np.float32]:
    """Resampled and normalised, along the network's axes."""
    wanted = [0.0, 0.0, 0.0]
    # The network's axes are (head-feet, front-back, left-right) in some order, the record's are (k, r, c).
    for axis, of in enumerate(model.order):
        wanted[(1, 2, 0)[of]] = model.spacing[axis]
    spacing = geometry.spacing.tolist()
    shape = target_shape(volume.shape, spacing, wanted)
    found = resampled(volume, shape, spline_orders(spacing, wanted), (model.low, model.high))
    found -= model.mean
    found /= model.deviation
    return np.ascontiguousarray(to_network(found).transpose(model.order))


def _check_memory(model: Model, shape: tuple[int, ...], along: int, volume_bytes: int, memory_gb: float) -> None:
    rest = int(np.prod([n for axis, n in enumerate(shape) if axis != along]))
    # The row of tiles, its quotient, the kept part of it, and half as much for what is interpolated.
    need = 3 * 4 * model.heads * model.patch[along] * rest + 2 * 4 * int(np.prod(shape)) + 2 * volume_bytes
    if need > memory_gb * 2**30:
        raise Refusal(
            "too-large",
            f"The case would take {need / 2**30:.1f} GB at the spacing of this model, {memory_gb:g} GB are allowed. "
            "Choose a model of coarser spacing, or allow the worker more memory.",
        )


def _cropped(
    target: NDArray[np.uint8], inner: tuple[slice, slice, slice], along: int, model: Model
) -> Callable[[torch.Tensor], None]:
    """Rows of scores on the padded grid, without the padding, to a writer."""
    rest = [axis for axis in range(3) if axis != along]
    inside = [inner[axis] for axis in (along, *rest)]
    shape = tuple(one.stop - one.start for one in inside)
    writer = LabelWriter(np.moveaxis(target, along, 0), (shape[0], shape[1], shape[2]), model.meaning.table())
    seen = 0

    def write(scores: torch.Tensor) -> None:
        nonlocal seen
        first, last = max(inside[0].start - seen, 0), min(inside[0].stop - seen, scores.shape[1])
        seen += scores.shape[1]
        if last > first:
            writer.write(scores[:, first:last, inside[1], inside[2]])

    return write
