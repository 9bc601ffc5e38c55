"""The two output layouts: the standard pair, or one merged head a grid."""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor, nn

from sdkgen.artifact import Layout
from sdkgen.spec.model import ModelSpec


def output_names(spec: ModelSpec, layout: Layout) -> list[str]:
    """Return the names of the outputs in the order in which a converted network gives them."""
    if layout == "merged":
        return [f"head_{index}" for index in range(len(spec.detector.grids))]
    return [output.name for output in spec.outputs]


class Detector(Protocol):
    """What every detection network offers beside its forward pass."""

    score_heads: nn.ModuleList
    box_heads: nn.ModuleList

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the feature map that each grid's heads look at."""
        ...


class MergedHeads(nn.Module):
    """A detector whose box and score heads are one convolution a grid, so that a phone dispatches fewer kernels.

    Maps (1, 3, H, W) to one (1, rows, columns, per_cell × 17) a grid: each anchor's 16 box numbers, then its logit.
    """

    def __init__(self, network: Detector) -> None:
        super().__init__()
        self.network = network
        pairs = zip(network.box_heads.children(), network.score_heads.children(), strict=True)
        self.heads = nn.ModuleList(_merge(cast(nn.Conv2d, box), cast(nn.Conv2d, score)) for box, score in pairs)
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return one tensor a grid; see the class."""
        features = self.network.features(x)
        return tuple(head(f).permute(0, 2, 3, 1) for head, f in zip(self.heads, features, strict=True))


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
