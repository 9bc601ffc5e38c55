"""BlazeFace as released: front, back, and the full-range model with its top-down path."""

from __future__ import annotations

from collections.abc import Iterator

import torch.nn.functional as F  # noqa: N812  (torch's own customary name)
from torch import Tensor, nn

from sdkgen.network.layers import BlazeBlock, SameConv2d, anchor_rows, block_stages, parametric_leaves, pointwise
from sdkgen.spec.model import BOX_NUMBERS, BlazeFaceNetwork, BlockSpec, DetectionSpec, LevelSpec


class TopDownLevel(nn.Module):
    """One step back up: coarse features, upsampled, plus lateral ones, then double blocks."""

    def __init__(self, coarse: int, lateral: int, level: LevelSpec, kernel: int) -> None:
        super().__init__()
        self.reduce = pointwise(coarse, level.channels)
        self.lateral = pointwise(lateral, level.channels)
        block = BlockSpec(channels=level.channels, bottleneck=level.bottleneck)
        self.blocks = nn.Sequential(*(BlazeBlock(level.channels, block, kernel, 1) for _ in range(level.repeat)))

    def forward(self, coarse: Tensor, lateral: Tensor) -> Tensor:
        """Map (1, coarse, H, W) and (1, lateral, 2H, 2W) to (1, channels, 2H, 2W)."""
        size = (lateral.shape[2], lateral.shape[3])
        up = F.interpolate(F.relu(self.reduce(coarse)), size=size, mode="bilinear", align_corners=False)
        y: Tensor = self.blocks(F.relu(self.lateral(lateral)) + up)
        return y


class BlazeFace(nn.Module):
    """The detector: (1, 3, H, W) in the model's input range to boxes (1, N, 16) and score logits (1, N, 1)."""

    def __init__(self, network: BlazeFaceNetwork, detection: DetectionSpec) -> None:
        super().__init__()
        self.strides = tuple(grid.stride for grid in detection.grids)
        self.stem = nn.Sequential(SameConv2d(3, network.stem_channels, network.stem_kernel, 2), nn.ReLU())
        self.stages, channels = block_stages(network.stem_channels, network.blocks, network.kernel)
        self.top_down = nn.ModuleList()
        taps = {2 << index: width for index, width in enumerate(channels)}
        coarse = channels[-1]
        for level, lateral in zip(network.top_down, channels[-2::-1], strict=False):
            self.top_down.append(TopDownLevel(coarse, lateral, level, network.kernel))
            coarse = level.channels
            taps[self.strides[0]] = coarse
        self.numbers = BOX_NUMBERS + 2 * len(detection.keypoints)
        widths = [taps[grid.stride] for grid in detection.grids]
        per_cell = [grid.per_cell for grid in detection.grids]
        self.score_heads = nn.ModuleList(pointwise(w, n) for w, n in zip(widths, per_cell, strict=True))
        self.box_heads = nn.ModuleList(pointwise(w, n * self.numbers) for w, n in zip(widths, per_cell, strict=True))

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the feature map that each grid's heads look at, (1, channels, H / stride, W / stride)."""
        x = self.stem(x)
        maps: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        for level, lateral in zip(self.top_down, maps[-2::-1], strict=False):
            x = level(x, lateral)
        if self.top_down:
            return [x]
        return [maps[stride.bit_length() - 2] for stride in self.strides]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return boxes (1, N, 16) and score logits (1, N, 1), N anchors grid by grid, row by row."""
        features = self.features(x)
        return anchor_rows(self.box_heads, features, self.numbers), anchor_rows(self.score_heads, features, 1)

    def released_order(self) -> Iterator[nn.Module]:
        """Yield the parametric layers in the order of the released graph's operations."""
        return parametric_leaves(self)
