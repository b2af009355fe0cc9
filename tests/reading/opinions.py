"""Opinions of models beside a read, as a worker stores them and the room serves them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from labeling.models import Anatomy, ModelVersion, Read, Reader, ReaderKind
from labeling.reading.opinions.model_reads import ModelFinding, ModelSlice, store_model_read
from labeling.reading.opinions.suggestions import model_beside
from labeling.reading.projection import load_state
from tests.factories import digest, number
from tests.reading.strategies import Suggestions, suggestions

__all__ = ["drawn_opinion", "make_opinion", "make_version", "serve"]


def make_version(kind: str = "classifier", **fields: Any) -> Reader:
    """The reader that a new model version is; a candidate unless told otherwise."""
    version = ModelVersion.objects.create(**{"kind": kind, "name": f"{kind} {number()}", "sha256": digest(), **fields})
    return Reader.objects.create(kind=ReaderKind.MODEL, model_version=version)


def make_opinion(
    anatomy: Anatomy, said: Mapping[int, Mapping[str, Any]], *, reader: Reader | None = None, **fields: Any
) -> Read:
    """The locked read of a model that says {"verdict", "slices"} of some vertebrae, and of the others that it found no
    mask. `fields` go to every finding."""
    findings = []
    for vertebra in anatomy.vertebrae.order_by("rank").values_list("vertebra", flat=True):
        one = said.get(vertebra)
        if one is None:
            reason = {"reason": "It has no mask, so it was not classified."}
            findings.append(ModelFinding(vertebra, "not_assessable", "mask_missing", evidence=reason))
            continue
        p = {"fracture": 0.91, "negative": 0.07}
        slices = {sop: ModelSlice(value, p[value]) for sop, value in one.get("slices", {}).items()}
        findings.append(
            ModelFinding(vertebra, one["verdict"], **{"score": p[one["verdict"]], "slices": slices, **fields})
        )
    return store_model_read(None, reader or make_version(), anatomy.case, anatomy.stack, anatomy, findings)


def serve(read: Read) -> dict[str, Any]:
    """What the room of a read shows its reader of the models, as it is opened."""
    assert read.reader.user is not None
    shown = model_beside(read.reader.user, read)
    assert shown is not None
    return shown


def drawn_opinion(read: Read, data: st.DataObject) -> Suggestions:
    """A model has read the case of this draft and its reader has it on the screen: what it says of the vertebrae that
    it judged, as `accept` takes it."""
    _, context = load_state(read)
    said = {}
    for key, vertebra in context.vertebrae.items():
        one = data.draw(suggestions(vertebra))
        # What no model stores: a slice that is not there. What is lawless in other ways, `accept` must refuse.
        said[key] = {**one, "slices": {sop: value for sop, value in one["slices"].items() if sop != "9.9.9"}}
    opinion = make_opinion(read.anatomy, said)
    assert serve(read)["opinions"]
    return {key: {**one, "model_read": opinion.pk} for key, one in said.items()}
