"""The building blocks of the BlazeFace family, with TensorFlow's padding.

TensorFlow's SAME padding at stride 2 pads an even-sized input on the right and at the bottom only; torch's own
``padding`` is symmetric. A convolution here pads as TensorFlow does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F  # noqa: N812  (torch's own customary name)
from torch import Tensor, nn

from sdkgen.spec.model import BlockSpec


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding, for inputs whose sides are multiples of the stride."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        total = max(kernel - stride, 0)
        before = total // 2
        self.same = (before, total - before)
        symmetric = self.same[0] == self.same[1]
        super().__init__(inputs, outputs, kernel, stride, padding=before if symmetric else 0, groups=groups)
        self.pads = (0, 0) if symmetric else self.same

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, inputs, H, W) to (1, outputs, H / stride, W / stride)."""
        if any(self.pads):
            x = F.pad(x, (*self.pads, *self.pads))
        return super().forward(x)


def pointwise(inputs: int, outputs: int) -> SameConv2d:
    """Return a 1 × 1 convolution."""
    return SameConv2d(inputs, outputs, 1)


def depthwise(channels: int, kernel: int, stride: int = 1) -> SameConv2d:
    """Return a convolution that keeps every channel to itself."""
    return SameConv2d(channels, channels, kernel, stride, groups=channels)


class BlazeBlock(nn.Module):
    """A BlazeBlock (paper, section 3.1): a depthwise then a pointwise convolution, and the input added to the result.

    With a ``bottleneck`` it is the double block: depthwise, project, activate, depthwise, expand. At stride 2 the
    skip path is max-pooled; where channels grow, it is padded with zero channels.
    """

    def __init__(self, inputs: int, block: BlockSpec, kernel: int, stride: int, *, prelu: bool = False) -> None:
        super().__init__()
        narrow = block.bottleneck
        self.depthwise = depthwise(inputs, kernel, stride)
        self.pointwise = pointwise(inputs, narrow or block.channels)
        if narrow:
            self.middle = nn.ReLU()
            self.second_depthwise = depthwise(narrow, kernel)
            self.second_pointwise = pointwise(narrow, block.channels)
        self.bottleneck = narrow
        self.pool = nn.MaxPool2d(2) if stride == 2 and block.residual else None
        self.growth = block.channels - inputs
        self.residual = block.residual
        self.activation = nn.PReLU(block.channels) if prelu else nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, inputs, H, W) to (1, channels, H / stride, W / stride)."""
        y = self.pointwise(self.depthwise(x))
        if self.bottleneck:
            y = self.second_pointwise(self.second_depthwise(self.middle(y)))
        if self.residual:
            y = self.skip(x) + y
        result: Tensor = self.activation(y)
        return result

    def skip(self, x: Tensor) -> Tensor:
        """Return the input, brought to the shape of the block's output."""
        if self.pool is not None:
            x = self.pool(x)
        if self.growth:
            x = F.pad(x, (0, 0, 0, 0, 0, self.growth))
        return x


def block_stages(
    inputs: int, blocks: tuple[BlockSpec, ...], kernel: int, *, prelu: bool = False
) -> tuple[nn.ModuleList, list[int]]:
    """Return the blocks grouped into stages of one resolution, and each stage's channels.

    The first stage has the resolution of the input (it is empty where the first block already halves it).
    """
    stages: list[list[nn.Module]] = [[]]
    channels = [inputs]
    for block in blocks:
        for index in range(block.repeat):
            stride = block.stride if index == 0 else 1
            if stride == 2:
                stages.append([])
                channels.append(channels[-1])
            stages[-1].append(BlazeBlock(channels[-1], block, kernel, stride, prelu=prelu))
            channels[-1] = block.channels
    return nn.ModuleList(nn.Sequential(*stage) for stage in stages), channels


def anchor_rows(heads: nn.ModuleList, features: Sequence[Tensor], numbers: int) -> Tensor:
    """Apply one head a feature map and return one row an anchor, (1, N, numbers), grid by grid, row by row."""
    maps = (head(feature) for head, feature in zip(heads, features, strict=True))
    rows = [x.permute(0, 2, 3, 1).reshape(1, -1, numbers) for x in maps]
    return torch.cat(rows, 1) if len(rows) > 1 else rows[0]


def parametric_leaves(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the convolutions and PReLUs below ``module`` in the order in which they were registered."""
    return (leaf for leaf in module.modules() if isinstance(leaf, (nn.Conv2d, nn.PReLU)))


def seeded(module: nn.Module, seed: int) -> nn.Module:
    """Give ``module`` weights that depend on ``seed`` alone: He-normal kernels, zero biases.

    What a BlazeBlock adds to its input comes at half strength. At full strength activations grow from block to block,
    and the outputs of a deep network are numbers in the thousands, of which float16 keeps no decimals.
    """
    generator = torch.Generator().manual_seed(seed)
    for leaf in parametric_leaves(module):
        if isinstance(leaf, nn.Conv2d):
            nn.init.kaiming_normal_(leaf.weight, generator=generator)
            if leaf.bias is not None:
                nn.init.zeros_(leaf.bias)
    for block in module.modules():
        if isinstance(block, BlazeBlock) and block.residual:
            last = block.second_pointwise if block.bottleneck else block.pointwise
            last.weight.data *= 0.5
    return module
