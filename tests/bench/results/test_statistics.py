"""Medians, intervals and ratios, against known answers."""

from __future__ import annotations

import numpy as np
import pytest

from sdkgen.bench.results import statistics


def test_a_slow_session_does_not_drown_in_samples() -> None:
    sessions = [[1.0] * 1000, [2.0] * 10, [3.0] * 10]
    assert statistics.median_of_medians(sessions).value == 2.0


def test_the_interval_is_the_same_each_time_and_holds_the_median() -> None:
    medians = [4.0, 4.2, 3.9, 4.1, 4.3]
    first, second = statistics.interval_of(medians), statistics.interval_of(medians)
    assert first == second
    assert first.low is not None
    assert first.high is not None
    assert 3.9 <= first.low <= first.value <= first.high <= 4.3


def test_too_few_sessions_have_no_interval() -> None:
    assert statistics.interval_of([1.0, 2.0]) == statistics.Interval(1.5)
    assert statistics.ratio_of([1.0, 1.0, 1.0], [1.0]).low is None


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


def test_a_ratio_tells_slower_from_noise() -> None:
    rng = np.random.default_rng(4)
    base = list(rng.normal(10, 0.1, size=7))
    slower = statistics.ratio_of([value * 1.2 for value in base], base)
    same = statistics.ratio_of(list(rng.normal(10, 0.1, size=7)), base)
    assert slower.low is not None
    assert slower.low > 1.1
    assert same.low is not None
    assert same.high is not None
    assert same.low < 1 < same.high + 0.02


def test_percentile_pools_every_sample() -> None:
    assert statistics.percentile([[1.0] * 90, [9.0] * 10], 0.95) == pytest.approx(9.0)


def test_spread_is_relative() -> None:
    assert statistics.spread([9.0, 10.0, 11.0]) == pytest.approx(0.2)
