"""A panel at its screen: two locked reads that differ, and what the record holds of settling them."""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.application import Application
from tests.browser.room import until

#: senior1 calls L1 a fracture A1, senior2 negative; both L2 a fracture, A1 and A3; both L3 a fracture A3, on other
#: slices; L4 is negative for both. The lead has lifted their wash-out.
_BLIND_READS = """
import json
from uuid import uuid4
from django.contrib.auth.models import User
from django.utils import timezone
from labeling.models import *
from labeling.reading.labels import Operation, mark_seen, write_operation
from labeling.reading.locking import lock_read
from labeling.reading.projection import take_snapshot
from labeling.reading.roles import reader_of
from labeling.reading.rounds import open_read
from labeling.reading.rules import DEFAULTS

now, case = timezone.now(), Case.objects.get(pk=%(case)d)
Assignment.objects.filter(case=case).delete()
schema = LabelSchema.objects.order_by("-version").first()
def a_round(kind, name, **more):
    rules = {**DEFAULTS[RoundKind(kind)].as_json(), "unit": "slice", "ao_required": True}
    begun = {"state": "open", "started_at": now, "seed": case.pk}
    return Round.objects.create(name=name, kind=kind, rules=rules, label_schema=schema, **begun, **more)
blind = a_round("independent", f"Blind {case.pk}")
panel = Reader.objects.create(kind="panel", label=f"Panel {case.pk}")
consensus = a_round("consensus", f"Consensus {case.pk}", follows=blind, panel=panel)
seniors = [User.objects.get(username=name) for name in ("senior1", "senior2")]
for round_ in (blind, consensus):
    for user in seniors:
        Assignment.objects.create(round=round_, case=case, reader=reader_of(user), position=case.pk)

def say(read, reader, verb, **payload):
    operation = Operation(uuid4(), read.seq, verb, payload, {}, now, read.anatomy_id)
    read.seq = write_operation(read_id=read.pk, reader=reader, operation=operation).seq

SAID = {"senior1": {"L1": ("A1", 2, 5), "L2": ("A1", 2, 6), "L3": ("A3", 0, 2), "L4": None},
        "senior2": {"L1": None, "L2": ("A3", 2, 6), "L3": ("A3", 2, 6), "L4": None}}
for user in seniors:
    reader, read = reader_of(user), open_read(user=user, case_id=case.pk)
    mark_seen(read_id=read.pk, reader=reader, sop_uids=list(read.stack.slices.values_list("sop_uid", flat=True)))
    for vertebra in take_snapshot(read).context.vertebrae.values():
        said = SAID[user.username][vertebra.level]
        if said is None:
            say(read, reader, "set_verdict", vertebra=vertebra.id, verdict="negative")
            continue
        ao, first, last = said
        marked = {"sop_uids": list(vertebra.sops[first:last]), "value": "fracture", "source": "range"}
        say(read, reader, "label_slices", vertebra=vertebra.id, **marked)
        say(read, reader, "set_ao", vertebra=vertebra.id, ao_body=ao)
        say(read, reader, "rest_negative", vertebra=vertebra.id)
    lock_read(read_id=read.pk, reader=reader, base_seq=read.seq)
Assignment.objects.filter(round=consensus).update(washout_override="A test cannot wait four weeks.")
print(json.dumps({"round": consensus.pk, "case": case.pk, "name": case.name}))
"""


def two_blind_reads(application: Application, case: dict[str, Any]) -> dict[str, Any]:
    """Two seniors have read a case of L1 to L4 blind and differ; the consensus round over it is open."""
    printed = application.manage("shell", "-v", "0", "-c", _BLIND_READS % {"case": case["id"]})
    found: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
    return found


class Panel:
    """The screen of one consensus."""

    def __init__(self, page: Page, round_: dict[str, Any] | None = None) -> None:
        self.page = page
        self.dialog = page.get_by_role("dialog")
        self.chip = page.locator("[data-room=saved]")
        self.said = page.locator("[data-room=said]")
        self.settles = page.locator("[data-room=settles]")
        self.level = page.get_by_role("complementary", name="Current difference").locator("[data-room=level]")
        self.count = page.locator("[data-room=settled-count]")
        self.banner = page.locator("[data-room=banner]")
        if round_ is not None:
            self.open(round_)
        self.settle()

    def open(self, round_: dict[str, Any]) -> None:
        """Through the list, as a person does."""
        self.page.goto("/consensus")
        row = self.page.get_by_role("row").filter(has_text=round_["name"])
        row.get_by_role("button", name="Settle").or_(row.get_by_role("link", name="Go on")).click()

    @property
    def read(self) -> int:
        return int(self.page.url.rsplit("/", 1)[-1])

    def settle(self) -> int:
        """Wait until the wanted slice is on screen; which one it is."""
        shown = "() => window.consensusScreen?.viewer.displayed?.k ?? null"
        found: list[int] = until(lambda: [k for k in (self.page.evaluate(shown),) if k is not None], "The slice")
        expect(self.page.locator("[data-room=moment]")).to_be_hidden()
        return found[0]

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def saved(self) -> None:
        expect(self.chip).to_contain_text(re.compile(r"^\s*Saved"))

    def card(self, letter: str) -> Locator:
        return self.page.locator(f"[data-command=take{letter}]")


class Settled:
    """What the database holds of a consensus."""

    def __init__(self, application: Application, read: int) -> None:
        self.application = application
        self.read = read

    def letter_of(self, name: str) -> str:
        row = self.application.one(
            "SELECT s.letter FROM labeling_settles s JOIN labeling_read r ON r.id = s.read_id"
            " JOIN labeling_reader p ON p.id = r.reader_id JOIN auth_user u ON u.id = p.user_id"
            " WHERE s.consensus_id = %s AND u.username = %s",
            self.read,
            name,
        )
        return str(row["letter"])

    def settlements(self) -> dict[str, tuple[str, str]]:
        """Level -> what was taken and the code of the reason."""
        rows = self.application.sql(
            "SELECT v.level, s.took, c.code FROM labeling_settlement s JOIN labeling_reasoncode c ON c.id = s.reason_id"
            " JOIN labeling_read r ON r.id = s.consensus_id"
            " JOIN labeling_anatomyvertebra v ON v.vertebra_id = s.vertebra_id AND v.anatomy_id = r.anatomy_id"
            " WHERE s.consensus_id = %s",
            self.read,
        )
        return {row["level"]: (row["took"], row["code"]) for row in rows}

    def findings(self) -> dict[str, tuple[str, str | None]]:
        """Level -> verdict and AO type of the panel's own read."""
        rows = self.application.sql(
            "SELECT v.level, f.verdict, f.ao_body FROM labeling_finding f JOIN labeling_read r ON r.id = f.read_id"
            " JOIN labeling_anatomyvertebra v ON v.vertebra_id = f.vertebra_id AND v.anatomy_id = r.anatomy_id"
            " WHERE r.id = %s",
            self.read,
        )
        return {row["level"]: (row["verdict"], row["ao_body"] or None) for row in rows}

    def reads_untouched(self) -> list[tuple[int, str]]:
        """The reads that are settled, with the hash that each was locked with."""
        rows = self.application.sql(
            "SELECT r.id, r.content_sha FROM labeling_settles s JOIN labeling_read r ON r.id = s.read_id"
            " WHERE s.consensus_id = %s ORDER BY r.id",
            self.read,
        )
        return [(row["id"], row["content_sha"]) for row in rows]

    def reference(self) -> list[dict[str, Any]]:
        return self.application.sql(
            "SELECT f.read_id, f.current FROM labeling_reference f JOIN labeling_read r ON r.case_id = f.case_id"
            " WHERE r.id = %s ORDER BY f.id",
            self.read,
        )
