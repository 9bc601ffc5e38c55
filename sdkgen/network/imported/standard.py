"""An imported graph with the inputs and outputs that the model's spec says, whatever the file calls and cuts them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sdkgen.errors import ConvertError
from sdkgen.network.imported import ImportedGraph
from sdkgen.spec.model import ModelSpec
from sdkgen.spec.outputs import arrange

_ROWS_RANK = 3


class StandardGraph(nn.Module):
    """Maps (1, 3, H, W) in the model's input range to the outputs of the standard layout, in the spec's order.

    A detector's boxes are multiplied by its anchors' sizes, so that decoders know one size only.
    """

    def __init__(self, graph: ImportedGraph, spec: ModelSpec) -> None:
        """Raise ``ConvertError`` if the file's input or outputs are not those of the spec."""
        super().__init__()
        expected = (1, spec.input.height, spec.input.width, 3)
        if [shape for _, shape in graph.inputs] != [expected]:
            raise ConvertError(
                f"the model takes {expected}, and the file {[shape for _, shape in graph.inputs]}",
                context=spec.name,
                hint="Correct input.width and input.height of the model's spec, or give the file that fits it.",
                reference="other-input",
            )
        self.network = graph.module
        self.parts = arrange(graph.outputs, spec)
        self.sizes: Tensor | None
        sizes = spec.anchor_sizes
        self.register_buffer("sizes", None if sizes is None else torch.from_numpy(sizes.copy())[None])
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs; a detector's are boxes (1, N, 4 + 2 × keypoints) and score logits (1, N, 1)."""
        outputs = self.network(x)
        made: list[Tensor] = []
        for number, part in enumerate(self.parts):
            rows = [outputs[index].reshape(1, -1, part.width) for index in part.indices]
            whole = torch.cat(rows, 1) if len(rows) > 1 else rows[0]
            if (part.first, part.last) != (0, part.width):
                whole = whole[..., part.first : part.last]
            if number == 0 and self.sizes is not None:
                whole = whole * self.sizes
            # A detector's rows have their shape already; tracing could not ask the tensor for it.
            made.append(whole if len(part.shape) == _ROWS_RANK else whole.reshape(part.shape))
        return tuple(made)
