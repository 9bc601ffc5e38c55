"""Where channels grow: the same network with fewer zero-padding operations, for some more multiplications.

Where a block has more channels than its input, the skip path is padded with zero channels, an operation of its own.
If an earlier block already computes those channels, from weights and biases that are zero, they are zero just the
same, and the padding is not needed. ``widths`` here are the channels of the stem and of each block, in order.
"""

from __future__ import annotations

from itertools import pairwise, product

import torch
from torch import Tensor, nn

from sdkgen import network as networks
from sdkgen.spec.model import BlazeFaceNetwork, BlockSpec, LandmarkNetwork, ModelSpec

TILE = 16
"""Output channels that a convolution kernel computes together (a register of AVX-512; NEON and GPUs: 4 to 16)."""

MULTIPLICATIONS_A_PADDED_ELEMENT = 24
"""What padding costs on a CPU: writing one element of a padded map takes as long as so many multiplications."""

MULTIPLICATIONS_A_PADDING = 500_000
"""What one more kernel costs on a GPU, some microseconds, however small it is."""

Growing = BlazeFaceNetwork | LandmarkNetwork
Widths = tuple[int, ...]


def released_widths(network: Growing) -> Widths:
    """Return the widths as released."""
    return (network.stem_channels, *(block.channels for block in blocks(network)))


def stage_widths(network: Growing) -> Widths:
    """Return widths that grow only where the resolution changes: each block has those of the last of its stage."""
    return tuple(width for stage in _stages(network) for width in (stage[-1],) * len(stage))


def lean_widths(network: Growing, side: int) -> Widths:
    """Return the widths that cost least, by ``cost``, for a square input of ``side`` pixels.

    Each stage keeps its own, has them raised to whole tiles, or all raised to its last, in whole tiles or not.
    """
    choices = [
        dict.fromkeys((stage, tuple(map(_whole_tiles, stage)), *((last,) * len(stage) for last in lasts)))
        for stage, lasts in ((stage, (stage[-1], _whole_tiles(stage[-1]))) for stage in _stages(network))
    ]
    candidates = [tuple(width for stage in choice for width in stage) for choice in product(*choices)]
    return min(candidates, key=lambda widths: cost(network, widths, side))


def cost(network: Growing, widths: Widths, side: int) -> int:
    """Return the multiplications of stem and blocks, in whole tiles, and what the paddings cost, in multiplications."""
    side //= 2
    total = side**2 * network.stem_kernel**2 * 3 * _whole_tiles(widths[0])
    taps = network.kernel**2
    for block, (inputs, outputs) in zip(blocks(network), pairwise(widths), strict=True):
        side //= block.stride
        each = taps * _whole_tiles(inputs)
        if block.bottleneck is not None:
            each += (inputs + taps) * _whole_tiles(block.bottleneck)
        each += (block.bottleneck or inputs) * _whole_tiles(outputs)
        if block.residual and outputs > inputs:
            each += MULTIPLICATIONS_A_PADDED_ELEMENT * outputs
            total += MULTIPLICATIONS_A_PADDING
        total += side**2 * each
    return total


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


def _whole_tiles(width: int) -> int:
    return -(-width // TILE) * TILE


def _zero_padded(small: Tensor, shape: torch.Size) -> Tensor:
    padded = torch.zeros(shape)
    padded[tuple(slice(side) for side in small.shape)] = small
    return padded
