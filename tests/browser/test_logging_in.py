"""The door: logging in and out, wrong passwords, lock-out, coming back to where one was."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import People, Person, log_in
from tests.browser.room import Room, open_case

WRONG = "Name and password do not match."
TRIES = 8


def test_a_wrong_password_is_answered_by_a_sentence_and_the_name_stays(
    application: Application, people: People
) -> None:
    page = people.stranger()
    page.goto("/login")
    log_in(page, "resident", "not this one")
    expect(page.get_by_role("alert")).to_contain_text(WRONG)
    expect(page.get_by_label("Name")).to_have_value("resident")
    expect(page.get_by_label("Password")).to_have_value("")
    expect(page.get_by_label("Name")).to_have_attribute("aria-describedby", "wrong")
    log_in(page, "resident", application.accounts["resident"])
    page.wait_for_url("**/worklist")
    expect(page.get_by_role("heading", name="Worklist", level=1)).to_be_visible()


def test_after_logging_out_a_page_asks_for_the_login_again(person: Person) -> None:
    page = person("lead", fresh=True)
    page.goto("/cases")
    expect(page.get_by_role("heading", name="Cases", level=1)).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    page.goto("/cases")
    page.wait_for_url("**/login?next=/cases")
    expect(page.get_by_role("heading", name="Log in", level=1)).to_be_visible()


def test_a_link_deep_into_a_read_leads_there_after_the_login(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    case = new_case()
    room = open_case(person("senior2"), case["name"])
    address = room.page.url
    page = people.stranger()
    page.goto(address)
    expect(page.get_by_role("status")).to_contain_text("Log in to go on to the page you asked for.")
    log_in(page, "senior2", application.accounts["senior2"])
    page.wait_for_url(address)
    Room(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(case["name"])


def test_after_many_wrong_passwords_even_the_right_one_waits(application: Application, people: People) -> None:
    people.foresee(r"status of 429")
    name, password = application.manage("create_account", "forgetful", "--role", "resident").split()
    page = people.stranger()
    page.goto("/login")
    for _ in range(TRIES - 1):
        log_in(page, name, "wrong")
        expect(page.get_by_role("alert")).to_contain_text(WRONG)
    log_in(page, name, "wrong")
    expect(page.get_by_role("heading", level=1)).to_have_text("Too many wrong tries")
    expect(page.get_by_role("main")).to_contain_text("10 minutes")
    page.get_by_role("link", name="Back to log in").click()
    log_in(page, name, password)
    expect(page.get_by_role("heading", level=1)).to_have_text("Too many wrong tries")
    # Others at the same computer are not locked out.
    page.goto("/login")
    log_in(page, "lead", application.accounts["lead"])
    page.wait_for_url("**/cases")


def test_a_changed_password_opens_and_the_old_one_does_not(application: Application, people: People) -> None:
    name, password = application.manage("create_account", "careful", "--role", "senior").split()
    page = people.stranger()
    page.goto("/account")
    log_in(page, name, password)
    page.wait_for_url("**/account")
    new = "bone window 1800 400"
    page.get_by_label("Old password").fill(password)
    page.get_by_label("New password", exact=True).fill(new)
    page.get_by_label("New password again").fill(new)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("status").first).to_contain_text("The password is changed.")
    other = people.stranger()
    other.goto("/login")
    log_in(other, name, password)
    expect(other.get_by_role("alert")).to_contain_text(WRONG)
    log_in(other, name, new)
    other.wait_for_url("**/worklist")


def test_a_token_made_on_the_account_page_opens_the_api_until_it_is_revoked(
    application: Application, people: People, person: Person
) -> None:
    page = person("engineer")
    page.goto("/account")
    page.get_by_label("What the token is for").fill("night export")
    page.get_by_role("button", name="Make a token").click()
    expect(page.get_by_text("Copy it now; it is shown this once.")).to_be_visible()
    token = page.locator(".token").inner_text()
    script = people.stranger()
    headers = {"Authorization": f"Bearer {token}"}
    answer = script.request.get("/api/me", headers=headers)
    assert answer.json()["username"] == "engineer"
    page.get_by_role("row").filter(has_text="night export").get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("status").first).to_contain_text("no longer opens anything")
    expect(page.get_by_text(token)).to_have_count(0)
    assert script.request.get("/api/me", headers=headers).status == 401


def test_the_keys_of_the_login_go_from_name_to_password_to_button(people: People) -> None:
    page = people.stranger()
    page.goto("/login")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name=re.compile("^Log in"))).to_be_focused()
