"""The protocol of the paper, simulated: 47 test cases, 339 vertebrae, four readers, four weeks, one consensus each.

Over the API, in the order in which it happens; at each step the rules are attempted against, and hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from labeling.models import (
    Assignment,
    AuditEvent,
    Case,
    Exposure,
    Finding,
    Read,
    Reader,
    Reference,
    Round,
    RoundKind,
    Settlement,
    Split,
)
from labeling.reading.planning.making import CaseChoice, Plan, defaults_for, make_round, preview
from labeling.reading.planning.states import close, start
from labeling.reading.roles import Role, reader_of
from tests import factories
from tests.api.conftest import logged_in, post
from tests.api.protocol_people import TYPES, Said, Skill, choice, operation, read_over_http, seen_by

LEVELS = ("T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4")
CASES, VERTEBRAE, WASHOUT = 47, 339, 28
PREVALENCE = 0.27

SENIORS = (Skill(0.93, 0.985), Skill(0.90, 0.98))
TRAINEES = (Skill(0.85, 0.96), Skill(0.80, 0.95))


@dataclass
class Protocol:
    """Who takes part, what is true, and the clock of the wash-outs."""

    lead: Any
    readers: list[Reader]
    clients: list[Client]
    cases: list[Case]
    truth: dict[int, Said]
    said: list[dict[int, Said]]
    clock: Path

    def moves(self, days: int) -> None:
        self.clock.write_text(str(days))


@pytest.fixture
def protocol(db: None, settings: Any, tmp_path: Path) -> Protocol:
    settings.CLOCK_FILE = tmp_path / "clock"
    generator = np.random.default_rng(47)
    cases, truth = [], {}
    for place in range(CASES):
        case = factories.make_case(patient=factories.make_patient(split=Split.TEST))
        # 37 cases of seven vertebrae and 10 of eight are 339.
        anatomy = factories.make_anatomy(case, LEVELS if place < VERTEBRAE - 7 * CASES else LEVELS[:7])
        bodies = anatomy.vertebrae.values_list("vertebra", flat=True)
        truth[case.pk] = {
            body: str(generator.choice(TYPES, p=(0.4, 0.1, 0.3, 0.2))) if generator.random() < PREVALENCE else ""
            for body in bodies
        }
        cases.append(case)
    people = [factories.make_user(Role.SENIOR), factories.make_user(Role.SENIOR)]
    people += [factories.make_user(Role.RESIDENT), factories.make_user(Role.RESIDENT)]
    said = [{key: seen_by(skill, one, generator) for key, one in truth.items()} for skill in (*SENIORS, *TRAINEES)]
    return Protocol(
        lead=factories.make_user(Role.LEAD),
        readers=[reader_of(user) for user in people],
        clients=[logged_in(user) for user in people],
        cases=cases,
        truth=truth,
        said=said,
        clock=settings.CLOCK_FILE,
    )


@pytest.mark.timeout(900)  # a few hundred vertebrae by four readers; a busy machine is slow
def test_a_whole_protocol_runs_over_the_api_and_every_rule_holds_against_every_attempt(protocol: Protocol) -> None:
    assert sum(len(one) for one in protocol.truth.values()) == VERTEBRAE
    seniors = planned(protocol, "Seniors", RoundKind.INDEPENDENT, protocol.readers[:2])
    trainees = planned(protocol, "In training", RoundKind.INDEPENDENT, protocol.readers[2:])
    rules_of_a_started_round_stay(seniors)
    no_test_patient_enters_a_labelling_round(protocol)

    reads = [everything_read(protocol, who) for who in range(4)]
    nobody_saw_another(protocol, reads)
    locked_reads_stay(protocol, reads)

    panel = planned(protocol, "Consensus", RoundKind.CONSENSUS, protocol.readers[:2], follows=seniors)
    repeat = planned(protocol, "Again", RoundKind.REPEAT, protocol.readers[2:3], follows=trainees, first=3)
    the_wash_out_holds(protocol, panel, repeat)

    protocol.moves(WASHOUT)
    own_first_reads_are_closed_until_the_repeat_is_locked(protocol, repeat, reads[2])
    shas = dict(Read.objects.filter(round__in=[seniors, trainees]).values_list("pk", "content_sha"))
    asked = everything_settled(protocol, panel)
    assert asked == expected_differences(protocol)
    assert dict(Read.objects.filter(round__in=[seniors, trainees]).values_list("pk", "content_sha")) == shas
    assert Reference.objects.filter(current=True).count() == CASES
    reads_stay_once_their_consensus_has_begun(protocol, reads)
    the_exposed_are_barred(protocol, panel)
    a_correction_is_a_new_version(protocol, panel)
    the_record_tells_all_of_it(protocol, seniors, panel)


# --- steps ------------------------------------------------------------------------------------------------------------


def planned(
    protocol: Protocol,
    name: str,
    kind: RoundKind,
    readers: list[Reader],
    *,
    follows: Round | None = None,
    first: int | None = None,
) -> Round:
    names = tuple(case.name for case in protocol.cases[:first])
    plan = Plan(
        name=name,
        kind=kind,
        rules=defaults_for(kind, follows),
        cases=CaseChoice(names=names),
        readers=tuple(reader.pk for reader in readers),
        follows=None if follows is None else follows.pk,
        seed=47,
    )
    return start(protocol.lead, make_round(protocol.lead, plan).pk)


def everything_read(protocol: Protocol, who: int) -> dict[int, int]:
    """All cases in this reader's drawn order; case -> read."""
    given = Assignment.objects.filter(reader=protocol.readers[who], round__kind=RoundKind.INDEPENDENT)
    orders = list(given.order_by("position").select_related("case"))
    assert len(orders) == CASES
    read = {}
    for place, assignment in enumerate(orders):
        case = assignment.case
        if place < 3:
            a_reader_who_owes_sees_nothing(protocol, who, case)
        read[case.pk] = read_over_http(protocol.clients[who], case, protocol.said[who][case.pk])
    return read


def everything_settled(protocol: Protocol, panel: Round) -> dict[int, set[int]]:
    """Every case settled by the two seniors in turn; case -> the vertebrae that were asked."""
    asked = {}
    for place, case in enumerate(protocol.cases):
        client = protocol.clients[place % 2]
        consensus = opened(client, panel, case)
        now = client.get(f"/api/consensus/{consensus}").json()
        asked[case.pk] = {one["vertebra"] for one in now["asked"]}
        if place < 5:
            nobody_else_sees_the_consensus(protocol, consensus)
            what_is_agreed_is_not_asked(client, consensus, now)
        harms = [one["harm"] for one in now["asked"]]
        assert harms == sorted(harms, reverse=harms[:1] > harms[-1:]), "the most harmful first"
        seq = now["consensus"]["seq"]
        for one in now["asked"]:
            early = post(client, f"/api/consensus/{consensus}/lock", {"base_seq": seq})
            assert early.status_code == 422, early.content
            answer = post(client, f"/api/consensus/{consensus}/settle", choice(seq, one["vertebra"], "a"))
            assert answer.status_code == 200, answer.content
            seq = answer.json()["seq"]
        locked = post(client, f"/api/consensus/{consensus}/lock", {"base_seq": seq})
        assert locked.status_code == 200, locked.content
    return asked


def expected_differences(protocol: Protocol) -> dict[int, set[int]]:
    first, second = protocol.said[0], protocol.said[1]
    return {
        case: {vertebra for vertebra in truth if first[case][vertebra] != second[case][vertebra]}
        for case, truth in protocol.truth.items()
    }


def opened(client: Client, panel: Round, case: Case) -> int:
    answer = post(client, f"/api/consensus/open/{panel.pk}/{case.pk}", {})
    assert answer.status_code == 200, answer.content
    return int(answer.json()["consensus"])


# --- attempts ---------------------------------------------------------------------------------------------------------


def rules_of_a_started_round_stay(round_: Round) -> None:
    with pytest.raises(DatabaseError, match="rules_of_a_started_round_never_change"), transaction.atomic():
        Round.objects.filter(pk=round_.pk).update(rules={**round_.rules, "report": "shown"})


def no_test_patient_enters_a_labelling_round(protocol: Protocol) -> None:
    seen = preview(
        Plan(
            name="Labels",
            kind=RoundKind.LABELLING,
            rules=defaults_for(RoundKind.LABELLING),
            cases=CaseChoice(names=(protocol.cases[0].name,)),
            readers=(protocol.readers[2].pk,),
        ),
        protocol.lead,
    )
    assert seen.refusals
    with pytest.raises(DatabaseError, match="labelling_round_refuses_test_patients"), transaction.atomic():
        factories.make_assignment(protocol.cases[0], reader=protocol.readers[2])


def others_reads(protocol: Protocol, who: int, case: Case) -> Iterator[int]:
    yield from Read.objects.filter(case=case).exclude(reader=protocol.readers[who]).values_list("pk", flat=True)


def a_reader_who_owes_sees_nothing(protocol: Protocol, who: int, case: Case) -> None:
    client = protocol.clients[who]
    for read in others_reads(protocol, who, case):
        for what in ("room", "gaps"):
            assert client.get(f"/api/reads/{read}/{what}").status_code == 404
        assert post(client, f"/api/reads/{read}/reopen", {"reason": "I wonder"}).status_code == 404
        assert post(client, f"/api/reads/{read}/lock", {"base_seq": 0}).status_code == 404
        assert client.get(f"/read/{read}").status_code == 404


def nobody_saw_another(protocol: Protocol, reads: list[dict[int, int]]) -> None:
    assert [len(one) for one in reads] == [CASES] * 4
    assert not Exposure.objects.filter(reader__in=protocol.readers).exists()
    for who in range(4):
        a_reader_who_owes_sees_nothing(protocol, who, protocol.cases[who])


def locked_reads_stay(protocol: Protocol, reads: list[dict[int, int]]) -> None:
    case = protocol.cases[0].pk
    vertebra = next(iter(protocol.truth[case]))
    for who in range(4):
        read = Read.objects.get(pk=reads[who][case])
        sent = operation(read.seq, "set_verdict", {"vertebra": vertebra, "verdict": "indeterminate"})
        assert post(protocol.clients[who], f"/api/reads/{read.pk}/operations", sent).status_code == 409
    with pytest.raises(DatabaseError, match="finding_of_a_locked_read_never_changes"), transaction.atomic():
        Finding.objects.filter(read=reads[0][case]).update(comment="changed")


def the_wash_out_holds(protocol: Protocol, panel: Round, repeat: Round) -> None:
    case, senior, trainee = protocol.cases[0], protocol.clients[0], protocol.clients[2]
    for days in (0, WASHOUT - 1):
        protocol.moves(days)
        refused = post(senior, f"/api/consensus/open/{panel.pk}/{case.pk}", {})
        assert refused.status_code == 422
        assert "Available on" in refused.json()["sentence"]
        assert not Read.objects.filter(round=panel).exists()
        # The draft of the repeat does not begin, and what stood there is closed.
        assert post(trainee, f"/api/cases/{case.pk}/open", {}).status_code in (404, 422)
        assert not Read.objects.filter(round=repeat).exists()
    for stranger in protocol.clients[2:]:
        assert post(stranger, f"/api/consensus/open/{panel.pk}/{case.pk}", {}).status_code in (404, 422)


def own_first_reads_are_closed_until_the_repeat_is_locked(
    protocol: Protocol, repeat: Round, first: dict[int, int]
) -> None:
    client = protocol.clients[2]
    for case in protocol.cases[:3]:
        assert client.get(f"/api/reads/{first[case.pk]}/room").status_code == 404
        again = read_over_http(client, case, protocol.said[2][case.pk])
        assert Read.objects.get(pk=again).round == repeat
        assert client.get(f"/api/reads/{first[case.pk]}/room").status_code == 200


def nobody_else_sees_the_consensus(protocol: Protocol, consensus: int) -> None:
    for stranger in protocol.clients[2:]:
        assert stranger.get(f"/api/consensus/{consensus}").status_code == 404
        assert stranger.get(f"/api/reads/{consensus}/room").status_code == 404
        assert stranger.get(f"/consensus/{consensus}").status_code == 404


def what_is_agreed_is_not_asked(client: Client, consensus: int, now: dict[str, Any]) -> None:
    refused = post(client, f"/api/consensus/{consensus}/settle", choice(now["consensus"]["seq"], now["agreed"][0], "a"))
    assert refused.status_code == 422


def reads_stay_once_their_consensus_has_begun(protocol: Protocol, reads: list[dict[int, int]]) -> None:
    case = protocol.cases[0].pk
    for who in (0, 1):
        answer = post(protocol.clients[who], f"/api/reads/{reads[who][case]}/reopen", {"reason": "I was wrong"})
        assert answer.status_code in (409, 422), answer.content


def the_exposed_are_barred(protocol: Protocol, panel: Round) -> None:
    """Who sat in a panel reads its cases blind no more, unless the lead says why, which is printed."""
    round_ = factories.make_round(RoundKind.INDEPENDENT)
    with pytest.raises(DatabaseError, match="blind_round_refuses_the_exposed"), transaction.atomic():
        factories.make_assignment(protocol.cases[0], round=round_, reader=protocol.readers[0])
    close(protocol.lead, round_.pk)


def a_correction_is_a_new_version(protocol: Protocol, panel: Round) -> None:
    case, client = next(case for case in protocol.cases if expected_differences(protocol)[case.pk]), protocol.clients[0]
    before = Reference.objects.get(case=case, current=True)
    corrected = post(client, f"/api/consensus/{before.read_id}/correct", {"reason": "Seen again with the MRI."})
    assert corrected.status_code == 200, corrected.content
    later = corrected.json()["consensus"]
    assert Reference.objects.get(case=case, current=True) == before, "the truth stays until the correction is locked"
    now = client.get(f"/api/consensus/{later}").json()
    answer = post(
        client,
        f"/api/consensus/{later}/settle",
        choice(now["consensus"]["seq"], now["asked"][0]["vertebra"], "b"),
    )
    locked = post(client, f"/api/consensus/{later}/lock", {"base_seq": answer.json()["seq"]})
    assert locked.status_code == 200, locked.content
    assert Reference.objects.get(case=case, current=True).read_id == later
    assert Reference.objects.filter(case=case).count() == 2
    assert Read.objects.get(pk=before.read_id).state == "locked"


def the_record_tells_all_of_it(protocol: Protocol, seniors: Round, panel: Round) -> None:
    lead = logged_in(protocol.lead)
    for round_ in (seniors, panel):
        record = lead.get(f"/api/rounds/{round_.pk}/protocol").json()
        assert record == lead.get(f"/api/rounds/{round_.pk}/protocol").json(), "the same record, the same text"
        text = str(record)
        assert all(case.name in text for case in protocol.cases)
        assert all(str(reader.user.username) in text for reader in protocol.readers[:2] if reader.user)
    assert Settlement.objects.count() >= sum(len(one) for one in expected_differences(protocol).values())
    assert AuditEvent.objects.filter(verb="reference_set").count() == CASES + 1
