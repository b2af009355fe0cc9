"""What a model says, in the reading room: suggested beside the draft, or revealed once it is locked."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.agreement import assert_record_is_screen
from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.opinions import FRACTURE, LOUDEST, NEGATIVE, a_model_says
from tests.browser.people import People, Person
from tests.browser.room import Record, Room, open_case, until
from tests.browser.test_case_to_case import name_of, on_another_read


def suggestion(page: Page) -> Any:
    return page.get_by_role("region", name="What the models say")


def differences(page: Page) -> Any:
    return page.get_by_role("region", name=re.compile("you and the model (differ|agree)", re.I))


def fractured(record: Record, read: int, level: str) -> list[int]:
    return sorted(k for (of, k), value in record.labels(read).items() if of == level and value == "fracture")


def see_the_rest(room: Room) -> None:
    room.see_all(room.step)
    room.saved()


def suggested(record: Record, read: int) -> list[tuple[str, dict[str, Any]]]:
    """Verb of each operation, and what was suggested when it was made."""
    return [(row["verb"], row["shown"].get("suggestion")) for row in record.operations(read)]


def test_a_round_that_shows_the_model_first_has_its_suggestions_accepted_or_differed_from(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    new_case()  # to go on to
    body = record.bodies(case["id"])["L2"]
    said = body[4:8]
    opinion, _ = a_model_says(application, case["id"], {"L2": said}, abstained=["L4"], morphometry=True, first=True)
    page = person("senior1")
    room = open_case(page, case["name"])
    read = room.read
    room.wait_for_all_slices()
    expect(page.get_by_text("Model shown")).to_be_visible()

    # On the strip, in letter and shape and words, and in the panel.
    mark = room.row("L2").get_by_role("img")
    expect(mark).to_have_text("F")
    expect(mark).to_have_accessible_name(re.compile("the model suggests fracture on 4 slices"))
    expect(room.row("L1").get_by_role("img")).to_have_text("−")
    expect(room.row("L4").get_by_role("img")).not_to_have_class(re.compile("st-model"))
    expect(room.cell("L2", said[0])).to_have_accessible_name(re.compile("fracture suggested"))
    expect(room.cell("L2", body[0])).not_to_have_accessible_name(re.compile("suggested"))
    panel = suggestion(page)
    expect(panel).to_contain_text(f"Classifier 3 suggests negative{NEGATIVE}")
    room.press("j")
    expect(panel).to_contain_text(f"Classifier 3 suggests fracture{FRACTURE}")
    expect(panel).to_contain_text(f"Slices {said[0] + 1} to {said[-1] + 1}, strongest {said[2] + 1}")
    expect(panel).to_contain_text(re.compile(r"Morphometry 1: (fracture|negative), 0\.\d\d\."))
    height = panel.bounding_box()
    room.press("j", "j")
    expect(panel).to_contain_text("Classifier 3 did not assess L4:")
    expect(panel).to_contain_text(re.compile("metal: 12.% of the body"))
    # Nothing moves from vertebra to vertebra.
    assert height == panel.bounding_box()

    # What was not looked at is not accepted.
    room.press("k", "k", "a")
    expect(room.said).to_contain_text("Possible once every slice of L2 has been on screen.")
    room.press("Shift+A")
    expect(room.said).to_contain_text("Possible once every slice has been on screen.")
    see_the_rest(room)
    room.press("a")
    expect(room.state).to_have_text("Fracture")
    room.saved()
    assert fractured(record, read, "L2") == said
    # Accepting gives no type: that is the reader's own.
    room.press("2")
    # The reader differs on L1, and says so by hand.
    room.press("k")
    at = room.settle()
    room.press("f", "1")
    room.saved()
    # All that remains is accepted at once: L3, for L4 has no suggestion.
    room.press("Shift+A")
    room.saved()
    expect(room.row("L3").get_by_role("img")).not_to_have_class(re.compile("st-model"))
    expect(room.row("L4").get_by_role("img")).not_to_have_class(re.compile("st-neg"))
    room.press("Control+z")
    room.saved()
    expect(room.row("L3").get_by_role("img")).to_have_class(re.compile("st-model"))
    room.press("Control+Shift+z", "j", "j", "j", "i")
    room.saved()
    assert_record_is_screen(page, record, read, clicks=8)

    verbs = suggested(record, read)
    assert [verb for verb, _ in verbs] == [
        "accept", "set_ao", "label_slices", "set_ao", "accept", "restore", "restore", "set_verdict"
    ]  # fmt: skip
    # What was suggested when it was done, and for the slice that was on screen then.
    assert {shown["read"] for _, shown in verbs} == {opinion}
    assert [shown["verdict"] for _, shown in verbs] == [
        "fracture", "fracture", "negative", "negative", "negative", "negative", "negative", "not_assessable"
    ]  # fmt: skip
    assert verbs[0][1]["score"] == FRACTURE
    said_of_l1 = {"verdict": "negative", "score": NEGATIVE, "p": NEGATIVE}
    assert verbs[2][1] == {"read": opinion, "kind": "classifier", **said_of_l1}
    accepted = record.operations(read)[0]["payload"]
    assert (accepted["model_read"], accepted["all"]) == (opinion, False)
    findings = record.findings(read)
    assert {level: row["verdict"] for level, row in findings.items()} == {
        "L1": "fracture", "L2": "fracture", "L3": "negative", "L4": "indeterminate"
    }  # fmt: skip

    # All of it was shown before the lock, so nothing is revealed and the next case comes.
    room.press("Enter", "Enter")
    until(lambda: record.is_locked(read), "The read is locked")
    on_another_read(page, read)
    assert name_of(page) != case["name"]
    # Who comes back finds both verdicts, what may be extra first, and a click leads to it.
    page.goto(f"/read/{read}")
    room = Room(page)
    jump = differences(page).get_by_role("button")
    expect(jump).to_have_text([re.compile(r"L1\s*≠\s*you fracture, model negative")])
    jump.click()
    expect(room.level).to_have_text("L1")
    assert room.settle() == at


def test_a_model_that_is_hidden_until_the_lock_is_revealed_then_and_a_change_of_mind_is_a_second_version(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    people.foresee(r"net::ERR_FAILED")
    case, record = new_case(), Record(application)
    said = record.bodies(case["id"])["L2"][4:8]
    (opinion,) = a_model_says(application, case["id"], {"L2": said, "L3": said})
    page = person("senior2")
    room = open_case(page, case["name"])
    first = room.read
    room.wait_for_all_slices()
    # Nothing of it before: not on the strip, not in the panel, not by key.
    expect(page.get_by_text("Model hidden until you lock")).to_be_visible()
    expect(suggestion(page)).to_be_hidden()
    expect(page.locator(".st-model:visible, .st-diff:visible, td:is(.mf, .mn, .mm)")).to_have_count(0)
    expect(room.button("Accept")).to_have_count(0)
    see_the_rest(room)
    room.press("a")
    expect(room.said).to_have_text("No suggestion is shown here.")
    room.press("Home")
    room.settle()
    # L3 is a fracture for both, but elsewhere; all others are negative for the reader.
    room.press("j", "j", "Home")
    at = room.settle()
    room.press("f", "3", "Shift+V")
    room.saved()
    assert not record.sql("SELECT 1 FROM labeling_modelshowing WHERE read_id = %s", first)
    assert all(shown is None for _, shown in suggested(record, first))

    # The network goes between the lock and what it reveals: the lock stands, and one more key shows it.
    page.route(re.compile("/room$"), lambda route: route.abort())
    room.press("Enter", "Enter")
    expect(room.dialog).to_contain_text("The server does not answer.")
    assert record.is_locked(first)
    page.unroute_all()
    room.press("Enter")
    expect(page.get_by_text("Model revealed", exact=True)).to_be_visible()
    assert room.read == first
    expect(page.get_by_text(re.compile(r"Locked \d\d:\d\d, version 1"))).to_be_visible()
    # At the difference that matters most, on the slice that speaks most for it.
    expect(room.level).to_have_text("L2")
    assert room.settle() == said[2]
    expect(room.state).to_have_text("You and the model differ")
    versus = page.get_by_role("region", name="You and the model", exact=True)
    expect(versus).to_contain_text("Negative")
    expect(versus).to_contain_text(f"Fracture{FRACTURE}")
    expect(differences(page)).to_contain_text("fracture at L2 and L3")
    rows = differences(page).get_by_role("button")
    expect(rows).to_have_text([re.compile("L2.*you negative, model fracture"), re.compile("L3.*on other slices")])
    expect(room.row("L2").get_by_role("img")).to_have_text("≠")
    expect(room.row("L2").get_by_role("img")).to_have_accessible_name(
        re.compile("the model: fracture on 4 slices, you differ")
    )
    expect(room.cell("L2", said[0])).to_have_accessible_name(re.compile("negative, the model says fracture"))
    rows.nth(1).click()
    expect(room.level).to_have_text("L3")
    # A reload in the middle of it loses nothing of it.
    page.reload()
    room = Room(page)
    expect(rows).to_have_count(2)
    expect(room.level).to_have_text("L2")

    room.press("Shift+R")
    expect(room.dialog.get_by_role("textbox", name="Reason")).to_have_value("After seeing the model")
    room.press("Enter")
    room = on_another_read(page, first)
    second = room.read
    # The opinion stays beside the second version, where it may be accepted.
    expect(suggestion(page)).to_be_visible()
    room.rowheader("L2").click()
    expect(room.level).to_have_text("L2")
    expect(room.row("L2").get_by_role("img")).to_have_text("≠")
    room.press("a", "1")
    room.saved()
    expect(room.row("L2").get_by_role("img")).to_have_text("A1")
    room.press("Enter", "Enter")
    until(lambda: record.is_locked(second), "The second version is locked")
    # There is nothing left to reveal, so the room goes on; this read is found again as it was left.
    page.goto(f"/read/{second}")
    expect(page.get_by_text(re.compile(r"Locked \d\d:\d\d, version 2"))).to_be_visible()
    # Both are kept, as they were locked, and what was said after seeing the model says so.
    assert (fractured(record, first, "L2"), fractured(record, second, "L2")) == ([], said)
    assert fractured(record, first, "L3") == fractured(record, second, "L3") == [at]
    assert [(verb, shown and shown["read"]) for verb, shown in suggested(record, second)] == [
        ("accept", opinion), ("set_ao", opinion)
    ]  # fmt: skip
    assert suggested(record, second)[0][1]["p"] in (None, FRACTURE, LOUDEST, NEGATIVE)
    showings = record.sql("SELECT read_id, first FROM labeling_modelshowing ORDER BY read_id")
    assert {(row["read_id"], row["first"]) for row in showings} >= {(first, False), (second, False)}
    versions = page.locator("[data-room=versions]").get_by_role("listitem")
    expect(versions).to_have_text(
        [re.compile("Version 1 locked"), re.compile("Version 2 locked.*After seeing the model")]
    )
