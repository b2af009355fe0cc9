"""Speed and accuracy by position in session."""

import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.regression.linear_model import WLS

from labeling.statistics.bootstrap import PatientBootstrap
from labeling.statistics.sessions import by_position


def simulated(cases: int, seed: int = 1, faster: float = -0.02, accuracy: float = -0.002):
    """Three readers, one slow, in sessions of 30; each case is another patient."""
    random = np.random.default_rng(seed)
    position = np.arange(cases) % 30 + 1
    reader = np.arange(cases) // 30 % 3
    pace = np.array([60.0, 90.0, 200.0])[reader]
    seconds = pace * (1 + faster) ** position * random.lognormal(0, 0.3, cases)
    assessed = random.integers(5, 12, cases)
    correct = random.binomial(assessed, 0.95 + accuracy * position)
    return seconds, correct, assessed, position, reader, np.arange(cases)


def test_a_known_trend_lies_within_its_interval():
    found = by_position(*simulated(1800), PatientBootstrap(1800))
    assert found.speed_trend.low < -0.02 < found.speed_trend.high
    assert found.speed_trend.high < 0
    assert found.accuracy_trend.low < -0.002 < found.accuracy_trend.high
    assert found.accuracy_trend.high < 0


def test_slopes_equal_a_regression_with_an_intercept_per_reader():
    seconds, correct, assessed, position, reader, patient = simulated(300)
    found = by_position(seconds, correct, assessed, position, reader, patient, PatientBootstrap(300, 50))
    design = np.column_stack([position, *(reader == r for r in range(3))]).astype(float)
    logs = WLS(np.log(seconds), design).fit().params[0]
    share = WLS(correct / assessed, design, weights=assessed).fit().params[0]
    assert found.speed_trend.value == pytest.approx(np.expm1(logs), abs=1e-9)
    assert found.accuracy_trend.value == pytest.approx(share, abs=1e-9)


def test_a_slow_reader_with_short_sessions_makes_no_trend():
    seconds = np.array([200.0] * 5 + [50.0] * 30)
    position = np.array([*range(1, 6), *range(1, 31)])
    reader = np.array([0] * 5 + [1] * 30)
    found = by_position(seconds, [0] * 35, [0] * 35, position, reader, range(35), PatientBootstrap(35, 200))
    assert found.speed_trend.value == pytest.approx(0, abs=1e-12)


def test_bins_hold_medians_and_accuracies_of_their_positions():
    seconds, correct, assessed, position, reader, patient = simulated(300)
    found = by_position(seconds, correct, assessed, position, reader, patient, PatientBootstrap(300))
    first = position <= 5
    assert [one.title for one in found.bins] == ["1 to 5", "6 to 10", "11 to 20", "21 to 40", "41 and later"]
    assert found.bins[0].cases == first.sum()
    assert found.bins[0].seconds.value == pytest.approx(np.median(seconds[first]))
    assert found.bins[0].accuracy.numerator == correct[first].sum()
    assert found.bins[0].seconds.low < found.bins[0].seconds.value < found.bins[0].seconds.high
    assert found.bins[4].seconds.note == "No case here carries a time."


def test_the_medians_of_the_draws_are_those_of_the_repeated_cases():
    """Against the plain way: list the seconds of every drawn patient and take their median."""
    from labeling.statistics import sessions

    random = np.random.default_rng(2)
    patient = random.integers(0, 90, 1300)
    seconds = np.sort(random.lognormal(4, 0.5, 1300))
    bootstrap = PatientBootstrap(90, 40, seed=5)
    nothing = np.zeros(1300, int)
    rows = sessions._Rows.of(seconds, nothing, nothing, nothing + 1, nothing, patient, bootstrap)
    drawn = np.random.default_rng(5).integers(0, 90, (40, 90))
    plain = [np.median(np.concatenate([seconds[patient == one] for one in row])) for row in drawn]
    assert rows._medians(seconds, patient) == pytest.approx(plain, abs=1e-12)


def test_nothing_timed_one_position_and_nothing_at_all_are_sentences():
    empty = by_position([], [], [], [], [], [], PatientBootstrap(0))
    assert empty.speed_trend.note == "No case here carries a time."
    assert empty.accuracy_trend.note == "No vertebra here can be judged against a reference."
    one = by_position([50, 60, 70], [1, 1, 1], [1, 1, 1], [1, 1, 1], [0, 0, 0], [0, 1, 2], PatientBootstrap(3))
    assert one.speed_trend.note == "A trend needs 3 cases of one reader at different positions."
    single = by_position([50], [1], [1], [1], [0], [0], PatientBootstrap(1))
    assert single.bins[0].seconds.value == 50
    assert single.bins[0].seconds.low is None


rows = st.tuples(
    st.one_of(st.just(float("nan")), st.floats(0, 1e4)), st.integers(0, 3), st.integers(1, 60), st.integers(0, 2)
)


@given(st.lists(rows, max_size=25))
def test_no_rows_give_nan_or_a_traceback(given_rows):
    columns = list(zip(*given_rows, strict=True)) or [(), (), (), ()]
    seconds, correct, position, reader = columns
    patient = [n % 4 for n in range(len(seconds))]
    found = by_position(seconds, correct, [3] * len(seconds), position, reader, patient, PatientBootstrap(4, 50))
    json.dumps(found.as_json(), allow_nan=False)


def test_ten_thousand_cases_are_quick():
    start = time.perf_counter()
    by_position(*simulated(10_000), PatientBootstrap(10_000))
    assert time.perf_counter() - start < 15


def test_nonsense_is_refused_with_a_sentence():
    bootstrap = PatientBootstrap(2)
    with pytest.raises(ValueError, match="count from 1"):
        by_position([1], [1], [1], [0], [0], [0], bootstrap)
    with pytest.raises(ValueError, match="more vertebrae are correct than assessed"):
        by_position([1], [2], [1], [1], [0], [0], bootstrap)
    with pytest.raises(ValueError, match="differ in length: seconds 2"):
        by_position([1, 2], [1], [1], [1], [0], [0], bootstrap)
    with pytest.raises(ValueError, match="begin at 1 and ascend"):
        by_position([1], [1], [1], [1], [0], [0], bootstrap, bins=(1, 5, 5))
