"""The reading room's data: one read, its case, its stack and its anatomy, as one JSON object.

The page embeds it and the API serves it; both get it here. The number of queries does not grow with slices, vertebrae
or labels.
"""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.urls import reverse

from labeling.api.stacks import stack_data
from labeling.imaging.shaving import kept
from labeling.intake.volumes import can_be_cut
from labeling.models import AnatomyVertebra, Assignment, LabelSource, Read, RoundState
from labeling.reading.activity import active_ms
from labeling.reading.anatomies import may_edit
from labeling.reading.facts import facts_of
from labeling.reading.gaps import gaps_of
from labeling.reading.priors import priors_of
from labeling.reading.projection import load_state
from labeling.reading.reopening import hindrance, versions_of
from labeling.reading.revealing import beside
from labeling.reading.roles import may_read
from labeling.reading.rules import Rules
from labeling.reading.state import ReadState
from labeling.reading.visibility import hears_of_no_model, report_for


def room(user: User, read: Read) -> dict[str, Any]:
    """What the room shows of a read.

    Parameters
    ----------
    user
        Who looks. Decides whether they may write, and (by the one door) whether the report and the models are there.
    read
        As `labeling.reading.visibility.read_for` gives it, with round, case, patient, stack and anatomy.
    """
    state, context = load_state(read)
    own = read.reader.user_id == user.pk
    masked = hears_of_no_model(user, read)
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
        "case": case_data(read),
        # No report is as good as a hidden one on the screen: there is nothing to show.
        "report": {"text": report} if report else None,
        "model": beside(user, read),
        "stack": stack_data(read.case, read.stack),
        "vertebrae": vertebrae_data(read),
        "anatomy": _anatomy(user, read),
        "outlines_url": reverse("outlines", args=[read.anatomy_id]) if read.anatomy.outlines else None,
        "state": _said(state, masked=masked),
        "seen": sorted(context.seen),
        "gaps": [gap.as_json() for gap in gaps_of(state, context)] if read.state == "draft" else [],
        "reopenable": own and may_read(user) and hindrance(read) is None,
        "versions": _versions(read, own=own, masked=masked),
        "active_ms": active_ms(read) if own else {},
        "priors": priors_of(user, read),
        # Both are cut from the same volume.
        "second": dict.fromkeys(("axial", "coronal"), can_be_cut(read.stack)),
    }


def _said(state: ReadState, *, masked: bool) -> dict[str, Any]:
    """What the read says; `masked`, for whoever is not to hear of a model, without which marks came from one."""
    said = state.as_json()
    if masked:
        for finding in said["findings"].values():
            for mark in finding["slices"].values():
                if mark["source"] == LabelSource.ACCEPTED:
                    mark["source"] = LabelSource.RANGE.value
    return said


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


def case_data(read: Read) -> dict[str, Any]:
    """The case of a read in the shape `labeling.api.outputs.RoomCaseOut`."""
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


def vertebrae_data(read: Read) -> list[dict[str, Any]]:
    """The vertebrae of the anatomy of a read, cranial first, in the shape of `RoomVertebraOut`."""
    rows = AnatomyVertebra.objects.filter(anatomy=read.anatomy_id).order_by("rank", "pk")
    fields = (
        "level", "certainty", "cut", "cut_where", "first_k", "last_k", "label_value", "origin", "box", "mask_ok"
    )  # fmt: skip
    return [
        {"id": row.vertebra_id, **{name: getattr(row, name) for name in fields}, **_shaved(row.first_k, row.last_k)}
        for row in rows
    ]


def _shaved(first_k: int, last_k: int) -> dict[str, int | None]:
    first, last = kept(first_k, last_k) or (None, None)
    return {"kept_first_k": first, "kept_last_k": last}


def _anatomy(user: User, read: Read) -> dict[str, Any]:
    rules = None if read.round is None else Rules.parse(read.round.rules)
    return {
        "id": read.anatomy_id,
        "n": read.anatomy.n,
        "confirmed": read.anatomy.confirmed_at is not None,
        "editable": rules is not None and rules.anatomy == "editable" and may_edit(user, read.case),
        "url": f"/cases/{read.case_id}/anatomy",
    }


def _versions(read: Read, *, own: bool, masked: bool) -> list[dict[str, Any]]:
    """The versions of this read; of another's, those that were locked. A reason may tell of a model, so it is `masked`
    with it."""
    versions = versions_of(read) if own else versions_of(read).filter(state="locked")
    return [
        {
            "read": one.pk,
            "version": one.version,
            "locked_at": one.locked_at.isoformat() if one.locked_at else None,
            "reason": "" if masked else one.reopen_reason,
        }
        for one in versions
    ]
