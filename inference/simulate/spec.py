"""What is asked for: one simulated case, and how a cohort of them is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .design import chain_of

__all__ = ["AO_TYPES", "MIMICS", "CaseSpec", "Fracture", "Mimic", "random_spec"]

AO_TYPES = ("A1", "A2", "A3", "A4")
MIMICS = ("schmorl", "wedge", "cupid")

LANGUAGES = ("de", "en", "fr")


@dataclass(frozen=True, slots=True)
class Fracture:
    """A fracture to be made.

    severity
        0 to 1 within what the type allows; None draws it.
    endplate
        'superior' or 'inferior' for the types that break one endplate.
    old
        Healed: no line, no sharp step, corners rounded.
    """

    level: str
    ao_type: str
    severity: float | None = None
    endplate: str = "superior"
    old: bool = False


@dataclass(frozen=True, slots=True)
class Mimic:
    """What looks like a fracture and is none: 'schmorl', 'wedge' (physiological) or 'cupid' (Cupid's bow)."""

    level: str
    kind: str


@dataclass(frozen=True, slots=True)
class CaseSpec:
    """One simulated case.

    top, bottom
        The highest and the lowest vertebra that are completely in view.
    cut_top, cut_bottom
        Whether the border runs through the body of the next vertebra; else it runs close to `top` or `bottom`.
    sacrum
        Whether the sacrum is well in view; only where `bottom` is the lowest vertebra of the spine.
    variant
        'normal', 'T13', 'L6' or 'four-lumbar'.
    plane
        'sagittal' (native stack) or 'axial' (volume).
    slice_mm, pixel_mm, width_mm, depth_mm
        Slice spacing and thickness; pixel; field of view right to left and front to back.
    kernel
        Convolution Kernel as the header will say it: 'Br64' is drawn sharp, 'Br38' soft.
    rotation_deg
        By how much the slices are turned about the long axis of the patient (oblique reformations).
    """

    top: str = "T11"
    bottom: str = "L5"
    cut_top: bool = True
    cut_bottom: bool = False
    sacrum: bool = True
    variant: str = "normal"
    female: bool = True
    age: int = 70
    fractures: tuple[Fracture, ...] = ()
    mimics: tuple[Mimic, ...] = ()
    plane: str = "sagittal"
    slice_mm: float = 3.0
    pixel_mm: float = 0.6
    width_mm: float = 81.0
    depth_mm: float = 190.0
    kernel: str = "Br64"
    dose: float = 1.0
    scoliosis_deg: float = 0.0
    rotation_deg: float = 0.0
    language: str = "de"

    def __post_init__(self) -> None:
        chain = chain_of(self.variant)
        for level in (self.top, self.bottom, *(f.level for f in self.fractures), *(m.level for m in self.mimics)):
            if level not in chain:
                raise ValueError(f"{level} is no vertebra of a {self.variant} spine, which has {', '.join(chain)}.")
        if chain.index(self.top) < 1 or chain.index(self.top) > chain.index(self.bottom):
            raise ValueError(f"The field of view from {self.top} to {self.bottom} is none. Begin at C2 or below.")
        if self.sacrum and self.bottom != chain[-1]:
            raise ValueError(f"The sacrum is in view only below {chain[-1]}, not below {self.bottom}.")
        if self.plane not in ("sagittal", "axial"):
            raise ValueError(f"{self.plane!r} is no plane. There are 'sagittal' and 'axial'.")
        if self.language not in LANGUAGES:
            raise ValueError(f"{self.language!r} is no language of reports. There are {', '.join(LANGUAGES)}.")
        if min(self.slice_mm, self.pixel_mm, self.width_mm, self.depth_mm, self.dose) <= 0:
            raise ValueError("Slices, pixels, the field of view and the dose are above zero.")
        self._check_findings()

    def _check_findings(self) -> None:
        for fracture in self.fractures:
            if fracture.ao_type not in AO_TYPES:
                raise ValueError(f"{fracture.ao_type!r} is no type of fracture. There are {', '.join(AO_TYPES)}.")
            if fracture.endplate not in ("superior", "inferior"):
                raise ValueError(f"{fracture.endplate!r} is no endplate. There are 'superior' and 'inferior'.")
            if fracture.level[0] == "C":
                raise ValueError(f"Types A1 to A4 are of the thoracic and lumbar spine, {fracture.level} is neither.")
        for mimic in self.mimics:
            if mimic.kind not in MIMICS:
                raise ValueError(f"{mimic.kind!r} mimics nothing here. There are {', '.join(MIMICS)}.")
        levels = [one.level for one in self.fractures] + [one.level for one in self.mimics]
        if len(set(levels)) < len(levels):
            raise ValueError("Two findings lie in one vertebra. One vertebra takes one.")

    @property
    def chain(self) -> tuple[str, ...]:
        """All presacral levels of this spine, from head to feet."""
        return chain_of(self.variant)

    @property
    def complete(self) -> tuple[str, ...]:
        """The levels from `top` to `bottom`."""
        chain = self.chain
        return chain[chain.index(self.top) : chain.index(self.bottom) + 1]


_UNBROKEN = 0.08  # cases without a fracture: a cohort chosen by reports holds a few
_FRACTURES = ((1, 0.52), (2, 0.23), (3, 0.12), (4, 0.07), (5, 0.06))
_SHARES = {"A1": 0.44, "A2": 0.04, "A3": 0.30, "A4": 0.22}
_WEIGHTS = {
    **dict.fromkeys(("T1", "T2", "T3"), 0.5),
    **{"T4": 2, "T5": 3, "T6": 5, "T7": 7, "T8": 7, "T9": 4, "T10": 5, "T11": 9, "T12": 17, "T13": 17},
    **{"L1": 20, "L2": 10, "L3": 5, "L4": 4, "L5": 2, "L6": 2},
}


def random_spec(seed: int, axial: bool = False) -> CaseSpec:
    """A case as the cohort draws it: field of view, variant, person, fractures, mimics; the same for the same seed."""
    rng = np.random.default_rng([seed, 20])
    variant = str(rng.choice(["normal", "L6", "T13", "four-lumbar"], p=[0.88, 0.05, 0.03, 0.04]))
    female = bool(rng.random() < 0.69)
    age = int(np.clip(rng.normal(79, 12) if female else rng.normal(72, 16), 20, 99))
    chain = chain_of(variant)
    top, bottom = _field(chain, rng)
    spec = CaseSpec(
        top=top,
        bottom=bottom,
        cut_top=bool(rng.random() < 0.9),
        cut_bottom=bool(rng.random() < (0.8 if bottom != chain[-1] else 0.0)),
        sacrum=bottom == chain[-1],
        variant=variant,
        female=female,
        age=age,
        plane="axial" if axial else "sagittal",
        scoliosis_deg=float(rng.normal(0, 3)),
        rotation_deg=float(np.clip(rng.normal(0, 3), -8, 8)),
        dose=float(np.clip(rng.lognormal(0, 0.3), 0.5, 2.0)),
        language=str(rng.choice(LANGUAGES)),
    )
    spec = _imaged(spec, rng, axial)
    fractures = _fractures(spec, rng)
    return replace(spec, fractures=fractures, mimics=_mimics(spec, {one.level for one in fractures}, rng))


def _field(chain: Sequence[str], rng: np.random.Generator) -> tuple[str, str]:
    """Highest and lowest complete vertebra: mostly lumbar, 4 to 17 of them."""
    last = len(chain) - 1
    first_lumbar = chain.index("L1")
    draw = rng.random()
    if draw < 0.62:
        return chain[first_lumbar - int(rng.integers(0, 3))], chain[last]
    if draw < 0.80:
        return chain[first_lumbar - int(rng.integers(4, 7))], chain[last]
    if draw < 0.91:
        return chain[first_lumbar - int(rng.integers(3, 6))], chain[first_lumbar + int(rng.integers(1, 4))]
    if draw < 0.97:
        return chain[chain.index("T2") + int(rng.integers(0, 3))], chain[first_lumbar - int(rng.integers(0, 2))]
    if draw < 0.99:
        return "C3", chain[chain.index("T2") + int(rng.integers(0, 4))]
    return chain[last - 16 + int(rng.integers(0, 2))], chain[last]


def _imaged(spec: CaseSpec, rng: np.random.Generator, axial: bool) -> CaseSpec:
    if axial:
        pixel = float(rng.choice([0.7, 0.8, 0.9]))
        return replace(spec, slice_mm=1.0, pixel_mm=pixel, width_mm=180.0, depth_mm=190.0, kernel="Br59")
    return replace(
        spec,
        slice_mm=float(rng.choice([2.0, 2.5, 3.0], p=[0.25, 0.15, 0.6])),
        pixel_mm=float(rng.choice([0.45, 0.5, 0.6, 0.7])),
        width_mm=float(rng.uniform(68, 92)),
        depth_mm=float(rng.uniform(170, 215)),
        kernel=str(rng.choice(["Br64", "Br59", "B60s"])),
    )


def _fractures(spec: CaseSpec, rng: np.random.Generator) -> tuple[Fracture, ...]:
    levels = [level for level in spec.complete if level in _WEIGHTS]
    if not levels or rng.random() < _UNBROKEN:
        return ()
    counts, shares = zip(*_FRACTURES, strict=True)
    count = min(int(rng.choice(counts, p=shares)), len(levels) - 1, 5)
    if count < 1:
        return ()
    weights = np.array([_WEIGHTS[level] for level in levels], dtype=float)
    chosen = rng.choice(len(levels), size=count, replace=False, p=weights / weights.sum())
    made = []
    for place in sorted(chosen):
        ao_type = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
        endplate = "superior" if rng.random() < 0.87 else "inferior"
        made.append(Fracture(levels[place], ao_type, None, endplate, bool(rng.random() < 0.3) and ao_type != "A2"))
    return tuple(made)


def _mimics(spec: CaseSpec, taken: set[str], rng: np.random.Generator) -> tuple[Mimic, ...]:
    made = []
    for level in spec.complete:
        if level in taken or level[0] == "C":
            continue
        draw = rng.random()
        if draw < 0.06:
            made.append(Mimic(level, "schmorl"))
        elif draw < 0.16 and level in ("T6", "T7", "T8", "T11", "T12", "L1"):
            made.append(Mimic(level, "wedge"))
        elif draw < 0.10 and level in ("L3", "L4", "L5"):
            made.append(Mimic(level, "cupid"))
    return tuple(made)
