"""Two minutes without the mouse: the keys that a whole case takes."""

from __future__ import annotations

from pathlib import Path

from tests.bench.scale import Scale
from tests.bench.spine import write_spine
from tests.browser.application import Application
from tests.browser.people import Person
from tests.browser.room import Record, open_case, until
from tests.browser.twelve import FRACTURED, MOST_KEYS, label_twelve

SMALL = Scale(slices=16, rows=480, columns=96, vertebrae=12)


def test_a_case_of_twelve_vertebrae_with_two_fractures_takes_at_most_twenty_keys_and_a_held_pass(
    application: Application, person: Person, tmp_path: Path
) -> None:
    spine = write_spine(tmp_path / "spine", SMALL, "TWENTY-KEYS", seed=20)
    case, record = application.bring_in([*spine.files, spine.mask]), Record(application)
    bodies = record.bodies(case["id"])
    assert len(bodies) == 12

    room = open_case(person("senior2"), case["name"])
    read = room.read
    keys = label_twelve(room)

    until(lambda: record.is_locked(read), "The read is locked")
    assert keys <= MOST_KEYS
    findings = record.findings(read)
    levels = list(bodies)
    fractured = {levels[place]: f"A{ao_type}" for place, ao_type, _ in FRACTURED}
    assert {level: row["ao_body"] for level, row in findings.items() if row["verdict"] == "fracture"} == fractured
    assert sum(row["verdict"] == "negative" for row in findings.values()) == 10
    labels = record.labels(read)
    for (place, _, slices), level in zip(FRACTURED, fractured, strict=True):
        marked = sorted(k for (of, k), value in labels.items() if of == level and value == "fracture")
        assert len(marked) == slices + 1, f"{level} at place {place}"
    assert len(labels) == sum(len(slices) for slices in bodies.values())
