"""Whether half can hold the numbers of a network: asked before any of them is stored in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sdkgen.errors import ConvertError

if TYPE_CHECKING:
    from torch import nn

BIAS_LOSS = 0.01
"""The share of its range, zero included, that a bias or an alpha may lose by being rounded to half.

Half keeps eleven bits, so that ordinary numbers lose 1/4096 at most. More is lost where all numbers of a layer are
below half's smallest normal number, 6e-5: below 3e-6 it is one per cent, and below 3e-8 nothing is left.
"""


def check_half(network: nn.Module, source: str) -> None:
    """Raise ``ConvertError`` that names the first layer, and the value, that half cannot hold.

    That is a number beyond 65,504, or a bias or PReLU alpha that loses more than ``BIAS_LOSS`` of its range. Kernels
    may lose small numbers: what that does to the outputs is seen when the artifact is run.
    """
    for name, parameter in network.named_parameters():
        values = parameter.detach().numpy()
        with np.errstate(over="ignore"):
            half = values.astype(np.float16).astype(np.float32)
        if not np.isfinite(half).all():
            largest = values.flat[np.abs(values).argmax()]
            raise _error(f"{name} holds {largest:g}, and half ends at 65,504", source)
        loss, spread = np.abs(half - values), values.max(initial=0.0) - values.min(initial=0.0)
        if values.ndim == 1 and loss.max() > BIAS_LOSS * spread:
            worst = loss.argmax()
            share = f"{loss[worst] / spread:.0%} of the layer's range ({BIAS_LOSS:.0%} is allowed)"
            raise _error(f"{name} holds {values[worst]:g}, and half makes it {half[worst]:g}: it loses {share}", source)


def _error(message: str, source: str) -> ConvertError:
    return ConvertError(
        message,
        context=source,
        hint="Store the weights as they are: --precision fp32.",
        reference="beyond-half",
    )
