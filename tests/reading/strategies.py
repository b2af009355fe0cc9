"""Random contexts, random operations, and words for them: the input space of a read."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from labeling.models import Acuity, AoBody, SegmentType, Verdict, Why
from labeling.reading.state import ReadContext, ReadState, VertebraContext
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
    return ReadContext(draw(st.sampled_from(["slice", "vertebra"])), draw(st.booleans()), vertebrae, seen)


def slice_sets(context: ReadContext) -> st.SearchStrategy[list[str]]:
    known = sorted({sop for v in context.vertebrae.values() for sop in (*v.sops, *v.margin_sops)})
    return st.lists(st.sampled_from([*known, "9.9.9"]), min_size=1, max_size=6, unique=True)


@st.composite
def operations(draw: st.DrawFn, context: ReadContext, state: ReadState) -> tuple[str, dict[str, Any]]:
    """A well-formed operation, though not always one that the laws allow."""
    verb = draw(st.sampled_from(sorted(VERBS)))
    vertebra = draw(st.sampled_from([*context.vertebrae]))
    below = [key for key in context.vertebrae if key > vertebra]
    fields: dict[str, st.SearchStrategy[dict[str, Any]]] = {
        "label_slices": st.builds(
            lambda sops, value, by_key: {
                "sop_uids": sops[:1] if by_key else sops,
                "value": value,
                "source": "key" if by_key else "range",
            },
            slice_sets(context),
            st.sampled_from(["fracture", "negative", None]),
            st.booleans(),
        ),
        "rest_negative": st.just({}),
        "set_verdict": st.fixed_dictionaries(
            {"verdict": st.sampled_from([*Verdict.values, None])},
            optional={"why": st.sampled_from([None, *Why.values])},
        ),
        "set_ao": st.fixed_dictionaries({"ao_body": st.sampled_from([*AoBody.values, None])}),
        "set_process_fracture": st.fixed_dictionaries({"value": st.booleans()}),
        "set_unclear": st.fixed_dictionaries({"value": st.booleans()}),
        "set_acuity": st.fixed_dictionaries({"acuity": st.sampled_from(Acuity.values)}),
        "set_comment": st.fixed_dictionaries({"text": st.text("aä🦴", max_size=4)}),
        "set_level_said": st.fixed_dictionaries({"level": st.sampled_from(["", "T13", "L6"])}),
        "set_injury": st.fixed_dictionaries(
            {
                "upper": st.just(vertebra),
                "lower": st.sampled_from([None, *below]),
                "type": st.sampled_from([None, *SegmentType.values]),
            }
        ),
        "restore": st.just({"finding": state.finding(vertebra).as_json()}),
    }
    return verb, {"vertebra": vertebra, **draw(fields[verb])}
