"""The bench works; how fast anything is, no test says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from config.folders import REPOSITORY
from tests.bench.report import Row, limited, quantile, table


def test_every_part_measures_something_and_leaves_nothing_behind(tmp_path: Path) -> None:
    written = tmp_path / "table.md"
    command = [sys.executable, "-m", "tests.bench", "importing", "viewer", "labels", "worklist", "numbers", "--tiny"]
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [*command, "--write", str(written)],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    text = written.read_text()
    assert text in done.stdout
    for what in (
        "import, 12 axial",
        "G1 ",
        "G2 ",
        "G3 ",
        "G4 ",
        "G5 ",
        "G7 ",
        "G10 ",
        "G11 ",
        "label write",
        "worklist page",
        "queries of",
        "all count statistics",
        "agreement page",
    ):
        assert what in text, what
    assert "| G12 frames in the browser equal to the source" in text
    assert "12/12" in text, "the pixels are right at any speed"
    assert not (REPOSITORY / "var" / "bench" / "state").exists()
    assert not (REPOSITORY / "var" / "bench" / "scratch").exists()


def test_a_limit_on_the_median_does_not_look_at_the_slowest() -> None:
    row = limited("slice", [10.0, 20.0, 900.0], median=25)
    assert row.ok
    assert row.ratio == 20 / 25
    assert not limited("slice", [10.0, 20.0, 900.0], median=25, p95=100).ok
    assert limited("slice", [10.0]).ok is None


def test_a_quantile_lies_between_its_neighbours() -> None:
    assert quantile([0.0, 10.0], 0.5) == 5.0
    assert quantile([7.0], 0.95) == 7.0


def test_the_table_has_the_five_columns_and_says_what_is_over() -> None:
    text = table([Row("a", "1 ms", "2 ms", 0.5, True), Row("b", "9 ms", "2 ms", 4.5, False), Row("c", "3")])
    head, rule, *lines = text.splitlines()
    assert [cell.strip() for cell in head.strip("|").split("|")] == [
        "what",
        "measured",
        "reference or limit",
        "ratio",
        "ok",
    ]
    assert set(rule) <= set("|-")
    assert len(lines) == 3
    assert "**over**" in lines[1]
    assert len({len(line) for line in text.splitlines()}) == 1
