"""How a series was acquired: the figures of a methods section, from DICOM headers (CT Image Module, PS3.3 C.8.2.1) and
dose reports.

A value that is missing, not a number, out of any plausible range or given twice where one belongs is None (or ""),
never an error: headers of real examinations hold all of that, and a case must not be lost over its exposure time.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from pydicom import Dataset

from labeling.imaging.dose import estimated_dlp, reported_ctdivol, reported_dlp, reports_of_study
from labeling.imaging.header_values import items, number, numbers, text, texts, the_date
from labeling.imaging.vocabulary import contrast_agent, kernel, maker, model

__all__ = ["OLDEST_SHOWN_AGE", "Acquisition", "acquisition", "capped_age", "patient_age", "patient_sex"]

#: Ages above 89 single people out; they are shown and exported as this one, which then reads "90 or more".
OLDEST_SHOWN_AGE = 90

_Value = TypeVar("_Value", bound=Hashable)
_OLDEST = 120
_HIGHEST_MAS = 2000.0  # some old GE headers hold the exposure of a whole scan, fifty times that of a slice
_AGE = re.compile(r"(\d{3})([DWMY])", re.ASCII)
_DAYS = {"D": 1.0, "W": 7.0, "M": 365.2425 / 12, "Y": 365.2425}
_NO_CONTRAST = {
    "NO",
    "NONE",
    "NEIN",
    "NON",
    "NATIV",
    "NATIVE",
    "WITHOUT",
    "OHNE",
    "SANS",
    "NA",
    "N",
    "0",
    "KEIN",
    "KEINES",
    "AUCUN",
}


@dataclass(frozen=True, slots=True)
class Acquisition:
    """Acquisition of one series. None and "" mean that the headers do not say.

    Attributes
    ----------
    kv
        Tube voltage, KVP (0018,0060); median over the slices.
    mas
        Exposure in mAs, mean over the slices: Exposure (0018,1152), else Exposure in µAs (0018,1153), else current x
        time. On Siemens scanners this is the effective mAs (divided by the pitch), as their headers give it.
    tube_current
        mA, mean over the slices: X-Ray Tube Current (0018,1151).
    collimation_mm
        Width of one detector row at the isocentre, Single Collimation Width (0018,9306): the "collimation .7 mm" of
        the paper.
    total_collimation_mm
        Width of the whole beam, Total Collimation Width (0018,9307): some 20 to 80 mm, never to be printed as the
        collimation above.
    ctdivol
        mGy, mean over the slices: CTDIvol (0018,9345), else Mean CTDIvol of the series' irradiation event in a dose
        report.
    dlp, dlp_source
        mGy·cm and where it is from: "reported" (Radiation Dose SR, the whole examination), "estimated" (CTDIvol x
        length of this series) or "" (None).
    slice_thickness, spacing_between
        mm; thickness from (0018,0050), spacing from the slice positions, else Spacing Between Slices (0018,0088).
    kernel, kernel_strength
        Name and, where a second value is given, strength of the iterative reconstruction: Convolution Kernel
        (0018,1210).
    manufacturer, model
        Text of (0008,0070) and (0008,1090) where it consists of known words; "" otherwise.
    rows, columns
        Matrix.
    contrast, contrast_agent
        True when a contrast agent, its route or a volume is named, False when the header says there is none, None when
        it says nothing; the agent where its name consists of known words.
    """

    kv: float | None = None
    mas: float | None = None
    tube_current: float | None = None
    collimation_mm: float | None = None
    total_collimation_mm: float | None = None
    ctdivol: float | None = None
    dlp: float | None = None
    dlp_source: str = ""
    slice_thickness: float | None = None
    spacing_between: float | None = None
    kernel: str = ""
    kernel_strength: str = ""
    manufacturer: str = ""
    model: str = ""
    rows: int | None = None
    columns: int | None = None
    contrast: bool | None = None
    contrast_agent: str = ""


def acquisition(headers: Sequence[Dataset], dose_reports: Sequence[Dataset] = ()) -> Acquisition:
    """The acquisition of one series.

    Parameters
    ----------
    headers
        The original headers of the series' slices, in any order; empty gives an empty answer.
    dose_reports
        Structured reports of the same import; those of other examinations are passed over (by Study Instance UID).
    """
    if not headers:
        return Acquisition()
    reports = reports_of_study(dose_reports, text(headers[0], "StudyInstanceUID"))
    event_uids = sorted({uid for header in headers for uid in texts(header, "IrradiationEventUID")})
    ctdivol = _mean(headers, lambda header: number(header, "CTDIvol", 1e-6, 5000))
    if ctdivol is None:
        ctdivol = reported_ctdivol(reports, event_uids)
    dlp, dlp_source = reported_dlp(reports), "reported"
    if dlp is None:
        dlp, dlp_source = estimated_dlp(headers, ctdivol), "estimated"
    kernel_values = _commonest(headers, lambda header: kernel(texts(header, "ConvolutionKernel"))) or ()
    agent = _commonest(headers, lambda header: contrast_agent(text(header, "ContrastBolusAgent"))) or ""
    contrast = _contrast(headers)
    return Acquisition(
        kv=_median(headers, lambda header: number(header, "KVP", 20, 400)),
        mas=_mean(headers, _exposure),
        tube_current=_mean(headers, lambda header: number(header, "XRayTubeCurrent", 1, 5000)),
        collimation_mm=_median(headers, lambda header: number(header, "SingleCollimationWidth", 0.05, 20)),
        total_collimation_mm=_median(headers, lambda header: number(header, "TotalCollimationWidth", 0.05, 400)),
        ctdivol=ctdivol,
        dlp=dlp,
        dlp_source=dlp_source if dlp is not None else "",
        slice_thickness=_median(headers, lambda header: number(header, "SliceThickness", 0.01, 100)),
        spacing_between=_spacing_between(headers),
        kernel=kernel_values[0] if kernel_values else "",
        kernel_strength=" ".join(kernel_values[1:]),
        manufacturer=_commonest(headers, lambda header: maker(text(header, "Manufacturer"))) or "",
        model=_commonest(headers, lambda header: model(text(header, "ManufacturerModelName"))) or "",
        rows=_count(headers, "Rows"),
        columns=_count(headers, "Columns"),
        contrast=contrast,
        contrast_agent=agent if contrast else "",
    )


def patient_sex(headers: Sequence[Dataset]) -> str:
    """'F', 'M' or 'O' from Patient's Sex (0010,0040); "" when missing or anything else."""
    for header in headers:
        sex = text(header, "PatientSex").upper()
        if sex in ("F", "M", "O"):
            return sex
    return ""


def patient_age(headers: Sequence[Dataset]) -> int | None:
    """Age at the examination in whole years, exact: cap it (`capped_age`) before it is shown.

    Patient's Age (0010,1010; nnnD, nnnW, nnnM, nnnY), else from Patient's Birth Date and the date of the study. "000Y"
    with a birth date that says otherwise is the scanner's "not entered". None when neither gives an age of 0 to 120.
    """
    for header in headers:
        match = _AGE.fullmatch(text(header, "PatientAge").upper())
        stated = int(int(match[1]) * _DAYS[match[2]] / _DAYS["Y"] + 1e-9) if match else None
        age = stated if stated else _first(_age_by_birth(header), stated)
        if age is not None and 0 <= age <= _OLDEST:
            return age
    return None


def capped_age(age: int) -> int:
    """`age`, or `OLDEST_SHOWN_AGE` for anyone older than 89."""
    return min(age, OLDEST_SHOWN_AGE)


def _age_by_birth(header: Dataset) -> int | None:
    born = the_date(header, ("PatientBirthDate",))
    examined = the_date(header, ("StudyDate", "AcquisitionDate", "SeriesDate", "ContentDate"))
    if born is None or examined is None:
        return None
    return examined.year - born.year - ((examined.month, examined.day) < (born.month, born.day))


def _exposure(header: Dataset) -> float | None:
    """mAs of one slice."""
    exposure = number(header, "Exposure", 0.1, _HIGHEST_MAS)
    if exposure is not None:
        return exposure
    micro = number(header, "ExposureInuAs", 100, 1000 * _HIGHEST_MAS)
    if micro is not None:
        return micro / 1000
    current, milliseconds = number(header, "XRayTubeCurrent", 1, 5000), number(header, "ExposureTime", 1, 1_000_000)
    return None if current is None or milliseconds is None else current * milliseconds / 1000


def _spacing_between(headers: Sequence[Dataset]) -> float | None:
    """Median distance in mm of neighbouring slice planes; positions say it better than the tag, which some scanners
    fill with the thickness.
    """
    places: list[float] = []
    orientation = numbers(headers[0], "ImageOrientationPatient")
    if len(orientation) == 6:
        a, b = orientation[:3], orientation[3:]
        normal = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
        for header in headers:
            position = numbers(header, "ImagePositionPatient")
            if len(position) == 3:
                places.append(sum(p * n for p, n in zip(position, normal, strict=True)))
    places.sort()
    gaps = [after - before for before, after in pairwise(places) if after - before > 1e-3]
    if gaps:
        return round(statistics.median(gaps), 4)
    return _median(headers, lambda header: _magnitude(number(header, "SpacingBetweenSlices", -100, 100)))


def _contrast(headers: Sequence[Dataset]) -> bool | None:
    """Contrast/Bolus Module (PS3.3 C.7.6.4). Its attributes are sent empty for native scans too, so an empty one says
    nothing.
    """
    denied = False
    for header in headers:
        agent = re.sub(r"[^A-Z0-9]", "", text(header, "ContrastBolusAgent").upper())
        if agent in _NO_CONTRAST:
            denied = True
        elif (
            agent
            or items(header, "ContrastBolusAgentSequence")
            or text(header, "ContrastBolusRoute")
            or number(header, "ContrastBolusVolume", 0.1, 1000)
        ):
            return True
    return False if denied else None


def _values(headers: Sequence[Dataset], read: Callable[[Dataset], float | None]) -> list[float]:
    return [value for value in map(read, headers) if value is not None]


def _mean(headers: Sequence[Dataset], read: Callable[[Dataset], float | None]) -> float | None:
    values = _values(headers, read)
    return statistics.fmean(values) if values else None


def _median(headers: Sequence[Dataset], read: Callable[[Dataset], float | None]) -> float | None:
    values = _values(headers, read)
    return statistics.median(values) if values else None


def _commonest(headers: Sequence[Dataset], read: Callable[[Dataset], _Value]) -> _Value | None:
    found = Counter(value for value in map(read, headers) if value)
    return found.most_common(1)[0][0] if found else None


def _count(headers: Sequence[Dataset], keyword: str) -> int | None:
    value = _commonest(headers, lambda header: number(header, keyword, 1, 65_535))
    return None if value is None else int(value)


def _magnitude(value: float | None) -> float | None:
    return abs(value) if value else None


def _first(one: int | None, other: int | None) -> int | None:
    return other if one is None else one
