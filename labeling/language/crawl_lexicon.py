"""Word lists made ready for finding: the built-in ones without what is switched off, and with what was added."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from labeling.language.crawl_rules import CrawlRules, pattern_of
from labeling.language.crawl_words import BUILT_IN, CRITERIA, KINDS, STEMS

__all__ = ["Lexicon", "WordList", "language_of", "lexicon_of"]

Span = tuple[int, int]


class WordList:
    """One list of words. `pos` and `endpos` bound the search as in `re`, and the text around them is still seen."""

    def __init__(self, built_in: re.Pattern[str], added: tuple[str, ...] = (), off: tuple[str, ...] = ()) -> None:
        own = [pattern_of(word) for word in sorted(added, key=len, reverse=True)]
        self._pattern = re.compile("|".join([*own, built_in.pattern]), re.IGNORECASE) if own else built_in
        self._own = re.compile("|".join(own), re.IGNORECASE) if own else None
        self._off = re.compile("|".join(f"(?:{pattern_of(word)})" for word in off), re.IGNORECASE) if off else None
        # What a search for an added word can start with: a word without a star holds its letters as they are.
        self.stems = tuple(word.strip("*").split()[0].lower() for word in added)

    def spans(self, text: str, pos: int, endpos: int) -> Iterator[Span]:
        """Start and end of every match that is not switched off."""
        for match in self._pattern.finditer(text, pos, endpos):
            if match.end() > match.start() and not self._is_off(match):
                yield match.span()

    def first(self, text: str, pos: int, endpos: int) -> Span | None:
        return next(self.spans(text, pos, endpos), None)

    def has(self, text: str, pos: int, endpos: int) -> bool:
        return self.first(text, pos, endpos) is not None

    def is_own(self, text: str, span: Span) -> bool:
        """Whether a match is of a word that somebody added."""
        return self._own is not None and self._own.match(text, *span) is not None

    def _is_off(self, match: re.Match[str]) -> bool:
        if self._off is None or self._off.fullmatch(match[0]) is None:
            return False
        return self._own is None or self._own.fullmatch(match[0]) is None


class Lexicon:
    """All lists for one language; '' is a report of no clear one, for which the lists of all languages hold."""

    def __init__(self, rules: CrawlRules, language: str) -> None:
        spoken = (language,) if language else rules.languages
        lists = {}
        for kind in KINDS:
            added, off = (
                tuple(word.text for word in words_ if word.kind == kind and word.language in spoken)
                for words_ in (rules.added, rules.off)
            )
            lists[kind] = WordList(BUILT_IN[kind], added, off)
        self.fracture, self.body, self.negation = lists["fracture"], lists["body"], lists["negation"]
        self.suspicion, self.history, self.other_bone = lists["suspicion"], lists["history"], lists["other_bone"]
        self.exclusion = {reason: lists[reason] for reason in CRITERIA}
        self.fracture_stems = STEMS["fracture"] + lists["fracture"].stems
        self.noun_stems = self.fracture_stems + STEMS["shape"] + STEMS["injury"]
        self.exclusion_stems = {reason: STEMS[reason] + lists[reason].stems for reason in CRITERIA}


@lru_cache(maxsize=64)
def lexicon_of(rules: CrawlRules, language: str) -> Lexicon:
    """The lists of these rules for one language, made once."""
    return Lexicon(rules, language)


_TOKEN = re.compile(r"[^\W\d_]+")
#: A language is told by its small words, and by what its radiologists write most.
_TELLING_WORDS = {
    "de": (
        "der die das und mit von bei kein keine keiner keinen nicht im des dem den ist eine einer zur zum "
        "ohne auf als fraktur frakturen frakturrisiko wirbelkörper wirbelsäule lwk bwk hwk alte frische "
        "bekannte nachweis befund beurteilung zustand nach unauffällig fragliche sinterung sinterungsfraktur "
        "rippenfraktur"
    ),
    "en": (
        "the of and with no is are at in without there to from for an not has seen findings impression spine "
        "rib fractures old acute vertebral compression history height loss new evidence was which chronic "
        "healed"
    ),
    "fr": (
        "le la les du et avec sans pas une un au aux est sont par sur dans récente récent ancienne ancien "
        "tassement tassements vertèbre vertébrale vertébral rachis lombaire aucune absence plateau côte "
        "résultat antécédent suspicion lésion fracturaire vertébrales vertébraux multiples étagées"
    ),
}
_TELLING = {language: frozenset(line.split()) for language, line in _TELLING_WORDS.items()}
_ENOUGH = 20_000


def language_of(text: str) -> str:
    """de, en or fr, or '' where a text does not tell."""
    tokens = [token.casefold() for token in _TOKEN.findall(text[:_ENOUGH])]
    scores = {language: sum(token in telling for token in tokens) for language, telling in _TELLING.items()}
    first, second = sorted(scores.values(), reverse=True)[:2]
    if first == second:
        return ""
    return next(language for language, score in scores.items() if score == first)
