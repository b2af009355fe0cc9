"""How a text would be understood by some rules, without a report being there: for whoever changes the rules."""

from __future__ import annotations

from dataclasses import dataclass

from labeling.cohort.report_rows import LANGUAGES, Piece, pieces_of
from labeling.imaging.refusal import Refusal
from labeling.language.crawl_rules import CrawlRules
from labeling.language.crawling import crawl

__all__ = ["LONGEST_TRY", "Tried", "try_text"]

#: Characters of a text that is tried.
LONGEST_TRY = 5_000


@dataclass(frozen=True, slots=True)
class Tried:
    """What the search finds in a text.

    Attributes
    ----------
    counts
        By the rules, a report that says this is proposed.
    chip
        The verdict in a few words: "new, but criterion i".
    language
        "German", or '' where the text does not tell.
    levels
        Of the fractures that are neither denied nor of other bones.
    exclusions
        `ExclusionReason` values that the text may hold, each once.
    pieces
        The whole text, with what is to be marked in it.
    """

    counts: bool
    chip: str
    language: str
    levels: tuple[str, ...]
    exclusions: tuple[str, ...]
    pieces: tuple[Piece, ...]


def try_text(text: str, rules: CrawlRules) -> Tried:
    """Search a text as a report is searched. Nothing of it is kept.

    Raises
    ------
    Refusal
        ``text-missing``, ``text-too-long``
    """
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise Refusal("text-missing", "No text is given. Write a sentence to try.")
    if len(text) > LONGEST_TRY:
        raise Refusal("text-too-long", f"The text has {len(text):,} characters; {LONGEST_TRY:,} can be tried.")
    found = crawl(text, rules)
    marks = [(mark.kind, mark.start, mark.end) for passage in found.passages for mark in passage.marks]
    return Tried(
        counts=found.counts,
        chip=found.reason,
        language=LANGUAGES.get(found.language, ""),
        levels=found.levels,
        exclusions=tuple(dict.fromkeys(one.reason for one in found.exclusions)),
        pieces=pieces_of(text, 0, len(text), marks),
    )
