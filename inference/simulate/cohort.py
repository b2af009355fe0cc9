"""A cohort of simulated cases on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .case import simulate_case
from .files import READ_FILE, write_case, write_read
from .readers import simulate_read
from .spec import random_spec

__all__ = ["case_name", "write_cohort"]

_MOST = 100_000


def case_name(seed: int, number: int, axial: bool = False) -> str:
    """The name of the `number`-th case of a cohort; also its patient's identifier."""
    return f"sim-{seed:04d}-{number:04d}{'-axial' if axial else ''}"


def write_cohort(
    folder: Path, cases: int, seed: int, axial: bool = False, skill: tuple[float, float] | None = None
) -> Iterator[Path]:
    """Write `cases` cases into `folder`, one after the other; yields the folder of each when it is complete.

    The n-th case of a seed is the same however many are written.

    Parameters
    ----------
    skill
        Sensitivity and specificity of a simulated reader whose read is written beside each case; None for no read.

    Raises
    ------
    ValueError
        where `cases`, `seed` or a share of `skill` is no sensible number.
    """
    if not 1 <= cases < _MOST or not 0 <= seed < _MOST:
        raise ValueError(f"Cases are 1 to {_MOST - 1:,}, the seed is 0 to {_MOST - 1:,}.")
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, cases + 1):
        own = seed * _MOST + number
        case = simulate_case(random_spec(own, axial=axial), own)
        place = write_case(case, folder, case_name(seed, number, axial))
        (place / READ_FILE).unlink(missing_ok=True)
        if skill is not None:
            write_read(simulate_read(case, *skill, seed=own), place)
        yield place
