"""The workers of the models: started once their packages are there, also while Sagittal runs already."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest
import yaml

from config import inference_set, install, local
from config.folders import REPOSITORY
from config.inference_set import InferenceSet
from config.processes import Service, alive, stop_services, wait_until
from config.services import celery_services, inference_services


def queues(services: list[Service]) -> list[tuple[str, str]]:
    """Queue and number of processes of each worker among some services."""
    workers = [list(one.command) for one in services if "worker" in one.command]
    return [(each[each.index("-Q") + 1], each[each.index("--concurrency") + 1]) for each in workers]


def test_each_queue_has_one_worker_and_the_models_work_on_one_job_at_a_time(tmp_path: Path):
    assert queues(celery_services(tmp_path, {}, print)) == [("io", "2")]
    assert queues(inference_services(tmp_path, {}, print)) == [("infer", "1"), ("train", "1")]


def test_a_server_installation_has_the_same_workers():
    services = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]
    commands = [one["command"] for one in services.values() if "worker" in one.get("command", [])]
    found = {each[each.index("-Q") + 1]: each[each.index("--concurrency") + 1] for each in commands}
    assert found == {"io": "2", "infer": "1", "train": "1"}
    for name in ("infer", "train"):
        assert services[name]["build"]["target"] == "inference"
        assert services[name]["profiles"] == ["models"]
        assert services[name]["volumes"] == services["web"]["volumes"]


def test_workers_that_need_the_packages_start_when_they_are_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SAGITTAL_INFERENCE", raising=False)
    monkeypatch.setattr(install, "STAMPS", tmp_path / "stamps.json")
    monkeypatch.setattr(inference_set, "VENV", tmp_path)
    monkeypatch.setattr(inference_set, "ROOM_NEEDED", 0)
    monkeypatch.setattr(inference_set, "PYTHON", tmp_path / "python")
    monkeypatch.setattr(inference_set, "LOOK_EVERY", 0.1)
    (tmp_path / "python").write_text(f"#!/bin/sh\nwhile [ ! -e {tmp_path}/go ]; do sleep 0.05; done\n")
    (tmp_path / "python").chmod(0o755)
    inference = InferenceSet(tmp_path, lambda text: None)
    inference.begin()
    assert not inference.ready
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    worker = Service("The worker", command, os.environ, tmp_path / "worker.log", tmp_path, note=lambda text: None)
    services: list[Service] = []
    seen: list[bool] = []

    def later() -> None:
        seen.append(worker.process is None)
        (tmp_path / "go").touch()
        seen.append(wait_until(lambda: worker.process is not None and alive(worker.process.pid), 10))
        os.kill(os.getpid(), signal.SIGALRM)

    def stop(number: int, frame: object) -> None:
        raise local.Stop

    before = signal.signal(signal.SIGALRM, stop)
    person = threading.Timer(0.5, later)
    person.start()
    try:
        with pytest.raises(local.Stop):
            local._keep_alive(services, [worker], local.Servers(tmp_path), inference)
        assert seen == [True, True]
        assert services == [worker]
        assert inference.ready
    finally:
        person.join()
        signal.signal(signal.SIGALRM, before)
        stop_services([worker])
    again = InferenceSet(tmp_path, lambda text: None)
    again.begin()
    assert again.ready, "what was installed before is ready at once"


def test_what_is_left_out_is_never_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SAGITTAL_INFERENCE", "skip")
    monkeypatch.setattr(install, "STAMPS", tmp_path / "stamps.json")
    inference = InferenceSet(tmp_path, lambda text: None)
    inference.begin()
    assert not inference.ready
