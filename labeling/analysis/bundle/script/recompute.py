"""Recomputes every number in numbers.json from the tables of this folder, and says which ones differ.

Run it in the folder of the bundle: python recompute.py. It needs Python 3.11 and numpy, and scipy for the tests of
Table 1 alone. Exit code 0: all are reproduced to 1e-9. 1: some differ. 2: none differs, and some could not be computed.
"""

# ruff: noqa: T201
from __future__ import annotations

import csv
import hashlib
import json
import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import numpy as np  # noqa: E402
import others  # noqa: E402
import readers  # noqa: E402
import scores  # noqa: E402
from formulas import VERDICTS, Tree, answers, decides, reliability  # noqa: E402
from tables import Tables  # noqa: E402

RULES = {"youden": None, "sensitivity-95": 0.95, "sensitivity-90": 0.90}


def accuracy(t: Tables, group: Tree) -> Tree:
    return readers.accuracy(t, *group["readers"], group["options"]["unit"])


def agreement(t: Tables, group: Tree) -> Tree:
    keys = group["readers"]
    repeats = [pair.split(" ") for pair in group["options"]["repeats"]]
    g = t.gather([*keys, *(key for pair in repeats for key in pair)])
    pairs = [(a, b) for place, a in enumerate(keys) for b in keys[place + 1 :]]
    kinds = {key: t.kind[key] for key in keys if t.kind[key] != "reference"}
    groups = [[key for key, kind in kinds.items() if kind == "person"], list(kinds)]
    together = [those for those in groups if len(those) > 1]
    if len(together) == 2 and groups[0] == groups[1]:
        together.pop()
    own = [g.row(key) for key in keys]
    said = answers(g.verdict, g.ao)
    return {
        "readers": {key: readers.called(t, g, key) for key in keys},
        "pairs": {f"{a} {b}": readers.pair(t, g, a, b) for a, b in pairs},
        "repeats": {f"{a} {b}": readers.pair(t, g, a, b) for a, b in repeats},
        "together": [reliability(said[[g.row(k) for k in those]], g.patient, t.draws(g)) for those in together],
        "vertebrae": int((g.verdict[own] != -1).any(0).sum()),
        "patients": g.patients,
    }


def curves(t: Tables, group: Tree) -> Tree:
    model, unit = group["readers"][0], group["options"]["unit"]
    g = t.gather(group["options"]["keys"])
    units, row, base = readers.units(t, g, unit), g.row(model), g.row("reference")
    drawn, score, truth, patient = t.draws(g), units.score[row], units.verdict[base], units.patient
    found: Tree = {"curve": scores.curve(score, truth, patient, drawn)}
    found["calibration"] = scores.calibration(score, truth, patient, drawn)
    found["threshold"] = {rule: {"positives": 0, "negatives": 0} for rule in RULES}
    if not all(any(place in t.reads[key] for place in t.validation) for key in (model, "reference")):
        return found
    held = readers.units(t, t.gather([model, "reference"], t.validation), unit)
    counted = np.isfinite(held.score[0]) & decides(held.verdict[1])
    outside = ~np.isin(np.array(t.asked)[units.case], t.validation) if units.case.size else np.zeros(0, bool)
    for rule, at_least in RULES.items():
        chosen = scores.threshold(held.score[0], held.verdict[1], at_least)
        of = {"cases": held.case, "patients": held.patient}
        chosen["origin"] = {name: len(set(whose[counted].tolist())) for name, whose in of.items()}
        if chosen["value"] is not None and outside.any():
            judged = np.where(outside, truth, -1)
            chosen["here"] = readers.operating_point(score, judged, patient, chosen["value"], drawn)
            chosen["here"]["patients"] = len(set(patient[outside].tolist()))
        found["threshold"][rule] = chosen
    return found


def points(t: Tables, group: Tree) -> Tree:
    g = t.gather(group["options"]["keys"])
    units = readers.units(t, g, group["options"]["unit"])
    return {key: readers.point(t, g, units, key) for key in group["options"]["keys"] if key != "reference"}


def comparison(t: Tables, group: Tree) -> Tree:
    return readers.comparison(t, *group["readers"], group["options"]["unit"], float(group["options"]["margin"]) / 100)


def place(t: Tables, group: Tree) -> Tree:
    return others.place(t, group["readers"][0], group["options"])


def report(t: Tables, group: Tree) -> Tree:
    return others.report(t)


def segmentation(t: Tables, group: Tree) -> Tree:
    return others.segmentation(t)


def reading(t: Tables, group: Tree) -> Tree:
    """Automation bias towards a model (none where the group names none), and the course of sessions."""
    by_entry = sorted(t.asked, key=lambda place: int(t.cases[place]["entered"]))
    number: dict[str, int] = {}
    of_case = {t.cases[p]["case"]: number.setdefault(t.cases[p]["patient"], len(number)) for p in by_entry}
    drawn = t.draws_of(len(number))
    key = next(iter(group["readers"]), "")
    rows = [row for row in t.table("showings") if row["model"] == key]
    how = Counter(word for _, word in {(row["read"], row["how"]) for row in rows})
    columns = [np.array([VERDICTS[row[name]] for row in rows]) for name in ("before", "after", "says", "truth")]
    hidden, who = (np.array([row["how"] == "hidden" for row in rows]), np.array([of_case[row["case"]] for row in rows]))
    times = t.table("times")
    timed = [np.array([float(row[name]) for row in times]) for name in ("seconds", "correct", "assessed", "position")]
    names = sorted({row["reader"] for row in times})
    reader = np.array([names.index(row["reader"]) for row in times], int)
    patient = np.array([of_case[row["case"]] for row in times], int)
    return {
        "revealed": how["revealed"],
        "shown_first": how["shown first"],
        "hidden": how["hidden"],
        "bias": scores.reveals(*columns, hidden, who, drawn) if rows else None,
        "sessions": scores.sessions(*timed, reader, patient, drawn) if times else None,
        "reads": len(times),
        "readers": len(names),
    }


def table_one(t: Tables, group: Tree) -> Tree:
    return others.first_table(t, included=group["options"].get("who") == "included")


def flowchart(t: Tables, group: Tree) -> Tree:
    """Of each box how many stand in it; of each side box how many have left by it, and for which reason."""
    rows = [{**row, "way": row["way"].split(" > ")} for row in t.table("flowchart")]
    named = [path.split("/") for path in group["numbers"]]
    # A box or a reason that is drawn and in which nobody stands counts 0.
    found: Tree = {"boxes": {}, "sides": Counter({path[1]: 0 for path in named if path[0] == "sides"})}
    for key in dict.fromkeys(path[1] for path in named if path[0] == "boxes"):
        those = [row for row in rows if key in row["way"]]

        def yes(name: str, those: list[Tree] = those) -> int:
            return sum(row[name] == "yes" for row in those)

        people = len({row["patient"] for row in those if row["patient"]})
        # What the lines of a box say; a line is named by its words.
        found["boxes"][key] = {
            "count": len(those),
            "with a report": yes("report"),
            "without a report": len(those) - yes("report"),
            "images of are here": yes("images"),
            "mention a vertebral body fracture": yes("proposed"),
            "came in without a report": len(those) - yes("report"),
            "were chosen by a person": yes("report") - yes("proposed"),
            **dict.fromkeys(("patient", "patients"), people),
            **dict.fromkeys(("is a control", "are controls"), yes("control")),
        }
    for row in rows:
        side, colon, _ = row["way"][-1].partition(":")
        if colon:
            found["sides"].update([side, row["way"][-1]])
    return found


KINDS = {
    one.__name__: one
    for one in (accuracy, agreement, curves, points, comparison, place, report, segmentation, reading, table_one)
} | {"flowchart": flowchart}


# -- comparing ---------------------------------------------------------------------------------------------------------


def flat(tree: Any, path: str = "") -> dict[str, Any]:
    """Every number of a tree by its path."""
    if isinstance(tree, dict):
        items: Any = tree.items()
    elif isinstance(tree, list | tuple):
        items = enumerate(tree)
    else:
        return {path: tree}
    return {
        key: one for name, value in items for key, one in flat(value, f"{path}/{name}" if path else str(name)).items()
    }


def alike(printed: float | None, found: float | None) -> bool:
    if printed is None or found is None:
        return printed is None and found is None
    found = float(found)
    return math.isfinite(found) and abs(printed - found) <= 1e-9 * max(1.0, abs(printed))


def changed_files(manifest: Tree) -> list[str]:
    """Files that are not those of the manifest."""
    wrong = []
    for name, told in manifest["files"].items():
        path = HERE / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != told:
            wrong.append(name)
    return wrong


def main() -> int:
    csv.field_size_limit(1 << 24)
    manifest = json.loads((HERE / "manifest.json").read_text("utf-8"))
    groups = json.loads((HERE / "numbers.json").read_text("utf-8"))
    changed = changed_files(manifest)
    for name in changed:
        print(f"{name} is not the file that the manifest names: its sha256 differs.")
    tables = Tables(HERE, manifest["replicates"], manifest["seed"])
    counts: dict[str, Counter[str]] = {}
    differ, left = [], []
    for group in groups:
        count = counts.setdefault(group["title"], Counter())
        found = flat(KINDS[group["kind"]](tables, group))
        for path, printed in group["numbers"].items():
            count["of"] += 1
            name = f"{group['title']}: {' '.join([*group['readers'], path])}"
            if path not in found and printed is not None:
                left.append(name)
            elif alike(printed, found.get(path)):
                count["reproduced"] += 1
            else:
                differ.append(f"{name}: printed {printed}, recomputed {found.get(path)}")
    for title, count in counts.items():
        print(f"{title}: {count['reproduced']:,} of {count['of']:,} numbers reproduced")
    for title, those in (("Not recomputed", left), ("Differ", differ)):
        if those:
            print(f"\n{title} ({len(those):,}):\n" + "\n".join(those))
    if not counts:
        print("There are no numbers to recompute.")
    return 1 if differ or changed else 2 if left else 0


if __name__ == "__main__":
    sys.exit(main())
