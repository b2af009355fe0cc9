"""A sentence cut into pieces, each with the nouns that a claim can be made of and the levels that are theirs.

It is cut for good at ";" and "however", and loosely at commas and "without".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from labeling.language import words
from labeling.language.crawl_lexicon import Lexicon, Span
from labeling.language.crawl_words import BESIDE_METAL
from labeling.language.levels import LevelMention, level_mentions

__all__ = ["JOINED", "Noun", "Piece", "pieces_of"]

#: What can be said of a vertebra beside a fracture: a level that stands by one of these is its.
_TOPICS = (("benign", words.BENIGN), ("augmented", words.AUGMENTED), ("weak", words.WEAK), ("topic", words.TOPIC))
#: A comma in a number, or in "the 5th, 6th and 7th ribs", is none.
_COMMA = re.compile(
    r",(?!\d)(?!\s?\d+(?:\.|e|ème|th|st|nd|rd)(?=[\s,]))|\s(?=(?:und|and|et|sowie)\s+(?:kein|no\b|pas\b|aucun))|:\s",
    re.IGNORECASE,
)
#: "Schmorlsche Impressionen der Deckplatten": what follows is no fracture.
_CALLED_BENIGN = re.compile(r"\bschmorl['\w]*[- ]{1,2}$", re.IGNORECASE)
JOINED = re.compile(r"\b(?:und|and|et|sowie|with|mit|avec|involving|bei)\b", re.IGNORECASE)


@dataclass(slots=True)
class Noun:
    kind: str
    start: int
    end: int
    mentions: list[LevelMention] = field(default_factory=list)
    is_own: bool = False


@dataclass(slots=True)
class Piece:
    """A stretch of a sentence; `clause` counts the parts that "however" cuts for good."""

    start: int
    end: int
    clause: int
    nouns: list[Noun] = field(default_factory=list)
    mentions: list[LevelMention] = field(default_factory=list)


def pieces_of(text: str, start: int, end: int, lexicon: Lexicon) -> list[Piece]:
    """The pieces of the sentence that stands from `start` to `end`, in its order; every level is given to a noun."""
    pieces = _cut(text, start, end, lexicon)
    _give_levels(text, pieces)
    return pieces


def _cut(text: str, start: int, end: int, lexicon: Lexicon) -> list[Piece]:
    mentions = level_mentions(text[start:end])
    mentions = tuple(LevelMention(one.levels, one.start + start, one.end + start, one.is_pair) for one in mentions)
    inside = {at for one in mentions for at in range(one.start, one.end)}
    hard = [match.span() for match in words.BREAKS.finditer(text, start, end)]
    soft = [match.span() for match in _COMMA.finditer(text, start, end) if match.start() not in inside]
    without = [(match.start(), match.start()) for match in words.WITHOUT.finditer(text, start, end)]
    cuts = sorted([(*one, True) for one in hard] + [(*one, False) for one in [*soft, *without]])
    pieces, at, clause = [], start, 0
    for cut_start, cut_end, is_hard in [*cuts, (end, end, True)]:
        if cut_start > at:
            pieces.append(Piece(at, cut_start, clause))
        at, clause = max(at, cut_end), clause + is_hard
    pieces = [piece for piece in pieces if text[piece.start : piece.end].strip()]
    nouns = _nouns(text, start, end, lexicon)
    pieces = [part for piece in pieces for part in _before_denials(text, piece, nouns, lexicon)]
    for piece in pieces:
        piece.nouns = [one for one in nouns if piece.start <= one.start < piece.end]
        piece.mentions = [one for one in mentions if piece.start <= one.start < piece.end]
    return pieces


def _before_denials(text: str, piece: Piece, nouns: Sequence[Noun], lexicon: Lexicon) -> list[Piece]:
    """ "With the known fracture of T12 | no new fracture": a denial between two fractures begins a piece."""
    own = [one for one in nouns if one.kind == "fracture" and piece.start <= one.start < piece.end]
    parts, at = [], piece.start
    for first, second in pairwise(own):
        cue = lexicon.negation.first(text, first.end, second.start)
        if cue is not None and len(text[cue[1] : second.start].split()) <= 3:
            parts.append(Piece(at, cue[0], piece.clause))
            at = cue[0]
    return [*parts, Piece(at, piece.end, piece.clause)]


def _nouns(text: str, start: int, end: int, lexicon: Lexicon) -> list[Noun]:
    taken = [Noun("injury", *match.span()) for match in words.INJURY.finditer(text, start, end)]
    for span in lexicon.fracture.spans(text, start, end):
        if not _CALLED_BENIGN.search(text, max(start, span[0] - 20), span[0]):
            _take(taken, "fracture", span, lexicon.fracture.is_own(text, span))
    for kind, pattern in _TOPICS:
        for match in pattern.finditer(text, start, end):
            _take(taken, kind, match.span())
    return sorted(taken, key=lambda noun: noun.start)


def _take(taken: list[Noun], kind: str, span: Span, is_own: bool = False) -> None:
    if all(span[1] <= other.start or span[0] >= other.end for other in taken):
        taken.append(Noun(kind, *span, is_own=is_own))


def _give_levels(text: str, pieces: Sequence[Piece]) -> None:
    """Each level to the noun that it stands by; those of a piece without nouns to the nearest one of its clause."""
    for at, piece in enumerate(pieces):
        for mention in piece.mentions:
            noun = _noun_beside(text, piece, mention)
            if noun is None and not piece.nouns:
                noun = _noun_of_neighbour(pieces, at)
            if noun is not None:
                noun.mentions.append(mention)
    for clause in {piece.clause for piece in pieces}:
        nouns = [noun for piece in pieces if piece.clause == clause for noun in piece.nouns]
        shapes = [mention for noun in nouns if noun.kind == "weak" for mention in noun.mentions]
        broken = [noun for noun in nouns if noun.kind == "fracture"]
        if shapes and broken and not any(noun.mentions for noun in broken):
            # "Lost height of L4, age of the fracture unknown"
            broken[0].mentions = shapes
    for piece in pieces:
        broken = [noun for noun in piece.nouns if noun.kind == "fracture"]
        treated = [one for noun in piece.nouns if noun.kind == "augmented" for one in noun.mentions]
        if len(broken) == 1 and not broken[0].mentions and not BESIDE_METAL.search(text, piece.start, piece.end):
            # "Kyphoplasty of L3 for a fracture"
            broken[0].mentions = treated


#: Between a level and the noun after it: words that make the noun one of something else.
_OF_ANOTHER = re.compile(r"[:(]|\b(?:for|bei|de|du|avec|von|with|mit|versus|vs|or|oder|ou|DD)\b")


def _noun_beside(text: str, piece: Piece, mention: LevelMention) -> Noun | None:
    before = [noun for noun in piece.nouns if noun.end <= mention.start]
    after = [noun for noun in piece.nouns if noun.start >= mention.start]
    if after:
        between = text[mention.end : after[0].start]
        close = len(between.split()) <= 3 and not _OF_ANOTHER.search(between)
        if (close and not JOINED.search(between)) or not before:
            return after[0]
    return before[-1] if before else None


def _noun_of_neighbour(pieces: Sequence[Piece], at: int) -> Noun | None:
    clause = pieces[at].clause
    for other in reversed(pieces[:at]):
        if other.clause == clause and other.nouns:
            return other.nouns[-1]
    for other in pieces[at + 1 :]:
        if other.clause == clause and other.nouns:
            return other.nouns[0]
    return None
