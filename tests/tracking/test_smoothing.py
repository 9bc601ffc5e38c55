from __future__ import annotations

import math

import numpy as np
import pytest

from sdkgen.errors import UsageError
from sdkgen.tracking.smoothing import OneEuro, Smoothing


def test_the_first_points_are_as_they_come() -> None:
    points = np.random.default_rng(0).uniform(0, 100, (468, 3))
    np.testing.assert_array_equal(OneEuro(Smoothing()).smooth(points, 80, 3.0), points)


def test_a_step_follows_the_paper_s_formulas() -> None:
    """Casiez et al. 2012: alpha = 1 / (1 + tau / Te), tau = 1 / (2 pi cutoff), cutoff = minimum + beta |speed|."""
    parameters = Smoothing(minimum_cutoff=0.7, beta=4.0, derivative_cutoff=2.0)
    smoothing = OneEuro(parameters)
    previous, speed, then, size = 10.0, 0.0, 0.0, 50.0
    smoothing.smooth(np.array([[previous, 0, 0]]), size, then)
    for now, value in ((0.04, 12.0), (0.07, 30.0), (0.2, 29.0)):
        elapsed = now - then

        def alpha(cutoff: float, elapsed: float = elapsed) -> float:
            return 1 / (1 + 1 / (2 * math.pi * cutoff) / elapsed)

        raw = (value - previous) / size / elapsed
        speed += alpha(parameters.derivative_cutoff) * (raw - speed)
        previous += alpha(parameters.minimum_cutoff + parameters.beta * abs(speed)) * (value - previous)
        then = now
        found = smoothing.smooth(np.array([[value, 0, 0]]), size, now)
        assert found[0, 0] == pytest.approx(previous, rel=1e-12)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, 1.1e6])
def test_parameters_that_cannot_be_are_refused(value: float) -> None:
    with pytest.raises(UsageError, match="smoothing"):
        Smoothing(minimum_cutoff=value)
    with pytest.raises(UsageError, match="smoothing"):
        Smoothing(derivative_cutoff=value)
    with pytest.raises(UsageError, match="smoothing"):
        Smoothing(beta=value or -1.0)


def test_the_largest_parameters_let_everything_through() -> None:
    smoothing = OneEuro(Smoothing(minimum_cutoff=1e6, beta=1e6, derivative_cutoff=1e6))
    for index, points in enumerate(np.random.default_rng(2).uniform(0, 1e4, (5, 468, 3))):
        np.testing.assert_allclose(smoothing.smooth(points, 1e-6, index * 1e-3), points, rtol=1e-3)


def test_near_and_far_faces_are_smoothed_alike() -> None:
    steps = np.random.default_rng(1).normal(0, 2, (10, 5, 3)).cumsum(axis=0)
    near, far = OneEuro(Smoothing()), OneEuro(Smoothing())
    for index, points in enumerate(steps):
        one, other = near.smooth(points * 4, 400, index / 30), far.smooth(points, 100, index / 30)
        np.testing.assert_allclose(one, other * 4)


def test_a_point_without_a_size_is_finite() -> None:
    smoothing = OneEuro(Smoothing())
    for index in range(3):
        assert np.isfinite(smoothing.smooth(np.full((468, 3), 7.0 + index), 0.0, index / 30)).all()
