"""Columns of values put into words: mean ± SD, median [IQR], counts, and groups compared with a test that is named.

The rule by which a test is chosen is in `RULE`, word for word as a methods section prints it.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import gammaln

SMALL_GROUP = 20
SKEWED = 1.0
SMALL_EXPECTED = 5.0
SIMULATED_TABLES = 9_999
PERMUTATIONS = 4_999

RULE = (
    "Continuous variables were compared with Welch's t-test (two groups) or Welch's analysis of variance (three or "
    f"more); where a group held fewer than {SMALL_GROUP} values, its absolute skewness exceeded {SKEWED:g}, or all its "
    "values were equal, with the Mann-Whitney U test or the Kruskal-Wallis test. Categories were compared with "
    "Pearson's chi-square test without continuity correction, and where an expected count was under "
    f"{SMALL_EXPECTED:g} with Fisher's exact test (tables larger than 2 x 2: Fisher-Freeman-Halton, by "
    f"{SIMULATED_TABLES:,} random tables). Where patients contribute several vertebrae, the chi-square statistic was "
    f"referred to {PERMUTATIONS:,} permutations of whole patients between the groups. Missing values were counted and "
    "left out. P-values are two-sided and not corrected for multiple comparisons."
)


@dataclass(frozen=True)
class Spread:
    """A column of numbers: how many, and where they lie. SD with n - 1; quartiles by linear interpolation."""

    count: int
    missing: int
    mean: float | None
    sd: float | None
    median: float | None
    lower_quartile: float | None
    upper_quartile: float | None
    smallest: float | None
    largest: float | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def mean_text(self, digits: int = 1) -> str:
        """`77 ± 14`; without a SD (one value) the mean alone, and a dash where nothing is known."""
        if self.mean is None:
            return "–"
        return f"{self.mean:.{digits}f}" + (f" ± {self.sd:.{digits}f}" if self.sd is not None else "")

    def median_text(self, digits: int = 1) -> str:
        """`78 [70 to 86]`."""
        if self.median is None:
            return "–"
        return f"{self.median:.{digits}f} [{self.lower_quartile:.{digits}f} to {self.upper_quartile:.{digits}f}]"


@dataclass(frozen=True)
class Share:
    """A column of words: how often each was said, of how many that said anything."""

    counts: Mapping[str, int]
    count: int
    missing: int

    def as_json(self) -> dict[str, Any]:
        return {"counts": dict(self.counts), "count": self.count, "missing": self.missing}

    def text(self, word: str) -> str:
        """`249 (68 %)`; a dash where nothing is known."""
        if not self.count:
            return "–"
        found = self.counts.get(word, 0)
        return f"{found:,} ({100 * found / self.count:.0f} %)" if found else "0"


@dataclass(frozen=True)
class Comparison:
    """One test: its name in words, its p, and why this test; or why there is none."""

    test: str
    p: float | None
    statistic: float | None
    why: str
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"p_text": self.p_text}

    @property
    def p_text(self) -> str:
        return "–" if self.p is None else p_text(self.p)


def p_text(p: float) -> str:
    """Two digits; three under 0.10, so that 0.049 is never printed as 0.05."""
    if p < 0.001:
        return "< 0.001"
    if p > 0.99:
        return "> 0.99"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def numbers(values: Sequence[Any] | NDArray[Any]) -> tuple[NDArray[np.float64], int]:
    """The finite values as float64 and how many were missing (None, NaN or infinite)."""
    column = np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
    known = np.isfinite(column)
    return column[known], int(column.size - known.sum())


def spread(values: Sequence[Any] | NDArray[Any]) -> Spread:
    known, missing = numbers(values)
    if not known.size:
        return Spread(0, missing, None, None, None, None, None, None, None)
    low, median, high = (float(value) for value in np.percentile(known, [25, 50, 75]))
    deviation = float(known.std(ddof=1)) if known.size > 1 else None
    return Spread(
        int(known.size),
        missing,
        float(known.mean()),
        deviation,
        median,
        low,
        high,
        float(known.min()),
        float(known.max()),
    )


def share(values: Sequence[Any], words: Sequence[str] = ()) -> Share:
    """Counts per word (those of `words` first, even when absent). None and '' are missing."""
    counts = dict.fromkeys(words, 0)
    missing = 0
    for value in values:
        if value is None or value == "":
            missing += 1
        else:
            counts[str(value)] = counts.get(str(value), 0) + 1
    return Share(counts, sum(counts.values()), missing)


def skewness(known: NDArray[np.float64]) -> float:
    """Fisher's moment coefficient (population form); 0 where all values are equal."""
    centred = known - known.mean()
    variance = float((centred**2).mean())
    # Rounding leaves a variance of 1e-32 in a column of equal values: relative to the values it is nothing.
    return float((centred**3).mean()) / variance**1.5 if not all_equal(known) and variance > 0 else 0.0


def all_equal(known: NDArray[np.float64]) -> bool:
    return bool(known.size == 0 or np.ptp(known) == 0)


def compare_numbers(groups: Sequence[Sequence[Any] | NDArray[Any]]) -> Comparison:
    """Whether the groups differ in location, by the test that `RULE` names; groups without a value are left out."""
    known = [column for column in (numbers(group)[0] for group in groups) if column.size]
    if len(known) < 2:
        return Comparison("", None, None, "", "Fewer than two groups hold a value: there is nothing to compare.")
    together = np.concatenate(known)
    if all_equal(together):
        return Comparison("", None, None, "", f"All values are {together[0]:g}: there is nothing to compare.")
    why = _reason_for_ranks(known)
    if why:
        return _ranks(known, why)
    reason = f"every group holds {SMALL_GROUP} values or more and none is skewed"
    if len(known) == 2:
        result = stats.ttest_ind(known[0], known[1], equal_var=False)
        return Comparison("Welch's t-test", float(result.pvalue), float(result.statistic), reason)
    statistic, p = welch_anova(known)
    return Comparison("Welch's analysis of variance", p, statistic, reason)


def _reason_for_ranks(known: Sequence[NDArray[np.float64]]) -> str:
    smallest = min(column.size for column in known)
    if smallest < SMALL_GROUP:
        return f"the smallest group holds {smallest} value{'s' if smallest != 1 else ''}, fewer than {SMALL_GROUP}"
    if any(all_equal(column) for column in known):
        return "in one group all values are equal"
    most = max((skewness(column) for column in known), key=abs)
    return f"the values are skewed ({most:.1f})" if abs(most) > SKEWED else ""


def _ranks(known: Sequence[NDArray[np.float64]], why: str) -> Comparison:
    if len(known) == 2:
        result = stats.mannwhitneyu(known[0], known[1], alternative="two-sided")
        return Comparison("Mann-Whitney U test", float(result.pvalue), float(result.statistic), why)
    result = stats.kruskal(*known)
    return Comparison("Kruskal-Wallis test", float(result.pvalue), float(result.statistic), why)


def welch_anova(groups: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """Welch's one-way analysis of variance: (F, p). Every group needs two values and some spread.

    B. L. Welch, Biometrika 38 (1951) 330-336.
    """
    sizes = np.array([group.size for group in groups], dtype=np.float64)
    means = np.array([group.mean() for group in groups])
    weights = sizes / np.array([group.var(ddof=1) for group in groups])
    total = weights.sum()
    between = len(groups) - 1
    unequal = float((((1 - weights / total) ** 2) / (sizes - 1)).sum())
    scatter = float((weights * (means - (weights * means).sum() / total) ** 2).sum()) / between
    statistic = scatter / (1 + 2 * (between - 1) / (between * (between + 2)) * unequal)
    within = between * (between + 2) / (3 * unequal)
    return statistic, float(stats.f.sf(statistic, between, within))


def compare_words(groups: Sequence[Share], seed: int = 0) -> Comparison:
    """Whether the words are said equally often in each group: chi-square, or Fisher where an expected count is small.

    Words nobody said and groups without a value are left out. `seed` draws the random tables of the larger Fisher test.
    """
    table = _table_of([group for group in groups if group.count])
    if table.shape[0] < 2:
        return Comparison("", None, None, "", "Fewer than two groups hold a value: there is nothing to compare.")
    if table.shape[1] < 2:
        return Comparison("", None, None, "", "All values are the same: there is nothing to compare.")
    statistic, expected = pearson(table)
    smallest = float(expected.min())
    if smallest >= SMALL_EXPECTED:
        freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
        why = f"every expected count is {SMALL_EXPECTED:g} or more"
        return Comparison("chi-square test", float(stats.chi2.sf(statistic, freedom)), statistic, why)
    why = f"the smallest expected count is {smallest:.1f}"
    if table.shape == (2, 2):
        return Comparison("Fisher's exact test", float(stats.fisher_exact(table).pvalue), None, why)
    p = fisher_freeman_halton(table, seed)
    return Comparison(f"Fisher-Freeman-Halton test, {SIMULATED_TABLES:,} random tables", p, None, why)


def _table_of(groups: Sequence[Share]) -> NDArray[np.int64]:
    words = list(dict.fromkeys(word for group in groups for word in group.counts))
    table = np.array([[group.counts.get(word, 0) for word in words] for group in groups], dtype=np.int64)
    table = table.reshape(len(groups), len(words))
    return table[:, table.sum(axis=0) > 0]


def pearson(table: NDArray[np.int64]) -> tuple[float, NDArray[np.float64]]:
    """Pearson's statistic without continuity correction, and the expected counts. No row or column may be empty."""
    counts = table.astype(np.float64)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()
    return float(((counts - expected) ** 2 / expected).sum()), expected


def fisher_freeman_halton(table: NDArray[np.int64], seed: int = 0, tables: int = SIMULATED_TABLES) -> float:
    """Share of random tables with these margins that are no more probable than this one, itself counted.

    Exact enumeration explodes with the counts of a cohort; with 9,999 tables the standard error of p is under 0.005.
    """
    margins = stats.random_table(table.sum(axis=1), table.sum(axis=0), seed=np.random.default_rng(seed))
    drawn = margins.rvs(tables)
    # The probability of a table with fixed margins falls with the product of its cells' factorials.
    surprise = _log_factorials(drawn).sum(axis=(1, 2))
    observed = float(_log_factorials(table).sum())
    return (1 + int((surprise >= observed - 1e-7).sum())) / (1 + tables)


def _log_factorials(counts: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(gammaln(np.asarray(counts, dtype=np.float64) + 1))


def compare_words_by_patient(
    words: Sequence[str],
    group: Sequence[Hashable],
    patient: Sequence[Hashable],
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> Comparison:
    """Chi-square of words x groups, its p by permuting whole patients between the groups.

    A patient's vertebrae share a spine, a scanner and a bone density: counted one by one they overstate what is known.
    words: (N,), what is said of each vertebra; group and patient: (N,). A patient belongs to one group.

    Raises:
        ValueError: a patient in two groups, or columns of different length.
    """
    if not len(words) == len(group) == len(patient):
        raise ValueError(f"Columns differ in length: {len(words)} words, {len(group)} groups, {len(patient)} patients.")
    counts, member = _counts_of_patients(words, group, patient)
    sizes = np.bincount(member) if member.size else np.zeros(0, dtype=np.int64)
    if sizes.size < 2:
        return Comparison("", None, None, "", "Fewer than two groups hold a value: there is nothing to compare.")
    if counts.shape[1] < 2:
        return Comparison("", None, None, "", "All values are the same: there is nothing to compare.")
    if sizes.min() < 2:
        note = "One group holds a single patient: patients cannot be exchanged between the groups."
        return Comparison("", None, None, "", note)
    totals = counts.sum(axis=0)
    observed = _scatter(np.array([[counts[member == g].sum(axis=0) for g in range(sizes.size)]]), totals)[0]
    draws = np.random.default_rng(seed)
    at_least = 0
    block = max(1, 4_000_000 // member.size)
    for start in range(0, permutations, block):
        rows = min(block, permutations - start)
        shuffled = draws.permuted(np.broadcast_to(member, (rows, member.size)), axis=1)
        tables = np.stack([(shuffled == g).astype(np.float64) @ counts for g in range(sizes.size)], axis=1)
        at_least += int((_scatter(tables, totals) >= observed - 1e-9).sum())
    name = f"chi-square, {permutations:,} permutations of patients"
    why = "a patient contributes several vertebrae, which are not independent"
    return Comparison(name, (1 + at_least) / (1 + permutations), float(observed), why)


def _counts_of_patients(
    words: Sequence[str], group: Sequence[Hashable], patient: Sequence[Hashable]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(patients, words) counts and each patient's group number."""
    number_of_word = {word: n for n, word in enumerate(dict.fromkeys(words))}
    number_of_group = {name: n for n, name in enumerate(dict.fromkeys(group))}
    number_of_patient = {name: n for n, name in enumerate(dict.fromkeys(patient))}
    counts = np.zeros((len(number_of_patient), len(number_of_word)))
    member = np.full(len(number_of_patient), -1, dtype=np.int64)
    for word, its_group, its_patient in zip(words, group, patient, strict=True):
        row, column = number_of_patient[its_patient], number_of_group[its_group]
        if member[row] not in (-1, column):
            raise ValueError(f"Patient {its_patient} stands in two groups. Split by patient and count again.")
        member[row] = column
        counts[row, number_of_word[word]] += 1
    return counts, member


def _scatter(tables: NDArray[np.float64], totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson's statistic of (B, groups, words) tables; a group's size varies with the patients it drew."""
    expected = tables.sum(axis=2, keepdims=True) * totals / totals.sum()
    terms = np.divide(
        (tables - expected) ** 2, expected, out=np.zeros_like(tables, dtype=np.float64), where=expected > 0
    )
    return np.asarray(terms.sum(axis=(1, 2)))
