"""A pytest plugin: how two processes share the tests of one run (`pytest -n 2`, which is what `make test` does).

A part is never torn apart: what it sets up (an application with a browser, a model that is trained) is set up once.
The long parts come first, so that at the end neither process waits long for the other. Within a part, and from file to
file, the order stays the random one.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

#: Folders that are one part each, the longest first; any other file is a part of its own.
TOGETHER = ("tests/browser", "tests/inference")


def part_of(nodeid: str) -> str:
    """The part that a test belongs to."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in TOGETHER if file.startswith(f"{folder}/")), file)


class InParts(LoadScopeScheduling):
    """Each process takes the next part as soon as it is nearly through with its own."""

    def _split_scope(self, nodeid: str) -> str:
        return part_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> InParts:
    """Hand parts out in the order of the collection; xdist would begin with those of the most tests."""
    config.option.loadscopereorder = False
    return InParts(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """After the shuffle: the long parts first, where there is somebody to share with."""
    if hasattr(config, "workerinput"):
        place = {part: number for number, part in enumerate(TOGETHER)}
        items.sort(key=lambda item: place.get(part_of(item.nodeid), len(TOGETHER)))
