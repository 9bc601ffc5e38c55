"""The torch module that Core ML's converter traces: a network with its input and outputs as an app wants them."""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from sdkgen.artifact import Layout
from sdkgen.convert.heads import Detector, MergedHeads
from sdkgen.errors import ConvertError
from sdkgen.network.layers import parametric_leaves
from sdkgen.spec.model import InputSpec, ModelSpec

_CLOSE = 1e-4


class ExportGraph(nn.Module):
    """A network with one convolution a grid for all its heads, the model's output layout, and bytes as input.

    With ``image_input`` the input is 0 to 255 (what Core ML hands over from a pixel buffer). The scale is folded
    into the first convolution, so that only a subtraction is left of the normalisation, and none where the range
    starts at zero. The subtraction cannot be folded: the convolution pads with the normalised zero.
    """

    def __init__(self, network: nn.Module, spec: ModelSpec, *, layout: Layout, image_input: bool) -> None:
        super().__init__()
        self.zero = 0.0
        if image_input:
            network = copy.deepcopy(network)
            _scale_first(network, spec.input)
            self.zero = -spec.input.minimum / spec.input.scale
        # The standard pair is cut from the merged heads, too: that takes fewer operations than a pair of heads a grid.
        self.detects = spec.detection is not None
        self.split = layout == "standard"
        self.numbers = spec.outputs[0].shape[-1]
        self.network = MergedHeads(cast("Detector", network)) if self.detects else network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Map (1, 3, H, W) to the outputs in the order of ``convert.heads.output_names``."""
        if self.zero:
            image = image - self.zero
        outputs: tuple[Tensor, ...] = self.network(image)
        return self.standard(outputs) if self.detects and self.split else outputs

    def standard(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Map merged outputs, (1, rows, columns, per_cell × 17) a grid, to boxes (1, N, 16) and scores (1, N, 1)."""
        rows = [x.reshape(1, -1, self.numbers + 1) for x in maps]
        joined = torch.cat(rows, 1) if len(rows) > 1 else rows[0]
        return torch.split(joined, [self.numbers, 1], 2)


def export_graph(network: nn.Module, spec: ModelSpec, *, layout: Layout, image_input: bool) -> ExportGraph:
    """Return the graph to convert, after a check that it computes what ``network`` computes.

    Raises ``ConvertError`` if it does not: the network is not built as this module takes it to be.
    """
    graph = ExportGraph(network, spec, layout=layout, image_input=image_input).eval().requires_grad_(False)
    shape = (1, 3, spec.input.height, spec.input.width)
    pixels = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0))
    normal = pixels * spec.input.scale + spec.input.minimum
    with torch.inference_mode():
        expected = network(normal)
        found = graph(pixels.float() if image_input else normal)
        if graph.detects and not graph.split:
            found = graph.standard(found)
    for output, want, got in zip(spec.outputs, expected, found, strict=True):
        if not float((want - got).abs().max()) <= _CLOSE * max(float(want.max() - want.min()), 1.0):
            raise ConvertError(
                f"the graph to convert differs from the network in {output.name!r}",
                context=spec.name,
                hint="The first layer must be the convolution that takes the image, and the heads convolutions.",
            )
    return graph


def _scale_first(network: nn.Module, spec: InputSpec) -> None:
    """Multiply the weights of the convolution that takes the image by the input's scale."""
    first = cast("nn.Conv2d", next(parametric_leaves(network)))
    first.weight.data = first.weight.data * spec.scale
