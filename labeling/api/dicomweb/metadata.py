"""WADO-RS metadata of a study, a series or an instance (PS3.18 10.4.1.1.2), without pixels."""

from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.dicomweb import access, attributes
from labeling.api.dicomweb.base import DicomWebView
from labeling.api.dicomweb.negotiation import wants_json
from labeling.api.errors import NotFound, NotOnOffer
from labeling.models import Slice, Stack


def require_json(request: Request) -> None:
    """
    Raises
    ------
    NotOnOffer
        where the Accept header leaves no room for JSON (PS3.18 XML metadata is not on offer).
    """
    if not wants_json(request.META.get("HTTP_ACCEPT", "")):
        raise NotOnOffer("Metadata is on offer as application/dicom+json.")


def slices_of(stack: Stack, sop_uid: str = "") -> list[Slice]:
    """The slices of a stack from right to left, or the one asked for.

    Raises
    ------
    NotFound
        where the stack has no such instance.
    """
    slices = Slice.objects.filter(stack=stack).order_by("k")
    found = list(slices.filter(sop_uid=sop_uid) if sop_uid else slices)
    if sop_uid and not found:
        raise NotFound("There is no such instance in this series.")
    return found


class StudyMetadataView(DicomWebView):
    """Of all stacks of a study."""

    def get(self, request: Request, study_uid: str) -> Response:
        require_json(request)
        stacks = list(access.visible_stacks(request.user).filter(case__study_uid=study_uid).order_by("pk"))
        if not stacks:
            raise NotFound("There is no such study for you.")
        return _answer([one for stack in stacks for one in attributes.metadata(stack, slices_of(stack))])


class SeriesMetadataView(DicomWebView):
    """Of one stack."""

    def get(self, request: Request, study_uid: str, series_uid: str) -> Response:
        require_json(request)
        stack = access.stack_for(request.user, study_uid, series_uid)
        return _answer(attributes.metadata(stack, slices_of(stack)))


class InstanceMetadataView(DicomWebView):
    """Of one slice."""

    def get(self, request: Request, study_uid: str, series_uid: str, sop_uid: str) -> Response:
        require_json(request)
        stack = access.stack_for(request.user, study_uid, series_uid)
        return _answer(attributes.metadata(stack, slices_of(stack, sop_uid)))


def _answer(objects: list[attributes.DicomJson]) -> Response:
    # Asked for again each time: unlike pixels, what the record says of a patient may be completed later.
    return Response(objects, headers={"Cache-Control": "private, no-cache"})
