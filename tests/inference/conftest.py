"""One tiny model for all tests of a run that need any: trained for real, once, and killed on the way."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.inference import tiny
from tests.inference.children import Child


@pytest.fixture(scope="session")
def killed_and_trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Child, Child]:
    """The folder of a training, the child that was killed in its second epoch or later, and the one that finished."""
    folder = tmp_path_factory.mktemp("training")
    job = tiny.train_job(folder)
    first = Child("train", job)
    for said in first.lines():
        if said.get("curve") == "Dice":
            break
    # Somewhere within the next epoch.
    time.sleep(0.5)
    os.kill(first.process.pid, signal.SIGKILL)
    first.finish()
    second = Child("train", job)
    assert second.finish() == 0, "\n".join(second.log[-20:])
    return folder, first, second


@pytest.fixture(scope="session")
def tiny_model(killed_and_trained: tuple[Path, Child, Child]) -> Path:
    """The folder of a model that finds the bodies of small simulated CTs; nobody writes to it."""
    return killed_and_trained[0] / "model"
