"""Whether what a noun names is denied or doubted. A denial reaches as far as its piece, and on through a list."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labeling.language import words
from labeling.language.crawl_lexicon import Lexicon, Span
from labeling.language.crawl_pieces import JOINED, Noun, Piece
from labeling.language.crawl_words import ACUTE_BREAK, AFFIRMED

__all__ = ["denial_of", "doubt_about", "negation_before"]

_OR = re.compile(r"^\s*(?:or|oder|ou|noch|ni|nor|bzw\.?)\b|\s(?:or|oder|ou|noch|ni|nor)\s", re.IGNORECASE)
_NOT_FOUND = re.compile(
    r"\b(?:findet|finden|zeigt|zeigen|l(?:äss|äß)t|lassen|liegt|liegen|besteht|bestehen|stellt|gelingt|ist"
    r"|sind)\b(?: sich)?(?: \w+){0,2}?"
    r" nicht\b(?! (?:sicher|eindeutig|verändert|progred|dislo|mehr|vergr|zugenommen|frisch|neu|auszu|kompl))"
    r"|\bnicht (?:nachweisen|abgrenzen|erkennen|darstellen|objektivieren|bestätigen)\b"
    r"|\b(?:is|are|was|were) negative\b|\bnot (?:confirmed|appreciated|noted|found|suspected|apparent"
    r"|discernible)\b|\bnicht bestätig\w*"
    r"|\bbestätigt sich nicht\b|\b(?:nicht gesehen|nicht zu sehen|nicht darstellbar|nicht gefunden)\b"
    r"|\bnon (?:confirmée?s?|individualisée?s?|décelée?s?|objectivée?s?|identifiée?s?|mises? en évidence"
    r"|visualisée?s?)\b"
    r"|\b(?:infirmée?s?|exclue?s?)\b|\bpas (?:confirmée?s?|retrouvée?s?|individualisée?s?|mises? en évidence|visible)",
    re.IGNORECASE,
)  # fmt: skip
_FRESH_ENOUGH_AGE = re.compile(
    r"\b(?:fractures?|fra[ck]tur(?:en)?|tassements?) (?:of |de |d'|von )?(?:un\w+|indeterminate"
    r"|indéterminé\w*) (?:age|âge)"
    r"|\b(?:d'âge|of) (?:indéterminé|indeterminate|uncertain|unclear|unknown)(?: age)?\b|\bage (?:un\w+"
    r"|indeterminate)\b"
    r"|\b(?:unklaren?|unbestimmten?|fraglichen?) alters\b|\bâge incertain\b",
    re.IGNORECASE,
)
#: "Fracture: none."
_ANSWERED = re.compile(r"\s*(?:keine?|none|no|nil|nein|aucune?|non|pas)\b(?! (?:\w+ ){0,3}fra)", re.IGNORECASE)
#: How far a negation reaches, in words.
_REACH = 10


def denial_of(text: str, pieces: Sequence[Piece], at: int, noun: Noun, lexicon: Lexicon) -> Span | None:
    """Where the word stands that denies the noun; its own place where it denies itself ("frakturunverdächtig")."""
    piece = pieces[at]
    tail = min(piece.end + 1, len(text))
    if _not_denied(text, pieces, at) is not None:
        return None
    following = [one.start for one in piece.nouns if one.kind == "fracture" and one.start > noun.start]
    own_end = following[0] if following and JOINED.search(text, noun.end, following[0]) else piece.end
    after = _rest_of_statement(pieces, at)
    for pattern in (words.DENIED_AFTER, _NOT_FOUND):
        match = pattern.search(text, noun.end, own_end) or (after and pattern.search(text, after.start, after.end))
        if match:
            return match.span()
    if at + 1 < len(pieces) and text[noun.end : pieces[at + 1].start].strip().startswith(":"):
        match = _ANSWERED.match(text, pieces[at + 1].start, tail + 12)
        if match is not None:
            return match.span()
    direct = negation_before(text, piece.start, noun, lexicon)
    return direct if direct is not None else _carried_denial(text, pieces, at, noun, lexicon)


def _rest_of_statement(pieces: Sequence[Piece], at: int) -> Piece | None:
    """ "A fracture is | however | not seen": what comes after the cut and names nothing belongs to what was said."""
    other = pieces[at + 1] if at + 1 < len(pieces) else None
    is_cut_off = other is not None and other.clause == pieces[at].clause + 1 and not other.nouns and not other.mentions
    return other if is_cut_off else None


def _not_denied(text: str, pieces: Sequence[Piece], at: int) -> Span | None:
    """ "Cannot be excluded"."""
    for piece in (pieces[at], _rest_of_statement(pieces, at)):
        match = words.NOT_DENIED.search(text, piece.start, piece.end) if piece is not None else None
        if match is not None:
            return match.span()
    return None


def negation_before(text: str, start: int, noun: Noun, lexicon: Lexicon) -> Span | None:
    for cue in reversed(list(lexicon.negation.spans(text, start, noun.start))):
        between = text[cue[1] : noun.start]
        if len(between.split()) <= _REACH and not words.BLOCKS_NEGATION.search(between) and not _affirms(between):
            return cue
    return None


def _affirms(between: str) -> bool:
    """ "Not only", "no doubt that": no denial."""
    return re.match(r"\s*(?:nur|only|seulement|doubt|zweifel|doute)\b", between, re.IGNORECASE) is not None


def _carried_denial(text: str, pieces: Sequence[Piece], at: int, noun: Noun, lexicon: Lexicon) -> Span | None:
    """ "No subluxation, dislocation or fracture": a denial goes on through the short pieces of a list."""
    piece = pieces[at]
    inner = text[piece.start : noun.start]
    has_own_words = (
        noun.mentions
        or len(inner.split()) > 4
        or ACUTE_BREAK.search(inner)
        or lexicon.history.has(text, piece.start, noun.start)
    )
    if has_own_words and not _OR.search(inner):
        return None
    if any(_is_verb(word) for word in inner.split()):
        return None
    for other in reversed(pieces[max(0, at - 5) : at]):
        if other.clause != piece.clause or other.mentions:
            return None
        cue = lexicon.negation.first(text, other.start, other.end)
        if cue is not None:
            between = text[cue[1] : other.end]
            return None if words.BLOCKS_NEGATION.search(between) or len(between.split()) > 6 else (noun.start, noun.end)
        if len(text[other.start : other.end].split()) > 4:
            return None
    return None


def _is_verb(word: str) -> bool:
    return word.casefold() in (
        "zeigt",
        "ist",
        "is",
        "there",
        "shows",
        "sind",
        "are",
        "est",
        "es",
        "il",
        "mais",
        "but",
        "aber",
    )


def doubt_about(text: str, pieces: Sequence[Piece], at: int, noun: Noun, lexicon: Lexicon) -> Span | None:
    piece = pieces[at]
    tail = min(piece.end + 1, len(text))
    if AFFIRMED.search(text, piece.start, piece.end) and not words.NOT_DENIED.search(text, piece.start, piece.end):
        return None
    is_open = _not_denied(text, pieces, at)
    if is_open is not None:
        return is_open
    for pattern in (words.AGE_UNKNOWN, _FRESH_ENOUGH_AGE, words.ASKED):
        match = pattern.search(text, piece.start, tail)
        if match is not None:
            return match.span()
    inner = lexicon.suspicion.first(text, noun.start, noun.end)
    if inner is not None:
        return inner
    for cue in lexicon.suspicion.spans(text, piece.start, piece.end):
        between = text[noun.end : cue[0]] if cue[0] >= noun.end else text[cue[1] : noun.start]
        if len(between.split()) <= _REACH and not re.search(
            r"\b(?:with|mit|avec|und|and|et)\b", between, re.IGNORECASE
        ):
            return cue
    for other in pieces[at + 1 : at + 3]:
        if other.clause != piece.clause or any(one.kind == "fracture" and one.mentions for one in other.nouns):
            break
        if AFFIRMED.search(text, other.start, other.end):
            # "Collapse of T10, suspicious oedema confirms it"
            break
        for pattern in (words.NOT_DENIED, words.AGE_UNKNOWN):
            match = pattern.search(text, other.start, other.end)
            if match is not None:
                return match.span()
        cue_after = lexicon.suspicion.first(text, other.start, other.end)
        if cue_after is not None and len(text[other.start : cue_after[0]].split()) <= 2:
            return cue_after
    return None
