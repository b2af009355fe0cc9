"""Dose of a CT examination: from X-Ray Radiation Dose SR objects, or estimated from the series.

The reports follow TID 10011 (PS3.16): a document with one CT Accumulated Dose Data container (TID 10012) and one CT
Acquisition container per irradiation event (TID 10013), each with its dose below it in a CT Dose container. Containers
are found by their codes at any depth, because vendors nest them differently.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydicom import Dataset

from labeling.imaging.header_values import items, number, numbers, text

__all__ = [
    "DoseEvent",
    "DoseReport",
    "dose_report",
    "estimated_dlp",
    "reported_ctdivol",
    "reported_dlp",
    "reports_of_study",
]

_ACCUMULATED = "113811"  # CT Accumulated Dose Data
_TOTAL_DLP = "113813"  # CT Dose Length Product Total
_ACQUISITION = "113819"  # CT Acquisition
_MEAN_CTDIVOL = "113830"
_DLP = "113838"
_EVENT_UID = "113769"  # Irradiation Event UID

_MOST_NODES = 20_000  # a report of 100 events has some 3,000
_DEEPEST = 16
_HIGHEST_DLP = 100_000.0  # mGy.cm; more than any examination, so a slip of unit or a counter
_HIGHEST_CTDIVOL = 5_000.0  # mGy
_IN_MGY_CM = {"": 1.0, "mgycm": 1.0, "gycm": 1000.0}
_IN_MGY = {"": 1.0, "mgy": 1.0, "gy": 1000.0}


@dataclass(frozen=True, slots=True)
class DoseEvent:
    """One irradiation event: its UID ("" when not given), CTDIvol in mGy and DLP in mGy·cm (None when not given)."""

    uid: str
    ctdivol: float | None
    dlp: float | None


@dataclass(frozen=True, slots=True)
class DoseReport:
    """What one Radiation Dose SR says: the DLP of the whole examination in mGy·cm (None when not given) and its
    events.
    """

    sop_uid: str
    study_uid: str
    total_dlp: float | None
    events: tuple[DoseEvent, ...]


def dose_report(dataset: Dataset) -> DoseReport | None:
    """Read one structured report; None when there is no CT dose in it. Values that are missing, negative, not finite
    or in foreign units count as missing.
    """
    total: float | None = None
    events: list[DoseEvent] = []
    for container in _walk(dataset):
        concept = _code(container, "ConceptNameCodeSequence")
        if concept == _ACCUMULATED:
            total = _first(total, _measured(container, _TOTAL_DLP, _IN_MGY_CM, _HIGHEST_DLP))
        elif concept == _ACQUISITION:
            uids = [
                text(item, "UID") for item in _walk(container) if _code(item, "ConceptNameCodeSequence") == _EVENT_UID
            ]
            ctdivol = _measured(container, _MEAN_CTDIVOL, _IN_MGY, _HIGHEST_CTDIVOL)
            dlp = _measured(container, _DLP, _IN_MGY_CM, _HIGHEST_DLP)
            if ctdivol is not None or dlp is not None:
                events.append(DoseEvent(next((uid for uid in uids if uid), ""), ctdivol, dlp))
    if total is None and not events:
        return None
    return DoseReport(text(dataset, "SOPInstanceUID"), text(dataset, "StudyInstanceUID"), total, tuple(events))


def reports_of_study(datasets: Sequence[Dataset], study_uid: str) -> list[DoseReport]:
    """The dose reports of one examination, matched by Study Instance UID (0020,000D), each once. An empty UID matches
    nothing.
    """
    found: dict[str, DoseReport] = {}
    for place, dataset in enumerate(datasets):
        if not study_uid or text(dataset, "StudyInstanceUID") != study_uid:
            continue
        report = dose_report(dataset)
        if report is not None:
            found.setdefault(report.sop_uid or f"#{place}", report)
    return list(found.values())


def reported_dlp(reports: Sequence[DoseReport]) -> float | None:
    """DLP of the examination in mGy·cm.

    One report: its total, else the sum of its events. Several: reports of one examination often repeat each other's
    events, so each event (by its UID) counts once; where events have no UID or no DLP the largest total is taken,
    which may miss a part but never counts one twice.
    """
    own = [value for value in map(_own_dlp, reports) if value is not None]
    if len(reports) <= 1 or not own:
        return own[0] if own else None
    by_uid = {
        event.uid: event.dlp for report in reports for event in report.events if event.uid and event.dlp is not None
    }
    complete = all(
        report.events and all(event.uid and event.dlp is not None for event in report.events) for report in reports
    )
    return sum(value for value in by_uid.values() if value is not None) if complete else max(own)


def reported_ctdivol(reports: Sequence[DoseReport], event_uids: Sequence[str]) -> float | None:
    """Mean CTDIvol in mGy of the events that made a series (by Irradiation Event UID, 0008,3010), else of the only
    event there is.
    """
    events = {(event.uid, event.ctdivol) for report in reports for event in report.events if event.ctdivol is not None}
    own = [value for uid, value in events if uid and uid in event_uids and value is not None]
    if not own and len(events) == 1:
        own = [value for _, value in events if value is not None]
    return sum(own) / len(own) if own else None


def estimated_dlp(headers: Sequence[Dataset], ctdivol: float | None) -> float | None:
    """CTDIvol (mGy) times the craniocaudal length of the series (cm), in mGy·cm; None without CTDIvol or positions.

    The length is what was reconstructed, not what was irradiated: a spiral's overscan is missing from it, and a
    sagittal reconstruction may reach beyond the scan. Hence an estimate, and called so.
    """
    length = craniocaudal_length(headers)
    return None if ctdivol is None or length is None else ctdivol * length / 10.0


def craniocaudal_length(headers: Sequence[Dataset]) -> float | None:
    """Extent in mm along z (DICOM patient coordinates) of the slices, half a slice beyond the outermost centres
    included; None without positions.

    Of slices within 45 degrees of axial only the centres and the thickness count: the field of view of a tilted slice
    reaches far beyond the scanned length.
    """
    lowest, highest = float("inf"), float("-inf")
    for header in headers:
        position, orientation = numbers(header, "ImagePositionPatient"), numbers(header, "ImageOrientationPatient")
        spacing = numbers(header, "PixelSpacing")
        rows, columns = number(header, "Rows", 1), number(header, "Columns", 1)
        if len(position) != 3 or len(orientation) != 6 or len(spacing) != 2 or rows is None or columns is None:
            continue
        along_row, along_column = orientation[2], orientation[5]  # z components (PS3.3 C.7.6.2.1.1)
        normal_z = abs(orientation[0] * orientation[4] - orientation[1] * orientation[3])
        width, height = columns * spacing[1] * along_row, rows * spacing[0] * along_column
        centre = position[2] + (width - spacing[1] * along_row) / 2 + (height - spacing[0] * along_column) / 2
        half = (number(header, "SliceThickness", 0.01, 100.0) or 0.0) * normal_z / 2
        if normal_z < 0.7071:
            half += (abs(width) + abs(height)) / 2
        lowest, highest = min(lowest, centre - half), max(highest, centre + half)
    return highest - lowest if 0 < highest - lowest < 3000 else None


def _walk(root: Dataset) -> Iterator[Dataset]:
    """All content items below `root`, root first, in document order; bounded, so that a malicious report ends."""
    waiting = [(root, 0)]
    for _ in range(_MOST_NODES):
        if not waiting:
            return
        node, depth = waiting.pop()
        yield node
        if depth < _DEEPEST:
            waiting.extend((child, depth + 1) for child in reversed(items(node, "ContentSequence")))


def _code(item: Dataset, sequence: str) -> str:
    """The code value (DCM) of the first item of a code sequence."""
    for coded in items(item, sequence)[:1]:
        return text(coded, "CodeValue")
    return ""


def _measured(container: Dataset, concept: str, units: dict[str, float], highest: float) -> float | None:
    for item in _walk(container):
        if _code(item, "ConceptNameCodeSequence") != concept:
            continue
        for measured in items(item, "MeasuredValueSequence"):
            value = _first(number(measured, "NumericValue"), number(measured, "FloatingPointValue"))
            unit = "".join(
                letter for letter in _code(measured, "MeasurementUnitsCodeSequence").lower() if letter.isalpha()
            )
            if value is not None and unit in units and 0 < value * units[unit] <= highest:
                return value * units[unit]
    return None


def _own_dlp(report: DoseReport) -> float | None:
    if report.total_dlp is not None:
        return report.total_dlp
    doses = [event.dlp for event in report.events if event.dlp is not None]
    return sum(doses) if doses else None


def _first(one: float | None, other: float | None) -> float | None:
    return other if one is None else one
