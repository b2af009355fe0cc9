"""Who reads which case when: one drawn order for all readers of a round, begun by each of them at another place."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Hashable, Sequence
from typing import TypeVar

__all__ = ["balanced_orders", "drawn_order"]

Item = TypeVar("Item", bound=Hashable)


def drawn_order(seed: int, items: Sequence[Item]) -> tuple[Item, ...]:
    """The items in an order that the seed alone decides, whatever order they come in.

    Each item is put at the place of a keyed hash of itself, so that anybody who has the seed draws the same.
    """

    def place(item: Item) -> bytes:
        return hmac.new(str(seed).encode(), f"order, {item}".encode(), hashlib.sha256).digest()

    return tuple(sorted(dict.fromkeys(items), key=place))


def balanced_orders(seed: int, readers: Sequence[Item], cases: Sequence[Item]) -> dict[Item, tuple[Item, ...]]:
    """For each reader all cases, each once.

    All of them follow the same drawn order as on a ring, each from another place, evenly spaced: a case that one reads
    while fresh is read tired by another, and at no place do two of them read the same case (as long as there are as
    many cases as readers). Who begins where is drawn too.

    Parameters
    ----------
    seed
        Of the round.
    readers, cases
        Keys; what order they come in makes no difference.
    """
    ring = drawn_order(seed, cases)
    seats = drawn_order(seed, readers)
    begins = {reader: seat * len(ring) // len(seats) for seat, reader in enumerate(seats)}
    return {reader: ring[begin:] + ring[:begin] for reader, begin in begins.items()}
