"""Whole reports whose truth is known: those that simulated cases come with, in three languages."""

from __future__ import annotations

import numpy as np

from inference.simulate.body import Heights
from inference.simulate.reports import report_of
from inference.simulate.spec import CaseSpec, random_spec
from inference.simulate.truth import VertebraTruth
from labeling.language import read_report

CASES = 300


def truth_of(spec: CaseSpec, level: str, rng: np.random.Generator) -> VertebraTruth:
    """What the report of a case is written from, without drawing its image."""
    fracture = next((one for one in spec.fractures if one.level == level), None)
    lost = float(rng.uniform(0.1, 0.6)) if fracture else 0.0
    heights = Heights(25 * (1 - lost), 25.0, 25.0)
    return VertebraTruth(
        level=level,
        label=1,
        in_view="complete",
        fractured=fracture is not None,
        ao_type=fracture.ao_type if fracture else "",
        endplate=fracture.endplate if fracture else "",
        old=bool(fracture and fracture.old),
        mimic=next((one.kind for one in spec.mimics if one.level == level), ""),
        heights=heights,
        heights_before=Heights(25.0, 25.0, 25.0),
        retropulsion=3.0 if fracture and fracture.ao_type in ("A3", "A4") else 0.0,
        first_k=0,
        last_k=1,
        centre=(0.0, 0.0, 0.0),
        axes=((1.0, 0.0, 0.0),) * 3,
        slices=(),
    )


def test_every_fracture_of_three_hundred_reports_is_found_and_none_is_made_up() -> None:
    found = missed = made_up = wrong_type = wrong_age = 0
    languages = set()
    for number in range(CASES):
        spec, rng = random_spec(900_000 + number), np.random.default_rng(number)
        languages.add(spec.language)
        truths = {level: truth_of(spec, level, rng) for level in spec.complete}
        reading = read_report(report_of(spec, list(truths.values()), rng))
        assert {one.level for one in reading.proposals} <= set(truths)
        for level, truth in truths.items():
            said = reading.of(level)
            is_said = said is not None and said.verdict == "fracture"
            found += is_said and truth.fractured
            missed += truth.fractured and not is_said
            made_up += is_said and not truth.fractured
            if said is not None and is_said and truth.fractured:
                wrong_type += said.ao not in ("", truth.ao_type)
                wrong_age += (said.acuity == "old") != truth.old
    assert languages == {"de", "en", "fr"}
    assert found > 400
    assert (missed, made_up, wrong_type, wrong_age) == (0, 0, 0, 0)
