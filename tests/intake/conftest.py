"""Deliveries in tests: the very functions that the pages and the command call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labeling.intake import batches
from labeling.intake.importer import import_batch
from labeling.jobs import queue
from labeling.models import IntakeBatch
from labeling.reading.rounds import seed_open_labelling_round

Deliver = Callable[..., IntakeBatch]


@pytest.fixture(autouse=True)
def quiet_heartbeat(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's transaction hides the job from the heartbeat's own connection, which would take it for lost."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None or not marker.kwargs.get("transaction"):
        monkeypatch.setattr(queue, "HEARTBEAT_SECONDS", 3600.0)


@pytest.fixture
def open_round(db: None) -> Any:
    return seed_open_labelling_round()


@pytest.fixture
def deliver(db: None) -> Deliver:
    """Bring in paths as one batch, and give the batch as it ended."""

    def run(*paths: Path, **options: Any) -> IntakeBatch:
        batch = batches.new_batch(options.pop("by", None), paths[0].name, "command", **options)
        for path in paths:
            batches.add_path(batch, path)
        batches.finish_batch(batch)
        import_batch(batch.uuid)
        batch.refresh_from_db()
        return batch

    return run
