"""The one-euro filter: steady where a face rests, quick where it moves.

G. Casiez, N. Roussel, D. Vogel: "1 € Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive
Systems", CHI 2012.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdkgen.errors import UsageError

_MOST = 1e6


@dataclass(frozen=True)
class Smoothing:
    """The filter's parameters, for points measured in units of the face's size.

    ``minimum_cutoff`` (Hz): lower is steadier at rest. ``beta`` (no unit): higher follows fast movements more closely.
    ``derivative_cutoff`` (Hz): how much the speed itself is smoothed.

    Raises ``UsageError`` for a cutoff that is not above 0, a ``beta`` below 0, or either above 1e6.
    """

    minimum_cutoff: float = 1.0
    beta: float = 10.0
    derivative_cutoff: float = 1.0

    def __post_init__(self) -> None:
        """Check the parameters; beyond the limits sums overflow, and NaN would stay in the track."""
        cutoffs = (self.minimum_cutoff, self.derivative_cutoff)
        if not (all(0 < cutoff <= _MOST for cutoff in cutoffs) and 0 <= self.beta <= _MOST):
            raise UsageError(
                f"the smoothing's parameters cannot be {self}",
                hint="Give cutoffs above 0 and a beta of at least 0, none above 1e6.",
                reference="bad-smoothing",
            )


class OneEuro:
    """Smooths the points of one face from frame to frame."""

    def __init__(self, parameters: Smoothing) -> None:
        self._parameters = parameters
        self._time: float | None = None
        self._points: NDArray[np.float64] = np.zeros(0)
        self._speed: NDArray[np.float64] = np.zeros(0)

    def smooth(self, points: NDArray[np.float64], size: float, seconds: float) -> NDArray[np.float64]:
        """Return ``points`` (n, 3) in pixels at time ``seconds``, smoothed; ``size`` is the face's, in pixels."""
        if self._time is None:
            self._time, self._points, self._speed = seconds, points, np.zeros_like(points)
            return points
        elapsed = seconds - self._time
        speed = (points - self._points) / (max(size, 1e-6) * elapsed)
        share = _share(self._parameters.derivative_cutoff, elapsed)
        self._speed = self._speed + share * (speed - self._speed)
        cutoff = self._parameters.minimum_cutoff + self._parameters.beta * np.abs(self._speed)
        self._points = self._points + _share(cutoff, elapsed) * (points - self._points)
        self._time = seconds
        return self._points


def _share(cutoff: float | NDArray[np.float64], elapsed: float) -> NDArray[np.float64]:
    """Return how much of the new value a low-pass of ``cutoff`` Hz takes after ``elapsed`` seconds."""
    step = 2 * math.pi * np.asarray(cutoff) * elapsed
    share: NDArray[np.float64] = step / (step + 1)
    return share
