"""Whether a number printed elsewhere follows from its counts: right, truncated where it should be rounded, or wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from numpy.typing import ArrayLike

from labeling.statistics.rates import FRACTIONS, LABELS, rate_of

__all__ = ["PrintedCheck", "check_printed", "check_table"]

PERCENT = frozenset(FRACTIONS) | {"balanced_accuracy"}
"""Rates that a table prints as per cent."""


@dataclass(frozen=True)
class PrintedCheck:
    """One printed number beside the one that follows. verdict: `right`, `truncated`, `wrong` or `undefined`."""

    name: str
    printed: str
    follows: str
    verdict: str
    sentence: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def check_printed(name: str, printed: str, value: float, *, percent: bool = False) -> PrintedCheck:
    """Compares a number as printed (its digits count: `94.9`) with the value it should show.

    value
        the value itself; times 100 where `percent`.

    Raises
    ------
    ValueError
        where `printed` is no number.
    """
    label = LABELS.get(name, name)
    try:
        shown = Decimal(printed)
    except InvalidOperation:
        raise ValueError(f"{printed!r} is no number. Give the digits as printed, such as 94.9.") from None
    exact = Decimal(repr(float(value) * 100 if percent else float(value)))
    if not exact.is_finite():
        return PrintedCheck(name, printed, "", "undefined", f"{label}: these counts do not define it.")
    step = Decimal(1).scaleb(int(shown.as_tuple().exponent))
    rounded, cut = exact.quantize(step, ROUND_HALF_UP), exact.quantize(step, ROUND_DOWN)
    if shown == rounded:
        return PrintedCheck(name, printed, str(rounded), "right", "")
    if shown == cut:
        finer = exact.quantize(step / 10, ROUND_HALF_UP)
        sentence = f"{label}: {printed} is truncated; {finer} rounds to {rounded}."
        return PrintedCheck(name, printed, str(rounded), "truncated", sentence)
    sentence = f"{label}: {printed} is printed, but {rounded} follows from the counts."
    return PrintedCheck(name, printed, str(rounded), "wrong", sentence)


def check_table(counts: ArrayLike, printed: Mapping[str, str]) -> tuple[PrintedCheck, ...]:
    """A printed table of rates against its own counts (TP, FP, FN, TN); names as in `rates.RATES`.

    Rates of `PERCENT` are taken as per cent, all others as they are.

    Raises
    ------
    ValueError
        for a name that is no rate.
    """
    unknown = sorted(set(printed) - set(LABELS))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: no such rate. Known are {', '.join(LABELS)}.")
    return tuple(
        check_printed(name, text, float(rate_of(name, counts)), percent=name in PERCENT)
        for name, text in printed.items()
    )
