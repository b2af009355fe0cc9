"""Formulas of the reviewer's script: curves, calibration and thresholds of scores, reading habits."""

from __future__ import annotations

import math
from typing import Any

import formulas as f
import numpy as np
from formulas import Array, Draws, Tree, coefficient, estimate, over, percentiles, rate, share

# -- curves ------------------------------------------------------------------------------------------------------------


class Ranked:
    """Units with a score and a truth, from the highest score down; `last`: where each run of equal scores ends."""

    def __init__(self, score: Array, truth: Array, patient: Array) -> None:
        kept = np.flatnonzero(np.isfinite(score) & f.decides(truth))
        order = kept[np.argsort(-score[kept], kind="stable")]
        self.truth, self.patient, self.left_out = truth[order].astype(float), patient[order], score.size - kept.size
        ranked = score[order]
        self.last = np.append(np.flatnonzero(np.diff(ranked)), ranked.size - 1) if ranked.size else np.zeros(0, int)
        self.thresholds = ranked[self.last]

    def blocks(self, draws: Draws) -> Any:
        """How often each unit counts in each replicate, some replicates at a time."""
        step = max(1, 2**20 // max(1, self.truth.size))
        for start in range(0, draws.replicates, step):
            yield draws.weights[start : start + step][:, self.patient]

    def cumulated(self, weights: Array) -> tuple[Array, Array]:
        """What is called a fracture from each threshold up, and how much of that is one."""
        return np.cumsum(weights, 1)[:, self.last], np.cumsum(weights * self.truth, 1)[:, self.last]


def areas(called: Array, found: Array) -> tuple[Array, Array]:
    """Area under the ROC curve (trapezoids), and average precision (sum of gain in recall x precision)."""
    if not called.shape[1]:
        return np.full(len(called), np.nan), np.full(len(called), np.nan)
    positives, everything = found[:, -1], called[:, -1]
    gain, rise = (np.diff(one, axis=1, prepend=0.0) for one in (called - found, found))
    auc = over((gain * (found - rise / 2)).sum(1), positives * (everything - positives))
    average = over((rise * np.where(called > 0, over(found, called), 0)).sum(1), positives)
    return auc, np.where(everything > positives, average, np.nan)


def replicated_areas(ranked: Ranked, draws: Draws) -> tuple[Array, Array]:
    found = [areas(*ranked.cumulated(weights)) for weights in ranked.blocks(draws)]
    return np.concatenate([one[0] for one in found]), np.concatenate([one[1] for one in found])


def area(ranked: Ranked) -> float:
    return float(areas(*ranked.cumulated(np.ones((1, ranked.truth.size))))[0][0])


def curve(score: Array, truth: Array, patient: Array, draws: Draws) -> Tree:
    """Both curves with pointwise bands on 101 places, both areas."""
    ranked = Ranked(score, truth, patient)
    positives = int(ranked.truth.sum())
    negatives, units = ranked.truth.size - positives, ranked.truth.size
    counts = {"positives": positives, "negatives": negatives, "left_out": int(ranked.left_out)}
    counts["share"] = positives / units if units else None
    if not positives or not negatives:
        return {**counts, "auc": estimate(None, n=units), "average_precision": estimate(None, n=units)}
    places = np.linspace(0, 1, 101)
    rows = [on_grid(*ranked.cumulated(weights), places) for weights in ranked.blocks(draws)]
    aucs, averages = replicated_areas(ranked, draws)
    called, found = ranked.cumulated(np.ones((1, units)))
    auc, average = areas(called, found)
    tp, fp = np.append(0.0, found[0]), np.append(0.0, called[0] - found[0])
    up, right = np.diff(tp), np.diff(fp)
    # Corners: points on a straight line between their neighbours are left out.
    kept = [0, *(np.flatnonzero(up[:-1] * right[1:] != up[1:] * right[:-1]) + 1).tolist(), tp.size - 1]
    result = {
        **counts,
        "auc": coefficient(auc[0], aucs, units),
        "average_precision": coefficient(average[0], averages, units),
        "fpr": (fp[kept] / fp[-1]).tolist(),
        "tpr": (tp[kept] / tp[-1]).tolist(),
        "thresholds": [None, *(float(ranked.thresholds[place - 1]) for place in kept[1:])],
        "grid": places.tolist(),
        "recall": places.tolist(),
        "precision": on_grid(called, found, places)[1][0].tolist(),
    }
    for name, which in (("tpr", 0), ("precision", 1)):
        bounds = [percentiles(column) for column in np.concatenate([row[which] for row in rows]).T]
        known = all(one is not None for one in bounds)
        result[f"{name}_low"] = [one[0] for one in bounds if one] if known else []
        result[f"{name}_high"] = [one[1] for one in bounds if one] if known else []
    return result


def on_grid(called: Array, found: Array, places: Array) -> tuple[Array, Array]:
    """True positive rate at false positive rates (interpolated); precision at the first threshold with a recall."""
    roc, precision = (np.full((len(called), places.size), np.nan) for _ in range(2))
    for row, (every, hit) in enumerate(zip(called, found, strict=True)):
        positives, negatives = hit[-1], every[-1] - hit[-1]
        if positives and negatives:
            tpr, fpr = hit / positives, (every - hit) / negatives
            roc[row] = np.interp(places, np.append(0.0, fpr), np.append(0.0, tpr))
            reached = np.searchsorted(tpr, np.maximum(places - 1e-12, 1e-12))
            precision[row] = hit[reached] / every[reached]
    return roc, precision


def threshold(score: Array, truth: Array, at_least: float | None) -> Tree:
    """Youden's (of equal ones the lowest), or the highest with a sensitivity of `at_least`."""
    ranked = Ranked(score, truth, np.zeros(truth.shape, int))
    positives = int(ranked.truth.sum())
    negatives = ranked.truth.size - positives
    if not positives or not negatives:
        return {"value": None, "positives": positives, "negatives": negatives}
    found = np.cumsum(ranked.truth)[ranked.last]
    alarms = ranked.last + 1 - found
    index = found * negatives - alarms * positives
    at = np.flatnonzero(index == index.max())[-1]
    if at_least is not None:
        at = np.searchsorted(found, at_least * positives - 1e-9)
    return {
        "value": float(ranked.thresholds[at]),
        "sensitivity": float(found[at] / positives),
        "specificity": float(1 - alarms[at] / negatives),
        "positives": positives,
        "negatives": negatives,
    }


# -- calibration -------------------------------------------------------------------------------------------------------


def calibration(score: Array, truth: Array, patient: Array, draws: Draws) -> Tree:
    """Ten bins, Brier score, expected error, and intercept and slope on the logit."""
    kept = np.isfinite(score) & f.decides(truth)
    left_out, score, truth, patient = int((~kept).sum()), score[kept], truth[kept], patient[kept]
    place = np.minimum((score * 10).astype(int), 9)
    table = np.zeros((draws.patients, 10, 4))
    np.add.at(table, (patient, place), np.stack([np.ones(score.size), truth, score, (score - truth) ** 2], 1))
    total, drawn = table.sum(0), draws.totals(table)
    bins = []
    for number in range(10):
        n, k, scores = total[number, :3]
        those, bearing = over(drawn[:, number, 1], drawn[:, number, 0]), int((table[:, number, 0] > 0).sum())
        ends = {"low": number / 10, "high": (number + 1) / 10}
        bins.append({**ends, "mean_score": scores / n if n else None, "fractured": rate(k, n, those, bearing)})

    def brier(t: Array) -> Array:
        return over(t[..., 3].sum(-1), t[..., 0].sum(-1))

    def distance(t: Array) -> Array:
        return over(np.abs(t[..., 2] - t[..., 1]).sum(-1), t[..., 0].sum(-1))

    units = int(score.size)
    intercept = slope = estimate(None, n=units)
    if units and truth.min() != truth.max():
        p = np.clip(score, 1e-6, 1 - 1e-6)
        x = np.log(p / (1 - p))
        intercept = logistic(np.ones((units, 1)), x, truth, patient)
        one, none = x[truth == 1], x[truth == 0]
        if np.ptp(x) > 0 and one.min() < none.max() and none.min() < one.max():
            slope = logistic(np.column_stack([np.ones(units), x]), np.zeros(units), truth, patient)
    return {
        "bins": bins,
        "brier": coefficient(brier(total), brier(drawn), units),
        "expected_error": coefficient(distance(total), distance(drawn), units),
        "intercept": intercept,
        "slope": slope,
        "left_out": left_out,
    }


def logistic(design: Array, offset: Array, truth: Array, patient: Array) -> Tree:
    """The last coefficient by Newton's method; variance: sandwich over G patients, times G / (G - 1)."""
    scale = design.std(0) if design.shape[1] > 1 else np.ones(1)
    centre = design.mean(0) if design.shape[1] > 1 else np.zeros(1)
    centre[0], scale[0] = 0, 1
    z, b = (design - centre) / scale, np.zeros(design.shape[1])

    def likelihood(b: Array) -> float:
        line = z @ b + offset
        return float((truth * line - np.logaddexp(0, line)).sum())

    def expected(b: Array) -> Array:
        return 1 / (1 + np.exp(-(z @ b + offset)))

    for _ in range(100):
        p = expected(b)
        step = np.linalg.lstsq((z * (p * (1 - p))[:, None]).T @ z, z.T @ (truth - p), rcond=None)[0]
        for _ in range(40):
            if likelihood(b + step) >= likelihood(b) - 1e-12 * abs(likelihood(b)):
                break
            step = step / 2
        b = b + step
        if np.abs(step).max() < 1e-12:
            break
    p = expected(b)
    groups, own = np.unique(patient, return_inverse=True)
    value = float(b[-1] / scale[-1])
    if groups.size < 2:
        return estimate(value, n=truth.size)
    bread = np.linalg.pinv((z * (p * (1 - p))[:, None]).T @ z)
    pulls = np.zeros((groups.size, design.shape[1]))
    np.add.at(pulls, own, z * (truth - p)[:, None])
    variance = bread @ (pulls.T @ pulls) @ bread * groups.size / (groups.size - 1)
    half = f.Z * math.sqrt(max(0.0, variance[-1, -1])) / float(scale[-1])
    return estimate(value, value - half, value + half, None, int(truth.size))


# -- reading habits ----------------------------------------------------------------------------------------------------


def reveals(before: Array, after: Array, model: Array, truth: Array, hidden: Array, who: Array, draws: Draws) -> Tree:
    """What readers change once the model is revealed; one row a vertebra and reader."""
    revealed = (before != -1) & (after != -1) & (model != -1) & ~hidden
    changed, judged = revealed & (before != after), f.decides(truth)
    agreed, arrived = before == model, after == model
    was, now, wrong = judged & (before == truth), judged & (after == truth), judged & (model != truth)
    decided = f.decides(after) & (model != -1)

    def of(event: Array, among: Array) -> Tree:
        return share(event, among, who, draws)

    def drawn(event: Array, among: Array) -> Array:
        both = (np.bincount(who[one], minlength=draws.patients) for one in (event & among, among))
        totals = draws.totals(np.stack(list(both), 1))
        return over(totals[:, 0], totals[:, 1])

    def compared(event: Array, among: Array) -> Tree:
        parts = among & ~hidden, among & hidden
        shown, unseen = (of(event, part) for part in parts)
        difference = estimate(None)
        if shown["value"] is not None and unseen["value"] is not None:
            those, n = drawn(event, parts[0]) - drawn(event, parts[1]), shown["denominator"] + unseen["denominator"]
            difference = coefficient(shown["value"] - unseen["value"], those, n)
        return {"shown": shown, "hidden": unseen, "difference": difference}

    among = revealed & judged
    gain = estimate(None, n=0)
    if among.any():
        those = drawn(revealed & now, among) - drawn(revealed & was, among)
        more = (revealed & now).sum() - (revealed & was).sum()
        gain = coefficient(more / among.sum(), those, int(among.sum()))
    both_there = (after != -1) & (model != -1)
    return {
        "changed": of(changed, revealed),
        "toward": of(changed & arrived, changed),
        "away": of(changed & agreed, changed),
        "elsewhere": of(changed & ~arrived & ~agreed, changed),
        "followed": of(changed & arrived, revealed & ~agreed),
        "abandoned": of(changed & agreed, revealed & agreed),
        "made_right": of(changed & now, changed & judged),
        "made_wrong": of(changed & was, changed & judged),
        "right_before": of(revealed & was, among),
        "right_after": of(revealed & now, among),
        "gain": gain,
        "followed_wrong": of(changed & arrived & wrong & was, revealed & wrong & was),
        "agreement_with_model": compared(both_there & arrived, both_there),
        "sensitivity": compared(decided & (after == 1), decided & (truth == 1)),
        "specificity": compared(decided & (after == 0), decided & (truth == 0)),
    }


def sessions(
    seconds: Array, right: Array, judged: Array, place: Array, reader: Array, who: Array, draws: Draws
) -> Tree:
    """Median seconds and accuracy by position in a session, and trends within readers; one row a case and reader."""
    bins = []
    for first, end in ((1, 5), (6, 10), (11, 20), (21, 40), (41, None)):
        inside = (place >= first) & (place <= (end or place.max(initial=0)))
        counts = np.zeros((draws.patients, 2))
        np.add.at(counts, who[inside], np.stack([right, judged], 1)[inside])
        drawn, total = draws.totals(counts), counts.sum(0)
        accuracy = rate(total[0], total[1], over(drawn[:, 0], drawn[:, 1]), int((counts[:, 1] > 0).sum()))
        timed = inside & (seconds > 0)
        row = {"first": first, "last": end, "cases": int(inside.sum()), "accuracy": accuracy}
        bins.append({**row, "seconds": median(seconds[timed], who[timed], draws)})
    timed = seconds > 0
    value, drawn, n = slope(np.log(np.where(timed, seconds, 1)), timed.astype(float), place, reader, who, draws)
    speed = coefficient(np.expm1(value), np.expm1(drawn), n)
    shares = np.where(judged > 0, over(right, judged), 0)
    trend = coefficient(*slope(shares, judged.astype(float), place, reader, who, draws))
    return {"bins": bins, "speed_trend": speed, "accuracy_trend": trend}


def median(seconds: Array, who: Array, draws: Draws) -> Tree:
    if not seconds.size:
        return estimate(None, n=0)
    order = np.argsort(seconds, kind="stable")
    ordered, whose = seconds[order], who[order]
    if len(set(who.tolist())) < 2:
        return estimate(float(np.median(seconds)), n=seconds.size)
    drawn = np.full(draws.replicates, np.nan)
    for row, weights in enumerate(draws.weights[:, whose].astype(int)):
        if weights.any():
            drawn[row] = np.median(np.repeat(ordered, weights))
    return coefficient(np.median(seconds), drawn, seconds.size)


def slope(y: Array, w: Array, x: Array, reader: Array, who: Array, draws: Draws) -> tuple[float, Array, int]:
    """Weighted slope of y on x with an intercept for each reader, from sums; three cases of one reader are needed."""
    used = w > 0
    enough = [(reader == one) & used for one in set(reader.tolist())]
    if not any(own.sum() >= 3 and len(set(x[own].tolist())) > 1 for own in enough):
        return np.nan, np.full(draws.replicates, np.nan), int(used.sum())
    y, w, x, who = y[used] - y[used].mean(), w[used], x[used] - x[used].mean(), who[used]
    names, reader = np.unique(reader[used], return_inverse=True)
    sums = np.zeros((draws.patients, names.size, 5))
    np.add.at(sums, (who, reader), np.stack([w, w * x, w * y, w * x * x, w * x * y], 1))

    def within(s: Array) -> Array:
        n, sx, sy, sxx, sxy = np.moveaxis(s, -1, 0)
        across = sxy - np.where(n > 0, over(sx * sy, n), 0)
        along = (sxx - np.where(n > 0, over(sx * sx, n), 0)).sum(-1)
        return over(across.sum(-1), np.where(along > 1e-9 * np.maximum(1, np.abs(sxx).sum(-1)), along, 0))

    return float(within(sums.sum(0))), within(draws.totals(sums)), int(used.sum())
