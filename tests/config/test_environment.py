"""A wrong installation stops at the start, with the setting named."""

import pytest

from config.environment import read_environment


@pytest.mark.parametrize(
    ("value", "size"), [("", 5_000_000_000), ("0.5", 500_000_000), ("0", 0), ("40", 40_000_000_000)]
)
def test_the_room_for_volumes_is_given_in_gigabytes(monkeypatch: pytest.MonkeyPatch, value: str, size: int) -> None:
    monkeypatch.setenv("SAGITTAL_VOLUME_CACHE_GB", value)
    assert read_environment().volume_cache_bytes == size


@pytest.mark.parametrize("value", ["5 GB", "-1", "nan", "inf"])
def test_a_room_that_is_no_number_of_gigabytes_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SAGITTAL_VOLUME_CACHE_GB", value)
    with pytest.raises(SystemExit, match=r"SAGITTAL_VOLUME_CACHE_GB is .*Give a number of gigabytes"):
        read_environment()


@pytest.mark.parametrize(("value", "size"), [("", 8_000_000_000), ("0.5", 500_000_000), ("24", 24_000_000_000)])
def test_the_memory_of_a_model_is_given_in_gigabytes(monkeypatch: pytest.MonkeyPatch, value: str, size: int) -> None:
    monkeypatch.setenv("SAGITTAL_MEMORY_GB", value)
    assert read_environment().memory_bytes == size


@pytest.mark.parametrize("value", ["0", "0.0", "0.4"])
def test_a_memory_in_which_no_model_runs_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SAGITTAL_MEMORY_GB", value)
    with pytest.raises(SystemExit, match=r"SAGITTAL_MEMORY_GB is .*No model runs in less than 0.5 GB"):
        read_environment()
