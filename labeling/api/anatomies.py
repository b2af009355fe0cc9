"""The anatomy check over HTTP: what is known of the vertebrae of a case, and new versions of it."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.anatomy.boxes import body_sizes
from labeling.api.base import ApiView, person
from labeling.api.errors import failure
from labeling.api.outputs import ErrorOut
from labeling.api.shapes_anatomy import AnatomyIn, AnatomyMadeOut, CaseAnatomyOut, NewerAnatomyOut
from labeling.api.stacks import stack_data
from labeling.api.strict import body
from labeling.models import Anatomy, AnatomyVertebra, Reader
from labeling.reading.anatomies import (
    AnatomyNotYours,
    NewerAnatomy,
    Placed,
    Proposal,
    anatomies_of,
    following_drafts,
    make_version,
    origin_words,
    why_not_edit,
)
from labeling.reading.refusals import NotReadable
from labeling.reading.visibility import case_for


class CaseAnatomyView(ApiView):
    """The newest anatomy of a case, its versions, and what this person may do."""

    @extend_schema(operation_id="case_anatomy", responses={200: CaseAnatomyOut, 404: ErrorOut, 422: ErrorOut})
    def get(self, request: Request, case_id: int) -> Response:
        user = person(request)
        case = case_for(user, case_id)
        stack = case.reading_stack
        if stack is None:
            raise NotReadable("This case has no stack to place vertebrae on. Send its CT first.")
        versions = anatomies_of(case)
        newest = versions[0] if versions else None
        why_not = why_not_edit(user, case)
        return Response(
            {
                "case": case.pk,
                "name": case.name,
                "stack": stack_data(case, stack),
                "anatomy": newest and _version(newest),
                "vertebrae": [_vertebra(row) for row in newest.vertebrae.all()] if newest else [],
                "versions": [_version(anatomy) for anatomy in versions],
                "may_edit": not why_not,
                "may_confirm": not why_not,
                "why_not": why_not,
                "used_by": len(following_drafts(user, case)),
                "body_sizes": {level: list(size) for level, size in body_sizes().items()},
            }
        )


class AnatomiesView(ApiView):
    """Make a new version by hand, or confirm the newest. The same content twice is one version."""

    @extend_schema(
        operation_id="make_anatomy",
        request=AnatomyIn,
        responses={
            200: AnatomyMadeOut,
            400: ErrorOut,
            403: ErrorOut,
            404: ErrorOut,
            409: NewerAnatomyOut,
            422: ErrorOut,
        },
    )
    def post(self, request: Request, case_id: int) -> Response:
        user = person(request)
        sent = body(request, AnatomyIn)
        proposal = Proposal(
            parent=sent["parent"],
            vertebrae=tuple(_placed(one) for one in sent["vertebrae"]),
            confirm=sent["confirm"],
        )
        try:
            made = make_version(
                user=user, case=case_for(user, case_id), proposal=proposal, read=sent["read"], preview=sent["preview"]
            )
        except AnatomyNotYours as error:
            return failure("not_allowed", error.sentence, 403)
        except NewerAnatomy as error:
            return failure("newer_anatomy", error.sentence, 409, anatomy=error.anatomy, n=error.n)
        return Response(made.as_json())


def _placed(sent: dict[str, Any]) -> Placed:
    box = sent.pop("box")
    return Placed(**sent, box=None if box is None else tuple(box))


def _version(anatomy: Anatomy) -> dict[str, Any]:
    rows = list(anatomy.vertebrae.all())
    levels = [row.level or "?" for row in rows]
    return {
        "id": anatomy.pk,
        "n": anatomy.n,
        "parent": anatomy.parent_id,
        "author": _name(anatomy.author),
        "created_at": anatomy.created_at.isoformat(),
        "confirmed_by": _name(anatomy.confirmed_by),
        "confirmed_at": anatomy.confirmed_at.isoformat() if anatomy.confirmed_at else None,
        "origin": origin_words(anatomy),
        "note": anatomy.note,
        "levels": "" if not levels else levels[0] if len(levels) == 1 else f"{levels[0]}–{levels[-1]}",
        "vertebrae": len(rows),
        "outlines_url": reverse("outlines", args=[anatomy.pk]) if anatomy.outlines else None,
    }


def _vertebra(row: AnatomyVertebra) -> dict[str, Any]:
    fields = ("level", "certainty", "cut", "cut_where", "first_k", "last_k", "box", "origin", "mask_ok", "label_value")
    return {"id": row.vertebra_id, **{name: getattr(row, name) for name in (*fields, "note")}}


def _name(reader: Reader | None) -> str:
    """What a person is called; nothing where it was no person."""
    if reader is None or reader.user is None:
        return ""
    return reader.user.get_full_name() or reader.user.get_username()
