"""The models' programs as a worker starts them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from config.environment import ROOT


class Child:
    """A child as a worker starts it: at the head of its own session, with a pipe that is never written to."""

    def __init__(self, command: str, job: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "inference.segmentation", command, str(job)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            cwd=ROOT,
        )
        self.said: list[dict[str, Any]] = []
        self.log: list[str] = []

    def lines(self) -> Iterator[dict[str, Any]]:
        """What it says, as it says it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith('{"'):
                self.said.append(json.loads(line))
                yield self.said[-1]
            elif line.strip():
                self.log.append(line.rstrip())

    def finish(self) -> int:
        """Listen to the end; the exit status."""
        for _ in self.lines():
            pass
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        return self.process.wait()

    def curve(self, name: str) -> dict[int, float]:
        return {one["x"]: one["y"] for one in self.said if one.get("curve") == name}
