"""Looking again at what was agreed: a second, named reference, never merged into the first.

Two readers can agree and both be wrong. Once the reference of a case is set, a panel may look again at a share of the
vertebrae that its consensus found agreed, drawn, and at those where the classifier said otherwise. It is not told which
is which, so that the model stays hidden from it. What is asked hangs on locked reads, on the seed of the round that is
looked at again and on its rule alone, so it is the same every time.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime

from labeling.models import Difference, Finding, Read, ReaderKind, Round, RoundKind, Settlement, Verdict
from labeling.reading.consensus.differences import Asked
from labeling.reading.rules import Rules

__all__ = ["SECOND_LOOK", "asked_again", "is_second_look", "looked_at_again"]

#: The target of the reference that it becomes.
SECOND_LOOK = "second look"

_WORDS = "Looked at again"
#: All alike: which of them was drawn, and which the model disputes, the order does not tell.
_HARM = 10


def is_second_look(round_: Round | None) -> bool:
    """Whether a consensus round looks again at what another one found agreed."""
    return round_ is not None and round_.follows is not None and round_.follows.kind == RoundKind.CONSENSUS


def asked_again(consensus: Read, vertebrae: Iterable[int], before: datetime) -> tuple[Asked, ...]:
    """What is asked of a locked consensus, in the order of `vertebrae`; `before`: when the second look was opened, so
    that a model that reads the case later changes nothing."""
    chosen = looked_at_again(consensus, before)
    return tuple(Asked(key, Difference.AUDIT.value, _HARM, _WORDS, ()) for key in vertebrae if key in chosen)


def looked_at_again(consensus: Read, before: datetime) -> frozenset[int]:
    """The agreed vertebrae of a locked consensus that are looked at again: those drawn, and those where the classifier
    that last read the case before `before` says fracture and the panel negative, or the other way round."""
    if consensus.round is None:
        return frozenset()
    share = Rules.parse(consensus.round.rules).audit_share
    settled = set(Settlement.objects.filter(consensus=consensus).values_list("vertebra", flat=True))
    said = dict(Finding.objects.filter(read=consensus).values_list("vertebra", "verdict"))
    agreed = {key: verdict for key, verdict in said.items() if key not in settled and verdict in _JUDGED}
    drawn = {key for key in agreed if _is_drawn(consensus.round.seed, key, share)}
    return frozenset(drawn | _disputed(consensus, agreed, before))


_JUDGED = (Verdict.FRACTURE.value, Verdict.NEGATIVE.value)


def _is_drawn(seed: int, vertebra: int, share: float) -> bool:
    digest = hmac.new(str(seed).encode(), f"looked at again, vertebra {vertebra}".encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


def _disputed(consensus: Read, agreed: Mapping[int, str | None], before: datetime) -> set[int]:
    """Where the classifier and the panel say the opposite of each other."""
    model = (
        Read.objects.filter(
            case=consensus.case_id,
            reader__kind=ReaderKind.MODEL,
            reader__model_version__kind="classifier",
            state="locked",
            locked_at__lte=before,
        )
        .order_by("-locked_at", "-pk")
        .first()
    )
    if model is None:
        return set()
    opinions = Finding.objects.filter(read=model, vertebra__in=agreed, verdict__in=_JUDGED)
    return {key for key, verdict in opinions.values_list("vertebra", "verdict") if verdict != agreed[key]}
