"""Whether the screen and the record say the same: every vertebra, every slice, every injury, every click once."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from tests.browser.room import Record

_SCREEN = """() => {
  const { store } = window.sagittal.app.open;
  const { state, outbox } = store;
  const [pending, unsaved] = [outbox.pending.length, outbox.unsaved.length];
  return { findings: state.findings, injuries: state.injuries, pending, unsaved };
}"""
_SAID = ("verdict", "why", "ao_body", "process_fracture", "acuity", "unclear", "comment", "level_said", "measures")
_NOTHING = {
    "verdict": None,
    "why": "",
    "ao_body": None,
    "process_fracture": False,
    "acuity": "unknown",
    "unclear": False,
    "comment": "",
    "level_said": "",
    "measures": [],
    "slices": {},
}


def on_screen(page: Page) -> dict[str, Any]:
    """What the room shows: by vertebra what is said of it, if anything; what waits, and what is not in the record."""
    screen: dict[str, Any] = page.evaluate(_SCREEN)
    return {**screen, "findings": {key: value for key, value in screen["findings"].items() if value != _NOTHING}}


def in_record(record: Record, read: int) -> dict[str, Any]:
    """The same of the tables."""
    findings: dict[str, Any] = {}
    for row in record.sql("SELECT * FROM labeling_finding WHERE read_id = %s", read):
        labels = record.sql("SELECT sop_uid, value, source FROM labeling_slicelabel WHERE finding_id = %s", row["id"])
        said = {name: row[name] for name in _SAID}
        slices = {label["sop_uid"]: {"value": label["value"], "source": label["source"]} for label in labels}
        findings[str(row["vertebra_id"])] = {**said, "slices": slices}
    injuries = record.sql("SELECT upper_id, lower_id, type FROM labeling_segmentinjury WHERE read_id = %s", read)
    return {
        "findings": {key: value for key, value in findings.items() if value != _NOTHING},
        "injuries": {str(row["upper_id"]): {"lower": row["lower_id"], "type": row["type"]} for row in injuries},
    }


def assert_record_is_screen(page: Page, record: Record, read: int, *, clicks: int, unsaved: int = 0) -> None:
    """The database holds exactly what the screen says, in exactly so many operations, none of them twice."""
    screen = on_screen(page)
    assert (screen["pending"], screen["unsaved"]) == (0, unsaved)
    assert in_record(record, read) == {"findings": screen["findings"], "injuries": screen["injuries"]}
    operations = record.operations(read)
    assert [operation["seq"] for operation in operations] == list(range(1, clicks + 1))
    assert len({operation["uuid"] for operation in operations}) == clicks
