"""The text of a report that came as a DICOM Structured Report (PS3.3 A.35): headings and what stands under them.

Names of people are content items of their own (PNAME) and are left out, as is all that only says who observed what.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

from labeling.imaging.dicom_header import text
from labeling.imaging.refusal import Refusal

__all__ = ["is_dicom", "sr_dataset", "sr_text"]

#: Structured reports that radiologists write (PS3.4 B.5): basic text, enhanced, comprehensive, comprehensive 3D,
#: extensible. Dose reports and measurements of devices are none of them.
_REPORTS = {f"1.2.840.10008.5.1.4.1.1.88.{last}" for last in ("11", "22", "33", "34", "35")}
_DEEPEST = 30
_BROKEN = (
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    KeyError,
    LookupError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


def is_dicom(data: bytes) -> bool:
    """Whether a file begins as DICOM files do (PS3.10 7.1)."""
    return data[128:132] == b"DICM"


def sr_dataset(data: bytes) -> Dataset:
    """The data set of a file, whole.

    Raises
    ------
    Refusal
        ``sr-unreadable`` where it is no DICOM file, ``sr-no-report`` where it is no radiologist's report.
    """
    try:
        with warnings.catch_warnings():
            # What it complains of quotes values, and a value may be a name.
            warnings.simplefilter("ignore")
            found = pydicom.dcmread(io.BytesIO(data))
            kind = text(found, "SOPClassUID")
            list(found.iterall())
    except _BROKEN:
        raise Refusal("sr-unreadable", "The DICOM file cannot be read. Export it again.") from None
    if kind not in _REPORTS:
        raise Refusal("sr-no-report", "The DICOM file is no report of a radiologist.")
    return found


def sr_text(report: Dataset) -> str:
    """Headings on lines of their own, then their text; '' where there is none."""
    return "\n".join(_lines(report, 0)).strip()


def _lines(item: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    for one in getattr(item, "ContentSequence", None) or ():
        if text(one, "RelationshipType") in ("HAS OBS CONTEXT", "HAS ACQ CONTEXT"):
            continue
        line = _line(one)
        if line:
            yield line
        yield from _lines(one, depth + 1)


def _line(item: Dataset) -> str:
    kind, heading = text(item, "ValueType"), _meaning(item, "ConceptNameCodeSequence")
    if kind == "CONTAINER":
        return f"\n{heading}:" if heading else ""
    if kind == "TEXT":
        value = str(getattr(item, "TextValue", "") or "")
    elif kind == "CODE":
        value = _meaning(item, "ConceptCodeSequence")
    elif kind == "NUM":
        measured = next(iter(getattr(item, "MeasuredValueSequence", None) or ()), None)
        value = "" if measured is None else f"{text(measured, 'NumericValue')} {_unit(measured)}".strip()
    else:
        return ""
    if not value.strip():
        return ""
    return f"{heading}: {value}" if heading and kind != "TEXT" else value


def _meaning(item: Dataset, sequence: str) -> str:
    code = next(iter(getattr(item, sequence, None) or ()), None)
    return "" if code is None else text(code, "CodeMeaning")


def _unit(measured: Dataset) -> str:
    code = next(iter(getattr(measured, "MeasurementUnitsCodeSequence", None) or ()), None)
    unit = "" if code is None else text(code, "CodeValue")
    return "" if unit == "1" else unit
