"""Medians, intervals and ratios, against known answers."""

from __future__ import annotations

import numpy as np
import pytest

from sdkgen.bench.results import statistics
from sdkgen.bench.results.statistics import RunSpread


def test_a_slow_session_does_not_drown_in_samples() -> None:
    sessions = [[1.0] * 1000, [2.0] * 10, [3.0] * 10]
    assert statistics.interval_of(statistics.session_medians(sessions)).value == 2.0


def test_the_interval_is_the_same_each_time_and_holds_the_median() -> None:
    medians = [4.0, 4.2, 3.9, 4.1, 4.3]
    first, second = statistics.interval_of(medians), statistics.interval_of(medians)
    assert first == second
    assert first.low is not None
    assert first.high is not None
    assert 3.9 <= first.low <= first.value <= first.high <= 4.3


def test_too_few_sessions_have_no_interval() -> None:
    assert statistics.interval_of([1.0, 2.0]) == statistics.Interval(1.5)
    assert statistics.paired_ratio([1.0, 2.0]).low is None
    assert statistics.ratio_between_runs([1.0, 1.0, 1.0], [1.0], RunSpread(0.0)).low is None


@pytest.mark.parametrize("count", range(statistics.FEWEST_SESSIONS, statistics.SURE_SESSIONS + 1))
def test_the_interval_of_few_sessions_is_their_range(count: int) -> None:
    medians = [float(number) for number in range(count)]
    found = statistics.interval_of(medians)
    assert (found.low, found.high) == (medians[0], medians[-1])


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        found = statistics.interval_of(list(rng.normal(10, 1, size=15)))
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 10 <= found.high
    assert hits >= 176


def test_a_ratio_of_runs_tells_slower_from_noise() -> None:
    rng = np.random.default_rng(4)
    base = list(rng.normal(10, 0.1, size=7))
    slower = statistics.ratio_between_runs([value * 1.2 for value in base], base, RunSpread(0.01))
    same = statistics.ratio_between_runs(list(rng.normal(10, 0.1, size=7)), base, RunSpread(0.01))
    assert (slower.low or 0) > 1.1
    assert (same.low or 9) < 1 < (same.high or 0)


@pytest.mark.parametrize("freedom", [None, 5])
def test_the_spread_of_runs_widens_the_interval(freedom: int | None) -> None:
    base = [10.0, 10.1, 9.9, 10.05, 9.95]
    found = [statistics.ratio_between_runs(base, base, RunSpread(spread, freedom)) for spread in (0.0, 0.05)]
    narrow, wide = ((one.high or 0) - (one.low or 0) for one in found)
    assert wide > 0.25 > 0.05 > narrow


def test_a_paired_ratio_is_the_inverse_of_its_inverse_and_not_moved_by_one_outlier() -> None:
    ratios = [1.02, 1.05, 1.04, 1.06, 1.03]
    there, back = statistics.paired_ratio(ratios), statistics.paired_ratio([1 / one for one in ratios])
    assert there.value == pytest.approx(1.04, abs=0.003)
    assert there.value * back.value == pytest.approx(1)
    assert statistics.paired_ratio([*ratios, 3.0]).value == pytest.approx(1.045, abs=0.01)
    assert statistics.paired_ratio(ratios) == there
    assert (there.low or 0) < there.value < (there.high or 9)


def test_the_paired_interval_covers_the_truth_about_as_often_as_the_note_says() -> None:
    rng = np.random.default_rng(3)
    for count, share in ((5, 0.88), (10, 0.93)):
        found = [statistics.paired_ratio(list(np.exp(rng.normal(0, 0.04, size=count)))) for _ in range(200)]
        hits = sum((one.low or 9) <= 1 <= (one.high or 0) for one in found) / len(found)
        assert abs(hits - share) < 0.06


def test_percentile_pools_every_sample() -> None:
    assert statistics.percentile([[1.0] * 90, [9.0] * 10], 0.95) == pytest.approx(9.0)


def test_spread_is_relative() -> None:
    assert statistics.spread([9.0, 10.0, 11.0]) == pytest.approx(0.2)
