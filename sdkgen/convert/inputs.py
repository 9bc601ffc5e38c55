"""A network that takes bytes: what a camera gives goes in as it is, a quarter of the upload, and is scaled inside."""

from __future__ import annotations

import copy
from typing import cast

from torch import Tensor, nn

from sdkgen.network.layers import parametric_leaves
from sdkgen.spec.model import InputSpec


class ByteInput(nn.Module):
    """A network behind the normalisation of its input: maps values from 0 to 255, of any type, to its outputs.

    With ``fold`` the scale is multiplied into the first convolution, so that only a subtraction is left of the
    normalisation, and none where the range starts at zero. The subtraction cannot be folded: the convolution pads with
    the normalised zero. Without, the weights stay the numbers of float16 that the released ones are, and the constants
    of the normalisation are the only ones that half rounds (1/127.5 and 1/255 by 1.6e-5 of themselves).
    """

    def __init__(self, network: nn.Module, spec: InputSpec, *, fold: bool) -> None:
        super().__init__()
        self.network = copy.deepcopy(network) if fold else network
        self.scale, self.minimum = (1.0, spec.minimum / spec.scale) if fold else (spec.scale, spec.minimum)
        if fold:
            first = cast("nn.Conv2d", next(parametric_leaves(self.network)))
            first.weight.data = first.weight.data * spec.scale
        self.eval().requires_grad_(False)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Map (1, 3, H, W), uint8 or float32, to the network's outputs."""
        x = image.float()
        if self.scale != 1:
            x = x * self.scale
        if self.minimum:
            x = x + self.minimum
        outputs: tuple[Tensor, ...] = self.network(x)
        return outputs
