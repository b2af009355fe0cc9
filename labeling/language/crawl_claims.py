"""What one sentence says of fractures, with the place of every word: the claims that a crawl is made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from labeling.language import words
from labeling.language.crawl_ages import age_beside, past_of
from labeling.language.crawl_denials import denial_of, doubt_about, negation_before
from labeling.language.crawl_lexicon import Lexicon, Span
from labeling.language.crawl_pieces import Noun, Piece, pieces_of
from labeling.language.crawl_places import is_elsewhere, means_a_vertebra
from labeling.language.crawl_words import ACUTE_BREAK, DISC, QUESTION, RISK_AFTER, RISK_BEFORE, TYPED

__all__ = ["Claim", "claims_of"]

#: How long a phrase may be before only its noun is marked, in characters.
_LONGEST_PHRASE = 90


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing said of one fracture.

    Attributes
    ----------
    kind
        ``fracture``, ``uncertain``, ``history``, ``negated`` or ``other_bone``.
    start, end
        Of the phrase: the noun with the levels and the words that decide its kind.
    levels
        Of vertebrae; none for ``other_bone``.
    is_new
        It is called new, recent or acute.
    """

    kind: str
    start: int
    end: int
    levels: tuple[str, ...] = ()
    is_new: bool = False


def claims_of(text: str, start: int, end: int, lexicon: Lexicon, *, is_asked: bool = False) -> list[Claim]:
    """The claims of the sentence that stands from `start` to `end`, in its order.

    Parameters
    ----------
    is_asked
        It stands in an indication: there, only what is known of old is told.
    """
    pieces = pieces_of(text, start, end, lexicon)
    claims = []
    for at, piece in enumerate(pieces):
        for noun in piece.nouns:
            claim = _claim(text, pieces, at, noun, lexicon, is_asked)
            if claim is not None:
                claims.append(claim)
    if not claims and not is_asked:
        claims = _typed(text, pieces)
    return claims


def _claim(text: str, pieces: Sequence[Piece], at: int, noun: Noun, lexicon: Lexicon, is_asked: bool) -> Claim | None:
    if noun.kind not in ("fracture", "injury", "weak"):
        return None
    piece = pieces[at]
    if noun.kind == "weak":
        return None if is_asked else _shape(text, pieces, at, noun, lexicon)
    if _is_risk(text, piece, noun) or not means_a_vertebra(text, pieces, at, noun, lexicon):
        return None
    denial = denial_of(text, pieces, at, noun, lexicon)
    if is_elsewhere(text, piece, noun, lexicon):
        return (
            None
            if denial is not None or noun.kind == "injury" or is_asked
            else Claim("other_bone", noun.start, noun.end)
        )
    kind, cues, is_new = _judged(text, pieces, at, noun, lexicon, denial)
    if noun.kind == "injury" and kind != "negated":
        return None
    if is_asked and (kind != "history" or QUESTION.search(text, piece.start, piece.end)):
        return None
    # "Fracture?" names nothing that anybody saw.
    if (
        kind == "uncertain"
        and not noun.mentions
        and words.ASKED.search(text, piece.start, min(piece.end + 1, len(text)))
        and not words.NOT_DENIED.search(text, piece.start, piece.end)
    ):
        return None
    is_new = is_new or (
        kind == "fracture" and any(words.LATTER.search(text, one.start, one.end) for one in pieces[at : at + 3])
    )
    return _with_phrase(noun, piece, kind, cues, is_new)


def _judged(
    text: str, pieces: Sequence[Piece], at: int, noun: Noun, lexicon: Lexicon, denial: Span | None
) -> tuple[str, list[Span], bool]:
    """Kind, the words that decide it, and whether the fracture is called new."""
    piece = pieces[at]
    if words.MISTAKEN.search(text, piece.start, piece.end):
        return "negated", [], False
    if denial is not None:
        return "negated", [denial], False
    doubt = doubt_about(text, pieces, at, noun, lexicon)
    fresh = age_beside(ACUTE_BREAK, text, piece, noun)
    if doubt is not None:
        return "uncertain", [doubt], fresh is not None
    if fresh is None:
        past = past_of(text, pieces, at, noun, lexicon)
        if past is not None:
            return "history", [past], False
    return "fracture", [fresh] if fresh else [], fresh is not None


def _with_phrase(noun: Noun, piece: Piece, kind: str, cues: Sequence[Span], is_new: bool) -> Claim:
    spans = [(noun.start, noun.end), *cues, *((one.start, one.end) for one in noun.mentions)]
    spans = [one for one in spans if one[0] >= piece.start and one[1] <= piece.end]
    start, end = min(one[0] for one in spans), max(one[1] for one in spans)
    if end - start > _LONGEST_PHRASE:
        start, end = noun.start, noun.end
    levels = tuple(dict.fromkeys(level for one in noun.mentions for level in one.levels if level[0] != "S"))
    return Claim(kind, start, end, levels, is_new)


def _is_risk(text: str, piece: Piece, noun: Noun) -> bool:
    """ "Risk of fracture", "Frakturprophylaxe", "FRAX": none has happened."""
    if RISK_AFTER.match(text, noun.end, piece.end):
        return True
    found = list(RISK_BEFORE.finditer(text, piece.start, noun.start))
    return bool(found) and len(text[found[-1].end() : noun.start].split()) <= 4


def _shape(text: str, pieces: Sequence[Piece], at: int, noun: Noun, lexicon: Lexicon) -> Claim | None:
    """Lost height and odd shapes of a vertebra, where nothing says what they are."""
    piece = pieces[at]
    clause = [one for one in pieces if one.clause == piece.clause]
    low, high = clause[0].start, clause[-1].end
    kinds = {one.kind for other in clause for one in other.nouns}
    if "fracture" in kinds or "benign" in kinds or DISC.search(text, piece.start, piece.end):
        return None
    if any(one.is_pair for one in noun.mentions) or negation_before(text, piece.start, noun, lexicon) is not None:
        return None
    if not noun.mentions and not re.search(r"wirbel|vert[eéè]br|\bWK\b", text[low:high], re.IGNORECASE):
        return None
    if noun.mentions and all(level[0] == "S" for one in noun.mentions for level in one.levels):
        return None
    return _with_phrase(noun, piece, "uncertain", [], False)


def _typed(text: str, pieces: Sequence[Piece]) -> list[Claim]:
    """ "T12: A1, L1: A4": the type alone says that it is a fracture."""
    claims = []
    for piece, other in [*((one, one) for one in pieces), *pairwise(pieces)]:
        for mention in piece.mentions:
            match = TYPED.search(text, max(mention.end, other.start), other.end)
            if match is not None and not piece.nouns and not other.nouns:
                claims.append(Claim("fracture", mention.start, max(mention.end, match.end()), mention.levels))
    return sorted({(one.start, one.end): one for one in claims}.values(), key=lambda one: one.start)
