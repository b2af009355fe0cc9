"""The models beside a reader, over HTTP: shown, accepted, locked, revealed, changed."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from labeling.models import Exposure, LabelOperation, Read
from tests import factories
from tests.api.conftest import logged_in, post
from tests.api.test_reads import operation
from tests.api.test_schema import check, described
from tests.reading.opinions import make_opinion

pytestmark = pytest.mark.django_db


def draft(resident: User, rule: str) -> tuple[Read, Read, dict[str, Any]]:
    """A draft of which everything was seen, a classifier's read of its case, and what that says of L2."""
    case = factories.make_case()
    factories.make_anatomy(case, ("L2",))
    round_ = factories.make_round(rules={"model": rule, "ao_required": False})
    read = factories.make_read(case, reader=factories.reader_of(resident), round=round_)
    l2, sops = factories.vertebra_of(read, "L2"), factories.sops_of(read)
    said = {"verdict": "fracture", "slices": {sops[2]: "fracture", sops[3]: "negative"}}
    opinion = make_opinion(read.anatomy, {l2: said})
    post(logged_in(resident), f"/api/reads/{read.pk}/seen", {"sop_uids": sops})
    return read, opinion, {"vertebra": l2, "model_read": opinion.pk, "all": False, **said}


def test_a_round_that_shows_first_is_read_accepted_locked_and_changed(resident: User) -> None:
    read, opinion, said = draft(resident, "shown")
    schema = json.loads(json.dumps(described(), default=str))
    client, url = logged_in(resident), f"/api/reads/{read.pk}"
    room = client.get(f"{url}/room").json()
    check(schema, "RoomOut", room)
    assert (room["model"]["rule"], room["model"]["stage"]) == ("shown", "first")
    (shown,) = room["model"]["opinions"]
    assert (shown["read"], shown["kind"], shown["case"]["text"]) == (opinion.pk, "classifier", "fracture at L2")
    sent = operation("accept", on_screen=factories.sops_of(read)[2], **said)
    sent["shown"]["suggestion"] = {"read": opinion.pk}
    written = post(client, f"{url}/operations", sent)
    assert written.status_code == 200, written.content
    check(schema, "WrittenOut", written.json())
    assert LabelOperation.objects.get().shown["suggestion"] == {
        "read": opinion.pk,
        "kind": "classifier",
        "verdict": "fracture",
        "score": 0.91,
        "p": 0.91,
    }
    locked = post(client, f"{url}/lock", {"base_seq": 1}).json()
    check(schema, "LockedOut", locked)
    assert locked["reveal"] is False, "all of it was shown before the lock"
    assert client.get(f"{url}/room").json()["model"]["stage"] == "revealed"
    again = post(client, f"{url}/reopen", {"reason": "After seeing the model"}).json()["read"]
    room = client.get(f"/api/reads/{again}/room").json()
    assert (room["model"]["stage"], len(room["model"]["opinions"])) == ("first", 1)


def test_a_round_that_reveals_after_the_lock_tells_nothing_before_it(resident: User) -> None:
    read, opinion, said = draft(resident, "after_lock")
    client, url = logged_in(resident), f"/api/reads/{read.pk}"
    assert client.get(f"{url}/room").json()["model"] == {"rule": "after_lock", "stage": "hidden", "opinions": []}
    refused = post(client, f"{url}/operations", operation("accept", **said))
    assert (refused.status_code, refused.json()["code"]) == (422, "no_suggestion")
    assert post(client, f"{url}/operations", operation("rest_negative", vertebra=said["vertebra"])).status_code == 200
    assert not Exposure.objects.exists()
    assert post(client, f"{url}/lock", {"base_seq": 1}).json()["reveal"] is True
    model = client.get(f"{url}/room").json()["model"]
    assert (model["stage"], [one["read"] for one in model["opinions"]]) == ("revealed", [opinion.pk])
    assert Exposure.objects.get().what == "model"
    again = post(client, f"{url}/reopen", {"reason": "After seeing the model"}).json()["read"]
    room = client.get(f"/api/reads/{again}/room").json()
    assert room["model"]["stage"] == "revealed"
    accepted = post(client, f"/api/reads/{again}/operations", operation("accept", **said))
    assert accepted.status_code == 200, accepted.content


def test_a_lock_reveals_nothing_where_no_model_has_read_the_case_or_the_round_hides_it(resident: User) -> None:
    for rule, opinions in (("after_lock", False), ("never", True)):
        read, *_ = draft(resident, rule)
        if not opinions:
            read.anatomy = factories.make_anatomy(read.case, ("L2",))
            read.save()
        url, vertebra = f"/api/reads/{read.pk}", factories.vertebra_of(read, "L2")
        verdict = operation("set_verdict", vertebra=vertebra, verdict="indeterminate")
        assert post(logged_in(resident), f"{url}/operations", verdict).status_code == 200
        assert post(logged_in(resident), f"{url}/lock", {"base_seq": 1}).json()["reveal"] is False


@pytest.mark.parametrize(
    "suggestion", [{"read": 0}, {"read": "x"}, {"read": 2**63}, {"read": 1, "score": 0.5}, [1], "1"]
)
def test_a_suggestion_that_cannot_be_is_bad_input(resident: User, suggestion: Any) -> None:
    read, _, said = draft(resident, "shown")
    sent = operation("rest_negative", vertebra=said["vertebra"])
    sent["shown"]["suggestion"] = suggestion
    answer = post(logged_in(resident), f"/api/reads/{read.pk}/operations", sent)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")
