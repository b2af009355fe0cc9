"""How old a fracture is said to be. A word of age reaches into the loose pieces beside its own that name nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labeling.language.crawl_lexicon import Lexicon, Span
from labeling.language.crawl_pieces import JOINED, Noun, Piece
from labeling.language.crawl_words import ACUTE_BREAK, BESIDE_METAL, COMPARED, STATUS_POST

__all__ = ["age_beside", "past_of"]

_TREATED = re.compile(
    r"\b(?:nach|after|treated|post|behandelt|versorgt|traitée?s?|après|wegen|for|bei|pour|sur|of|von|de|einer|der"
    r"|des|status)\b",
    re.IGNORECASE,
)
#: "In known cancer": what is known is something else.
_OF_ANOTHER = re.compile(r"\b(?:bei|mit|in|with|avec|chez|sur|dans|and|und|et)\s+(?:\w+\s+)?$", re.IGNORECASE)
_FOLLOWING_AGE = re.compile(
    r"^[\s:,(–-]*(?:(?:eher|am ehesten|wohl|likely|probably|plutôt|most|is|are|ist|sind|est|appears?"
    r"|wahrscheinlich|bereits|déjà)\s+)*"
)  # fmt: skip


def age_beside(pattern: re.Pattern[str], text: str, piece: Piece, noun: Noun) -> Span | None:
    """A word of age that is the noun's own; "fracture, no acute bleeding" is not."""
    for match in pattern.finditer(text, piece.start, piece.end):
        if not re.search(r"\b(?:nicht|not|non|pas)(?: \w+)?\s*$", text[piece.start : match.start()], re.IGNORECASE):
            return match.span()
    return None


def past_of(text: str, pieces: Sequence[Piece], at: int, noun: Noun, lexicon: Lexicon) -> Span | None:
    """Where it is said that the fracture is old."""
    piece = pieces[at]
    masked = [match.span() for match in COMPARED.finditer(text, pieces[0].start, pieces[-1].end)]
    cues = [
        cue
        for cue in lexicon.history.spans(text, piece.start, piece.end)
        if not any(start <= cue[0] < end for start, end in masked)
    ]
    for cue in cues:
        if cue[0] >= noun.end and _OF_ANOTHER.search(text, noun.end, cue[0]):
            continue
        between = text[cue[1] : noun.start] if cue[1] <= noun.start else ""
        is_far = len(between.split()) > 5 or JOINED.search(between)
        if (
            cue[0] >= noun.start
            or not is_far
            or STATUS_POST.match(text, cue[0])
            or any(one[0] > cue[0] for one in cues)
        ):
            return cue
    treated = _treated(text, piece, noun)
    if treated is not None:
        return treated
    return _past_of_neighbours(text, pieces, at, lexicon, masked)


def _treated(text: str, piece: Piece, noun: Noun) -> Span | None:
    """ "Vertebroplasty of the fracture of L1": what is treated is not new."""
    for other in piece.nouns:
        if other.kind != "augmented":
            continue
        low, high = (other.end, noun.start) if other.start < noun.start else (noun.end, other.start)
        between = text[low:high]
        if not BESIDE_METAL.search(between) and _TREATED.search(between):
            return other.start, other.end
    return None


def _past_of_neighbours(
    text: str, pieces: Sequence[Piece], at: int, lexicon: Lexicon, masked: Sequence[Span]
) -> Span | None:
    """ "Bekannte, alte Fraktur"; "fracture of T8, unchanged"; "Z. n. Frakturen LWK 1, LWK 3"."""
    piece = pieces[at]
    if at and pieces[at - 1].clause == piece.clause:
        other = pieces[at - 1]
        cue = lexicon.history.first(text, other.start, other.end)
        if cue is not None and text[cue[0] : cue[1]] == text[other.start : other.end].strip():
            return cue
    for other in pieces[at + 1 : at + 3]:
        if other.clause != piece.clause or other.nouns:
            return None
        if ACUTE_BREAK.search(text, other.start, other.end):
            return None
        lead = _FOLLOWING_AGE.match(text[other.start : other.end])
        begin = other.start + (lead.end() if lead is not None else 0)
        cue = lexicon.history.first(text, other.start, other.end)
        if cue is None or any(start <= cue[0] < end for start, end in masked):
            continue
        rest = text[cue[1] : other.end].split()
        is_attribute = (
            re.match(r"known|bekannt|connu", text[cue[0] : cue[1]], re.IGNORECASE)
            and rest
            and not re.match(r"(?:seit|since|from|aus|depuis|von|de)$", rest[0], re.IGNORECASE)
        )
        if len(text[begin : cue[0]].split()) <= 2 and not is_attribute:
            return cue
    return None
