"""Finding reports: whether a text mentions a fracture of a vertebral body, and the words by which it was found.

A proposal and no more: a person confirms it. Nothing is learnt here and nothing is drawn by chance: the same text and
rules find the same, and the time grows with the length of the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labeling.language import words
from labeling.language.crawl_claims import Claim, claims_of
from labeling.language.crawl_lexicon import Lexicon, Span, language_of, lexicon_of
from labeling.language.crawl_rules import CrawlRules
from labeling.language.crawl_words import CRITERIA, IN_THE_SPINE, OF_ANOTHER_ORGAN, QUESTION, TYPED
from labeling.language.levels import LEVELS, level_mentions
from labeling.language.sentences import Section, Sentence, sentences_of

__all__ = ["Crawled", "Exclusion", "Mark", "Passage", "crawl"]

_NAMES = {"de": "German", "en": "English", "fr": "French"}
_VERDICTS = {"fracture": "candidate"}
_REASONS = {"history": "history", "uncertain": "uncertain", "negated": "negated", "other_bone": "other bone"}
#: Characters of a sentence that are read at once.
_STRETCH = 1_000
_SPREAD = re.compile(r"\w*m[eé]tasta|filia", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mark:
    """A phrase to be marked: ``fracture``, ``uncertain``, ``history``, ``negated``, ``other_bone`` or ``exclusion``."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence that something was found in: `kind` is the strongest of its marks."""

    kind: str
    start: int
    end: int
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A word that speaks for leaving the case out; `criterion` is i to v of the protocol."""

    reason: str
    criterion: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Crawled:
    """What a crawl found in one report. Places are characters of the report, the end excluded.

    Attributes
    ----------
    verdict
        ``candidate``, ``uncertain``, ``history``, ``negated``, ``other_bone`` or ``nothing``: the strongest thing said
        of any fracture, what counts by the rules before what does not.
    counts
        By the rules, the report is proposed for the cohort.
    language
        de, en, fr, or '' where the text does not tell.
    passages
        In the order of the text; they do not overlap, nor do the marks in them.
    levels
        Of the fractures that are neither denied nor of other bones, from head to feet.
    exclusions
        In the order of the text.
    reason
        The verdict in a few plain words: "new, but criterion i".
    """

    verdict: str
    counts: bool
    language: str
    passages: tuple[Passage, ...]
    levels: tuple[str, ...]
    exclusions: tuple[Exclusion, ...]
    reason: str


def crawl(text: str, rules: CrawlRules) -> Crawled:
    """Whether a report mentions a fracture of a vertebral body, and where. It reads any text and raises nothing."""
    plain, places = _plain(text)
    language = language_of(plain)
    if language and language not in rules.languages:
        return Crawled("nothing", False, language, (), (), (), f"not read: {_NAMES[language]}")
    lexicon = lexicon_of(rules, language)
    claims: list[Claim] = []
    passages: list[Passage] = []
    exclusions: list[Exclusion] = []
    for start, end, section in _stretches(plain):
        low = plain[start:end].lower()
        found = _claims(plain, start, end, section, low, lexicon)
        reasons = _exclusions(plain, start, end, section, low, lexicon)
        claims += found
        exclusions += reasons
        if found or reasons:
            passages.append(_passage(plain, start, end, found, reasons))
    kinds = {one.kind for one in claims}
    counting = ["fracture", *["uncertain"] * rules.count_suspicion, *["history"] * rules.count_old]
    order = [*counting, "uncertain", "history", "negated", "other_bone"]
    kind = next((one for one in order if one in kinds), "")
    named = {level for one in claims if one.kind in ("fracture", "uncertain", "history") for level in one.levels}
    return Crawled(
        verdict=_VERDICTS.get(kind, kind) or "nothing",
        counts=kind in counting,
        language=language,
        passages=tuple(_moved(one, places) for one in passages),
        levels=tuple(level for level in LEVELS if level in named),
        exclusions=tuple(
            Exclusion(one.reason, one.criterion, *_place(one.start, one.end, places)) for one in exclusions
        ),
        reason=_reason(kind, claims, exclusions),
    )


def _reason(kind: str, claims: Sequence[Claim], exclusions: Sequence[Exclusion]) -> str:
    if not kind:
        return "no mention"
    is_new = any(one.kind == "fracture" and one.is_new for one in claims)
    head = _REASONS.get(kind) or ("new fracture" if is_new else "fracture")
    criteria = [one for one in CRITERIA.values() if any(each.criterion == one for each in exclusions)]
    if not criteria or kind in ("negated", "other_bone"):
        return head
    joined = f"criteri{'on' if len(criteria) == 1 else 'a'} {' and '.join(criteria)}"
    return f"{'new' if head == 'new fracture' else head}, but {joined}"


def _plain(text: str) -> tuple[str, Sequence[int] | None]:
    """The text as the lists are written, and the place of each of its characters in the text; None: they are the same.

    Letters with accents of their own are put together ("e" and an accent are one letter), spaces of all widths are
    spaces, and soft hyphens and what breaks a word at the end of a line are taken out.
    """
    plain = text.translate(_ONE_FOR_ONE)
    if unicodedata.is_normalized("NFC", plain) and "\u00ad" not in plain and "-\n" not in plain:
        return plain, None
    signs: list[str] = []
    places: list[int] = []
    at = 0
    while at < len(plain):
        end = at + 1
        is_hyphen = plain[at : at + 2] == "-\n" and at and plain[at - 1].isalpha() and plain[at + 2 : at + 3].islower()
        if plain[at] == "\u00ad" or is_hyphen:
            at += 2 if plain[at] == "-" else 1
            continue
        while end < len(plain) and unicodedata.combining(plain[end]) and end - at < 8:
            end += 1
        composed = unicodedata.normalize("NFC", plain[at:end])
        signs.append(composed)
        places += [at] * len(composed)
        at = end
    places.append(len(plain))
    return "".join(signs), places


_ONE_FOR_ONE = {
    0x00A0: " ", 0x202F: " ", 0x2009: " ", 0x2007: " ", 0x2002: " ", 0x2003: " ", 0x200A: " ", 0x000D: " ",
    0x2019: "'", 0x02BC: "'", 0x2010: "-", 0x2011: "-", 0x000B: "\n", 0x000C: "\n", 0x0085: "\n", 0x2028: "\n",
    0x2029: "\n",
}  # fmt: skip


def _place(start: int, end: int, places: Sequence[int] | None) -> Span:
    return (start, end) if places is None else (places[start], places[end])


def _moved(passage: Passage, places: Sequence[int] | None) -> Passage:
    if places is None:
        return passage
    marks = tuple(Mark(one.kind, *_place(one.start, one.end, places)) for one in passage.marks)
    return Passage(passage.kind, *_place(passage.start, passage.end, places), marks)


def _stretches(text: str) -> Iterator[tuple[int, int, Section]]:
    """The sentences; one that never ends is read in stretches, cut at a space."""
    for sentence in sentences_of(text):
        yield from _cut(text, sentence)


def _cut(text: str, sentence: Sentence) -> Iterator[tuple[int, int, Section]]:
    at = sentence.start
    while sentence.end - at > _STRETCH:
        space = text.rfind(" ", at + _STRETCH // 2, at + _STRETCH)
        end = space if space > at else at + _STRETCH
        yield at, end, sentence.section
        at = end
    yield at, sentence.end, sentence.section


def _claims(text: str, start: int, end: int, section: Section, low: str, lexicon: Lexicon) -> list[Claim]:
    if section is Section.TECHNIQUE:
        return []
    if not any(stem in low for stem in lexicon.noun_stems) and not TYPED.search(text, start, end):
        return []
    return claims_of(text, start, end, lexicon, is_asked=section is Section.INDICATION)


def _exclusions(text: str, start: int, end: int, section: Section, low: str, lexicon: Lexicon) -> list[Exclusion]:
    """What speaks for leaving the case out, where it is not denied or asked."""
    found = []
    for reason, word_list in lexicon.exclusion.items():
        if not any(stem in low for stem in lexicon.exclusion_stems[reason]):
            continue
        for span in word_list.spans(text, start, end):
            if _holds(text, start, end, span, reason, section, lexicon):
                found.append(Exclusion(reason, CRITERIA[reason], *span))
    return sorted(found, key=lambda one: (one.start, one.reason))


def _holds(text: str, start: int, end: int, span: Span, reason: str, section: Section, lexicon: Lexicon) -> bool:
    low = max(
        text.rfind(";", start, span[0]), text.rfind(" jedoch ", start, span[0]), text.rfind(" but ", start, span[0])
    )
    low = max(low, start)
    for cue in reversed(list(lexicon.negation.spans(text, low, span[0]))):
        between = text[cue[1] : span[0]]
        is_list = "," not in between or not words.ACUTE.search(between)
        if len(between.split()) <= 8 and is_list and not words.BLOCKS_NEGATION.search(between):
            return False
    high = min((at for at in (text.find(",", span[1], end), text.find(";", span[1], end)) if at >= 0), default=end)
    if words.DENIED_AFTER.search(text, span[1], high) and not words.NOT_DENIED.search(text, low, high):
        return False
    clause = text[max(low, text.rfind(",", low, span[0])) : min(high + 1, len(text))]
    if section is Section.INDICATION and QUESTION.search(clause):
        return False
    if words.ASKED.search(clause) or "?" in clause:
        return False
    if reason == "malignant" and not IN_THE_SPINE.search(text, start, end) and not level_mentions(text[start:end]):
        # A tumour elsewhere is no vertebral lesion; a metastasis of no named place may be one.
        return not OF_ANOTHER_ORGAN.search(text, start, end) and _SPREAD.match(text, *span) is not None
    return True


def _passage(text: str, start: int, end: int, claims: Sequence[Claim], exclusions: Sequence[Exclusion]) -> Passage:
    order = ("fracture", "uncertain", "history", "exclusion", "negated", "other_bone")
    marks = [Mark(one.kind, one.start, one.end) for one in claims]
    marks += [Mark("exclusion", one.start, one.end) for one in exclusions]
    kept: list[Mark] = []
    for mark in sorted(marks, key=lambda one: (order.index(one.kind), one.start)):
        kept += _free(mark, kept)
    trimmed = _joined([_trimmed(text, one) for one in sorted(kept, key=lambda one: one.start)])
    kind = next(one for one in order if any(mark.kind == one for mark in marks))
    return Passage(kind, start, end, tuple(one for one in trimmed if one.start < one.end))


def _joined(marks: Sequence[Mark]) -> list[Mark]:
    """Marks of one kind with nothing but a sign between them are one."""
    joined: list[Mark] = []
    for mark in marks:
        if joined and joined[-1].kind == mark.kind and mark.start <= joined[-1].end + 1:
            joined[-1] = Mark(mark.kind, joined[-1].start, mark.end)
        else:
            joined.append(mark)
    return joined


def _trimmed(text: str, mark: Mark) -> Mark:
    inner = text[mark.start : mark.end]
    start = mark.start + len(inner) - len(inner.lstrip(" ,;"))
    return Mark(mark.kind, start, max(start, mark.start + len(inner.rstrip(" ,;"))))


def _free(mark: Mark, kept: Sequence[Mark]) -> list[Mark]:
    """What of a mark no stronger one covers: its longest part."""
    parts = [(mark.start, mark.end)]
    for other in kept:
        cut = [((start, min(end, other.start)), (max(start, other.end), end)) for start, end in parts]
        parts = [part for pair in cut for part in pair if part[0] < part[1]]
    longest = max(parts, key=lambda part: part[1] - part[0], default=None)
    return [] if longest is None or longest[1] - longest[0] < 2 else [Mark(mark.kind, *longest)]
