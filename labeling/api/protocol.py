"""The protocol record of a round as JSON, with its hash."""

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.base import ApiView, MaySeeAllCases, person
from labeling.api.outputs import ErrorOut
from labeling.api.shapes_reading import ProtocolOut
from labeling.models import Round
from labeling.reading.protocol.record import content_hash, is_partial, protocol_of


class ProtocolView(ApiView):
    """Who was assigned, what they were shown, when they opened, locked and settled; hashed."""

    permission_classes = (MaySeeAllCases,)

    @extend_schema(operation_id="round_protocol", responses={200: ProtocolOut, 403: ErrorOut, 404: ErrorOut})
    def get(self, request: Request, round_id: int) -> Response:
        round_ = Round.objects.filter(pk=round_id).first()
        if round_ is None:
            raise Http404
        record = protocol_of(person(request), round_)
        return Response({"sha256": content_hash(record), "partial": is_partial(record), "record": record})
