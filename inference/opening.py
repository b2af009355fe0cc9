"""`python -m inference.opening unpack|describe JOB.json`: what the registry asks of a model that it may not open.

``unpack {zip, into}`` lays the model of a zip into a folder, ``describe {model}`` looks at one. Either says one JSON
object: ``{"facts": {...}}``, or ``{"refused": code, "sentence": ...}``. No weights are loaded.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from inference.segmentation.models import describe, read_json
from inference.segmentation.packing import unpack_export
from labeling.imaging.refusal import Refusal


def facts_of(folder: Path) -> dict[str, Any]:
    """What a model folder says of itself, with how it was trained and how well, where it says that."""
    facts = describe(folder).plain()
    own = read_json(folder / "sagittal.json") if (folder / "sagittal.json").is_file() else {}
    recipe = {name: own[name] for name in ("settings", "packages", "cases", "simulated") if name in own}
    return facts | {"metrics": own.get("metrics", {}), "recipe": recipe}


def main(arguments: list[str]) -> int:
    verb, path = arguments
    job = json.loads(Path(path).read_text())
    try:
        if verb == "unpack":
            folder = unpack_export(Path(job["zip"]), Path(job["into"]))
        elif verb == "describe":
            folder = Path(job["model"])
        else:
            sys.stderr.write(f"{__doc__}\n")
            return 2
        said: dict[str, Any] = {"facts": facts_of(folder)}
    except Refusal as refusal:
        said = {"refused": refusal.code, "sentence": refusal.sentence}
    sys.stdout.write(json.dumps(said) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
