"""Reloads, lost networks, dead servers, ended sessions, closed tabs in the middle of a read: after each, the database
holds exactly what the screen says."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.agreement import assert_record_is_screen
from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import People, Person, log_in
from tests.browser.room import Record, Room, open_case

#: What Chromium itself says of a server that is away.
# The last is an answer that the kill cut off.
NO_SERVER = (
    r"net::ERR_(CONNECTION_(REFUSED|RESET|CLOSED|ABORTED)|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED|CONTENT_LENGTH_MISMATCH)"
)


def assert_each_operation_once(record: Record, read: int, count: int) -> None:
    operations = record.operations(read)
    assert [operation["seq"] for operation in operations] == list(range(1, count + 1))


def test_a_reload_in_the_middle_of_a_read_loses_nothing_and_the_same_slice_comes_back(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    page = person("resident")
    room = open_case(page, case["name"])
    room.press("j")
    room.step(2)
    at = room.settle()
    room.press("f", "3")
    # No waiting for the server: what it has not heard is kept by the browser.
    page.reload()
    room = Room(page)
    assert room.settle() == at
    expect(room.level).to_have_text("L2")
    expect(room.state).to_have_text("Fracture, type A3")
    room.saved()
    read = record.read_of(case["id"], "resident")["id"]
    assert record.labels(read) == {("L2", at): "fracture"}
    assert record.findings(read)["L2"]["ao_body"] == "A3"
    assert_record_is_screen(page, record, read, clicks=2)
    assert {at, at - 1, at - 2} <= record.seen(read)

    # Of all drafts this one was written to last.
    page.goto("/worklist")
    page.get_by_role("link", name="Continue").first.click()
    page.wait_for_url(f"**/read/{read}")
    assert Room(page).settle() == at


def test_labels_given_while_the_web_server_is_gone_are_sent_when_it_is_back_each_once(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    people.foresee(NO_SERVER)
    case, record = new_case(), Record(application)
    room = open_case(person("resident"), case["name"])
    at = room.settle()
    room.wait_for_all_slices()
    room.press("f")
    room.saved()
    application.kill_web()
    try:
        room.step(1)
        room.press("f")
        room.step(1)
        room.press("n", "1")
        expect(room.chip).to_contain_text(re.compile(r"Not saved, \d waiting"))
        expect(room.chip).to_have_attribute("data-state", "waiting")
        read = record.read_of(case["id"], "resident")["id"]
        assert record.labels(read) == {("L1", at): "fracture"}
    finally:
        application.start_web()
    room.saved()
    assert record.labels(read) == {("L1", at): "fracture", ("L1", at + 1): "fracture", ("L1", at + 2): "negative"}
    assert record.findings(read)["L1"]["ao_body"] == "A1"
    assert_record_is_screen(room.page, record, read, clicks=4)


def test_a_web_server_killed_again_and_again_amid_clicks_doubles_and_loses_none(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    people.foresee(NO_SERVER)
    case, record = new_case(), Record(application)
    room = open_case(person("resident"), case["name"])
    room.wait_for_all_slices()
    body = record.bodies(case["id"])["L1"]
    room.press("Home")
    for n, k in enumerate(body):
        assert room.settle() == k
        room.press("f" if n % 3 else "n")
        if n % 5 == 2:
            application.restart_web()
        if k != body[-1]:
            room.press("ArrowDown")
    room.saved()
    read = record.read_of(case["id"], "resident")["id"]
    assert record.labels(read) == {("L1", k): "fracture" if n % 3 else "negative" for n, k in enumerate(body)}
    assert_record_is_screen(room.page, record, read, clicks=len(body))


def test_a_session_that_ended_asks_for_a_login_beside_the_room_and_nothing_is_lost(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    people.foresee(r"status of 40[13]")
    case, record = new_case(), Record(application)
    page = person("senior1", fresh=True)
    room = open_case(page, case["name"])
    at = room.settle()
    room.press("f")
    room.saved()
    read = record.read_of(case["id"], "senior1")["id"]
    application.end_session(session_key(page))

    room.press("2")
    expect(room.dialog).to_contain_text("Your session has ended.")
    expect(room.chip).to_contain_text("Not saved, 1 waiting")
    with page.context.expect_page() as coming:
        room.dialog.get_by_role("link", name="Log in").click()
    beside = coming.value
    log_in(beside, "senior1", application.accounts["senior1"])
    beside.wait_for_url("**/worklist")
    beside.close()
    room.dialog.get_by_role("button", name="I have logged in").click()
    room.saved()
    expect(room.state).to_have_text("Fracture, type A2")
    assert record.labels(read) == {("L1", at): "fracture"}
    assert record.findings(read)["L1"]["ao_body"] == "A2"
    assert_record_is_screen(page, record, read, clicks=2)


def test_the_network_cut_in_the_middle_of_fifty_rapid_clicks_loses_and_doubles_none(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    people.foresee(r"net::ERR_INTERNET_DISCONNECTED", NO_SERVER)
    case, record = new_case(), Record(application)
    page = person("resident")
    room = open_case(page, case["name"])
    room.wait_for_all_slices()
    # Each of these keys changes something, whatever stood there before: a type is never pressed twice on one vertebra.
    keys = "1u20q3u40q" * 3 + "u0qqu00uqu" * 2
    for n, key in enumerate(keys):
        if n == 17:
            page.context.set_offline(True)
        if n == 36:
            page.context.set_offline(False)
        if n % 10 == 9:
            room.press("j" if n < 30 else "k")
        room.press(key)
    made = page.evaluate("() => window.sagittal.app.open.store.latest.length")
    room.saved()
    assert made == 50
    assert_record_is_screen(page, record, room.read, clicks=50)
    page.reload()
    room = Room(page)
    room.saved()
    assert_record_is_screen(page, record, room.read, clicks=50)


def test_a_tab_closed_without_a_network_sends_what_it_kept_when_the_read_is_opened_again(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    people.foresee(r"net::ERR_INTERNET_DISCONNECTED", NO_SERVER)
    case, record = new_case(), Record(application)
    page = person("resident")
    room = open_case(page, case["name"])
    at = room.settle()
    room.wait_for_all_slices()
    room.press("f")
    room.saved()
    read = room.read
    page.context.set_offline(True)
    room.step(1)
    room.press("f", "4", "0")
    # Seen without a network, and needed by what follows.
    room.see_all(room.step)
    room.press("j", "v", "Control+z", "Control+Shift+z")
    expect(room.chip).to_contain_text("Not saved, 6 waiting")
    assert len(record.operations(read)) == 1
    context = page.context
    page.close()
    context.set_offline(False)

    page = context.new_page()
    page.goto(f"/read/{read}")
    room = Room(page)
    room.saved()
    assert record.labels(read).items() >= {("L1", at): "fracture", ("L1", at + 1): "fracture"}.items()
    assert record.findings(read)["L2"]["verdict"] == "negative"
    assert_record_is_screen(page, record, read, clicks=7)


def test_a_second_tab_reads_along_and_takes_over_when_asked(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    page = person("resident")
    first = open_case(page, case["name"])
    at = first.settle()
    first.press("f")
    first.saved()
    other = page.context.new_page()
    other.goto(page.url)
    second = Room(other)
    expect(second.banner).to_contain_text("Being written in another tab of this browser.")
    second.press("4")
    expect(second.said).to_contain_text("being written elsewhere")
    second.banner.get_by_role("button", name="Read here").click()
    expect(second.banner).to_be_hidden()
    second.settle()
    second.press("4")
    second.saved()
    read = record.read_of(case["id"], "resident")["id"]
    assert record.labels(read) == {("L1", at): "fracture"}
    assert record.findings(read)["L1"]["ao_body"] == "A4"
    assert_record_is_screen(other, record, read, clicks=2)
    page.bring_to_front()
    expect(first.chip).to_contain_text("Open in another tab")
    first.press("1")
    expect(first.said).to_contain_text("being written elsewhere")
    assert_each_operation_once(record, read, 2)


def session_key(page: Page) -> str:
    (key,) = [str(cookie["value"]) for cookie in page.context.cookies() if cookie["name"] == "sessionid"]
    return key
