"""One printed figure beside what the counts give, and the words for how they stand to each other."""

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from labeling.statistics.printed import check_printed

RIGHT, TRUNCATED, WRONG, IMPOSSIBLE = "right", "truncated, not rounded", "wrong", "impossible"
UNARGUED, SHAKY = "unargued", "holds only if"


@dataclass(frozen=True)
class Checked:
    """One printed figure. `slip` is its number in the list of slips (None: none is known there); `verdict` is one of
    the words above, `why` a sentence ('' where it is right)."""

    key: str
    slip: int | None
    where: str
    what: str
    printed: str
    given: str
    verdict: str
    why: str = ""

    @property
    def is_right(self) -> bool:
        return self.verdict == RIGHT

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def rate_checked(
    key: str, slip: int | None, where: str, what: str, printed: str, k: int, n: int, *, percent: bool = True
) -> Checked:
    """k of n against the digits printed. Where they are neither rounded nor cut, whether any k of this n would fit."""
    sign = " %" if percent else ""
    if n == 0:
        return Checked(key, slip, where, what, printed + sign, "", WRONG, "The counts hold none of these: no rate.")
    found = check_printed(what, printed, k / n, percent=percent)
    given = f"{k}/{n} = {found.follows}{sign}"
    if found.verdict == "right":
        return Checked(key, slip, where, what, printed + sign, given, RIGHT)
    exact = f"{k}/{n} is {(100 if percent else 1) * k / n:.{_digits(printed) + 1}f}{sign}"
    if found.verdict == "truncated":
        return Checked(key, slip, where, what, printed + sign, given, TRUNCATED, f"{exact}: rounded, {found.follows}.")
    if percent and not fitting(printed, n):
        why = f"{exact}, and no count out of {n} gives {printed} %."
        return Checked(key, slip, where, what, printed + sign, given, IMPOSSIBLE, why)
    return Checked(key, slip, where, what, printed + sign, given, WRONG, f"{exact}.")


def _digits(printed: str) -> int:
    return len(printed.partition(".")[2])


def fitting(printed: str, n: int) -> tuple[int, ...]:
    """All k for which k of n, rounded, prints these per cent."""
    return tuple(k for k in range(n + 1) if check_printed("", printed, k / n, percent=True).verdict == "right")


def nearest(printed: str, n: int) -> str:
    """The two counts of n around the per cent printed: `33 = 70.2 % and 34 = 72.3 %`."""
    below = int(Fraction(printed) * n / 100)
    digits = _digits(printed) + 1
    return " and ".join(f"{k} = {100 * k / n:.{digits}f} %" for k in (below, below + 1) if k <= n)


def kappa_of(first: int, second: int, different: int, total: int) -> float:
    """Cohen's kappa of two yes/no readers from their positives and the number of units they differ in."""
    chance = (first * second + (total - first) * (total - second)) / total**2
    return ((total - different) / total - chance) / (1 - chance)


def prints(printed: str, value: float) -> bool:
    return check_printed("", printed, value).verdict == "right"
