"""Who writes to a read: one tab at a time, by a lease that it renews."""

from dataclasses import asdict

from drf_spectacular.utils import extend_schema
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.base import ApiView, BodyParser
from labeling.api.inputs import ReleaseIn, WriterIn
from labeling.api.outputs import ErrorOut
from labeling.api.reads import writer
from labeling.api.shapes_reading import WriterOut
from labeling.api.strict import body
from labeling.reading.lease import Lease, let_go, take_lease


class WriterView(ApiView):
    """Take, renew or end the write lease of a tab. Another tab's lease is told, and ended only where asked to."""

    @extend_schema(
        operation_id="take_lease",
        request=WriterIn,
        responses={200: WriterOut, 400: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut},
    )
    def put(self, request: Request, read_id: int) -> Response:
        sent = body(request, WriterIn)
        lease = take_lease(read_id=read_id, reader=writer(request), tab=sent["tab"], take=sent.get("take", False))
        return Response(asdict(lease))

    @extend_schema(
        operation_id="let_go_of_lease",
        request=ReleaseIn,
        responses={200: WriterOut, 400: ErrorOut, 404: ErrorOut},
    )
    def delete(self, request: Request, read_id: int) -> Response:
        return released(request, read_id)


class ReleaseView(ApiView):
    """Ending the lease as a page that closes can ask for it: a form, with the CSRF token as a field."""

    parser_classes = (BodyParser, FormParser, MultiPartParser)

    @extend_schema(
        operation_id="release_lease",
        request={"application/json": ReleaseIn, "multipart/form-data": ReleaseIn},
        responses={200: WriterOut, 400: ErrorOut, 404: ErrorOut},
    )
    def post(self, request: Request, read_id: int) -> Response:
        return released(request, read_id)


def released(request: Request, read_id: int) -> Response:
    let_go(read_id=read_id, reader=writer(request), tab=body(request, ReleaseIn)["tab"])
    return Response(asdict(Lease(mine=False, until=None)))
