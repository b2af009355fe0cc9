"""A stack as the reading room and the anatomy check fetch it: its slices in reading order, and where it lies."""

from typing import Any

from labeling.api.dicomweb.attributes import metadata
from labeling.models import Case, Slice, Stack

#: Stands in `frames_url` where the SOP Instance UID of a slice goes.
SOP_PLACE = "{sop_uid}"


def stack_data(case: Case, stack: Stack) -> dict[str, Any]:
    """A stack of a case in the shape `labeling.api.outputs.StackOut`. One query."""
    # Loaded already: without this the metadata would ask for the case of the stack again.
    stack.case = case
    slices = list(Slice.objects.filter(stack=stack).order_by("k"))
    return {
        "study_uid": case.study_uid,
        "series_uid": stack.series_uid,
        "origin": stack.origin,
        "rows": stack.rows,
        "columns": stack.columns,
        "row_spacing": stack.row_spacing,
        "column_spacing": stack.column_spacing,
        "slice_spacing": stack.slice_spacing,
        "slices": [{"sop_uid": one.sop_uid, "k": one.k, "position_mm": one.position_mm} for one in slices],
        "frames_url": frame_url(case, stack, SOP_PLACE),
        "metadata": metadata(stack, slices),
        "affine": stack.affine,
    }


def frame_url(case: Case, stack: Stack, sop_uid: str) -> str:
    """Where one frame of a stack is fetched."""
    return f"/dicomweb/studies/{case.study_uid}/series/{stack.series_uid}/instances/{sop_uid}/frames/1"
