"""The worklist over HTTP: which case comes next, what of it may be fetched ahead, and passing one by."""

from dataclasses import asdict

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.base import ApiView, person
from labeling.api.inputs import AheadIn, SkipIn, WorklistIn
from labeling.api.outputs import ErrorOut, WorklistOut
from labeling.api.room import room
from labeling.api.shapes_reading import AheadOut, OpenedNextOut, SkippedOut
from labeling.api.stacks import frame_url
from labeling.api.strict import body, query
from labeling.reading.ahead import next_ahead
from labeling.reading.planning.pool import open_next
from labeling.reading.skipping import skip
from labeling.reading.visibility import read_for
from labeling.reading.worklist import next_case, worklist


class WorklistView(ApiView):
    """One page of one's own worklist, with the counts of all tabs."""

    @extend_schema(operation_id="worklist", parameters=[WorklistIn], responses={200: WorklistOut, 400: ErrorOut})
    def get(self, request: Request) -> Response:
        sent = query(request, WorklistIn)
        page = worklist(
            person(request),
            tab=sent.get("tab", "") or "to_read",
            search=sent.get("search", ""),
            page=sent.get("page", 1),
        )
        return Response(asdict(page))


class AheadView(ApiView):
    """What comes next: what may be fetched before it is opened, and opening it."""

    @extend_schema(operation_id="ahead", parameters=[AheadIn], responses={200: AheadOut, 400: ErrorOut})
    def get(self, request: Request) -> Response:
        ahead = next_ahead(person(request), after=query(request, AheadIn).get("after"))
        if ahead is None:
            return Response({"case": None, "name": "", "frames": [], "outlines_url": None})
        return Response(
            {
                "case": ahead.case.pk,
                "name": ahead.case.name,
                "frames": [frame_url(ahead.case, ahead.stack, sop_uid) for sop_uid in ahead.sops],
                "outlines_url": reverse("outlines", args=[ahead.anatomy.pk]) if ahead.anatomy.outlines else None,
            }
        )

    @extend_schema(
        operation_id="open_next",
        request=AheadIn,
        responses={200: OpenedNextOut, 400: ErrorOut, 422: ErrorOut},
    )
    def post(self, request: Request) -> Response:
        """Open the next case: the own draft or own case that comes first, else one of the pool, which nobody else is
        given at the same moment. `read` is null where nothing is left."""
        user = person(request)
        read = open_next(user, without=body(request, AheadIn).get("after"))
        if read is None:
            return Response({"read": None, "room": None})
        return Response({"read": read.pk, "room": room(user, read_for(user, read.pk))})


class SkipView(ApiView):
    """Pass a case by, with a reason. Opening it again takes it up again."""

    @extend_schema(
        operation_id="skip_case",
        request=SkipIn,
        responses={200: SkippedOut, 400: ErrorOut, 404: ErrorOut, 422: ErrorOut},
    )
    def post(self, request: Request, case_id: int) -> Response:
        user = person(request)
        sent = body(request, SkipIn)
        skip(user=user, case_id=case_id, reason=sent["reason"], note=sent.get("note", ""))
        return Response({"next": next_case(user)})
