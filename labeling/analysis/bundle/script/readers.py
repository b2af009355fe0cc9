"""The reviewer's script: one reader against the reference, two readers with each other, two against the reference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import formulas as f
import numpy as np
import scores
from formulas import Array, Draws, Tree, coefficient, decides, estimate, over, per_patient, plain, rate, share
from tables import Gathered, Tables

two_by_two, ABSENT, FRACTURE = f.two_by_two, f.ABSENT, f.FRACTURE


@dataclass
class Units:
    """M vertebrae, cases or slices as R readers see them; ao: of the reference."""

    verdict: Array
    ao: Array
    score: Array
    level: Array
    patient: Array
    case: Array


def spine(level: str) -> tuple[int, int, str]:
    """From head to feet."""
    return "CTLS".find(level[0]) % 5, int(level[1:]) if level[1:].isdecimal() else 99, level


def units(t: Tables, g: Gathered, unit: str) -> Units:
    base = g.row("reference")
    if unit == "vertebra":
        return Units(g.verdict, g.ao[base], g.score, g.level, g.patient, g.case)
    if unit == "slice":
        return _slices(t, g, base)
    # A case: any fracture makes it one; negative is only what was assessed throughout. Its score is the highest.
    cases = int(g.case.max()) + 1 if g.case.size else 0
    owner, score = np.zeros(cases, int), np.full((len(g.verdict), cases), -np.inf)
    owner[g.case] = g.patient
    for row, own in enumerate(g.score):
        np.maximum.at(score[row], g.case, np.nan_to_num(own, nan=-np.inf))
    score[~np.isfinite(score)] = np.nan
    truth = g.verdict[base]
    verdict = np.array([_of_cases(row, truth != ABSENT, g.case, cases) for row in g.verdict])
    types, broken = np.zeros(cases, int), truth == FRACTURE
    np.maximum.at(types, g.case[broken], g.ao[base][broken])
    types[(verdict[base] == FRACTURE) & (types == 0)] = -1
    return Units(verdict, types, score, np.full(cases, ""), owner, np.arange(cases))


def _of_cases(verdict: Array, asked: Array, case: Array, cases: int) -> Array:
    found = np.zeros(cases, int)
    for code, chosen in (
        (3, (verdict == 3) | ((verdict == ABSENT) & asked)),
        (2, verdict == 2),
        (FRACTURE, verdict == FRACTURE),
    ):
        found[case[chosen]] = code
    found[np.bincount(case[verdict != ABSENT], minlength=cases) == 0] = ABSENT
    return found


def _slices(t: Tables, g: Gathered, base: int) -> Units:
    """The slices that the reference labels."""
    at = {vertebra: row for row, vertebra in enumerate(g.vertebra.tolist())}
    reads = [[t.reads[key].get(case) for case in range(len(t.cases))] for key in g.keys]
    kept = [slot for slot, said in t.slices.items() if slot[0] in at and reads[base][t.case_of[slot[0]]] in said]
    verdict, score = np.full((len(g.keys), len(kept)), ABSENT), np.full((len(g.keys), len(kept)), np.nan)
    for column, slot in enumerate(kept):
        for row in range(len(g.keys)):
            verdict[row, column], score[row, column] = t.slices[slot].get(
                reads[row][t.case_of[slot[0]]] or "", (ABSENT, np.nan)
            )
    rows = np.array([at[vertebra] for vertebra, _ in kept], int)
    return Units(verdict, g.ao[base][rows], score, g.level[rows], g.patient[rows], g.case[rows])


# -- accuracy ----------------------------------------------------------------------------------------------------------


def accuracy(t: Tables, key: str, base: str, unit: str) -> Tree:
    """A reader against the reference: 2 x 2 table, what stands apart, AO types, levels, worst cases, false alarms."""
    g = t.gather([base, key])
    u, draws = units(t, g, unit), t.draws(g)
    truth, said = u.verdict
    kept = (said != ABSENT) | (truth != ABSENT)
    truth, said, ao, level, who = truth[kept], said[kept], u.ao[kept], u.level[kept], u.patient[kept]
    own = np.bincount(who, minlength=1)
    single = unit == "case" and own.max() <= 1

    def table(among: Array) -> Array:
        """(patients, 2, 5): reference negative or fracture, by the reader's answer; the last is: nothing said."""
        answer = np.where(said == ABSENT, 4, said)
        cells = np.where(decides(truth) & among, truth * 5 + answer, -1)
        return per_patient(cells, who, draws.patients, 10).reshape(-1, 2, 5)

    def judged(a: Array) -> Array:
        return np.stack([a[:, 1, 1], a[:, 0, 1], a[:, 1, 0], a[:, 0, 0]], 1)

    def found(k: Array, n: Array) -> Tree:
        if single:
            return f.wilson_rate(k.sum(), n.sum())
        drawn = draws.totals(np.stack([k, n], 1))
        return rate(k.sum(), n.sum(), over(drawn[:, 0], drawn[:, 1]), int((n > 0).sum()))

    everything = table(np.ones(said.shape, bool))
    total, cells, unsure = everything.sum(0), judged(everything), everything[:, :, 2] + everything[:, :, 3]
    nothing = np.zeros(len(unsure), int)
    worst = {
        "against": np.stack([nothing, unsure[:, 0], unsure[:, 1], nothing], 1),
        "for": np.stack([unsure[:, 1], nothing, nothing, unsure[:, 0]], 1),
    }
    names = ("indeterminate", "not_assessable", "absent")
    kind, by_type = np.where(ao == 0, -1, ao), {}
    for name, code in (*f.TYPES.items(), ("no type", -1)):
        if code != -1 or ((truth == FRACTURE) & (kind == -1)).any():
            a = table(kind == code)[:, 1]
            by_type[name] = {
                "sensitivity": found(a[:, 1], a[:, 0] + a[:, 1]) if a.sum() else estimate(None, k=0, n=0),
                "kept": found(a[:, 1], a[:, [0, 1, 3, 4]].sum(1)) if a.sum() else estimate(None, k=0, n=0),
                **{
                    name: int(a[:, at].sum())
                    for at, name in ((2, "indeterminate"), (3, "not_assessable"), (4, "absent"))
                },
            }
    levels = {one: table(level == one) for one in sorted(set(level.tolist()) - {""}, key=spine)}
    sides = (("positives", 1), ("negatives", 0))
    asked, read = g.read
    broken = g.case[g.verdict[0] == FRACTURE]
    return {
        "accuracy": {
            "units": int(said.size),
            "patients": int((own > 0).sum()),
            "table": two_by_two(cells, draws, independent=single),
            "apart": {
                **{f"{name}_{side}": int(total[row, at]) for at, name in enumerate(names, 2) for side, row in sides},
                "reference_undecided": int((truth > FRACTURE).sum()),
                "reference_absent": int((truth == ABSENT).sum()),
            },
            "by_type": by_type,
            "by_level": {one: two_by_two(judged(a), draws, f.MAIN) for one, a in levels.items() if a.any()},
            "levels_unknown": int((decides(truth) & (level == "")).sum()),
            "worst": {side: two_by_two(cells + more, draws, f.MAIN, single) for side, more in worst.items()},
            "intention": found(everything[:, 1, 1], everything[:, 1][:, [0, 1, 3, 4]].sum(1)),
            "false_alarms": None if unit == "slice" else _false_alarms(g, draws),
        },
        "cases": {
            "asked": int(asked.sum()),
            "read": int((asked & read).sum()),
            "unread": int((asked & ~read).sum()),
            "unread_fractures": int((asked & ~read)[broken].sum()),
        },
    }


def _false_alarms(g: Gathered, draws: Draws) -> Tree:
    """Over the examinations in which both decided one vertebra or more."""
    truth, said = g.verdict
    both, cases = decides(truth) & decides(said), g.patient_of_case.size
    seen = np.bincount(g.case[both], minlength=cases) > 0
    alarms = np.bincount(g.case[both & (said == FRACTURE) & (truth != FRACTURE)], minlength=cases)
    counts = np.zeros((draws.patients, 3))
    np.add.at(counts, g.patient_of_case, np.stack([alarms, alarms > 0, seen], 1))
    total, drawn = counts.sum(0), draws.totals(counts)
    mean = coefficient(over(total[0], total[2]), over(drawn[:, 0], drawn[:, 2]), int(total[2]))
    some = rate(total[1], total[2], over(drawn[:, 1], drawn[:, 2]), int((counts[:, 2] > 0).sum()))
    return {"per_examination": mean, "examinations": some}


def point(t: Tables, g: Gathered, u: Units, key: str) -> Tree:
    said, truth = u.verdict[g.row(key)], u.verdict[g.row("reference")]
    cells = np.where(decides(said) & decides(truth), f.cell_of(said == FRACTURE, truth == FRACTURE), -1)
    names = ("sensitivity", "specificity", "ppv", "npv", "accuracy")
    draws = t.draws(g)
    return two_by_two(per_patient(cells, u.patient, draws.patients, 4), draws, names)


def operating_point(score: Array, truth: Array, patient: Array, threshold: float, draws: Draws) -> Tree:
    kept = decides(truth) & np.isfinite(score)
    cells = np.where(kept, f.cell_of(np.nan_to_num(score, nan=-np.inf) >= threshold, truth == FRACTURE), -1)
    table = two_by_two(per_patient(cells, patient, draws.patients, 4), draws)
    return {"threshold": threshold, "table": table, "left_out": int((~kept).sum())}


# -- agreement ---------------------------------------------------------------------------------------------------------


def called(t: Tables, g: Gathered, key: str) -> Tree:
    said = g.verdict[g.row(key)]
    counts = {"indeterminate": int((said == 2).sum()), "not_assessable": int((said == 3).sum())}
    return {
        **counts,
        "reads": len(set(t.reads[key]) & set(t.asked)),
        "called": share(said == 1, decides(said), g.patient, t.draws(g)),
    }


def pair(t: Tables, g: Gathered, a_key: str, b_key: str) -> Tree:
    """Two readers: counts, fracture yes or no, AO types, by level, each type against the rest, by case."""
    rows = [g.row(a_key), g.row(b_key)]
    (a, b), draws = g.verdict[rows], t.draws(g)
    x, y = f.answers(g.verdict[rows], g.ao[rows])
    both, yes_no = (x >= 0) & (y >= 0), (x > 0) * 2 + (y > 0)

    def two(cells: Array, patient: Array = g.patient) -> Tree:
        return f.binary(per_patient(cells, patient, draws.patients, 4).reshape(-1, 2, 2), draws)

    def square(kept: list[int], weights: Array) -> Tree:
        inside = np.isin(x, kept) & np.isin(y, kept)
        cells = np.where(inside, np.searchsorted(kept, x) * len(kept) + np.searchsorted(kept, y), -1)
        counts = per_patient(cells, g.patient, draws.patients, len(kept) ** 2)
        return f.typed(counts.reshape(-1, len(kept), len(kept)), draws, weights)

    cases = g.patient_of_case.size
    compared, a_has, b_has = (
        np.bincount(g.case[where], minlength=cases) > 0 for where in (both, both & (x > 0), both & (y > 0))
    )
    by_case = two(np.where(compared, a_has * 2 + b_has, -1), g.patient_of_case)
    typed = both & (x < 7) & (y < 7)
    spoken, off = (a != ABSENT) & (b != ABSENT), by_case["table"][0][1] + by_case["table"][1][0]
    unsure = spoken & ((a == 2) | (b == 2))
    table = np.bincount(yes_no[both], minlength=4)
    named = sorted(set(g.level.tolist()) - {""}, key=spine)
    return {
        "counts": {
            "spoken": int(((a != ABSENT) | (b != ABSENT)).sum()),
            "compared": int(both.sum()),
            "indeterminate": int(unsure.sum()),
            "not_assessable": int((spoken & ~unsure & ((a == 3) | (b == 3))).sum()),
            "only_a": int(((a != ABSENT) & (b == ABSENT)).sum()),
            "only_b": int(((a == ABSENT) & (b != ABSENT)).sum()),
            **{f"{name}_indeterminate": int((one == 2).sum()) for name, one in (("a", a), ("b", b))},
            **{f"{name}_not_assessable": int((one == 3).sum()) for name, one in (("a", a), ("b", b))},
            **dict(zip(("both_negative", "b_only_fracture", "a_only_fracture", "both_fracture"), table, strict=True)),
            "discordant": int(table[1] + table[2]),
            "fractures_without_type": int((both & ~typed).sum()),
            "outside_order": int((typed & ((x > 4) | (y > 4))).sum()),
            "patients": len(set(g.patient[both].tolist())),
            "cases": int(compared.sum()),
        },
        "fracture": two(np.where(both, yes_no, -1)),
        "ao": square([0, 1, 2, 3, 4], f.AO_WEIGHTS),
        "ao_both_fracture": square([1, 2, 3, 4], f.AO_WEIGHTS[1:, 1:]),
        "ao_all": square([0, 1, 2, 3, 4, 5, 6], np.eye(7)),
        "levels": {one: two(np.where(both & (g.level == one), yes_no, -1)) for one in named},
        "types": {name: two(np.where(typed, (x == k) * 2 + (y == k), -1)) for name, k in f.TYPES.items()},
        "cases": by_case,
        "mcnemar": estimate(f.mcnemar(by_case["table"][0][1], by_case["table"][1][0]) if off else None, n=off),
    }


# -- comparison of two against the reference ---------------------------------------------------------------------------

ASKED = {"sensitivity": (4, 5, 6, 7), "specificity": (0, 1, 2, 3), "accuracy": (0, 1, 2, 3, 4, 5, 6, 7)}


def comparison(t: Tables, first: str, second: str, unit: str, margin: float) -> Tree:
    """Second minus first; the eight cells are fractured, first calls, second calls as bits 4, 2 and 1."""
    g = t.gather([first, second, "reference"])
    draws, u = t.draws(g), units(t, g, unit)
    one, two, truth = u.verdict
    scored = np.isfinite(u.score[:2]).any(1).all()
    decided = decides(one) & decides(two) & decides(truth)
    cells = np.where(decided, 4 * (truth == 1) + 2 * (one == 1) + (two == 1), -1)
    counts = per_patient(cells, u.patient, draws.patients, 8)
    total, drawn, more = counts.sum(0), draws.totals(counts), {}
    parts = [[(6, 7), (2, 3), (4, 5), (0, 1)], [(5, 7), (1, 3), (4, 6), (0, 2)]]
    for name in ("ppv", "npv", "f_score", "balanced_accuracy"):
        here, there = (
            [f.rate_of(name, np.stack([c[..., part].sum(-1) for part in those], -1)) for those in parts]
            for c in (total, drawn)
        )
        difference = coefficient(here[1] - here[0], there[1] - there[0], int(total.sum()))
        more[name] = {"first": plain(here[0])["value"], "second": plain(here[1])["value"], "difference": difference}
    by_type = {}
    for name, code in f.TYPES.items():
        of_kind = np.where((truth == FRACTURE) & (u.ao == code), truth, ABSENT)
        line = compared(one, two, of_kind, u.patient, draws)["rates"]["sensitivity"]
        if line["units"]:
            by_type[name] = line
    cases = units(t, g, "case")
    strict, loose = (compared(one, two, truth, u.patient, draws, wrong) for wrong in (True, False))
    ranked = [
        scores.Ranked(np.where(np.isfinite(u.score[:2]).all(0), s, np.nan), truth, u.patient) for s in u.score[:2]
    ]
    for found in (loose,) if scored else ():
        values, drawn_areas = [scores.area(r) for r in ranked], [scores.replicated_areas(r, draws)[0] for r in ranked]
        found["auc"] = coefficient(values[1] - values[0], drawn_areas[1] - drawn_areas[0], ranked[0].truth.size)
        ends = (plain(value)["value"] for value in values)
        found["areas"] = {**dict(zip(("first", "second"), ends, strict=True)), "units": ranked[0].truth.size}
    return {
        "areas": loose.pop("areas", None),
        "rates": loose,
        "strict": strict,
        "more": more,
        "tables": {
            "fracture": dict(zip(("neither", "second", "first", "both"), total[4:].tolist(), strict=True)),
            "negative": dict(zip(("both", "first", "second", "neither"), total[:4].tolist(), strict=True)),
        },
        "by_type": by_type,
        "decision": decision(strict["rates"], margin),
        "by_case": compared(cases.verdict[0], cases.verdict[1], cases.verdict[2], cases.patient, draws)["mcnemar"],
        "patients": int((counts.sum(1) > 0).sum()),
    }


def compared(one: Array, two: Array, truth: Array, who: Array, draws: Draws, wrong: bool = False) -> Tree:
    """Paired differences. `wrong`: what a reader leaves open counts against them; else such units are left out."""
    asked = decides(truth)
    kept = asked if wrong else asked & decides(one) & decides(two)
    calls = [np.where(decides(said), said == FRACTURE, truth != FRACTURE) for said in (one, two)]
    counts = per_patient(np.where(kept, 4 * (truth == 1) + 2 * calls[0] + calls[1], -1), who, draws.patients, 8)
    rates = {name: _difference(counts, cells, draws) for name, cells in ASKED.items()}
    single = counts.sum(1).max(initial=0) <= 1
    tests = {name: f.mcnemar(line["lost"], line["gained"]) for name, line in rates.items()} if single else None
    left = int((asked & ~kept).sum())
    return {"rates": rates, "mcnemar": tests, "units": int(kept.sum()), "left_out": left, "auc": None}


def _difference(counts: Array, cells: tuple[int, ...], draws: Draws) -> Tree:
    asked, gained, lost, right = (
        counts[:, [cell for cell in those if cell in cells]].sum(1) for those in (cells, (2, 5), (1, 6), (0, 1, 6, 7))
    )
    n = int(asked.sum())
    named = {"gained": int(gained.sum()), "lost": int(lost.sum()), "units": n, "patients": int((asked > 0).sum())}
    if not n:
        return {**named, "difference": estimate(None, n=0), "first": None, "second": None}
    drawn = draws.totals(np.stack([gained - lost, asked], 1))
    those, value = over(drawn[:, 0], drawn[:, 1]), float((gained - lost).sum()) / n
    known = those[np.isfinite(those)]
    # Never closer than with half a unit lost and half a unit gained added (after Agresti and Min 2005).
    variance = float(known.var()) if known.size else None
    smoothed = None if variance is None else variance + 1 / (n + 2) ** 2
    bounds, difference = f.percentiles(those), estimate(value, n=n)
    if bounds is not None and smoothed is not None:
        half = f.Z * math.sqrt(smoothed)
        difference["low"] = max(-1.0, min(bounds[0], value * n / (n + 2) - half))
        difference["high"] = min(1.0, max(bounds[1], value * n / (n + 2) + half))
    ends = {"first": float(right.sum()) / n, "second": float((right + gained - lost).sum()) / n}
    return {**named, **ends, "difference": difference, "variance": variance, "smoothed": smoothed}


def decision(rates: Tree, margin: float) -> Tree:
    """Not inferior where the lower bound lies above -margin; patients for a power of 0.8 at the variance found."""
    lines = []
    for name in ("sensitivity", "specificity"):
        line, low = rates[name], rates[name]["difference"].get("low")
        if low is None or line["patients"] < 10:
            lines.append({"shown": False, "lower": low, "patients_needed": None, "units_needed": None})
            continue
        reach = f.Z + NormalDist().inv_cdf(0.8)
        needed = math.ceil(line["patients"] * reach**2 * line["smoothed"] / margin**2)
        wanted = {"patients_needed": needed, "units_needed": math.ceil(needed * line["units"] / line["patients"])}
        lines.append({"shown": low > -margin, "lower": low, **wanted})
    return {"shown": all(line["shown"] for line in lines), "margin": margin, "rates": lines}
