"""Random contexts, random operations, and words for them: the input space of a read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from labeling.models import Acuity, AoBody, LabelSource, SegmentType, Verdict, Why
from labeling.reading.state import FindingState, ReadContext, ReadState, VertebraContext
from labeling.reading.verbs import VERBS

LEVELS_IN_VIEW = ("L1", "L2", "")


@st.composite
def contexts(draw: st.DrawFn) -> ReadContext:
    """Up to three vertebrae over ten slices, some cut, some slices seen, both units."""
    sops = [f"1.2.{k}" for k in range(10)]
    vertebrae = {}
    for key in range(1, draw(st.integers(1, 3)) + 1):
        first = draw(st.integers(2, 4))
        last = draw(st.integers(first, 6))
        vertebrae[key] = VertebraContext(
            id=key,
            level=LEVELS_IN_VIEW[key - 1],
            sops=tuple(sops[first : last + 1]),
            margin_sops=(*sops[first - 2 : first], *sops[last + 1 : last + 3]),
            cut=draw(st.booleans()),
        )
    seen = draw(st.one_of(st.just(frozenset(sops)), st.frozensets(st.sampled_from(sops))))
    unit, ao_required = draw(st.sampled_from(["slice", "vertebra"])), draw(st.booleans())
    return ReadContext(unit, ao_required, vertebrae, seen, frozenset(sops))


def slice_sets(vertebra: VertebraContext) -> st.SearchStrategy[list[str]]:
    """Slices that take a label of this vertebra; now and then one among them that does not."""
    inside = st.sampled_from(vertebra.every_sop)
    anywhere = st.one_of(inside, inside, inside, st.just("9.9.9"))
    body = st.just(list(vertebra.sops))
    return st.one_of(body, *(st.lists(one, min_size=1, max_size=5, unique=True) for one in (inside, inside, anywhere)))


#: The verbs; those whose rules lean on each other come more often.
_VERBS = (*sorted(VERBS), *["label_slices"] * 5, *["set_verdict"] * 2, *["set_ao"] * 2, "rest_negative")


def coordinates() -> st.SearchStrategy[float]:
    """A place along one side of an image, as finely as it is kept."""
    return st.integers(-50, 51_200).map(lambda hundredths: hundredths / 100)


def measures_on(sops: list[str], *, most: int = 4) -> st.SearchStrategy[list[dict[str, Any]]]:
    """What a reader may have measured on these slices: lengths, and heights at most once."""
    points = st.lists(coordinates(), min_size=2, max_size=2)

    def measure(kind: str, count: int) -> st.SearchStrategy[dict[str, Any]]:
        many = st.lists(points, min_size=count, max_size=count)
        return st.fixed_dictionaries({"kind": st.just(kind), "sop_uid": st.sampled_from(sops), "points": many})

    heights = st.lists(measure("heights", 6), max_size=1)
    return st.tuples(heights, st.lists(measure("length", 2), max_size=most - 1)).map(lambda parts: parts[0] + parts[1])


#: What a model says of the vertebrae that it judged, as the payload of `accept` has it, by the id of the vertebra.
Suggestions = Mapping[int, Mapping[str, Any]]


def suggestions(vertebra: VertebraContext) -> st.SearchStrategy[dict[str, Any]]:
    """What a model may say of a vertebra, and now and then what none says: a fracture without a slice of it, a slice
    beside the vertebra."""
    value = st.sampled_from(["fracture", "negative"])
    sops = st.lists(st.sampled_from([*vertebra.every_sop, *vertebra.sops * 5, "9.9.9"]), max_size=6, unique=True)
    agreeing = value.flatmap(
        lambda verdict: st.fixed_dictionaries(
            {
                "verdict": st.just(verdict),
                "slices": st.dictionaries(
                    st.sampled_from(vertebra.sops), st.sampled_from([verdict, "negative"]), max_size=6
                ).map(lambda slices: {**slices, vertebra.sops[0]: verdict}),
            }
        )
    )
    anything = st.fixed_dictionaries(
        {"verdict": value, "slices": sops.flatmap(lambda keys: st.fixed_dictionaries(dict.fromkeys(keys, value)))}
    )
    return st.one_of(agreeing, agreeing, agreeing, anything)


def _acceptances(vertebra: VertebraContext, said: Suggestions | None) -> st.SearchStrategy[dict[str, Any]]:
    """`accept` of what was suggested, or of anything where nobody says what was."""
    if said is None:
        taken = suggestions(vertebra).map(lambda one: {**one, "model_read": 1})
    else:
        taken = st.just({**said[vertebra.id]})
    return st.builds(lambda one, together: {**one, "all": together}, taken, st.booleans())


def _bears_accepted(finding: FindingState) -> bool:
    return any(mark.source == LabelSource.ACCEPTED for mark in finding.slices.values())


@st.composite
def operations(
    draw: st.DrawFn, context: ReadContext, state: ReadState, said: Suggestions | None = None
) -> tuple[str, dict[str, Any]]:
    """A well-formed operation, though not always one that the laws allow."""
    verb = draw(st.sampled_from(_VERBS if said is None else (*_VERBS, *["accept"] * 3)))
    keys = [*context.vertebrae] if verb != "accept" or said is None else [*said]
    vertebra = draw(st.sampled_from(keys))
    below = [key for key in context.vertebrae if key > vertebra]
    fields: dict[str, st.SearchStrategy[dict[str, Any]]] = {
        "label_slices": st.builds(
            lambda sops, value, by_key: {
                "sop_uids": sops[:1] if by_key else sops,
                "value": value,
                "source": "key" if by_key else "range",
            },
            slice_sets(context.vertebrae[vertebra]),
            st.sampled_from(["fracture", "negative", None]),
            st.booleans(),
        ),
        "rest_negative": st.just({}),
        "set_verdict": st.one_of(
            st.fixed_dictionaries(
                {"verdict": st.sampled_from(["negative", "negative", "fracture", "indeterminate", None])}
            ),
            st.fixed_dictionaries({"verdict": st.just("not_assessable"), "why": st.sampled_from(Why.values)}),
            st.fixed_dictionaries(
                {"verdict": st.sampled_from([*Verdict.values, None]), "why": st.sampled_from([None, *Why.values])}
            ),
        ),
        "set_ao": st.fixed_dictionaries({"ao_body": st.sampled_from([*AoBody.values, None])}),
        "set_process_fracture": st.fixed_dictionaries({"value": st.booleans()}),
        "set_unclear": st.fixed_dictionaries({"value": st.booleans()}),
        "set_acuity": st.fixed_dictionaries({"acuity": st.sampled_from(Acuity.values)}),
        "set_comment": st.fixed_dictionaries({"text": st.text("aä🦴", max_size=4)}),
        "set_level_said": st.fixed_dictionaries({"level": st.sampled_from(["", "T13", "L6"])}),
        # A slice of another stack is refused.
        "set_measures": st.fixed_dictionaries({"measures": measures_on([*sorted(context.slices), "9.9.9"])}),
        "set_injury": st.fixed_dictionaries(
            {
                "upper": st.just(vertebra),
                "lower": st.sampled_from([None, *below]),
                "type": st.sampled_from([None, *SegmentType.values]),
            }
        ),
        "accept": st.deferred(lambda: _acceptances(context.vertebrae[vertebra], said)),
        # What some vertebra said, on this one: undo sends the own, and nobody may send what breaks a law here. Nor,
        # to a server that knows what was suggested, what was accepted elsewhere.
        "restore": st.fixed_dictionaries(
            {
                "finding": st.sampled_from(
                    [
                        None,
                        *(
                            finding.as_json()
                            for key in context.vertebrae
                            for finding in [state.finding(key)]
                            if said is None or key == vertebra or not _bears_accepted(finding)
                        ),
                    ]
                )
            },
            optional={"injury": st.sampled_from([None, *(injury.as_json() for injury in state.injuries.values())])},
        ),
    }
    return verb, {"vertebra": vertebra, **draw(fields[verb])}
