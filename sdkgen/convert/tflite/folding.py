"""Blocks as dense convolutions: more multiplications in fewer kernels, for GPUs on which dispatching is what costs.

A block y = act(skip(x) + P·D(x)), where P is pointwise, D depthwise and skip adds channels of zeros at most, is linear
up to its activation. So it is one dense k × k convolution with the kernel P[o, i] · D[i, k], plus one at the centre
where o = i, and the bias P·bias(D) + bias(P). The padding is the same: what D pads with zeros, the dense one does.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from sdkgen.convert.tflite import padding
from sdkgen.network.layers import BlazeBlock, SameConv2d
from sdkgen.spec.model import ModelSpec

SIDES = (8, 16, 32, 64)
"""Sides of feature maps up to which blocks can be folded, by choice."""


def foldable_sides(spec: ModelSpec) -> set[int]:
    """Return the sides of the maps on which the network has blocks that can be folded."""
    net = padding.growing(spec)
    sides: set[int] = set()
    side = spec.input.width // 2
    for block in padding.blocks(net) if net else []:
        side //= block.stride
        if block.stride == 1 and block.residual and not block.bottleneck:
            sides.add(side)
    return sides


def fold_blocks(network: nn.Module, spec: ModelSpec, side: int) -> nn.Module:
    """Return the network with every foldable block on a map of ``side`` or less as one convolution.

    Foldable are single blocks at stride 1 with a skip path. Double blocks have an activation in the middle and stay.
    """
    folded = copy.deepcopy(network)
    sides = _sides(folded, spec)
    for parent in list(folded.modules()):
        for name, child in parent.named_children():
            if isinstance(child, BlazeBlock) and _is_foldable(child) and sides[child] <= side:
                setattr(parent, name, nn.Sequential(_dense(child), child.activation))
    return folded.eval().requires_grad_(False)


def _sides(network: nn.Module, spec: ModelSpec) -> dict[nn.Module, int]:
    """Return the side of the map that each block gives, as a run shows it."""
    sides: dict[nn.Module, int] = {}

    def note(module: nn.Module, _inputs: object, output: Tensor) -> None:
        sides[module] = max(output.shape[2:])

    hooks = [m.register_forward_hook(note) for m in network.modules() if isinstance(m, BlazeBlock)]
    with torch.inference_mode():
        network(torch.zeros(1, 3, spec.input.height, spec.input.width))
    for hook in hooks:
        hook.remove()
    return sides


def _is_foldable(block: BlazeBlock) -> bool:
    return block.residual and not block.bottleneck and block.depthwise.stride == (1, 1)


def _dense(block: BlazeBlock) -> SameConv2d:
    """Return the block's skip path and convolutions, without its activation, as one convolution."""
    point = block.pointwise.weight[:, :, 0, 0].double()
    depth = block.depthwise.weight[:, 0].double()
    outputs, inputs = point.shape
    kernel = point[:, :, None, None] * depth[None]
    centre = depth.shape[-1] // 2
    channels = torch.arange(min(inputs, outputs))
    kernel[channels, channels, centre, centre] += 1
    dense = SameConv2d(inputs, outputs, depth.shape[-1])
    first, second = cast("Tensor", block.depthwise.bias), cast("Tensor", block.pointwise.bias)
    bias = point @ first.double() + second.double()
    dense.load_state_dict({"weight": kernel.float(), "bias": bias.float()})
    return dense
