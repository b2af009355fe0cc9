"""A practice round in the browser: read, lock, see the truth with the panel's words, go on; and feedback leads back."""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.sync_api import expect

from tests.browser.accessibility import Look, looks_at
from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import Person
from tests.browser.room import Record, Room, open_case, until
from tests.browser.test_case_to_case import decide_all, lock, on_another_read

#: The truth of cases, as a panel left it, and a practice round of these cases for one reader.
MAKE = """
import json
from django.contrib.auth.models import User
from labeling.models import (
    Anatomy, Assignment, Case, Finding, LabelSchema, Patient, Read, Reader, ReasonCode, Reference, Round, Settlement,
    Slice, SliceLabel)
from labeling.reading.roles import reader_of
from labeling.reading.rules import DEFAULTS
from django.utils import timezone

asked = json.loads(%r)
reader = reader_of(User.objects.get(username=asked["reader"]))
panel, _ = Reader.objects.get_or_create(kind="panel", label="Panel of spring")
round_ = Round.objects.create(name=asked["round"], kind="practice", rules=DEFAULTS["practice"].as_json(),
    label_schema=LabelSchema.objects.latest("version"), state="open", started_at=timezone.now())
# Drafts that other tests have left would come before the next case of the round.
Assignment.objects.filter(reader=reader, state="open").update(state="skipped", skip_reason="image")
for place, pk in enumerate(asked["cases"], 1):
    case = Case.objects.get(pk=pk)
    Patient.objects.filter(pk=case.patient_id).update(split="training")
    # It is a case of this round alone.
    Assignment.objects.filter(case=case).delete()
    Assignment.objects.create(round=round_, case=case, reader=reader, position=place)
    anatomy = Anatomy.objects.filter(case=case).latest("n")
    truth = Read.objects.create(case=case, reader=panel, stack=anatomy.stack, anatomy=anatomy)
    sops = list(Slice.objects.filter(stack=anatomy.stack).order_by("k").values_list("sop_uid", flat=True))
    for body in anatomy.vertebrae.order_by("rank"):
        fractured = body.level == "L2"
        finding = Finding.objects.create(read=truth, vertebra=body.vertebra, ao_body="A3" if fractured else None,
            verdict="fracture" if fractured else "indeterminate")
        if fractured:
            middle = (body.first_k + body.last_k) // 2
            SliceLabel.objects.bulk_create([SliceLabel(finding=finding, slice_id=sops[k], value="fracture",
                source="range") for k in (middle, middle + 1, middle + 2)])
            Settlement.objects.create(consensus=truth, vertebra=body.vertebra, difference="verdict", took="a",
                reason=ReasonCode.objects.get(code="cortex", version=1), teach=True,
                explanation="The back edge is broken.")
    truth.state, truth.locked_at, truth.content_sha = "locked", timezone.now(), "0" * 64
    truth.save(update_fields=["state", "locked_at", "content_sha"])
    Reference.objects.create(case=case, read=truth)
"""


def a_practice_round(application: Application, name: str, cases: list[dict[str, Any]], reader: str) -> None:
    asked = {"round": name, "cases": [case["id"] for case in cases], "reader": reader}
    application.manage("shell", "-v", "0", "-c", MAKE % json.dumps(asked))


@looks_at("room", "feedback", "feedback-case", "teaching", "notices")
def test_a_practice_case_is_locked_the_truth_is_revealed_and_the_next_one_comes(
    application: Application, person: Person, new_case: NewCase, look: Look
) -> None:
    cases, record = [new_case(), new_case()], Record(application)
    a_practice_round(application, "Practice of spring", cases, "resident")
    body = record.bodies(cases[0]["id"])["L2"]
    page = person("resident")

    # Before the lock nothing of the truth: not in the room, not on the pages.
    room = open_case(page, cases[0]["name"])
    first = room.read
    expect(page.get_by_text("Reference", exact=False)).to_have_count(0)
    for address in ("/feedback", "/teaching"):
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert cases[0]["name"] not in page.content()
        assert "back edge" not in page.content()
    page.goto(f"/read/{first}")
    room = Room(page)
    room.wait_for_all_slices()
    room.see_all(room.step)
    while room.level.inner_text() != "L1":
        room.press("k")
    decide_all(room)
    lock(room)

    # The truth stands beside the read, at the vertebra and on the slice that show it.
    expect(page.get_by_text("Reference shown")).to_be_visible()
    expect(room.level).to_have_text("L2")
    room = Room(page)
    assert room.settle() in body
    beside = page.get_by_role("region", name="You and the reference", exact=True)
    expect(beside).to_contain_text("Fracture A3")
    expect(beside).to_contain_text("The panel: Cortical irregularity. The back edge is broken.")
    differences = page.get_by_role("region", name="Where you and the reference differ")
    expect(differences.get_by_role("button")).to_have_text(
        [re.compile(r"L2\s*≠\s*you indeterminate, reference fracture A3")]
    )
    assert record.one("SELECT count(*) FROM labeling_exposure WHERE what = 'truth' AND case_id = %s", cases[0]["id"])[
        "count"
    ]
    look(page, "revealed")

    # One key, and the next case comes, with nothing of its truth.
    room.press("Enter")
    room = on_another_read(page, first)
    assert page.locator("[data-room=case]").inner_text() == cases[1]["name"]
    expect(page.get_by_text("Reference shown")).to_have_count(0)
    second = room.read

    # Feedback tells of the first case alone, and leads to the vertebra in the own read.
    page.goto("/notices")
    look(page, "notices")
    page.goto("/feedback")
    expect(page.get_by_role("link", name=cases[0]["name"], exact=True)).to_be_visible()
    assert cases[1]["name"] not in page.content()
    look(page, "one case")
    page.get_by_role("link", name=cases[0]["name"], exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(cases[0]["name"])
    look(page, "one case in full")
    page.get_by_role("link", name="Look at L3").click()
    page.wait_for_url("**/read/*")
    room = Room(page)
    expect(room.level).to_have_text("L3")
    until(lambda: page.evaluate("() => location.search") == "", "The address is that of the read")
    page.goto("/teaching")
    row = page.get_by_role("row").filter(has_text=cases[0]["name"])
    expect(row).to_contain_text("The back edge is broken.")
    assert cases[1]["name"] not in page.content()
    look(page, "one lesson")
    row.get_by_role("link", name="Look at L2").click()
    page.wait_for_url("**/read/*")
    room = Room(page)
    expect(room.level).to_have_text("L2")
    assert room.settle() in body
    assert record.one("SELECT state FROM labeling_read WHERE id = %s", second)["state"] == "draft"
