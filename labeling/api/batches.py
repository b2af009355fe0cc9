"""Deliveries over HTTP: open one, put files into it, close it, watch it.

Whoever may import sees the list; only the one who opened a delivery may fill, close or stop it.
"""

import re
from typing import Any, BinaryIO, cast
from urllib.parse import unquote_to_bytes
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.base import ApiView, MayImport, person
from labeling.api.errors import ApiError, TooLarge
from labeling.api.inputs import NewBatchIn, NothingIn
from labeling.api.outputs import BatchesOut, BatchOut, ErrorOut, FileOut, NewBatchOut
from labeling.api.strict import body
from labeling.imaging.refusal import Refusal
from labeling.intake.batches import add_file, finish_batch, new_batch, stop_batch, visible_batches
from labeling.models import Case, IntakeBatch, Series
from labeling.reading.visibility import case_for

BATCHES_SHOWN = 50
LONGEST_PATH = 1000


class BadPath(ApiError):
    code = "bad_path"
    sentence = "X-File-Path is not a relative path. Send the path below what was dropped, percent-encoded."


class LengthRequired(ApiError):
    status_code = 411
    code = "length_required"
    sentence = "Content-Length is missing. Send the file's size before its bytes."


class BatchesView(ApiView):
    """The newest deliveries; a new one."""

    permission_classes = (MayImport,)

    @extend_schema(operation_id="batches", responses={200: BatchesOut, 403: ErrorOut})
    def get(self, request: Request) -> Response:
        user = person(request)
        batches = list(visible_batches(user)[:BATCHES_SHOWN])
        return Response({"batches": [batch_json(batch, user) for batch in batches]})

    @extend_schema(
        operation_id="new_batch",
        request=NewBatchIn,
        responses={201: NewBatchOut, 400: ErrorOut, 403: ErrorOut, 404: ErrorOut},
    )
    def post(self, request: Request) -> Response:
        user = person(request)
        sent = body(request, NewBatchIn)
        case: Case | None = case_for(user, sent["case"]) if sent.get("case") else None
        batch = new_batch(user, sent["name"], "upload", patient=sent.get("patient", ""), case=case)
        return Response({"uuid": batch.uuid}, status=201)


class BatchView(ApiView):
    """One delivery, with what became of each of its series."""

    permission_classes = (MayImport,)

    @extend_schema(operation_id="batch", responses={200: BatchOut, 403: ErrorOut, 404: ErrorOut})
    def get(self, request: Request, batch: UUID) -> Response:
        user = person(request)
        return Response(batch_json(visible_batches(user).get(uuid=batch), user))


class BatchFilesView(ApiView):
    """Put one file into a delivery. The same path again replaces the file."""

    permission_classes = (MayImport,)
    # The body is the file itself: nothing may parse it, and nothing may hold it in memory.
    parser_classes: tuple[type[BaseParser], ...] = ()
    largest_body = settings.INTAKE_MAX_BYTES

    @extend_schema(
        operation_id="put_file",
        request={"application/octet-stream": OpenApiTypes.BINARY},
        parameters=[
            OpenApiParameter(
                "X-File-Path",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                required=True,
                description="Relative path, percent-encoded UTF-8: names must not reach URLs and logs.",
            )
        ],
        responses={201: FileOut, **dict.fromkeys((400, 404, 409, 411, 413, 507), ErrorOut)},
    )
    def put(self, request: Request, batch: UUID) -> Response:
        mine = own_batch(person(request), batch)
        path = relative_path(request.META.get("HTTP_X_FILE_PATH", ""))
        length = request.META.get("CONTENT_LENGTH") or ""
        if not (length.isascii() and length.isdigit()):
            raise LengthRequired
        if int(length) > self.largest_body - mine.bytes_total:
            raise TooLarge("The delivery is larger than the limit. Send it in parts.")
        stored = add_file(mine, path, cast(BinaryIO, WholeBody(request._request, int(length))))
        return Response({"bytes": stored}, status=201)


class FinishView(ApiView):
    """Close a delivery; a worker takes it from there. Closing it twice is harmless."""

    permission_classes = (MayImport,)

    @extend_schema(
        operation_id="finish_batch", request=NothingIn, responses={200: BatchOut, 404: ErrorOut, 409: ErrorOut}
    )
    def post(self, request: Request, batch: UUID) -> Response:
        body(request, NothingIn)
        mine = own_batch(person(request), batch)
        finish_batch(mine)
        return _again(request, mine)


class StopView(ApiView):
    """Stop a delivery. Cases that are already stored stay."""

    permission_classes = (MayImport,)

    @extend_schema(operation_id="stop_batch", request=NothingIn, responses={200: BatchOut, 404: ErrorOut})
    def post(self, request: Request, batch: UUID) -> Response:
        body(request, NothingIn)
        mine = own_batch(person(request), batch)
        stop_batch(mine)
        return _again(request, mine)


class WholeBody:
    """The body of a request as a file that says when it breaks off, so that half a file is never taken for a whole."""

    def __init__(self, stream: Any, length: int) -> None:
        self._stream = stream
        self._left = length

    def read(self, size: int = -1) -> bytes:
        """
        Raises
        ------
        Refusal
            ``incomplete`` where the connection ends before the announced length.
        """
        wanted = self._left if size < 0 else min(size, self._left)
        if wanted == 0:
            return b""
        data: bytes = self._stream.read(wanted)
        if not data:
            raise Refusal("incomplete", "The file broke off on its way. Send it again.")
        self._left -= len(data)
        return data


def own_batch(user: User, batch: UUID) -> IntakeBatch:
    """The delivery, where this person opened it.

    Raises
    ------
    IntakeBatch.DoesNotExist
        where there is none or it is another's; the two look alike.
    """
    return IntakeBatch.objects.get(uuid=batch, by=user)


def relative_path(header: str) -> str:
    """The path that a percent-encoded header names, relative, with forward slashes.

    Raises
    ------
    BadPath
        where it is empty, absolute, climbs, names a drive, is no UTF-8 or holds control characters.
    """
    try:
        path = unquote_to_bytes(header).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadPath from error
    path = path.replace("\\", "/")
    parts = path.split("/")
    if (
        not path.strip()
        or len(path) > LONGEST_PATH
        or any(part in {"", ".", ".."} for part in parts)
        or re.match(r"[A-Za-z]:", path)
        or not path.isprintable()
    ):
        raise BadPath
    return path


def batch_json(batch: IntakeBatch, user: User) -> dict[str, Any]:
    """A delivery with its series, as the API shows it."""
    fields = ("uuid", "name", "source", "state", "files_total", "files_done", "bytes_total", "stage", "message")
    shown = {name: getattr(batch, name) for name in (*fields, "created_at", "finished_at")}
    return {**shown, "mine": batch.by_id == user.pk, "series": [_series_json(one) for one in batch.series.all()]}


def _series_json(series: Series) -> dict[str, Any]:
    fields = ("id", "number", "words", "modality", "kernel", "orientation", "images", "rows", "columns", "spacing")
    shown = {name: getattr(series, name) for name in (*fields, "outcome", "code", "why")}
    case = series.case
    return {**shown, "case": {"id": case.pk, "name": case.name} if case is not None else None}


def _again(request: Request, batch: IntakeBatch) -> Response:
    user = person(request)
    return Response(batch_json(visible_batches(user).get(pk=batch.pk), user))
