"""One shape for every error of the API: ``{"ok": false, "code": "…", "sentence": "…", …}``.

A view raises; the handler here answers. Domain exceptions know their code and sentence; this file knows their status.
"""

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import (
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response

logger = logging.getLogger(__name__)


class ApiError(exceptions.APIException):
    """A refusal of the API itself. Subclasses say status, code and sentence; `extra` fields join the answer."""

    status_code: int = status.HTTP_400_BAD_REQUEST
    code = "refused"
    sentence = "This request cannot be carried out."

    def __init__(self, sentence: str = "", **extra: Any) -> None:
        super().__init__()
        self.sentence = sentence or self.sentence
        self.extra = extra

    def __str__(self) -> str:
        return self.sentence


class TokenRefused(ApiError):
    status_code = status.HTTP_401_UNAUTHORIZED
    code = "token_refused"
    sentence = "This token is unknown or was revoked. Make a new one on the account page."


class CsrfMissing(ApiError):
    status_code = status.HTTP_403_FORBIDDEN
    code = "csrf"
    sentence = "The request carries no valid CSRF token. Send the csrftoken cookie's value as X-CSRFToken."


class NotFound(ApiError):
    status_code = status.HTTP_404_NOT_FOUND
    code = "not_found"
    sentence = "There is nothing here for you under this address."


class TooLarge(ApiError):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    code = "too_large"
    sentence = "The request is larger than this server takes. Send it in smaller parts."


class NotOnOffer(ApiError):
    """The Accept header asks for what we do not have."""

    status_code = status.HTTP_406_NOT_ACCEPTABLE
    code = "not_acceptable"
    sentence = "Frames are on offer as JPEG-LS lossless (1.2.840.10008.1.2.4.80) and explicit little endian (…1.2.1)."


def failure(code: str, sentence: str, http_status: int, **extra: Any) -> Response:
    """The one error shape as a response."""
    return Response({"ok": False, "code": code, "sentence": sentence, **extra}, status=http_status)


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler: every exception of a view becomes the one shape."""
    response = _of_domain(error) or _of_http(error)
    if response is None:
        # The surprise of the two: logged with its traceback, answered without any detail of it.
        logger.error("Unexpected error in %s", type(context.get("view")).__name__, exc_info=error)
        return failure(
            "server_error", "The server met an unexpected condition; it is in its log. Nothing was saved.", 500
        )
    if response.status_code == status.HTTP_401_UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    return response


def _of_domain(error: Exception) -> Response | None:
    """Answers to what the domain raises. Imported late: models are not ready when DRF reads its settings."""
    from labeling.api.refusals import answer

    return answer(error)


def _of_http(error: Exception) -> Response | None:
    """Answers to what Django and DRF raise."""
    if isinstance(error, ApiError):
        return failure(error.code, error.sentence, error.status_code, **error.extra)
    if isinstance(error, (Http404, ObjectDoesNotExist, exceptions.NotFound)):
        return failure(NotFound.code, NotFound.sentence, 404)
    if isinstance(error, exceptions.ValidationError):
        return _of_validation(error)
    if isinstance(error, exceptions.ParseError):
        return failure("malformed", "The body is not well-formed JSON.", 400)
    if isinstance(error, (exceptions.NotAuthenticated, exceptions.AuthenticationFailed)):
        return failure("not_logged_in", "Log in, or send a token: this address is not for everyone.", 401)
    if isinstance(error, (PermissionDenied, exceptions.PermissionDenied)):
        return failure("not_allowed", "Your role does not allow this.", 403)
    if isinstance(error, exceptions.MethodNotAllowed):
        response = failure("method", "This address does not take this method.", 405)
        return response
    if isinstance(error, exceptions.UnsupportedMediaType):
        return failure("media_type", "Send JSON, with Content-Type application/json.", 415)
    if isinstance(error, exceptions.NotAcceptable):
        return failure(NotOnOffer.code, "The Accept header asks for what is not on offer here.", 406)
    if isinstance(error, RequestDataTooBig):
        return failure(TooLarge.code, TooLarge.sentence, 413)
    if isinstance(error, SuspiciousOperation):
        return failure("malformed", "The request is not well-formed.", 400)
    return None


def _of_validation(error: exceptions.ValidationError) -> Response:
    """The first field that is wrong in the sentence, all of them in ``fields``."""
    fields = dict(_flat("", error.detail))
    name, sentences = next(iter(fields.items()), ("", ["The input is not understood."]))
    sentence = f"{name}: {sentences[0]}" if name else sentences[0]
    return failure("bad_input", sentence, 400, fields=fields)


def _flat(prefix: str, detail: Any) -> list[tuple[str, list[str]]]:
    """Nested error details of DRF as (dotted field name, sentences)."""
    if isinstance(detail, Mapping):
        found: list[tuple[str, list[str]]] = []
        for name, inner in detail.items():
            path = prefix if name == "non_field_errors" else f"{prefix}.{name}" if prefix else str(name)
            found += _flat(path, inner)
        return found
    if isinstance(detail, (list, tuple)) and detail and any(isinstance(item, (Mapping, list)) for item in detail):
        found = []
        for index, item in enumerate(detail):
            if item:
                found += _flat(f"{prefix}.{index}" if prefix else str(index), item)
        return found
    sentences = [str(item) for item in detail] if isinstance(detail, (list, tuple)) else [str(detail)]
    return [(prefix, sentences)]
