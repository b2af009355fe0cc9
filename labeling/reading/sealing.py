"""What locking adds to a read, without a database: implied negatives, cut vertebrae, and the hash of it all."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from labeling.models import LabelSource, SliceValue, Verdict, Why
from labeling.reading.state import FindingState, ReadContext, ReadState, SliceMark, VertebraContext

__all__ = ["content_sha", "sealed"]


def sealed(state: ReadState, context: ReadContext) -> ReadState:
    """The state as the lock writes it.

    A cut vertebra without a verdict becomes *not assessable (cut)*. Where the unit is the slice, every vertebral slice
    of a fracture or negative that was seen and not labelled becomes an implied negative.
    """
    for vertebra in context.vertebrae.values():
        state = state.with_finding(vertebra.id, _sealed_finding(state.finding(vertebra.id), vertebra, context))
    return state


def _sealed_finding(finding: FindingState, vertebra: VertebraContext, context: ReadContext) -> FindingState:
    if finding.verdict is None and vertebra.cut:
        verdict, why = Verdict.NOT_ASSESSABLE.value, Why.CUT.value
        return replace(finding, verdict=verdict, why=why, ao_body=None, slices={})
    if context.unit != "slice" or finding.verdict not in (Verdict.FRACTURE, Verdict.NEGATIVE):
        return finding
    implied = SliceMark(SliceValue.NEGATIVE.value, LabelSource.IMPLIED.value)
    seen = {sop: implied for sop in vertebra.sops if sop in context.seen}
    return replace(finding, slices={**seen, **finding.slices})


def content_sha(state: ReadState, pins: dict[str, Any]) -> str:
    """SHA-256, in hex, over the canonical JSON of a state and of what it is pinned to (stack, anatomy, version)."""
    canonical = json.dumps({**pins, **_hashed(state)}, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _hashed(state: ReadState) -> dict[str, Any]:
    """The JSON of a state as it is hashed.

    A finding without measures leaves the field out: reads were locked before there were measures, and what they say
    has not changed, so neither may their hash.
    """
    said = state.as_json()
    for finding in said["findings"].values():
        if not finding["measures"]:
            del finding["measures"]
    return said
