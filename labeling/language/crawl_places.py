"""Of which bone a noun speaks: of a vertebral body, or of another bone, a posterior element, metal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labeling.language.crawl_lexicon import Lexicon
from labeling.language.crawl_pieces import JOINED, Noun, Piece
from labeling.language.crawl_words import GRAFT, HARDWARE, PLAIN, PROCESS
from labeling.language.levels import LevelMention

__all__ = ["is_elsewhere", "means_a_vertebra"]

#: What collapses, or is a line, and is no bone.
_SOFT = re.compile(
    r"[^,;]{0,40}?\b(?:root|nerve|wurzel|nervenwurzel|racine|cord|lung|lobe|thecal|duralsack)", re.IGNORECASE
)
#: "At the height of": the level only tells where the other bone lies.
_BESIDE = re.compile(r"\bat\b|Höhe|hauteur|niveau")
_AND = re.compile(
    r"\b(?:und|and|et|sowie|as well as)\s+(?:(?:of|de|des|von|the|la|le|in|auch|also|du)\s+)*$", re.IGNORECASE
)


def means_a_vertebra(text: str, pieces: Sequence[Piece], at: int, noun: Noun, lexicon: Lexicon) -> bool:
    """Collapse, fragments and lines are a vertebra's only where one is spoken of."""
    inner = text[noun.start : noun.end]
    if (
        noun.is_own
        or noun.kind == "injury"
        or (PLAIN.search(inner) and not re.search("fragment", inner, re.IGNORECASE))
    ):
        return True
    clause = [one for one in pieces if one.clause == pieces[at].clause]
    if _SOFT.match(text[noun.end : noun.end + 60]):
        return False
    return bool(noun.mentions) or any(lexicon.body.has(text, one.start, one.end) for one in clause)


def is_elsewhere(text: str, piece: Piece, noun: Noun, lexicon: Lexicon) -> bool:
    """Whether it is of another bone, of metal or of a posterior element."""
    if noun.mentions and all(level[0] == "S" for one in noun.mentions for level in one.levels):
        return True
    if any(_has(find, text, noun.start, noun.end) for find in _elsewhere(lexicon)):
        return True
    own = [one for one in noun.mentions if piece.start <= one.start < piece.end]
    if _is_called_so(text, piece, noun, lexicon):
        return True
    before = [one for one in own if one.end <= noun.start]
    after = [one for one in own if one.start >= noun.end]
    is_next = after and not JOINED.search(text, noun.end, after[0].start)
    if is_next and not _BESIDE.search(text[noun.end : after[0].start]):
        return _lies_between(text, noun.end, after[0].start, lexicon) or _follows_at_once(
            text, after[-1].end, piece.end
        )
    if after and _AND.search(text, noun.end, after[0].start):
        # "Fractures of the ribs and of T8"
        return False
    if before and text[before[-1].end : noun.start].strip(" -").count(" ") <= 2:
        return _lies_between(text, before[-1].end, noun.start, lexicon)
    words_before = text[piece.start : noun.start].split()[-3:]
    near = noun.start - len(" ".join(words_before)) - 1
    if words_before and _lies_between(text, max(piece.start, near), noun.start, lexicon):
        return True
    stop = _end_of_reach(text, piece, noun, after)
    if _lies_between(text, noun.end, stop, lexicon):
        return True
    # A bone in the same breath and no word of the spine: "Becken: im Seitenvergleich Fraktur links".
    has_bone = lexicon.other_bone.has(text, piece.start, piece.end)
    return not own and has_bone and not lexicon.body.has(text, piece.start, piece.end)


def _is_called_so(text: str, piece: Piece, noun: Noun, lexicon: Lexicon) -> bool:
    """ "Rib fractures", "spinous process fracture": the two words before it, up to a level or an "and"."""
    start = max([piece.start, *(one.end for one in piece.mentions if one.end <= noun.start)])
    start = max([start, *(match.end() for match in JOINED.finditer(text, start, noun.start))])
    near = " ".join(text[start : noun.start].split()[-2:])
    return _lies_between(near, 0, len(near), lexicon)


def _end_of_reach(text: str, piece: Piece, noun: Noun, after: Sequence[LevelMention]) -> int:
    stops = [
        piece.end,
        *(one.start for one in after),
        *(one.start for one in piece.nouns if one.start >= noun.end and one.kind in ("fracture", "injury")),
    ]
    joined = JOINED.search(text, noun.end, piece.end)
    if joined is not None:
        stops.append(joined.start())
    return min(stops)


def _elsewhere(lexicon: Lexicon) -> tuple[object, ...]:
    return (lexicon.other_bone, PROCESS, HARDWARE, GRAFT)


def _has(find: object, text: str, start: int, end: int) -> bool:
    if isinstance(find, re.Pattern):
        return find.search(text, start, end) is not None
    return find.has(text, start, end)  # type: ignore[attr-defined]


def _lies_between(text: str, start: int, end: int, lexicon: Lexicon) -> bool:
    return start < end and any(_has(find, text, start, end) for find in _elsewhere(lexicon))


def _follows_at_once(text: str, start: int, end: int) -> bool:
    """ "Fracture L3, transverse process": within three words and not as what is involved too."""
    rest = text[start:end]
    joined = JOINED.search(rest)
    stretch = " ".join((rest[: joined.start()] if joined else rest).split()[:3])
    return bool(PROCESS.search(stretch)) and not re.search(
        r"involv|beteilig|extend|wall|atteint|étend|extens|extend|into|through", stretch, re.IGNORECASE
    )
