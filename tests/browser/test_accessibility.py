"""No page, in no state that a person meets, has a serious violation of axe-core's rules: the light pages."""

from __future__ import annotations

import importlib
from pathlib import Path

from playwright.sync_api import expect

from config.folders import REPOSITORY
from labeling.pages.urls import urlpatterns
from tests.browser.accessibility import NOTICE, Look, found_by_axe, looks_at
from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import People, Person, log_in
from tests.browser.room import Record, open_case, until
from tests.browser.test_case_to_case import decide_all, lock, on_another_read
from tests.browser.test_intake import IMPORTED, choose, delivery, send_slowly
from tests.intake import phantoms

#: Addresses that are no page: what they answer with instead.
NO_PAGE = {
    "home": "leads on to the first page of the person",
    "numbers-crop": "a picture",
    "numbers-masks": "a picture",
    "numbers-bundle": "is a download",
    "logout": "leads on to the login",
    "open-case": "leads on to the room",
    "anatomy-next": "leads on to the next anatomy check",
    "intake-batches": "is a part of the intake page",
    "cases-segment": "leads on to the jobs",
    "case-segment": "leads on to the case",
    "case-prelabel": "leads on to the case",
    "case-vertebrae": "is a part of the page of a case",
    "model-activate": "leads on to the model",
    "model-retire": "leads on to the model",
    "jobs-table": "is a part of the jobs page",
    "job-now": "is a part of the page of a job",
    "job-cancel": "leads on to where the button was",
    "job-again": "leads on to where the button was",
    "open-next": "leads on to the room",
    "consensus-open": "leads on to the screen of the consensus",
    "round-state": "leads on to the round",
    "cohort-decide": "leads on to the next case",
    "cohort-reports-search": "leads on to the reports",
    "cohort-report-decide": "leads on to the reports",
    "assignment-hand-over": "leads on to the round or the worklist",
    "assignment-reassign": "leads on to the round",
    "assignment-take-back": "leads on to the round",
    "assignment-override": "leads on to the round",
    "healthz": "is for machines",
}


def test_every_page_has_a_test_that_looks_at_it() -> None:
    here = sorted(Path(__file__).parent.glob("test_*.py"))
    modules = [importlib.import_module(f"tests.browser.{path.stem}") for path in here]
    tests = [one for module in modules for one in vars(module).values()]
    looked_at = {name for test in tests for name in getattr(test, "pages", ())}
    pages = {pattern.name for pattern in urlpatterns} | {"docs"}
    assert looked_at - {NOTICE} == pages - set(NO_PAGE)


def test_what_is_wrong_with_a_page_is_found(person: Person) -> None:
    page = person("engineer")
    page.goto("/account")
    assert found_by_axe(page, "as it is") == []
    page.evaluate("() => { document.querySelector('h1').hidden = true; }")
    page.evaluate("() => { document.querySelector('.panel-head h2').className = 'pale'; }")
    page.evaluate("() => document.styleSheets[0].insertRule('.pale { color: #ccc; }')")
    page.evaluate("() => document.querySelector('label').remove()")
    found = {each.rule: each.impact for each in found_by_axe(page, "spoilt")}
    assert found == {"label": "critical", "color-contrast": "serious", "page-has-heading-one": "moderate"}


# ---------------------------------------------------------------- before and beside the work


@looks_at("login", NOTICE)
def test_logging_in(people: People, look: Look) -> None:
    people.foresee(r"status of (403|429)")
    page = people.stranger()
    page.goto("/login")
    look(page, "empty")
    page.goto("/cases")
    look(page, "on the way to a page")
    log_in(page, "nobody", "wrong")
    expect(page.get_by_role("alert")).to_be_visible()
    look(page, "a wrong password")
    for _ in range(7):
        log_in(page, "nobody", "wrong")
        page.wait_for_load_state()
    expect(page.get_by_role("heading", level=1)).to_have_text("Too many wrong tries")
    look(page, "locked out")


@looks_at(NOTICE)
def test_what_stands_in_place_of_a_page(people: People, person: Person, look: Look) -> None:
    people.foresee(r"status of 40[34]")
    page = person("resident")
    for address in ("/labels", "/cases/99999999", "/no/such/page"):
        page.goto(address)
        look(page, address)
    page.goto("/account")
    page.context.clear_cookies(name="csrftoken")
    page.get_by_role("button", name="Make a token").evaluate("button => button.form.submit()")
    expect(page.get_by_role("heading", level=1)).to_have_text("The page was too old")
    look(page, "the page was too old")
    page.goto("about:blank")
    page.set_content((REPOSITORY / "templates" / "500.html").read_text(encoding="utf-8"))
    look(page, "something stopped")


@looks_at("account")
def test_the_account(person: Person, look: Look) -> None:
    page = person("engineer")
    page.goto("/account")
    page.get_by_label("What the token is for").fill("a script")
    page.get_by_role("button", name="Make a token").click()
    expect(page.get_by_text("Copy it now")).to_be_visible()
    look(page, "a fresh token")
    for field in page.locator("input[type=password]").all():
        field.fill("short")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    look(page, "a password that is refused")


@looks_at("docs")
def test_the_description_of_the_api(person: Person, look: Look) -> None:
    page = person("engineer")
    page.goto("/api/docs")
    look(page, "all of it")


# ---------------------------------------------------------------- worklist, intake, cases, labels


@looks_at("worklist", "labels")
def test_the_worklist_and_what_was_locked_from_it(
    application: Application, person: Person, new_case: NewCase, look: Look
) -> None:
    page = person("senior2")
    skipped, locked, draft, _ = (new_case() for _ in range(4))
    room = open_case(page, skipped["name"])
    room.press("s", "6", "Enter")
    room = on_another_read(page, room.read)
    room = open_case(page, locked["name"])
    decide_all(room)
    read = room.read
    lock(room)
    until(lambda: Record(application).is_locked(read), "The read is locked")
    room = open_case(page, draft["name"])
    room.press("f", "1", "u", "j", "f", "j", "x", "1", "j", "i")
    room.saved()
    for tab in ("to_read", "draft", "locked", "mine", "skipped", "unclear"):
        page.goto(f"/worklist?tab={tab}")
        expect(page.get_by_role("table").last).to_be_visible()
        look(page, f"tab {tab}")
    page.goto("/worklist?search=nobody")
    look(page, "nothing found")
    page = person("resident")
    page.goto("/worklist")
    look(page, "of somebody else")
    page = person("lead")
    page.goto("/worklist")
    look(page, "of somebody who reads nothing")
    page.goto("/labels")
    expect(page.get_by_role("link", name="CSV").first).to_be_visible()
    look(page, "rounds")


@looks_at("intake")
def test_the_intake(person: Person, look: Look, tmp_path: Path) -> None:
    files = phantoms.dicom(tmp_path / "gaps", patient_id="SEEN-BY-AXE", seed=601)
    for path in files[40:45]:
        path.unlink()
    archive = phantoms.zipped(tmp_path / "gaps.zip", [path for path in files if path.exists()])
    page = person("resident")
    page.goto("/intake")
    look(page, "at first")
    send_slowly(page, 60)
    choose(page, "Choose files", archive)
    expect(page.get_by_role("progressbar", name="Sending gaps.zip")).to_be_visible()
    look(page, "on its way")
    send_slowly(page, 10_000)
    expect(delivery(page, "gaps.zip")).to_contain_text("Slices are missing.", timeout=IMPORTED)
    for name in page.get_by_role("navigation", name="Filter").get_by_role("link").all_inner_texts():
        page.get_by_role("navigation", name="Filter").get_by_role("link", name=name).click()
        look(page, name)


@looks_at("cases", "case", "case-report", "identity")
def test_the_cases_and_one_case(people: People, person: Person, new_case: NewCase, look: Look) -> None:
    people.foresee(r"status of 422")
    case, bare = new_case(attributes={"AccessionNumber": "ACC-4711"}), new_case(masked=False)
    page = person("lead")
    page.goto("/cases")
    expect(page.get_by_role("link", name="Check anatomies")).to_be_visible()
    look(page, "all")
    page.goto("/cases?search=nobody")
    look(page, "nothing found")
    page.goto(f"/cases/{bare['id']}")
    look(page, "without vertebrae")
    page.goto(f"/cases/{case['id']}")
    look(page, "a report to be entered")
    page.get_by_label("Text of the report").fill("Accession ACC-4711: fracture of L1.")
    page.get_by_role("button", name="Save the report").click()
    expect(page.get_by_role("alert")).to_be_visible()
    look(page, "a report that names the patient")
    page.get_by_label("Text of the report").fill("Fracture of L1.")
    page.get_by_role("button", name="Save the report").click()
    expect(page.get_by_text("The report is saved.")).to_be_visible()
    look(page, "a report is saved")
    page.get_by_role("button", name="Show and edit").click()
    look(page, "its report is shown")
    page = person("administrator")
    page.goto(f"/cases/{case['id']}")
    page.get_by_role("button", name="Look up who this is").click()
    expect(page.get_by_text("This look is recorded")).to_be_visible()
    look(page, "who the case is")
