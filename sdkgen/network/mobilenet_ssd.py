"""The paper's baseline: MobileNetV2 as an SSD with BlazeFace's anchors and outputs.

The network ends where the anchors end, at 8 × 8. A grid's heads look at the widened features (the expansion) of the
block that leaves the grid's resolution, as SSD detectors on MobileNetV2 customarily do.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from sdkgen.network.layers import SameConv2d, anchor_rows, depthwise, parametric_leaves, pointwise
from sdkgen.spec.model import BOX_NUMBERS, DetectionSpec, MobileNetSsdNetwork


class InvertedResidual(nn.Module):
    """MobileNetV2's block: widen, filter each channel, project; at stride 1 and equal width the input is added."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.width = inputs * expansion
        self.stride = stride
        self.expand = _activated(pointwise(inputs, self.width)) if expansion > 1 else nn.Identity()
        self.filter = _activated(depthwise(self.width, kernel, stride))
        self.project = pointwise(self.width, outputs)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (1, inputs, H, W) to (1, outputs, H / stride, W / stride), and give the widened features beside it."""
        wide = self.expand(x)
        y = self.project(self.filter(wide))
        return (x + y if self.residual else y), wide


class MobileNetSsd(nn.Module):
    """The detector: (1, 3, H, W) in the model's input range to boxes (1, N, 16) and score logits (1, N, 1)."""

    def __init__(self, network: MobileNetSsdNetwork, detection: DetectionSpec) -> None:
        super().__init__()
        self.strides = tuple(grid.stride for grid in detection.grids)
        self.stem = _activated(SameConv2d(3, network.stem_channels, network.stem_kernel, 2))
        self.blocks = nn.ModuleList()
        widths: dict[int, int] = {}
        channels, at = network.stem_channels, 2
        for stage in network.stages:
            for index in range(stage.repeat):
                stride = stage.stride if index == 0 else 1
                block = InvertedResidual(channels, stage.channels, stage.expansion, network.kernel, stride)
                if stride == 2:
                    widths[at] = block.width
                    at *= 2
                channels = stage.channels
                self.blocks.append(block)
        widths[at] = channels * network.last_expansion
        self.last = _activated(pointwise(channels, widths[at]))
        self.numbers = BOX_NUMBERS + 2 * len(detection.keypoints)
        pairs = [(widths[grid.stride], grid.per_cell) for grid in detection.grids]
        self.box_heads = nn.ModuleList(pointwise(width, anchors * self.numbers) for width, anchors in pairs)
        self.score_heads = nn.ModuleList(pointwise(width, anchors) for width, anchors in pairs)

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the feature map that each grid's heads look at, (1, channels, H / stride, W / stride)."""
        x = self.stem(x)
        at, maps = 2, {}
        for block in self.blocks:
            x, wide = block(x)
            if block.stride == 2:
                maps[at] = wide
                at *= 2
        maps[at] = self.last(x)
        return [maps[stride] for stride in self.strides]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return boxes (1, N, 16) and score logits (1, N, 1), N anchors grid by grid, row by row."""
        features = self.features(x)
        return anchor_rows(self.box_heads, features, self.numbers), anchor_rows(self.score_heads, features, 1)

    def released_order(self) -> Iterator[nn.Module]:
        """Yield the parametric layers in the order in which this project's own .tflite of the network holds them."""
        return parametric_leaves(self)


def _activated(convolution: nn.Module) -> nn.Sequential:
    return nn.Sequential(convolution, nn.ReLU6())
