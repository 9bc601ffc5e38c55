"""The two output layouts: one tensor for everything, or the outputs of the released interface."""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor, nn

from sdkgen.artifact import Layout
from sdkgen.detection.layout import JOINED
from sdkgen.network.layers import anchor_rows
from sdkgen.spec.model import ModelSpec


def output_names(spec: ModelSpec, layout: Layout) -> list[str]:
    """Return the names of the outputs in the order in which a converted network gives them."""
    return [JOINED] if layout == "joined" else [output.name for output in spec.outputs]


def joined(network: nn.Module, spec: ModelSpec) -> nn.Module:
    """Return the network with one output, (1, N, 17) for a detector and (1, 1405) for the landmark model."""
    has_heads = spec.detection is not None and hasattr(network, "box_heads")
    return JoinedHeads(cast(Detector, network)) if has_heads else JoinedOutputs(network)


class Detector(Protocol):
    """What every detection network offers beside its forward pass."""

    score_heads: nn.ModuleList
    box_heads: nn.ModuleList
    numbers: int

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the feature map that each grid's heads look at."""
        ...


class JoinedHeads(nn.Module):
    """A detector whose box and score heads are one convolution a grid, and whose grids are one tensor.

    Maps (1, 3, H, W) to (1, N, 17): an anchor's 16 box numbers, then its logit, in the order of the anchors. A GPU
    spends about as long on reading an output back as on a third of the network, so one output is what counts there.
    """

    def __init__(self, network: Detector) -> None:
        super().__init__()
        self.network = network
        self.numbers = network.numbers + 1
        pairs = zip(network.box_heads.children(), network.score_heads.children(), strict=True)
        self.heads = nn.ModuleList(_merge(cast(nn.Conv2d, box), cast(nn.Conv2d, score)) for box, score in pairs)
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Return the one output; see the class."""
        return (anchor_rows(self.heads, self.network.features(x), self.numbers),)


class JoinedOutputs(nn.Module):
    """A network whose outputs (…, n), (…, m), … are one tensor (…, n + m + …)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Return the one output; see the class."""
        return (torch.cat(self.network(x), -1),)


def _merge(box: nn.Conv2d, score: nn.Conv2d) -> nn.Conv2d:
    """Return one convolution whose channels are, anchor by anchor, those of ``box`` and then that of ``score``."""
    anchors = score.out_channels
    merged = nn.Conv2d(box.in_channels, box.out_channels + score.out_channels, 1)
    state = merged.state_dict()
    for name in state:
        parts = [head.state_dict()[name] for head in (box, score)]
        rows = [part.reshape(anchors, -1, *part.shape[1:]) for part in parts]
        state[name] = torch.cat(rows, 1).reshape(state[name].shape)
    merged.load_state_dict(state)
    return merged
