"""Reading: open a case, see the room, label, say what was seen, lock."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.base import ApiView, person
from labeling.api.errors import NotFound
from labeling.api.inputs import LockIn, NothingIn, OperationIn, ReopenIn, SeenIn
from labeling.api.outputs import (
    ConflictOut,
    ErrorOut,
    GapsOut,
    LockedOut,
    NotCompleteOut,
    SeenOut,
    WrittenOut,
)
from labeling.api.room import room
from labeling.api.shapes_reading import OpenedOut, ReopenedOut, RoomOut
from labeling.api.strict import body
from labeling.models import Reader
from labeling.reading.gaps import read_gaps
from labeling.reading.labels import Operation, mark_seen, write_operation
from labeling.reading.locking import lock_read
from labeling.reading.reopening import reopen
from labeling.reading.revealing import reveals
from labeling.reading.roles import may_read, reader_of
from labeling.reading.rounds import open_read
from labeling.reading.visibility import read_for
from labeling.reading.worklist import next_case


def writer(request: Request) -> Reader:
    """The reader who writes.

    Raises
    ------
    NotFound
        for who does not read (any more): a draft of their own is then as little theirs as another's.
    """
    user = person(request)
    if not may_read(user):
        raise NotFound
    return reader_of(user)


class OpenCaseView(ApiView):
    """Open a case for reading: the read one has of it, or a new draft (from the pool, too)."""

    @extend_schema(
        operation_id="open_case", request=NothingIn, responses={200: OpenedOut, 404: ErrorOut, 422: ErrorOut}
    )
    def post(self, request: Request, case_id: int) -> Response:
        body(request, NothingIn)
        user = person(request)
        read = open_read(user=user, case_id=case_id)
        return Response({"read": read.pk, "room": room(user, read_for(user, read.pk))})


class RoomView(ApiView):
    """All that the reading room needs to show a read, in one answer."""

    @extend_schema(operation_id="room", responses={200: RoomOut, 404: ErrorOut})
    def get(self, request: Request, read_id: int) -> Response:
        user = person(request)
        return Response(room(user, read_for(user, read_id)))


class OperationsView(ApiView):
    """Write one operation. Sending the same one twice gives the same answer and changes nothing."""

    @extend_schema(
        operation_id="write_operation",
        request=OperationIn,
        responses={200: WrittenOut, 400: ErrorOut, 404: ErrorOut, 409: ConflictOut, 422: ErrorOut},
    )
    def post(self, request: Request, read_id: int) -> Response:
        sent = body(request, OperationIn)
        operation = Operation(
            uuid=sent["uuid"],
            base_seq=sent["base_seq"],
            verb=sent["verb"],
            payload=sent["payload"],
            shown=dict(sent.get("shown", {})),
            client_at=sent["client_at"],
            anatomy=sent.get("anatomy"),
        )
        written = write_operation(read_id=read_id, reader=writer(request), operation=operation, tab=sent.get("tab"))
        return Response(written.as_json())


class SeenView(ApiView):
    """Say which slices were on screen at full resolution, and where the reader is."""

    @extend_schema(
        operation_id="mark_seen",
        request=SeenIn,
        responses={200: SeenOut, 400: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut},
    )
    def post(self, request: Request, read_id: int) -> Response:
        sent = body(request, SeenIn)
        viewed = dict(sent["viewed"]) if "viewed" in sent else None
        seen = mark_seen(
            read_id=read_id,
            reader=writer(request),
            sop_uids=sent["sop_uids"],
            viewed=viewed,
            tab=sent.get("tab"),
            active={one["vertebra"]: one["ms"] for one in sent.get("active", [])},
        )
        return Response({"seen": seen})


class GapsView(ApiView):
    """What is open before the read can be locked."""

    @extend_schema(operation_id="gaps", responses={200: GapsOut, 404: ErrorOut})
    def get(self, request: Request, read_id: int) -> Response:
        read = read_for(person(request), read_id)
        return Response({"gaps": [gap.as_json() for gap in read_gaps(read)]})


class LockView(ApiView):
    """Lock the read. From then on it never changes."""

    @extend_schema(
        operation_id="lock_read",
        request=LockIn,
        responses={200: LockedOut, 400: ErrorOut, 404: ErrorOut, 409: ConflictOut, 422: NotCompleteOut},
    )
    def post(self, request: Request, read_id: int) -> Response:
        user = person(request)
        sent = body(request, LockIn)
        read = lock_read(read_id=read_id, reader=writer(request), base_seq=sent["base_seq"], tab=sent.get("tab"))
        return Response(
            {
                "locked_at": read.locked_at,
                "version": read.version,
                "next": next_case(user),
                "reveal": reveals(user, read),
            }
        )


class ReopenView(ApiView):
    """Reopen one's own locked read as a new version. The locked one stays as it is."""

    @extend_schema(
        operation_id="reopen_read",
        request=ReopenIn,
        responses={200: ReopenedOut, 400: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut},
    )
    def post(self, request: Request, read_id: int) -> Response:
        sent = body(request, ReopenIn)
        return Response({"read": reopen(read_id=read_id, reader=writer(request), reason=sent["reason"]).pk})
