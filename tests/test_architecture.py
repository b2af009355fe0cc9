"""docs/architecture.md describes the house as built."""

from pathlib import Path

import pytest

from config.environment import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
PURE = ("imaging", "anatomy", "statistics", "language")
ROOMS = (*PURE, "models", "jobs", "intake", "reading", "cohort", "analysis", "api")


@pytest.mark.parametrize(
    "module",
    [path for room in ROOMS for path in sorted((ROOT / "labeling" / room).rglob("*.py")) if path.name != "__init__.py"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_every_module_stands_in_the_architecture_page(module: Path):
    room = next(parent for parent in module.parents if parent.parent.name == "labeling")
    assert f"`{module.relative_to(room)}`" in PAGE


def test_no_module_is_longer_than_four_hundred_lines():
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in ("labeling", "config", "inference")
        for path in (ROOT / folder).rglob("*.py")
        if "migrations" not in path.parts and (lines := len(path.read_text().splitlines())) > 400
    }
    assert not long


def test_the_borders_between_the_rooms_hold():
    """The same contracts as `make lint`: arrows point one way."""
    from importlinter.cli import lint_imports

    assert lint_imports(config_filename=str(ROOT / ".importlinter"), is_debug_mode=False) == 0
