"""Formulas of the reviewer's script: Table 1, with the tests of its columns. The tests alone need scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
from formulas import Array, Tree, over

try:
    from scipy import special, stats
except ImportError:
    stats = None

SEXES = {"F": "women", "M": "men", "O": "other"}
NUMBERS = ("dlp", "kv", "mas", "collimation", "slice_thickness")
KINDS = ("A1", "A2", "A3", "A4", "B or C", "without a type")


def table_one(patients: list[Tree], cases: list[Tree], vertebrae: list[Tree], splits: list[str]) -> Tree:
    """The rows of Table 1. Each row of a list carries its `patient` and its `split`; None is a missing value."""
    parts = {"patients": patients, "cases": cases, "vertebrae": vertebrae}
    rows: dict[str, Tree] = {}
    # Who is in no split yet has a column, but no part in a test.
    compared = [split for split in splits if split != "unassigned"]

    def numbers(part: list[Tree], name: str) -> None:
        groups = [[row[name] for row in part if row["split"] == split] for split in splits]
        cells = {split: spread(group) for split, group in zip(splits, groups, strict=True)}
        known = [group for split, group in zip(splits, groups, strict=True) if split in compared]
        rows[name] = {"cells": cells, **tested(compare_numbers, known)}

    def said(part: list[Tree], name: str, possible: tuple[str, ...], test: Any, rows_of: dict[str, str]) -> None:
        groups = {split: words([row[name] for row in part if row["split"] == split], possible) for split in splits}
        if test is compare_words:
            found = tested(test, [groups[split] for split in compared])
        else:
            known = [row for row in part if row["split"] in compared]
            found = tested(test, *([row[key] for row in known] for key in (name, "split", "patient")))
        for key, word in rows_of.items():
            if not word or any(group["counts"].get(word) for group in groups.values()):
                rows[key] = {"cells": groups, **found}
                found = {}

    said(patients, "sex", ("women", "men"), compare_words, {"women": ""})
    numbers(patients, "age")
    for name in NUMBERS:
        numbers(cases, name)
    sizes = {s: [row["matrix"] for row in cases if row["split"] == s] for s in splits}
    rows["matrix"] = {"cells": {split: matrix(found) for split, found in sizes.items()}}
    inside = {split: sum(row["split"] == split for row in vertebrae) for split in splits}
    rows["in_view"] = {"cells": {split: {"count": count, "missing": 0} for split, count in inside.items()}}
    said(vertebrae, "fractured", ("yes", "no"), compare_by_patient, {"with_fracture": ""})
    said(vertebrae, "certain", ("yes", "no"), compare_by_patient, {"certain": ""})
    typed = [row for row in vertebrae if row["kind"]]
    # The four degrees always have a row, the others where there is one; the test stands in the first.
    shown = {f"ao_{kind}": "" if kind in KINDS[:4] else kind for kind in KINDS}
    said(typed, "kind", KINDS, compare_by_patient, shown)
    for cell in (cell for row in rows.values() for cell in row["cells"].values() if "counts" in cell):
        cell.setdefault("missing", 0)
    counted = {s: {name: sum(row["split"] == s for row in part) for name, part in parts.items()} for s in splits}
    return {"sizes": counted, "rows": rows}


def tested(test: Any, *columns: Any) -> Tree:
    """p and statistic of a test; nothing without scipy."""
    if stats is None:
        return {}
    return {"p": None, "statistic": None, **test(*columns)}


def matrix(sizes: list[tuple[int, int] | None]) -> Tree:
    known = [size for size in sizes if size]
    found: Tree = {"missing": len(sizes) - len(known), "sizes": len(set(known))}
    if known:
        ends = [end(known, key=lambda size: (size[0] * size[1], size[0])) for end in (min, max)]
        found["extremes"] = [number for end in dict.fromkeys(ends) for number in end]
    return found


def spread(values: list[Any]) -> Tree:
    known = np.array([value for value in values if value is not None], float)
    found: Tree = {"count": known.size, "missing": len(values) - known.size}
    if known.size:
        low, middle, high = np.percentile(known, [25, 50, 75])
        found |= {"mean": known.mean(), "sd": known.std(ddof=1) if known.size > 1 else None, "median": middle}
        found |= {"lower_quartile": low, "upper_quartile": high, "smallest": known.min(), "largest": known.max()}
    return found


def words(values: list[Any], all_words: tuple[str, ...]) -> Tree:
    known = [value for value in values if value]
    counts = {word: known.count(word) for word in dict.fromkeys((*all_words, *known))}
    return {"counts": counts, "count": len(known), "missing": len(values) - len(known)}


def compare_numbers(groups: list[list[Any]]) -> Tree:
    """Welch's test or analysis of variance; by ranks where a group is under 20, constant, or skewed by more than 1."""
    known = [np.array([value for value in group if value is not None], float) for group in groups]
    known = [group for group in known if group.size]
    if len(known) < 2 or np.ptp(np.concatenate(known)) == 0:
        return {}
    if min(g.size for g in known) < 20 or any(np.ptp(g) == 0 or abs(stats.skew(g)) > 1 for g in known):
        two = len(known) == 2
        found = stats.mannwhitneyu(*known, alternative="two-sided") if two else stats.kruskal(*known)
        return {"p": found.pvalue, "statistic": found.statistic}
    if len(known) == 2:
        found = stats.ttest_ind(*known, equal_var=False)
        return {"p": found.pvalue, "statistic": found.statistic}
    n, mean = (np.array([of(g) for g in known], float) for of in (np.size, np.mean))
    w, k = n / np.array([g.var(ddof=1) for g in known]), len(known)
    unequal = (((1 - w / w.sum()) ** 2) / (n - 1)).sum()
    between = (w * (mean - (w * mean).sum() / w.sum()) ** 2).sum() / (k - 1)
    statistic = between / (1 + 2 * (k - 2) / (k * k - 1) * unequal)
    return {"p": stats.f.sf(statistic, k - 1, (k * k - 1) / (3 * unequal)), "statistic": statistic}


def compare_words(groups: list[Tree]) -> Tree:
    """Chi-square; Fisher's exact test (larger tables: 9,999 random ones) where fewer than 5 are expected."""
    groups = [group for group in groups if group["count"]]
    names = dict.fromkeys(word for group in groups for word in group["counts"])
    table = np.array([[group["counts"].get(word, 0) for word in names] for group in groups], int)
    table = table.reshape(len(groups), len(names))[:, table.reshape(len(groups), len(names)).sum(0) > 0]
    if min(table.shape) < 2:
        return {}
    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    statistic = ((table - expected) ** 2 / expected).sum()
    if expected.min() >= 5:
        freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
        return {"p": stats.chi2.sf(statistic, freedom), "statistic": statistic}
    if table.shape == (2, 2):
        return {"p": stats.fisher_exact(table).pvalue}
    random = stats.random_table(table.sum(1), table.sum(0), seed=np.random.default_rng(0)).rvs(9999)
    surprise, here = special.gammaln(random + 1.0).sum((1, 2)), special.gammaln(table + 1.0).sum()
    return {"p": (1 + (surprise >= here - 1e-7).sum()) / 10_000}


def compare_by_patient(said: list[Any], split: list[str], patient: list[Any]) -> Tree:
    """Pearson's statistic of words x splits, its p by 4,999 permutations of whole patients between the splits."""
    kept = [row for row, word in enumerate(said) if word]
    columns = [[column[row] for row in kept] for column in (said, split, patient)]
    word, group, who = ({name: place for place, name in enumerate(dict.fromkeys(column))} for column in columns)
    member, counts = np.zeros(len(who), int), np.zeros((len(who), len(word)))
    for its_word, its_split, its_patient in zip(*columns, strict=True):
        member[who[its_patient]] = group[its_split]
        counts[who[its_patient], word[its_word]] += 1
    if len(group) < 2 or len(word) < 2 or np.bincount(member).min() < 2:
        return {}

    def statistic(members: Array) -> Array:
        tables = np.stack([(members == one).astype(float) @ counts for one in range(len(group))], 1)
        expected = tables.sum(2, keepdims=True) * counts.sum(0) / counts.sum()
        return np.where(expected > 0, over((tables - expected) ** 2, expected), 0).sum((1, 2))

    random, observed = np.random.default_rng(0), statistic(member[None])[0]
    drawn = [statistic(random.permuted(member[None], axis=1))[0] for _ in range(4999)]
    return {"p": (1 + int((np.array(drawn) >= observed - 1e-9).sum())) / 5000, "statistic": observed}
