"""Frames: the one thing that must be fast. From the pack to the socket, nothing between but who asks and for what."""

from dataclasses import dataclass

from django.http import HttpResponse
from rest_framework.request import Request

from labeling.api.dicomweb import access, multipart
from labeling.api.dicomweb.base import DicomWebView
from labeling.api.dicomweb.kept import KeptFrames
from labeling.api.dicomweb.locations import FrameLocation, locate, raw_frame, stored_frame
from labeling.api.dicomweb.negotiation import JPEG_LS, Offer, frame_offer
from labeling.api.errors import NotFound, NotOnOffer

IMMUTABLE = "private, max-age=31536000, immutable"

kept = KeptFrames()


@dataclass(frozen=True, slots=True)
class FrameAnswer:
    """An answer with a frame (200), or 304 and no body where the client has it already."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def frame_answer(offer: Offer, study_uid: str, series_uid: str, sop_uid: str, none_match: str) -> FrameAnswer:
    """The answer with the frame of one instance.

    Raises
    ------
    Slice.DoesNotExist
        where there is no such instance.
    Refusal
        where its pack is missing or damaged.
    """
    location = locate(study_uid, series_uid, sop_uid)
    etag = f'"{location.pixel_sha256[:32]}-{offer.tag}"'
    headers = (
        ("ETag", etag),
        ("Cache-Control", IMMUTABLE),
        # Cookie as well: on a shared workstation the next person must not be served from the cache of the one before.
        ("Vary", "Accept, Cookie"),
        ("X-Content-Type-Options", "nosniff"),
    )
    if etag in none_match:
        return FrameAnswer(304, headers, b"")
    # A hash of the pixels cannot stand in the pixels, so it never ends a part early.
    boundary = location.pixel_sha256[:32]
    if offer.multipart:
        kind = multipart.content_type(boundary, offer.media_type, offer.transfer_syntax)
    else:
        kind = f"{offer.media_type}; transfer-syntax={offer.transfer_syntax}"
    key = (location.path, location.offset, offer)
    body = kept.get(key)
    if body is None:
        body = _body(offer, location, boundary)
        kept.put(key, body)
    return FrameAnswer(200, (("Content-Type", kind), ("Content-Length", str(len(body))), *headers), body)


def _body(offer: Offer, location: FrameLocation, boundary: str) -> bytes:
    frame = stored_frame(location) if offer.transfer_syntax == JPEG_LS else raw_frame(location)
    if not offer.multipart:
        return frame
    head = multipart.part_head(boundary, offer.media_type, offer.transfer_syntax)
    return b"".join((head, frame, multipart.end(boundary)))


class FrameView(DicomWebView):
    """The frame of an instance (PS3.18 10.4.1.1.6); every instance has one."""

    def get(self, request: Request, study_uid: str, series_uid: str, sop_uid: str, frames: str) -> HttpResponse:
        offer = frame_offer(request.META.get("HTTP_ACCEPT", ""))
        if offer is None:
            raise NotOnOffer
        if frames != "1":
            raise NotFound("Every instance here has one frame, number 1.")
        access.require_stack(request.user, study_uid, series_uid)
        answer = frame_answer(offer, study_uid, series_uid, sop_uid, request.META.get("HTTP_IF_NONE_MATCH", ""))
        session_key = request._request.session.session_key
        if request.auth is None and session_key:
            access.grant(session_key, study_uid, series_uid)
        return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
