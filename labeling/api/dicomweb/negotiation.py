"""What the Accept header of a DICOMweb request asks for (PS3.18 8.7), and what of it we have.

JPEG-LS is how frames are stored; explicit little endian is made on demand, because every client reads it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless

JPEG_LS = str(JPEGLSLossless)
LITTLE_ENDIAN = str(ExplicitVRLittleEndian)

#: Longer Accept headers are no browser's and no DICOM client's.
LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Offer:
    """A representation that can be served.

    Parameters
    ----------
    media_type
        Of the object itself, 'application/octet-stream', 'image/jls' or 'application/dicom'.
    transfer_syntax
        Its UID.
    multipart
        Wrapped as the one part of a multipart/related answer, or bare.
    """

    media_type: str
    transfer_syntax: str
    multipart: bool

    @property
    def tag(self) -> str:
        """Tells representations of one object apart in an ETag."""
        syntax = "jls" if self.transfer_syntax == JPEG_LS else "raw"
        return f"{syntax}-{'m' if self.multipart else 's'}{len(self.media_type)}"


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One entry of an Accept header."""

    media_type: str
    parameters: dict[str, str]
    quality: float


def _split(text: str, separator: str) -> Iterator[str]:
    """The parts of a header, without being fooled by separators inside quotes."""
    part, quoted = "", False
    for character in text:
        if character == '"':
            quoted = not quoted
        if character == separator and not quoted:
            yield part.strip()
            part = ""
        else:
            part += character
    yield part.strip()


def media_ranges(accept: str) -> list[MediaRange]:
    """The entries of an Accept header, best first; those with quality 0 are left out."""
    found = []
    for entry in _split(accept[:LONGEST], ","):
        media_type, *rest = _split(entry, ";")
        parameters = {}
        for item in rest:
            name, _, value = item.partition("=")
            parameters[name.strip().lower()] = value.strip().strip('"')
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 0.0
        if media_type and quality > 0:
            found.append(MediaRange(media_type.lower(), parameters, quality))
    return sorted(found, key=lambda one: -one.quality)


@lru_cache(maxsize=256)
def frame_offer(accept: str) -> Offer | None:
    """How a frame is to be served; None where nothing that is asked for is on offer (a 406).

    Without any wish: multipart, explicit little endian, which every client understands.
    """
    for wish in media_ranges(accept or "*/*"):
        multipart = wish.media_type in {"multipart/related", "multipart/*", "*/*"}
        inner = wish.parameters.get("type", "application/octet-stream" if multipart else wish.media_type).lower()
        if inner == "*/*" or inner == "application/*":
            inner = "application/octet-stream"
        offer = _frame(inner, wish.parameters.get("transfer-syntax", ""), multipart)
        if offer is not None:
            return offer
    return None


def _frame(media_type: str, syntax: str, multipart: bool) -> Offer | None:
    if media_type in {"image/jls", "image/x-jls", "image/*"}:
        if syntax in {"", "*", JPEG_LS}:
            return Offer("image/x-jls" if media_type == "image/x-jls" else "image/jls", JPEG_LS, multipart)
    elif media_type == "application/octet-stream":
        if syntax in {"", LITTLE_ENDIAN}:
            return Offer(media_type, LITTLE_ENDIAN, multipart)
        # Whatever there is: the stored form, which costs nothing to send. It goes by this type as well because viewers
        # look at the transfer syntax, not at the media type.
        if syntax in {"*", JPEG_LS}:
            return Offer(media_type, JPEG_LS, multipart)
    return None


@lru_cache(maxsize=256)
def instance_offer(accept: str) -> Offer | None:
    """How a whole instance is to be served (PS3.18 10.4.1.1.1): application/dicom, by default multipart."""
    for wish in media_ranges(accept or "*/*"):
        multipart = wish.media_type in {"multipart/related", "multipart/*", "*/*"}
        inner = wish.parameters.get("type", "application/dicom" if multipart else wish.media_type).lower()
        syntax = wish.parameters.get("transfer-syntax", "")
        if inner in {"application/dicom", "*/*", "application/*"}:
            if syntax in {"", LITTLE_ENDIAN}:
                return Offer("application/dicom", LITTLE_ENDIAN, multipart)
            if syntax in {"*", JPEG_LS}:
                return Offer("application/dicom", JPEG_LS, multipart)
    return None


def wants_json(accept: str, kinds: Sequence[str] = ("application/dicom+json", "application/json")) -> bool:
    """Whether metadata or a search may be answered in JSON, the only form there is."""
    offered = {*kinds, "application/*", "*/*", ""}
    return any(wish.media_type in offered for wish in media_ranges(accept or "*/*"))
