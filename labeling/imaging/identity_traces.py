"""What of a known person a text holds: their name, date of birth or numbers.

This finds what stands there plainly, in the spellings that reports are written in. It is a guard against a mistake, no
de-identification: whoever enters a text is asked to take names, numbers and dates out before.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["traces_of"]

#: What stands in Patient's Name (0010,0010) where nobody is named.
_NOBODY_WORDS = """
    anon anonym anonymised anonymized anonymous anonymisiert demo female inconnu male man name nil no none null patient
    patientin phantom removed test unbekannt unknown woman
"""
_NOBODY = frozenset(_NOBODY_WORDS.split())
#: Parts of family names that are words of every text.
_PARTICLE_WORDS = "af al da das de dem den der des di do dos du el la le les van vom von zu zum zur"
_PARTICLES = frozenset(_PARTICLE_WORDS.split())
_SHORTEST_NAME, _SHORTEST_NUMBER, _SHORTEST_PLAIN_NUMBER = 3, 3, 6
#: Words of a full name may stand this far apart: "Muster, Frau Dr. Maria".
_NAME_REACH = 3
#: Before a short number that would otherwise be a window, a slice or a year.
_NUMBER_WORDS = r"(?:id|pid|pat|patient|patientin|patienten|fall|nr|no|number|nummer|numero|n°|mrn|case)"
_MONTHS = {
    number: names.split()
    for number, names in enumerate(
        (
            "january januar jan janvier janv gennaio gen",
            "february februar feb fevrier fevr febbraio febb",
            "march maerz marz mar mars marzo",
            "april apr avril avr aprile",
            "may mai maggio mag",
            "june juni jun juin giugno giu",
            "july juli jul juillet juil luglio lug",
            "august aug aout agosto ago",
            "september sept sep septembre settembre sett set",
            "october oktober oct okt octobre ottobre ott",
            "november nov novembre",
            "december dezember dec dez decembre dicembre dic",
        ),
        start=1,
    )
}
_MONTH_OF = {name: number for number, names in _MONTHS.items() for name in names}
_NUMERIC_DATE = re.compile(r"(?<!\d)(?<!\d[./-])(\d{1,4})\s?[./-]\s?(\d{1,2})\s?[./-]\s?(\d{4}|\d{2})(?![./-]?\d)")
_COMPACT_DATE = re.compile(r"(?<!\d)(\d{4})(\d{2})(\d{2})(?!\d)")
_DAY_MONTH = re.compile(r"(?<!\d)(\d{1,2})(?:\.|st|nd|rd|th|er)?\s+(?:of\s+)?([a-z]{3,9})\.?,?\s+(\d{4}|\d{2})(?!\d)")
_MONTH_DAY = re.compile(r"\b([a-z]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})(?!\d)")


def traces_of(text: str, identity: Mapping[str, Any]) -> list[str]:
    """Which parts of an identity a text plainly holds, in words for a sentence; empty where none was found.

    Parameters
    ----------
    identity
        As it is sealed: ``patient`` with ``name`` (DICOM PN), ``birth_date`` (DA) and ``patient_id``, ``study`` with
        ``accession_number``. What is missing is not looked for.

    Returns
    -------
    list
        Of "the patient's name", "the date of birth", "the patient's number", "the accession number", in this order.
    """
    patient, study = identity.get("patient") or {}, identity.get("study") or {}
    found = []
    if _names(text, str(patient.get("name") or "")):
        found.append("the patient's name")
    if _dates(text, str(patient.get("birth_date") or "")):
        found.append("the date of birth")
    if _number(text, str(patient.get("patient_id") or "")):
        found.append("the patient's number")
    if _number(text, str(study.get("accession_number") or "")):
        found.append("the accession number")
    return found


def _folded(text: str) -> str:
    """Lower case without accents; ä, ö, ü and ß as the two letters they are written with where there are none."""
    for letter, two in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("Ä", "Ae"), ("Ö", "Oe"), ("Ü", "Ue"), ("ß", "ss")):
        text = text.replace(letter, two)
    apart = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).lower()


# -- names -------------------------------------------------------------------------------------------------------------


def _names(text: str, name: str) -> bool:
    """Whether the text holds the family name as a name, or family and given name near each other."""
    text = unicodedata.normalize("NFC", text)
    written = re.findall(r"[^\W\d_]+", text)
    words = [_spellings(word) for word in written]
    for group in unicodedata.normalize("NFC", name).split("="):  # alphabetic, ideographic, phonetic
        parts = [re.findall(r"[^\W\d_]+", part) for part in re.split(r"\^", group)[:3]]
        family = [word for word in (parts[0] if parts else []) if _folded(word) not in _NOBODY]
        given = [word for part in parts[1:] for word in part if _folded(word) not in _NOBODY]
        family = [word for word in family if _folded(word) not in _PARTICLES] or family
        if not family:
            continue
        if len(family) > 1 and not given:  # "Maria Muster" without the carets
            family, given = family[-1:], family[:-1]
        places = [place for place, word in enumerate(words) if any(word & _spellings(one) for one in family)]
        if any(
            word & _spellings(one)
            for place in places
            for at, word in enumerate(words[max(0, place - _NAME_REACH) : place + _NAME_REACH + 1])
            if at != min(place, _NAME_REACH)
            for one in given
            if len(one) > 1
        ):
            return True
        longest = max(family, key=len)
        # Alone it counts where it is written as a name: "klein" is a finding, "Klein" may be a patient.
        if len(longest) >= _SHORTEST_NAME and any(
            words[place] & _spellings(longest) and not written[place].islower() for place in places
        ):
            return True
    return False


def _spellings(word: str) -> frozenset[str]:
    """Müller is Mueller to some and Muller to others."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", word) if not unicodedata.combining(letter))
    return frozenset({_folded(word), plain.casefold()})


# -- dates -------------------------------------------------------------------------------------------------------------


def _dates(text: str, birth_date: str) -> bool:
    digits = re.sub(r"\D", "", birth_date)
    if len(digits) != 8:
        return False
    try:
        born = datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return any(
        (month, day) == (born.month, born.day) and year in (born.year, born.year % 100)
        for year, month, day in _dates_in(_folded(text))
    )


def _dates_in(text: str) -> Iterator[tuple[int, int, int]]:
    """Every (year, month, day) that a folded text may mean; 7/3/1950 means two."""
    for match in _NUMERIC_DATE.finditer(text):
        first, second, third = (int(part) for part in match.groups())
        yield third, second, first
        yield third, first, second
        yield first, second, third
    for match in _COMPACT_DATE.finditer(text):
        first, second, third = (int(part) for part in match.groups())
        yield first, second, third
    for match in _COMPACT_DATE.finditer(re.sub(r"(?<!\d)(\d{2})(\d{2})(\d{4})(?!\d)", r"\3\2\1", text)):
        first, second, third = (int(part) for part in match.groups())
        yield first, second, third
    for match in _DAY_MONTH.finditer(text):
        if match[2] in _MONTH_OF:
            yield int(match[3]), _MONTH_OF[match[2]], int(match[1])
    for match in _MONTH_DAY.finditer(text):
        if match[1] in _MONTH_OF:
            yield int(match[3]), _MONTH_OF[match[1]], int(match[2])


# -- numbers -----------------------------------------------------------------------------------------------------------


def _number(text: str, number: str) -> bool:
    """Whether the text holds a number, however its parts are kept apart; a short one only where it is called one."""
    letters = re.findall(r"[a-z0-9]", _folded(number))
    if len(letters) < _SHORTEST_NUMBER or not any(letter.isdigit() for letter in letters):
        return False
    apart = r"[\s.\-_/']?".join(map(re.escape, letters))
    before = r"(?<![a-z0-9])(?<!\d[.,])"
    if len(letters) < _SHORTEST_PLAIN_NUMBER:
        before = rf"(?<![a-z0-9]){_NUMBER_WORDS}(?![a-z])[\s.:#\-]*"
    return re.search(rf"{before}{apart}(?![a-z0-9])", _folded(text)) is not None
