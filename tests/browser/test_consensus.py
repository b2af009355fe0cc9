"""Two seniors at the screen of a consensus: by keyboard, by mouse, through a reload, and when something goes wrong."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.accessibility import Look, looks_at
from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.panel import Panel, Settled, two_blind_reads
from tests.browser.people import People, Person
from tests.browser.room import until
from tests.browser.test_nothing_is_lost import session_key


def test_two_seniors_settle_what_differs_by_keyboard_and_lock(
    application: Application, person: Person, new_case: NewCase
) -> None:
    panel = Panel(person("senior1"), two_blind_reads(application, new_case()))
    record = Settled(application, panel.read)
    before = record.reads_untouched()
    expect(panel.level).to_have_text("L1")
    expect(panel.count).to_have_text("0 of 3 settled")

    panel.press("Enter")
    expect(panel.said).to_contain_text("Take A, take B, or neither")
    panel.press(record.letter_of("senior2").lower(), "4", "l")
    panel.page.keyboard.type("Both heights are the same.")
    panel.press("Escape")
    expect(panel.settles).to_contain_text("Settles L1 as negative")
    panel.press("Enter")
    expect(panel.level).to_have_text("L2")
    panel.press("Control+z")
    expect(panel.level).to_have_text("L1")
    expect(panel.count).to_have_text("0 of 3 settled")
    panel.press("Enter")
    expect(panel.count).to_have_text("1 of 3 settled")

    # Neither: the digits are AO types until Enter gives them back to the reasons.
    panel.settle()
    panel.press("e")
    panel.press("f", "2", "v")
    expect(panel.settles).to_contain_text("fracture, A2")
    panel.press("Enter", "1", "Enter")
    expect(panel.level).to_have_text("L3")
    panel.saved()

    panel.press("s")
    for _ in range(12):
        if panel.page.locator("[data-room=own-hint]").inner_text().startswith("Still to decide"):
            panel.settle()
            panel.press("f")
    panel.press("y", "0", "q", "Enter")
    expect(panel.count).to_have_text("3 of 3 settled")
    panel.saved()
    panel.press("Enter")
    expect(panel.dialog).to_contain_text("Nothing is missing")
    panel.press("Enter")
    expect(panel.dialog).to_contain_text("This consensus is locked")
    expect(panel.chip).to_contain_text("Locked, version 1")

    assert record.settlements()["L1"][0] == record.letter_of("senior2").lower()
    assert [took for took, _ in (record.settlements()[level] for level in ("L2", "L3"))] == ["neither", "neither"]
    assert record.findings() == {
        "L1": ("negative", None),
        "L2": ("fracture", "A2"),
        "L3": ("fracture", "A3"),
        "L4": ("negative", None),
    }
    assert record.reference() == [{"read_id": record.read, "current": True}]
    assert record.reads_untouched() == before
    taught = application.one(
        "SELECT s.explanation FROM labeling_settlement s WHERE s.consensus_id = %s AND s.teach", record.read
    )
    assert taught["explanation"] == "Both heights are the same."


def test_by_mouse_and_a_correction_is_the_next_version(
    application: Application, person: Person, new_case: NewCase
) -> None:
    page = person("senior2")
    panel = Panel(page, two_blind_reads(application, new_case()))
    first = Settled(application, panel.read)
    for _ in range(3):
        panel.card("A").click()
        page.get_by_role("button", name="True borderline").click()
        page.get_by_role("button", name=re.compile("^Settle")).click()
        panel.saved()
    expect(panel.count).to_have_text("3 of 3 settled")
    other = page.get_by_role("group", name="Present").get_by_role("button", name=re.compile(": not present"))
    other.click()
    expect(other).to_have_count(0)
    page.get_by_role("button", name="Lock the consensus").click()
    panel.dialog.get_by_role("button", name="Lock").click()
    expect(panel.dialog).to_contain_text("This consensus is locked")
    panel.dialog.get_by_role("button", name="Close").click()
    assert {took for took, _ in first.settlements().values()} == {"a"}
    present = application.one("SELECT count(*) AS n FROM labeling_participant WHERE consensus_id = %s", first.read)
    assert present["n"] == 2

    page.get_by_role("button", name=re.compile("^Correct")).click()
    panel.dialog.get_by_label("Reason").fill("L1 was settled on the wrong read")
    panel.dialog.get_by_role("button", name="Open version 2").click()
    page.wait_for_url(lambda url: url.rsplit("/", 1)[-1] not in (str(first.read), "consensus"))
    later = Panel(page)
    expect(later.banner).to_contain_text("L1 was settled on the wrong read")
    assert first.reference() == [{"read_id": first.read, "current": True}]
    later.card("B").click()
    page.get_by_role("button", name=re.compile("^Settle")).click()
    later.saved()
    later.press("Enter", "Enter")
    expect(later.chip).to_contain_text("Locked, version 2")
    assert first.reference() == [{"read_id": first.read, "current": False}, {"read_id": later.read, "current": True}]


def test_a_reload_in_the_middle_keeps_everything(application: Application, person: Person, new_case: NewCase) -> None:
    page = person("senior1")
    panel = Panel(page, two_blind_reads(application, new_case()))
    panel.press("a", "1", "Enter")
    expect(panel.level).to_have_text("L2")
    panel.press("b", "2")
    panel.saved()
    page.reload()
    panel = Panel(page)
    expect(panel.count).to_have_text("1 of 3 settled")
    expect(panel.level).to_have_text("L2")
    expect(panel.card("B")).to_have_attribute("aria-pressed", "true")
    panel.press("Enter")
    expect(panel.count).to_have_text("2 of 3 settled")


def test_without_a_network_it_waits_and_says_so(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    # A frame that was on its way when the network went, too.
    people.foresee(r"net::ERR_", r"Couldn't process because XMLHttpRequest", r"error in the page: XMLHttpRequest")
    page = person("senior1")
    panel = Panel(page, two_blind_reads(application, new_case()))
    record = Settled(application, panel.read)
    page.context.set_offline(True)
    panel.press("a", "1", "Enter")
    expect(panel.chip).to_contain_text("Not saved, 1 waiting")
    expect(panel.count).to_have_text("1 of 3 settled")
    assert record.settlements() == {}
    page.context.set_offline(False)
    panel.saved()
    until(lambda: record.settlements().get("L1", ("",))[0] == "a", "L1 is settled")


def test_two_screens_never_build_on_each_other_unseen(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    people.foresee(r"status of 409")
    round_ = two_blind_reads(application, new_case())
    here, there = Panel(person("senior1"), round_), Panel(person("senior2"), round_)
    here.press("a", "1", "Enter")
    here.saved()
    there.press("b", "2", "Enter")
    expect(there.banner).to_contain_text("changed on another screen")
    expect(there.banner).to_contain_text("Not saved from here: L1")
    assert Settled(application, here.read).settlements()["L1"][0] == "a"
    expect(there.count).to_have_text("1 of 3 settled")


def test_a_session_that_ends_loses_nothing(application: Application, people: People, new_case: NewCase) -> None:
    # A frame that was on its way when the session went, too.
    people.foresee(r"status of 40[13]", r"Couldn't process because XMLHttpRequest", r"in the page: XMLHttpRequest")
    page = people.person("senior1", fresh=True)
    panel = Panel(page, two_blind_reads(application, new_case()))
    application.end_session(session_key(page))
    panel.press("a", "1", "Enter")
    expect(panel.dialog).to_contain_text("Your session has ended.")
    expect(panel.chip).to_contain_text("Not saved, 1 waiting")


@looks_at("consensus")
def test_the_consensus_screen_can_be_used_by_everybody(
    application: Application, person: Person, new_case: NewCase, look: Look
) -> None:
    page = person("senior1")
    panel = Panel(page, two_blind_reads(application, new_case()))
    look(page, "untouched")
    for keys, words in {"?": "keys", "r": "ask", "Shift++": "levels", "Enter": "nothing chosen"}.items():
        panel.press(keys)
        look(page, words)
        panel.press("Escape")
    panel.press("a", "1", "l", "Escape")
    look(page, "A taken, for teaching")
    panel.press("Enter", "e", "f")
    look(page, "neither")
    panel.press("x")
    look(page, "why not assessable")
    panel.press("Escape", "a", "1", "Enter", "s")
    look(page, "by slice")
    panel.press("b", "2", "Enter")
    panel.saved()
    page.get_by_text("1 agreed, filled in").click()
    look(page, "all settled, what is agreed unfolded")
    panel.press("Enter")
    look(page, "ready to lock")
    panel.press("Enter")
    expect(panel.dialog).to_contain_text("This consensus is locked")
    look(page, "locked, summary")
    panel.press("Escape")
    look(page, "locked")
