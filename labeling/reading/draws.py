"""What chance decides in a round, from its seed alone: with the seed and the order of entry it is drawn again alike."""

from __future__ import annotations

import hashlib
import hmac
from math import floor

from django.db.models import Count

from labeling.models import Assignment, Case, Round
from labeling.reading.rules import Rules

__all__ = ["block_size", "draw_model_hidden", "is_drawn"]


def block_size(share: float) -> int:
    """Of how many cases in order of entry one is drawn, so that every full block holds at least this share.

    Raises
    ------
    ValueError
        where the share is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"A share of {share} cannot be drawn. It lies above 0 and is at most 1.")
    return floor(1 / share)


def is_drawn(seed: int, place: int, share: float) -> bool:
    """Whether the case at this place in order of entry (from 0) is the one of its block."""
    block, at = divmod(place, block_size(share))
    digest = hmac.new(str(seed).encode(), f"model hidden, block {block}".encode(), hashlib.sha256).digest()
    return int.from_bytes(digest) % block_size(share) == at


def draw_model_hidden(round_: Round, case: Case) -> bool:
    """Whether the model stays hidden until the lock for this case of a round that shows it first.

    Asked for each assignment just before it is made, in its transaction. The case is drawn as it enters the round; what
    was drawn holds for every later assignment of it.
    """
    rules = Rules.parse(round_.rules)
    if rules.model != "shown":
        return False
    # One at a time enters: the place in order of entry is a count of who was there before.
    Round.objects.select_for_update(no_key=True).get(pk=round_.pk)
    entered = Assignment.objects.filter(round=round_)
    before = entered.filter(case=case).order_by("pk").values_list("model_hidden", flat=True).first()
    if before is not None:
        return before
    place: int = entered.aggregate(n=Count("case", distinct=True))["n"]
    return is_drawn(round_.seed, place, rules.model_hidden_share)
