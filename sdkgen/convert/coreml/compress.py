"""Weight compression: fewer bits a weight in the file, the same arithmetic at run time."""

from __future__ import annotations

from typing import Any

from sdkgen.convert.coreml.tools import coremltools
from sdkgen.errors import UsageError

BITS = (8, 6)
_SMALLEST = 512
"""Constants of fewer elements stay as they are: a table would take as much as it saves."""


def compressed(model: Any, bits: int) -> Any:
    """Return a coremltools ``MLModel`` with its weights in 8 bits (linear, one scale a channel) or 6 (a table of 64).

    Raises ``UsageError`` for another number of bits.
    """
    if bits not in BITS:
        raise UsageError(
            f"weights cannot be stored in {bits} bits", hint="Choose 8 or 6.", reference="bad-weights-bits"
        )
    coremltools()
    from coremltools.optimize import coreml as optimize

    if bits == 8:
        linear = optimize.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=_SMALLEST)
        return optimize.linear_quantize_weights(model, optimize.OptimizationConfig(global_config=linear))
    table = optimize.OpPalettizerConfig(mode="kmeans", nbits=bits, weight_threshold=_SMALLEST)
    return optimize.palettize_weights(model, optimize.OptimizationConfig(global_config=table))
