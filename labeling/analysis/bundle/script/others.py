"""The reviewer's script, the smaller pages: at your place, report against reference, segmentation, rows of Table 1."""

from __future__ import annotations

from collections import Counter
from typing import Any

import formulas as f
import numpy as np
import table_one
from formulas import (
    Array,
    Tree,
    decides,
    estimate,
    over,
    per_patient,
    percentiles,
    rate,
    share,
)
from readers import spine
from tables import Gathered, Tables

FRACTURE = f.FRACTURE

#: Where the curve of the PPV is drawn.
CURVE = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)


# -- at your place -----------------------------------------------------------------------------------------------------


def place(t: Tables, key: str, options: Tree) -> Tree:
    """What a reader's calls would mean at a prevalence: both rates are taken over, Bayes does the rest."""
    g = t.gather([key, "reference"])
    draws, (said, truth), a1 = t.draws(g), g.verdict, g.ao[1] == 1
    seen, vertebrae = float(options["prevalence"]) / 100, float(options["vertebrae"])
    broken = np.bincount(g.case[truth == FRACTURE], minlength=len(g.patient_of_case))
    burden = float(broken[broken > 0].mean()) if broken.any() else None
    if options["per"] == "examination":
        seen *= (burden or 0.0) / vertebrae
    decided, cells = decides(said) & decides(truth), f.cell_of(said == FRACTURE, truth == FRACTURE)

    def carried(among: Array, right: int, wrong: int) -> tuple[Tree, Array]:
        counts = per_patient(np.where(among, cells, -1), g.patient, draws.patients, 4)[:, [right, wrong]]
        drawn = draws.totals(counts)
        those = over(drawn[:, 0], drawn.sum(1))
        return rate(counts[:, 0].sum(), counts.sum(), those, int((counts.sum(1) > 0).sum())), those

    se, sp = carried(decided, f.TP, f.FN), carried(decided, f.TN, f.FP)
    found_a1 = carried(decided & a1 & (truth == FRACTURE), f.TP, f.FN)
    a1_share = over(((truth == FRACTURE) & a1).sum(), (truth == FRACTURE).sum())

    def at(p: float) -> dict[str, Tree]:
        alarms, missed = 100 * vertebrae * (1 - p), 100 * vertebrae * p * a1_share
        return {
            "ppv": through(lambda a, b: over(a * p, a * p + (1 - b) * (1 - p)), se, sp),
            "npv": through(lambda a, b: over(b * (1 - p), b * (1 - p) + (1 - a) * p), se, sp),
            "false_alarms": through(lambda _, b: alarms * (1 - b), sp, sp),
            "any_false_alarm": through(lambda _, b: 1 - np.asarray(b) ** vertebrae, sp, sp),
            "missed_a1": through(lambda a, _: missed * (1 - a), found_a1, found_a1),
        }

    here, fractures = at(seen), 100 * vertebrae * seen
    missed = estimate(*(_less(se[0][end], fractures) for end in ("value", "high", "low")))
    if se[0]["value"] is None:
        missed = estimate(None)
    yearly = float(options["examinations"]) / 100
    year = {"false_alarms": here["false_alarms"], "missed": missed, "missed_a1": here["missed_a1"]}
    curve = [(p, at(p)["ppv"]) for p in CURVE]
    return {
        "at": {"prevalence": seen, "vertebrae": vertebrae, "sensitivity": se[0], "specificity": sp[0], **here},
        "missed": missed,
        "per_year": {name: _times(one, yearly) for name, one in year.items()},
        "curve": [{"prevalence": p, **{end: one[end] for end in ("value", "low", "high")}} for p, one in curve],
        "per_fractured": burden,
        "prevalence_here": float(truth[decides(truth)].mean()) if decides(truth).any() else None,
    }


def _less(found: float | None, fractures: float) -> float | None:
    return None if found is None else fractures * (1 - found)


def _times(one: Tree, factor: float) -> Tree:
    return estimate(*(None if one[end] is None else one[end] * factor for end in ("value", "low", "high")))


def through(value: Any, se: tuple[Tree, Array], sp: tuple[Tree, Array]) -> Tree:
    """A function of both rates; where one is 0 or 1 it runs over the corners of both intervals."""
    (one, drawn_one), (two, drawn_two) = se, sp
    if one["value"] is None or two["value"] is None:
        return estimate(None)
    here = float(value(one["value"], two["value"]))
    if not np.isfinite(here):
        return estimate(None)
    if {one["value"], two["value"]} & {0.0, 1.0}:
        ends = [(a, b) for a in (one["low"], one["high"]) for b in (two["low"], two["high"]) if None not in (a, b)]
        corners = [float(value(a, b)) for a, b in ends]
        corners = [*(corner for corner in corners if np.isfinite(corner)), here]
        return estimate(here, min(corners), max(corners)) if ends else estimate(here)
    return estimate(here, *(percentiles(value(drawn_one, drawn_two)) or (None, None)))


# -- the report, and the segmentation ----------------------------------------------------------------------------------


def report(t: Tables) -> Tree:
    """How many fractures of the reference the reports leave out, over the cases that have both."""
    truths, reports = (set(t.reads.get(key, {})) for key in ("reference", "report"))
    both = [case for case in t.asked if case in truths & reports]
    unread = len([case for case in t.asked if case in truths - reports])
    if not both:
        return {"cases": 0, "unread": unread, "worklist": 0}
    g = t.gather(["reference", "report"], both)
    (truth, said), ao, draws = g.verdict, g.ao[0], t.draws(g)
    broken = truth == FRACTURE
    left = broken & (said != FRACTURE)
    has, named = (np.bincount(g.case[one], minlength=len(both)) > 0 for one in (broken, said == FRACTURE))
    kinds = {name: ao == code for name, code in (*f.TYPES.items(), ("no type", -1))}
    levels = sorted(set(g.level[broken].tolist()) - {""}, key=spine)

    def of(among: Array) -> Tree:
        return share(left, broken & among, g.patient, draws)

    return {
        "cases": len(both),
        "unread": unread,
        "worklist": int(left.sum()),
        "vertebra": of(broken),
        "case": f.wilson_rate((has & ~named).sum(), has.sum()),
        "how": {name: int((left & (said == code)).sum()) for name, code in f.VERDICTS.items()},
        "types": {name: {"rate": of(among)} for name, among in kinds.items() if (broken & among).any()},
        "levels": {name: {"rate": of(g.level == name)} for name in levels},
        "extra": int(((truth == 0) & (said == FRACTURE)).sum()),
    }


def segmentation(t: Tables) -> Tree:
    """Vertebrae in view that were segmented, and of those named right; cases throughout."""
    rows, g = t.table("segmentation"), t.gather(["reference"])
    draws, case_of = t.draws(g), {case: place for place, case in enumerate(t.asked)}
    kept = [row for row in rows if row["state"] == "in view"]
    exam = np.array([case_of[t.place_of_case[row["case"]]] for row in kept], int)
    found, named = (np.array([row[name] == "yes" for row in kept], bool) for name in ("segmented", "named_right"))
    sources = Counter(source for _, source in sorted({(row["case"], row["source"]) for row in rows if row["source"]}))
    numbers = None
    if kept:
        who, there = g.patient_of_case[exam], np.unique(exam)
        whole, right = (~np.isin(there, exam[~one]) for one in (found, found & named))
        owner = g.patient_of_case[there]
        single = np.bincount(owner).max() == 1

        def cases(one: Array) -> Tree:
            return f.wilson_rate(one.sum(), one.size) if single else share(one, np.ones(one.size, bool), owner, draws)

        numbers = {
            "segmented": share(found, np.ones(found.size, bool), who, draws),
            "named_right": share(named, found, who, draws),
            "cases_segmented": cases(whole),
            "cases_right": cases(right),
        }
    states = Counter(row["state"] for row in rows)
    return {
        "numbers": numbers,
        "cases": sum(sources.values()),
        "cut": states["cut"],
        "unnamed": sum(row["level"] == "" for row in kept),
        "unchecked": states["unchecked"],
        "by_hand": states["by hand"],
        "sources": sorted(sources.values()),
        "failed": len({row["case"] for row in kept if "no" in (row["segmented"], row["named_right"])}),
    }


# -- Table 1 -----------------------------------------------------------------------------------------------------------


def first_table(t: Tables, included: bool) -> Tree:
    """Patients as at their first examination, cases, and the vertebrae of the reference that could be assessed."""
    order = sorted(t.table("table_one"), key=lambda row: (int(row["number"]), int(row["entered"])))
    rows = [row for row in order if not included or row["included"] == "yes"]
    known = [split for split in ("training", "validation", "test") if split in {row["split"] for row in rows}]
    splits = known + (["unassigned"] if known and any(row["split"] == "unassigned" for row in rows) else []) or ["all"]
    cases: list[Tree] = []
    for row in rows:
        size = (int(row["rows"]), int(row["columns"])) if row["rows"] and row["columns"] else None
        values = {name: float(row[name]) if row[name] else None for name in ("age", *table_one.NUMBERS)}
        named = {"patient": row["patient"], "split": row["split"] if known else "all"}
        cases.append({**named, **values, "sex": table_one.SEXES.get(row["sex"].upper()), "matrix": size})
    patients: dict[str, Tree] = {}
    for row in cases:
        patients.setdefault(row["patient"], row)
    asked = {row["case"] for row in rows}
    places = [place for place in t.asked if t.cases[place]["case"] in asked]
    g = t.gather(["reference"], places) if "reference" in t.reads else None
    truths = [place for place in places if place in t.reads.get("reference", {})]
    vertebrae = _vertebrae(t, g, places, {row["patient"]: row["split"] for row in cases}) if g else []
    return {**table_one.table_one(list(patients.values()), cases, vertebrae, splits), "reference": len(truths)}


def _vertebrae(t: Tables, g: Gathered, places: list[int], split: dict[str, str]) -> list[Tree]:
    kinds = {-1: "without a type", 1: "A1", 2: "A2", 3: "A3", 4: "A4", 5: "B or C", 6: "B or C"}
    found = []
    for row, (verdict, ao) in enumerate(zip(g.verdict[0].tolist(), g.ao[0].tolist(), strict=True)):
        if verdict in (f.ABSENT, f.NOT_ASSESSABLE):
            continue
        patient = t.cases[places[g.case[row]]]["patient"]
        told = verdict != f.INDETERMINATE
        found.append(
            {
                "patient": patient,
                "split": split[patient],
                "fractured": ("yes" if ao != 0 else "no") if told else None,
                "kind": kinds.get(ao) if told else None,
                "certain": t.vertebrae[g.vertebra[row]]["certain"],
            }
        )
    return found
