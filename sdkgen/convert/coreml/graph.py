"""The torch module that Core ML's converter traces: a network with its input and outputs as an app wants them."""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from sdkgen.artifact import Layout
from sdkgen.errors import ConvertError
from sdkgen.network.blazeface import BlazeFace
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
        self.network = copy.deepcopy(network)
        self.merged = layout == "merged"
        self.zero = 0.0
        if image_input:
            self.zero = -spec.input.minimum / spec.input.scale
            _scale_first(self.network, spec.input)
        self.heads = nn.ModuleList()
        if isinstance(self.network, BlazeFace):
            self.numbers = self.network.numbers + 1
            pairs = zip(self.network.box_heads, self.network.score_heads, strict=True)
            self.heads.extend(_join(cast("nn.Conv2d", b), cast("nn.Conv2d", s)) for b, s in pairs)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Map (1, 3, H, W) to the outputs that ``output_names`` lists."""
        if self.zero:
            image = image - self.zero
        if not self.heads:
            return cast("tuple[Tensor, ...]", self.network(image))
        features = cast("BlazeFace", self.network).features(image)
        maps = [head(x).permute(0, 2, 3, 1) for head, x in zip(self.heads, features, strict=True)]
        if self.merged:
            return tuple(maps)
        rows = [x.reshape(1, -1, self.numbers) for x in maps]
        joined = torch.cat(rows, 1) if len(rows) > 1 else rows[0]
        return torch.split(joined, [self.numbers - 1, 1], 2)


def export_graph(network: nn.Module, spec: ModelSpec, *, layout: Layout, image_input: bool) -> ExportGraph:
    """Return the graph to convert, after a check that it computes what ``network`` computes.

    Raises ``ConvertError`` if it does not: the network is not built as this module takes it to be.
    """
    graph = ExportGraph(network, spec, layout=layout, image_input=image_input).eval().requires_grad_(False)
    pixels = torch.randint(
        0, 256, (1, 3, spec.input.height, spec.input.width), generator=torch.Generator().manual_seed(0)
    )
    normal = pixels * spec.input.scale + spec.input.minimum
    with torch.inference_mode():
        expected = network(normal)
        found = graph(pixels.float() if image_input else normal)
    if graph.heads and layout == "merged":
        joined = torch.cat([x.reshape(1, -1, graph.numbers) for x in found], 1)
        found = (joined[..., :-1], joined[..., -1:])
    for output, want, got in zip(spec.outputs, expected, found, strict=True):
        span = float(want.max() - want.min()) or 1.0
        if not float((want - got).abs().max()) <= _CLOSE * max(span, 1.0):
            raise ConvertError(
                f"the graph to convert differs from the network in {output.name!r}",
                context=spec.name,
                hint="The first layer must be the convolution that takes the image, and the heads convolutions.",
            )
    return graph


def output_names(spec: ModelSpec, layout: Layout) -> list[str]:
    """Return the names of the outputs in order: the spec's own, or head_0, head_1, … one a grid."""
    if layout == "merged" and spec.detection is not None:
        return [f"head_{index}" for index in range(len(spec.detection.grids))]
    return [output.name for output in spec.outputs]


def _scale_first(network: nn.Module, spec: InputSpec) -> None:
    """Multiply the weights of the convolution that takes the image by the input's scale."""
    first = cast("nn.Conv2d", next(parametric_leaves(network)))
    first.weight.data = first.weight.data * spec.scale


def _join(box: nn.Conv2d, score: nn.Conv2d) -> nn.Conv2d:
    """Return one convolution for both heads, each anchor's box numbers followed by its score."""
    per_cell, inputs = score.out_channels, box.in_channels
    joined = nn.Conv2d(inputs, box.out_channels + per_cell, 1)
    for name in ("weight", "bias"):
        parts = [
            getattr(head, name).data.reshape(per_cell, -1, *getattr(head, name).shape[1:]) for head in (box, score)
        ]
        getattr(joined, name).data = torch.cat(parts, 1).flatten(0, 1)
    return joined
