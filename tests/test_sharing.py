"""How the tests of one run are shared out: what sets up something dear stays together."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sharing import TOGETHER, part_of

TESTS = Path(__file__).parent


def test_the_folders_that_stay_together_are_there() -> None:
    assert all((TESTS.parent / folder).is_dir() for folder in TOGETHER)


@pytest.mark.parametrize("folder", TOGETHER)
def test_all_tests_of_such_a_folder_are_one_part(folder: str) -> None:
    files = sorted((TESTS.parent / folder).rglob("test_*.py"))
    parts = {part_of(f"{file.relative_to(TESTS.parent)}::test_one[a::b/c]") for file in files}
    assert parts == {folder}


def test_any_other_file_is_a_part_of_its_own() -> None:
    assert part_of("tests/imaging/test_codec.py::test_one[tests/browser/]") == "tests/imaging/test_codec.py"
    assert part_of("tests/browser_of_old.py::test_one") == "tests/browser_of_old.py"
