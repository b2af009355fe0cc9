"""What all JSON views share: the parser with its limits, and the permissions by role."""

import json
import re
from collections.abc import Callable, Mapping
from typing import IO, Any

from django.contrib.auth.models import User
from django.http import HttpRequest
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from labeling.api.errors import TooLarge
from labeling.api.negotiation import AnyAccept
from labeling.reading.roles import AnyUser, may_export, may_import, may_manage_models, may_see_all_cases

#: A JSON body larger than this (bytes) is no label, no claim of coverage and no form.
LARGEST_JSON = 1024**2


#: How JSON writes a zero byte; behind another backslash the same letters stand for themselves.
_ZERO_BYTE = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class BodyParser(JSONParser):
    """JSON that the database can hold."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The parsed body.

        Raises
        ------
        ParseError
            where it is no JSON, nests without end, or holds texts that PostgreSQL cannot store (NUL, half characters).
        """
        try:
            parsed = super().parse(stream, media_type, dict(parser_context or {}))
            text = json.dumps(parsed, ensure_ascii=False)
            text.encode()
        except (RecursionError, UnicodeEncodeError) as error:
            raise ParseError from error
        if _ZERO_BYTE.search(text):
            raise ParseError
        return parsed


class ApiView(APIView):
    """A view under /api/. Whoever forgets `permission_classes` has a view for everyone who is logged in, no more."""

    parser_classes: tuple[type[BaseParser], ...] = (BodyParser,)
    content_negotiation_class = AnyAccept
    largest_body = LARGEST_JSON

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isascii() and length.isdigit() and int(length) > self.largest_body:
            raise TooLarge
        super().initial(request, *args, **kwargs)


class _ByRole(IsAuthenticated):
    may: Callable[[AnyUser], bool]

    def has_permission(self, request: Request, view: APIView) -> bool:
        return super().has_permission(request, view) and type(self).may(person(request))


class MayImport(_ByRole):
    may = staticmethod(may_import)


class MaySeeAllCases(_ByRole):
    may = staticmethod(may_see_all_cases)


class MayManageModels(_ByRole):
    may = staticmethod(may_manage_models)


class MayExport(_ByRole):
    may = staticmethod(may_export)


def person(request: Request | HttpRequest) -> User:
    """The user of a request that has passed the permissions, so is nobody anonymous.

    Raises
    ------
    TypeError
        where a view without the permission asks.
    """
    if not isinstance(request.user, User):
        raise TypeError("Only a logged-in person gets here.")
    return request.user
