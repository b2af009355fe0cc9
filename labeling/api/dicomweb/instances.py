"""Whole instances as Part 10 files (PS3.18 10.4.1.1.1): made from the same description as the metadata."""

import io
from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, CTImageStorage
from rest_framework.request import Request

from labeling.api.dicomweb import access, attributes, multipart
from labeling.api.dicomweb.base import DicomWebView
from labeling.api.dicomweb.locations import locate, raw_frame, stored_frame
from labeling.api.dicomweb.metadata import slices_of
from labeling.api.dicomweb.negotiation import JPEG_LS, Offer, instance_offer
from labeling.api.errors import NotFound, NotOnOffer
from labeling.models import Slice, Stack

#: Speaks of the answer of a server, not of the object, so it has no place in a file.
_NOT_IN_FILES = attributes.tag_of("AvailableTransferSyntaxUID")


def part10(description: attributes.DicomJson, pixels: bytes, transfer_syntax: str) -> bytes:
    """A DICOM file.

    Parameters
    ----------
    description
        As `attributes.metadata` gives it for the instance.
    pixels
        The JPEG-LS codestream, or little-endian 16-bit words row by row, as `transfer_syntax` says.
    """
    dataset = Dataset.from_json({tag: value for tag, value in description.items() if tag != _NOT_IN_FILES})
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(transfer_syntax)
    dataset.file_meta = meta
    if transfer_syntax == JPEG_LS:
        dataset.PixelData = encapsulate([pixels])
        dataset["PixelData"].VR = "OB"
    else:
        dataset.PixelData = pixels
        dataset["PixelData"].VR = "OW"
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def files(stack: Stack, slices: list[Slice], transfer_syntax: str) -> Iterator[bytes]:
    """The slices of a stack as DICOM files, one at a time."""
    for slice_, description in zip(slices, attributes.metadata(stack, slices), strict=True):
        location = locate(stack.case.study_uid, stack.series_uid, slice_.sop_uid)
        pixels = stored_frame(location) if transfer_syntax == JPEG_LS else raw_frame(location)
        yield part10(description, pixels, transfer_syntax)


class StudyView(DicomWebView):
    """All instances of all stacks of a study."""

    def get(self, request: Request, study_uid: str) -> StreamingHttpResponse:
        offer = _offer(request)
        stacks = list(access.visible_stacks(request.user).filter(case__study_uid=study_uid).order_by("pk"))
        if not stacks:
            raise NotFound("There is no such study for you.")
        return _many([(stack, slices_of(stack)) for stack in stacks], offer)


class SeriesView(DicomWebView):
    """All instances of one stack."""

    def get(self, request: Request, study_uid: str, series_uid: str) -> StreamingHttpResponse:
        offer = _offer(request)
        stack = access.stack_for(request.user, study_uid, series_uid)
        return _many([(stack, slices_of(stack))], offer)


class InstanceView(DicomWebView):
    """One instance; bare where the client wants application/dicom without multipart."""

    def get(self, request: Request, study_uid: str, series_uid: str, sop_uid: str) -> HttpResponse | Any:
        offer = _offer(request)
        stack = access.stack_for(request.user, study_uid, series_uid)
        slices = slices_of(stack, sop_uid)
        if offer.multipart:
            return _many([(stack, slices)], offer)
        (data,) = files(stack, slices, offer.transfer_syntax)
        kind = f"{offer.media_type}; transfer-syntax={offer.transfer_syntax}"
        return HttpResponse(data, content_type=kind, headers=_HEADERS)


_HEADERS = {"Cache-Control": "private, no-cache", "Vary": "Accept, Cookie"}


def _offer(request: Request) -> Offer:
    offer = instance_offer(request.META.get("HTTP_ACCEPT", ""))
    if offer is None:
        raise NotOnOffer("Instances are on offer as application/dicom, JPEG-LS lossless or explicit little endian.")
    return offer


def _many(stacks: list[tuple[Stack, list[Slice]]], offer: Offer) -> StreamingHttpResponse:
    boundary = stacks[0][1][0].pixel_sha256[:32]
    parts = (file for stack, slices in stacks for file in files(stack, slices, offer.transfer_syntax))
    return StreamingHttpResponse(
        multipart.stream(boundary, offer.media_type, offer.transfer_syntax, parts),
        content_type=multipart.content_type(boundary, offer.media_type, offer.transfer_syntax),
        headers=_HEADERS,
    )
