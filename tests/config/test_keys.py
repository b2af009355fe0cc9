"""The secrets of an installation."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from config.keys import new_keys, read_or_make_keys
from config.processes import LauncherError


@pytest.fixture(autouse=True)
def _no_keys_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in new_keys():
        monkeypatch.delenv(name, raising=False)


def test_keys_are_made_once_and_only_we_can_read_them(tmp_path: Path) -> None:
    first = read_or_make_keys(tmp_path)
    assert read_or_make_keys(tmp_path, has_data=True) == first
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert read_or_make_keys(tmp_path / ".." / tmp_path.name) == first
    Fernet(first["SAGITTAL_IDENTITY_KEYS"].encode())  # raises if it is no key


def test_lost_keys_are_never_replaced_beside_a_database(tmp_path: Path) -> None:
    with pytest.raises(LauncherError, match="Bring the file back"):
        read_or_make_keys(tmp_path, has_data=True)
    assert not (tmp_path / "secrets.json").exists()


def test_a_damaged_file_of_keys_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text('{"SAGITTAL_SECRET')
    with pytest.raises(LauncherError, match="backup"):
        read_or_make_keys(tmp_path)
    assert path.read_text() == '{"SAGITTAL_SECRET'


def test_keys_of_the_environment_come_first_and_are_not_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = read_or_make_keys(tmp_path)
    monkeypatch.setenv("SAGITTAL_SECRET_KEY", "given")
    assert read_or_make_keys(tmp_path)["SAGITTAL_SECRET_KEY"] == "given"
    assert json.loads((tmp_path / "secrets.json").read_text()) == kept
