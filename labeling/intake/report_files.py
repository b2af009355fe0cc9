"""Files of reports: CSV, TSV, JSON, plain text, DICOM SR, and zip archives of those, as one list of reports.

Columns may be named in German, English or French. Pure: which case a report is of, and whether it may come in, is found
out where it is received. What is said of a file names its row and never what stands in it.
"""

from __future__ import annotations

import csv
import io
import json
import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from labeling.imaging.dicom_header import text as value_of
from labeling.imaging.refusal import Refusal
from labeling.intake.report_sr import is_dicom, sr_dataset, sr_text

__all__ = ["MOST_BYTES", "FileReport", "ReportFile", "read_reports"]

#: Of one file, and of all that a zip archive holds once unpacked: a hundred thousand long reports.
MOST_BYTES = 256 * 1024**2
_MOST_REPORTS = 100_000
_MOST_MEMBERS = 50_000
_MOST_COLUMNS = 200
_LONGEST_CELL = 200_000
_HEADER_WITHIN = 10

_NAMES: dict[str, str] = {
    name: which
    for which, names in {
        "accession": "accession accessionnumber accessionno accessionnr acc accno anforderung anforderungsnummer "
        "auftrag auftragsnummer numerodemande numeroaccession",
        "case": "case caseid casename caseno fall fallid fallname cas nocas pseudonym pseudonyme",
        "study_uid": "studyuid studyinstanceuid uid studieninstanzuid uidetude",
        "date": "date datum studydate examdate examinationdate untersuchungsdatum untersuchungstag studiendatum "
        "dateexamen dateetude year jahr annee",
        "text": "text report reporttext befund befundtext bericht berichtstext compterendu rapport texte textreport "
        "radiologyreport",
    }.items()
    for name in names.split()
}
_YEAR = re.compile(r"(?<!\d)((?:19|20)\d\d)(?!\d)|(?<!\d)((?:19|20)\d\d)[01]\d[0-3]\d(?!\d)")
_BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class FileReport:
    """One report as its file gives it; '' and None where the file says nothing.

    Attributes
    ----------
    source
        "reports.csv, row 12"; nothing of what stands in it. A file that is called by the number of its examination is
        named by its place instead.
    accession, case, study_uid
        What tells whose it is; an accession number is not to be kept.
    year
        Of the examination.
    identity
        What the file itself says of the patient, as it would be sealed: to be looked for in the text, and not kept.
    """

    source: str
    text: str
    accession: str = ""
    case: str = ""
    study_uid: str = ""
    year: int | None = None
    identity: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ReportFile:
    """The reports of a file, and a sentence for each row or member that is none."""

    reports: tuple[FileReport, ...]
    problems: tuple[str, ...] = ()


def read_reports(data: bytes, name: str) -> ReportFile:
    """The reports that a file holds; what kind of file it is, its content says, and its name where that does not.

    Raises
    ------
    Refusal
        ``reports-too-large``, ``reports-unreadable``, ``column-missing``, ``sr-unreadable``, ``sr-no-report``
    """
    if len(data) > MOST_BYTES:
        raise Refusal("reports-too-large", f"The file has more than {MOST_BYTES // 1024**2} MB. Split it.")
    if data[:4] == b"PK\x03\x04":
        return _archive(data, name)
    return _single(data, name, name)


def _single(data: bytes, name: str, source: str) -> ReportFile:
    if is_dicom(data):
        return ReportFile((_of_dicom(data, source),))
    text = _decoded(data)
    suffix = PurePosixPath(name.replace("\\", "/")).suffix.lower()
    if suffix in (".json", ".jsonl", ".ndjson") or text.lstrip()[:1] in ("[", "{"):
        return _json(text, source)
    if suffix in (".csv", ".tsv", ".tab"):
        return _table(text, source)
    stem = PurePosixPath(name.replace("\\", "/")).name.removesuffix(PurePosixPath(name).suffix)
    # The name of the file is the number of the examination, so it is not said where the report came from.
    return ReportFile((FileReport(source if source != name else "a text file", text, accession=stem.strip()),))


# -- archives ----------------------------------------------------------------------------------------------------------


def _archive(data: bytes, name: str) -> ReportFile:
    reports: list[FileReport] = []
    problems: list[str] = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for place, (member, content) in enumerate(_members(archive), start=1):
                source = f"{name}, file {place}"
                try:
                    found = _single(content, member, source)
                except Refusal as refusal:
                    problems.append(f"File {place}: {refusal.sentence}")
                    continue
                reports += found.reports
                problems += [f"File {place}: {sentence}" for sentence in found.problems]
    except _BROKEN_ZIP:
        raise Refusal("reports-unreadable", "The archive cannot be unpacked. Pack it again.") from None
    return ReportFile(tuple(reports), tuple(problems))


def _members(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file. Sizes in an archive are claims: what counts is what comes out."""
    left, taken = MOST_BYTES, 0
    for info in archive.infolist():
        name = PurePosixPath(info.filename.replace("\\", "/"))
        if info.is_dir() or name.name.startswith(".") or "__MACOSX" in name.parts:
            continue
        taken += 1
        with archive.open(info) as file:
            content = file.read(left + 1)
        left -= len(content)
        if left < 0 or taken > _MOST_MEMBERS:
            raise Refusal(
                "reports-too-large",
                f"The archive holds more than {MOST_BYTES // 1024**2} MB or {_MOST_MEMBERS:,} files. Split it.",
            )
        yield name.name, content


# -- kinds of files ----------------------------------------------------------------------------------------------------


def _of_dicom(data: bytes, source: str) -> FileReport:
    report = sr_dataset(data)
    dates = {"patient_id": "PatientID", "name": "PatientName", "birth_date": "PatientBirthDate"}
    accession = value_of(report, "AccessionNumber")
    return FileReport(
        source=source,
        text=sr_text(report),
        accession=accession,
        study_uid=value_of(report, "StudyInstanceUID"),
        year=_year(value_of(report, "StudyDate") or value_of(report, "ContentDate")),
        identity={
            "patient": {key: value_of(report, keyword) for key, keyword in dates.items()},
            "study": {"accession_number": accession},
        },
    )


def _json(text: str, source: str) -> ReportFile:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = _lines_of_json(text)
    if isinstance(found, Mapping):
        inside = next((one for one in found.values() if isinstance(one, list)), None)
        found = [found] if inside is None else inside
    if not isinstance(found, list):
        raise Refusal("reports-unreadable", "The JSON is no list of reports.")
    _refuse_many(len(found))
    reports: list[FileReport] = []
    problems: list[str] = []
    for place, one in enumerate(found, start=1):
        if not isinstance(one, Mapping):
            problems.append(f"Report {place} is no JSON object.")
            continue
        values = {
            which: str(value)
            for key, value in one.items()
            if (which := _NAMES.get(_plain(str(key)))) and isinstance(value, str | int)
        }
        reports.append(_report(f"{source}, report {place}", values))
    return ReportFile(tuple(reports), tuple(problems))


def _lines_of_json(text: str) -> list[Any]:
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        raise Refusal("reports-unreadable", "The JSON cannot be read. Export it again.") from None


def _table(text: str, source: str) -> ReportFile:
    lines = _cells(text)
    header, columns = _header(lines)
    _refuse_many(len(lines))
    reports = []
    for number, line in enumerate(lines[header + 1 :], start=header + 2):
        if not any(cell.strip() for cell in line):
            continue
        values = {which: line[at] for which, at in columns.items() if at < len(line)}
        reports.append(_report(f"{source}, row {number}", values))
    return ReportFile(tuple(reports))


def _cells(text: str) -> list[list[str]]:
    csv.field_size_limit(_LONGEST_CELL)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max("\t;,|", key=first.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        raise Refusal(
            "reports-unreadable", "The table cannot be read: a quotation mark is missing, or a cell is endless."
        ) from None


def _header(lines: Sequence[Sequence[str]]) -> tuple[int, dict[str, int]]:
    """Where the names of the columns stand, and what is meant -> its column."""
    for at, line in enumerate(lines[:_HEADER_WITHIN]):
        columns: dict[str, int] = {}
        for place, cell in enumerate(line[:_MOST_COLUMNS]):
            which = _NAMES.get(_plain(cell))
            if which is not None:
                columns.setdefault(which, place)
        if "text" in columns and columns.keys() & {"accession", "case", "study_uid"}:
            return at, columns
    raise Refusal(
        "column-missing",
        f"No columns for the text and for accession number, case or study UID were found in the first {_HEADER_WITHIN} "
        "rows. Name them text, and accession, case or study_uid.",
    )


def _report(source: str, values: Mapping[str, str]) -> FileReport:
    return FileReport(
        source=source,
        text=values.get("text", ""),
        accession=values.get("accession", "").strip(),
        case=values.get("case", "").strip(),
        study_uid=values.get("study_uid", "").strip(),
        year=_year(values.get("date", "")),
    )


def _year(text: str) -> int | None:
    """The year of a date in any of its spellings; of the rest of the date nothing is kept."""
    found = _YEAR.search(text)
    return None if found is None else int(found[1] or found[2])


def _refuse_many(count: int) -> None:
    if count > _MOST_REPORTS:
        raise Refusal("reports-too-large", f"The file has more than {_MOST_REPORTS:,} rows. Split it.")


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What hospitals' systems write where they do not write UTF-8.
        return data.decode("cp1252", "replace")


def _plain(text: str) -> str:
    """Without accents, signs and capitals."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in bare if sign.isalnum() and sign.isascii())
