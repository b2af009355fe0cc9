"""What a DICOM header says, read so that nothing in it can stop an import.

Scanners, PACS and converters write text into numeric fields, leave fields empty, give two values where one belongs, or
declare the wrong value representation (PS3.5, 6.2). Here all of that reads as "missing". pydicom's own conversion
raises on such values, and warns with the value *in the warning*, which would put patient data into the log; so
elements that pydicom has not converted yet are decoded from their bytes.
"""

from __future__ import annotations

import datetime
import math
import re
import struct
from collections.abc import Iterable
from decimal import Decimal
from functools import cache

from pydicom import Dataset
from pydicom.charset import decode_bytes
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.errors import BytesLengthException
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as ItemSequence
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import IS, TEXT_VR_DELIMS, DSfloat, PersonName

__all__ = ["UNREADABLE", "Component", "components", "items", "number", "numbers", "text", "texts", "the_date"]

Component = str | int | float

#: What pydicom can raise while it converts one element of a damaged header.
UNREADABLE = (
    BytesLengthException,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    NotImplementedError,
    struct.error,
    OSError,
    RecursionError,
)

_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}
#: Value representations in the character set that the header names; all others are plain ASCII (PS3.5 6.1.2.2).
_ANY_CHARACTERS = {"LO", "LT", "PN", "SH", "ST", "UC", "UT"}
_PADDING = " \0\r\n\t"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DATE = re.compile(r"(\d{4})[.\-]?(\d{2})[.\-]?(\d{2})", re.ASCII)


@cache
def _tag(keyword: str) -> BaseTag:
    value = tag_for_keyword(keyword)
    if value is None:
        raise ValueError(f"{keyword!r} is no keyword of the DICOM data dictionary (PS3.6).")
    return Tag(value)


@cache
def _dictionary_vr(keyword: str) -> str:
    return dictionary_VR(_tag(keyword))


def components(dataset: Dataset, keyword: str) -> tuple[Component, ...]:
    """The values of one attribute, one entry per value (PS3.5, 6.4).

    Text, and numbers written as text (DS, IS), come as the string that was written, without padding; binary numbers as
    int or float. Absent, empty and unreadable attributes, and sequences, give ``()``. The dataset is not changed,
    except that pydicom may cache its own conversion.
    """
    element = dataset.get_item(_tag(keyword), keep_deferred=True)
    if element is None:
        return ()
    if isinstance(element, RawDataElement) and isinstance(element.value, bytes):
        vr = element.VR if element.VR not in (None, "UN") else _dictionary_vr(keyword)
        return _decoded(dataset, element.value, str(vr), element.is_little_endian)
    try:  # converted already, or not yet read from the file
        converted = dataset[_tag(keyword)]
        if isinstance(converted.value, bytes):
            little_endian = dataset.original_encoding[1] is not False
            return _decoded(dataset, converted.value, str(converted.VR), little_endian)
        return _converted(converted.value)
    except UNREADABLE:
        return ()


def _decoded(dataset: Dataset, value: bytes, vr: str, little_endian: bool) -> tuple[Component, ...]:
    """The components of the bytes `value`."""
    if vr in ("US or SS", "US or OW", "US or SS or OW"):
        vr = "SS" if components(dataset, "PixelRepresentation") == (1,) else "US"
    if vr == "SQ" or vr.startswith("O"):
        return ()
    if vr in _BINARY:
        form = _BINARY[vr]
        count, rest = divmod(len(value), struct.calcsize("=" + form))
        return () if rest else struct.unpack(f"{'<' if little_endian else '>'}{count}{form}", value)
    written = _text(dataset, value, vr).strip(_PADDING)
    return tuple(part.strip(_PADDING) for part in written.split("\\")) if written else ()


def _text(dataset: Dataset, value: bytes, vr: str) -> str:
    if vr not in _ANY_CHARACTERS or (value.isascii() and b"\x1b" not in value):
        return value.decode("latin-1")  # the default repertoire; anything beyond ASCII is no legal value here
    encodings = dataset.original_character_set or "iso8859"
    try:
        return decode_bytes(value, [encodings] if isinstance(encodings, str) else list(encodings), TEXT_VR_DELIMS)
    except UNREADABLE:
        return value.decode("latin-1")


def _converted(value: object) -> tuple[Component, ...]:
    if isinstance(value, ItemSequence):
        return ()
    if isinstance(value, MultiValue | list | tuple):
        parts: list[Component] = []
        for part in value:
            one = _converted(part)
            parts.append(one[0] if one else "")
        return tuple(parts) if any(part != "" for part in parts) else ()
    if isinstance(value, str | DSfloat | IS | Decimal | PersonName):  # DS and IS remember what was written
        written = str(value).strip(_PADDING)
        return (written,) if written else ()
    if isinstance(value, datetime.date):
        return (f"{value.year:04d}{value.month:02d}{value.day:02d}",)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ()
    return (value,)


def texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """The values of a text attribute; numbers count as missing."""
    return tuple(part for part in components(dataset, keyword) if isinstance(part, str))


def text(dataset: Dataset, keyword: str) -> str:
    """The one value of a text attribute, several joined by a backslash as in the file; "" when missing."""
    return "\\".join(texts(dataset, keyword))


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """All values of a numeric attribute as finite floats; ``()`` when it is missing or any one of them is no number."""
    found: list[float] = []
    for part in components(dataset, keyword):
        if isinstance(part, str):
            if len(part) > 64 or not _NUMBER.fullmatch(part):
                return ()
            part = float(part)
        if not math.isfinite(part):
            return ()
        found.append(float(part))
    return tuple(found)


def number(dataset: Dataset, keyword: str, low: float = -math.inf, high: float = math.inf) -> float | None:
    """The single value of a numeric attribute within ``low..high``, inclusive; several values count as missing."""
    found = numbers(dataset, keyword)
    return found[0] if len(found) == 1 and low <= found[0] <= high else None


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; ``[]`` when it is missing, unreadable or no sequence."""
    element = dataset.get_item(_tag(keyword), keep_deferred=True)
    if isinstance(element, RawDataElement) and element.VR not in ("SQ", "UN", None):
        return []  # pydicom would convert it, and quote it
    try:
        value = dataset.get(keyword)
    except UNREADABLE:
        return []
    return list(value) if isinstance(value, ItemSequence) else []


def the_date(dataset: Dataset, keywords: Iterable[str]) -> datetime.date | None:
    """The first of the attributes `keywords` that holds one real date (DA, PS3.5 6.2, old forms with dots and dashes
    too).
    """
    for keyword in keywords:
        match = _DATE.match(text(dataset, keyword))
        if match:
            try:
                return datetime.date(int(match[1]), int(match[2]), int(match[3]))
            except ValueError:
                continue
    return None
