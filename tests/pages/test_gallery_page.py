"""The gallery: pictures of what stands behind a number, for those who may see numbers of these cases."""

from __future__ import annotations

import io
import re
from html import unescape
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from labeling.imaging.outlines import encode
from labeling.models import Anatomy, AnatomyVertebra, AuditEvent, Exposure, TestConsultation
from labeling.reading.roles import Role, reader_of
from tests import factories
from tests.analysis.small_study import FIRST, SECOND, Study, make_study, sets_truth

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    found = Client()
    found.force_login(factories.make_user(Role.LEAD), backend="django.contrib.auth.backends.ModelBackend")
    return found


@pytest.fixture
def study() -> Study:
    study = make_study(FIRST, SECOND)
    for case, words in zip(study.cases, ("A1 N N A3", "A3 A3 N N", "N N A4 N"), strict=True):
        sets_truth(case, words)
    return study


def images_of(html: str) -> list[str]:
    return re.findall(r'<img src="([^"]+)"', html)


def test_misses_are_pictures_that_open_the_room_at_their_slice(client: Client, study: Study) -> None:
    query = {"on": "all", "reader": study.key(0), "show": "fn"}
    html = client.get(reverse("numbers-gallery"), query).content.decode()
    # L4 of the first case and L3 of the third.
    assert len(images_of(html)) == 2
    room = re.search(r'class="tile" href="([^"]+slice=\d+)"', html)
    assert room is not None
    assert client.get(unescape(room[1])).status_code == 200
    assert {one.what for one in Exposure.objects.filter(case=study.cases[0])} >= {"numbers", "truth", "read"}
    answer = client.get(images_of(html)[0])
    assert answer["Content-Type"] == "image/png"
    assert "private" in answer["Cache-Control"]
    assert np.asarray(Image.open(io.BytesIO(answer.content))).shape == (240, 240)


@pytest.mark.parametrize(("kind", "count"), [("fn", 2), ("fp", 0), ("tp", 3), ("type", 0), ("nonsense", 2)])
def test_each_kind_shows_as_many_as_the_number_counts(client: Client, study: Study, kind: str, count: int) -> None:
    answer = client.get(reverse("numbers-gallery"), {"on": "all", "reader": study.key(0), "show": kind})
    assert answer.context["found"].count == count
    assert len(images_of(answer.content.decode())) == count


def test_a_level_and_a_type_narrow_it(client: Client, study: Study) -> None:
    query = {"on": "all", "reader": study.key(0), "show": "tp", "level": "L1", "ao": "A3"}
    assert client.get(reverse("numbers-gallery"), query).context["found"].count == 1


def test_without_reads_there_is_a_sentence(client: Client) -> None:
    assert "Nobody has locked a read" in client.get(reverse("numbers-gallery")).content.decode()


def test_a_picture_of_another_set_of_cases_is_not_found(client: Client, study: Study) -> None:
    body = AnatomyVertebra.objects.filter(anatomy__case=study.cases[0]).first()
    assert body is not None
    assert client.get(reverse("numbers-crop", args=["training", body.pk, 1])).status_code == 200
    assert client.get(reverse("numbers-crop", args=["test", body.pk, 1])).status_code == 404
    assert client.get(reverse("numbers-crop", args=["training", body.pk, 99])).status_code == 404
    assert client.get(reverse("numbers-crop", args=["no-such-set", body.pk, 1])).status_code == 404


def test_a_case_that_the_asker_owes_has_neither_tile_nor_picture(study: Study) -> None:
    lead = factories.make_user(Role.LEAD, Role.SENIOR)
    client = Client()
    client.force_login(lead, backend="django.contrib.auth.backends.ModelBackend")
    query = {"on": "all", "reader": study.key(0), "show": "fn"}
    body = AnatomyVertebra.objects.filter(anatomy__case=study.cases[0]).first()
    assert body is not None
    address = reverse("numbers-crop", args=["all", body.pk, 1])
    assert client.get(address).status_code == 200
    owed = factories.make_round("independent", state="open")
    factories.make_assignment(study.cases[0], round=owed, reader=reader_of(lead))
    html = client.get(reverse("numbers-gallery"), query).content.decode()
    assert study.cases[0].name not in html
    assert client.get(address).status_code == 404


def test_pictures_of_test_cases_are_in_the_ledger(client: Client) -> None:
    study = make_study(("A1 N N N",), split="test")
    sets_truth(study.cases[0], "A1 A1 N N")
    client.get(reverse("numbers-gallery"), {"on": "test", "reader": study.key(0), "show": "fn"})
    assert TestConsultation.objects.filter(what__startswith="Gallery").count() == 1


@pytest.mark.parametrize(("kind", "begins"), [("svg", b"<svg"), ("png", b"\x89PNG")])
def test_the_pictures_of_a_page_are_taken_along_as_a_figure(
    client: Client, study: Study, kind: str, begins: bytes
) -> None:
    query = {"on": "all", "reader": study.key(0), "show": "fn", "format": kind}
    answer = client.get(reverse("numbers-gallery"), query)
    assert answer.content.startswith(begins)
    assert answer.content == client.get(reverse("numbers-gallery"), query).content
    assert AuditEvent.objects.filter(verb="export_numbers", detail__what="gallery").count() == 2


def test_a_corrected_segmentation_is_shown_before_and_after_with_what_changed(client: Client, settings: Any) -> None:
    case = factories.make_case()
    rings = {5: {1: [[(2.0, 2.0), (8.0, 2.0), (8.0, 6.0), (2.0, 6.0)]]}}
    path = settings.MEDIA_ROOT / "outlines" / "gallery.json.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(rings))
    first = factories.make_anatomy(case, ("L1", "L2"), outlines="outlines/gallery.json.gz")
    last = Anatomy.objects.create(
        case=case, stack=first.stack, n=2, parent=first, outlines=first.outlines, source_digest=factories.digest("mask")
    )
    for row, level in zip(first.vertebrae.order_by("rank"), ("L2", "L3"), strict=True):
        row.pk, row.anatomy, row.level = None, last, level
        row.save()
    last.confirmed_by, last.confirmed_at = factories.make_reader(), timezone.now()
    last.save()
    html = client.get(reverse("numbers-gallery"), {"on": "all", "show": "masks"}).content.decode()
    assert "L1 is L2, L2 is L3" in html
    svg = client.get(images_of(html)[0])
    assert svg["Content-Type"] == "image/svg+xml"
    assert b"As a person confirmed it" in svg.content
    assert svg.content.count(b"<path") == 2
    assert client.get(reverse("numbers-masks", args=["test", last.pk])).status_code == 404
    assert client.get(reverse("numbers-masks", args=["all", first.pk])).status_code == 404
    assert client.get(images_of(html)[0], {"format": "png"}).content.startswith(b"\x89PNG")


def test_where_no_segmentation_was_corrected_it_says_so(client: Client, study: Study) -> None:
    html = client.get(reverse("numbers-gallery"), {"on": "all", "show": "masks"}).content.decode()
    assert "No segmentation of these cases was corrected" in html
