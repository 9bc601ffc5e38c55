"""Weight compression: fewer bits a weight in the file, the same arithmetic at run time."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdkgen.convert.coreml.tools import coremltools
from sdkgen.errors import UsageError

BITS = (8, 6)

_SMALLEST = 2048
"""Constants of fewer elements stay as they are: together they are a few per cent of the file, and they are the stem and
the depthwise kernels, whose errors reach everything after them."""

_ROUNDS = 200


def check_bits(bits: int | None) -> None:
    """Raise ``UsageError`` unless weights can be stored in ``bits`` (None: as they are)."""
    if bits is not None and bits not in BITS:
        raise UsageError(
            f"weights cannot be stored in {bits} bits", hint="Choose 8 or 6.", reference="bad-weights-bits"
        )


def compressed(model: Any, bits: int) -> Any:
    """Return a coremltools ``MLModel`` with its larger weights in 8 bits (one scale a channel) or in 6 (a table)."""
    coremltools()
    from coremltools.optimize import coreml as optimize
    from coremltools.optimize.coreml import _quantization_passes as passes

    passes.tqdm = partial(passes.tqdm, disable=True)
    if bits == 8:
        linear = optimize.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=_SMALLEST)
        return optimize.linear_quantize_weights(model, optimize.OptimizationConfig(global_config=linear))
    table = optimize.OpPalettizerConfig(
        mode="custom", lut_function=partial(clusters, count=1 << bits), weight_threshold=_SMALLEST
    )
    return optimize.palettize_weights(model, optimize.OptimizationConfig(global_config=table))


def clusters(weight: NDArray[Any], *, count: int) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Return a table of ``count`` values and the index into it of each element of ``weight``, flattened.

    Lloyd's algorithm in one dimension: deterministic, and it needs no package beside NumPy, which coremltools' own
    does. It starts half way between evenly spaced quantiles and an even grid: from either of these, bell-shaped weights
    end with twice the error.
    """
    values = weight.astype(np.float64).ravel()
    distinct = np.unique(values)
    if len(distinct) <= count:
        table = np.pad(distinct, (0, count - len(distinct)), "edge")
        return table.astype(weight.dtype), np.searchsorted(distinct, values).astype(np.uint8)
    ordered = np.sort(values)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    table = np.quantile(ordered, (np.arange(count) + 0.5) / count) / 2
    table += np.linspace(ordered[0], ordered[-1], count) / 2
    for _ in range(_ROUNDS):
        # Sorted values make every cluster a run; a cluster that got empty keeps its value.
        edges = np.searchsorted(ordered, (table[1:] + table[:-1]) / 2)
        starts, ends = np.r_[0, edges], np.r_[edges, len(ordered)]
        sizes = ends - starts
        means = (sums[ends] - sums[starts]) / np.maximum(sizes, 1)
        moved = np.where(sizes > 0, means, table)
        if np.array_equal(moved, table):
            break
        table = np.sort(moved)
    indices = np.searchsorted((table[1:] + table[:-1]) / 2, values)
    return table.astype(weight.dtype), indices.astype(np.uint8)
