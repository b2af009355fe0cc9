"""What chance decides in a round, from its seed alone: with the seed and the order of entry it is drawn again alike."""

from __future__ import annotations

import hashlib
import hmac
from math import floor

from django.db.models import Count

from labeling.models import Assignment, Case, Round
from labeling.reading.rules import Rules

__all__ = ["block_size", "draw_model_hidden", "draw_read_twice", "is_drawn", "is_drawn_hidden", "is_drawn_twice"]


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


def is_drawn(seed: int, place: int, share: float, what: str = "model hidden") -> bool:
    """Whether the case at this place in order of entry (from 0) is the one of its block.

    What is drawn for one purpose (`what`) tells nothing of what is drawn for another.
    """
    block, at = divmod(place, block_size(share))
    digest = hmac.new(str(seed).encode(), f"{what}, block {block}".encode(), hashlib.sha256).digest()
    return int.from_bytes(digest) % block_size(share) == at


def is_drawn_hidden(seed: int, place: int, rules: Rules) -> bool:
    """Whether the model stays hidden until the lock for the case at this place of a round that shows it first."""
    return rules.model == "shown" and is_drawn(seed, place, rules.model_hidden_share)


def is_drawn_twice(seed: int, place: int, rules: Rules) -> bool:
    """Whether the case at this place goes to a second reader too."""
    return rules.second_reader_share > 0 and is_drawn(seed, place, rules.second_reader_share, "read twice")


def draw_model_hidden(round_: Round, case: Case) -> bool:
    """Whether the model stays hidden until the lock for this case of a round that shows it first.

    Asked for each assignment just before it is made, in its transaction. The case is drawn as it enters the round; what
    was drawn holds for every later assignment of it.
    """
    rules = Rules.parse(round_.rules)
    if rules.model != "shown":
        return False
    place, before = _entry(round_, case)
    if before is not None:
        return before.model_hidden
    return is_drawn_hidden(round_.seed, place, rules)


def draw_read_twice(round_: Round, case: Case) -> bool:
    """Whether this case of the round goes to a second reader too; asked and held as `draw_model_hidden`."""
    rules = Rules.parse(round_.rules)
    if rules.second_reader_share == 0:
        return False
    place, before = _entry(round_, case)
    if before is not None:
        return before.read_twice
    return is_drawn_twice(round_.seed, place, rules)


def _entry(round_: Round, case: Case) -> tuple[int, Assignment | None]:
    """The place of the case in order of entry (from 0), and its first assignment where it has entered already."""
    # One at a time enters: the place in order of entry is a count of who was there before.
    Round.objects.select_for_update(no_key=True).get(pk=round_.pk)
    entered = Assignment.objects.filter(round=round_)
    before = entered.filter(case=case).order_by("pk").first()
    place: int = 0 if before is not None else entered.aggregate(n=Count("case", distinct=True))["n"]
    return place, before
