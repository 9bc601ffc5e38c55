"""Where channels grow: the same network with other widths, so that less zero-padding is dispatched.

Where a block has more channels than its input, the skip path is padded with zero channels, an operation of its own.
If an earlier block already computes those channels, from weights and biases that are zero, they are zero just the
same, and the padding is not needed. ``widths`` here are the channels of the stem and of each block, in order.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sdkgen import network as networks
from sdkgen.spec.model import BlazeFaceNetwork, BlockSpec, LandmarkNetwork, ModelSpec

SLICE = 4
"""Channels that a GPU computes together. Both GPU delegates merge a PAD of the last channels into the ADD that follows
if its input has whole slices (``merge_padding_with_add`` in their sources)."""

Growing = BlazeFaceNetwork | LandmarkNetwork
Widths = tuple[int, ...]


def released_widths(network: Growing) -> Widths:
    """Return the widths as released."""
    return (network.stem_channels, *(block.channels for block in blocks(network)))


def stage_widths(network: Growing) -> Widths:
    """Return widths that grow only where the resolution changes: each block has those of the last of its stage."""
    return tuple(width for stage in _stages(network) for width in (stage[-1],) * len(stage))


def sliced_widths(network: Growing) -> Widths:
    """Return the released widths raised to whole slices, which costs a GPU nothing."""
    return tuple(-(-width // SLICE) * SLICE for width in released_widths(network))


def widened(network: nn.Module, spec: ModelSpec, widths: Widths) -> nn.Module:
    """Return the network with these widths; what it gains are channels of zeros."""
    net = growing(spec)
    if net is None or widths == released_widths(net):
        return network
    each = [b.model_copy(update={"channels": w}) for b, w in zip(blocks(net), widths[1:], strict=True)]
    wide = net.model_copy(update={"stem_channels": widths[0], "blocks": tuple(each)})
    made = networks.build(spec.model_copy(update={"network": wide}))
    state = made.state_dict()
    for name, small in network.state_dict().items():
        state[name] = _zero_padded(small, state[name].shape)
    made.load_state_dict(state)
    return made.eval().requires_grad_(False)


def growing(spec: ModelSpec) -> Growing | None:
    """Return the network's spec if it is of a family whose blocks grow."""
    return spec.network if isinstance(spec.network, (BlazeFaceNetwork, LandmarkNetwork)) else None


def blocks(network: Growing) -> list[BlockSpec]:
    """Return the blocks one by one; of those that a line of the spec repeats, only the first has the stride."""
    return [
        block.model_copy(update={"repeat": 1, "stride": block.stride if index == 0 else 1})
        for block in network.blocks
        for index in range(block.repeat)
    ]


def _stages(network: Growing) -> list[Widths]:
    """Return the released widths, one tuple a resolution; the stem belongs to the first."""
    stages: list[Widths] = [(network.stem_channels,)]
    for block in blocks(network):
        if block.stride == 2:
            stages.append(())
        stages[-1] += (block.channels,)
    return stages


def _zero_padded(small: Tensor, shape: torch.Size) -> Tensor:
    padded = torch.zeros(shape)
    padded[tuple(slice(side) for side in small.shape)] = small
    return padded
