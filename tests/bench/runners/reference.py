"""Make the fixed model that the runner times in every session: ``python -m tests.bench.runners.reference``.

It must never change: what is compared from run to run is how long it takes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sdkgen import resources
from sdkgen.bench.runners.programs import REFERENCE
from sdkgen.tflite import flatbuffer
from tests.convert.tiny import Tiny

LAYERS, SIZE, CHANNELS = 4, 32, 16
"""9.4 million multiplications: about a third of blazeface-front's."""


def make(layers: int = LAYERS) -> bytes:
    """Return 3 × 3 convolutions with ReLU on (1, 32, 32, 16), which share one set of weights."""
    tiny = Tiny()
    shape = (1, SIZE, SIZE, CHANNELS)
    # Exact in half precision, of either sign, and so small that nothing grows from layer to layer.
    pattern = (np.arange(CHANNELS * 9 * CHANNELS) * 7919 % 31 - 15) / 1024
    weights = tiny.constant(pattern.astype(np.float32).reshape(CHANNELS, 3, 3, CHANNELS))
    bias = tiny.constant(np.full(CHANNELS, 1 / 64, np.float32))
    tensors = [tiny.tensor(shape, name=f"t{index}") for index in range(layers + 1)]
    for index in range(layers):
        tiny.operation(
            "CONV_2D",
            [tensors[index], weights, bias],
            [tensors[index + 1]],
            strideW=1,
            strideH=1,
            dilationWFactor=1,
            dilationHFactor=1,
            fusedActivationFunction=tiny.schema.ActivationFunctionType.RELU,
        )
    model = tiny.between([tensors[0]], [tensors[-1]])
    model.operatorCodes = model.operatorCodes[:1]
    for operator in tiny.graph.operators:
        operator.opcodeIndex = 0
    return flatbuffer.write(model)


def path() -> Path:
    """Return where it lies."""
    return Path(resources.path("devices")) / "runner" / REFERENCE


if __name__ == "__main__":
    path().write_bytes(make())
