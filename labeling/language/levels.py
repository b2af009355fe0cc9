"""Vertebral levels named in a text, in the spellings of German, English and French, with ranges and pairs.

L1, LWK 1, LWK1, 1. LWK, Th12, BWK 12, D12, "12. Brustwirbelkörper", "first lumbar vertebra", "2e vertèbre lombaire";
"T12-L2", "BWK 5 bis 8", "L1/2", "LWK 2, 3 und 5".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["LEVELS", "LevelMention", "level_mentions"]

#: How many vertebrae a region can have; T13 and L6 exist.
_COUNT = {"C": 7, "T": 13, "L": 6, "S": 5}

#: C1 to S5 from head to feet.
LEVELS: tuple[str, ...] = tuple(f"{region}{n}" for region, count in _COUNT.items() for n in range(1, count + 1))

#: Most spines have neither: a range steps over them unless it names them.
_OPTIONAL = ("T13", "L6")

_PREFIX = {
    "c": "C", "hwk": "C", "hwb": "C", "hw": "C",
    "t": "T", "th": "T", "d": "T", "bwk": "T", "bwb": "T", "bw": "T",
    "l": "L", "lwk": "L", "lwb": "L", "lw": "L",
    "s": "S", "swk": "S", "swb": "S", "sw": "S",
}  # fmt: skip
_STEM = {
    "hals": "C", "cervi": "C", "zervi": "C",
    "brust": "T", "thora": "T", "dorsal": "T",
    "lenden": "L", "lumbar": "L", "lombair": "L", "lumbal": "L",
    "sakral": "S", "kreuzbein": "S", "sacr": "S",
}  # fmt: skip
_WORDS = {
    1: "first|erste[rnms]?|premi(?:er|ère)",
    2: "second|zweite[rnms]?|deuxième",
    3: "third|dritte[rnms]?|troisième",
    4: "fourth|vierte[rnms]?|quatrième",
    5: "fifth|fünfte[rnms]?|cinquième",
    6: "sixth|sechste[rnms]?|sixième",
    7: "seventh|siebte[rnms]?|septième",
    8: "eighth|achte[rnms]?|huitième",
    9: "ninth|neunte[rnms]?|neuvième",
    10: "tenth|zehnte[rnms]?|dixième",
    11: "eleventh|elfte[rnms]?|onzième",
    12: "twelfth|zwölfte[rnms]?|douzième",
}

#: T1-weighted is a word of another modality, not of a vertebra.
_NO_SEQUENCE = r"(?![-\s]?(?:w\b|gew|wi\b|weight|pond|flair|stir|tse))"
#: "L1, 4 mm": the second number is a measure.
_NO_MEASURE = (
    r"(?!\d|[.,]\d|\s?(?:mm|cm|%|°|x\s?\d|HE\b|HU\b|Jahre|years?\b|ans\b|Wochen|weeks?\b|semaines|Tagen?\b|days?\b"
    r"|jours|Monate|months?\b|mois))"
)
_THE_SPINE = r"(?:hals|brust|lenden|kreuzbein|sakral)wirbel\w*"
_ADJECTIVE = r"(?:cervi[ck]al|thora[ck]i[ck]|thoracique|dorsale?|lumbar|lombaire|sacr(?:al|ée?))"
_NUMERAL = "|".join(f"(?P<w{n}>{words})" for n, words in _WORDS.items())
_LEVEL = re.compile(
    rf"\b(?P<long>(?:[HBLS]W[KB]?|Th)(?:s|er)?)[\s\u00a0.\-]{{0,2}}(?P<n_long>\d{{1,2}})(?!\d){_NO_SEQUENCE}"
    rf"|(?<!Vitamin )\b(?P<short>[CTDLS])(?P<n_short>\d{{1,2}})(?!\d){_NO_SEQUENCE}"
    rf"|\b(?P<spaced>[TL])[ \u00a0](?P<n_spaced>\d{{1,2}})(?![\d.,]\d){_NO_MEASURE}{_NO_SEQUENCE}"
    rf"|\b(?P<n_kurz>\d{{1,2}})\.\s?(?P<kurz>[HBLS]WK)\b(?!\s?\d)"
    rf"|\b(?:(?P<n_wort>\d{{1,2}})\.|(?:{_NUMERAL}))\s?(?P<wort>{_THE_SPINE})"
    rf"|\b(?:(?P<n_ord>\d{{1,2}})(?:st|nd|rd|th|re|ère|er|e|ème|ᵉ)|(?:{_NUMERAL.replace('(?P<w', '(?P<v')}))\s+"
    rf"(?:vert[eè]bres?\s+)?(?P<ord>{_ADJECTIVE})",
    re.IGNORECASE,
)
_RANGE = r"\s?(?:[-–—]|bis|to|through|thru|à|au|jusqu'?à)\s?"
_PAIR = r"\s?/\s?"
_LIST = r"\s?(?:,\s?(?:und|and|et|sowie)?|und|and|et|u\.|&|sowie|\+)\s?"
_JOINED = re.compile(rf"(?:(?P<range>{_RANGE})|(?P<pair>{_PAIR})|(?P<list>{_LIST}))", re.IGNORECASE)
_BARE = re.compile(
    rf"(?P<n>\d{{1,2}}){_NO_MEASURE}(?!\.\s?(?:Hals|Brust|Lenden|Rippe|[HBLS]WK))(?!\s?(?:st|nd|rd|th)\b)"
)
#: After a comma a bare number counts only where the list goes on or ends.
_LIST_GOES_ON = re.compile(r"\s*(?:$|[,;.)/\-–]|(?:und|and|et|u\.|bis|sowie)\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LevelMention:
    """Levels that a text names in one place.

    Attributes
    ----------
    levels
        From the text's own order; a range is spelled out.
    start, end
        Characters of the text, the end excluded.
    is_pair
        "L4/5": two bodies, or the disc between them.
    """

    levels: tuple[str, ...]
    start: int
    end: int
    is_pair: bool = False


def level_mentions(text: str) -> tuple[LevelMention, ...]:
    """Every mention of a level, in the order of the text."""
    mentions: list[LevelMention] = []
    at = 0
    while (match := _LEVEL.search(text, at)) is not None:
        first = _named(match)
        if first is None:
            at = match.end()
            continue
        mention = _carried_on(text, match.start(), match.end(), first)
        mentions.append(mention)
        at = mention.end
    return tuple(mentions)


def _named(match: re.Match[str]) -> str | None:
    """The level that one match names; None where the number is none of its region."""
    for group, number in (("long", "n_long"), ("short", "n_short"), ("spaced", "n_spaced"), ("kurz", "n_kurz")):
        word = match[group]
        if word is not None:
            # One letter is a level only as a capital: "c3" may be anything.
            if len(word) == 1 and not word.isupper():
                return None
            prefix = re.sub(r"(?<=w[kb])(?:s|er)$", "", word.lower())
            return _level(_PREFIX.get(prefix, ""), int(match[number]))
    word = (match["wort"] or match["ord"] or "").lower()
    region = next((region for stem, region in _STEM.items() if word.startswith(stem)), "")
    return _level(region, _ordinal(match))


def _ordinal(match: re.Match[str]) -> int:
    digits = match["n_wort"] or match["n_ord"]
    if digits is not None:
        return int(digits)
    return next((n for n in _WORDS if match[f"w{n}"] or match[f"v{n}"]), 0)


def _level(region: str, number: int) -> str | None:
    level = f"{region}{number}"
    return level if level in LEVELS else None


def _carried_on(text: str, start: int, end: int, first: str) -> LevelMention:
    """The mention with all that is joined to it: "-L2", "/2", " und 3", ", 4 und 5"."""
    levels, is_pair, region = [first], False, first[0]
    while (joined := _JOINED.match(text, end)) is not None:
        following = _following(text, joined, region)
        if following is None:
            break
        level, end = following
        if joined["range"] is not None:
            between = _between(levels[-1], level)
            # "L4-5" and "T12-L1" name neighbours, and so does a disc.
            is_pair = is_pair or (len(levels) == 1 and len(between) == 1 and "-" in joined[0])
            levels += between
        else:
            is_pair = is_pair or (joined["pair"] is not None and len(levels) == 1)
            levels.append(level)
        region = level[0]
    return LevelMention(tuple(dict.fromkeys(levels)), start, end, is_pair and len(levels) == 2)


def _following(text: str, joined: re.Match[str], region: str) -> tuple[str, int] | None:
    """The level after a joint and where it ends; a level with a name of its own is taken only after a range or a "/",
    for it is a mention by itself after "and"."""
    named = _LEVEL.match(text, joined.end())
    if named is not None:
        level = _named(named) if joined["list"] is None else None
        return None if level is None else (level, named.end())
    bare = _BARE.match(text, joined.end())
    if bare is None:
        return None
    if "," in joined[0] and not _LIST_GOES_ON.match(text, bare.end()):
        return None
    level = _level(region, int(bare["n"]))
    return None if level is None else (level, bare.end())


def _between(first: str, last: str) -> list[str]:
    """The levels after `first` up to `last`; where they run towards the head, the last alone."""
    start, stop = LEVELS.index(first), LEVELS.index(last)
    if stop <= start:
        return [last] if last != first else []
    return [level for level in LEVELS[start + 1 : stop + 1] if level == last or level not in _OPTIONAL]
