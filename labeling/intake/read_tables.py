"""Spreadsheets of old reads: a row for what one reader said of one vertebra of one case.

CSV, TSV and XLSX, with columns named in German, English or French, or named by whoever brings them. Pure: what a row
says is found out here, what it is about (which case, whose account) is not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from labeling.imaging.refusal import Refusal
from labeling.intake.table_files import MAX_ROWS, Cell, cells_of
from labeling.language import level_mentions, named_types

__all__ = ["FIELDS", "ReadRow", "ReadTable", "RowError", "mapping_from", "read_table"]

FIELDS = ("case", "level", "verdict", "ao", "reader", "date")
_REQUIRED = ("case", "level", "reader")

#: Names of columns, without accents, signs and capitals.
_NAMES: dict[str, str] = {
    name: field
    for field, names in {
        "case": "case caseid casename caseno fall fallid fallnummer fallname cas nocas numerocas pseudonym pseudonyme "
        "patient patientid study studie etude accession accessionnumber",
        "level": "level vertebra vertebrallevel vertebrae wirbel wirbelkorper wirbelhohe hohe etage niveau vertebre "
        "niveauvertebral segment wk",
        "verdict": "verdict finding result fracture fractured fx fraktur frakturiert befund urteil ergebnis verdikt "
        "resultat constat diagnosis diagnose",
        "ao": "ao aotype aotyp typeao aospine aospinetype aoklassifikation aoclassification classification "
        "klassifikation classificationao type typ",
        "reader": "reader readername rater radiologist observer befunder leser untersucher auswerter arzt radiologe "
        "lecteur lectrice radiologue observateur",
        "date": "date datum readon readat readingdate gelesenam lesedatum befunddatum datelecture datedelecture lule",
    }.items()
    for name in names.split()
}

_VERDICTS: dict[str, str] = {
    word: verdict
    for verdict, words in {
        "fracture": "fracture|fractured|fraktur|frakturiert|fx|f|yes|y|ja|j|oui|o|1|true|wahr|vrai|x|pos|positive"
        "|positiv|"
        "positif|fracturee|fracture oui|tassement",
        "negative": "negative|negativ|negatif|neg|n|no|nein|non|0|false|falsch|faux|none|kein|keine|normal|intact"
        "|intakt|"
        "no fracture|keine fraktur|pas de fracture|aucune",
        "indeterminate": "indeterminate|unclear|unklar|fraglich|unsicher|indetermine|incertain|douteux|possible"
        "|moglich|"
        "i|?",
        "not_assessable": "not assessable|not assessed|nicht beurteilbar|nicht bewertbar|non evaluable|na|n/a|nb|n.b.|"
        "n. b.|not_assessable",
    }.items()
    for word in words.split("|")
}
_NO_AO = frozenset({"", "-", "–", "none", "keine", "kein", "na", "n/a", "0", "aucun"})
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ][\d:.]+)?$")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})$")
#: Rows above the header that are looked through for it: titles, notes.
_HEADER_WITHIN = 10
#: Nobody read a CT before there was one, and a slip of the pen is sooner found.
_FIRST_YEAR = 1975


@dataclass(frozen=True, slots=True)
class ReadRow:
    """What one row says.

    Attributes
    ----------
    number
        As a spreadsheet counts: the first line of the file is 1.
    level
        C1 to S5.
    verdict
        A word of `labeling.models.Verdict`.
    ao, segment
        A1 to A4; B1 to B3 or C; '' where none is given.
    process_fracture
        AO A0.
    day
        When it was read; None where the sheet does not say.
    """

    number: int
    case: str
    level: str
    verdict: str
    ao: str
    segment: str
    process_fracture: bool
    reader: str
    day: date | None


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with a row, as a sentence."""

    number: int
    sentence: str


@dataclass(frozen=True, slots=True)
class ReadTable:
    """A spreadsheet as it was understood: `columns` is field -> name of its column."""

    columns: Mapping[str, str]
    rows: tuple[ReadRow, ...]
    errors: tuple[RowError, ...]


def mapping_from(pairs: Sequence[str]) -> dict[str, str]:
    """ "Wirbelhöhe=level" for each column that is not called as usual: name of the column -> field.

    Raises
    ------
    Refusal
        ``mapping-unreadable``
    """
    mapping: dict[str, str] = {}
    for pair in pairs:
        column, _, field = (part.strip() for part in pair.rpartition("="))
        if not column or field not in FIELDS:
            raise Refusal(
                "mapping-unreadable", f"{pair!r} names no column. Write COLUMN=FIELD; fields are {', '.join(FIELDS)}."
            )
        mapping[column] = field
    return mapping


def read_table(data: bytes, mapping: Mapping[str, str] | None = None, *, today: date) -> ReadTable:
    """The rows of a spreadsheet, and what is wrong with those that say nothing that can be understood.

    Parameters
    ----------
    data
        CSV, TSV or XLSX.
    mapping
        Name of a column -> field, for columns that are not called as usual.
    today
        Nobody has read a case later.

    Raises
    ------
    Refusal
        where it is no such file, too large, or lacks a column: nothing can be said of any row.
    """
    lines = cells_of(data)
    header, columns = _header(lines, mapping or {})
    rows: list[ReadRow] = []
    errors: list[RowError] = []
    seen: dict[tuple[str, str, str], int] = {}
    for number, line in enumerate(lines[header + 1 :], start=header + 2):
        if not any(_text(cell) for cell in line):
            continue
        values = {field: line[at] if at < len(line) else "" for field, at in columns.items()}
        row = _row(number, values, today)
        if isinstance(row, RowError):
            errors.append(row)
            continue
        key = (row.case.casefold(), row.reader.casefold(), row.level)
        if key in seen:
            errors.append(RowError(number, f"{row.reader} on {row.level} of {row.case} stands in row {seen[key]} too."))
            continue
        seen[key] = number
        rows.append(row)
    if not rows and not errors:
        raise Refusal("table-empty", "Below the names of the columns there is no row.")
    return ReadTable({field: _text(lines[header][at]) for field, at in columns.items()}, tuple(rows), tuple(errors))


def _header(lines: Sequence[Sequence[Cell]], mapping: Mapping[str, str]) -> tuple[int, dict[str, int]]:
    """Where the names of the columns stand, and field -> its column."""
    if len(lines) > MAX_ROWS:
        raise Refusal("table-too-long", f"The sheet has more than {MAX_ROWS:,} rows. Split it.")
    own = {_plain(column): field for column, field in mapping.items()}
    best: dict[str, int] = {}
    for at, line in enumerate(lines[:_HEADER_WITHIN]):
        columns: dict[str, int] = {}
        for place, cell in enumerate(line):
            name = _plain(_text(cell))
            field = own.get(name) or _NAMES.get(name)
            if field is None:
                continue
            # A column that was named by hand comes before one that is called so by chance.
            if field not in columns or name in own:
                columns[field] = place
        if all(field in columns for field in _REQUIRED) and ("verdict" in columns or "ao" in columns):
            unknown = [column for column in mapping if _plain(column) not in {_plain(_text(cell)) for cell in line}]
            if unknown:
                raise Refusal("column-missing", f"There is no column called {', '.join(unknown)}.")
            return at, columns
        best = columns if len(columns) > len(best) else best
    missing = [field for field in _REQUIRED if field not in best]
    missing += [] if "verdict" in best or "ao" in best else ["verdict or ao"]
    raise Refusal(
        "column-missing",
        f"No column for {', '.join(missing)} was found in the first {_HEADER_WITHIN} rows. "
        f"Name the columns {', '.join(FIELDS)}, or say which column is which.",
    )


def _plain(text: str) -> str:
    """Without accents, signs and capitals."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in bare if sign.isalnum() and sign.isascii())


def _text(cell: Cell) -> str:
    if isinstance(cell, date):
        return cell.isoformat()
    return " ".join(cell.split())


def _row(number: int, values: Mapping[str, Cell], today: date) -> ReadRow | RowError:
    case, reader = _text(values["case"]), _text(values["reader"])
    if not case or not reader:
        return RowError(number, f"The {'case' if not case else 'reader'} is missing.")
    mentions = level_mentions(_text(values["level"]))
    levels = [level for mention in mentions for level in mention.levels]
    if len(levels) != 1:
        return RowError(number, f"{_text(values['level']) or 'An empty cell'} names no single vertebra.")
    read = _said(_text(values.get("verdict", "")), _text(values.get("ao", "")))
    if isinstance(read, str):
        return RowError(number, read)
    day = _day(values.get("date", ""), today)
    if isinstance(day, str):
        return RowError(number, day)
    verdict, ao, segment, process = read
    return ReadRow(number, case, levels[0], verdict, ao, segment, process, reader, day)


def _said(verdict_text: str, ao_text: str) -> tuple[str, str, str, bool] | str:
    """Verdict, AO type, segment injury and process fracture; or what is wrong, in a sentence."""
    ao = segment = ""
    process = False
    if ao_text.casefold() not in _NO_AO:
        ao, segment = named_types(ao_text.upper().replace("AO", " ").strip())
        segment = segment or ("C" if ao_text.strip().upper() == "C" else "")
        process = bool(re.search(r"\bA0\b", ao_text.upper()))
        if not (ao or segment or process):
            return f"{ao_text} is no AO type. Types are A0 to A4, B1 to B3 and C."
    word = unicodedata.normalize("NFKD", verdict_text.casefold())
    word = "".join(sign for sign in word if not unicodedata.combining(sign)).strip()
    verdict = _VERDICTS.get(word)
    if not word:
        if not (ao or segment or process):
            return "Neither a verdict nor an AO type is given."
        verdict = "fracture" if ao or segment else "negative"
    if verdict is None:
        named = named_types(verdict_text.upper())
        if not any(named):
            return f"{verdict_text} is no verdict. Verdicts are fracture, negative, indeterminate and not assessable."
        verdict, ao, segment = "fracture", ao or named[0], segment or named[1]
    if verdict != "fracture" and (ao or segment):
        return f"The AO type {ao or segment} stands beside the verdict {verdict_text}."
    return verdict, ao, segment, process


def _day(cell: Cell, today: date) -> date | str | None:
    """The day; None where none is given; what is wrong, in a sentence."""
    if isinstance(cell, date):
        day = cell
    else:
        text = _text(cell)
        if not text:
            return None
        iso, dotted = _ISO.match(text), _DOTTED.match(text)
        if iso is None and dotted is None:
            return f"{text} is no date as it is read here. Write 2024-03-31 or 31.03.2024."
        numbers = [int(part) for part in iso.groups()] if iso else [int(part) for part in reversed(dotted.groups())]  # type: ignore[union-attr]
        try:
            day = date(*numbers)
        except ValueError:
            return f"{text} is no day of the calendar."
    if day > today:
        return f"{day.isoformat()} lies in the future."
    if day.year < _FIRST_YEAR:
        return f"{day.isoformat()} lies before there was CT."
    return day
