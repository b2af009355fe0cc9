"""Spreadsheets of old reads as they come: three languages, three formats, and what is no such sheet."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.imaging.refusal import Refusal
from labeling.intake.read_tables import ReadTable, mapping_from, read_table
from labeling.intake.table_files import MAX_BYTES, MAX_ROWS

TODAY = date(2026, 3, 1)
HEAD = "case;level;verdict;AO;reader;date\n"


def table(text: str, **how: object) -> ReadTable:
    return read_table(text.encode(), today=TODAY, **how)  # type: ignore[arg-type]


def sentence(row: str) -> str:
    (error,) = table(HEAD + row).errors
    assert error.number == 2
    return error.sentence


def sheet(*rows: tuple[object, ...]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    "head",
    [
        "case,level,verdict,AO,reader,date", "Fall;Wirbel;Befund;AO-Typ;Befunder;Datum",
        "Cas\tNiveau\tFracture\tType AO\tLecteur\tDate",
        "Case ID;Vertebral level;Fracture?;AO Spine type;Rater;Read on",
        "Fallnummer;Wirbelkörper;Fraktur;AO-Klassifikation;Leser;Lesedatum",
    ],
)  # fmt: skip
def test_columns_are_known_by_their_names_in_three_languages(head: str) -> None:
    delimiter = next(one for one in ";,\t" if one in head)
    row = delimiter.join(["P1", "LWK 1", "ja", "A3", "Anna Groß", "31.01.2020"])
    (one,) = table(f"{head}\n{row}\n").rows
    assert (one.number, one.case, one.level, one.verdict, one.ao) == (2, "P1", "L1", "fracture", "A3")
    assert (one.reader, one.day) == ("Anna Groß", date(2020, 1, 31))


def test_a_mapping_names_a_column_that_nobody_would_guess_and_comes_before_a_guess() -> None:
    text = "case;Höhe der Läsion;level;fx;Kürzel\nP1;D12;unsinn;1;AB\n"
    with pytest.raises(Refusal, match="No column for reader"):
        table(text)
    found = table(text, mapping=mapping_from(["Höhe der Läsion=level", "Kürzel=reader"]))
    assert [(one.level, one.reader) for one in found.rows] == [("T12", "AB")]
    assert found.columns["level"] == "Höhe der Läsion"
    for pair in ("level", "x=y", "=level"):
        with pytest.raises(Refusal, match="names no column"):
            mapping_from([pair])
    with pytest.raises(Refusal, match="no column called Nowhere"):
        table(HEAD + "P1;L1;1;;A;", mapping={"Nowhere": "level"})


@pytest.mark.parametrize(
    ("verdict", "ao", "said"),
    [
        ("Fraktur", "", ("fracture", "", "", False)), ("oui", "A1", ("fracture", "A1", "", False)),
        ("", "A4", ("fracture", "A4", "", False)), ("", "AO A3.1", ("fracture", "A3", "", False)),
        ("", "B2", ("fracture", "", "B2", False)), ("1", "A3; B1", ("fracture", "A3", "B1", False)),
        ("", "C", ("fracture", "", "C", False)), ("", "A0", ("negative", "", "", True)),
        ("keine Fraktur", "", ("negative", "", "", False)), ("0", "-", ("negative", "", "", False)),
        ("unklar", "", ("indeterminate", "", "", False)), ("non évaluable", "", ("not_assessable", "", "", False)),
        ("A2", "", ("fracture", "A2", "", False)), ("FALSE", "", ("negative", "", "", False)),
    ],
)  # fmt: skip
def test_what_is_said_is_understood(verdict: str, ao: str, said: tuple[str, str, str, bool]) -> None:
    (one,) = table(f'{HEAD}P1;L1;{verdict};"{ao}";A;').rows
    assert (one.verdict, one.ao, one.segment, one.process_fracture) == said


@pytest.mark.parametrize(
    ("row", "about"),
    [
        (";L1;1;;A;", "The case is missing"), ("P1;L1;1;;;", "The reader is missing"),
        ("P1;;1;;A;", "names no single vertebra"), ("P1;12;1;;A;", "12 names no single"),
        ("P1;L1-L3;1;;A;", "L1-L3 names no"),
        ("P1;L1;;;A;", "Neither a verdict nor an AO"), ("P1;L1;vielleicht schon;;A;", "vielleicht schon is no verdict"),
        ("P1;L1;1;A7;A;", "A7 is no AO type"), ("P1;L1;nein;A1;A;", "A1 stands beside the verdict nein"),
        ("P1;L1;1;;A;03/04/2020", "is no date as it is read here"), ("P1;L1;1;;A;31.02.2020", "no day of the calendar"),
        ("P1;L1;1;;A;2027-01-01", "lies in the future"), ("P1;L1;1;;A;1066-10-14", "before there was CT"),
    ],
)  # fmt: skip
def test_a_row_that_says_nothing_sensible_is_named_with_a_sentence(row: str, about: str) -> None:
    assert about in sentence(row)


def test_the_same_vertebra_twice_by_one_reader_is_an_error_of_the_second_row() -> None:
    found = table(HEAD + "P1;L1;1;;A;\n\nP1;LWK 1;0;;a;\nP1;L1;1;;B;\n")
    assert [(one.number, one.sentence) for one in found.errors] == [(4, "a on L1 of P1 stands in row 2 too.")]
    assert [one.number for one in found.rows] == [2, 5]


def test_xlsx_is_read_with_its_dates_numbers_and_a_title_above() -> None:
    data = sheet(
        ("Reads of the pilot",), (), ("Fall", "Wirbel", "Fraktur", "AO", "Leser", "Datum"),
        ("P1", "L1", True, "A1", "Anna", datetime(2020, 1, 2, 8)), (17, "T12", 0, None, "Anna", date(2020, 1, 3)),
    )  # fmt: skip
    found = read_table(data, today=TODAY)
    assert [(one.number, one.case, one.verdict, one.day) for one in found.rows] == [
        (4, "P1", "fracture", date(2020, 1, 2)),
        (5, "17", "negative", date(2020, 1, 3)),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_is_read_in_the_encodings_that_spreadsheets_write(encoding: str) -> None:
    (one,) = read_table((HEAD + "P1;L1;1;;Jürgen Weiß;").encode(encoding), today=TODAY).rows
    assert one.reader == "Jürgen Weiß"


def zipped(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("_", "/") + ".xml", content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "about"),
    [
        (b"x" * (MAX_BYTES + 1), "more than 2 MB"),
        (b"\xd0\xcf\x11\xe0old", "Excel 97"),
        (b"PK\x03\x04broken", "no spreadsheet"),
        (zipped(a=b"no sheet"), "no spreadsheet"),
        (zipped(a=b"\x00" * 40_000_000), "unpacks to more"),
        (zipped(xl_workbook=b'<!DOCTYPE a [<!ENTITY b "c">]><a/>'), "XML entities"),
        (zipped(xl_workbook="<!DOCTYPE a><a/>".encode("utf-16")), "XML entities"),
        (b"\x89PNG\x00\x00", "no spreadsheet"),
        (b"", "No column for case, level, reader"),
        (b"a,b,c\n1,2,3\n", "No column for case, level, reader"),
        (HEAD.encode(), "there is no row"),
        (HEAD.encode() + b"P1;L1;1;;A;\n" * (MAX_ROWS + 5), "more than 20,000 rows"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_is_no_sheet_of_reads_is_refused_with_a_sentence(data: bytes, about: str) -> None:
    with pytest.raises(Refusal, match=about):
        read_table(data, today=TODAY)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for candidate in (data, HEAD.encode() + data, b"PK\x03\x04" + data):
        try:
            found = read_table(candidate, today=TODAY)
        except Refusal:
            continue
        assert all(one.number >= 2 for one in (*found.rows, *found.errors))
