"""`python -m tests.bench [name…]`: measure, and print a table. The names are those of `MODULES`."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType, ModuleType

from config.processes import LauncherError
from tests.bench.installation import Site, installation
from tests.bench.report import Row, machine, table
from tests.bench.scale import FULL, TINY, Scale

#: Name and module, in the order of the run: those that fill the database come last.
MODULES = {
    "importing": "importing",
    "viewer": "viewer",
    "keys": "keys",
    "labels": "labels",
    "wado": "beside_orthanc",
    "postprocessing": "postprocessing",
    "segmentation": "segmentation",
    "classifier": "classifier",
    "worklist": "worklist",
    "numbers": "numbers",
}


def main(arguments: list[str] | None = None) -> int:
    """Measure what is named, or everything; the exit status says whether all of it could be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(MODULES))
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table there, too")
    parser.add_argument("--tiny", action="store_true", help="a moment of each, to see that it works")
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.names) - set(MODULES))
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; names are {', '.join(MODULES)}")
    signal.signal(signal.SIGTERM, _stop)
    begun = time.monotonic()
    about = machine()
    rows: list[Row] = []
    failed: list[str] = []
    try:
        with installation() as site:
            _note(f"ready after {time.monotonic() - begun:.0f} s")
            for name in [name for name in MODULES if not chosen.names or name in chosen.names]:
                found, worked = _measure(name, site, TINY if chosen.tiny else FULL)
                rows += found
                failed += [] if worked else [name]
    except LauncherError as error:
        print(error, file=sys.stderr)
        return 2
    text = f"{about}\n\n{table(rows)}\n"
    print(f"\n{text}")
    if chosen.write is not None:
        chosen.write.write_text(text)
    _note(f"done after {time.monotonic() - begun:.0f} s")
    return 1 if failed else 0


def _measure(name: str, site: Site, scale: Scale) -> tuple[list[Row], bool]:
    """The rows of one part. A part that breaks is a row of the table, and the others are still measured."""
    begun = time.monotonic()
    try:
        rows = _run(importlib.import_module(f"tests.bench.{MODULES[name]}"), site, scale)
    except Exception as error:
        traceback.print_exc()
        return [Row(name, f"could not be measured: {type(error).__name__}", ok=False)], False
    _note(f"{name} took {time.monotonic() - begun:.0f} s")
    return rows, True


def _run(module: ModuleType, site: Site, scale: Scale) -> list[Row]:
    rows: list[Row] = module.run(site, scale)
    return rows


def _note(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
