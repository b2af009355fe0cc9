"""No page about a round, in no state that a person meets, has a serious violation of axe-core's rules."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.accessibility import Look, looks_at
from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.panel import Panel, two_blind_reads
from tests.browser.people import Person

#: The panel of a consensus asks senior1 about the first vertebra of their read.
ASK = """
from labeling.models import Question, Read, Reader
consensus = Read.objects.get(pk=%(consensus)d)
settles = consensus.settles.get(read__reader__user__username="senior1")
print(Question.objects.create(
    consensus=consensus, read=settles.read, vertebra=settles.read.findings.order_by("pk").first().vertebra,
    text="Which line do you see?", by=Reader.objects.get(user__username="senior2")).pk)
"""


@looks_at("consensus-list", "question", "round-sums", "round-protocol", "assignment")
def test_the_pages_around_a_round(application: Application, person: Person, new_case: NewCase, look: Look) -> None:
    round_ = two_blind_reads(application, new_case())
    senior, lead = person("senior1"), person("lead")
    senior.goto("/consensus")
    expect(senior.get_by_role("row").filter(has_text=round_["name"])).to_be_visible()
    look(senior, "one to settle")
    senior.goto("/consensus?tab=later")
    look(senior, "what waits")
    panel = Panel(senior, round_)
    asked = application.manage("shell", "-v", "0", "-c", ASK % {"consensus": panel.read}).split()[-1]
    senior.goto(f"/questions/{asked}")
    expect(senior.get_by_text("Which line do you see?").first).to_be_visible()
    look(senior, "a question")

    lead.goto(f"/rounds/{round_['round']}/sums")
    look(lead, "no sums yet")
    lead.goto(f"/rounds/{round_['round']}/protocol")
    look(lead, "the record of a consensus")
    row = application.one("SELECT id FROM labeling_assignment WHERE round_id = %s LIMIT 1", round_["round"])
    lead.goto(f"/rounds/assignments/{row['id']}")
    look(lead, "an assignment")
