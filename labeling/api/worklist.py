"""The worklist over HTTP, and which case comes next."""

from dataclasses import asdict

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.base import ApiView, person
from labeling.api.inputs import WorklistIn
from labeling.api.outputs import ErrorOut, WorklistOut
from labeling.api.strict import query
from labeling.reading.worklist import worklist


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
