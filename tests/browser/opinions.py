"""What a model says of a case, written down as a worker would, for tests of what readers see of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.browser.application import Application

#: Of every slice that is called a fracture, and of every other one; the middle one of the former says it loudest.
FRACTURE, NEGATIVE, LOUDEST = 0.71, 0.08, 0.83

_SAY = """
import json
from labeling.models import Anatomy, Assignment, ModelVersion, Reader, Round, Slice
from labeling.reading.opinions.model_reads import ModelFinding, ModelSlice, store_model_read

asked = json.loads(%r)
anatomy = Anatomy.objects.filter(case=asked["case"]).latest("n")
sops = list(Slice.objects.filter(stack=anatomy.stack).order_by("k").values_list("sop_uid", flat=True))


def reader(kind, name):
    version, _ = ModelVersion.objects.get_or_create(
        kind=kind, name=name, defaults={"sha256": name.encode().hex().ljust(64, "0")[:64]}
    )
    return Reader.objects.get_or_create(kind="model", model_version=version)[0]


def classified(body):
    fractured = asked["fractured"].get(body.level)
    if body.level in asked["abstained"]:
        reason = {"reason": "Metal: 12 %% of the body is over 3000 HU."}
        return ModelFinding(body.vertebra_id, "not_assessable", "metal", evidence=reason)
    if body.cut:
        return ModelFinding(body.vertebra_id, "not_assessable", "cut")
    shaved = range(body.first_k + 2, body.last_k - 1)
    p = {k: asked["p"][0] if k in (fractured or ()) else asked["p"][1] for k in shaved}
    if fractured:
        p[fractured[len(fractured) // 2]] = asked["p"][2]
    slices = {sops[k]: ModelSlice("fracture" if k in (fractured or ()) else "negative", p[k]) for k in shaved}
    verdict = "fracture" if fractured else "negative"
    return ModelFinding(body.vertebra_id, verdict, score=asked["p"][0 if fractured else 1], slices=slices)


def measured(body):
    if body.level in asked["fractured"]:
        sentence = "Anterior height 68 %% of the neighbours'."
        return ModelFinding(body.vertebra_id, "fracture", score=0.87, comment=sentence)
    return ModelFinding(body.vertebra_id, "negative", score=0.12)


bodies = list(anatomy.vertebrae.order_by("rank"))
reads = [store_model_read(None, reader("classifier", "Classifier 3"), anatomy.case, anatomy.stack, anatomy, [
    classified(body) for body in bodies])]
if asked["morphometry"]:
    active = Reader.objects.filter(model_version__kind="morphometry", model_version__state="active").first()
    active = active or reader("morphometry", "Morphometry 1")
    ModelVersion.objects.filter(pk=active.model_version_id).update(state="active")
    said = [measured(body) for body in bodies]
    reads.append(store_model_read(None, active, anatomy.case, anatomy.stack, anatomy, said))
if asked["first"]:
    old = Round.objects.get(name="Labelling")
    shows, _ = Round.objects.get_or_create(name="Shows the model", defaults=dict(kind=old.kind, rules={**old.rules,
        "model": "shown"}, label_schema=old.label_schema, state=old.state, started_at=old.started_at))
    Assignment.objects.filter(case=asked["case"]).update(round=shows)
print(json.dumps([read.pk for read in reads]))
"""


def a_model_says(
    application: Application,
    case: int,
    fractured: Mapping[str, Sequence[int]],
    *,
    abstained: Sequence[str] = (),
    morphometry: bool = False,
    first: bool = False,
) -> list[int]:
    """A classifier has read the case; the reads of the models, the classifier's first.

    Parameters
    ----------
    fractured
        Level -> the slices, from 0, that it calls a fracture; it calls the others negative.
    abstained
        Levels that it did not assess, for metal.
    morphometry
        That model has read the case as well, whatever it says.
    first
        The case moves to a round that shows the models from the start.
    """
    asked: dict[str, Any] = {
        "case": case,
        "fractured": {level: list(slices) for level, slices in fractured.items()},
        "abstained": list(abstained),
        "morphometry": morphometry,
        "first": first,
        "p": [FRACTURE, NEGATIVE, LOUDEST],
    }
    printed = application.manage("shell", "-v", "0", "-c", _SAY % json.dumps(asked))
    reads: list[int] = json.loads(printed.splitlines()[-1])
    return reads
