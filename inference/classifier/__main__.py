"""`python -m inference.classifier train|predict|check JOB.json`: one job in a process of its own.

On stdout a line of JSON for each thing worth knowing, see `inference.segmentation.speaking`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference.segmentation import speaking
from labeling.imaging.refusal import Refusal
from labeling.jobs.child import tie_to_parent

REFUSED, CANCELLED = 3, 143
"""Exit states of a job that cannot be done (a line says why), and of one that was asked to stop; 0 is done."""


def main(arguments: list[str] | None = None) -> int:
    """Do the job; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m inference.classifier", description=__doc__)
    parser.add_argument("verb", choices=list(_VERBS))
    parser.add_argument("job", type=Path, help="a JSON file")
    chosen = parser.parse_args(arguments)
    tie_to_parent()
    try:
        return _VERBS[chosen.verb](_job(chosen.job))
    except Refusal as refusal:
        speaking.refused(refusal)
        return REFUSED


def _job(path: Path) -> dict[str, Any]:
    try:
        job = json.loads(path.read_text())
        threads = int((job.get("settings") or job).get("threads") or 0)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise Refusal(
            "bad-job", f"The file of the job cannot be read ({type(error).__name__}). Start it again."
        ) from error
    if threads > 0:
        # Libraries read these once, when they are imported.
        os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads)))
    return dict(job)


def _train(job: Mapping[str, Any]) -> int:
    # What loads torch is imported late: whoever is refused need not wait for it.
    from inference.classifier.stopping import Cancelled
    from inference.classifier.train import run

    try:
        run(job)
    except Cancelled:
        speaking.log("The training was stopped. Its last checkpoint is kept.")
        return CANCELLED
    return 0


def _predict(job: Mapping[str, Any]) -> int:
    from inference.classifier.predict import run

    run(job)
    return 0


def _check(job: Mapping[str, Any]) -> int:
    """Of a folder ``model``, or of a ``zip`` that is unpacked ``into`` one: what it is, once its network has loaded."""
    from inference.classifier.packing import unpack_classifier

    folder = unpack_classifier(Path(job["zip"]), Path(job["into"])) if "zip" in job else Path(job["model"])
    from inference.classifier.weights import load_model

    _, description = load_model(folder)
    sys.stdout.write("\n" + json.dumps({"facts": description.plain()}) + "\n")
    return 0


_VERBS = {"train": _train, "predict": _predict, "check": _check}


if __name__ == "__main__":
    sys.exit(main())
