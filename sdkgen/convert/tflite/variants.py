"""Networks that compute the same function in another shape, so that a phone dispatches fewer or cheaper kernels.

A variant is a choice of the converter with a name; which is the default is decided by measurement (docs/graphs.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import cast

import torch
from torch import Tensor, nn

from sdkgen.artifact import Layout
from sdkgen.convert.heads import Detector, MergedHeads
from sdkgen.convert.tflite import padding
from sdkgen.errors import UsageError, nearest
from sdkgen.spec.model import BOX_NUMBERS, ModelSpec

Variant = Callable[[nn.Module, ModelSpec, Layout], nn.Module]
"""Takes a network and gives a module with the outputs of the layout, in order."""


def plain(network: nn.Module, _spec: ModelSpec, layout: Layout) -> nn.Module:
    """Pad channels where each block does, as the released graphs do."""
    return MergedHeads(cast(Detector, network)) if layout == "merged" else network


def sliced_padding(network: nn.Module, spec: ModelSpec, layout: Layout) -> nn.Module:
    """Pad likewise, between channels in whole slices of four, so that GPU delegates merge every PAD into an ADD."""
    return plain(_widened(network, spec, padding.sliced_widths), spec, layout)


def stage_padding(network: nn.Module, spec: ModelSpec, layout: Layout) -> nn.Module:
    """Pad channels only where the resolution changes: fewest kernels, for a fifth more multiplications in front."""
    return plain(_widened(network, spec, padding.stage_widths), spec, layout)


def sliced_joint(network: nn.Module, spec: ModelSpec, layout: Layout) -> nn.Module:
    """Pad in slices, and compute boxes and scores of a grid in one convolution, to part them at the very end."""
    return _joint(_widened(network, spec, padding.sliced_widths), spec, layout)


def stage_joint(network: nn.Module, spec: ModelSpec, layout: Layout) -> nn.Module:
    """Pad once a stage, and compute boxes and scores of a grid in one convolution."""
    return _joint(_widened(network, spec, padding.stage_widths), spec, layout)


def _joint(network: nn.Module, spec: ModelSpec, layout: Layout) -> nn.Module:
    if spec.detection is None or layout == "merged":
        return plain(network, spec, layout)
    numbers = BOX_NUMBERS + 2 * len(spec.detection.keypoints)
    return JointHeads(MergedHeads(cast(Detector, network)), numbers + 1)


def _widened(network: nn.Module, spec: ModelSpec, widths: Callable[[padding.Growing], padding.Widths]) -> nn.Module:
    net = padding.growing(spec)
    return padding.widened(network, spec, widths(net)) if net else network


VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        "block-padding": plain,
        "sliced-padding": sliced_padding,
        "stage-padding": stage_padding,
        "sliced-joint": sliced_joint,
        "stage-joint": stage_joint,
    }
)
DEFAULT = "sliced-padding"


def variant(name: str | None) -> Variant:
    """Return the variant of that name, or the default.

    Raises ``UsageError`` for an unknown name.
    """
    try:
        return VARIANTS[name or DEFAULT]
    except KeyError:
        hint = nearest(str(name), VARIANTS)
        raise UsageError(f"unknown graph variant {name!r}", hint=hint, reference="unknown-variant") from None


class JointHeads(nn.Module):
    """Maps (1, 3, H, W) to boxes (1, N, numbers) and score logits (1, N, 1) through merged heads."""

    def __init__(self, merged: MergedHeads, anchor_numbers: int) -> None:
        super().__init__()
        self.merged = merged
        self.anchor_numbers = anchor_numbers

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return boxes and scores."""
        rows = [head.reshape(1, -1, self.anchor_numbers) for head in self.merged(x)]
        joined = torch.cat(rows, 1) if len(rows) > 1 else rows[0]
        return joined[..., :-1], joined[..., -1:]
