"""Who am I, and what may I do."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.base import ApiView, person
from labeling.api.outputs import MeOut
from labeling.reading.roles import roles_of


class MeView(ApiView):
    """The person behind the session or the token."""

    @extend_schema(operation_id="me", responses=MeOut)
    def get(self, request: Request) -> Response:
        user = person(request)
        return Response(
            {
                "username": user.get_username(),
                "name": user.get_full_name() or user.get_username(),
                "roles": sorted(role.value for role in roles_of(user)),
            }
        )
