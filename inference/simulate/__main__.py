"""`python -m inference.simulate FOLDER --cases N --seed S`: write simulated cases, naming the folder of each."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .cohort import write_cohort


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m inference.simulate", description="Write simulated spine CTs.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--axial", action="store_true", help="Axial volumes instead of native sagittal stacks.")
    group = parser.add_argument_group("a simulated reader, whose read is written beside each case if one is given")
    group.add_argument("--reader-sensitivity", type=float, metavar="SHARE")
    group.add_argument("--reader-specificity", type=float, metavar="SHARE")
    given = parser.parse_args()
    sensitivity, specificity = given.reader_sensitivity, given.reader_specificity
    skill = None
    if sensitivity is not None or specificity is not None:
        skill = (1.0 if sensitivity is None else sensitivity, 1.0 if specificity is None else specificity)
    try:
        for folder in write_cohort(given.folder, given.cases, given.seed, given.axial, skill):
            sys.stdout.write(f"{folder}\n")
            sys.stdout.flush()
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
