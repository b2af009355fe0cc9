"""What is installed, and that the launcher needs nothing installed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from config import inference_set, install
from config.folders import REPOSITORY

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^;\s]+)(; python_full_version < \"[\d.]+\")?$")
SETS = sorted(REPOSITORY.glob("requirements*.txt"))


def pins(path: Path) -> dict[str, str]:
    found = {}
    for line in path.read_text().splitlines():
        if not line or line.startswith(("#", "-r ")):
            continue
        match = PIN.match(line)
        assert match, f"{path.name}: {line!r} is not one package at one version"
        found[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    return found


def test_the_launcher_starts_with_the_standard_library_alone() -> None:
    command = [sys.executable, "-S", "-c", "import config.local, config.running; print('ok')"]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert answer.stdout == "ok\n", answer.stderr


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.name)
def test_every_package_is_pinned_and_no_host_is_named(path: Path) -> None:
    assert pins(path)
    assert "://" not in path.read_text()
    assert "--hash" not in path.read_text()


def test_no_set_asks_for_another_version_than_the_web_set() -> None:
    web = pins(REPOSITORY / "requirements.txt")
    for path in SETS:
        for name, version in pins(path).items():
            assert web.get(name, version) == version, f"{path.name} and requirements.txt differ on {name}"


def test_the_lock_file_of_the_frontend_names_no_host() -> None:
    lock = json.loads((REPOSITORY / "frontend" / "package-lock.json").read_text())
    assert lock["packages"]
    named = [name for name, entry in lock["packages"].items() if "://" in str(entry.get("resolved", ""))]
    assert not named, f"run `npm install` with omit-lockfile-registry-resolved: {named[:3]}"


def test_a_changed_a_renamed_and_a_new_source_change_the_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "made.js").write_text("x")
    source = tmp_path / "a.ts"
    source.write_text("1")

    def now() -> str:
        return install.fingerprint(install.files_under(tmp_path))

    seen = [now()]
    source.write_text("2")
    seen.append(now())
    source.rename(tmp_path / "b.ts")
    seen.append(now())
    (tmp_path / "c.ts").write_text("")
    seen.append(now())
    assert len(set(seen)) == 4
    (tmp_path / "node_modules" / "made.js").write_text("y")
    assert now() == seen[-1], "what a build made is no source"


@pytest.fixture
def inference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> inference_set.InferenceSet:
    monkeypatch.delenv("SAGITTAL_INFERENCE", raising=False)
    monkeypatch.setattr(install, "STAMPS", tmp_path / "stamps.json")
    return inference_set.InferenceSet(tmp_path, lambda text: None)


def status(inference: inference_set.InferenceSet) -> dict[str, str]:
    found: dict[str, str] = json.loads(inference.status_file.read_text())
    assert set(found) == {"state", "detail", "at"}
    return found


def test_the_inference_set_can_be_left_out(
    inference: inference_set.InferenceSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGITTAL_INFERENCE", "skip")
    inference.begin()
    assert inference.process is None
    assert status(inference)["state"] == "skipped"


def test_the_inference_set_is_not_begun_where_there_is_no_room(
    inference: inference_set.InferenceSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference_set, "VENV", inference.status_file.parent)
    monkeypatch.setattr(inference_set, "ROOM_NEEDED", 2**62)
    inference.begin()
    assert inference.process is None
    assert status(inference)["state"] == "failed"
    assert "are free" in status(inference)["detail"]


def test_the_inference_set_reports_progress_and_its_end(
    inference: inference_set.InferenceSet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(inference_set, "VENV", tmp_path)
    monkeypatch.setattr(inference_set, "ROOM_NEEDED", 0)
    monkeypatch.setattr(inference_set, "PYTHON", tmp_path / "python")
    installer = tmp_path / "python"

    def let_it(last: str) -> None:
        installer.write_text(
            "#!/bin/sh\necho 'Collecting torch==2.15.0'\n"
            f"echo '  Downloading torch-2.15.0-cp311.whl (812.3 MB)'\n{last}\n"
        )
        installer.chmod(0o755)
        inference.begin()

    def look(wanted: str) -> bool:
        inference.next_look = 0
        inference.check(1.0)
        found = status(inference)
        return wanted in f"{found['state']} {found['detail']}"

    let_it("sleep 60")
    assert install_eventually(lambda: look("installing Getting torch, 812.3 MB."))
    inference.stop()
    assert status(inference)["state"] == "installing"

    let_it("echo 'ERROR: No space left on device'; exit 1")
    assert install_eventually(lambda: look("failed The installer ended with exit status 1. No space left on device"))

    let_it("exit 0")
    assert install_eventually(lambda: look("ready"))
    inference.begin()
    assert inference.process is None, "what is installed is not installed again"


def install_eventually(condition: object) -> bool:
    from config.processes import wait_until

    assert callable(condition)
    return wait_until(condition, 5)
