"""The face landmark model as released: a PReLU BlazeFace backbone with one branch an output."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from torch import Tensor, nn

from sdkgen.network.layers import BlazeBlock, SameConv2d, block_stages, parametric_leaves, pointwise
from sdkgen.spec.model import BlockSpec, LandmarkNetwork


class Branch(nn.Sequential):
    """From the backbone's last features to one output: blocks, a narrow block, and a convolution over what is left."""

    def __init__(self, blocks: list[nn.Module], channels: int, narrow: int, side: int, outputs: int) -> None:
        super().__init__(
            *blocks,
            pointwise(channels, narrow),
            nn.PReLU(narrow),
            BlazeBlock(narrow, BlockSpec(channels=narrow), 3, 1, prelu=True),
            nn.Conv2d(narrow, outputs, side, stride=side),
        )


class FaceLandmark(nn.Module):
    """Maps a face crop (1, 3, H, W) in [0, 1] to landmarks (1, 3 × points) and a presence logit (1, 1)."""

    def __init__(self, network: LandmarkNetwork, points: int, side: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            SameConv2d(3, network.stem_channels, network.stem_kernel, 2), nn.PReLU(network.stem_channels)
        )
        stages, channels = block_stages(network.stem_channels, network.blocks, network.kernel, prelu=True)
        # The two branches part after the last stage but one. The landmarks' branch goes through the whole last stage,
        # of which all blocks but the last were drawn as the trunk in the released graph; presence has its own first.
        *trunk, last = stages.children()
        self.trunk = nn.Sequential(*trunk)
        *early, late = last.children()
        self.early = nn.Sequential(*early)
        width, narrow = channels[-1], network.branch_channels
        side = side >> len(channels)
        first = BlazeBlock(channels[-2], network.blocks[-1], network.kernel, 2, prelu=True)
        self.presence = Branch([first], width, narrow, side, 1)
        self.landmarks = Branch([late], width, narrow, side, 3 * points)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return landmarks (1, 3 × points) in input pixels and the presence logit (1, 1)."""
        x = self.trunk(self.stem(x))
        return self.landmarks(self.early(x)).flatten(1), self.presence(x).flatten(1)

    def released_order(self) -> Iterator[nn.Module]:
        """Yield the parametric layers in the order of the released graph, which takes the branches in turn."""
        branches = zip(parametric_leaves(self.presence), parametric_leaves(self.landmarks), strict=True)
        trunk = (parametric_leaves(part) for part in (self.stem, self.trunk, self.early))
        return chain(*trunk, chain.from_iterable(branches))
