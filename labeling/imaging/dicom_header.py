"""The header of one DICOM file: read once, by content and never by extension, values taken out without surprise."""

from __future__ import annotations

import logging
import math
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, STANDARD_VR

from .refusal import Refusal

__all__ = ["Instance", "number", "numbers", "read_header", "text", "texts"]

# Its complaints quote the value they complain about, which may be a name; and on import it sets its own logger to
# WARNING, over whatever the installation asked for.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

_DEFLATED = b"1.2.840.10008.1.2.1.99"
_DICOMDIR = "1.2.840.10008.1.3.10"
#: Bytes of a value from which it stays in the file: headers of a whole delivery are held at once.
_LARGEST_VALUE = 65_536
#: Bytes of a file within which its file meta information ends; a few hundred are usual.
_LONGEST_META = 65_536

# What pydicom raises on bytes that are not what they say: all of them mean one thing to a person.
_BROKEN = (
    AttributeError,
    BytesLengthException,
    EOFError,
    KeyError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One file: its path, its header without the pixels, and where its Pixel Data element starts (bytes)."""

    path: Path
    header: Dataset
    pixel_offset: int

    @property
    def sop_uid(self) -> str:
        return text(self.header, "SOPInstanceUID")

    @property
    def transfer_syntax(self) -> str:
        return str(self.header.file_meta.get("TransferSyntaxUID", ""))


def texts(header: Dataset, keyword: str) -> tuple[str, ...]:
    """All values of an attribute as stripped text; empty where it is missing, empty or unreadable."""
    try:
        value = header.get(keyword)
    except _BROKEN:
        return ()
    if value is None or value == "":
        return ()
    several = value if isinstance(value, (list, tuple, pydicom.multival.MultiValue)) else (value,)
    return tuple(str(one).strip().strip("\0") for one in several)


def text(header: Dataset, keyword: str) -> str:
    """The first value of an attribute as stripped text, or an empty text."""
    return next(iter(texts(header, keyword)), "")


def numbers(header: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """The `count` values of a numeric attribute; None where it is missing, of another length or no number at all.

    Values that are not finite are returned as they are: the caller names them.
    """
    values = texts(header, keyword)
    if len(values) != count:
        return None
    try:
        return tuple(float(value) for value in values)
    except ValueError:
        return None


def number(header: Dataset, keyword: str) -> float | None:
    """One finite number, or None."""
    values = numbers(header, keyword, 1)
    return values[0] if values is not None and math.isfinite(values[0]) else None


def read_header(path: Path) -> Instance:
    """Read the header of a file and stop before its pixels.

    The UIDs of the object are taken from the file meta information where the data set leaves them out.

    Raises
    ------
    Refusal
        ``not-a-file``, ``unreadable-file``, ``empty-file``, ``not-dicom``, ``dicomdir``, ``transfer-syntax``,
        ``broken-header`` or ``no-uid``.
    """
    try:
        information = path.stat()
        if not stat.S_ISREG(information.st_mode):
            raise Refusal("not-a-file", "This is not a regular file. It was left out.")
        if information.st_size == 0:
            raise Refusal("empty-file", "The file is empty (0 bytes). Send it again.")
        header, offset = _parse(path)
        _complete_uids(header)
        # Read here once, because pydicom raises again and again on a UID whose value representation is damaged.
        _, _ = header.get("StudyInstanceUID"), header.get("SeriesInstanceUID")
    except OSError as error:
        if error.errno is None:  # pydicom's own, about a sequence that does not end
            raise _broken() from error
        raise Refusal("unreadable-file", f"The file cannot be read: {error.strerror}. Check its rights.") from error
    except InvalidDicomError as error:
        raise _not_dicom() from error
    except _BROKEN as error:
        raise _broken() from error
    if text(header, "SOPClassUID") == _DICOMDIR:
        raise Refusal("dicomdir", "This is a DICOMDIR, a table of contents. The images beside it are read without it.")
    if offset >= information.st_size and text(header, "Modality") in ("", "CT") and "Rows" not in header:
        # An image that ends before its size is named: its UIDs may be cut too, so it can be put to no series.
        raise _broken()
    if not text(header, "SOPInstanceUID"):
        raise Refusal("no-uid", "The file has no SOP Instance UID, so no label could be tied to it. Export it again.")
    return Instance(path, header, offset)


def _broken() -> Refusal:
    return Refusal("broken-header", "The DICOM header breaks off or is damaged. Send the file again.")


def _not_dicom() -> Refusal:
    return Refusal("not-dicom", "The file is not DICOM, whatever its name says. It was left out.")


def _parse(path: Path) -> tuple[FileDataset, int]:
    with path.open("rb") as file:
        start = file.read(_LONGEST_META)
        has_preamble = start[128:132] == b"DICM"
        if not has_preamble and not _starts_like_a_data_set(start):
            raise _not_dicom()
        if _DEFLATED in start:
            # Refused before it is parsed: inflating is unbounded, and no CT scanner or PACS writes it.
            raise Refusal("transfer-syntax", "The file is deflated, which is not read. Send it uncompressed.")
        if not _meta_ends_in(start, 132 if has_preamble else 0):
            raise _broken()  # the transfer syntax may stand anywhere behind, the deflated one too
        file.seek(0)
        header = pydicom.dcmread(file, defer_size=_LARGEST_VALUE, stop_before_pixels=True, force=not has_preamble)
        offset = file.tell()
    if not has_preamble and not (header.get("SOPClassUID") or header.get("Modality")):
        raise _not_dicom()
    if not header.file_meta.get("TransferSyntaxUID"):
        header.file_meta.TransferSyntaxUID = _syntax_without_meta(header)
    return header, offset


def _meta_ends_in(start: bytes, at: int) -> bool:
    """Whether the file meta information (group 0002, PS3.10 7.1) that begins at byte `at` ends within `start`.

    Elements are walked as pydicom walks them: implicit where the first has no value representation.
    """
    implicit = start[at + 4 : at + 6].decode("latin-1") not in STANDARD_VR
    while at + 12 <= len(start):
        if start[at : at + 2] != b"\x02\x00":
            return True
        vr = start[at + 4 : at + 6]
        if implicit or not b"AA" <= vr <= b"ZZ":
            head, length = 8, start[at + 4 : at + 8]
        elif vr.decode("latin-1") in EXPLICIT_VR_LENGTH_32:
            head, length = 12, start[at + 8 : at + 12]
        else:
            head, length = 8, start[at + 6 : at + 8]
        at += head + int.from_bytes(length, "little")
    return len(start) < _LONGEST_META  # the whole file is in it


def _starts_like_a_data_set(start: bytes) -> bool:
    """Whether bytes without a preamble begin with a little-endian element of group 0002 or 0008."""
    if len(start) < 8:
        return False
    group, element = struct.unpack("<HH", start[:4])
    return group in (0x0002, 0x0008) and element <= 0x0060


def _syntax_without_meta(header: FileDataset) -> pydicom.uid.UID:
    implicit, _little = header.original_encoding
    return pydicom.uid.ImplicitVRLittleEndian if implicit else pydicom.uid.ExplicitVRLittleEndian


def _complete_uids(header: FileDataset) -> None:
    pairs = (("SOPInstanceUID", "MediaStorageSOPInstanceUID"), ("SOPClassUID", "MediaStorageSOPClassUID"))
    for keyword, meta_keyword in pairs:
        if not text(header, keyword) and text(header.file_meta, meta_keyword):
            setattr(header, keyword, text(header.file_meta, meta_keyword))
