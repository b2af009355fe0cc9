"""A sentence in pieces, and those that belong together: a noun (a fracture, a shape) with the levels it is said of.

A sentence is cut at ";" and "however", then at commas and "without".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from labeling.language import words
from labeling.language.levels import LevelMention, level_mentions

__all__ = ["DENIABLE", "Group", "Noun", "Piece", "groups_of", "is_negated"]


@dataclass(frozen=True, slots=True)
class Noun:
    kind: str
    start: int
    end: int
    text: str


@dataclass(slots=True)
class Piece:
    """A stretch of a sentence; `after_without` where "without" begins it."""

    text: str
    nouns: list[Noun]
    mentions: list[LevelMention]
    after_without: bool = False
    is_denial: bool = False

    @property
    def is_bare(self) -> bool:
        """Levels and hardly a word beside them: they go with what stands before or after."""
        left = list(self.text)
        for mention in self.mentions:
            left[mention.start : mention.end] = " " * (mention.end - mention.start)
        rest = re.sub(r"\([^)]*\)", " ", "".join(left))
        return not _WORD.search(_SMALL_WORDS.sub(" ", rest))


@dataclass(slots=True)
class Group:
    pieces: list[Piece] = field(default_factory=list)

    @property
    def text(self) -> str:
        return ", ".join(piece.text for piece in self.pieces)

    @property
    def nouns(self) -> list[Noun]:
        return [noun for piece in self.pieces for noun in piece.nouns]

    @property
    def has_levels(self) -> bool:
        return any(piece.mentions for piece in self.pieces)

    @property
    def is_bare(self) -> bool:
        return all(piece.is_bare for piece in self.pieces)

    @property
    def affirmed(self) -> str:
        """The text without the parts that only say what is not there."""
        return ", ".join(piece.text for piece in self.pieces if not piece.after_without and not piece.is_denial)


_WORD = re.compile(r"[^\W\d_]{2,}")
_SMALL_WORDS = re.compile(
    r"\b(?:und|and|et|sowie|auch|also|as well as|of|at|in|im|the|der|des|die|den|von|bei|de|du|la|le|les|à|au"
    r"|aux|sur|on"
    r"|superior|inferior|upper|lower|deckplatten?|grundplatten?|endplates?|plateaux?|wirbelkörper\w*|WK|vertebra\w*|bod\w+"
    r"|corps|mild\w*|moderate\w*|severe\w*|leicht\w*|gering\w*|mäßig\w*|ausgeprägt\w*|discrète?|modérée?|sévère|acute|old"
    r"|neu|frisch\w*|alte\w*|récente?|ancienne?)\b",
    re.IGNORECASE,
)
_COMMA = re.compile(r",(?!\d)|\s(?=(?:und|and|et|sowie)\s+(?:kein|no\b|pas\b|aucun))", re.IGNORECASE)
#: "No subluxation, dislocation or fracture": one denial.
_DENIED_LIST = re.compile(
    r"(\b(?:no|kein\w*|ohne|without|sans|pas d\S*)(?: [\w-]+){1,4}),((?: [\w-]+){1,3} (?:or|oder|ou|noch|ni)\b)",
    re.IGNORECASE,
)
#: Kinds of nouns; where two overlap, the first holds.
_KINDS = (
    ("injury", words.INJURY),
    ("fracture", words.FRACTURE),
    ("benign", words.BENIGN),
    ("augmented", words.AUGMENTED),
    ("weak", words.WEAK),
    ("topic", words.TOPIC),
)
DENIABLE = ("fracture", "injury")
#: How far a negation reaches, in words.
_REACH = 10


def groups_of(sentence: str) -> Iterator[Group]:
    """The groups of a sentence, in its order."""
    for segment in _cut(sentence, words.BREAKS):
        yield from _grouped(_pieces(segment))


def _cut(text: str, marks: re.Pattern[str]) -> list[str]:
    return [part for part in marks.split(text) if part and part.strip()]


def _pieces(segment: str) -> list[Piece]:
    pieces = []
    joined = _DENIED_LIST.sub(lambda match: f"{match[1]} /{match[2]}", _without_commas_of_lists(segment))
    for part in _cut(joined, _COMMA):
        starts = [0, *(match.start() for match in words.WITHOUT.finditer(part) if match.start() > 0), len(part)]
        for start, end in pairwise(starts):
            text = part[start:end].strip()
            if text:
                pieces.append(_piece(text, start > 0 or bool(words.WITHOUT.match(text))))
    return pieces


def _without_commas_of_lists(text: str) -> str:
    """ "LWK 2, 3 und 5" stays in one piece."""
    signs = list(text)
    for mention in level_mentions(text):
        for at in range(mention.start, mention.end):
            if signs[at] == ",":
                signs[at] = "/"
    return "".join(signs)


def _piece(text: str, after_without: bool) -> Piece:
    nouns = _nouns(text)
    denied = bool(nouns) and all(is_negated(text, noun) for noun in nouns if noun.kind in DENIABLE)
    denied = denied and any(noun.kind in DENIABLE for noun in nouns)
    return Piece(text, nouns, list(level_mentions(text)), after_without, denied)


def _nouns(text: str) -> list[Noun]:
    taken: list[Noun] = []
    for kind, pattern in _KINDS:
        for match in pattern.finditer(text):
            noun = Noun(kind, match.start(), match.end(), match[0])
            if all(noun.end <= other.start or noun.start >= other.end for other in taken):
                taken.append(noun)
    return sorted(taken, key=lambda noun: noun.start)


def _grouped(pieces: Sequence[Piece]) -> Iterator[Group]:
    group = Group()
    for piece in pieces:
        if words.MISTAKEN.search(piece.text) and not piece.mentions:
            continue
        if group.pieces and not _belongs(piece, group):
            yield group
            group = Group()
        elif group.nouns and group.has_levels and piece.after_without and piece.is_denial and not piece.mentions:
            # "An old fracture of T8 without acute fracture": of T8, and no word on the rest.
            continue
        group.pieces.append(piece)
    if group.pieces:
        yield group


def _belongs(piece: Piece, group: Group) -> bool:
    """Whether a piece goes on with what the group before it speaks of."""
    if not piece.nouns:
        return not piece.mentions or piece.is_bare or (not group.nouns and group.is_bare)
    if piece.mentions:
        return not group.nouns and group.has_levels and group.is_bare
    if piece.is_denial:
        return piece.after_without
    return True


def is_negated(text: str, noun: Noun) -> bool:
    """Whether the piece denies what the noun names."""
    if words.NOT_DENIED.search(text):
        return False
    if words.DENIED_AFTER.search(text, noun.end):
        return True
    for cue in words.NEGATION.finditer(text, 0, noun.end):
        if cue.end() > noun.start:
            continue
        between = text[cue.end() : noun.start]
        if len(between.split()) <= _REACH and not words.BLOCKS_NEGATION.search(between):
            return True
    return False
