"""One read, three ways: in the browser's store, in the tables of the server, and in a replay of the log.

The browser's side is its own code, run by Node (`tests.reading.replica`). The server's side is `write_operation` on
PostgreSQL. Between them lies a network of ours that loses requests and answers, doubles them and delivers them late,
while the reader clicks on, undoes, reloads and goes over to another device.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from labeling.models import LabelOperation, LabelSource, Read
from labeling.reading.gaps import gaps_of
from labeling.reading.labels import Conflict, Operation, load_state, mark_seen, replay, write_operation
from labeling.reading.lease import take_lease
from labeling.reading.measures import heights_of, lengths_of, loss_against, loss_within, measures_from_json
from labeling.reading.refusals import Elsewhere
from labeling.reading.state import OperationRefused, ReadState, apply
from tests.factories import make_anatomy, make_case, make_read, make_reader, make_round, vertebra_of
from tests.reading.opinions import drawn_opinion
from tests.reading.replica import Replica, Tab, context_json, state_json
from tests.reading.strategies import contexts, measures_on, operations


@pytest.fixture(scope="module")
def replica() -> Iterator[Replica]:
    process = Replica()
    yield process
    process.stop()


# --- one operation, judged on both sides --------------------------------------------------------------------------


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_browser_and_server_judge_every_operation_alike(replica: Replica, data: st.DataObject) -> None:
    context = data.draw(contexts())
    state = ReadState()
    for _ in range(data.draw(st.integers(1, 30))):
        verb, payload = data.draw(operations(context, state))
        change = {"verb": verb, "payload": payload}
        case = {"context": context_json(context), "state": state_json(state), "seen": sorted(context.seen)}
        there = replica.tell("judge", case={**case, "change": change})
        refused = None
        try:
            state = apply(state, context, verb, payload)
        except OperationRefused as refusal:
            refused = refusal
        assert (there["refused"] or {}).get("code") == (refused and refused.code), change
        if refused and refused.code != "bad_payload" and context.vertebrae[payload["vertebra"]].level:
            assert there["refused"]["sentence"] == refused.sentence
        assert there["state"] == state_json(state), change
        named = {vertebra.id for vertebra in context.vertebrae.values() if vertebra.level}
        gaps = [gap.as_json() for gap in gaps_of(state, context)]
        assert [_nameless(gap, named) for gap in there["gaps"]] == [_nameless(gap, named) for gap in gaps]


def _nameless(gap: dict[str, Any], named: set[int]) -> dict[str, Any]:
    """A gap without the words for a vertebra that has no level: the browser counts them, the server does not."""
    return gap if gap["vertebra"] in named else {**gap, "level": "", "sentence": ""}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(own=measures_on(["a"]), above=measures_on(["a"]), below=measures_on(["b"]), data=st.data())
def test_browser_and_server_measure_the_same_to_the_last_bit(
    replica: Replica, own: Any, above: Any, below: Any, data: st.DataObject
) -> None:
    row, column = (data.draw(st.floats(0.1, 2)) for _ in range(2))
    spacing = {"rowSpacing": row, "columnSpacing": column}
    there = replica.tell("measure", measures=own, neighbours=[above, below], spacing=spacing)
    measures, *neighbours = (measures_from_json(each) for each in (own, above, below))
    heights = heights_of(measures, row, column)
    around = [heights_of(each, row, column) for each in neighbours]
    assert there == {
        "lengths": lengths_of(measures, row, column),
        "heights": heights and vars(heights),
        "against": heights and vars(loss_against(heights, around)),
        "within": heights and vars(loss_within(heights)),
    }


# --- a whole read, with everything that can go wrong on the way ---------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """A request on its way, by whose tab, and under which lease."""

    request: dict[str, Any]
    tab: UUID | None


class Server:
    """The other end of the wire: what the API does with a request, with what it raises in the words of an answer."""

    def __init__(self, read: Read) -> None:
        self.read = read

    def answer(self, sent: Sent) -> dict[str, Any]:
        key: dict[str, Any] = {"read_id": self.read.pk, "reader": self.read.reader, "tab": sent.tab}
        try:
            if sent.request["kind"] == "seen":
                looked = sent.request["looked"]
                mark_seen(**key, sop_uids=looked["sops"], viewed=looked["viewed"])
                return {"kind": "noted"}
            written = write_operation(**key, operation=_operation(sent.request["operation"]))
        except Conflict as conflict:
            return {"kind": "conflict", "seq": conflict.seq, "state": state_json(conflict.state)}
        except Elsewhere:
            return {"kind": "elsewhere"}
        except OperationRefused as refusal:
            return {"kind": "refused", "sentence": refusal.sentence}
        return {"kind": "written", **json.loads(json.dumps(written.as_json()))}

    def opening(self) -> dict[str, Any]:
        """What a page is opened with."""
        state, context = load_state(self.read)
        seq = Read.objects.values_list("seq", flat=True).get(pk=self.read.pk)
        said = {"context": context_json(context), "state": state_json(state)}
        return {**said, "seq": seq, "seen": sorted(context.seen)}


def _operation(sent: dict[str, Any]) -> Operation:
    return Operation(
        uuid=UUID(sent["uuid"]),
        base_seq=sent["base_seq"],
        verb=sent["verb"],
        payload=sent["payload"],
        shown=sent["shown"],
        client_at=datetime.fromisoformat(sent["client_at"]),
    )


#: What happens to a request. Most arrive; some take the answer with them, come twice, or come when nobody waits.
FATES = (*["arrives"] * 6, *["lost after"] * 2, *["late"] * 2, "lost before", "twice", "session ended")
#: What happens next. What is said more often happens more often.
STEPS = (
    *["change"] * 10, "change and back", *["undo"] * 2, *["redo"] * 2, "look", *["look everywhere"] * 2, "wait",
    "late arrival", *["reload"] * 2, "other device", "again",
)  # fmt: skip
#: How much of what waits gets through between two steps: often nothing, so that it piles up.
REQUESTS = st.sampled_from([0, 0, 0, 1, 2, 4])
LONGEST_WAIT = 20_000


class Story:
    """A reader with two devices on one read, and a network between them and the server."""

    def __init__(self, replica: Replica, read: Read, data: st.DataObject, *, leases: bool) -> None:
        self.data = data
        self.server = Server(read)
        self.leases = leases
        self.replica = replica
        replica.tell("begin")
        self.tabs = {name: Tab(replica, name) for name in ("desk", "laptop")}
        self.uuids: dict[str, UUID | None] = {}
        self.underway: list[Sent] = []
        #: Operations that were set aside and then done again under a new number.
        self.done_again: set[str] = set()
        #: What the read said when it was last opened: a step may put a vertebra back to it.
        self.said, self.context = load_state(read)
        #: What a model says of the case, and has said since the read was opened first.
        self.suggested = drawn_opinion(read, data)
        for name in ("laptop", "desk"):
            self.at = name
            self.open()

    @property
    def tab(self) -> Tab:
        return self.tabs[self.at]

    def open(self) -> None:
        """Opens or reloads the page at hand; whoever opens it takes over the writing."""
        read = self.server.read
        self.uuids[self.at] = tab = uuid4() if self.leases else None
        if tab:
            take_lease(read_id=read.pk, reader=read.reader, tab=tab, take=True)
        self.said, _ = load_state(read)
        self.tab.tell("open", opening=self.server.opening())

    def step(self) -> None:
        what = self.data.draw(st.sampled_from(STEPS))
        note(f"{self.at}: {what}")
        match what:
            case "change":
                self.change()
            case "change and back":
                self.change_and_back()
            case "wait":
                self.replica.tell("pass", milliseconds=self.data.draw(st.sampled_from([900, LONGEST_WAIT])))
            case "look":
                slices = st.sampled_from(sorted(self.context.slices))
                self.tab.tell("look", sops=self.data.draw(st.lists(slices, max_size=4)))
            case "look everywhere":
                self.tab.tell("look", sops=sorted(self.context.slices))
            case "undo" | "redo":
                assert self.tab.tell(what) is None, "the browser's own undo breaks a rule"
            case "late arrival":
                if self.underway:
                    self.server.answer(self.underway.pop(self.data.draw(st.integers(0, len(self.underway) - 1))))
            case "reload":
                self.open()
            case "other device":
                self.at = "laptop" if self.at == "desk" else "desk"
                self.open()
            case "again":
                self.again()
        for _ in range(self.data.draw(REQUESTS)):
            if self.tab.request:
                self.meet(self.data.draw(st.sampled_from(FATES)))

    def again(self) -> None:
        """The reader does once more what was set aside, on what the record says now."""
        for each in self.tab.tell("again"):
            assert each["why"] == "changed", f"The server refused what the browser allowed: {each}"
            self.done_again.add(each["uuid"])

    def change(self) -> None:
        """One step of the reader: a change, or two at once, of which the screen shows one slice at most."""
        changes: list[dict[str, Any]] = []
        for _ in range(self.data.draw(st.integers(1, 2))):
            verb, payload = self.data.draw(operations(self.context, self.said, self.suggested))
            by_key = payload.get("source") == LabelSource.KEY
            if not by_key or not any(each["payload"].get("source") == LabelSource.KEY for each in changes):
                changes.append({"verb": verb, "payload": payload})
        note(f"    {changes}")
        self.tab.tell("perform", changes=changes)

    def change_and_back(self) -> None:
        """Undo takes back all of the last step, and redo brings all of it again."""
        before = self.tab.report()
        self.change()
        after = self.tab.report()
        if after["made"] == before["made"]:
            return
        for step, wanted in (("undo", before), ("redo", after), ("undo", before)):
            self.tab.tell(step)
            assert self.tab.report()["state"] == wanted["state"], step

    def meet(self, fate: str) -> None:
        """What becomes of the request that this tab waits for."""
        request = self.tab.request
        assert request is not None
        note(f"{self.at}: {request['kind']} {fate}")
        sent = Sent(request, self.uuids[self.at])
        answer = {"kind": "unreachable"}
        match fate:
            case "arrives":
                answer = self.server.answer(sent)
            case "twice":
                answer = self.server.answer(sent)
                assert self.server.answer(sent) == answer
            case "lost after":
                self.server.answer(sent)
            case "late":
                self.underway.append(sent)
            case "session ended":
                answer = {"kind": "session"}
        self.tab.tell("answer", answer=answer)
        if fate == "session ended" and self.data.draw(st.booleans()):
            self.tab.tell("kick")

    def settle(self) -> None:
        """The network is back and the reader is logged in: everything that waits at this tab goes out."""
        for _ in range(500):
            self.tab.tell("kick")
            if self.tab.request:
                self.meet("arrives")
            elif self.tab.report()["status"] == "saved":
                return
            else:
                self.replica.tell("pass", milliseconds=LONGEST_WAIT)
        raise AssertionError("The queue does not come to an end.")

    def end(self) -> None:
        """The tab at hand tells all it has, late requests come in, and then each device is opened once more."""
        self.settle()
        if self.leases:
            self.both_sides_are_equal()
        for sent in self.underway:
            self.server.answer(sent)
        if self.leases:
            # Without a lease, what another device had sent is written now, and this one has not heard of it yet.
            self.both_sides_are_equal()
        for name in self.tabs:
            self.at = name
            self.open()
            self.settle()
            self.again()
            self.settle()
            self.both_sides_are_equal()
        read = Read.objects.select_related("round").get(pk=self.server.read.pk)
        assert replay(read) == load_state(read)[0]
        self.nothing_is_lost_and_nothing_doubled()

    def both_sides_are_equal(self) -> None:
        """The screen at hand says what the tables say."""
        there = self.tab.report()
        stored, context = load_state(self.server.read)
        assert there["seq"] == Read.objects.values_list("seq", flat=True).get(pk=self.server.read.pk)
        assert there["state"] == state_json(stored)
        assert set(there["seen"]) <= context.seen
        seen = replace(context, seen=frozenset(there["seen"]))
        assert there["gaps"] == [gap.as_json() for gap in gaps_of(stored, seen)]

    def nothing_is_lost_and_nothing_doubled(self) -> None:
        """Each operation that was ever made is in the log once, or was named to the reader and done again."""
        log = LabelOperation.objects.filter(read=self.server.read).order_by("seq").values_list("seq", "uuid")
        assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
        written = [str(uuid) for _, uuid in log]
        reports = [tab.report() for tab in self.tabs.values()]
        assert not any(report["unsaved"] or report["pending"] for report in reports)
        made = Counter(uuid for report in reports for uuid in report["made"])
        assert Counter(written) == made - Counter(self.done_again)
        for report in reports:
            mine = [uuid for uuid in report["made"] if uuid not in self.done_again]
            assert mine == [uuid for uuid in written if uuid in set(mine)], "in the order of the clicks"


@pytest.mark.parametrize("leases", [True, False], ids=["with leases", "without leases"])
@pytest.mark.django_db
def test_browser_tables_and_log_say_the_same_whatever_happens_on_the_way(replica: Replica, leases: bool) -> None:
    case = make_case()
    make_anatomy(case)
    reader = make_reader()

    @settings(
        max_examples=30,
        deadline=None,
        # A story is told step by step where it fails; finding a shorter one would take minutes.
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )
    @given(data=st.data())
    def stories(data: st.DataObject) -> None:
        unit = data.draw(st.sampled_from(["slice", "slice", "vertebra"]))
        read = make_read(case, reader=reader, round=make_round(rules={"unit": unit, "model": "shown"}))
        story = Story(replica, read, data, leases=leases)
        for _ in range(data.draw(st.integers(3, 30))):
            story.step()
        story.end()

    stories()


@pytest.mark.django_db
def test_an_answer_that_comes_after_a_reload_does_not_bring_back_what_was_said_before(replica: Replica) -> None:
    read = make_read()
    server, vertebra = Server(read), vertebra_of(read, "L2")
    replica.tell("begin")
    desk, laptop = Tab(replica, "desk"), Tab(replica, "laptop")

    def say(tab: Tab, ao_body: str) -> None:
        tab.tell("perform", changes=[{"verb": "set_ao", "payload": {"vertebra": vertebra, "ao_body": ao_body}}])

    def exchange(tab: Tab) -> None:
        while tab.request:
            tab.tell("answer", answer=server.answer(Sent(tab.request, None)))

    desk.tell("open", opening=server.opening())
    say(desk, "A1")
    assert desk.request
    server.answer(Sent(desk.request, None))  # written, but nobody at the desk hears of it
    laptop.tell("open", opening=server.opening())
    say(laptop, "A4")
    exchange(laptop)
    desk.tell("open", opening=server.opening())
    exchange(desk)
    report = desk.report()
    assert report["state"] == state_json(load_state(read)[0])
    assert report["state"]["findings"][str(vertebra)]["ao_body"] == "A4"
    assert (report["status"], report["seq"], report["unsaved"]) == ("saved", 2, [])
    say(desk, "A2")
    exchange(desk)
    assert desk.report()["unsaved"] == []
    assert LabelOperation.objects.filter(read=read).count() == 3
