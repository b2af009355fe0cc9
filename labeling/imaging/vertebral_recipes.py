"""How vertebral slices are cut out of a stack: two frozen recipes, the paper's and ours.

`PAPER_SLICES` is what Glessgen et al. (Segment and Slice, 2022) and their released scripts do: 5 slices shaved off on
each side, the box of the mask plus 20 pixels, each crop stretched from its darkest to its brightest value to 8 bits,
padded or cropped to 256 pixels. `SAGITTAL_SLICES` keeps what that throws away: density (a fixed window), size (a fixed
pixel), the neighbouring slices, and which vertebra is meant (its mask).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from labeling.imaging.shaving import LEAST_KEPT, SHAVED_SHARE, kept

__all__ = ["PAPER_SLICES", "SAGITTAL_SLICES", "SLICE_RECIPES", "SliceRecipe", "kept_slices"]


@dataclass(frozen=True, slots=True)
class SliceRecipe:
    """One way to cut slices; every number that changes a pixel is a field, so that `sha256` names the pixels.

    shaved_share, least_kept
        Part of the body's width shaved off on each side, and slices that stay in any case, see `shaving.kept`.
    shaved_slices
        Where not None: this many slices on each side instead, and what is left may be nothing.
    margin_mm, margin_px
        Around the box of the body; exactly one of both is set.
    pixel_mm
        Edge of the square pixels; None for the finer of the two in-plane spacings of the stack.
    window
        HU that become 0 and 255; None for the least and the greatest value of each crop.
    neighbour_mm
        Distance of the slices on both sides that stand beside the slice as channels; None for none.
    mask
        Whether the share of each pixel that the mask covers is the last channel.
    canvas
        Edge of the images in pixels. The crop lies in the middle, 0 around it.
    """

    name: str
    version: int
    shaved_share: float
    least_kept: int
    shaved_slices: int | None
    margin_mm: float | None
    margin_px: int | None
    pixel_mm: float | None
    window: tuple[float, float] | None
    neighbour_mm: float | None
    mask: bool
    canvas: int

    def __post_init__(self) -> None:
        if (self.margin_mm is None) == (self.margin_px is None):
            raise ValueError("A recipe has a margin in millimetres or in pixels: one of both.")
        if (self.margin_mm is None) != (self.pixel_mm is None):
            raise ValueError(
                "Margins in millimetres go with a pixel size, margins in pixels with the pixels of the CT."
            )
        if self.margin_px is not None and (self.neighbour_mm is not None or self.mask or self.window is not None):
            raise ValueError("Crops with a margin in pixels are single slices, scaled crop by crop.")
        if self.margin_mm is not None and self.window is None:
            raise ValueError("Crops with a margin in millimetres need a window in HU.")
        if self.window is not None and not self.window[0] < self.window[1]:
            raise ValueError(f"The window {self.window} HU is turned round. Its lower end comes first.")
        if self.canvas < 8 or self.canvas % 2 or (self.pixel_mm is not None and self.pixel_mm <= 0):
            raise ValueError("The canvas is an even number of pixels from 8 up, and pixels are larger than nothing.")

    @property
    def channels(self) -> tuple[str, ...]:
        """What the channels of an image are, in order."""
        slices = ("slice",) if self.neighbour_mm is None else ("right neighbour", "slice", "left neighbour")
        return (*slices, "mask") if self.mask else slices

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def read(cls, content: dict[str, Any]) -> SliceRecipe:
        """From what `plain` gave.

        Raises
        ------
        ValueError
            where names or values make no recipe.
        """
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in content.items()
        }
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"This is no recipe for slices: {error}.") from error

    def sha256(self) -> str:
        """Of the canonical JSON, in hex."""
        return hashlib.sha256(json.dumps(self.plain(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


PAPER_SLICES = SliceRecipe(
    name="paper",
    version=1,
    shaved_share=0.0,
    least_kept=1,
    shaved_slices=5,
    margin_mm=None,
    margin_px=20,
    pixel_mm=None,
    window=None,
    neighbour_mm=None,
    mask=False,
    canvas=256,
)

SAGITTAL_SLICES = SliceRecipe(
    name="sagittal",
    version=1,
    shaved_share=SHAVED_SHARE,
    least_kept=LEAST_KEPT,
    shaved_slices=None,
    margin_mm=10.0,
    margin_px=None,
    # Spine CTs come with 0.3 to 0.7 mm: little is thrown away, and a step of 1 mm in an endplate is still 1.7 pixels.
    # 128 of them are 76.8 mm: a lumbar body two standard deviations above the mean (41 x 33 mm) that lies tilted by
    # 40 degrees has a box of 53 mm, and fits with its margin.
    pixel_mm=0.6,
    # From fat to cortex; 8 bits are 4.7 HU a step, a tenth of the noise of a slice of spine CT.
    window=(-200.0, 1000.0),
    # What stands beside a slice is as far away in a stack of 1 mm as in one of 3 mm.
    neighbour_mm=3.0,
    mask=True,
    canvas=128,
)

SLICE_RECIPES = {recipe.name: recipe for recipe in (PAPER_SLICES, SAGITTAL_SLICES)}


def kept_slices(first_k: int, last_k: int, recipe: SliceRecipe) -> tuple[int, int] | None:
    """The slices of a body that a recipe keeps, first and last inclusive; None where none is left.

    Raises
    ------
    ValueError
        where the extent is turned round.
    """
    if recipe.shaved_slices is None:
        return kept(first_k, last_k, recipe.shaved_share, recipe.least_kept)
    if last_k < first_k:
        raise ValueError(f"The extent runs from slice {first_k} to {last_k}. Its first slice comes first.")
    first, last = first_k + recipe.shaved_slices, last_k - recipe.shaved_slices
    return (first, last) if first <= last else None
