"""Addresses below /api/ and /dicomweb/ that lead nowhere answer in the shape of the API, not with a page."""

from typing import NoReturn

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from labeling.api.errors import NotFound


@extend_schema(exclude=True)
class NowhereView(APIView):
    """404 for whoever is logged in; 401 for everybody else, who learns nothing of which addresses there are."""

    def _nowhere(self, request: Request, rest: str = "") -> NoReturn:
        raise NotFound

    get = post = put = patch = delete = _nowhere
