"""Comparing raw outputs number by number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sdkgen.detection.decode import anchor_rows, merged_shapes
from sdkgen.detection.types import Array, RawOutputs
from sdkgen.errors import BackendError
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
    """Return one difference an output of ``found``, in whichever layout it is; ``reference`` may be in the other.

    A merged head counts as two, its box numbers and its scores, whose ranges differ by orders of magnitude.

    Raises ``BackendError`` if the outputs are not those of the model.
    """
    expected = dict(_tables(reference, spec, merged="head_0" in found))
    return [
        _difference(name, rows, expected[name][0], first)
        for name, (rows, first) in _tables(found, spec, merged="head_0" in found)
    ]


def _difference(name: str, found: Array, expected: Array, first: int) -> TensorDifference:
    low, high = float(expected.min()), float(expected.max())
    far = _INCOMPARABLE * max(high - low, 1.0)
    error = np.nan_to_num(np.abs(found.astype(np.float64) - expected), nan=far, posinf=far)
    worst = int(error.max(axis=1).argmax())
    return TensorDifference(name, float(error.max()), float(error.mean()), first + worst, low, high)


def _tables(outputs: RawOutputs, spec: ModelSpec, *, merged: bool) -> Iterator[tuple[str, tuple[Array, int]]]:
    """Yield each output's name, its numbers as one row an anchor or point, and the number of the first row."""
    if spec.detection is None:
        for output in spec.outputs:
            if output.name not in outputs or outputs[output.name].size != np.prod(output.shape):
                raise BackendError(f"output {output.name!r} is missing or not of shape {output.shape}")
            columns = COORDINATES if output.shape[-1] % COORDINATES == 0 else output.shape[-1]
            yield output.name, (outputs[output.name].reshape(-1, columns), 0)
        return
    rows = anchor_rows(outputs, spec)
    if not merged:
        boxes, scores = spec.outputs
        yield boxes.name, (rows[:, :-1], 0)
        yield scores.name, (rows[:, -1:], 0)
        return
    first = 0
    for name, shape in merged_shapes(spec).items():
        part = rows[first : first + int(np.prod(shape)) // rows.shape[1]]
        yield f"{name} (boxes)", (part[:, :-1], first)
        yield f"{name} (scores)", (part[:, -1:], first)
        first += len(part)
