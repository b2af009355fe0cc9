"""`python -m inference.segmentation predict|train|check JOB.json`: one job in a process of its own."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

REFUSED, CANCELLED = 3, 143
"""Exit states of a job that cannot be done, and of one that was asked to stop."""


def main(arguments: list[str]) -> int:
    """Do the job and say how it ended: 0 done, 3 refused (with a line that says why), 143 cancelled."""
    if len(arguments) != 2 or arguments[0] not in ("predict", "train", "check"):
        print(__doc__, file=sys.stderr)  # noqa: T201  # nobody reads JSON lines here
        return 2
    from labeling.jobs.child import tie_to_parent

    tie_to_parent()
    command, path = arguments[0], Path(arguments[1])
    # Libraries read these once, when they are imported.
    job = _job(path)
    threads = str(_threads(job))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = threads
    # Threads that wait must not spin: beside other work they would take the time that the others need.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return _done(command, job)


def _done(command: str, job: dict[str, Any]) -> int:
    from inference.segmentation import speaking
    from labeling.imaging.refusal import Refusal

    try:
        if command == "train":
            from inference.segmentation import train
            from inference.segmentation.trainer import Cancelled

            try:
                train.run(job)
            except Cancelled:
                speaking.log("The training was stopped. Its last checkpoint is kept.")
                return CANCELLED
        else:
            from inference.segmentation import case

            case.run(job) if command == "predict" else case.check(job)
    except Refusal as refusal:
        speaking.refused(refusal)
        return REFUSED
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        speaking.refused(Refusal("disk-full", "The disk is full. Make room on the server, then start it again."))
        return REFUSED
    except MemoryError:
        speaking.refused(_out_of_memory(Refusal))
        return REFUSED
    return 0


def _job(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text())
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} holds no JSON object.")
    return content


def _threads(job: dict[str, Any]) -> int:
    given = job.get("threads") or job.get("settings", {}).get("threads") or 0
    return int(given) or len(os.sched_getaffinity(0))


def _out_of_memory(refusal: Any) -> Any:
    return refusal(
        "out-of-memory",
        "The memory was full. Choose a smaller network or a smaller patch, or start it on a larger machine.",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
