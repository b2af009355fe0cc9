"""What one sentence of a report says: of which vertebrae, whether a fracture, of which type, how old, or denied.

A level belongs to the noun that it stands by; what stands in the same group (`labeling.language.pieces`) says how old
the fracture is, of which type, and whether anybody doubts it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from labeling.language import words
from labeling.language.ao_types import ao_of, named_types
from labeling.language.levels import LevelMention
from labeling.language.pieces import DENIABLE, Group, Noun, Piece, groups_of, is_negated
from labeling.language.sentences import Sentence

__all__ = ["Statement", "statements_of"]


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that a sentence says.

    Attributes
    ----------
    levels
        Empty: of no vertebra by name.
    verdict
        ``fracture``, ``negative`` or ``indeterminate``; '' for what is no word on vertebral bodies.
    ao, segment
        A1 to A4; B1 to B3 or C; '' where neither named nor described.
    acuity
        ``acute``, ``old`` or ``unknown``.
    process_fracture
        Of a posterior element.
    fresh_only
        A denial of new fractures alone.
    regions
        Of a denial without levels: C, T, L; empty is the whole spine.
    doubt
        Why a person should look twice, or ''.
    start, end
        Of the sentence, in characters of the report.
    """

    levels: tuple[str, ...]
    verdict: str
    start: int
    end: int
    ao: str = ""
    segment: str = ""
    acuity: str = "unknown"
    process_fracture: bool = False
    fresh_only: bool = False
    regions: tuple[str, ...] = ()
    doubt: str = ""


_CONJUNCTION = re.compile(r"\b(?:und|and|et|sowie|with|mit|avec)\b", re.IGNORECASE)
_PLURAL = re.compile(r"(?:en|s)$", re.IGNORECASE)
_PAIR_DOUBT = "Two levels are named where one vertebra or the disc between them may be meant."


def statements_of(sentence: Sentence) -> list[Statement]:
    """What a sentence says of vertebrae, in its order."""
    found: list[Statement] = []
    for group in groups_of(sentence.text):
        found += [replace(one, start=sentence.start, end=sentence.end) for one in _said_by(group)]
    return found


def _said_by(group: Group) -> Iterator[Statement]:
    nouns = group.nouns
    if words.ASKED.search(group.text) and not words.NOT_DENIED.search(group.text) and not group.has_levels:
        return
    if not group.has_levels:
        yield from _without_levels(group)
        return
    if not nouns:
        # "T12: A1, L1: A4": the type alone says that it is a fracture.
        for piece in group.pieces:
            for mention in piece.mentions:
                ao, segment = named_types(_beside(piece, mention))
                if ao or segment:
                    yield Statement(mention.levels, "fracture", 0, 0, ao=ao, segment=segment, acuity=_acuity(group))
        return
    last: Noun | None = None
    before: list[tuple[Piece, LevelMention]] = []
    for piece in group.pieces:
        own = piece.nouns
        for mention in piece.mentions:
            noun = _noun_of(piece, mention) or last
            if noun is None:
                before.append((piece, mention))
            else:
                yield from _of(group, piece, mention, noun)
        if own:
            for waiting, mention in before:
                yield from _of(group, waiting, mention, own[0])
            before, last = [], own[-1]


def _noun_of(piece: Piece, mention: LevelMention) -> Noun | None:
    """The noun of its piece that a level stands by: "T12 fracture", else the one before it, else the one after it."""
    before = [noun for noun in piece.nouns if noun.end <= mention.start]
    after = [noun for noun in piece.nouns if noun.start >= mention.end]
    if after:
        between = piece.text[mention.end : after[0].start]
        close = len(between.split()) <= 3 and not re.search(r"[,:]|\b(?:with|for|mit|bei|de|du|avec|von)\b", between)
        close = close and not _CONJUNCTION.search(between)
        if close or (not before and not _has_its_own(piece, after[0], between)):
            return after[0]
    return before[-1] if before else None


def _has_its_own(piece: Piece, noun: Noun, between: str) -> bool:
    """ "Osteochondrosis of L4/5 and a fracture of L1": the levels before are not the fracture's."""
    later = any(mention.start >= noun.end for mention in piece.mentions)
    return later and bool(re.search(r"\b(?:und|and|et|sowie)\b", between))


def _of(group: Group, piece: Piece, mention: LevelMention, noun: Noun) -> Iterator[Statement]:
    """What a group says of one mention of levels that stands by this noun."""
    home = next(one for one in group.pieces if noun in one.nouns)
    if _is_of_another_bone(home, noun):
        return
    verdict = _verdict(group, home, noun)
    if not verdict:
        return
    process = _is_process(group, home, noun)
    is_of_body = not process or (bool(words.BODY.search(group.affirmed)) and not _says_body_intact(group))
    typed = verdict == "fracture" and is_of_body
    ao, segment = _types(group, piece, mention, noun) if typed else ("", "")
    doubt = ""
    if mention.is_pair and verdict == "fracture" and not _PLURAL.search(noun.text):
        verdict, ao, doubt = "indeterminate", "", _PAIR_DOUBT
    if process and not is_of_body and verdict == "fracture":
        verdict = "negative"
    yield from _aged(
        group,
        Statement(
            mention.levels,
            verdict,
            0,
            0,
            ao=ao,
            segment=segment,
            acuity=_acuity(group) if verdict != "negative" else "unknown",
            process_fracture=process,
            fresh_only=verdict == "negative" and not process and bool(words.ACUTE.search(home.text)),
            doubt=doubt,
        ),
        is_last=_is_last(group, mention, piece),
    )


def _beside(piece: Piece, mention: LevelMention) -> str:
    """What stands between a level and the next one."""
    following = [one.start for one in piece.mentions if one.start >= mention.end]
    return piece.text[mention.end : min(following, default=len(piece.text))]


def _types(group: Group, piece: Piece, mention: LevelMention, noun: Noun) -> tuple[str, str]:
    """The types of a fracture: those named beside its level, else those of the whole group."""
    ao, segment = named_types(_beside(piece, mention))
    all_ao, all_segment = ao_of(group.text, noun.text, is_old=_acuity(group) == "old")
    return ao or all_ao, segment or all_segment


def _is_last(group: Group, mention: LevelMention, piece: Piece) -> bool:
    mentions = [one for each in group.pieces for one in each.mentions]
    return bool(mentions) and mentions[-1] is mention and piece.mentions[-1] is mention


def _aged(group: Group, statement: Statement, *, is_last: bool) -> Iterator[Statement]:
    """ "T5 to T8 and L1, the latter new": only L1 is."""
    if not words.LATTER.search(group.text):
        yield statement
    elif is_last and len(statement.levels) > 1:
        yield replace(statement, levels=statement.levels[:-1], acuity="unknown")
        yield replace(statement, levels=statement.levels[-1:])
    else:
        yield statement if is_last else replace(statement, acuity="unknown")


def _without_levels(group: Group) -> Iterator[Statement]:
    """Denials of the whole spine or of a part of it, and fractures that no level is named for."""
    for piece in group.pieces:
        for noun in piece.nouns:
            if noun.kind not in DENIABLE or _is_elsewhere(piece, noun) or words.PROCESS.search(piece.text):
                continue
            verdict = _verdict(group, piece, noun)
            if verdict == "negative":
                regions = tuple(region for region, pattern in words.REGIONS.items() if pattern.search(group.text))
                fresh = bool(words.ACUTE.search(piece.text))
                yield Statement((), "negative", 0, 0, fresh_only=fresh, regions=regions)
            elif noun.kind == "fracture":
                yield Statement((), verdict, 0, 0, acuity=_acuity(group))


def _is_of_another_bone(piece: Piece, noun: Noun) -> bool:
    """ "Rib fractures at T8", "fracture of the left femur": a bone is named in the word, before it or after it."""
    following = [one.start for one in piece.mentions if one.start >= noun.end]
    after = piece.text[noun.end : min(following, default=len(piece.text))]
    before = " ".join(piece.text[: noun.start].split()[-2:])
    return any(words.OTHER_BONE.search(text) for text in (noun.text, before, " ".join(after.split()[:6])))


def _is_elsewhere(piece: Piece, noun: Noun) -> bool:
    """Whether a fracture is of a bone that is no vertebra."""
    if words.OTHER_BONE.search(noun.text):
        return True
    spine = words.ALL_OF_IT.search(piece.text) or any(one.search(piece.text) for one in words.REGIONS.values())
    return bool(words.OTHER_BONE.search(piece.text)) and not spine


def _verdict(group: Group, home: Piece, noun: Noun) -> str:
    """fracture, negative, indeterminate, or '' where nothing is said."""
    kinds = {one.kind for one in group.nouns}
    doubted = bool(words.SUSPECTED.search(words.AGE_UNKNOWN.sub(" ", group.text)))
    if noun.kind in DENIABLE:
        if is_negated(home.text, noun):
            return "negative"
        return "indeterminate" if doubted or noun.kind == "injury" else "fracture"
    if noun.kind == "weak":
        broken = any(one.kind == "fracture" and not _negated_in(group, one) for one in group.nouns)
        if broken:
            return "indeterminate" if doubted else "fracture"
        if "benign" in kinds:
            return "negative"
        return "" if is_negated(home.text, noun) else "indeterminate"
    return "negative" if "benign" in kinds and noun.kind in ("benign", "topic") else ""


def _negated_in(group: Group, noun: Noun) -> bool:
    return any(is_negated(piece.text, noun) for piece in group.pieces if noun in piece.nouns)


def _acuity(group: Group) -> str:
    text = group.affirmed or group.text
    if words.AGE_UNKNOWN.search(text):
        return "unknown"
    acute, old = bool(words.ACUTE.search(text)), bool(words.OLD.search(text))
    if acute == old:
        return "unknown"
    return "acute" if acute else "old"


def _is_process(group: Group, home: Piece, noun: Noun) -> bool:
    return noun.kind == "fracture" and bool(words.PROCESS.search(noun.text) or words.PROCESS.search(home.text))


def _says_body_intact(group: Group) -> bool:
    return any(words.BODY.search(piece.text) and words.INTACT.search(piece.text) for piece in group.pieces)
