"""One simulated CT of the spine, with all that is true of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.anatomy.levels import SACRUM, rank, verse_of
from labeling.imaging.geometry import Geometry
from labeling.imaging.volume import LabelMap, Volume

from .arch import arch_of, atlas, dens, rib_of, sacral_solids
from .design import marrow_factor, rib_joint
from .render import ARCH, RIB, Canvas, Marrow
from .render import SACRUM as SACRAL_CORTEX
from .reports import report_of
from .scene import Scene, lay_out, stream
from .spec import CaseSpec
from .texture import enhanced, kernel_of, marrow_tile, noise
from .tissue import background, surroundings
from .truth import VertebraTruth, truths_of

__all__ = ["SimulatedCase", "simulate_case"]

_INTERCEPT = -1024

LEAST_LABEL_MM3 = 150.0
"""Nobody outlines less than this of a vertebra that is out of view."""


@dataclass(frozen=True, eq=False)
class SimulatedCase:
    """A simulated CT and its truth.

    Attributes
    ----------
    hounsfield
        int16 HU, (k, r, c): right to left, head to feet, front to back, whatever the plane of the files.
    geometry
        Of all three arrays; LPS mm.
    labels, bodies
        uint8 VerSe numbers: whole vertebrae with the sacrum (26), and bodies alone.
    vertebrae
        From head to feet, those that show in the image. `centre` and `axes` are in the scene of the case, which is the
        patient turned by ``spec.rotation_deg`` about its long axis.
    marrow
        HU of the spongy bone of L1.
    report
        The clinical report, in the language of the spec.
    """

    spec: CaseSpec
    seed: int
    hounsfield: NDArray[np.int16]
    geometry: Geometry
    labels: NDArray[np.uint8]
    bodies: NDArray[np.uint8]
    vertebrae: tuple[VertebraTruth, ...]
    sacrum_in_view: bool
    marrow: float
    report: str

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels that are completely in view, from head to feet."""
        return tuple(one.level for one in self.vertebrae if one.complete)

    @property
    def volume(self) -> Volume:
        """As intake would hold it: stored values with slope 1."""
        return Volume(self.geometry, (self.hounsfield - np.int16(_INTERCEPT)).astype(np.uint16), 1.0, _INTERCEPT)

    @property
    def mask(self) -> LabelMap:
        return LabelMap(self.geometry, self.labels)

    def vertebra(self, level: str) -> VertebraTruth:
        """The truth of one level.

        Raises
        ------
        KeyError
            where it does not show in the image.
        """
        for one in self.vertebrae:
            if one.level == level:
                return one
        raise KeyError(f"{level} is not in this image.")


def simulate_case(spec: CaseSpec, seed: int) -> SimulatedCase:
    """Draw one case. The same spec and seed give the same voxels.

    Parameters
    ----------
    spec
        What is in it, see `CaseSpec`.
    seed
        From 0 up.
    """
    scene = lay_out(spec, seed)
    kernel = kernel_of(spec.kernel)
    around = surroundings(scene.stacked, scene.grid, stream(seed, 10))
    image = background(around, scene.grid, kernel, stream(seed, 11))
    canvas = Canvas(scene.grid, kernel, image, marrow_tile(scene.grid, kernel, stream(seed, 12)))
    _draw(scene, canvas, seed)
    enhanced(image, scene.grid, kernel)
    image += noise(scene.grid, kernel, spec.dose, spec.plane == "sagittal", stream(seed, 13))
    np.clip(np.rint(image, out=image), _INTERCEPT, 3071, out=image)
    _drop_slivers(canvas)
    vertebrae = truths_of(scene, canvas.labels, canvas.bodies)
    return SimulatedCase(
        spec,
        seed,
        image.astype(np.int16),
        scene.grid.geometry(spec.rotation_deg),
        canvas.labels,
        canvas.bodies,
        vertebrae,
        bool((canvas.labels == SACRUM).any()),
        scene.marrow,
        report_of(spec, vertebrae, stream(seed, 14)),
    )


def _drop_slivers(canvas: Canvas) -> None:
    """Take off labels that show next to nothing of their vertebra: the tip of a process at the border."""
    least = LEAST_LABEL_MM3 / float(np.prod(canvas.grid.spacing))
    counts = np.bincount(canvas.labels.ravel(), minlength=256)
    for label in np.flatnonzero((counts > 0) & (counts < least)):
        canvas.labels[canvas.labels == label] = 0
        canvas.bodies[canvas.bodies == label] = 0


def _draw(scene: Scene, canvas: Canvas, seed: int) -> None:
    """Discs first, then sacrum, ribs and vertebrae over them."""
    stacked, spec = scene.stacked, scene.spec
    rng = stream(seed, 15)
    for disc in stacked.discs:
        old = disc.above in ("L3", "L4", "L5", "L6") and spec.age > 60
        hounsfield = float(rng.normal(78, 8))
        canvas.disc(disc, hounsfield, bool(old and rng.random() < 0.25), stream(seed, 16, rank(disc.above)))
    marrow = Marrow(scene.marrow, 0.8 if scene.marrow < 80 else 1.0)
    sacrum = [(part.frame, sacral_solids(part, number)) for number, part in enumerate(stacked.sacrum)]
    canvas.solids(sacrum, SACRUM, marrow, SACRAL_CORTEX, blend=3.0)
    above = {disc.above: disc.height for disc in stacked.discs}
    chain = spec.chain
    for place, level in enumerate(chain):
        body, size = stacked.bodies[level], scene.sizes[level]
        gap = above[chain[place - 1]] if place else 3.0
        own = Marrow(scene.marrow * marrow_factor(level), marrow.cortex)
        label = verse_of(level)
        joint = rib_joint(level, chain)
        if joint is not None:
            canvas.solids([(body.frame, rib_of(size, joint, gap))], 0, own, RIB)
        if level == "C1":
            canvas.solids([(body.frame, atlas(size))], label, own, ARCH)
            continue
        solids = arch_of(size, gap, wide=0.8 * body.spread)
        if level == "C2":
            solids += dens(size)
        shift = rng.integers(0, 64, 3)
        canvas.vertebra(body, solids, label, own, (int(shift[0]), int(shift[1]), int(shift[2])))
