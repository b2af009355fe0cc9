"""The reviewer's bundle by its address and by its command."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from labeling.analysis.bundle import packing
from labeling.models import Exposure
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.small_study import make_study

pytestmark = pytest.mark.django_db


def test_the_address_gives_the_zip_and_nothing_else() -> None:
    make_study()
    user = factories.make_user(Role.LEAD)
    client = Client()
    client.force_login(user)
    answer = client.get(reverse("numbers-bundle"), {"on": "all"})
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"] == 'attachment; filename="reviewers-bundle-all.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert {"reviewers-bundle/README.txt", "reviewers-bundle/recompute.py"} <= set(archive.namelist())
    assert Exposure.objects.filter(reader__user=user).exists()


def test_what_is_too_large_or_unknown_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    make_study()
    client = Client()
    client.force_login(factories.make_user(Role.LEAD))
    answer = client.get(reverse("numbers-bundle"), {"on": "nowhere"})
    assert answer.status_code == 409
    assert "There is no set of cases called" in answer.content.decode()
    monkeypatch.setattr(packing, "AT_A_PAGE", 1)
    answer = client.get(reverse("numbers-bundle"), {"on": "all"})
    assert answer.status_code == 409
    assert "python manage.py export_bundle --on all" in answer.content.decode()
    assert not Exposure.objects.exists()


def test_the_command_writes_the_same_zip_to_a_file(tmp_path: Path) -> None:
    make_study()
    user = factories.make_user(Role.LEAD, username="lead")
    target = tmp_path / "out" / "bundle.zip"
    call_command("export_bundle", "--on", "all", "--by", "lead", "--out", str(target), stdout=io.StringIO())
    assert target.read_bytes() == packing.bundle_of(user, "all").content
    assert [path.name for path in target.parent.iterdir()] == ["bundle.zip"]
    for arguments in (("--by", "nobody"), ("--by", "lead", "--on", "nowhere")):
        with pytest.raises(CommandError):
            call_command("export_bundle", *arguments, "--out", str(target), stdout=io.StringIO())
