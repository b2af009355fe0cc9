"""A protocol in the browser: a lead, two seniors and a resident, each at their own screen, three cases, four weeks.

Planned by the form, read blind in the room, locked, waited for, settled, corrected, and the record looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.application import Application
from tests.browser.panel import Panel, Settled
from tests.browser.people import People, Person
from tests.browser.room import Room, until

#: Three test cases of L2 to L4.
MAKE = """
import itertools, os
from labeling.models import Assignment
from tests import factories
# Drafts that other tests have left would come before the next case of the round.
Assignment.objects.filter(reader__user__username__in=["senior1", "senior2"], state="open").update(
    state="skipped", skip_reason="image")
factories._next = itertools.count(os.getpid() * 1000 + 500)  # each process counts from one
cases = [factories.make_case(slices=4, patient=factories.make_patient(split="test")) for _ in range(3)]
for case in cases:
    factories.make_anatomy(case, first_k=0, last_k=3)
print("made", *(case.name for case in cases))
"""

#: The AO type that each senior gives L2 to L4, by the place of the case; 0 is negative.
SAID = {"senior1": ((1, 0, 0), (3, 0, 0), (0, 0, 0)), "senior2": ((0, 0, 0), (1, 0, 0), (0, 0, 0))}


@pytest.fixture
def cases(application: Application) -> list[str]:
    found = re.search(r"^made (.+)$", application.manage("shell", "-c", MAKE), re.MULTILINE)
    assert found is not None
    return found[1].split()


@pytest.fixture
def clock(application: Application) -> Iterator[Path]:
    """Days by which the wash-outs are ahead; back to true time afterwards, for everybody else."""
    file = Path(application.environment["SAGITTAL_CLOCK_FILE"])
    yield file
    file.unlink(missing_ok=True)


def plan(page: Page, kind: str, name: str, cases: list[str], *, follows: str = "") -> None:
    """By the form, previewed, made, started."""
    page.goto(f"/rounds/new?kind={kind}")
    if follows:
        page.locator("select[name=follows]").select_option(label=follows)
        again = page.get_by_role("button", name="Preview")
        again.first.click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("By name").check()
    page.locator("textarea[name=names]").fill("\n".join(cases))
    for senior in ("senior1", "senior2"):
        page.get_by_role("checkbox", name=re.compile(senior)).check()
    page.get_by_role("button", name="Preview").first.click()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_role("button", name="Make the round").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("button", name="Start it").click()
    expect(page.get_by_text("open", exact=True).first).to_be_visible()


def read_blind(application: Application, page: Page, round_: str, said: dict[str, tuple[int, ...]]) -> None:
    """All cases by keyboard to their locks, in the order that was drawn: after each lock the next one opens."""
    first = next(iter(said))
    page.goto("/worklist")
    page.get_by_role("textbox", name="Find a case").fill(first)
    page.get_by_role("textbox", name="Find a case").press("Enter")
    page.get_by_role("row").filter(has_text=first).get_by_role("button", name="Read").click()
    page.wait_for_url("**/read/*")
    before = locked_in(application, round_)
    for turn in range(1, len(said) + 1):
        room = Room(page)
        room.settle()
        name = page.get_by_role("heading", level=1).inner_text()
        # Nothing is negative that was not on screen.
        room.see_all(room.step)
        for place, type_ in enumerate(said[name]):
            if place:
                room.press("j")
            room.press(str(type_) if type_ else "v")
        room.saved()
        room.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        room.press("Enter")
        until(lambda expected=before + turn: locked_in(application, round_) == expected, "The lock")  # type: ignore[misc]
        if turn < len(said):
            expect(page.get_by_role("heading", level=1)).not_to_have_text(name)


def locked_in(application: Application, round_: str) -> int:
    row = application.one(
        "SELECT count(*) AS n FROM labeling_read r JOIN labeling_round o ON o.id = r.round_id"
        " WHERE o.name = %s AND r.state = 'locked'",
        round_,
    )
    return int(row["n"])


def test_three_cases_go_through_a_whole_protocol(
    application: Application, people: People, person: Person, cases: list[str], clock: Path
) -> None:
    people.foresee(r"status of (404|422)")
    lead, senior1, senior2, resident = (person(name) for name in ("lead", "senior1", "senior2", "resident"))
    # Not by the name of a case: rows of cases name their round, too.
    blind, settling = f"Blind {cases[0][-5:]}", f"Settled {cases[0][-5:]}"
    plan(lead, "independent", blind, cases)
    read_blind(application, senior1, blind, dict(zip(cases, SAID["senior1"], strict=True)))
    plan(lead, "consensus", settling, cases, follows=blind)

    # One read is locked: nobody settles, and the second senior is as blind as the first was.
    senior1.goto("/consensus?tab=later")
    expect(senior1.get_by_role("row").filter(has_text=cases[0])).to_contain_text("Waits for reads")
    senior2.goto("/consensus?tab=later")
    expect(senior2.get_by_role("row").filter(has_text=cases[0])).to_contain_text("You still owe a read")
    read_blind(application, senior2, blind, dict(zip(cases, SAID["senior2"], strict=True)))
    senior2.goto("/consensus?tab=later")
    expect(senior2.get_by_role("row").filter(has_text=cases[0])).to_contain_text("Available on")

    clock.write_text("28")
    senior1.goto("/consensus")
    expect(senior1.get_by_text("Clock 28 days ahead")).to_be_visible()
    senior1.get_by_role("row").filter(has_text=cases[0]).get_by_role("button", name="Settle").click()
    panel = Panel(senior1)
    expect(panel.count).to_contain_text("0 of 1")
    read = panel.read
    # The resident has no part in it, and no way to it.
    assert resident.goto(f"/consensus/{read}").status == 404  # type: ignore[union-attr]
    panel.press("a", "9", "q", "Enter")
    panel.saved()
    expect(panel.count).to_contain_text("1 of 1")
    panel.press("Enter")
    expect(panel.dialog).to_be_visible()
    panel.press("Enter")
    expect(panel.dialog).to_contain_text("This consensus is locked")
    settled = Settled(application, read)
    assert [one["current"] for one in settled.reference()] == [True]
    shas = settled.reads_untouched()

    # A correction is a new version; the reads stay as they were.
    csrf = {cookie["name"]: cookie["value"] for cookie in senior1.context.cookies()}["csrftoken"]
    headers = {"X-CSRFToken": csrf, "Referer": application.url}
    answer = senior1.request.post(
        f"{application.url}/api/consensus/{read}/correct", data={"reason": "Seen on the MRI."}, headers=headers
    )
    assert answer.status == 200
    later = answer.json()["consensus"]
    senior2.goto(f"/consensus/{later}")
    second = Panel(senior2)
    second.press("b", "9", "q", "Enter")
    second.saved()
    second.press("Enter")
    expect(second.dialog).to_be_visible()
    second.press("Enter")
    expect(second.dialog).to_contain_text("This consensus is locked")
    assert [one["current"] for one in Settled(application, later).reference()] == [False, True]
    assert settled.reads_untouched() == shas

    lead.goto("/rounds")
    lead.get_by_role("link", name=settling).first.click()
    lead.get_by_role("link", name=re.compile("[Pp]rotocol")).first.click()
    expect(lead.get_by_text("Seen on the MRI.").first).to_be_visible()
    expect(lead.get_by_text("moved by 28 days").first).to_be_visible()
