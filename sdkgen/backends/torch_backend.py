"""The network itself in torch, float32: what every artifact is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sdkgen.detection.types import Array, RawOutputs
from sdkgen.spec.model import ModelSpec

if TYPE_CHECKING:
    from torch import nn


class TorchBackend:
    """Runs a torch module; outputs are in the standard layout."""

    name = "torch"

    def __init__(self, network: nn.Module, spec: ModelSpec) -> None:
        self._network = network
        self._outputs = [output.name for output in spec.outputs]

    def run(self, image: Array) -> RawOutputs:
        """Return the outputs for one input; see ``Backend.run``."""
        import torch

        with torch.inference_mode():
            results = self._network(torch.from_numpy(np.ascontiguousarray(image.transpose(0, 3, 1, 2))))
        return {name: result.numpy() for name, result in zip(self._outputs, results, strict=True)}

    def close(self) -> None:
        """Do nothing: torch holds no resources outside Python."""
