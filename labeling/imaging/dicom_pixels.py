"""Stored values out of DICOM files: one read per file, every lossless transfer syntax, exact.

Sources: DICOM PS3.5 section 8.1.1 (pixel cells), annex A.4 (encapsulation), PS3.3 C.11.1 (rescale).
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.uid import UID

from .dicom_header import Instance, number, text
from .refusal import Refusal

__all__ = ["is_lossy", "read_stored", "rescaled"]

Words = NDArray[np.uint16]

_IMPLICIT_LITTLE = "1.2.840.10008.1.2"
_NATIVE = {_IMPLICIT_LITTLE: "<", "1.2.840.10008.1.2.1": "<", "1.2.840.10008.1.2.2": ">"}
_RLE = "1.2.840.10008.1.2.5"
_JPEG_LOSSLESS = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")
_CODECS: dict[str, Callable[[bytes], NDArray[Any]]] = {
    "1.2.840.10008.1.2.4.57": imagecodecs.jpeg8_decode,
    "1.2.840.10008.1.2.4.70": imagecodecs.jpeg8_decode,
    "1.2.840.10008.1.2.4.80": imagecodecs.jpegls_decode,
    "1.2.840.10008.1.2.4.81": imagecodecs.jpegls_decode,
    "1.2.840.10008.1.2.4.90": imagecodecs.jpeg2k_decode,
    "1.2.840.10008.1.2.4.91": imagecodecs.jpeg2k_decode,
    "1.2.840.10008.1.2.4.201": imagecodecs.htj2k_decode,
    "1.2.840.10008.1.2.4.202": imagecodecs.htj2k_decode,
    "1.2.840.10008.1.2.4.203": imagecodecs.htj2k_decode,
}
_LOSSLESS = {f"1.2.840.10008.1.2.4.{ending}" for ending in (80, 90, 201, 202)}
_MAY_LOSE = {f"1.2.840.10008.1.2.4.{ending}" for ending in (81, 91, 203)}
_PIXEL_DATA = (0x7FE0, 0x0010)
_ITEM, _SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
_UNDEFINED = 0xFFFFFFFF
_THREADS = min(4, os.cpu_count() or 1)
_SMALLEST_RESCALE = 1e-30


def read_stored(instances: Sequence[Instance]) -> tuple[NDArray[Any], bool]:
    """The stored values of slices of one size, in the given order.

    Returns
    -------
    array, signed
        (n, rows, columns); int16 where any slice is signed, else uint16. Bits above Bits Stored are replaced by the
        sign (or zero) as PS3.5 8.1.1 has it. Padding values stay as they are.

    Raises
    ------
    Refusal
        ``truncated-pixels``, ``transfer-syntax`` or ``broken-pixels``; and ``bit-depth`` where signed and unsigned
        slices are mixed and do not fit one type.
    """
    rows, columns = int(number(instances[0].header, "Rows") or 0), int(number(instances[0].header, "Columns") or 0)
    words = np.empty((len(instances), rows, columns), dtype=np.uint16)

    def fill(n: int) -> None:
        words[n] = _frame(instances[n], n + 1, (rows, columns))

    if len(instances) > 1 and _THREADS > 1:
        # Reading and decoding release the interpreter lock, so two cores halve the time of a compressed series.
        with ThreadPoolExecutor(_THREADS) as pool:
            for _ in pool.map(fill, range(len(instances))):
                pass
    else:
        for n in range(len(instances)):
            fill(n)
    signed = [number(instance.header, "PixelRepresentation") == 1 for instance in instances]
    if not any(signed):
        return words, False
    for n, is_signed in enumerate(signed):
        if not is_signed and words[n].max() > 32767:
            raise Refusal(
                "bit-depth", f"Signed and unsigned slices are mixed, and image {n + 1} does not fit. Send it again."
            )
    return words.view(np.int16), True


def is_lossy(instance: Instance) -> bool:
    """Whether a slice says that compression took something from it: by Lossy Image Compression (PS3.3 C.7.6.1.1.5), or
    by a transfer syntax that may. Whether a codestream under such a name did lose anything cannot be seen from it."""
    return text(instance.header, "LossyImageCompression") == "01" or instance.transfer_syntax in _MAY_LOSE


def _frame(instance: Instance, n: int, shape: tuple[int, int]) -> Words:
    syntax = instance.transfer_syntax
    with instance.path.open("rb") as file:
        file.seek(instance.pixel_offset)
        data = file.read()
    if syntax in _NATIVE:
        words = _native_frame(data, n, shape, syntax)
    elif syntax in _CODECS or syntax == _RLE:
        words = _decoded(_encapsulated_frame(data, n), n, shape, syntax)
    else:
        # What is not in the dictionary was typed by somebody, and may be anything.
        known = bool(UID(syntax).type)
        name = UID(syntax).name if known else "an unknown transfer syntax"
        raise Refusal("transfer-syntax", f"Image {n} is stored as {name}, which is not read. Send it uncompressed.")
    return _sign_extended(words, instance)


def _truncated(n: int, there: int, expected: int) -> Refusal:
    return Refusal(
        "truncated-pixels",
        f"Image {n} breaks off: {there:,} of {expected:,} bytes of pixels are there. Send the series again.",
    )


def _element(data: bytes, order: str, implicit: bool) -> tuple[tuple[int, int], int, int]:
    """Tag, length and start of the value of the element at the start of `data`."""
    head = 8 if implicit else 12
    if len(data) < head:
        return (0, 0), 0, head
    tag: tuple[int, int] = struct.unpack(order + "HH", data[:4])
    length: int = struct.unpack(order + "I", data[head - 4 : head])[0]
    return tag, length, head


def _native_frame(data: bytes, n: int, shape: tuple[int, int], syntax: str) -> Words:
    order = _NATIVE[syntax]
    tag, length, start = _element(data, order, implicit=syntax == _IMPLICIT_LITTLE)
    expected = 2 * shape[0] * shape[1]
    if tag != _PIXEL_DATA:
        raise _truncated(n, 0, expected)
    there = min(len(data) - start, length)
    if there < expected:
        raise _truncated(n, there, expected)
    return np.frombuffer(data, dtype=f"{order}u2", count=expected // 2, offset=start).reshape(shape)


def _encapsulated_frame(data: bytes, n: int) -> bytes:
    """The one frame of an encapsulated Pixel Data element: its fragments, joined, without the offset table."""
    tag, length, at = _element(data, "<", implicit=False)
    if tag != _PIXEL_DATA:
        raise Refusal("truncated-pixels", f"Image {n} has no pixels: the file breaks off before them. Send it again.")
    if length != _UNDEFINED:
        raise Refusal("broken-pixels", f"Image {n} says it is compressed but is not encapsulated. Send it again.")
    items: list[bytes] = []
    while True:
        tag, length, head = _element(data[at : at + 8], "<", implicit=True)
        if tag == _SEQUENCE_END:
            return b"".join(items[1:])
        at += head
        if tag != _ITEM or at + length > len(data):
            raise _truncated(n, sum(map(len, items[1:])) + max(0, len(data) - at), at + length)
        items.append(data[at : at + length])
        at += length


def _decoded(stream: bytes, n: int, shape: tuple[int, int], syntax: str) -> Words:
    broken = Refusal("broken-pixels", f"The compressed pixels of image {n} are damaged. Send the series again.")
    if syntax == _RLE:
        return _from_rle(stream, shape, broken)
    if _codestream_size(stream) != shape:
        raise broken
    if syntax in _JPEG_LOSSLESS and not stream.rstrip(b"\0").endswith(b"\xff\xd9"):
        raise broken  # libjpeg pads a stream without its end marker in silence
    if syntax in _LOSSLESS and _loses(stream):
        raise Refusal(
            "lossy-pixels",
            f"Image {n} is stored under a lossless transfer syntax but was compressed with loss. Send the originals.",
        )
    try:
        frame = _CODECS[syntax](stream)
    except (RuntimeError, ValueError) as error:
        raise broken from error
    if frame.shape != shape or frame.dtype.kind not in "iu" or frame.dtype.itemsize > 2:
        raise broken
    # int8 and int16 keep their sign through int16; the view takes the same 16 bits.
    return frame.astype(np.int16).view(np.uint16) if frame.dtype.kind == "i" else frame.astype(np.uint16, copy=False)


def _from_rle(stream: bytes, shape: tuple[int, int], broken: Refusal) -> Words:
    """DICOM RLE (PS3.5 annex G): two segments, the high bytes first."""
    count = shape[0] * shape[1]
    if len(stream) < 64 or struct.unpack("<I", stream[:4])[0] != 2:
        raise broken
    try:
        plain = imagecodecs.dicomrle_decode(stream, "<u2", out=2 * count)
    except (RuntimeError, ValueError) as error:
        raise broken from error
    if len(plain) != 2 * count:
        raise broken
    return np.frombuffer(plain, dtype="<u2").reshape(shape)


def _codestream_size(stream: bytes) -> tuple[int, int] | None:
    """Rows and columns as the codestream itself says, so that a small file cannot unfold into a huge frame."""
    if stream[:4] == b"\xff\x4f\xff\x51" and len(stream) >= 24:  # JPEG 2000: SOC, SIZ
        width, height, left, top = struct.unpack(">IIII", stream[8:24])
        return height - top, width - left
    if stream[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):  # a frame header
            rows, columns = struct.unpack(">HH", stream[at + 5 : at + 9])
            return rows, columns
        else:
            at += 2 + int(struct.unpack(">H", stream[at + 2 : at + 4])[0])
    return None


def _loses(stream: bytes) -> bool:
    """Whether a codestream is near-lossless JPEG-LS (NEAR of its scan above 0: ISO/IEC 14495-1 C.2.3) or irreversible
    JPEG 2000 (the 9-7 wavelet in COD: ISO/IEC 15444-1 A.6.1)."""
    jpeg_2000 = stream[:2] == b"\xff\x4f"
    at = 2
    while at + 4 <= len(stream) and stream[at] == 0xFF:
        marker, length = stream[at + 1], int(struct.unpack(">H", stream[at + 2 : at + 4])[0])
        segment = stream[at + 4 : at + 2 + length]
        if jpeg_2000 and marker == 0x52:
            return len(segment) > 9 and segment[9] == 0
        if not jpeg_2000 and marker == 0xDA:
            return len(segment) > 2 and segment[-3] > 0
        at += 2 + length
    return False


def _sign_extended(words: Words, instance: Instance) -> Words:
    stored = int(number(instance.header, "BitsStored") or 16)
    if stored == 16:
        return words
    spare = 16 - stored
    if number(instance.header, "PixelRepresentation") == 1:
        return ((words << spare).astype(np.uint16).view(np.int16) >> spare).view(np.uint16)
    return words & np.uint16((1 << stored) - 1)


def rescaled(array: NDArray[Any], instances: Sequence[Instance]) -> tuple[NDArray[Any], float, float]:
    """One slope and intercept for all slices, unsigned stored values where that loses nothing.

    `array` (n, rows, columns) belongs to the caller's own reading and is overwritten. Slices that differ in slope or
    intercept are brought to their common step (their greatest common divisor, which for whole-number rescales is 1 HU
    or a multiple of it).

    Returns
    -------
    array, slope, intercept
        with ``HU = slope * stored + intercept`` exactly as each slice said it.

    Raises
    ------
    Refusal
        ``no-rescale`` or ``rescale-differs``.
    """
    rescales = [_rescale(instance, n) for n, instance in enumerate(instances, start=1)]
    slope, intercept = rescales[0]
    if len(set(rescales)) > 1:
        array, slope, intercept = _common_step(array, rescales)
    if array.dtype == np.uint16:
        return array, float(slope), float(intercept)
    lowest = int(array.min())
    # A round shift, so that the intercept of a series does not hang on its noisiest pixel.
    shift = 1024 * math.ceil(max(0, -lowest) / 1024)
    moved = intercept - slope * shift
    if not all(_is_float(value) for value in (slope, intercept, moved)):
        return array, float(slope), float(intercept)
    unsigned = array.view(np.uint16)
    unsigned += np.uint16(shift)  # wraps into place: -32768 + 32768 is 0 in 16 bits
    return unsigned, float(slope), float(moved)


def _is_float(value: Fraction) -> bool:
    return Fraction(float(value)) == value


def _rescale(instance: Instance, n: int) -> tuple[Fraction, Fraction]:
    try:
        slope = _exact(text(instance.header, "RescaleSlope"))
        intercept = _exact(text(instance.header, "RescaleIntercept"))
    except ValueError as error:
        raise Refusal(
            "no-rescale",
            f"Rescale Slope or Intercept is missing or no number in image {n}: its values are no Hounsfield units. "
            "Send the originals.",
        ) from error
    if slope <= 0:
        raise Refusal("no-rescale", f"Rescale Slope of image {n} is {float(slope):g}; it must be above zero.")
    return slope, intercept


def _exact(written: str) -> Fraction:
    """The number as it is written; ValueError for none, and for one that is no rescale at all.

    1e9999999999 fits into a decimal string, and written out would take all memory.
    """
    value = float(written)
    if value == 0:
        return Fraction(0)
    if not _SMALLEST_RESCALE <= abs(value) <= 1 / _SMALLEST_RESCALE:
        raise ValueError("no rescale")
    return Fraction(written)


def _common_step(
    array: NDArray[Any], rescales: Sequence[tuple[Fraction, Fraction]]
) -> tuple[NDArray[Any], Fraction, Fraction]:
    intercepts = [intercept for _, intercept in rescales]
    step = Fraction(0)
    for value in (*{slope for slope, _ in rescales}, *{intercept - intercepts[0] for intercept in intercepts}):
        step = _common_divisor(step, value)
    factors = [int(slope / step) for slope, _ in rescales]
    offsets = [int((intercept - intercepts[0]) / step) for intercept in intercepts]
    ends = [
        factor * int(edge) + offset
        for frame, factor, offset in zip(array, factors, offsets, strict=True)
        for edge in (frame.min(), frame.max())
    ]
    base = min(ends)
    if max(ends) - base > 65535:
        raise Refusal(
            "rescale-differs",
            "Slope or intercept differ from slice to slice and have no common 16-bit scale. "
            "Send a series with one scale.",
        )
    base = 0 if base >= 0 and max(ends) <= 65535 else base
    common = np.empty(array.shape, dtype=np.uint16)
    for out, frame, factor, offset in zip(common, array, factors, offsets, strict=True):
        out[:] = (frame.astype(np.int64) * factor + (offset - base)).astype(np.uint16)
    return common, step, intercepts[0] + step * base


def _common_divisor(one: Fraction, other: Fraction) -> Fraction:
    """The greatest fraction of which both are whole multiples."""
    shared = math.gcd(one.numerator * other.denominator, other.numerator * one.denominator)
    return Fraction(shared, one.denominator * other.denominator)
