"""The reading room's data: one read, its case, its stack and its anatomy, as one JSON object.

The page embeds it and the API serves it; both get it here. The number of queries does not grow with slices, vertebrae
or labels.
"""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.urls import reverse

from labeling.api.dicomweb.attributes import metadata
from labeling.models import AnatomyVertebra, Assignment, Read, RoundState, Slice
from labeling.reading.facts import facts_of
from labeling.reading.gaps import gaps_of
from labeling.reading.projection import load_state
from labeling.reading.roles import may_read
from labeling.reading.rules import Rules
from labeling.reading.visibility import report_for

#: Stands in `frames_url` where the SOP Instance UID of a slice goes.
SOP_PLACE = "{sop_uid}"


def room(user: User, read: Read) -> dict[str, Any]:
    """What the room shows of a read.

    Parameters
    ----------
    user
        Who looks. Decides whether they may write, and (by the one door) whether the report is there.
    read
        As `labeling.reading.visibility.read_for` gives it, with round, case, patient, stack and anatomy.
    """
    state, context = load_state(read)
    own = read.reader.user_id == user.pk
    is_open = read.round is None or read.round.state == RoundState.OPEN
    writable = own and read.state == "draft" and is_open and may_read(user)
    report = report_for(user, read)
    return {
        "read": {
            "id": read.pk,
            "version": read.version,
            "state": read.state,
            "seq": read.seq,
            "locked_at": read.locked_at.isoformat() if read.locked_at else None,
            "writable": writable,
            "viewed": read.viewed,
        },
        "round": _round(read),
        "position": _position(read),
        "case": _case(read),
        # No report is as good as a hidden one on the screen: there is nothing to show.
        "report": {"text": report} if report else None,
        "stack": _stack(read),
        "vertebrae": _vertebrae(read),
        "outlines_url": reverse("outlines", args=[read.anatomy_id]) if read.anatomy.outlines else None,
        "state": state.as_json(),
        "seen": sorted(context.seen),
        "gaps": [gap.as_json() for gap in gaps_of(state, context)] if read.state == "draft" else [],
    }


def _round(read: Read) -> dict[str, Any] | None:
    if read.round is None:
        return None
    return {"name": read.round.name, "kind": read.round.kind, "rules": Rules.parse(read.round.rules).as_json()}


def _position(read: Read) -> dict[str, int]:
    """The place of the case in the reader's list of the round, from 1; 0 where it stands in none."""
    listed = Assignment.objects.filter(round=read.round_id, reader=read.reader_id)
    mine = Assignment.objects.filter(round=read.round_id, reader=read.reader_id, case=read.case_id)
    counted = listed.aggregate(of=Count("pk"), index=Count("pk", filter=Q(position__lte=mine.values("position")[:1])))
    return {"index": counted["index"], "of": counted["of"]}


def _case(read: Read) -> dict[str, Any]:
    case = read.case
    return {
        "id": case.pk,
        "name": case.name,
        "sex": case.patient.sex,
        "age": case.age_shown,
        "origin": case.origin,
        "limited": case.limited,
        "facts": facts_of(case, read.stack),
    }


def _stack(read: Read) -> dict[str, Any]:
    stack = read.stack
    # Loaded already, one hop away: without this the metadata would ask for the case of the stack again.
    stack.case = read.case
    slices = list(Slice.objects.filter(stack=stack).order_by("k"))
    study = f"/dicomweb/studies/{read.case.study_uid}/series/{stack.series_uid}"
    return {
        "study_uid": read.case.study_uid,
        "series_uid": stack.series_uid,
        "origin": stack.origin,
        "rows": stack.rows,
        "columns": stack.columns,
        "row_spacing": stack.row_spacing,
        "column_spacing": stack.column_spacing,
        "slice_spacing": stack.slice_spacing,
        "slices": [{"sop_uid": one.sop_uid, "k": one.k, "position_mm": one.position_mm} for one in slices],
        "frames_url": f"{study}/instances/{SOP_PLACE}/frames/1",
        "metadata": metadata(stack, slices),
    }


def _vertebrae(read: Read) -> list[dict[str, Any]]:
    rows = AnatomyVertebra.objects.filter(anatomy=read.anatomy_id).order_by("rank", "pk")
    fields = ("level", "certainty", "cut", "cut_where", "first_k", "last_k", "label_value", "origin")
    return [{"id": row.vertebra_id, **{name: getattr(row, name) for name in fields}} for row in rows]
