"""The rules of a crawl: which words find a report, which a lead has added or switched off, and what counts."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from labeling.imaging.refusal import Refusal
from labeling.language.crawl_words import BUILT_IN, FORM_WORDS, KINDS, LANGUAGES

__all__ = ["DEFAULT_RULES", "CrawlRules", "Word", "built_in_words", "parse", "pattern_of"]

#: Rules found one way are rules of another version once the way of finding has changed.
_ENGINE = 2
_FORMAT = 1
_MOST_WORDS, _LONGEST_WORD = 200, 60
_SWITCHES = ("count_old", "count_suspicion")
_FIELDS = ("format", "languages", *_SWITCHES, "words")


@dataclass(frozen=True, slots=True, order=True)
class Word:
    """A word of one list: "Deckplatteneinbruch", or "sinter*" for every ending and "*fraktur" for every beginning."""

    language: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class CrawlRules:
    """What finds a report.

    Attributes
    ----------
    languages
        Of "de", "en" and "fr", those that are read; a report that is in another one is passed over.
    count_old
        A known old fracture makes a candidate.
    count_suspicion
        A suspected fracture, or one of unknown age, makes a candidate.
    added
        Words beside the built-in ones; they hold in reports of their language and in those of no clear one.
    off
        Built-in words that find nothing. A word is switched off as a whole: "Fraktur" leaves "Kompressionsfraktur" on.
    """

    languages: tuple[str, ...] = LANGUAGES
    count_old: bool = True
    count_suspicion: bool = True
    added: tuple[Word, ...] = ()
    off: tuple[Word, ...] = ()

    @property
    def as_json(self) -> dict[str, object]:
        """What `parse` reads, in one order for one content."""
        lists: dict[str, dict[str, dict[str, list[str]]]] = {}
        for name, words in (("add", self.added), ("off", self.off)):
            for word in sorted(words):
                kinds = lists.setdefault(word.language, {})
                kinds.setdefault(word.kind, {"add": [], "off": []})[name].append(word.text)
        return {
            "format": _FORMAT,
            "languages": list(self.languages),
            "count_old": self.count_old,
            "count_suspicion": self.count_suspicion,
            "words": lists,
        }

    @property
    def sha256(self) -> str:
        """Of all that decides what is found: these rules, the built-in words and the way of finding."""
        built_in = {kind: pattern.pattern for kind, pattern in BUILT_IN.items()}
        content = json.dumps([_ENGINE, built_in, self.as_json], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()


DEFAULT_RULES = CrawlRules()


def built_in_words(language: str, kind: str) -> tuple[str, ...]:
    """The built-in words that a form shows, in the order of their weight.

    Raises
    ------
    Refusal
        ``crawl-rules``: there is no such list.
    """
    try:
        return FORM_WORDS[language][kind]
    except KeyError:
        raise _bad(f"There is no list {kind!r} for {language!r}.") from None


def parse(value: object) -> CrawlRules:
    """Rules as a form or a file writes them; what is left out is as in `DEFAULT_RULES`.

    ::

        {"languages": ["de", "en"], "count_old": true, "count_suspicion": true,
         "words": {"de": {"fracture": {"add": ["Wirbelbruch*"], "off": ["gebrochen*"]}}}}

    Raises
    ------
    Refusal
        ``crawl-rules``, with what is wrong and where.
    """
    if not isinstance(value, Mapping):
        raise _bad("The rules are no JSON object. Write {} for those that are built in.")
    unknown = [str(key) for key in value if key not in _FIELDS]
    if unknown:
        raise _bad(f"The rules know no {_short(unknown[0])!r}. They hold {', '.join(_FIELDS[1:])}.")
    if value.get("format", _FORMAT) != _FORMAT:
        raise _bad(f"The rules are of format {_short(value['format'])}; format {_FORMAT} is read here.")
    switches = {name: value.get(name, True) for name in _SWITCHES}
    for name, switch in switches.items():
        if not isinstance(switch, bool):
            raise _bad(f"{name} is {_short(switch)}. Set it to true or false.")
    words = _words(value.get("words", {}))
    return CrawlRules(
        _languages(value.get("languages", list(LANGUAGES))),
        switches["count_old"],
        switches["count_suspicion"],
        tuple(sorted(words["add"])),
        tuple(sorted(words["off"])),
    )


def pattern_of(word: str) -> str:
    """A regular expression that finds a word as it is written in the lists."""
    inner = word.strip("*")
    body = r"\s{1,3}".join(re.escape(part) for part in inner.split())
    before = r"(?<!\w)\w*" if word.startswith("*") else r"(?<!\w)"
    after = r"\w*" if word.endswith("*") else r"(?!\w)"
    return before + body + after


def _bad(sentence: str) -> Refusal:
    return Refusal("crawl-rules", sentence)


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 40 else f"{text[:40]}…"


def _languages(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise _bad("languages is no list with a language in it. Write one or more of de, en and fr.")
    for one in value:
        if one not in LANGUAGES:
            raise _bad(f"{_short(one)!r} is no language of the crawl. Write de, en or fr.")
    return tuple(one for one in LANGUAGES if one in value)


def _words(value: object) -> dict[str, set[Word]]:
    """ "add" and "off", each with its words."""
    found: dict[str, set[Word]] = {"add": set(), "off": set()}
    if not isinstance(value, Mapping):
        raise _bad("words is no JSON object of languages.")
    for language, kinds in value.items():
        if language not in LANGUAGES:
            raise _bad(f"words names {_short(language)!r}, which is none of de, en and fr.")
        if not isinstance(kinds, Mapping):
            raise _bad(f"words for {language} is no JSON object of lists.")
        for kind, lists in kinds.items():
            if kind not in KINDS:
                raise _bad(f"words for {language} names {_short(kind)!r}. The lists are {', '.join(KINDS)}.")
            if not isinstance(lists, Mapping) or not set(lists) <= {"add", "off"}:
                raise _bad(f"The list {kind} for {language} holds something beside add and off.")
            for name in found:
                found[name] |= _list(lists.get(name, []), language, kind)
    both = {(word.language, word.kind, word.text.casefold()) for word in found["add"]}
    for word in sorted(found["off"]):
        if (word.language, word.kind, word.text.casefold()) in both:
            raise _bad(f"{word.text!r} is both added and switched off in the list {word.kind} for {word.language}.")
    return found


def _list(value: object, language: str, kind: str) -> set[Word]:
    where = f"in the list {kind} for {language}"
    if not isinstance(value, list | tuple):
        raise _bad(f"What stands {where} is no list of words.")
    if len(value) > _MOST_WORDS:
        raise _bad(f"There are {len(value)} words {where}; {_MOST_WORDS} fit.")
    words: dict[str, Word] = {}
    for one in value:
        if not isinstance(one, str):
            raise _bad(f"{_short(one)} {where} is no word.")
        text = " ".join(unicodedata.normalize("NFC", one).split())
        _refuse(text, where)
        words.setdefault(text.casefold(), Word(language, kind, text))
    return set(words.values())


def _refuse(text: str, where: str) -> None:
    """A word that would find everything, or nothing."""
    if len(text) > _LONGEST_WORD:
        raise _bad(f"{_short(text)!r} {where} is longer than {_LONGEST_WORD} letters.")
    if not text.isprintable():
        raise _bad(f"{_short(ascii(text))} {where} holds a sign that cannot be seen.")
    if sum(sign.isalpha() for sign in text) < 2:
        raise _bad(f"{text!r} {where} has fewer than two letters.")
    if "*" in text[1:-1]:
        raise _bad(f"{text!r} {where} has a star within. A star stands at the beginning or the end.")
    if not text.strip("*").strip():
        raise _bad(f"{text!r} {where} is no word.")
