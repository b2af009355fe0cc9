"""What all DICOMweb views share."""

from rest_framework.renderers import JSONRenderer
from rest_framework.views import APIView

from labeling.api.negotiation import AnyAccept


class DicomJsonRenderer(JSONRenderer):
    """JSON under its DICOM name."""

    media_type = "application/dicom+json"
    format = "dicom+json"


class DicomWebView(APIView):
    """A view under /dicomweb/. Login, roles and errors are those of the whole API."""

    renderer_classes = (DicomJsonRenderer,)
    content_negotiation_class = AnyAccept
    # Described by PS3.18, not by our schema: its clients are written already.
    schema = None
    http_method_names = ["get", "head", "options"]
