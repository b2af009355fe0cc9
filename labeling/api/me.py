"""Who am I, what may I do, and how do I like to work."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.base import ApiView, person
from labeling.api.inputs import PreferencesIn
from labeling.api.outputs import ErrorOut, MeOut
from labeling.api.shapes_reading import PreferencesOut
from labeling.api.strict import body
from labeling.reading.preferences import keep_preferences, preferences_of
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


class PreferencesView(ApiView):
    """How the person works: their keys. The same at every workstation."""

    @extend_schema(operation_id="preferences", responses=PreferencesOut)
    def get(self, request: Request) -> Response:
        return Response(preferences_of(person(request)))

    @extend_schema(
        operation_id="keep_preferences", request=PreferencesIn, responses={200: PreferencesOut, 400: ErrorOut}
    )
    def put(self, request: Request) -> Response:
        return Response(keep_preferences(person(request), body(request, PreferencesIn)))
