"""Networks that compute the same function in another shape, so that a phone dispatches fewer or cheaper kernels.

A variant is a choice of the converter with a name; which is the default is decided by measurement (docs/graphs.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import cast

import torch
from torch import Tensor, nn

from sdkgen import network as networks
from sdkgen.artifact import Layout
from sdkgen.convert.heads import Detector, MergedHeads
from sdkgen.errors import UsageError, nearest
from sdkgen.spec.model import BOX_NUMBERS, BlazeFaceNetwork, BlockSpec, LandmarkNetwork, ModelSpec

Variant = Callable[[nn.Module, ModelSpec, Layout], nn.Module]
"""Takes a network and gives a module with the outputs of the layout, in order."""

DEFAULT = "block-padding"


def plain(network: nn.Module, _spec: ModelSpec, layout: Layout) -> nn.Module:
    """Pad channels where each block does, as the released graphs do."""
    return MergedHeads(cast(Detector, network)) if layout == "merged" else network


def stage_padding(network: nn.Module, spec: ModelSpec, layout: Layout) -> nn.Module:
    """Pad channels once a stage: blocks of one resolution all have the channels of its last one.

    The added channels are zero throughout, since their weights and biases are. One PAD a stage is left, at most, for
    some more multiplications.
    """
    return plain(_widened(network, spec), spec, layout)


def joint_heads(network: nn.Module, spec: ModelSpec, layout: Layout) -> nn.Module:
    """Compute boxes and scores of a grid in one convolution, and part them at the very end."""
    if spec.detection is None or layout == "merged":
        return plain(network, spec, layout)
    numbers = BOX_NUMBERS + 2 * len(spec.detection.keypoints)
    return JointHeads(MergedHeads(cast(Detector, network)), numbers + 1)


def stage_padding_joint_heads(network: nn.Module, spec: ModelSpec, layout: Layout) -> nn.Module:
    """Both of the above."""
    return joint_heads(_widened(network, spec), spec, layout)


VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        DEFAULT: plain,
        "stage-padding": stage_padding,
        "joint-heads": joint_heads,
        "stage-padding-joint-heads": stage_padding_joint_heads,
    }
)


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


def _widened(network: nn.Module, spec: ModelSpec) -> nn.Module:
    """Return the network with the channels of all blocks of a stage raised to those of its last block."""
    if not isinstance(spec.network, (BlazeFaceNetwork, LandmarkNetwork)):
        return network
    stages: list[list[BlockSpec]] = [[]]
    for block in spec.network.blocks:
        if block.stride == 2:
            stages.append([])
        stages[-1].append(block)
    blocks = [b.model_copy(update={"channels": stage[-1].channels}) for stage in stages for b in stage]
    stem = stages[0][-1].channels if stages[0] else spec.network.stem_channels
    wide = spec.network.model_copy(update={"blocks": tuple(blocks), "stem_channels": stem})
    made = networks.build(spec.model_copy(update={"network": wide}))
    state = made.state_dict()
    for name, small in network.state_dict().items():
        state[name] = _zero_padded(small, state[name].shape)
    made.load_state_dict(state)
    return made.eval().requires_grad_(False)


def _zero_padded(small: Tensor, shape: torch.Size) -> Tensor:
    padded = torch.zeros(shape)
    padded[tuple(slice(side) for side in small.shape)] = small
    return padded
