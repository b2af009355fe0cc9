"""Outlines go out as they are stored."""

import gzip
import json
from typing import Any

import pytest

from labeling.models import Anatomy
from tests import factories
from tests.api.conftest import Room, logged_in

pytestmark = pytest.mark.django_db

RINGS = {"3": {"22": [[[1.5, 2.0], [3.0, 2.0], [3.0, 4.5]]]}}


@pytest.fixture
def outlined(room: Room, settings: Any) -> Anatomy:
    anatomy = room.read.anatomy
    anatomy.outlines = "outlines/one.json.gz"
    anatomy.save(update_fields=["outlines"])
    path = settings.MEDIA_ROOT / anatomy.outlines
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(RINGS).encode()))
    return anatomy


def test_outlines_are_sent_gzipped_and_kept_by_the_browser(room: Room, outlined: Anatomy) -> None:
    url = room.client.get(room.url("room")).json()["outlines_url"]
    answer = room.client.get(url, headers={"Accept-Encoding": "gzip, br"})
    assert answer["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(answer.content)) == RINGS
    assert "immutable" in answer["Cache-Control"]
    assert "private" in answer["Cache-Control"]


def test_who_cannot_unpack_gets_them_plain(room: Room, outlined: Anatomy) -> None:
    answer = room.client.get(f"/api/anatomies/{outlined.pk}/outlines")
    assert not answer.has_header("Content-Encoding")
    assert answer.json() == RINGS
    assert answer["Content-Length"] == str(len(answer.content))


def test_outlines_of_a_case_that_is_not_theirs_are_not_found(outlined: Anatomy) -> None:
    url = f"/api/anatomies/{outlined.pk}/outlines"
    assert logged_in(factories.make_user("resident")).get(url).status_code == 404
    assert logged_in(factories.make_user("lead")).get(url).status_code == 200


def test_an_anatomy_without_outlines_says_so(room: Room) -> None:
    answer = room.client.get(f"/api/anatomies/{room.read.anatomy_id}/outlines")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "no outlines" in answer.json()["sentence"]
