"""A report in sentences, each with the section that it stands in: what is asked, how it was done, what was found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Section", "Sentence", "sentences_of"]


class Section(StrEnum):
    """What a part of a report is for."""

    INDICATION = "indication"
    TECHNIQUE = "technique"
    FINDINGS = "findings"
    IMPRESSION = "impression"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: `text` is the report from `start` to `end`, without space at its ends."""

    text: str
    start: int
    end: int
    section: Section


_HEADS = {
    Section.INDICATION: (
        r"fragestellung|indikation|rechtfertigende indikation|klinische (?:angaben?|fragestellung)|klinik|anamnese"
        r"|indications?|clinical (?:information|history|indication|details|question)|reason for (?:exam\w*|study)"
        r"|history"
        r"|renseignements? cliniques?|motif|contexte(?: clinique)?|histoire clinique|question"
    ),
    Section.TECHNIQUE: (
        r"technik|methode|untersuchungstechnik|technique|protocole?|protokoll|comparison|vergleich"
        r"|voruntersuchung(?:en)?"
        r"|voraufnahmen?|comparaison|examens? antérieurs?"
    ),
    Section.IMPRESSION: r"beurteilung|zusammenfassung|impression|conclusions?|assessment|synthèse|summary|fazit",
    Section.FINDINGS: r"befunde?|findings?|résultats?|description|ergebnis(?:se)?|report|compte[- ]rendu",
}
_HEAD = re.compile(
    r"(?:^|(?<=\n)|(?<=[.!?] ))[ \t]*(?:"
    + "|".join(f"(?P<{section.value}>{words})" for section, words in _HEADS.items())
    + r")[ \u00a0]?:",
    re.IGNORECASE,
)
#: A dot after one of these ends no sentence.
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Za-zÄÖÜäöü]|ca|bzw|ggf|evtl|inkl|sog|insb|vgl|max|min|rechts?s|li|re|bds|Proc|Procc|proc|procc"
    r"|St|Dr|Prof|Nr"
    r"|approx|vs|resp|env|cf|Abb|Fig|fig|No|dgl|usw|HWK|BWK|LWK|i\.?S|d\.?h|z\.?B|u\.?a|o\.?g|s\.?o|vert|Th|Z|V|n))$"
)
#: "12. Brustwirbel", "am 3. Januar": the dot makes a number an ordinal.
_ORDINAL = re.compile(
    r"\s*(?:Hals|Brust|Lenden|Kreuzbein|Sakral|[HBLS]WK\b(?!\s?\d)|Wirbel|Rippe|Januar|Februar|März|April|Mai|Juni|Juli"
    r"|August|September|Oktober|November|Dezember|postop)"
)
_END = re.compile(r"(?<![.!?])[.!?]++(?=\s|$)|\n+")
_END_OF_SENTENCE = re.compile(r"[.!?](?=\s)")
#: Lines of this length may have been broken by a program, within a sentence.
_WRAPPED = 60
#: Characters looked at before and after a mark, and the longest paragraph of a question: the time a text takes grows
#: with its length and no faster, whatever it is made of.
_AROUND, _LONGEST_PARAGRAPH = 80, 8_000


def sentences_of(text: str) -> tuple[Sentence, ...]:
    """The sentences of a report in order; headings are left out."""
    return tuple(sentence for part in _parts(text) for sentence in _split(text, *part))


def _parts(text: str) -> Iterator[tuple[int, int, Section]]:
    """Start, end and section of every part between headings."""
    at, section = 0, Section.FINDINGS
    for head in _HEAD.finditer(text):
        yield at, head.start(), section
        at, section = head.end(), Section(str(head.lastgroup))
        if section in (Section.INDICATION, Section.TECHNIQUE):
            # It ends with its paragraph, or what was found would be taken for what was asked.
            stop = _end_of_paragraph(text, at)
            yield at, stop, section
            at, section = stop, Section.FINDINGS
    yield at, len(text), section


def _end_of_paragraph(text: str, at: int) -> int:
    """Where the paragraph after a heading ends: with its line; with the next one where nothing stands beside the head;
    in a report of one line with the first sentence."""
    limit = min(len(text), at + _LONGEST_PARAGRAPH)
    line = text.find("\n", at, limit)
    if line >= 0 and not text[at:line].strip():
        line = text.find("\n", line + 1, limit)
    if line >= 0:
        return line
    for stop in _END_OF_SENTENCE.finditer(text, at, limit):
        if not _ABBREVIATION.search(text[max(at, stop.start() - _AROUND) : stop.start()]):
            return stop.end()
    return limit


def _split(text: str, start: int, end: int, section: Section) -> Iterator[Sentence]:
    if start >= end:
        return
    at = start
    for mark in _END.finditer(text, start, end):
        if mark.start() < at or not _is_end(text, at, mark, end):
            continue
        yield from _sentence(text, at, mark.end(), section)
        at = mark.end()
    yield from _sentence(text, at, end, section)


def _is_end(text: str, start: int, mark: re.Match[str], end: int) -> bool:
    before = text[max(start, mark.start() - _AROUND) : mark.start()]
    after = text[mark.end() : min(end, mark.end() + _AROUND)]
    if mark[0][0] == "\n":
        wrapped = len(mark[0]) == 1 and len(before.rsplit("\n", 1)[-1]) >= _WRAPPED and before[-1] not in ".:;!?"
        return not (wrapped and after[:1].isalnum())
    if mark[0] != ".":
        return True
    if _ABBREVIATION.search(before):
        return False
    if before[-1:].isdigit() and _ORDINAL.match(after):
        return False
    following = after.lstrip()[:1]
    return not following or not following.islower()


def _sentence(text: str, start: int, end: int, section: Section) -> Iterator[Sentence]:
    inner = text[start:end]
    stripped = inner.strip().lstrip("-–•*·").strip()
    if not any(sign.isalnum() for sign in stripped):
        return
    begin = text.index(stripped, start)
    yield Sentence(stripped, begin, begin + len(stripped), section)
