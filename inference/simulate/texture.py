"""Spongy bone and image noise: Gaussian fields whose spectra were measured on real CT.

Sharp kernels make blue noise: in the axial plane its power is |f| MTF(f)^2, more of it front to back because rays
through the width of the body are noisier; thick sagittal slices average over x, and leave grain that is longer in z.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .grid import Box, Floats, Grid, Points

__all__ = ["KERNELS", "Kernel", "enhanced", "kernel_of", "marrow_tile", "noise", "tiled"]

_TRABECULAE_MM = (0.45, 1.1, 0.45)  # correlation along x, z, y: struts stand along the load
_TRABECULAR_SD = 85.0  # HU on a 0.5 mm grid, for marrow of 80 HU
_REFERENCE_MM = 0.5
_TILE = 64

Frequencies = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Kernel:
    """What a reconstruction kernel does.

    fwhm, fwhm_z
        Of the point spread, in plane and along z, mm.
    edge
        Share by which edges are enhanced: (1 + edge) G(F) - edge G(2F).
    noise
        SD in HU of thin images, before slices are averaged.
    """

    fwhm: float
    fwhm_z: float
    edge: float
    noise: float


KERNELS = {
    "soft": Kernel(1.3, 1.0, 0.0, 20.0),
    "medium": Kernel(0.95, 1.0, 0.0, 34.0),
    "bone": Kernel(0.75, 0.9, 0.25, 68.0),
    "very sharp": Kernel(0.6, 0.8, 0.35, 115.0),
}


def kernel_of(name: str) -> Kernel:
    """The kernel that a Siemens name says, by its two digits; bone where there are none."""
    digits = "".join(sign for sign in name if sign.isdigit())[:2]
    sharpness = int(digits) if digits else 60
    if sharpness < 45:
        return KERNELS["soft"]
    if sharpness < 50:
        return KERNELS["medium"]
    return KERNELS["bone"] if sharpness < 68 else KERNELS["very sharp"]


def marrow_tile(grid: Grid, kernel: Kernel, rng: np.random.Generator) -> Floats:
    """A periodic block of spongy texture in HU (for marrow of 80 HU) at the samples of a grid, blurred by the PSF."""
    steps = (grid.spacing[0] / grid.samples, grid.spacing[1], grid.spacing[2])
    sigmas = (_sigma(kernel.fwhm), _sigma(kernel.fwhm_z), _sigma(kernel.fwhm))
    shape = (_TILE, _TILE, _TILE)
    axes = [np.fft.fftfreq(_TILE, step) for step in steps]
    axes[2] = np.fft.rfftfreq(_TILE, steps[2])
    amplitude = _trabecular(axes)
    blur = np.ones_like(amplitude)
    for place, (f, sigma) in enumerate(zip(axes, sigmas, strict=True)):
        along = np.exp(-2 * (np.pi * sigma * f) ** 2)
        if place == 0:
            along = along * np.sinc(f * steps[0])  # a sample stands for all of its thickness
        blur = blur * along.reshape([-1 if n == place else 1 for n in range(3)])
    spectrum = np.fft.rfftn(rng.standard_normal(shape)) * amplitude * blur
    tile = np.fft.irfftn(spectrum, s=shape, axes=(0, 1, 2))
    full = [np.fft.fftfreq(_TILE, step) for step in steps]
    share = _power(full, sigmas, steps) / _power([np.fft.fftfreq(_TILE, _REFERENCE_MM)] * 3, None, None)
    result: Floats = (tile / tile.std() * _TRABECULAR_SD * np.sqrt(min(share, 1.0))).astype(np.float32)
    return result


def _trabecular(axes: Sequence[Frequencies]) -> Points:
    total = sum(
        ((2 * np.pi * length * f) ** 2).reshape([-1 if n == place else 1 for n in range(3)])
        for place, (f, length) in enumerate(zip(axes, _TRABECULAE_MM, strict=True))
    )
    result: Points = 1 / (1 + np.asarray(total))
    return result


def _power(axes: Sequence[Frequencies], sigmas: tuple[float, ...] | None, steps: tuple[float, ...] | None) -> float:
    """Integral over frequency of the squared spectrum, blurred where `sigmas` say so."""
    power = _trabecular(axes) ** 2
    volume = 1.0
    for place, f in enumerate(axes):
        along = np.ones_like(f)
        if sigmas is not None and steps is not None:
            along = np.exp(-4 * (np.pi * sigmas[place] * f) ** 2)
            if place == 0:
                along = along * np.sinc(f * steps[0]) ** 2
        power = power * along.reshape([-1 if n == place else 1 for n in range(3)])
        volume *= float(f[1] - f[0])
    return float(power.sum() * volume)


def tiled(tile: Floats, grid: Grid, box: Box, shift: tuple[int, int, int]) -> Floats:
    """The texture at the samples of a box: the tile repeated, moved by `shift` samples."""
    starts = (box[0].start * grid.samples, box[1].start, box[2].start)
    stops = (box[0].stop * grid.samples, box[1].stop, box[2].stop)
    index = [(np.arange(a, b) + s) % _TILE for a, b, s in zip(starts, stops, shift, strict=True)]
    result: Floats = tile[np.ix_(*index)]
    return result


def enhanced(image: Floats, grid: Grid, kernel: Kernel) -> Floats:
    """Edges enhanced in the planes of the slices, as a sharp kernel does; changes and returns `image`."""
    if not kernel.edge:
        return image
    sigma = _sigma(kernel.fwhm) * np.sqrt(3.0)
    for plane in image:
        soft = ndimage.gaussian_filter(plane, (0.4 * sigma / grid.spacing[1], sigma / grid.spacing[2]))
        plane += np.float32(kernel.edge) * (plane - soft)
    return image


def noise(grid: Grid, kernel: Kernel, dose: float, sagittal: bool, rng: np.random.Generator) -> Floats:
    """Noise in HU over all voxels (k, r, c). `dose` 1 is that of a usual examination; noise goes with its root."""
    if sagittal:
        field = _sagittal_noise(grid, kernel, rng)
        slab = grid.spacing[0]
        scale = 1.0 if slab <= 0.6 else float(np.interp(slab, [0.6, 1.5, 3.0, 6.0], [1.0, 0.75, 0.56, 0.42]))
    else:
        field, scale = _axial_noise(grid, kernel, rng), 1.0 if grid.spacing[1] < 0.8 else 0.85
    drawn = float(field[:: max(1, len(field) // 8)].std())
    field *= np.float32(kernel.noise * scale / np.sqrt(dose) / max(drawn, 1e-6))
    return field


def _sagittal_noise(grid: Grid, kernel: Kernel, rng: np.random.Generator) -> Floats:
    slices, rows, columns = grid.shape
    f_z, f_y = np.fft.fftfreq(rows, grid.spacing[1]), np.fft.rfftfreq(columns, grid.spacing[2])
    f_x = np.linspace(0, 0.9, 24)
    radius = np.hypot(f_x[:, None], f_y[None, :]) + 1e-6
    weight = np.sinc(f_x * grid.spacing[0]) ** 2
    power = radius * _mtf(radius, kernel) ** 2 * (0.4 + 1.2 * (f_y[None, :] / radius) ** 2) * weight[:, None]
    along_y = np.sqrt(power.sum(axis=0) + 1e-9)
    along_z = np.exp(-2 * (np.pi * _sigma(kernel.fwhm_z) * f_z) ** 2)
    transfer = (along_z[:, None] * along_y[None, :]).astype(np.float32)
    field = np.empty(grid.shape, dtype=np.float32)
    for k in range(slices):
        white = rng.standard_normal((rows, columns), dtype=np.float32)
        field[k] = np.fft.irfft2(np.fft.rfft2(white) * transfer, s=(rows, columns))
    return field


def _axial_noise(grid: Grid, kernel: Kernel, rng: np.random.Generator) -> Floats:
    width, rows, columns = grid.shape
    f_x, f_y = np.fft.fftfreq(width, grid.spacing[0]), np.fft.rfftfreq(columns, grid.spacing[2])
    radius = np.hypot(f_x[:, None], f_y[None, :]) + 1e-6
    power = radius * _mtf(radius, kernel) ** 2 * (0.4 + 1.2 * (f_y[None, :] / radius) ** 2)
    transfer = np.sqrt(power).astype(np.float32)
    field = np.empty(grid.shape, dtype=np.float32)
    for r in range(rows):
        white = rng.standard_normal((width, columns), dtype=np.float32)
        field[:, r] = np.fft.irfft2(np.fft.rfft2(white) * transfer, s=(width, columns))
    ndimage.gaussian_filter1d(field, _sigma(kernel.fwhm_z) / grid.spacing[1], axis=1, output=field)
    return field


def _mtf(f: Points, kernel: Kernel) -> Points:
    sigma = _sigma(kernel.fwhm)
    narrow, wide = np.exp(-2 * (np.pi * sigma * f) ** 2), np.exp(-2 * (2 * np.pi * sigma * f) ** 2)
    result: Points = (1 + kernel.edge) * narrow - kernel.edge * wide
    return result


def _sigma(fwhm: float) -> float:
    return fwhm / 2.3548
