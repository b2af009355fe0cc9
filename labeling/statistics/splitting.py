"""Training, validation and test by patient, from a keyed hash: who goes where is fixed before anyone has looked.

Two ways, and what each gives up:

- `split_of` looks at one pseudonym alone. Nobody is ever moved by patients who come later, and the order of imports
  does not matter; but the shares are only met on average (of 452 patients, 45 ± 6 in the test set), and a rare
  stratum may fall on one side.
- `split_by_stratum` meets the shares in every stratum to within one patient; but who stands at the border depends on
  who else is there, so a patient may move when others are added. Settle it once, keep it (`kept`), and let later
  patients fill the shares: then nobody moves, and the order of arrival matters for those who came later.
"""

import hashlib
import hmac
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Literal

Split = Literal["training", "validation", "test"]
SPLITS: tuple[Split, ...] = ("training", "validation", "test")
SHORTEST_KEY = 16


@dataclass(frozen=True)
class Shares:
    """`test` of all patients, `validation` of those that remain: 9 : 1, then 10 % of training by default."""

    test: Fraction = Fraction(1, 10)
    validation: Fraction = Fraction(1, 10)

    def __post_init__(self) -> None:
        for name, share in (("test", self.test), ("validation", self.validation)):
            if not 0 <= share < 1:
                raise ValueError(f"The {name} share is {float(share):g}. Give a share from 0 to under 1.")


DEFAULT_SHARES = Shares()


def place_of(key: bytes, pseudonym: str) -> Fraction:
    """Where a patient stands between 0 and 1: HMAC-SHA256 of the pseudonym, its first 64 bits.

    Raises:
        ValueError: a key under 16 bytes (anyone could try them all), or an empty pseudonym.
    """
    if len(key) < SHORTEST_KEY:
        raise ValueError(f"The key of the split has {len(key)} bytes. Use one of {SHORTEST_KEY} or more.")
    if not pseudonym:
        raise ValueError("A patient without a pseudonym has no place in the split. Give the patient a pseudonym first.")
    digest = hmac.new(key, f"split, {pseudonym}".encode(), hashlib.sha256).digest()
    return Fraction(int.from_bytes(digest[:8], "big"), 2**64)


def split_of(key: bytes, pseudonym: str, shares: Shares = DEFAULT_SHARES) -> Split:
    """The split of one patient, from nothing but the key, the pseudonym and the shares."""
    place = place_of(key, pseudonym)
    if place < shares.test:
        return "test"
    return "validation" if place < shares.test + (1 - shares.test) * shares.validation else "training"


def split_by_stratum(
    key: bytes,
    strata: Mapping[str, Hashable],
    shares: Shares = DEFAULT_SHARES,
    kept: Mapping[str, Split] | None = None,
) -> dict[str, Split]:
    """The split of every patient, the shares met within each stratum (for instance: has a fracture, has none).

    strata: pseudonym -> stratum; one stratum per patient. kept: splits that are already settled and stay as they are;
    patients who left the cohort may stand there too and are ignored. In hash order the first of each stratum go to the
    test set until its share is full, the next to validation, the rest to training. Shares are rounded half up.
    """
    settled = {pseudonym: split for pseudonym, split in (kept or {}).items() if pseudonym in strata}
    members: dict[Hashable, list[str]] = {}
    for pseudonym in strata:
        members.setdefault(strata[pseudonym], []).append(pseudonym)
    result: dict[str, Split] = dict(settled)
    for patients in members.values():
        room = _room(len(patients), shares)
        for pseudonym in patients:
            if pseudonym in settled:
                room[settled[pseudonym]] -= 1
        waiting = sorted((p for p in patients if p not in settled), key=lambda p: (place_of(key, p), p))
        for pseudonym in waiting:
            split: Split = "test" if room["test"] > 0 else "validation" if room["validation"] > 0 else "training"
            room[split] -= 1
            result[pseudonym] = split
    return result


def _room(patients: int, shares: Shares) -> dict[Split, int]:
    test = floor(patients * shares.test + Fraction(1, 2))
    validation = floor((patients - test) * shares.validation + Fraction(1, 2))
    return {"test": test, "validation": validation, "training": patients - test - validation}
