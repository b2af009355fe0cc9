"""Mask outlines of an anatomy: polygons per slice, stored gzipped and sent as they are."""

import gzip
from pathlib import Path

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from labeling.api.base import ApiView, person
from labeling.api.errors import NotFound
from labeling.api.outputs import OUTLINES, ErrorOut
from labeling.models import Anatomy
from labeling.reading.visibility import visible_cases


class OutlinesView(ApiView):
    """Rings of [column, row] per slice and label value; they never change, so browsers keep them."""

    @extend_schema(operation_id="outlines", responses={(200, "application/json"): OUTLINES, 404: ErrorOut})
    def get(self, request: Request, anatomy_id: int) -> HttpResponse:
        anatomy = Anatomy.objects.filter(case__in=visible_cases(person(request))).get(pk=anatomy_id)
        if not anatomy.outlines:
            raise NotFound("This anatomy was placed by hand and has no outlines.")
        try:
            packed = (Path(settings.MEDIA_ROOT) / anatomy.outlines).read_bytes()
        except FileNotFoundError as error:
            raise NotFound("The outlines of this anatomy are missing. Bring its mask in again.") from error
        response = HttpResponse(packed, content_type="application/json")
        if "gzip" in request.META.get("HTTP_ACCEPT_ENCODING", ""):
            response.headers["Content-Encoding"] = "gzip"
        else:
            response.content = gzip.decompress(packed)
        response.headers["Content-Length"] = str(len(response.content))
        response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
        response.headers["Vary"] = "Accept-Encoding, Cookie"
        return response
