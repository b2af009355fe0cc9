"""Which series of a case is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .geometry import Geometry, canonical_order
from .refusal import Refusal
from .sagittal import is_sagittal

__all__ = ["Candidate", "Choice", "choose", "is_bone_kernel", "kernel_kind"]

# Siemens: a letter for the family, one for the body region, two digits that grow with sharpness (B60s, Br59f, U77u).
_SIEMENS = re.compile(r"^[BHUIJQ]([RLFVCP]?)(\d\d)")
_SIEMENS_BONE = 50
_CANON = re.compile(r"^FC(\d\d)")
_BONE = {"BONE", "BONEPLUS", "BONE+", "EDGE", "ULTRA", "D", "E", "YB", "YC", "YD"}
_LUNG = {"LUNG", "L", "YA"}
_SOFT = {"SOFT", "STANDARD", "STND", "STD", "CHEST", "DETAIL", "A", "B", "C", "IDA", "IDB", "IDC"}

# A series that shows less than this share of the longest one is not the one to read.
_COVERAGE_SHARE = 0.7
# Upper ends (mm) of the classes of craniocaudal spacing within which a bone kernel weighs more than thinner slices.
_SPACING_CLASSES = (1.25, 2.0, 3.0)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An accepted series: its geometry (axis 0 = slices), its Convolution Kernel, and whether slices were acquired.

    `sliced` is False for a volume without a slice axis of its own (NIfTI), which is always derived from.
    """

    geometry: Geometry
    kernel: str | Sequence[str] = ()
    sliced: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """Which candidate is read, how ('native' or 'derived'), and why, as a sentence for the intake page."""

    index: int
    origin: str
    why: str

    @property
    def native(self) -> bool:
        return self.origin == "native"


def kernel_kind(kernel: str | Sequence[str] | None) -> str:
    """'bone', 'lung' (sharp, made for lungs), 'soft' or 'unknown' for a Convolution Kernel (0018,1210).

    The first value counts: some scanners add the strength of their iteration as a second one. Philips names are used
    differently from site to site.
    """
    first = kernel if isinstance(kernel, str) else next(iter(kernel or ()), "")
    name = re.sub(r"\s+", "", first.split("\\")[0]).upper()
    if not name:
        return "unknown"
    siemens = _SIEMENS.match(name)
    if siemens:
        return "bone" if int(siemens.group(2)) >= _SIEMENS_BONE else "soft"
    canon = _CANON.match(name)
    if canon:
        number = int(canon.group(1))
        if 30 <= number <= 35 or 80 <= number <= 86:
            return "bone"
        return "lung" if 50 <= number <= 56 else "soft" if number <= 18 else "unknown"
    for kind, names in (("bone", _BONE), ("lung", _LUNG), ("soft", _SOFT)):
        if name in names:
            return kind
    for kind, part in (("lung", "LUNG"), ("bone", "BONE"), ("bone", "SHARP"), ("soft", "SOFT")):
        if part in name:
            return kind
    return "unknown"


def is_bone_kernel(kernel: str | Sequence[str] | None) -> bool:
    """Whether a Convolution Kernel is bone-like by its name. A name never excludes a series."""
    return kernel_kind(kernel) == "bone"


def choose(candidates: Sequence[Candidate]) -> Choice:
    """The series that is read, among the accepted series of one case.

    A native sagittal series comes first; of several, in this order: bone kernel, then lung kernel (as sharp), then any;
    at least 70 % of the longest craniocaudal coverage; more coverage; finer rows; the first.

    Without one, a stack is derived, and the craniocaudal spacing decides what can be seen, so it weighs more than the
    kernel: at least 70 % of the longest coverage; then the class of spacing (up to 1.25, 2, 3 mm, above); within a
    class bone before lung before any kernel; then thinner slices; more coverage; the first.

    Raises
    ------
    Refusal
        ``nothing-to-read`` where there is no candidate.
    """
    if not candidates:
        raise Refusal("nothing-to-read", "No series of this case can be read. The reasons stand beside each series.")
    native = [n for n, one in enumerate(candidates) if one.sliced and is_sagittal(one.geometry)]
    if native:
        index = min(native, key=lambda n: (_kernel_rank(candidates[n]), *_extent_rank(candidates, native, n)))
        return Choice(index, "native", f"Sagittal, {_kernel_words(candidates[index])}")
    everything = range(len(candidates))
    index = min(everything, key=lambda n: _derived_rank(candidates, n))
    return Choice(index, "derived", _derived_why(candidates[index]))


def _kernel_rank(candidate: Candidate) -> int:
    return {"bone": 0, "lung": 1}.get(kernel_kind(candidate.kernel), 2)


def _kernel_words(candidate: Candidate) -> str:
    kind = kernel_kind(candidate.kernel)
    return "kernel not known" if kind == "unknown" else f"{kind} kernel"


def _craniocaudal(geometry: Geometry) -> tuple[float, float]:
    """Spacing and coverage (mm) along the array axis nearest to head-feet."""
    order, _flips = canonical_order(geometry)
    axis = order[1]
    spacing = float(geometry.spacing[axis])
    return spacing, spacing * geometry.shape[axis]


def _covers(candidates: Sequence[Candidate], among: Sequence[int], n: int) -> bool:
    longest = max(_craniocaudal(candidates[other].geometry)[1] for other in among)
    return _craniocaudal(candidates[n].geometry)[1] >= _COVERAGE_SHARE * longest


def _extent_rank(candidates: Sequence[Candidate], among: Sequence[int], n: int) -> tuple[bool, float, float, int]:
    spacing, coverage = _craniocaudal(candidates[n].geometry)
    return not _covers(candidates, among, n), -round(coverage, 1), spacing, n


def _derived_rank(candidates: Sequence[Candidate], n: int) -> tuple[bool, int, int, float, float, int]:
    candidate = candidates[n]
    spacing, coverage = _craniocaudal(candidate.geometry)
    spacing_class = int(np.searchsorted(_SPACING_CLASSES, spacing - 1e-3))
    missing = not _covers(candidates, range(len(candidates)), n)
    return missing, spacing_class, _kernel_rank(candidate), round(spacing, 3), -round(coverage, 1), n


def _derived_why(candidate: Candidate) -> str:
    spacing = candidate.geometry.spacing
    axis = canonical_order(candidate.geometry)[0][0]
    slab = max(1, int(np.floor(3.0 / spacing[axis] + 0.5 + 1e-9)))
    count = candidate.geometry.shape[axis] // slab
    thickness = f"{slab * float(spacing[axis]):.1f}".removesuffix(".0")
    return (
        f"No sagittal series. {count} slabs of {thickness} mm, marked derived. {_kernel_words(candidate).capitalize()}."
    )
