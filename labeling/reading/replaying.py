"""What the log alone says of a read: where its version began, and one operation after the other.

A first version begins with nothing. A later one begins with what the version before it said when it was locked, without
what the lock alone had added. Where the anatomy of a draft was changed, the log says from which to which, and the
labels before are carried over by the same pure function as then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from labeling.models import AnatomyVertebra, LabelOperation, LabelSource, Read, Slice
from labeling.reading.projection import MARGIN, load_state
from labeling.reading.sealing import sealed
from labeling.reading.state import ReadContext, ReadState, VertebraContext, apply

__all__ = ["SET_ANATOMY", "context_under", "folded", "replayed", "without_implied"]

#: In the log like a verb, but written by the server when a draft goes over to another anatomy: {"from", "to"}.
SET_ANATOMY = "set_anatomy"


def replayed(read: Read) -> ReadState:
    """The state that the log gives; the tables of the read hold the same."""
    state, context = folded(read, until=read.seq)
    return sealed(state, context) if read.state == "locked" else state


def folded(read: Read, *, until: int) -> tuple[ReadState, ReadContext]:
    """The state after the first `until` operations, and what the next one was judged against."""
    operations = list(LabelOperation.objects.filter(read=read).order_by("seq").values_list("seq", "verb", "payload"))
    _, context = load_state(read)
    moves = [payload for _, verb, payload in operations if verb == SET_ANATOMY]
    if moves:
        context = context_under(moves[0]["from"], context)
    state = _start(read)
    for seq, verb, payload in operations:
        if seq > until:
            break
        if verb == SET_ANATOMY:
            state, context = _carried(state, context, payload)
        else:
            state = apply(state, context.looking_back(), verb, payload)
    return state, context


def _start(read: Read) -> ReadState:
    if read.supersedes_id is None:
        return ReadState()
    before = Read.objects.select_related("round").get(pk=read.supersedes_id)
    return without_implied(replayed(before))


def _carried(state: ReadState, old: ReadContext, payload: Mapping[str, Any]) -> tuple[ReadState, ReadContext]:
    from labeling.reading.carrying import carried

    new = context_under(payload["to"], old)
    after, _ = carried(state, old, new)
    return after, new


def without_implied(state: ReadState) -> ReadState:
    """The state without the negatives that a lock implied; what a person said stays."""
    for key, finding in state.findings.items():
        said = {sop: mark for sop, mark in finding.slices.items() if mark.source != LabelSource.IMPLIED}
        state = state.with_finding(key, replace(finding, slices=said))
    return state


def context_under(anatomy: int, context: ReadContext) -> ReadContext:
    """The same context, judged against another anatomy (its primary key) of the same case."""
    bodies = list(AnatomyVertebra.objects.filter(anatomy=anatomy).order_by("rank", "pk"))
    images = Slice.objects.filter(stack__anatomies=anatomy).order_by("k")
    sops: dict[int, str] = dict(images.values_list("k", "sop_uid"))

    def between(first: int, last: int) -> tuple[str, ...]:
        return tuple(sops[k] for k in range(first, last + 1) if k in sops)

    vertebrae = {
        body.vertebra_id: VertebraContext(
            id=body.vertebra_id,
            level=body.level,
            sops=between(body.first_k, body.last_k),
            margin_sops=(
                *between(body.first_k - MARGIN, body.first_k - 1),
                *between(body.last_k + 1, body.last_k + MARGIN),
            ),
            cut=body.cut,
        )
        for body in bodies
    }
    return replace(context, vertebrae=vertebrae)
