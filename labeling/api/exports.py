"""Labels and findings out, streamed."""

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from labeling.api.base import ApiView, MayExport, person
from labeling.api.inputs import ExportIn
from labeling.api.outputs import ErrorOut
from labeling.api.strict import query
from labeling.datasets.labels_export import exported

_KINDS = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
_RESPONSES = {
    (200, "text/csv"): OpenApiTypes.STR,
    (200, "application/json"): {"type": "array", "items": {"type": "object", "additionalProperties": {}}},
    400: ErrorOut,
    403: ErrorOut,
}


class LabelsExportView(ApiView):
    """One row per slice label of the locked reads that this person may take out."""

    permission_classes = (MayExport,)

    @extend_schema(operation_id="export_labels", parameters=[ExportIn], responses=_RESPONSES)
    def get(self, request: Request) -> StreamingHttpResponse:
        return _stream(request, "labels")


class FindingsExportView(ApiView):
    """One row per finding of the locked reads that this person may take out."""

    permission_classes = (MayExport,)

    @extend_schema(operation_id="export_findings", parameters=[ExportIn], responses=_RESPONSES)
    def get(self, request: Request) -> StreamingHttpResponse:
        return _stream(request, "findings")


def _stream(request: Request, what: str) -> StreamingHttpResponse:
    sent = query(request, ExportIn)
    format_ = sent.get("format", "csv")
    text = exported(person(request), what=what, format=format_, round_name=sent.get("round", ""))
    headers = {
        "Content-Disposition": f'attachment; filename="sagittal-{what}.{format_}"',
        "Cache-Control": "private, no-store",
    }
    return StreamingHttpResponse((piece.encode() for piece in text), content_type=_KINDS[format_], headers=headers)
