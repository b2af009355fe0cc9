"""Archives: what comes out, and what an archive must not do."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.imaging.refusal import Refusal
from labeling.intake import unpack as module
from labeling.intake.quarantine import Source
from labeling.intake.unpack import Limits, unpack
from labeling.models import Outcome
from tests.intake.conftest import Deliver
from tests.intake.phantoms import dicom, zipped

LIMITS = Limits(most_bytes=10**9, most_files=1000, most_ratio=200)


def opened(path: Path, limits: Limits = LIMITS) -> module.Unpacked:
    return unpack([Source(path, path.name)], path.parent / "out", limits)


def codes(result: module.Unpacked) -> list[str]:
    return [one.code for one in result.turned_away]


def test_members_are_written_under_numbers_and_keep_their_names_for_pairing(tmp_path: Path):
    archive = zipped(tmp_path / "a.zip", {"Muster/x_ct.nii.gz": b"1", "Muster/x_msk.nii.gz": b"2"})
    result = opened(archive)
    assert [one.path.name for one in result.sources] == ["000001", "000002"]
    assert [one.name for one in result.sources] == ["a/Muster/x_ct.nii.gz", "a/Muster/x_msk.nii.gz"]
    assert [one.path.read_bytes() for one in result.sources] == [b"1", b"2"]
    assert result.archives == [archive]


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/etc/evil", "..\\evil", "C:\\evil", "C:evil", "a/..", "//host/share"]
)
def test_a_path_that_leads_out_is_turned_away_alone(tmp_path: Path, name: str):
    folder = tmp_path / "in"
    folder.mkdir()
    result = opened(zipped(folder / "a.zip", {name: b"x", "good": b"y"}))
    assert codes(result) == ["path-leaves-archive"]
    assert [one.path.read_bytes() for one in result.sources] == [b"y"]
    assert not list(tmp_path.rglob("evil"))


@given(name=st.text(min_size=1, max_size=60))
def test_no_name_whatever_leads_out_of_the_folder(tmp_path_factory, name: str):
    root = tmp_path_factory.mktemp("slip")
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        info = zipfile.ZipInfo("x")
        info.filename = name
        try:
            archive.writestr(info, b"x")
        except (UnicodeEncodeError, ValueError):
            return
    path = root / "a.zip"
    path.write_bytes(memory.getvalue())
    opened(path)
    written = {one for one in root.rglob("*") if one.is_file()}
    assert all(one == path or one.parent == root / "out" for one in written)


@settings(max_examples=150)
@given(place=st.floats(0, 0.999), value=st.integers(0, 255), end=st.floats(0.01, 1))
def test_a_damaged_archive_is_turned_away_or_read_and_never_stops_the_import(
    tmp_path_factory, place: float, value: int, end: float
):
    root = tmp_path_factory.mktemp("damaged")
    archive = zipped(root / "a.zip", {"a": b"abc" * 100, "b/": b"", "c": b"PK\x03\x04" + b"x" * 300})
    data = bytearray(archive.read_bytes())
    data[4 + int(place * (len(data) - 4))] = value
    archive.write_bytes(data[: max(5, int(len(data) * end))])
    result = opened(archive)
    assert result.sources or result.turned_away or result.archives


def test_a_link_in_an_archive_is_turned_away(tmp_path: Path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
        archive.writestr("good", b"y")
    result = opened(path)
    assert codes(result) == ["link"]
    assert len(result.sources) == 1


def test_a_bomb_is_stopped_by_its_ratio_and_leaves_nothing(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "RATIO_FROM_BYTES", 2**20)
    archive = zipped(tmp_path / "bomb.zip", {"first": b"kept?", "zeros": bytes(50 * 2**20)})
    result = opened(archive)
    assert codes(result) == ["archive-bomb"]
    assert result.sources == []
    assert list((tmp_path / "out").iterdir()) == []
    assert archive.exists()


def test_a_bomb_that_lies_about_its_size_is_stopped_all_the_same(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "RATIO_FROM_BYTES", 2**20)
    archive = zipped(tmp_path / "bomb.zip", {"zeros": bytes(50 * 2**20)})
    data = bytearray(archive.read_bytes())
    size = struct.pack("<I", 50 * 2**20)
    while (place := data.find(size)) >= 0:
        data[place : place + 4] = struct.pack("<I", 1000)
    archive.write_bytes(data)
    result = opened(archive)
    assert codes(result) in (["archive-bomb"], ["broken-archive"])
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*")) == 0


def test_an_archive_larger_than_the_limit_is_turned_away(tmp_path: Path):
    archive = zipped(tmp_path / "a.zip", {"a": bytes(3000), "b": bytes(3000)})
    result = opened(archive, Limits(5000, 10, 10**6))
    assert codes(result) == ["archive-too-large"]
    assert result.sources == []


def test_too_many_files_stop_the_delivery(tmp_path: Path):
    archive = zipped(tmp_path / "a.zip", {str(n): b"" for n in range(30)})
    with pytest.raises(Refusal, match="more than 20 files"):
        opened(archive, Limits(5000, 20, 200))


def test_an_archive_in_an_archive_is_opened_once_and_no_deeper(tmp_path: Path):
    inner = zipped(tmp_path / "inner.zip", {"c": b"c"})
    middle = zipped(tmp_path / "middle.zip", {"inner.zip": inner.read_bytes(), "b": b"b"})
    outer = zipped(tmp_path / "outer.zip", {"middle.zip": middle.read_bytes(), "a": b"a"})
    result = opened(outer)
    assert sorted(one.path.read_bytes() for one in result.sources) == [b"a", b"b"]
    assert codes(result) == ["nested-archive"]
    assert result.turned_away[0].path is not None


def test_a_damaged_inner_archive_does_not_take_the_outer_one_with_it(tmp_path: Path):
    inner = zipped(tmp_path / "inner.zip", {"c": bytes(1000)}).read_bytes()
    outer = zipped(tmp_path / "outer.zip", {"inner.zip": inner[:60], "a": b"a"})
    result = opened(outer)
    assert [one.path.read_bytes() for one in result.sources] == [b"a"]
    assert codes(result) == ["broken-archive"]


@pytest.mark.parametrize("cut", [1, 30, 100, -1, -30])
def test_a_truncated_archive_is_turned_away_whole(tmp_path: Path, cut: int):
    archive = zipped(tmp_path / "a.zip", {"a": b"abc" * 100, "b": b"x" * 1000})
    archive.write_bytes(b"PK\x03\x04" + archive.read_bytes()[4:cut] if cut < 0 or cut > 4 else b"PK\x03\x04")
    result = opened(archive)
    assert codes(result) == ["broken-archive"]
    assert result.sources == []


def test_a_member_with_a_wrong_checksum_is_found(tmp_path: Path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a", b"hello hello")
    path.write_bytes(path.read_bytes().replace(b"hello hello", b"jello hello"))
    assert codes(opened(path)) == ["broken-archive"]


def test_an_encrypted_archive_is_turned_away(tmp_path: Path):
    archive = zipped(tmp_path / "a.zip", {"a": b"abc"})
    data = bytearray(archive.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(signature) + flags] |= 1
    archive.write_bytes(data)
    result = opened(archive)
    assert codes(result) == ["encrypted-archive"]
    assert "password" in result.turned_away[0].sentence


def test_an_empty_archive_gives_nothing(tmp_path: Path):
    result = opened(zipped(tmp_path / "a.zip", {}))
    assert (result.sources, result.turned_away) == ([], [])


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["slip", "nested", "encrypted", "truncated"])
def test_what_was_wrong_with_an_archive_stands_on_the_intake_page(deliver: Deliver, tmp_path: Path, kind: str):
    files = {path.name: path.read_bytes() for path in dicom(tmp_path / "in")}
    good = zipped(tmp_path / "good.zip", files)
    bad = zipped(tmp_path / "bad.zip", {"../../x": b"x", **files} if kind == "slip" else files)
    if kind == "nested":
        bad = zipped(
            tmp_path / "bad.zip", {"a.zip": zipped(tmp_path / "b.zip", {"c.zip": good.read_bytes()}).read_bytes()}
        )
    if kind == "truncated":
        bad.write_bytes(bad.read_bytes()[:-200])
    if kind == "encrypted":
        data = bytearray(bad.read_bytes())
        data[data.find(b"PK\x01\x02") + 8] |= 1
        bad.write_bytes(data)
    expected = {
        "slip": "path-leaves-archive",
        "nested": "nested-archive",
        "encrypted": "encrypted-archive",
        "truncated": "broken-archive",
    }
    batch = deliver(bad, good)
    refused = batch.series.get(code=expected[kind])
    assert refused.outcome == Outcome.REFUSED
    assert batch.series.filter(outcome=Outcome.DERIVED).count() == 1
    assert batch.state == "done"
