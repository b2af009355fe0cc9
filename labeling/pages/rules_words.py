"""Rules of the search in words, and as the lists of a form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from labeling.language.crawl_rules import CrawlRules, Word, built_in_words
from labeling.language.crawl_words import KINDS

__all__ = [
    "LANGUAGE_NAMES",
    "LanguageShown",
    "ListShown",
    "WordShown",
    "differences",
    "languages_shown",
    "off_names",
    "words_of",
]

LANGUAGE_NAMES = {"de": "German", "en": "English", "fr": "French"}
#: kind of a list -> its title, and what its words do.
_KIND_WORDS = {
    "fracture": ("Fracture", "A report is looked at only for one of these."),
    "body": ("Vertebral body", "The fracture is of the spine."),
    "negation": ("Negation", "What is said is denied."),
    "suspicion": ("Suspicion", "What is said is not certain."),
    "history": ("History", "What is said is old or known."),
    "other_bone": ("Other bones", "The fracture is of another bone, and makes no candidate."),
    "instrumented": ("Criterion i", "Fusion, augmentation or extensive surgery."),
    "spondylodiscitis": ("Criterion ii", "Spondylodiscitis."),
    "malignant": ("Criterion iii", "Metastases or malignant lesions."),
    "osteolysis": ("Criterion iv", "Osteolysis from adjacent malignant tissue."),
    "myelography": ("Criterion v", "Myelography."),
}


@dataclass(frozen=True)
class WordShown:
    """A built-in word, and whether it finds anything."""

    text: str
    is_on: bool


@dataclass(frozen=True)
class ListShown:
    """One list of one language."""

    kind: str
    title: str
    about: str
    words: tuple[WordShown, ...]
    added: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Lines of its field."""
        return min(8, max(2, len(self.added) + 1))


@dataclass(frozen=True)
class LanguageShown:
    """One language with its lists; `changes` is how many words were added or switched off."""

    code: str
    name: str
    is_read: bool
    lists: tuple[ListShown, ...]
    changes: int


def off_names(language: str, rules: CrawlRules) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each list with the words that a form ticks or not: the built-in ones, and what else these rules switch off."""
    for kind in KINDS:
        built_in = built_in_words(language, kind)
        known = {word.casefold() for word in built_in}
        more = (word.text for word in rules.off if (word.language, word.kind) == (language, kind))
        yield kind, (*built_in, *(text for text in more if text.casefold() not in known))


def languages_shown(rules: CrawlRules) -> list[LanguageShown]:
    """The lists as a form shows them."""
    shown = []
    for code, name in LANGUAGE_NAMES.items():
        off = {(word.kind, word.text.casefold()) for word in rules.off if word.language == code}
        lists = tuple(
            ListShown(
                kind,
                *_KIND_WORDS[kind],
                tuple(WordShown(text, (kind, text.casefold()) not in off) for text in texts),
                tuple(word.text for word in rules.added if (word.language, word.kind) == (code, kind)),
            )
            for kind, texts in off_names(code, rules)
        )
        changes = len(off) + sum(word.language == code for word in rules.added)
        shown.append(LanguageShown(code, name, code in rules.languages, lists, changes))
    return shown


def words_of(rules: CrawlRules) -> tuple[str, ...]:
    """What the rules do, a sentence each."""
    names = [LANGUAGE_NAMES[code] for code in rules.languages]
    also = [
        words
        for words, counts in (
            ("a known old one", rules.count_old),
            ("a suspected one or one of unknown age", rules.count_suspicion),
        )
        if counts
    ]
    so_does = f", and so does {_listed(also, 'or')}" if also else ""
    return (
        f"Reports in {_listed(names)} are read.",
        f"A new fracture of a vertebral body makes a candidate{so_does}.",
        "A fracture that is denied, or of another bone, makes none.",
        *(f"{words}." for words in _changes(rules)),
    )


def differences(rules: CrawlRules) -> tuple[str, ...]:
    """In what these rules differ from the built-in ones; nothing where they do not."""
    words = []
    if len(rules.languages) < len(LANGUAGE_NAMES):
        words.append(f"{_listed([LANGUAGE_NAMES[code] for code in rules.languages])} only")
    if not rules.count_old:
        words.append("a known old fracture does not count")
    if not rules.count_suspicion:
        words.append("a suspected fracture does not count")
    return (*words, *_changes(rules))


def _changes(rules: CrawlRules) -> list[str]:
    return [
        f"{verb} in {LANGUAGE_NAMES[code]}: {', '.join(own)}"
        for verb, words in (("Added", rules.added), ("Switched off", rules.off))
        for code in LANGUAGE_NAMES
        if (own := _named(words, code))
    ]


def _named(words: tuple[Word, ...], language: str) -> list[str]:
    return [f"“{word.text}” ({_KIND_WORDS[word.kind][0].lower()})" for word in words if word.language == language]


def _listed(words: list[str], last: str = "and") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
