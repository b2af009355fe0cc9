"""A model comes in over HTTP: its zip, as it is, with the name and the SHA-256 that it must have."""

import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.base import ApiView, MayManageModels, person
from labeling.api.batches import LengthRequired, WholeBody
from labeling.api.errors import ApiError
from labeling.api.outputs import ErrorOut
from labeling.api.shapes_models import ModelMadeOut
from labeling.intake.quarantine import disk_space_guard
from labeling.registry.imports import import_model

_BLOCK = 1 << 20
LONGEST_NAME = 80
#: What a server that was killed left behind is taken away by the next import after this time.
_STALE_SECONDS = 24 * 3600


class BadName(ApiError):
    code = "bad_name"
    sentence = "X-Model-Name is missing or longer than 80 letters. Send the name of the model, percent-encoded."


class ModelUploadView(ApiView):
    """Take a model in. Engineers only: a checkpoint is a program, and runs when it is loaded."""

    permission_classes = (MayManageModels,)
    # The body is the file itself: nothing may parse it, and nothing may hold it in memory.
    parser_classes: tuple[type[BaseParser], ...] = ()
    largest_body = settings.MODEL_MAX_BYTES

    @extend_schema(
        operation_id="import_model",
        request={"application/octet-stream": OpenApiTypes.BINARY},
        parameters=[
            OpenApiParameter(
                "X-Model-Name", OpenApiTypes.STR, OpenApiParameter.HEADER, required=True, description="Percent-encoded."
            ),
            OpenApiParameter(
                "X-Model-Sha256",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                required=True,
                description="Of the zip, 64 hexadecimal digits. Another file is refused before it is opened.",
            ),
        ],
        responses={201: ModelMadeOut, **dict.fromkeys((400, 403, 411, 413, 422, 507), ErrorOut)},
    )
    def put(self, request: Request) -> Response:
        name = unquote(request.META.get("HTTP_X_MODEL_NAME", "")).strip()
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise BadName
        length = request.META.get("CONTENT_LENGTH") or ""
        if not (length.isascii() and length.isdigit()):
            raise LengthRequired
        sha256 = request.META.get("HTTP_X_MODEL_SHA256", "")
        path = _received(WholeBody(request._request, int(length)))
        try:
            with disk_space_guard():
                version = import_model(path, sha256, name, person(request))
        finally:
            path.unlink(missing_ok=True)
        made = {"id": version.pk, "name": version.name, "sha256": version.sha256}
        return Response({**made, "url": reverse("model", args=[version.pk])}, status=201)


def _received(body: Any) -> Path:
    """The body as a file of ours; the caller takes it away.

    Raises
    ------
    Refusal
        ``incomplete`` where the body breaks off, ``disk-full``.
    """
    folder = Path(settings.MODELS_ROOT) / "uploads"
    with disk_space_guard():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(folder)
        number, name = tempfile.mkstemp(suffix=".zip", dir=folder)
        path = Path(name)
        try:
            with os.fdopen(number, "wb") as file:
                while block := body.read(_BLOCK):
                    file.write(block)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    return path


def _sweep(folder: Path) -> None:
    stale = time.time() - _STALE_SECONDS
    for path in folder.glob("*.zip"):
        with suppress(FileNotFoundError):  # another upload sweeps too
            if path.stat().st_mtime < stale:
                path.unlink()
