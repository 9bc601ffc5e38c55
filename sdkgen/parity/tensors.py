"""Comparing raw outputs number by number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdkgen.detection.layout import split
from sdkgen.detection.types import Array, RawOutputs
from sdkgen.spec.model import ModelSpec

COORDINATES = 3
"""A landmark is x, y and z."""

_INCOMPARABLE = 1e6
"""How many ranges away NaN and infinity count as: immensely, and still a number that JSON can hold."""


@dataclass(frozen=True)
class TensorDifference:
    """How far one output is from the reference's for one input, in the output's own unit.

    ``row`` is the anchor (of landmarks the point) with the largest difference; ``low`` and ``high`` are the reference's
    smallest and largest value. NaN and infinity count as a million times the reference's range away.
    """

    name: str
    maximum: float
    mean: float
    row: int
    low: float
    high: float


def compare_tensors(found: RawOutputs, reference: RawOutputs, spec: ModelSpec) -> list[TensorDifference]:
    """Return one difference an output of the standard layout, whichever layout ``found`` and ``reference`` have.

    Box numbers and scores are told apart also where one tensor holds both: their ranges differ by orders of magnitude.

    Raises ``BackendError`` if the outputs are not those of the model.
    """
    expected = _tables(reference, spec)
    return [_difference(name, rows, expected[name]) for name, rows in _tables(found, spec).items()]


def _difference(name: str, found: Array, expected: Array) -> TensorDifference:
    low, high = float(expected.min()), float(expected.max())
    far = _INCOMPARABLE * max(high - low, 1.0)
    error = np.nan_to_num(np.abs(found.astype(np.float64) - expected), nan=far, posinf=far)
    worst = int(error.max(axis=1).argmax())
    return TensorDifference(name, float(error.max()), float(error.mean()), worst, low, high)


def _tables(outputs: RawOutputs, spec: ModelSpec) -> dict[str, Array]:
    """Return each output of the standard layout as one row an anchor or point."""
    tables = {}
    for name, values in split(outputs, spec).items():
        width = values.shape[-1]
        is_landmarks = spec.detection is None and width % COORDINATES == 0
        tables[name] = values.reshape(-1, COORDINATES if is_landmarks else width)
    return tables
