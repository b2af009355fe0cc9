"""The reading room without a screen, as a process: drives `frontend/tests/replica.ts` line by line.

The store, the queue and the history are those of the browser; only the network and the clock are ours.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

from config.folders import REPOSITORY
from config.install import NODE_TO_TEST
from labeling.reading.state import ReadContext, ReadState

__all__ = ["Replica", "Tab", "context_json", "state_json"]

FRONTEND = REPOSITORY / "frontend"


def node() -> str:
    """A Node that runs TypeScript as it is: the one of the virtual environment, or the machine's."""
    for program in (str(Path(sys.executable).parent / "node"), shutil.which("node")):
        if program and Path(program).exists():
            said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
            if tuple(int(part) for part in said.strip().lstrip("v").split(".")[:2]) >= NODE_TO_TEST:
                return program
    needed = ".".join(map(str, NODE_TO_TEST))
    raise RuntimeError(f"There is no Node {needed} or newer. Run make test, which installs one.")


class Replica:
    """The process. It holds several tabs, each on a device of its own."""

    def __init__(self) -> None:
        command = [node(), "tests/replica.ts"]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(command, cwd=FRONTEND, **pipes)
        #: The request of each tab that waits for an answer, or None.
        self.requests: dict[str, dict[str, Any] | None] = {}

    def tell(self, do: str, **fields: Any) -> Any:
        """Does one thing there and gives back what came of it; whatever was thrown there fails the test here."""
        self._stream(self._process.stdin).write(json.dumps({"do": do, **fields}) + "\n")
        self._stream(self._process.stdin).flush()
        line = self._stream(self._process.stdout).readline()
        if not line:
            raise RuntimeError(f"The replica ended with {self._process.wait()}.")
        answer = json.loads(line)
        assert not answer["troubles"], "\n".join(answer["troubles"])
        self.requests = answer["requests"]
        return answer["result"]

    def stop(self) -> None:
        self._stream(self._process.stdin).close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stream(self._process.stdout).close()

    @staticmethod
    def _stream(stream: IO[str] | None) -> IO[str]:
        if stream is None:
            raise RuntimeError("The replica has no pipe.")
        return stream


class Tab:
    """One tab of the replica, by its name."""

    def __init__(self, replica: Replica, name: str) -> None:
        self._replica = replica
        self.name = name

    def tell(self, do: str, **fields: Any) -> Any:
        return self._replica.tell(do, tab=self.name, **fields)

    @property
    def request(self) -> dict[str, Any] | None:
        """What this tab has sent and not heard of yet."""
        return self._replica.requests.get(self.name)

    def report(self) -> dict[str, Any]:
        """What stands on its screen, what it still keeps, and what it ever made."""
        report: dict[str, Any] = self.tell("report")
        return report


def context_json(context: ReadContext) -> dict[str, Any]:
    """A context in the words of the browser."""
    return {
        "unit": context.unit,
        "aoRequired": context.ao_required,
        "sops": sorted(context.slices),
        "vertebrae": [
            {
                "id": vertebra.id,
                "level": vertebra.level,
                "certainty": "assumed" if vertebra.level else "unknown",
                "cut": vertebra.cut,
                "cutWhere": "",
                "extent": None,
                "labelValue": None,
                "sops": list(vertebra.sops),
                "marginSops": list(vertebra.margin_sops),
            }
            for vertebra in context.vertebrae.values()
        ],
    }


def state_json(state: ReadState) -> dict[str, Any]:
    """A state as it comes out of JSON."""
    said: dict[str, Any] = json.loads(json.dumps(state.as_json()))
    return said
