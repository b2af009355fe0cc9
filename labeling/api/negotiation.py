"""Accept headers are left to the views that have a choice to offer.

DRF's own negotiation reads no multipart types with parameters, and takes ``?format=`` for itself.
"""

from collections.abc import Iterable

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.utils.mediatypes import media_type_matches


class AnyAccept(BaseContentNegotiation):
    """The first renderer of a view, whatever the request says, and the parser of what it says it sends."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        return next((one for one in parsers if media_type_matches(one.media_type, request.content_type)), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type
