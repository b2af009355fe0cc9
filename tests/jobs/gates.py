"""Gates on disk, between a test and the processes it watches. Standard library only: children load it."""

from __future__ import annotations

import os
import time
from pathlib import Path


def gate(folder: Path, phase: str) -> None:
    """Say that we came here; wait where the gate is shut."""
    name = phase.replace(" ", "-")
    (folder / f"{name}.came").write_text(str(os.getpid()))
    while (folder / f"{name}.shut").exists():
        time.sleep(0.02)


def shut(folder: Path, phase: str) -> None:
    (folder / f"{phase.replace(' ', '-')}.shut").touch()


def open_gate(folder: Path, phase: str) -> None:
    (folder / f"{phase.replace(' ', '-')}.shut").unlink()


def came(folder: Path, phase: str) -> bool:
    return (folder / f"{phase.replace(' ', '-')}.came").exists()
