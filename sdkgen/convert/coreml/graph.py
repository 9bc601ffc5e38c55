"""The torch module that Core ML's converter traces: a network with its input and outputs as an app wants them."""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from sdkgen.artifact import Layout
from sdkgen.convert.heads import joined
from sdkgen.errors import ConvertError
from sdkgen.network.layers import parametric_leaves
from sdkgen.spec.model import InputSpec, ModelSpec

_CLOSE = 1e-4


class ByteInput(nn.Module):
    """A network behind the normalisation of its input: maps values from 0 to 255 to its outputs.

    With ``fold`` the scale is folded into the first convolution, so that only an addition is left of the normalisation,
    and none where the range starts at zero. The addition stays: the convolution pads with the normalised zero. Without,
    as for a graph that does not begin with a convolution, the image is scaled.
    """

    def __init__(self, network: nn.Module, spec: InputSpec, *, fold: bool) -> None:
        super().__init__()
        self.network = copy.deepcopy(network)
        self.scale = 1.0 if fold else spec.scale
        if fold:
            first = cast("nn.Conv2d", next(parametric_leaves(self.network)))
            first.weight.data = first.weight.data * spec.scale
        self.zero = spec.minimum / spec.scale

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Map (1, 3, H, W) to the network's outputs."""
        image = image + self.zero if self.zero else image
        outputs: tuple[Tensor, ...] = self.network(image if self.scale == 1.0 else image * self.scale)
        return outputs


class StandardOutputs(nn.Module):
    """A network with one output whose last axis is cut into parts of these ``widths``.

    The standard outputs are cut from the joined one: that takes fewer operations than a pair of heads a grid.
    """

    def __init__(self, network: nn.Module, widths: list[int]) -> None:
        super().__init__()
        self.network = network
        self.widths = widths

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the parts in order."""
        (output,) = self.network(x)
        return torch.split(output, self.widths, -1)


def export_graph(network: nn.Module, spec: ModelSpec, *, layout: Layout, image_input: bool) -> nn.Module:
    """Return the graph to convert, after a check that it computes what ``network`` computes.

    With ``image_input`` it takes (1, 3, H, W) from 0 to 255, which is what Core ML hands over from a pixel buffer.

    Raises ``ConvertError`` if it does not: the network is not built as this module takes it to be.
    """
    arranged = joined(network, spec) if layout == "joined" or spec.detection is not None else network
    # A graph of someone else's may scale its input before the first convolution.
    for fold in (True, False) if image_input and any(parametric_leaves(arranged)) else (False,):
        graph: nn.Module = ByteInput(arranged, spec.input, fold=fold) if image_input else arranged
        if layout == "standard" and arranged is not network:
            graph = StandardOutputs(graph, [output.shape[-1] for output in spec.outputs])
        graph = graph.eval().requires_grad_(False)
        differing = _differing_output(graph, network, spec, layout=layout, image_input=image_input)
        if differing is None:
            return graph
    raise ConvertError(
        f"the graph to convert differs from the network in {differing!r}",
        context=spec.name,
        hint="Its heads must be convolutions whose outputs are the model's.",
    )


def _differing_output(
    graph: nn.Module, network: nn.Module, spec: ModelSpec, *, layout: Layout, image_input: bool
) -> str | None:
    """Return the name of the first output that the graph computes otherwise than the network, if there is one."""
    shape = (1, 3, spec.input.height, spec.input.width)
    pixels = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0))
    normal = pixels * spec.input.scale + spec.input.minimum
    with torch.inference_mode():
        expected = network(normal)
        found = graph(pixels.float() if image_input else normal)
        if layout == "joined":
            found = torch.split(found[0], [output.shape[-1] for output in spec.outputs], -1)
    for output, want, got in zip(spec.outputs, expected, found, strict=True):
        if not float((want - got).abs().max()) <= _CLOSE * max(float(want.max() - want.min()), 1.0):
            return output.name
    return None
