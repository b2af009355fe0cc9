"""Consensus cases over HTTP: which ones are a person's, and opening one."""

from dataclasses import asdict

from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.base import ApiView, person
from labeling.api.inputs import NothingIn
from labeling.api.outputs import ErrorOut, Shape
from labeling.api.strict import body
from labeling.reading.consensus.opening import consensus_list, open_consensus


class ConsensusRowOut(Shape):
    """One case that a person is to settle with others."""

    round_id = s.IntegerField()
    round = s.CharField()
    case = s.IntegerField()
    name = s.CharField()
    sex = s.CharField()
    age = s.CharField()
    state = s.ChoiceField(choices=["ready", "later", "settled"])
    words = s.CharField(help_text="The state as people are told it, with the date it waits for.")
    read = s.IntegerField(allow_null=True, help_text="The consensus, once it was opened.")
    version = s.IntegerField(allow_null=True)
    draft = s.BooleanField()
    on = s.DateTimeField(allow_null=True, help_text="From when on it can be settled, where that is ahead.")


class ConsensusListOut(Shape):
    cases = ConsensusRowOut(many=True)


class OpenedConsensusOut(Shape):
    consensus = s.IntegerField()


class ConsensusListView(ApiView):
    """One's own consensus cases, those first that can be settled now."""

    @extend_schema(operation_id="consensus_list", responses={200: ConsensusListOut})
    def get(self, request: Request) -> Response:
        return Response({"cases": [asdict(row) for row in consensus_list(person(request))]})


class OpenConsensusView(ApiView):
    """Open the consensus of a case: the one that there is, or a new one with all that is agreed filled in."""

    @extend_schema(
        operation_id="open_consensus",
        request=NothingIn,
        responses={200: OpenedConsensusOut, 404: ErrorOut, 422: ErrorOut},
    )
    def post(self, request: Request, round_id: int, case_id: int) -> Response:
        body(request, NothingIn)
        return Response({"consensus": open_consensus(person(request), round_id, case_id).pk})
