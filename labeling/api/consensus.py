"""The consensus over HTTP: one answer with all that the screen shows, and what a panel does at its table."""

from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.base import ApiView, person
from labeling.api.inputs import LockIn, NothingIn, ReopenIn
from labeling.api.outputs import ConflictOut, ErrorOut, NotCompleteOut
from labeling.api.room import case_data, vertebrae_data
from labeling.api.shapes_consensus import (
    AnsweredOut,
    AnswerIn,
    AskIn,
    ConsensusOut,
    CorrectedOut,
    MembersIn,
    MembersOut,
    PanelReportOut,
    QuestionsOut,
    ReferenceOut,
    SettledOut,
    SettleIn,
    ShiftIn,
    UnsettleIn,
)
from labeling.api.stacks import stack_data
from labeling.api.strict import body
from labeling.intake.volumes import can_be_cut
from labeling.models import Read
from labeling.reading.consensus.opening import (
    Choice,
    answer,
    ask,
    correct,
    lock_consensus,
    next_to_settle,
    panel_read,
    set_member,
    set_shift,
    settle_at_table,
    show_report,
    unsettle_at_table,
)
from labeling.reading.consensus.told import (
    around,
    members_told,
    questions_told,
    report_told,
    settled_told,
    table_told,
)
from labeling.reading.visibility import read_for, reads_to_settle


def consensus_data(user: User, consensus_id: int) -> dict[str, Any]:
    """All that the screen of a consensus shows; whoever is present has seen it, which is written down.

    Raises
    ------
    Read.DoesNotExist
        where this person does not sit in its panel or owes a read of the case.
    """
    consensus = panel_read(user, consensus_id)
    reads_to_settle(user, consensus)
    read_for(user, consensus_id)
    return {
        **table_told(consensus),
        **around(user, consensus),
        "case": case_data(consensus),
        "stack": stack_data(consensus.case, consensus.stack),
        "outlines_url": reverse("outlines", args=[consensus.anatomy_id]) if consensus.anatomy.outlines else None,
        "anatomy": {"id": consensus.anatomy_id, "n": consensus.anatomy.n},
        "vertebrae": vertebrae_data(consensus),
        "second": dict.fromkeys(("axial", "coronal"), can_be_cut(consensus.stack)),
    }


def _next(user: User, consensus: Read) -> dict[str, int] | None:
    following = next_to_settle(user, besides=consensus)
    return None if following is None else {"round": following.round_id, "case": following.case}


class ConsensusView(ApiView):
    """All that the screen of a consensus needs, in one answer."""

    @extend_schema(operation_id="consensus", responses={200: ConsensusOut, 404: ErrorOut})
    def get(self, request: Request, read_id: int) -> Response:
        return Response(consensus_data(person(request), read_id))


class SettleView(ApiView):
    """Settle one vertebra, or settle it anew. Sending the same one twice gives an answer and changes nothing."""

    @extend_schema(
        operation_id="settle",
        request=SettleIn,
        responses={200: SettledOut, 400: ErrorOut, 404: ErrorOut, 409: ConflictOut, 422: ErrorOut},
    )
    def post(self, request: Request, read_id: int) -> Response:
        sent = body(request, SettleIn)
        choice = Choice(
            vertebra=sent["vertebra"],
            took=sent["took"],
            reason=sent["reason"],
            acuity=sent["acuity"],
            finding=sent.get("finding"),
            injury=sent.get("injury"),
            teach=sent.get("teach", False),
            explanation=sent.get("explanation", ""),
        )
        table = settle_at_table(person(request), read_id, uuid=sent["uuid"], base_seq=sent["base_seq"], choice=choice)
        return Response(settled_told(table))


class UnsettleView(ApiView):
    """Take back how a vertebra was settled."""

    @extend_schema(
        operation_id="unsettle",
        request=UnsettleIn,
        responses={200: SettledOut, 400: ErrorOut, 404: ErrorOut, 409: ConflictOut, 422: ErrorOut},
    )
    def post(self, request: Request, read_id: int) -> Response:
        sent = body(request, UnsettleIn)
        user = person(request)
        table = unsettle_at_table(
            user, read_id, uuid=sent["uuid"], base_seq=sent["base_seq"], vertebra=sent["vertebra"]
        )
        return Response(settled_told(table))


class MembersView(ApiView):
    """Record who sits at the table. Whoever is present knows what is on the screen."""

    @extend_schema(
        operation_id="set_member",
        request=MembersIn,
        responses={200: MembersOut, 400: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut},
    )
    def post(self, request: Request, read_id: int) -> Response:
        sent = body(request, MembersIn)
        user = person(request)
        consensus = set_member(user, read_id, reader_id=sent["reader"], present=sent["present"])
        return Response({"members": members_told(user, consensus)})


class ShiftView(ApiView):
    """Compare one read as moved by one vertebra, or as it was locked again. The read itself stays."""

    @extend_schema(
        operation_id="set_shift",
        request=ShiftIn,
        responses={200: ConsensusOut, 400: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut},
    )
    def post(self, request: Request, read_id: int) -> Response:
        sent = body(request, ShiftIn)
        user = person(request)
        set_shift(user, read_id, letter=sent["letter"], by=sent["by"], moves=sent["moves"])
        return Response(consensus_data(user, read_id))


class QuestionsView(ApiView):
    """Send a vertebra back to one reader with a question. Who that is is not said."""

    @extend_schema(
        operation_id="ask_reader",
        request=AskIn,
        responses={200: QuestionsOut, 400: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut},
    )
    def post(self, request: Request, read_id: int) -> Response:
        sent = body(request, AskIn)
        user = person(request)
        ask(user, read_id, letter=sent["letter"], vertebra=sent["vertebra"], text=sent["text"])
        return Response({"questions": questions_told(panel_read(user, read_id))})


class AnswerView(ApiView):
    """Answer a question about one's own read, once."""

    @extend_schema(
        operation_id="answer_question",
        request=AnswerIn,
        responses={200: AnsweredOut, 400: ErrorOut, 404: ErrorOut, 422: ErrorOut},
    )
    def post(self, request: Request, question_id: int) -> Response:
        question = answer(person(request), question_id, body(request, AnswerIn)["text"])
        return Response({"answered_at": question.answered_at})


class PanelReportView(ApiView):
    """Show the panel the clinical report: for the study lead, and recorded."""

    @extend_schema(
        operation_id="show_report_to_panel",
        request=NothingIn,
        responses={200: PanelReportOut, 400: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut},
    )
    def post(self, request: Request, read_id: int) -> Response:
        body(request, NothingIn)
        user = person(request)
        return Response({"report": report_told(user, show_report(user, read_id))})


class ConsensusLockView(ApiView):
    """Lock the consensus: it becomes the truth of its case."""

    @extend_schema(
        operation_id="lock_consensus",
        request=LockIn,
        responses={200: ReferenceOut, 400: ErrorOut, 404: ErrorOut, 409: ConflictOut, 422: NotCompleteOut},
    )
    def post(self, request: Request, read_id: int) -> Response:
        user = person(request)
        locked = lock_consensus(user, read_id, base_seq=body(request, LockIn)["base_seq"])
        return Response(
            {
                "locked_at": locked.consensus.locked_at,
                "reference": locked.reference.pk,
                "next": _next(user, locked.consensus),
            }
        )


class CorrectView(ApiView):
    """Begin a later version of a locked consensus. The truth stays what it is until that is locked."""

    @extend_schema(
        operation_id="correct_consensus",
        request=ReopenIn,
        responses={200: CorrectedOut, 400: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut},
    )
    def post(self, request: Request, read_id: int) -> Response:
        later = correct(person(request), read_id, body(request, ReopenIn)["reason"])
        return Response({"consensus": later.pk})
