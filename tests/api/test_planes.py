"""Axial and coronal planes and slices of priors over HTTP: the pixels, the header that says where they lie, errors."""

import json
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.http import HttpResponse
from numpy.typing import NDArray

from labeling.models import Exposure
from tests import factories
from tests.api.conftest import Room, logged_in

pytestmark = pytest.mark.django_db


def fetched(room: Room, what: str) -> HttpResponse:
    """Asks until the volume is prepared, as the browser does."""
    until = time.monotonic() + 20
    while (answer := room.client.get(room.url(what))).status_code == 202:
        assert 0 <= answer.json()["preparing"] <= 1
        assert answer["Cache-Control"] == "no-store"
        assert time.monotonic() < until
        time.sleep(0.01)
    return answer


def opened(answer: HttpResponse) -> tuple[dict[str, Any], NDArray[np.int16]]:
    assert answer.status_code == 200, answer.content[:300]
    header = json.loads(answer["X-Plane"])
    return header, np.frombuffer(answer.content, dtype="<i2").reshape(header["rows"], header["columns"])


def test_the_first_question_is_answered_with_a_share_and_a_later_one_with_the_plane(room: Room) -> None:
    first = room.client.get(room.url("planes/axial?z=0"))
    assert (first.status_code, first.json()) == (202, {"preparing": 0.0})
    # The stack of the factory: 3 mm from right to left, 0.5 mm pixels, rows down from z = 0, columns back from y = 0.
    header, pixels = opened(fetched(room, "planes/axial?z=-4.1"))
    assert header == {
        "rows": 16,
        "columns": 12,
        "spacing": [0.5, 3.0],
        "origin": [-18.0, 0.0, -4.0],
        "right": [1.0, 0.0, 0.0],
        "down": [0.0, 1.0, 0.0],
        "position": -4.0,
        "step": 0.5,
        "index": 8,
        "count": 24,
        "source": "stack",
    }
    # Stored value k + row + column, rescaled by -1024.
    expected = np.add.outer(np.arange(16), np.arange(12)) + 8 - 1024
    np.testing.assert_array_equal(pixels, expected)


def test_a_coronal_plane_stands_head_up(room: Room) -> None:
    header, pixels = opened(fetched(room, "planes/coronal?y=3.4"))
    assert (header["rows"], header["columns"], header["index"], header["count"]) == (24, 12, 7, 16)
    assert (header["down"], header["position"]) == ([0.0, 0.0, -1.0], 3.5)
    np.testing.assert_array_equal(pixels, np.add.outer(np.arange(24), np.arange(12)) + 7 - 1024)


def test_planes_are_kept_by_the_browser_of_one_person_alone(room: Room) -> None:
    answer = fetched(room, "planes/axial?z=0")
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Length"] == str(len(answer.content))
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
    assert "Cookie" in answer["Vary"]


@pytest.mark.parametrize(
    ("what", "field"),
    [
        ("planes/axial", "z"),
        ("planes/axial?z=", "z"),
        ("planes/axial?z=high", "z"),
        ("planes/axial?z=nan", "z"),
        ("planes/axial?z=inf", "z"),
        ("planes/axial?z=1e9", "z"),
        ("planes/axial?z=1&y=2", "y"),
        ("planes/coronal?z=1", "z"),
        ("priors/1/slice?share=1.5", "share"),
        ("priors/1/slice?share=nan", "share"),
        ("priors/1/slice?level=S1", "level"),
        ("priors/1/slice?k=3", "k"),
    ],
)
def test_a_question_that_says_no_place_is_refused_with_the_field_named(room: Room, what: str, field: str) -> None:
    answer = room.client.get(room.url(what))
    assert answer.status_code == 400
    assert field in answer.json()["fields"]


def test_planes_of_a_read_that_is_not_theirs_are_not_found(room: Room) -> None:
    for role in ("resident", "lead", "administrator"):
        answer = logged_in(factories.make_user(role)).get(room.url("planes/axial?z=0"))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_damaged_pack_is_said_in_a_sentence(room: Room, settings: Any) -> None:
    pack = Path(settings.MEDIA_ROOT) / room.read.stack.pack
    pack.write_bytes(pack.read_bytes()[:-30])
    answer = fetched(room, "planes/axial?z=0")
    assert (answer.status_code, answer.json()["code"]) == (500, "damaged_pack")
    assert "Import the case again" in answer.json()["sentence"]


def test_a_case_that_no_room_is_left_for_says_so(room: Room, settings: Any) -> None:
    settings.VOLUME_CACHE_BYTES = 0
    answer = room.client.get(room.url("planes/coronal?y=0"))
    assert (answer.status_code, answer.json()["code"]) == (422, "no_volume")


def test_a_ready_plane_takes_a_constant_few_queries(room: Room, django_assert_max_num_queries: Any) -> None:
    fetched(room, "planes/axial?z=0")
    # Session, person, and the read with all that hangs on it.
    with django_assert_max_num_queries(7):
        fetched(room, "planes/axial?z=-1")


# --- priors -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def followed(room: Room) -> Room:
    """The patient of the room was examined eight months before: T12 to L2 on slices 2 to 6."""
    room.case.study_date = date(2020, 9, 20)
    room.case.save(update_fields=["study_date"])
    before = factories.make_case(patient=room.case.patient, study_date=date(2020, 1, 3))
    factories.make_anatomy(before, levels=("T12", "L1", "L2"), first_k=2, last_k=6)
    return room


def prior_url(room: Room) -> str:
    before = room.case.patient.cases.get(study_date=date(2020, 1, 3))
    return f"priors/{before.pk}/slice"


def test_a_slice_of_a_prior_comes_at_the_share_of_the_body_with_its_centre(followed: Room) -> None:
    header, pixels = opened(followed.client.get(followed.url(prior_url(followed) + "?level=L1&share=0.25")))
    assert (header["level"], header["index"], header["count"], header["source"]) == ("L1", 3, 12, "stack")
    assert (header["rows"], header["columns"], header["spacing"]) == (24, 16, [0.5, 0.5])
    assert (header["right"], header["down"]) == ([0.0, 1.0, 0.0], [0.0, 0.0, -1.0])
    # The box of L1, the second of three in 12 mm: y 0 to 8 mm, z -8 to -4 mm.
    assert header["centre"] == [8.0, 12.0]
    np.testing.assert_array_equal(pixels, np.add.outer(np.arange(24), np.arange(16)) + 3 - 1024)


@pytest.mark.parametrize(
    ("asked", "level", "k"),
    [
        ("level=L1", "L1", 4),
        ("level=L1&share=0", "L1", 2),
        ("level=L1&share=1", "L1", 6),
        ("level=L5", "L2", 4),
        ("level=C3", "T12", 4),
        ("level=T13", "T12", 4),  # as near to L1: the upper of two
        ("", "", 6),
        ("share=1", "", 11),
    ],
)
def test_the_nearest_level_stands_in_for_one_that_the_prior_does_not_show(
    followed: Room, asked: str, level: str, k: int
) -> None:
    header, _ = opened(followed.client.get(followed.url(f"{prior_url(followed)}?{asked}")))
    assert (header["level"], header["index"]) == (level, k)


def test_a_prior_without_vertebrae_shows_its_middle(room: Room) -> None:
    room.case.study_date = date(2020, 9, 20)
    room.case.save(update_fields=["study_date"])
    factories.make_case(patient=room.case.patient, study_date=date(2020, 1, 3))
    header, _ = opened(room.client.get(room.url(prior_url(room) + "?level=L1")))
    assert (header["level"], header["index"], header["centre"]) == ("", 6, [7.5, 11.5])


def test_only_an_earlier_case_of_the_same_patient_is_a_prior(followed: Room) -> None:
    patient = followed.case.patient
    later = factories.make_case(patient=patient, study_date=date(2021, 1, 1))
    same_day = factories.make_case(patient=patient, study_date=followed.case.study_date)
    undated = factories.make_case(patient=patient)
    stranger = factories.make_case(study_date=date(2019, 1, 1))
    no_stack = factories.make_bare_case(patient=patient, study_date=date(2019, 1, 1))
    for case in (later, same_day, undated, stranger, no_stack, followed.case):
        assert followed.client.get(followed.url(f"priors/{case.pk}/slice")).status_code == 404
    assert followed.client.get(followed.url("priors/999999999/slice")).status_code == 404


def test_looking_at_a_prior_is_no_exposure_and_opens_nothing_else_of_it(followed: Room) -> None:
    before = followed.case.patient.cases.get(study_date=date(2020, 1, 3))
    opened(followed.client.get(followed.url(prior_url(followed))))
    assert not Exposure.objects.exists()
    assert before.reading_stack is not None
    for address in (
        f"/cases/{before.pk}",
        f"/dicomweb/studies/{before.study_uid}/metadata",
        f"/api/anatomies/{before.anatomies.get().pk}/outlines",
    ):
        assert followed.client.get(address).status_code == 404, address
    opening = followed.client.post(f"/api/cases/{before.pk}/open", {}, content_type="application/json")
    assert opening.status_code == 404


def test_a_prior_is_not_found_for_whom_the_read_is_not(followed: Room) -> None:
    for role in ("resident", "senior", "lead"):
        assert logged_in(factories.make_user(role)).get(followed.url(prior_url(followed))).status_code == 404
