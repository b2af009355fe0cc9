"""The cells of a spreadsheet file, within limits: CSV and TSV as text, XLSX as the zip of XML that it is."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from labeling.imaging.refusal import Refusal

__all__ = ["MAX_BYTES", "MAX_ROWS", "Cell", "cells_of"]

#: A cohort of five hundred cases read by four readers fits ten times over.
MAX_BYTES = 2 * 1024**2
MAX_ROWS = 20_000
MAX_COLUMNS = 60
#: Characters of one cell.
_LONGEST_CELL = 400
#: XLSX deflates to a tenth; a file that unpacks to more than this is no sheet of reads.
_MAX_UNPACKED = 48 * 1024**2
_MAX_RATIO = 200
_MAX_PARTS = 300

_ZIP, _OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_NOT_READABLE = "The file is no spreadsheet that can be read. Save it as XLSX or CSV."

#: A day, or text; numbers and truth values come as text.
Cell = str | date


def cells_of(data: bytes) -> list[list[Cell]]:
    """The rows of the first sheet, one more than `MAX_ROWS` at most.

    Raises
    ------
    Refusal
        ``table-too-large``, ``table-unreadable``, ``table-bomb``
    """
    if len(data) > MAX_BYTES:
        raise Refusal("table-too-large", f"The file has more than {MAX_BYTES // 1024**2} MB. Split it.")
    if data[:4] == _OLD_EXCEL:
        raise Refusal("table-unreadable", "This is a file of Excel 97. Save it as XLSX or CSV.")
    if data[:4] == _ZIP:
        return list(_of_workbook(data))
    return list(_of_text(data))


def _of_text(data: bytes) -> Iterator[list[Cell]]:
    text = _decoded(data)
    if "\x00" in text:
        raise Refusal("table-unreadable", _NOT_READABLE)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        for number, line in enumerate(lines):
            if number > MAX_ROWS:
                return
            yield [_cell(value) for value in line[:MAX_COLUMNS]]
    except csv.Error as error:
        raise Refusal("table-unreadable", f"Line {lines.line_num} cannot be read as CSV.") from error


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise Refusal("table-unreadable", _NOT_READABLE) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What Excel writes on a western Windows; every byte is a sign in it.
        return data.decode("cp1252", errors="replace")


def _delimiter(text: str) -> str:
    head = "\n".join(text.splitlines()[:10])
    return max(("\t", ";", ","), key=head.count)


def _of_workbook(data: bytes) -> Iterator[list[Cell]]:
    _refuse_bomb(data)
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        try:
            sheet = book.worksheets[0]
            # What the file says of its own size is not believed.
            sheet.reset_dimensions()
            for number, row in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS, values_only=True)):
                if number > MAX_ROWS:
                    return
                yield [_cell(value) for value in row]
        finally:
            book.close()
    except (InvalidFileException, zipfile.BadZipFile, KeyError, IndexError, ValueError, TypeError, AttributeError,
            SyntaxError, OSError, EOFError) as error:  # fmt: skip
        # openpyxl says in many ways that a file is damaged; an XML error is a SyntaxError.
        raise Refusal("table-unreadable", _NOT_READABLE) from error


def _refuse_bomb(data: bytes) -> None:
    """A zip is unpacked to what its directory says at most, so its directory is asked first."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            unpacked = sum(part.file_size for part in parts)
            if len(parts) > _MAX_PARTS or unpacked > min(_MAX_UNPACKED, max(1, len(data)) * _MAX_RATIO):
                raise Refusal("table-bomb", "The file unpacks to more than a sheet of reads can hold. Save it as CSV.")
            if any(part.flag_bits & 1 for part in parts):
                raise Refusal("table-unreadable", "The file is protected by a password. Save it without one.")
            for part in parts:
                if part.filename.endswith((".xml", ".rels")) and _declares_entities(archive.read(part)):
                    raise Refusal("table-bomb", "The file declares XML entities, which no spreadsheet does.")
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError) as error:
        raise Refusal("table-unreadable", _NOT_READABLE) from error


def _declares_entities(xml: bytes) -> bool:
    """In whatever encoding: the zero bytes of UTF-16 and UTF-32 are taken out."""
    plain = xml.replace(b"\x00", b"").upper()
    return b"<!DOCTYPE" in plain or b"<!ENTITY" in plain


def _cell(value: object) -> Cell:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)[:_LONGEST_CELL].replace("\x00", "")
